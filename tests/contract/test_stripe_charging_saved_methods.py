"""Charging a saved method while nobody is there: one request, one answer, whatever the bank says.

Every exchange is checked against the official SDK's own types (`stripe_sandbox_running`).
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    NotFoundError,
    OutcomeUnknownError,
    RejectedError,
)
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.stripe import (
    PaymentIntent,
    PaymentIntentOrder,
    PaymentIntentStatus,
)
from splynx_stripe.sandbox.faults import FaultRule
from tests.contract.stripe_gateway_rig import CREATE_PATH, ORDER, Rig, order_of, rig
from tests.contract.stripe_sandbox_running import PUBLISHABLE_KEY

BANKS: dict[PaymentKind, dict[str, str]] = {
    PaymentKind.ACH: {"routing_number": "110000000", "account_holder_type": "individual"},
    PaymentKind.BECS: {"bsb_number": "000000"},
    PaymentKind.PAD: {"institution_number": "000", "transit_number": "11000"},
}
CURRENCIES = {PaymentKind.ACH: "USD", PaymentKind.BECS: "AUD", PaymentKind.PAD: "CAD"}
GOOD_BANK = "000123456789"


async def saved(here: Rig, form: dict[str, str], kind: PaymentKind) -> PaymentIntentOrder:
    """Saves a method as a customer does; gives the order that charges it."""
    _, method, _ = await here.stripe.raw(
        "POST", "/v1/payment_methods", {"type": kind.stripe_type, **form}, key=PUBLISHABLE_KEY
    )
    _, customer, _ = await here.stripe.raw("POST", "/v1/customers", {"name": "Jana"})
    setup_form = {
        "customer": str(customer["id"]),
        "allowed_payment_method_types[0]": kind.stripe_type,
    }
    _, setup, _ = await here.stripe.raw("POST", "/v1/setup_intents", setup_form)
    path = f"/v1/setup_intents/{setup['id']}/confirm"
    status, done, _ = await here.stripe.raw("POST", path, {"payment_method": method["id"]})
    assert (status, done["status"]) == (200, "succeeded"), done
    return replace(
        ORDER,
        customer=str(customer["id"]),
        kinds=(kind,),
        off_session=True,
        charged_method_id=str(done["payment_method"]),
        mandate_id=str(done["mandate"] or ""),
    )


async def saved_card(here: Rig, number: str = "4242424242424242") -> PaymentIntentOrder:
    form = {"card[number]": number, "card[exp_month]": "12", "card[exp_year]": "2034"}
    return await saved(here, form, PaymentKind.CARD)


async def saved_bank(here: Rig, kind: PaymentKind) -> PaymentIntentOrder:
    details = BANKS[kind] | {"account_number": GOOD_BANK}
    form = {
        "billing_details[name]": "Jana",
        "billing_details[email]": "jana@example.net",
        **{f"{kind.stripe_type}[{name}]": value for name, value in details.items()},
    }
    order = await saved(here, form, kind)
    return replace(order, amount=Money(5000, CURRENCIES[kind]))


async def charged(here: Rig, order: PaymentIntentOrder, key: str = "key-1") -> PaymentIntent:
    return (await here.create(order, key=key)).intent


async def test_a_good_card_is_charged_by_the_request_that_makes_the_payment() -> None:
    async with rig() as here:
        order = await saved_card(here)

        intent = await charged(here, order)

        assert (intent.status, intent.received) == (PaymentIntentStatus.SUCCEEDED, order.amount)
        assert intent.payment_method == order.charged_method_id
        assert here.intents == [intent.id]


@pytest.mark.parametrize(
    ("number", "code", "decline_code"),
    [
        ("4000000000019994", "card_declined", "insufficient_funds"),
        ("4000000000029993", "expired_card", "expired_card"),
        ("4000000000039992", "card_declined", "lost_card"),
        ("4000000000049991", "card_declined", "do_not_honor"),
        ("4000000000059990", "authentication_required", "authentication_required"),
        ("4000000000069999", "processing_error", "processing_error"),
        ("4000000000000341", "card_declined", "generic_decline"),
    ],
)
async def test_a_decline_is_an_answer_that_shows_the_payment_and_the_reason(
    number: str, code: str, decline_code: str
) -> None:
    """Fault 29: the PaymentIntent exists, and who only heard of a refusal would forget it."""
    async with rig() as here:
        order = await saved_card(here, number)

        intent = await charged(here, order)

        assert intent.status is PaymentIntentStatus.REQUIRES_PAYMENT_METHOD
        assert intent.failure is not None
        assert (intent.failure.code, intent.failure.decline_code) == (code, decline_code)
        assert here.intents == [intent.id]


async def test_the_same_key_gives_the_same_decline_and_tries_nothing_again() -> None:
    async with rig() as here:
        order = await saved_card(here, "4000000000019994")
        first = await here.create(order)
        await here.clock.sleep(3600)

        again = await here.create(order)

        assert again.intent.id == first.intent.id
        assert again.intent.failure == first.intent.failure
        assert again.as_of <= first.as_of
        assert len(here.stripe.sandbox.state.book().charges) == 1


@pytest.mark.parametrize("kind", list(BANKS))
async def test_a_debit_rests_on_its_mandate_and_takes_days(kind: PaymentKind) -> None:
    async with rig() as here:
        here.stripe.sandbox.state.switches.bank_debit_delay_s = 86_400.0
        order = await saved_bank(here, kind)
        assert order.mandate_id.startswith("mandate_")

        intent = await charged(here, order)

        assert intent.status is PaymentIntentStatus.PROCESSING


async def test_a_withdrawn_mandate_is_a_refusal_and_nothing_is_made() -> None:
    async with rig() as here:
        order = await saved_bank(here, PaymentKind.ACH)
        here.stripe.sandbox.state.book().mandates[order.mandate_id]["status"] = "inactive"

        with pytest.raises(RejectedError) as refused:
            await charged(here, order)

        assert refused.value.code == "payment_intent_mandate_invalid"
        assert here.intents == []


async def test_a_method_that_is_gone_is_a_refusal_that_names_it() -> None:
    """Fault 33."""
    async with rig() as here:
        order = await saved_card(here)
        gone = replace(order, charged_method_id="pm_gone")

        with pytest.raises(RejectedError, match="pm_gone") as refused:
            await charged(here, gone)

        assert refused.value.code == "resource_missing"
        assert here.intents == []


async def test_a_method_of_another_customer_is_not_charged() -> None:
    """I8."""
    async with rig() as here:
        order, others = await saved_card(here), await saved_card(here)

        with pytest.raises(RejectedError) as refused:
            await charged(here, replace(order, charged_method_id=others.charged_method_id))

        assert refused.value.code == "resource_missing"
        assert here.intents == []


async def test_a_deleted_customer_is_a_refusal() -> None:
    async with rig() as here:
        order = await saved_card(here)
        await here.stripe.raw("DELETE", f"/v1/customers/{order.customer}", {})

        with pytest.raises((RejectedError, NotFoundError)) as refused:
            await charged(here, order)

        assert refused.value.code == "resource_missing"


async def test_half_a_decline_proves_nothing() -> None:
    """Fault 22: the charge may have been tried; it has to be asked for with the same key."""
    async with rig() as here:
        order = await saved_card(here, "4000000000019994")
        here.fault(FaultRule("POST", CREATE_PATH, "truncate", "after"))

        with pytest.raises(OutcomeUnknownError):
            await charged(here, order)

        assert (await charged(here, order)).id == here.intents[0]
        assert len(here.intents) == 1


async def test_another_order_under_the_same_key_stops_the_payment() -> None:
    async with rig() as here:
        order = await saved_card(here)
        await charged(here, order)

        with pytest.raises(BrokenInvariantError):
            await charged(here, replace(order, amount=Money(1, "EUR")))

        assert len(here.intents) == 1


async def test_what_a_page_asks_for_is_not_confirmed() -> None:
    async with rig() as here:
        intent = await charged(here, order_of("att_2"))

        assert intent.status is PaymentIntentStatus.REQUIRES_PAYMENT_METHOD
        assert intent.failure is None
