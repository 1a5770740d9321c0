"""Freezes what will be asked of Stripe, before Stripe hears of it (I5)."""

from __future__ import annotations

from splynx_stripe.domain.attempt import Attempt
from splynx_stripe.domain.collection import Collection
from splynx_stripe.domain.errors import BrokenInvariantError
from splynx_stripe.domain.message_template import MessageFacts, render_message
from splynx_stripe.domain.metadata import attempt_metadata
from splynx_stripe.domain.payable import PayableKind
from splynx_stripe.flows.look import Look
from splynx_stripe.flows.ports import Unit

_TYPE_IN_MESSAGE = {
    PayableKind.INVOICE: "invoice",
    PayableKind.PROFORMA: "proforma",
    PayableKind.TOP_UP: "top-up",
    PayableKind.SEVERAL: "documents",
    PayableKind.BALANCE: "balance",
    PayableKind.PREPAID: "prepaid period",
}


def new_attempt(
    unit: Unit,
    collection: Collection,
    look: Look,
    attempt_id: str,
    stripe_customer: str,
    *,
    splynx_url: str = "",
) -> Attempt:
    """Freezes what will be asked of Stripe. With `splynx_url` it carries a link back to Splynx."""
    if look.terms is None or look.amount is None or look.customer is None:
        raise BrokenInvariantError("An attempt needs a debt that can be paid.")
    payable = collection.payable
    message = MessageFacts(
        customer_email=look.customer.email,
        type=_TYPE_IN_MESSAGE[payable.kind],
        id=payable.document_number,
        date=look.document.date_created if look.document else collection.opened_at.date(),
    )
    return Attempt(
        id=attempt_id,
        collection_id=collection.id,
        account=look.terms.account,
        stripe_customer_id=stripe_customer,
        amount=look.amount,
        description=render_message(look.terms.message_template, message),
        metadata=attempt_metadata(
            unit.installation().id,
            payable,
            collection_id=collection.id,
            attempt_id=attempt_id,
            splynx_url=splynx_url,
            origin=collection.origin,
        ),
        prepared_at=collection.opened_at,
        next_look_at=None,
        kinds=look.terms.payment_kinds,
    )
