"""What someone owes or wants to pay, and its identity."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from splynx_stripe.domain.money import Money
from splynx_stripe.domain.splynx import DocumentKind

PARTS_AT_LEAST = 2
PARTS_AT_MOST = 20
"""Documents that can be paid at once: more would not fit into Stripe's metadata and our tickets."""


class PayableKind(StrEnum):
    """The kinds of payables."""

    INVOICE = "invoice"
    PROFORMA = "proforma"
    TOP_UP = "top_up"
    SEVERAL = "several"
    BALANCE = "balance"
    PREPAID = "prepaid"

    @property
    def is_of_account(self) -> bool:
        """Says whether the customer's account as a whole is collected, not what was chosen by itself.

        It is the same money as that of the customer's documents, by another route (I1).
        """
        return self in {PayableKind.BALANCE, PayableKind.PREPAID}

    @property
    def document_kind(self) -> DocumentKind | None:
        """Gives Splynx's kind of document; None where no single document is paid."""
        return _DOCUMENT_KINDS.get(self)


_DOCUMENT_KINDS = {
    PayableKind.INVOICE: DocumentKind.INVOICE,
    PayableKind.PROFORMA: DocumentKind.PROFORMA,
}


@dataclass(frozen=True, slots=True)
class Payable:
    """One debt, with whom it concerns and in which currency it is charged.

    Two payables with the same `key` are the same debt (invariant I1). `document_id` is Splynx's
    id of the document, which is unique; partners may number alike, and a customer may move to a
    partner with another currency while somebody is paying, so neither may be part of the key.

    `set_amount` is what is to be paid where no document says it (a top-up, what a charge run has
    planned for a balance or a prepaid period), and a document's share where several are paid at
    once; None means what the document shows as due. `parts` are the documents that are paid at once.
    `token` identifies what is no single document: a top-up by chance, several documents by what
    they are, a balance and a prepaid period by their customer.
    """

    partner_id: int
    customer_id: int
    kind: PayableKind
    document_id: int
    document_number: str
    currency: str
    set_amount: Money | None = None
    token: str = ""
    parts: tuple[Payable, ...] = ()

    @property
    def key(self) -> str:
        """Gives the identity as one word, such as `invoice/1042`."""
        return f"{self.kind}/{self.token or self.document_id}"

    @property
    def name(self) -> str:
        """Gives what people call it, such as `Invoice 202611000042` or `Top-up`."""
        match self.kind:
            case PayableKind.TOP_UP:
                return "Top-up"
            case PayableKind.SEVERAL:
                return f"Documents {self.document_number}"
            case PayableKind.BALANCE:
                return "Outstanding balance"
            case PayableKind.PREPAID:
                return "Prepaid period"
            case _:
                return f"{self.kind.capitalize()} {self.document_number}"


def top_up(partner_id: int, customer_id: int, amount: Money, *, token: str) -> Payable:
    """Makes the payable of a top-up. The same `token` is the same top-up, however often it is sent."""
    return Payable(
        partner_id=partner_id,
        customer_id=customer_id,
        kind=PayableKind.TOP_UP,
        document_id=0,
        document_number="",
        currency=amount.currency,
        set_amount=amount,
        token=f"{customer_id}-{token}",
    )


def balance(partner_id: int, customer_id: int, amount: Money) -> Payable:
    """Makes the payable of what a customer owes in all; `amount` is what was planned to be charged.

    What is owed when it is charged may be less by then, and only that is taken.
    """
    return _of_account(PayableKind.BALANCE, partner_id, customer_id, amount)


def prepaid(partner_id: int, customer_id: int, amount: Money) -> Payable:
    """Makes the payable of a prepaid customer's next period; `amount` is what was planned."""
    return _of_account(PayableKind.PREPAID, partner_id, customer_id, amount)


def _of_account(kind: PayableKind, partner_id: int, customer_id: int, amount: Money) -> Payable:
    return Payable(
        partner_id=partner_id,
        customer_id=customer_id,
        kind=kind,
        document_id=0,
        document_number="",
        currency=amount.currency,
        set_amount=amount,
        token=str(customer_id),
    )


def several(parts: tuple[Payable, ...]) -> Payable:
    """Makes one payable of several documents of one customer, each with its `set_amount`.

    The same documents with the same amounts are the same debt, in whatever order.

    Raises:
        ValueError: fewer than two or too many, one of them twice, without an amount, or not all of
            one partner, customer and currency.
    """
    ordered = tuple(sorted(parts, key=lambda part: (part.kind, part.document_id)))
    amounts = [part.set_amount for part in ordered if part.set_amount is not None]
    owners = {(part.partner_id, part.customer_id, part.currency) for part in ordered}
    is_each_once = len({part.key for part in ordered}) == len(ordered)
    if not is_each_once or not PARTS_AT_LEAST <= len(ordered) <= PARTS_AT_MOST:
        raise ValueError(f"{len(parts)} documents cannot be paid at once.")
    if len(amounts) != len(ordered) or len(owners) != 1:
        raise ValueError("Documents of different owners, or without amounts, are no one payment.")
    first = ordered[0]
    total = Money(sum(amount.minor_units for amount in amounts), first.currency)
    return Payable(
        partner_id=first.partner_id,
        customer_id=first.customer_id,
        kind=PayableKind.SEVERAL,
        document_id=0,
        document_number=", ".join(part.document_number for part in ordered),
        currency=first.currency,
        set_amount=total,
        token=".".join(
            f"{part.kind}-{part.document_id}-{amount.minor_units}"
            for part, amount in zip(ordered, amounts, strict=True)
        ),
        parts=ordered,
    )
