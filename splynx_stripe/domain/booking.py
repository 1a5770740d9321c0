"""How to book money that Stripe has taken, given what Splynx shows of the document now."""

from __future__ import annotations

from dataclasses import dataclass

from splynx_stripe.domain.case import CaseKind
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import Payable
from splynx_stripe.domain.splynx import Document, DocumentStatus


@dataclass(frozen=True, slots=True)
class BookingPlan:
    """Whether the payment is paired with the document, and the case to open, if any."""

    pairs_document: bool
    case: CaseKind | None
    summary: str


def plan_booking(payable: Payable, amount: Money, document: Document | None) -> BookingPlan:
    """Decides where the money goes. It is never lost and never sent back by itself.

    `document` is what Splynx shows now, None when it does not exist any more. Where the document
    cannot take the money, it goes to the customer's balance and a case says so (design, "Book").
    """
    if payable.kind.document_kind is None:
        return BookingPlan(pairs_document=False, case=None, summary="")
    name = payable.name
    to_balance = f"{amount} went to the balance of customer {payable.customer_id}"
    if (
        document is None
        or document.status is DocumentStatus.DELETED
        or document.customer_id != payable.customer_id
    ):
        return BookingPlan(
            pairs_document=False,
            case=CaseKind.DOCUMENT_GONE,
            summary=f"{name} was removed while it was being paid. {to_balance}. Refund it, or leave it as credit.",
        )
    if not document.is_open:
        return BookingPlan(
            pairs_document=False,
            case=CaseKind.PAID_MEANWHILE,
            summary=f"{name} was paid by another way while it was being paid through Stripe. {to_balance}."
            " Refund one of the two, or leave it as credit.",
        )
    if document.due < amount.to_decimal():
        return BookingPlan(
            pairs_document=True,
            case=CaseKind.PAID_MORE_THAN_DUE,
            summary=f"{name} had only {document.due} due when {amount} arrived. The rest went to the balance"
            f" of customer {payable.customer_id}. Refund the rest, or leave it as credit.",
        )
    return BookingPlan(pairs_document=True, case=None, summary="")


def booking_marker(intent_id: str, part: int) -> str:
    """Gives the receipt number that makes a booking findable in Splynx, of at most 32 characters.

    It is the PaymentIntent's id; where several documents were paid at once, each has its own.
    """
    return f"{intent_id}-{part}" if part else intent_id


def must_be_marked_paid(amount: Money, document: Document, *, is_paired: bool = True) -> bool:
    """Says whether a booked document still has to be set paid by an explicit change.

    Some Splynx servers do that by themselves when the payment is added, some do not
    (`reference/splynx-api.md` 7, #5 and #6). Only a document that is still open and that our
    money covers whole is touched: either nothing is due any more, or all of it was ours.

    A payment that somebody else entered without pairing it (`is_paired=False`) has not lowered what
    is due; left open, the customer would be asked for the same money again (I1). Where less is due
    than it, Splynx has put a part of it on this or an older document, and what is left is owed.
    """
    if document.status not in {DocumentStatus.NOT_PAID, DocumentStatus.PENDING}:
        return False
    ours = amount.to_decimal()
    return document.due <= 0 or ours == (document.total if is_paired else document.due)
