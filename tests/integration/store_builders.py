"""Builders of the values that the store keeps; a test names only what matters to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from splynx_stripe.domain.attempt import Attempt, AttemptState
from splynx_stripe.domain.case import Case, CaseKind
from splynx_stripe.domain.collection import Collection, CollectionState, Route
from splynx_stripe.domain.inbox import InboxSource, NewInboxEvent
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import Payable, PayableKind
from splynx_stripe.domain.stripe import StripeAccount

NOW = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ACCOUNT = StripeAccount("default", livemode=False)


def payable(number: str = "202611000042") -> Payable:
    return Payable(
        partner_id=1,
        customer_id=17,
        kind=PayableKind.INVOICE,
        document_id=int(number[-6:]) if number.isdecimal() else 42,
        document_number=number,
        currency="EUR",
    )


def collection(
    collection_id: str = "col_1",
    *,
    of: Payable | None = None,
    state: CollectionState = CollectionState.OPEN,
    opened_at: datetime = NOW,
) -> Collection:
    return Collection(
        id=collection_id,
        payable=of or payable(),
        route=Route.PORTAL,
        state=state,
        opened_at=opened_at,
    )


def attempt(
    attempt_id: str = "att_1",
    *,
    collection_id: str = "col_1",
    state: AttemptState = AttemptState.PREPARED,
    intent_id: str = "",
    next_look_at: datetime | None = None,
) -> Attempt:
    return Attempt(
        id=attempt_id,
        collection_id=collection_id,
        account=ACCOUNT,
        stripe_customer_id="cus_1",
        amount=Money(17250, "EUR"),
        description="Invoice 202611000042",
        metadata={"splynx_stripe_attempt": attempt_id},
        prepared_at=NOW,
        next_look_at=next_look_at,
        state=state,
        intent_id=intent_id,
    )


def event(event_id: str = "evt_1", *, received_at: datetime = NOW) -> NewInboxEvent:
    return NewInboxEvent(
        account=ACCOUNT,
        event_id=event_id,
        type="payment_intent.succeeded",
        created=NOW - MINUTE,
        received_at=received_at,
        source=InboxSource.WEBHOOK,
        body=b'{"id": "x"}\x00\xff',
    )


def case(subject: str = "att_1", *, opened_at: datetime = NOW) -> Case:
    return Case(
        kind=CaseKind.PAID_MEANWHILE,
        subject=subject,
        summary="Paid twice.",
        opened_at=opened_at,
        collection_id="col_1",
    )
