"""Looks for charges of the same debt that somebody else has under way at Stripe (fault 61).

The closed add-on may still be installed, or Stripe itself may retry an invoice of Stripe Billing: two
programs that charge one debt know nothing of each other. So where that is likely (a retry, or a
credential that was taken over), the customer's PaymentIntents are listed before the charge.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from splynx_stripe.domain.case import Case, CaseKind
from splynx_stripe.domain.collection import Collection, Route
from splynx_stripe.domain.consent import ConsentWay
from splynx_stripe.domain.credential import Credential
from splynx_stripe.domain.metadata import INSTALLATION
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.stripe import PaymentIntent, PaymentIntentStatus
from splynx_stripe.flows.ports import Unit
from splynx_stripe.flows.rooms import Rooms

_BACK = timedelta(days=30)
"""How far back it is looked: about the longest time for which anybody retries."""
_AHEAD = timedelta(days=1)
"""Stripe's clock may be ahead of ours."""
_MAY_TAKE_MONEY = frozenset(
    {
        PaymentIntentStatus.PROCESSING,
        PaymentIntentStatus.REQUIRES_CAPTURE,
        PaymentIntentStatus.REQUIRES_ACTION,
        PaymentIntentStatus.REQUIRES_CONFIRMATION,
    }
)


class ForeignCharges:
    """Finds PaymentIntents that are not ours, of the same customer and amount, and still open."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def in_the_way(
        self, collection: Collection, credential: Credential, amount: Money
    ) -> str:
        """Says in a sentence what is in the way, and opens a case about it; "" when nothing is.

        Raises:
            RetryableError, OutcomeUnknownError, RejectedError: Stripe could not be asked.
        """
        retried = collection.route is Route.RETRY
        if not retried and credential.consent.way is not ConsentWay.IMPORTED:
            return ""
        now = self._rooms.clock.now()
        found = await self._rooms.stripe.find_payment_intents(
            credential.owner.account,
            customer=credential.owner.stripe_customer_id,
            created_from=now - _BACK,
            created_to=now + _AHEAD,
        )
        ours, was_told = await self._rooms.store.read(partial(_known, collection=collection))
        foreign = [
            seen.intent
            for seen in found
            if seen.intent.metadata.get(INSTALLATION) != ours
            and seen.intent.amount == amount
            and _is_open(seen.intent)
        ]
        told = _told(collection, foreign[0]) if foreign else ""
        if told or was_told:
            work = partial(_note, collection=collection, told=told, case_at=now)
            await self._rooms.store.run(work)
        return told


def _is_open(intent: PaymentIntent) -> bool:
    """Says whether it may still take money; a page that was left without a try will not."""
    if intent.status is PaymentIntentStatus.REQUIRES_PAYMENT_METHOD:
        return intent.failure is not None  # whoever was declined may try it again
    return intent.status in _MAY_TAKE_MONEY


def _told(collection: Collection, intent: PaymentIntent) -> str:
    return (
        f"Another program is charging customer {collection.payable.customer_id} for {intent.amount} with"
        f" {intent.id}, probably for {collection.payable.name}, so it was not charged here. Switch the"
        " other program off (the closed add-on, Stripe Billing), or cancel that payment in the Stripe"
        " dashboard. It is looked for again before the next charge."
    )


def _known(unit: Unit, *, collection: Collection) -> tuple[str, bool]:
    """Gives the id of this installation, and whether a case about the debt is open."""
    is_told = unit.is_case_open(CaseKind.FOREIGN_CHARGE, collection.payable.key)
    return unit.installation().id, is_told


def _note(unit: Unit, *, collection: Collection, told: str, case_at: datetime) -> None:
    kind, subject = CaseKind.FOREIGN_CHARGE, collection.payable.key
    if told:
        unit.open_case(Case(kind, subject, told, case_at, collection_id=collection.id))
    else:
        note = "No other program is charging it any more."
        unit.close_case(kind, subject, now=case_at, note=note)
