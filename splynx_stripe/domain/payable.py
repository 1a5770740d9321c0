"""What someone owes or wants to pay, and its identity."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from splynx_stripe.domain.splynx import DocumentKind


class PayableKind(StrEnum):
    """The kinds of payables."""

    INVOICE = "invoice"
    PROFORMA = "proforma"

    @property
    def document_kind(self) -> DocumentKind:
        """Gives Splynx's kind of document."""
        return DocumentKind(self.value)


@dataclass(frozen=True, slots=True)
class Payable:
    """One debt. Two payables with the same `key` are the same debt (invariant I1).

    `document_id` is Splynx's id of the document; the number is what people see and what makes
    the identity, because a number is never given twice.
    """

    partner_id: int
    customer_id: int
    kind: PayableKind
    document_id: int
    document_number: str
    currency: str

    @property
    def key(self) -> str:
        """Gives the identity as one word, such as `1/17/invoice/202611000042/EUR`."""
        return f"{self.partner_id}/{self.customer_id}/{self.kind}/{self.document_number}/{self.currency}"
