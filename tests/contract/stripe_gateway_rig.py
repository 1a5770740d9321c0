"""The Stripe gateway in front of a sandbox on loopback, with every exchange checked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import aiohttp

from splynx_stripe.domain.metadata import ATTEMPT
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.stripe import Observed, PaymentIntentOrder, StripeAccount
from splynx_stripe.gateways.stripe import (
    RateLimits,
    StripeCredentials,
    StripeEndpoints,
    StripeSdkGateway,
)
from splynx_stripe.kit.secret import Secret
from splynx_stripe.sandbox.faults import FaultRule
from splynx_stripe.sandbox.stripe import StripeSandboxOptions
from tests.contract.stripe_sandbox_running import (
    LIVE_KEY,
    SECOND_KEY,
    SECRET_KEY,
    Running,
    running,
)

HERE = StripeAccount("default", livemode=False)
LIVE = StripeAccount("default", livemode=True)
ELSEWHERE = StripeAccount("2", livemode=False)
KEYS = {HERE: SECRET_KEY, LIVE: LIVE_KEY, ELSEWHERE: SECOND_KEY}
ORDER = PaymentIntentOrder(
    amount=Money(17250, "EUR"),
    description="Invoice 202611000042",
    customer="",
    metadata={ATTEMPT: "att_1", "splynx_customer_id": "17"},
)
CREATE_PATH = "/v1/payment_intents"


class PassingClock:
    """A clock on which sleeping is what makes the time pass."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 24, 9, 0, 0, 250_000, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)
        await asyncio.sleep(0)


def gateway_for(
    base: str,
    session: aiohttp.ClientSession,
    *,
    clock: PassingClock | None = None,
    keys: Mapping[StripeAccount, str] = KEYS,
    limits: RateLimits | None = None,
    timeout_s: float = 30.0,
) -> StripeSdkGateway:
    """Makes a gateway that believes that Stripe is at `base`."""
    return StripeSdkGateway(
        endpoints=StripeEndpoints(api_base=base, connect_base=base),
        credentials={account: StripeCredentials(Secret(key)) for account, key in keys.items()},
        session=session,
        clock=clock or PassingClock(),
        limits=limits or RateLimits(),
        timeout_s=timeout_s,
    )


@dataclass(slots=True)
class Rig:
    """A gateway and the sandbox behind it."""

    gateway: StripeSdkGateway
    stripe: Running
    clock: PassingClock

    async def create(self, order: PaymentIntentOrder = ORDER, *, key: str = "key-1") -> Observed:
        return await self.gateway.create_payment_intent(HERE, order, idempotency_key=key)

    async def pay(self, intent_id: str, payment_method: str = "pm_card_visa") -> int:
        """Confirms as the customer's browser would; gives the HTTP status."""
        path = f"{CREATE_PATH}/{intent_id}/confirm"
        status, _, _ = await self.stripe.raw("POST", path, {"payment_method": payment_method})
        return status

    def fault(self, rule: FaultRule) -> None:
        self.stripe.sandbox.faults.add(rule)

    @property
    def intents(self) -> list[str]:
        """The PaymentIntents that exist at Stripe in the first account."""
        return list(self.stripe.sandbox.state.book().payment_intents)


@asynccontextmanager
async def rig(
    options: StripeSandboxOptions | None = None,
    *,
    keys: Mapping[StripeAccount, str] = KEYS,
    limits: RateLimits | None = None,
) -> AsyncIterator[Rig]:
    """Runs both; at the end every exchange must have fitted the SDK's types."""
    clock = PassingClock()
    async with running(options, clock=clock) as stripe:
        gateway = gateway_for(stripe.base, stripe.session, clock=clock, keys=keys, limits=limits)
        yield Rig(gateway, stripe, clock)


def order_of(attempt_id: str, customer: str = "") -> PaymentIntentOrder:
    """Makes the order of another attempt."""
    return replace(ORDER, customer=customer, metadata={**ORDER.metadata, ATTEMPT: attempt_id})
