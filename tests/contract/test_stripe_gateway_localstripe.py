"""The Stripe gateway against localstripe, a Stripe stand-in that others wrote.

It keeps us from testing only our own idea of Stripe. It knows a small part of an old API:
`description` and `allowed_payment_method_types` are "Unexpected" to it, it ignores idempotency
keys, and it neither filters PaymentIntents nor events (`reference/stripe-api.md`, table 1). So
PaymentIntents are made minimal through the bare SDK here, and our gateway reads, cancels and
asks; what it sends at creation is checked against the sandbox and the SDK's types instead.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import stripe

from splynx_stripe.domain.errors import NotFoundError, RejectedError
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.stripe import PaymentIntentStatus, StripeCustomerOrder
from splynx_stripe.gateways.stripe import StripeSdkGateway
from tests.contract.stripe_gateway_rig import HERE, ORDER, gateway_for

_LAUNCHER = Path(__file__).with_name("localstripe_server.py")
_KEY = "sk_test_anything"


@dataclass(slots=True)
class LocalStripe:
    """The gateway and the bare SDK, both speaking to one localstripe."""

    gateway: StripeSdkGateway
    sdk: stripe.StripeClient

    async def card(self, number: str) -> str:
        made = await self.sdk.v1.payment_methods.create_async(
            {
                "type": "card",
                "card": {"number": number, "exp_month": 12, "exp_year": 2040, "cvc": "123"},
            }
        )
        return made.id

    async def intent(self, **more: str) -> str:
        made = await self.sdk.v1.payment_intents.create_async(
            {"amount": 17250, "currency": "eur", "metadata": {"splynx_customer_id": "17"}, **more}  # type: ignore[typeddict-item]  # optional parameters by name
        )
        return made.id


@asynccontextmanager
async def localstripe() -> AsyncIterator[LocalStripe]:
    """Starts the server, and stops it by closing its standard input."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(_LAUNCHER),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        base = f"http://127.0.0.1:{int(await process.stdout.readline())}"
        async with aiohttp.ClientSession() as session:
            sdk = stripe.StripeClient(
                _KEY,
                base_addresses={"api": base},
                http_client=stripe.AIOHTTPClient(session=session),
                max_network_retries=0,
            )
            yield LocalStripe(gateway_for(base, session, keys={HERE: _KEY}), sdk)
    finally:
        process.stdin.close()
        await process.wait()


async def test_a_payment_is_seen_from_creation_to_success() -> None:
    async with localstripe() as there:
        intent_id = await there.intent(payment_method=await there.card("4242424242424242"))
        before = await there.gateway.retrieve_payment_intent(HERE, intent_id)
        await there.sdk.v1.payment_intents.confirm_async(intent_id)
        after = await there.gateway.retrieve_payment_intent(HERE, intent_id)

    assert before.intent.status is PaymentIntentStatus.REQUIRES_CONFIRMATION
    assert before.intent.received == Money(0, "EUR")
    assert before.intent.metadata == {"splynx_customer_id": "17"}
    assert after.intent.status is PaymentIntentStatus.SUCCEEDED
    assert after.intent.received == Money(17250, "EUR")
    assert after.intent.latest_charge.startswith("ch_")


async def test_a_declined_card_is_a_value_with_a_reason() -> None:
    async with localstripe() as there:
        intent_id = await there.intent(payment_method=await there.card("4000000000000341"))
        with pytest.raises(stripe.CardError):
            await there.sdk.v1.payment_intents.confirm_async(intent_id)
        seen = await there.gateway.retrieve_payment_intent(HERE, intent_id)

    assert seen.intent.status is PaymentIntentStatus.REQUIRES_PAYMENT_METHOD
    assert seen.intent.failure is not None
    assert seen.intent.failure.code == "card_declined"


async def test_a_card_that_wants_3d_secure_requires_action() -> None:
    async with localstripe() as there:
        intent_id = await there.intent(payment_method=await there.card("4000002500003155"))
        await there.sdk.v1.payment_intents.confirm_async(intent_id)
        seen = await there.gateway.retrieve_payment_intent(HERE, intent_id)

    assert seen.intent.status is PaymentIntentStatus.REQUIRES_ACTION


async def test_an_open_payment_intent_is_canceled() -> None:
    async with localstripe() as there:
        intent_id = await there.intent()
        canceled = await there.gateway.cancel_payment_intent(HERE, intent_id)

    assert canceled.intent.status is PaymentIntentStatus.CANCELED


async def test_a_customer_is_created_and_a_payment_intent_can_be_theirs() -> None:
    async with localstripe() as there:
        order = StripeCustomerOrder("Eva Malá", "eva@example.net", "", {"splynx_customer_id": "7"})
        customer = await there.gateway.create_customer(HERE, order, idempotency_key="cus-1")
        stored = await there.sdk.v1.customers.retrieve_async(customer)
        intent_id = await there.intent(customer=customer)
        seen = await there.gateway.retrieve_payment_intent(HERE, intent_id)

    assert stored.email == "eva@example.net"
    assert seen.intent.customer == customer


async def test_what_does_not_exist_is_not_found_even_without_stripes_code() -> None:
    async with localstripe() as there:
        with pytest.raises(NotFoundError):
            await there.gateway.retrieve_payment_intent(HERE, "pi_Nowhere")


async def test_a_parameter_it_does_not_know_is_a_refusal() -> None:
    async with localstripe() as there:
        with pytest.raises(RejectedError, match="Unexpected"):
            await there.gateway.create_payment_intent(HERE, ORDER, idempotency_key="key-1")
