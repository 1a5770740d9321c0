"""The door to Stripe's saved things: orders that fit the SDK, answers read whole, errors by family."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from splynx_stripe.domain.errors import NotFoundError, OutcomeUnknownError, RejectedError
from splynx_stripe.domain.metadata import INSTALLATION
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.payment_method import (
    BankFace,
    CardFace,
    MandateStatus,
    Microdeposits,
    SavedThing,
    SavedThingEvent,
    SetupIntentOrder,
    SetupIntentStatus,
)
from splynx_stripe.gateways.stripe import saved_wire, webhook
from splynx_stripe.gateways.stripe.setup_intents import StripeSavedMethodCalls
from splynx_stripe.sandbox.faults import FaultRule
from tests.contract.sdk_schema import SdkSchema
from tests.contract.stripe_gateway_rig import HERE, Rig, rig

SETUPS = "/v1/setup_intents"
_ACH: dict[str, str] = {
    "payment_method_data[type]": "us_bank_account",
    "payment_method_data[us_bank_account][routing_number]": "110000000",
    "payment_method_data[us_bank_account][account_holder_type]": "individual",
    "payment_method_data[billing_details][name]": "Jana",
}


@pytest.fixture
async def stage() -> AsyncIterator[Rig]:
    async with rig() as stage:
        yield stage


def calls(stage: Rig) -> StripeSavedMethodCalls:
    return stage.gateway.saved_methods


def order(customer: str, kind: PaymentKind = PaymentKind.CARD) -> SetupIntentOrder:
    return SetupIntentOrder(
        customer=customer,
        kind=kind,
        currency="CAD" if kind is PaymentKind.PAD else "USD",
        description="",
        metadata={saved_wire.SETUP: "set_1", INSTALLATION: "ins_1"},
    )


async def customer_of(stage: Rig) -> str:
    _, body, _ = await stage.stripe.raw("POST", "/v1/customers", {"name": "Jana"})
    return str(body["id"])


async def started(stage: Rig, kind: PaymentKind = PaymentKind.CARD) -> tuple[str, str]:
    """Gives a new Stripe customer and the id of a SetupIntent for it."""
    customer = await customer_of(stage)
    observed = await calls(stage).create_setup_intent(
        HERE, order(customer, kind), idempotency_key="key-1"
    )
    return customer, observed.intent.id


async def confirmed(stage: Rig, intent_id: str, params: dict[str, str]) -> None:
    await stage.stripe.raw("POST", f"{SETUPS}/{intent_id}/confirm", params)


@pytest.mark.parametrize("kind", list(PaymentKind))
def test_every_order_fits_the_sdks_own_types(kind: PaymentKind) -> None:
    params: Any = saved_wire.setup_intent_params(order("cus_1", kind))

    assert SdkSchema.load().check_request("POST", SETUPS, params) == []
    assert params["usage"] == "off_session"
    assert params["allowed_payment_method_types"] == [kind.stripe_type]


async def test_the_same_key_gives_the_same_setup_intent(stage: Rig) -> None:
    wanted = order(await customer_of(stage))

    first = await calls(stage).create_setup_intent(HERE, wanted, idempotency_key="key-1")
    second = await calls(stage).create_setup_intent(HERE, wanted, idempotency_key="key-1")

    assert first.intent.id == second.intent.id
    assert first.intent.client_secret
    assert first.intent.client_secret not in repr(first)
    assert second.as_of <= first.as_of


async def test_an_answer_that_breaks_off_is_an_unknown_outcome(stage: Rig) -> None:
    wanted = order(await customer_of(stage))
    stage.fault(FaultRule(method="POST", path=SETUPS, action="truncate", when="after"))

    with pytest.raises(OutcomeUnknownError):
        await calls(stage).create_setup_intent(HERE, wanted, idempotency_key="key-1")

    assert len(stage.stripe.sandbox.state.book().setup_intents) == 1


async def test_a_customer_that_stripe_does_not_have_is_refused_by_name(stage: Rig) -> None:
    with pytest.raises(RejectedError) as caught:
        await calls(stage).create_setup_intent(HERE, order("cus_gone"), idempotency_key="key-1")

    assert caught.value.code == "resource_missing"


async def test_a_saved_card_is_read_with_its_face(stage: Rig) -> None:
    customer, intent_id = await started(stage)
    await confirmed(stage, intent_id, {"payment_method": "pm_card_visa"})

    intent = (await calls(stage).retrieve_setup_intent(HERE, intent_id)).intent

    assert intent.status is SetupIntentStatus.SUCCEEDED
    method = intent.payment_method
    assert method is not None
    assert method.kind is PaymentKind.CARD
    assert isinstance(method.card, CardFace)
    assert (method.card.brand, method.card.last4) == ("visa", "4242")
    assert method.fingerprint
    alone = await calls(stage).retrieve_payment_method(HERE, method.id, customer=customer)
    assert alone == method
    other = await customer_of(stage)
    with pytest.raises(NotFoundError):
        await calls(stage).retrieve_payment_method(HERE, method.id, customer=other)


async def test_a_bank_account_waits_for_its_proof_and_has_a_mandate_then(stage: Rig) -> None:
    _, intent_id = await started(stage, PaymentKind.ACH)
    number = {"payment_method_data[us_bank_account][account_number]": "000888888883"}
    await confirmed(stage, intent_id, _ACH | number)
    waiting = (await calls(stage).retrieve_setup_intent(HERE, intent_id)).intent
    assert waiting.microdeposits is Microdeposits.AMOUNTS

    with pytest.raises(RejectedError) as caught:
        await calls(stage).verify_microdeposits(HERE, intent_id, amounts=[1, 2], code="")
    proven = await calls(stage).verify_microdeposits(HERE, intent_id, amounts=[32, 45], code="")

    assert caught.value.code.startswith("payment_method_microdeposit_")
    assert proven.intent.status is SetupIntentStatus.SUCCEEDED
    assert proven.intent.mandate is not None
    assert proven.intent.mandate.status is MandateStatus.ACTIVE
    assert proven.intent.payment_method is not None
    assert proven.intent.payment_method.bank == BankFace("STRIPE TEST BANK", "8883", "Jana")
    mandate = await calls(stage).retrieve_mandate(HERE, proven.intent.mandate.id)
    assert mandate.payment_method_id == proven.intent.payment_method.id


async def test_canceling_gives_what_it_is_when_it_is_too_late(stage: Rig) -> None:
    _, open_one = await started(stage)
    canceled = await calls(stage).cancel_setup_intent(HERE, open_one)
    other = order(await customer_of(stage))
    made = await calls(stage).create_setup_intent(HERE, other, idempotency_key="key-2")
    await confirmed(stage, made.intent.id, {"payment_method": "pm_card_visa"})

    saved = await calls(stage).cancel_setup_intent(HERE, made.intent.id)

    assert canceled.intent.status is SetupIntentStatus.CANCELED
    assert saved.intent.status is SetupIntentStatus.SUCCEEDED


async def test_detaching_twice_is_done_once_and_a_deleted_customer_is_not_there(
    stage: Rig,
) -> None:
    customer, intent_id = await started(stage)
    await confirmed(stage, intent_id, {"payment_method": "pm_card_visa"})
    intent = (await calls(stage).retrieve_setup_intent(HERE, intent_id)).intent
    assert intent.payment_method is not None

    for _ in range(2):
        await calls(stage).detach_payment_method(HERE, intent.payment_method.id)
    await calls(stage).detach_payment_method(HERE, "pm_unknown")

    seen = await calls(stage).retrieve_payment_method(HERE, intent.payment_method.id)
    assert seen.customer == ""
    assert await calls(stage).stripe_customer_exists(HERE, customer)
    await stage.stripe.raw("DELETE", f"/v1/customers/{customer}")
    assert not await calls(stage).stripe_customer_exists(HERE, customer)
    assert not await calls(stage).stripe_customer_exists(HERE, "cus_unknown")


async def test_events_are_kept_as_ids_without_any_detail_of_a_bank_account(stage: Rig) -> None:
    _, intent_id = await started(stage, PaymentKind.ACH)
    number = {"payment_method_data[us_bank_account][account_number]": "000123456789"}
    await confirmed(stage, intent_id, _ACH | number)
    events = [one.body for one in stage.stripe.sandbox.state.book().events.values()]

    kept = [webhook.parse_event(json.dumps(event).encode()) for event in events]

    for event in kept:
        for secret in (b"6789", b"TEST BANK", b"110000000", b"Jana", b"_secret_"):
            assert secret not in event.body
    told = {
        event.type: calls(stage).saved_thing_event(event.body)
        for event in kept
        if event.type == "setup_intent.succeeded"
    }
    assert told == {
        "setup_intent.succeeded": SavedThingEvent(
            SavedThing.SETUP_INTENT, "succeeded", intent_id, "set_1", "ins_1"
        )
    }


def test_an_event_of_anything_else_is_nothing_that_can_be_saved() -> None:
    for kind in ("payment_intent.succeeded", "customer.subscription.deleted", "payout.paid"):
        raw = {"type": kind, "data": {"object": {"id": "x_1"}}}
        assert saved_wire.saved_thing_event(raw) is None
