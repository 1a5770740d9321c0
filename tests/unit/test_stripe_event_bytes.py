"""Events read straight from their bytes: the quick way and the careful way say the same."""

from __future__ import annotations

import json

import pytest

from splynx_stripe.gateways.stripe import wire
from splynx_stripe.gateways.stripe.wire import ShapeError

SECRET = b"pi_3Abc_secret_xyz"


def body_of(event_type: str = "payment_intent.succeeded", **intent: object) -> bytes:
    about = {
        "object": "payment_intent",
        "id": "pi_3Abc",
        "status": "succeeded",
        "amount": 17250,
        "amount_received": 17250,
        "currency": "eur",
        "created": 1_795_000_000,
        "livemode": False,
        "metadata": {"splynx_stripe_attempt": "att_1"},
        "client_secret": SECRET.decode(),
        "something_new": {"of": "tomorrow"},
        **intent,
    }
    event = {
        "object": "event",
        "id": "evt_1",
        "type": event_type,
        "created": 1_795_000_001,
        "livemode": False,
        "data": {"object": about},
    }
    return json.dumps(event, indent=2).encode()


FAILURE = {
    "code": "card_declined",
    "decline_code": "generic_decline",
    "message": "No.",
    "payment_method": {"type": "us_bank_account", "us_bank_account": {"last4": "6789"}},
}
BODIES = {
    "succeeded": body_of(),
    "waiting": body_of("payment_intent.created", status="requires_payment_method"),
    "declined": body_of("payment_intent.payment_failed", last_payment_error=FAILURE),
    "expanded": body_of(customer={"id": "cus_1"}, latest_charge={"id": "ch_1"}),
    "half a character": body_of(description="\ud83d"),
    "about something else": body_of("customer.updated", object="customer"),
    "named like a payment": body_of("charge.succeeded", description='"payment_intent.'),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_both_ways_read_the_same_event(body: bytes) -> None:
    parsed = wire.read_json(body)

    assert wire.event_of(body) == wire.event(parsed, body)
    assert wire.event_envelope_of(body) == wire.event_envelope(parsed, body)


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_neither_keeps_the_client_secret_nor_anything_of_a_bank_account(body: bytes) -> None:
    kept = wire.event_of(body).body + wire.event_envelope_of(body).body

    assert SECRET not in kept
    assert b"6789" not in kept


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"type": "payment_intent.succeeded"',
        body_of().replace(b'"evt_1"', b"5"),
        body_of().replace(b"1795000001", b"-1"),
        body_of().replace(b'"object": "event"', b'"object": "thing"'),
    ],
)
def test_what_is_no_event_is_refused_by_both_ways(body: bytes) -> None:
    with pytest.raises(ShapeError):
        wire.event_of(body)
    with pytest.raises(ShapeError):
        wire.event_envelope_of(body)


def test_a_wrong_amount_is_found_when_the_event_is_handled_and_not_when_it_is_stored() -> None:
    body = body_of(amount="17250")

    assert wire.event_envelope_of(body).id == "evt_1"
    with pytest.raises(ShapeError, match="amount"):
        wire.event_of(body)
