"""A small Splynx and a small Stripe on one fake clock, and the people who use them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import aiohttp
from aiohttp import web

from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.sandbox.faults import FaultMoment, FaultRule
from splynx_stripe.sandbox.splynx import SplynxSandbox, SplynxSandboxOptions, books
from splynx_stripe.sandbox.splynx.rows import Payment
from splynx_stripe.sandbox.stripe import StripeSandbox, StripeSandboxOptions
from splynx_stripe.sandbox.stripe.state import Book
from tests.fake_clock import FakeClock

EUR_ACCOUNT = StripeAccount("default", livemode=False)
JPY_ACCOUNT = StripeAccount("2", livemode=False)
SECRET_KEYS = {EUR_ACCOUNT: "sk_test_sandbox_default", JPY_ACCOUNT: "sk_test_sandbox_second"}
PUBLISHABLE_KEYS = {EUR_ACCOUNT: "pk_test_sandbox_default", JPY_ACCOUNT: "pk_test_sandbox_second"}
_STRIPE_IDS = {EUR_ACCOUNT: "acct_1SandboxDefault", JPY_ACCOUNT: "acct_1SandboxSecond00"}

GOOD_BANK = "000123456789"
EMPTY_BANK = "000222222227"
GOOD_CARD = "4242424242424242"
DECLINED_CARD = "4000000000009995"
CARD_WITH_3DS = "4000002760003184"

CREATE = "/v1/payment_intents"
PAYMENTS = "/api/2.0/admin/finance/payments"
ANY_SPLYNX_PATH = "/api/2.0/.*"


class CountingIds:
    """Ids that are the same in each run; one source for all houses of a town."""

    def __init__(self) -> None:
        self._numbers: Iterator[int] = count(1)

    def new(self, prefix: str, now: datetime) -> str:
        return f"{prefix}_{int(now.timestamp() * 1000):012x}{next(self._numbers):012x}"

    def token(self) -> str:
        return f"{next(self._numbers):032x}"


class MiddlingDice:
    """Dice that always fall in the middle."""

    def random(self) -> float:
        return 0.5


@dataclass
class Town:
    """The outside world. It goes on while houses of ours come and go."""

    clock: FakeClock
    splynx: SplynxSandbox
    stripe: StripeSandbox
    splynx_url: str
    stripe_url: str
    browser: aiohttp.ClientSession
    ids: CountingIds = field(default_factory=CountingIds)
    delivered: set[str] = field(default_factory=set)
    bank_delay: timedelta = timedelta(days=4)
    """What American banks take at most (`reference/stripe-api.md`, section 4)."""

    def stripe_book(self, account: StripeAccount = EUR_ACCOUNT) -> Book:
        """Gives what Stripe knows of an account of ours."""
        return self.stripe.state.book(_STRIPE_IDS[account])

    def intents(self, account: StripeAccount = EUR_ACCOUNT) -> list[dict[str, Any]]:
        """Gives the PaymentIntents of an account, oldest first."""
        return list(self.stripe_book(account).payment_intents.values())

    def statuses(self, account: StripeAccount = EUR_ACCOUNT) -> list[str]:
        """Gives the statuses of its PaymentIntents, oldest first."""
        return [str(intent["status"]) for intent in self.intents(account)]

    def bookings(self) -> list[Payment]:
        """Gives the Splynx payments that stand for PaymentIntents."""
        payments = self.splynx.state.payments
        return [payment for payment in payments if payment.receipt_number.startswith("pi_")]

    def invoice_status(self, invoice_id: int) -> str:
        return self.splynx.state.invoices[invoice_id].status

    def event_bodies(
        self, account: StripeAccount = EUR_ACCOUNT, *, kinds: str = "payment_intent."
    ) -> list[bytes]:
        """Gives the events of a kind as webhooks would bring them, oldest first."""
        events = self.stripe_book(account).events.values()
        return [
            json.dumps(event.body).encode()
            for event in events
            if event.body["type"].startswith(kinds)
        ]

    def spoil_stripe(
        self, path: str, method: str = "*", *, when: FaultMoment = "before", **rule: Any
    ) -> None:
        """Lets requests to Stripe go wrong, by default the next one with a 500."""
        fault = {"action": "status", **rule}
        self.stripe.faults.add(FaultRule(method=method, path=path, when=when, **fault))

    def spoil_splynx(
        self, path: str, method: str = "*", *, when: FaultMoment = "before", **rule: Any
    ) -> None:
        """Lets requests to Splynx go wrong, by default the next one with a 500."""
        fault = {"action": "status", **rule}
        self.splynx.faults.add(FaultRule(method=method, path=path, when=when, **fault))

    def mend(self) -> None:
        """Takes all faults back."""
        self.stripe.faults.clear()
        self.splynx.faults.clear()

    async def enter_card(
        self, client_secret: str, card: str = GOOD_CARD, account: StripeAccount = EUR_ACCOUNT
    ) -> str:
        """Confirms as a browser does; gives the status, or `error CODE`."""
        form = {
            "payment_method_data[type]": "card",
            "payment_method_data[card][number]": card,
            "payment_method_data[card][exp_month]": "12",
            "payment_method_data[card][exp_year]": "2034",
            "payment_method_data[card][cvc]": "123",
            "return_url": "https://isp.example.net/stripe/result",
        }
        return await self._as_browser(client_secret, "confirm", form, account)

    async def enter_bank(
        self, client_secret: str, number: str = GOOD_BANK, account: StripeAccount = EUR_ACCOUNT
    ) -> str:
        """Confirms with an American bank account; the sandbox settles after `bank_delay`."""
        self.stripe.state.switches.bank_debit_delay_s = self.bank_delay.total_seconds()
        form = {
            "payment_method_data[type]": "us_bank_account",
            "payment_method_data[us_bank_account][account_number]": number,
            "payment_method_data[us_bank_account][routing_number]": "110000000",
            "payment_method_data[us_bank_account][account_holder_type]": "individual",
            "payment_method_data[billing_details][name]": "Anna Nováková",
            "return_url": "https://isp.example.net/stripe/result",
        }
        return await self._as_browser(client_secret, "confirm", form, account)

    async def until_settled(self, account: StripeAccount = EUR_ACCOUNT) -> None:
        """Lets the banks take their time."""
        await self.clock.until_sleeping()
        self.clock.advance(self.bank_delay)
        while "processing" in self.statuses(account):  # noqa: ASYNC110 - the sandbox's own task is next
            await asyncio.sleep(0)

    async def answer_bank(
        self, client_secret: str, outcome: str, account: StripeAccount = EUR_ACCOUNT
    ) -> str:
        """Answers the 3-D Secure question with `success` or `fail`."""
        return await self._as_browser(client_secret, "_authenticate", {"outcome": outcome}, account)

    async def _as_browser(
        self, client_secret: str, action: str, form: dict[str, str], account: StripeAccount
    ) -> str:
        self.clock.advance(SECOND)
        intent_id = client_secret.partition("_secret_")[0]
        async with self.browser.post(
            f"{self.stripe_url}/v1/payment_intents/{intent_id}/{action}",
            data={"client_secret": client_secret, **form},
            headers={"Authorization": f"Bearer {PUBLISHABLE_KEYS[account]}"},
        ) as answer:
            body = await answer.json()
        error = body.get("error")
        if error:
            return f"error {error.get('decline_code') or error.get('code')}"
        return str(body["status"])

    async def foreign_payment(
        self, form: dict[str, str], account: StripeAccount = EUR_ACCOUNT
    ) -> str:
        """Somebody else uses the same Stripe account; gives their PaymentIntent."""
        self.clock.advance(SECOND)
        async with self.browser.post(
            f"{self.stripe_url}/v1/payment_intents",
            data={"return_url": "https://shop.example.net/", **form},
            headers={"Authorization": f"Bearer {SECRET_KEYS[account]}"},
        ) as answer:
            return str((await answer.json())["id"])

    def pay_by_cash(self, invoice_id: int) -> None:
        """The office takes cash for all that is due on an invoice."""
        invoice = self.splynx.state.invoices[invoice_id]
        if invoice.due <= 0 or invoice.status == "deleted":
            return
        payment = Payment(
            customer_id=invoice.customer_id,
            invoice_id=invoice_id,
            amount=invoice.due,
            date=self.splynx.state.today(),
            receipt_number=f"cash-{invoice_id}-{len(self.splynx.state.payments)}",
        )
        books.add_payment(self.splynx.state, payment)
        books.set_invoice_status(self.splynx.state, invoice, "paid")

    def set_due(self, invoice_id: int, due: str) -> None:
        """The office changes the price of an invoice nobody has paid yet."""
        invoice = self.splynx.state.invoices[invoice_id]
        invoice.total = invoice.due = Decimal(due).quantize(Decimal("0.0001"))

    def delete_invoice(self, invoice_id: int) -> None:
        """The office deletes an invoice."""
        state = self.splynx.state
        books.set_invoice_status(state, state.invoices[invoice_id], "deleted")


@asynccontextmanager
async def open_town(
    *,
    splynx: SplynxSandboxOptions | None = None,
    stripe: StripeSandboxOptions | None = None,
) -> AsyncIterator[Town]:
    """Serves both sandboxes on loopback."""
    clock = FakeClock()
    small_splynx = SplynxSandbox(clock=clock, options=splynx)
    small_stripe = StripeSandbox(clock=clock, options=stripe)
    async with AsyncExitStack() as stack:
        splynx_url = await stack.enter_async_context(_serving(small_splynx.app()))
        stripe_url = await stack.enter_async_context(_serving(small_stripe.app()))
        browser = await stack.enter_async_context(aiohttp.ClientSession())
        yield Town(clock, small_splynx, small_stripe, splynx_url, stripe_url, browser)


@asynccontextmanager
async def _serving(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


SECOND = timedelta(seconds=1)
"""What a person takes for anything."""
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
