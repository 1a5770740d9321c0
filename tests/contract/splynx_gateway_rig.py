"""The Splynx gateway in front of a sandbox on loopback, with every exchange checked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import aiohttp
from aiohttp import web

from splynx_stripe.domain.splynx import DocumentKind, NewSplynxPayment
from splynx_stripe.gateways.splynx import SplynxConnection, SplynxHttpGateway
from splynx_stripe.kit.secret import Secret
from splynx_stripe.sandbox.faults import FaultRule
from splynx_stripe.sandbox.splynx import SplynxSandbox, SplynxSandboxOptions
from splynx_stripe.sandbox.splynx.state import Session
from tests.contract.splynx_schema import SplynxContract

MARKER = "pi_3ExampleExampleExample00"
TOKENS_PATH = "admin/auth/tokens"
PAYMENTS_PATH = "admin/finance/payments"

Exchange = tuple[str, str, int]
"""Method, path below the API, status."""


class StoppedClock:
    """A clock that moves only when told to; who sleeps on it sleeps until the test is over."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    async def sleep(self, seconds: float) -> None:  # noqa: ARG002 - no number of seconds ends it
        await asyncio.Event().wait()


class NonceBook:
    """The store's part: remembers the highest nonce given out."""

    def __init__(self) -> None:
        self.last = 0
        self.reserved = 0

    async def reserve(self, floor: int, count: int) -> int:
        first = max(self.last + 1, floor)
        self.last = first + count - 1
        self.reserved += 1
        return first


@dataclass
class SplynxRig:
    """A sandbox being served, and the gateway that speaks with it."""

    sandbox: SplynxSandbox
    clock: StoppedClock
    nonces: NonceBook
    session: aiohttp.ClientSession
    connection: SplynxConnection
    gateway: SplynxHttpGateway
    exchanges: list[Exchange] = field(default_factory=list)

    def another_gateway(self, **changes: Any) -> SplynxHttpGateway:
        """Makes a gateway with changed connection settings, as after a restart."""
        return SplynxHttpGateway(
            connection=replace(self.connection, **changes),
            session=self.session,
            clock=self.clock,
            nonces=self.nonces.reserve,
        )

    def count(self, method: str, path: str) -> int:
        """Says how many such requests reached Splynx."""
        return sum(1 for each in self.exchanges if each[:2] == (method, path))

    def spoil(self, method: str, path: str, **rule: Any) -> None:
        """Lets the next such request go wrong."""
        self.sandbox.faults.add(FaultRule(method=method, path=f"/api/2.0/{path}", **rule))

    def log_in_browser(self, session_id: str, session: Session) -> str:
        """Makes a browser session, as a login at the portal or the administration does."""
        self.sandbox.state.sessions[session_id] = session
        return session_id


@asynccontextmanager
async def splynx_rig(
    *, options: SplynxSandboxOptions | None = None, **connection: Any
) -> AsyncIterator[SplynxRig]:
    """Serves a sandbox; on leaving, every exchange must have kept the contract."""
    problems: list[str] = []
    exchanges: list[Exchange] = []
    check = SplynxContract.load().observer(problems)

    def observe(method: str, path: str, sent: Any, status: int, body: Any) -> None:
        exchanges.append((method, path, status))
        check(method, path, sent, status, body)

    clock, nonces = StoppedClock(), NonceBook()
    sandbox = SplynxSandbox(clock=clock, options=options, observer=observe)
    async with serving(sandbox.app()) as url, aiohttp.ClientSession() as session:
        settings = SplynxConnection(
            url=url,
            api_key="sandbox-key",
            api_secret=Secret("sandbox-secret"),
            timezone="Europe/Prague",
        )
        settings = replace(settings, **connection)
        gateway = SplynxHttpGateway(
            connection=settings, session=session, clock=clock, nonces=nonces.reserve
        )
        yield SplynxRig(sandbox, clock, nonces, session, settings, gateway, exchanges)
    assert not problems, problems


@asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[str]:
    """Serves an application on a free loopback port and gives its address."""
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}/"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def gateway_before(
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]], **connection: Any
) -> AsyncIterator[SplynxHttpGateway]:
    """Puts the gateway in front of a server that answers everything in one way."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with serving(app) as url, aiohttp.ClientSession() as session:
        settings = SplynxConnection(
            url=url,
            api_key="sandbox-key",
            api_secret=Secret("sandbox-secret"),
            timezone="Europe/Prague",
            authentication="signature",
        )
        yield SplynxHttpGateway(
            connection=replace(settings, **connection),
            session=session,
            clock=StoppedClock(),
            nonces=NonceBook().reserve,
        )


def payment_order(**changes: Any) -> NewSplynxPayment:
    """The payment of invoice 1042, which is customer 17's, in full."""
    order = NewSplynxPayment(
        customer_id=17,
        document_kind=DocumentKind.INVOICE,
        document_id=1042,
        payment_method_id=3,
        receipt_number=MARKER,
        date=date(2026, 11, 24),
        amount=Decimal("172.50"),
        comment="Stripe: invoice 202611000042",
        field_1="ch_3Example",
        field_2="visa 4242",
    )
    return replace(order, **changes)


HALF_AN_HOUR = timedelta(minutes=30)
