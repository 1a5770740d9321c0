"""Who may speak as Stripe: signatures, clocks, secrets, and bodies that make no sense."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings, strategies as st
from stripe import WebhookSignature

from splynx_stripe.domain.errors import RejectedError
from splynx_stripe.domain.stripe import PaymentIntentStatus
from splynx_stripe.gateways.stripe.webhook import BadSignatureError, parse_event, verify_webhook
from splynx_stripe.gateways.stripe.wire import API_VERSION
from splynx_stripe.kit.secret import Secret

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SECRET = Secret("whsec_first_of_the_tests")
NEXT_SECRET = Secret("whsec_second_of_the_tests")


def event_json(**changed: object) -> dict[str, object]:
    intent = {
        "object": "payment_intent",
        "id": "pi_3Abc",
        "status": "succeeded",
        "amount": 17250,
        "amount_received": 17250,
        "currency": "eur",
        "created": int(NOW.timestamp()),
        "livemode": False,
        "metadata": {"splynx_stripe_attempt": "att_1"},
        "customer": "cus_1",
        "latest_charge": "ch_1",
        "client_secret": "pi_3Abc_secret_xyz",
        "last_payment_error": None,
    }
    return {
        "object": "event",
        "id": "evt_1",
        "type": "payment_intent.succeeded",
        "api_version": API_VERSION,
        "created": int(NOW.timestamp()),
        "livemode": False,
        "data": {"object": intent},
        **changed,
    }


BODY = json.dumps(event_json()).encode()


def signed(body: bytes = BODY, secret: Secret = SECRET, at: datetime = NOW) -> str:
    """Signs with the SDK's own generator, which Stripe wrote."""
    header: str = WebhookSignature.generate_signature_header(
        body.decode(), secret.reveal(), int(at.timestamp())
    )
    return header


def reason_for(header: str, *secrets: Secret, body: bytes = BODY, now: datetime = NOW) -> str:
    with pytest.raises(BadSignatureError) as refused:
        verify_webhook(body, header, secrets or (SECRET,), now)
    return refused.value.reason


def test_what_stripe_signs_is_accepted() -> None:
    verify_webhook(BODY, signed(), [SECRET], NOW)


@pytest.mark.parametrize("size", [0, 1, 2035, 2036, 2037, 4082, 4083, 4084, 512 * 1024])
def test_a_body_of_any_length_has_the_signature_that_stripe_gives_it(size: int) -> None:
    body = b"x" * size

    assert verify_webhook(body, signed(body), [SECRET], NOW) == SECRET
    assert reason_for(signed(body + b"y"), body=body) == "no_match"


def test_old_and_new_secret_are_both_accepted_while_one_is_rolled() -> None:
    for signing in (SECRET, NEXT_SECRET):
        verify_webhook(BODY, signed(secret=signing), [NEXT_SECRET, SECRET], NOW)


def test_one_right_signature_among_several_is_enough() -> None:
    right = signed().partition("v1=")[2]
    header = f"t={int(NOW.timestamp())},v1={'0' * 64},v0=old,v1={right},v1=ünfug"

    verify_webhook(BODY, header, [SECRET], NOW)


@pytest.mark.parametrize("offset_s", [-300, -299, 0, 299, 300])
def test_clocks_may_differ_by_five_minutes_both_ways(offset_s: int) -> None:
    verify_webhook(BODY, signed(at=NOW + timedelta(seconds=offset_s)), [SECRET], NOW)


def test_an_old_signature_is_a_replay() -> None:
    assert reason_for(signed(at=NOW - timedelta(seconds=301))) == "too_old"


def test_a_signature_of_the_future_is_refused() -> None:
    assert reason_for(signed(at=NOW + timedelta(seconds=301))) == "in_the_future"


def test_a_body_changed_in_one_byte_or_serialised_anew_is_refused() -> None:
    assert reason_for(signed(), body=BODY + b" ") == "no_match"
    assert reason_for(signed(), body=json.dumps(event_json(), indent=1).encode()) == "no_match"


def test_another_accounts_secret_does_not_open_the_door() -> None:
    assert reason_for(signed(secret=NEXT_SECRET)) == "no_match"


def test_a_forger_is_told_no_match_whatever_time_he_writes() -> None:
    assert reason_for(f"t=1,v1={'0' * 64}") == "no_match"


def test_without_a_configured_secret_nothing_is_accepted() -> None:
    with pytest.raises(BadSignatureError) as refused:
        verify_webhook(BODY, signed(), [], NOW)

    assert refused.value.reason == "no_secret"
    assert reason_for(signed(secret=Secret("x")), Secret("")) == "no_secret"


def test_a_missing_header_is_said_to_be_missing() -> None:
    assert reason_for("") == "missing_header"


@pytest.mark.parametrize(
    "header",
    [
        "nonsense",
        "t=,v1=00",
        "t=12",
        "v1=00",
        "t=1,t=2,v1=00",
        "t=-5,v1=00",
        "t=1e3,v1=00",
        "t=١٢,v1=00",
        "t=1.5,v1=00",
        f"t={'9' * 13},v1=00",
        "t=1," + "v1=00," * 2000,
        "t=1;v1=00",
    ],
)
def test_a_header_in_another_form_is_malformed(header: str) -> None:
    assert reason_for(header) == "malformed"


@settings(deadline=None)  # a busy machine is not a failure
@given(st.text(max_size=300), st.binary(max_size=50))
def test_no_header_whatever_breaks_the_check(header: str, body: bytes) -> None:
    with pytest.raises(BadSignatureError):
        verify_webhook(body, header, [SECRET], NOW)


def test_an_error_says_what_to_look_at_and_not_the_secret() -> None:
    with pytest.raises(BadSignatureError, match="clock of this host") as refused:
        verify_webhook(BODY, signed(at=NOW - timedelta(days=1)), [SECRET], NOW)

    assert SECRET.reveal() not in str(refused.value)


def test_an_event_is_read_with_its_payment_intent_and_keeps_its_body() -> None:
    event = parse_event(BODY)

    assert (event.id, event.type, event.api_version) == (
        "evt_1",
        "payment_intent.succeeded",
        API_VERSION,
    )
    assert event.created == NOW
    assert event.body == BODY.replace(b"pi_3Abc_secret_xyz", b""), "kept, but for the secret"
    assert event.payment_intent is not None
    assert event.payment_intent.status is PaymentIntentStatus.SUCCEEDED


def test_an_event_about_something_else_is_read_without_a_payment_intent() -> None:
    body = json.dumps(event_json(type="charge.updated", data={"object": {"id": "ch_1"}})).encode()

    event = parse_event(body)

    assert event.payment_intent is None


def test_an_event_names_the_connected_account_it_is_of() -> None:
    assert parse_event(json.dumps(event_json(account="acct_9")).encode()).account == "acct_9"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"object":"v2.core.event","id":"evt_1"}',
        json.dumps(event_json(created=-1)).encode(),
        json.dumps(event_json(created=10**20)).encode(),
        json.dumps(event_json(id="evt\0")).encode(),
        json.dumps(event_json(id="evt_\ud800")).encode(),
        json.dumps(event_json(data={"object": {"object": "payment_intent"}})).encode(),
        json.dumps(event_json(livemode="false")).encode(),
    ],
)
def test_a_body_that_is_no_event_of_ours_is_rejected_in_words(body: bytes) -> None:
    with pytest.raises(RejectedError, match="not understood"):
        parse_event(body)


@settings(deadline=None)  # a busy machine is not a failure
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=10,
    )
)
def test_reading_is_total(nonsense: object) -> None:
    for body in (nonsense, event_json(data=nonsense), event_json(data={"object": nonsense})):
        with pytest.raises(RejectedError):
            parse_event(json.dumps(body).encode())
