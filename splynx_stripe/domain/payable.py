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
    """One debt, with whom it concerns and in which currency it is charged.

    Two payables with the same `key` are the same debt (invariant I1). `document_id` is Splynx's
    id of the document, which is unique; partners may number alike, and a customer may move to a
    partner with another currency while somebody is paying, so neither may be part of the key.
    """

    partner_id: int
    customer_id: int
    kind: PayableKind
    document_id: int
    document_number: str
    currency: str

    @property
    def key(self) -> str:
        """Gives the identity as one word, such as `invoice/1042`."""
        return f"{self.kind}/{self.document_id}"
