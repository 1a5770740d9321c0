"""Starts the Stripe sandbox for a test, speaks to it with the official SDK, checks every exchange."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import stripe
from aiohttp import ClientSession, web

from splynx_stripe.kit.clock import Clock, SystemClock
from splynx_stripe.sandbox.stripe import StripeSandbox, StripeSandboxOptions
from tests.contract.sdk_schema import ExchangeChecker

SECRET_KEY = "sk_test_sandbox_default"
LIVE_KEY = "sk_live_sandbox_default"
SECOND_KEY = "sk_test_sandbox_second"
PUBLISHABLE_KEY = "pk_test_sandbox_default"
RETURN_URL = "https://isp.example.net/stripe/result"


class HandClock:
    """A clock that a test moves by hand; whoever sleeps on it waits for `advance`."""

    def __init__(self) -> None:
        self._now = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
        self._elapsed_s = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []
        self._changed = asyncio.Condition()

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._elapsed_s

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            return
        awake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._elapsed_s + seconds, awake))
        async with self._changed:
            self._changed.notify_all()
        await awake

    async def until_sleeping(self, count: int = 1) -> None:
        """Waits until so many tasks sleep on this clock."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._sleepers) >= count)

    def advance(self, seconds: float) -> None:
        self._elapsed_s += seconds
        self._now += timedelta(seconds=seconds)
        due = [awake for at, awake in self._sleepers if at <= self._elapsed_s]
        self._sleepers = [one for one in self._sleepers if one[0] > self._elapsed_s]
        for awake in due:
            if not awake.done():
                awake.set_result(None)


@dataclass(slots=True)
class Running:
    """A sandbox that is up, and the ways to speak to it."""

    sandbox: StripeSandbox
    base: str
    session: ClientSession
    checker: ExchangeChecker

    def client(self, key: str = SECRET_KEY, *, retries: int = 0) -> stripe.StripeClient:
        return stripe.StripeClient(
            key,
            base_addresses={"api": self.base},
            http_client=stripe.AIOHTTPClient(session=self.session),
            max_network_retries=retries,
        )

    async def raw(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        key: str = SECRET_KEY,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, dict[str, Any], Mapping[str, str]]:
        """Sends a request without the SDK; gives status, body and headers."""
        async with self.session.request(
            method,
            self.base + path,
            data=dict(params or {}) or None,
            headers={"Authorization": f"Bearer {key}", **(headers or {})},
        ) as answer:
            return answer.status, await answer.json(), answer.headers

    async def control(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        async with self.session.post(f"{self.base}/_sandbox/{path}", json=body) as answer:
            assert answer.status == 200, await answer.text()
            told: dict[str, Any] = await answer.json()
            return told


@asynccontextmanager
async def running(
    options: StripeSandboxOptions | None = None, *, clock: Clock | None = None
) -> AsyncIterator[Running]:
    """Runs a sandbox; at the end every exchange must have fitted the SDK's types."""
    stripe.enable_telemetry = False
    checker = ExchangeChecker()
    sandbox = StripeSandbox(clock=clock or SystemClock(), options=options, observer=checker)
    async with served(sandbox.app()) as base, ClientSession() as session:
        yield Running(sandbox, base, session, checker)
    assert checker.problems == [], checker.problems


@asynccontextmanager
async def served(app: web.Application) -> AsyncIterator[str]:
    """Serves an application on a free port of the loopback and gives its address."""
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@dataclass(slots=True)
class Receiver:
    """A webhook endpoint of ours; answers the given statuses in turn, then 200."""

    statuses: list[int] = field(default_factory=list)
    arrived: asyncio.Queue[tuple[bytes, str]] = field(default_factory=asyncio.Queue)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/hook", self._take)
        return app

    async def _take(self, request: web.Request) -> web.Response:
        self.arrived.put_nowait((await request.read(), request.headers["Stripe-Signature"]))
        status = self.statuses.pop(0) if self.statuses else 200
        return web.Response(status=status, headers={"Location": "/hook"})
