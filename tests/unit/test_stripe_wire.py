"""Stripe's JSON as our values, our orders as Stripe's parameters."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings, strategies as st

from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.stripe import (
    PaymentFailure,
    PaymentIntentOrder,
    PaymentIntentStatus,
    StripeCustomerOrder,
)
from splynx_stripe.gateways.stripe import wire
from splynx_stripe.gateways.stripe.payment_intent_order import payment_intent_params
from splynx_stripe.gateways.stripe.wire import ShapeError


def intent_json(**changed: object) -> dict[str, object]:
    return {
        "object": "payment_intent",
        "id": "pi_3Abc",
        "status": "requires_payment_method",
        "amount": 17250,
        "amount_received": 0,
        "currency": "eur",
        "created": 1_795_000_000,
        "livemode": False,
        "metadata": {"splynx_stripe_attempt": "att_1"},
        "client_secret": "pi_3Abc_secret_xyz",
        "something_new": {"of": "tomorrow"},
        **changed,
    }


def order(**changed: object) -> PaymentIntentOrder:
    fields: dict[str, object] = {
        "amount": Money(17250, "EUR"),
        "description": "",
        "customer": "",
        "metadata": {"splynx_stripe_attempt": "att_1"},
        **changed,
    }
    return PaymentIntentOrder(**fields)  # type: ignore[arg-type]  # a builder for tests


def test_a_payment_intent_is_read_whole() -> None:
    intent = wire.payment_intent(
        intent_json(
            status="succeeded", amount_received=17250, customer="cus_1", latest_charge="ch_1"
        )
    )

    assert intent.id == "pi_3Abc"
    assert intent.status is PaymentIntentStatus.SUCCEEDED
    assert intent.amount == intent.received == Money(17250, "EUR")
    assert intent.created == datetime.fromtimestamp(1_795_000_000, tz=UTC)
    assert intent.metadata == {"splynx_stripe_attempt": "att_1"}
    assert (intent.customer, intent.latest_charge) == ("cus_1", "ch_1")
    assert intent.failure is None


@pytest.mark.parametrize("status", list(PaymentIntentStatus))
def test_every_status_of_stripe_is_known(status: PaymentIntentStatus) -> None:
    assert wire.payment_intent(intent_json(status=status.value)).status is status


def test_expanded_references_give_the_same_ids_as_plain_ones() -> None:
    intent = wire.payment_intent(
        intent_json(customer={"id": "cus_1", "object": "customer"}, latest_charge={"id": "ch_1"})
    )

    assert (intent.customer, intent.latest_charge) == ("cus_1", "ch_1")


def test_null_means_that_there_is_none() -> None:
    intent = wire.payment_intent(
        intent_json(customer=None, latest_charge=None, metadata=None, client_secret=None)
    )

    assert (intent.customer, intent.latest_charge, intent.client_secret) == ("", "", "")
    assert intent.metadata == {}


def test_the_last_failure_is_kept_in_stripes_words() -> None:
    failure = {
        "code": "card_declined",
        "decline_code": "insufficient_funds",
        "message": "Your card has insufficient funds.",
        "payment_method": {"id": "pm_1"},
    }

    intent = wire.payment_intent(intent_json(last_payment_error=failure))

    assert intent.failure == PaymentFailure(
        "card_declined", "insufficient_funds", "Your card has insufficient funds."
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("object", "charge"),
        ("id", ""),
        ("id", None),
        ("id", "pi_\0"),
        ("status", "requires_patience"),
        ("status", ["succeeded"]),
        ("amount", "17250"),
        ("amount", 172.5),
        ("amount", True),
        ("amount", -1),
        ("amount", 10**30),
        ("amount_received", None),
        ("currency", "EUR"),
        ("currency", "eu"),
        ("currency", "eur\n"),
        ("created", 1e9),
        ("created", 10**12),
        ("livemode", "false"),
        ("livemode", None),
        ("metadata", ["a"]),
        ("metadata", {"a": 1}),
        ("metadata", {"a": "\ud800"}),
        ("customer", 7),
        ("customer", {"object": "customer"}),
        ("last_payment_error", "declined"),
    ],
)
def test_an_unknown_shape_is_named_by_field_and_never_guessed(field: str, value: object) -> None:
    with pytest.raises(ShapeError, match=field):
        wire.payment_intent(intent_json(**{field: value}))


@pytest.mark.parametrize("field", ["status", "amount", "amount_received", "currency", "livemode"])
def test_a_missing_field_is_not_invented(field: str) -> None:
    raw = intent_json()
    del raw[field]

    with pytest.raises(ShapeError, match=f"{field}: missing"):
        wire.payment_intent(raw)


def test_an_error_of_shape_shows_no_value_not_even_in_its_causes() -> None:
    with pytest.raises(ShapeError) as wrong:
        wire.payment_intent(intent_json(amount="pi_3Abc_secret_xyz"))

    assert "secret" not in str(wrong.value)
    assert wrong.value.__cause__ is None
    assert wrong.value.__context__ is None


def test_the_client_secret_is_not_printed() -> None:
    assert "secret_xyz" not in repr(wire.payment_intent(intent_json()))


@settings(deadline=None)  # a busy machine is not a failure
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=10,
    )
)
def test_every_reader_is_total(nonsense: object) -> None:
    readers = (
        wire.payment_intent,
        wire.page,
        wire.customer_id,
        wire.account,
        wire.webhook_endpoint,
    )
    for read in readers:
        with pytest.raises(ShapeError):
            read(nonsense)


def test_a_page_says_where_the_next_one_begins() -> None:
    first = wire.page({"object": "list", "has_more": True, "data": [{"id": "a"}, {"id": "b"}]})
    last = wire.page({"object": "list", "has_more": False, "data": []})

    assert (first.next_after, last.next_after) == ("b", "")
    assert [item["id"] for item in first.items] == ["a", "b"]


@pytest.mark.parametrize("data", [[], [{}], [{"id": ""}]])
def test_a_page_that_promises_more_must_say_from_where(data: list[dict[str, str]]) -> None:
    with pytest.raises(ShapeError):
        wire.page({"object": "list", "has_more": True, "data": data})


def test_an_order_asks_for_cards_without_the_parameter_stripe_no_longer_takes() -> None:
    params = payment_intent_params(order())

    assert params == {
        "amount": 17250,
        "currency": "eur",
        "allowed_payment_method_types": ["card"],
        "metadata": {"splynx_stripe_attempt": "att_1"},
    }


def test_optional_parts_of_an_order_are_sent_when_they_are_set() -> None:
    params = payment_intent_params(
        order(customer="cus_1", description="Invoice 7", receipt_email="a@example.net")
    )

    assert params.get("customer") == "cus_1"
    assert params.get("description") == "Invoice 7"
    assert params.get("receipt_email") == "a@example.net"


def test_a_charge_without_the_customer_is_confirmed_at_once_and_waits_for_nobody() -> None:
    params = payment_intent_params(
        order(
            customer="cus_1", kinds=(PaymentKind.CARD,), off_session=True, charged_method_id="pm_1"
        )
    )

    assert params == {
        "amount": 17250,
        "currency": "eur",
        "allowed_payment_method_types": ["card"],
        "metadata": {"splynx_stripe_attempt": "att_1"},
        "customer": "cus_1",
        "payment_method": "pm_1",
        "confirm": True,
        "off_session": True,
        "error_on_requires_action": True,
    }


def test_a_debit_without_the_customer_names_the_mandate_it_rests_on() -> None:
    params = payment_intent_params(
        order(
            kinds=(PaymentKind.PAD,),
            off_session=True,
            charged_method_id="pm_1",
            mandate_id="mandate_1",
        )
    )

    assert params.get("mandate") == "mandate_1"
    assert "payment_method_options" not in params


def test_minor_units_go_to_stripe_as_they_are() -> None:
    assert payment_intent_params(order(amount=Money(500, "JPY")))["amount"] == 500


def test_empty_fields_of_a_customer_are_left_out() -> None:
    full = StripeCustomerOrder("Eva Malá", "eva@example.net", "+420 1", {"splynx_customer_id": "7"})
    bare = StripeCustomerOrder("", "", "", {})

    assert wire.customer_params(full) == {
        "name": "Eva Malá",
        "email": "eva@example.net",
        "phone": "+420 1",
        "metadata": {"splynx_customer_id": "7"},
    }
    assert wire.customer_params(bare) == {"metadata": {}}


def test_a_listed_event_and_its_body_say_the_same() -> None:
    raw: dict[str, object] = {
        "object": "event",
        "id": "evt_1",
        "type": "payment_intent.created",
        "created": 1_795_000_000,
        "livemode": True,
        "data": {"object": intent_json()},
    }

    body = wire.event_body(raw)

    assert json.loads(body) == raw
    assert wire.event(wire.read_json(body), body) == wire.event(raw, body)
    assert wire.event_envelope(raw, body).payment_intent is None


def test_an_account_and_an_endpoint_are_read() -> None:
    account = wire.account(
        {
            "object": "account",
            "id": "acct_1",
            "country": "CZ",
            "default_currency": "czk",
            "charges_enabled": True,
        }
    )
    endpoint = wire.webhook_endpoint(
        {
            "object": "webhook_endpoint",
            "id": "we_1",
            "url": "https://isp.example.net/stripe/webhook/x",
            "status": "enabled",
            "api_version": None,
            "enabled_events": ["*"],
            "secret": "whsec_shown_once",
        }
    )

    assert (account.country, account.default_currency) == ("CZ", "czk")
    assert endpoint.secret == "whsec_shown_once"
    assert "whsec" not in repr(endpoint)
