"""Serves the sandbox Splynx on loopback for a test, and calls its API with signed requests."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from aiohttp.test_utils import TestServer
from yarl import URL

from splynx_stripe.sandbox.splynx import SplynxSandbox, SplynxSandboxOptions
from tests.contract.splynx_schema import SplynxContract

API = "/api/2.0/"
SANDBOX_SECRET = "sandbox-secret"


class SteppedClock:
    """A clock that moves only when told to."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Answer:
    """What came back; an empty body is None."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def internal_code(self) -> str:
        """The code inside an error body."""
        return str(self.body["error"]["internal_code"])


def signed(nonce: int, key: str = "sandbox-key", secret: str = SANDBOX_SECRET) -> str:
    """Gives the header of a signed request."""
    signature = hmac.new(secret.encode(), f"{nonce}{key}".encode(), "sha256").hexdigest().upper()
    return f"Splynx-EA (key={key}&nonce={nonce}&signature={signature})"


@dataclass
class RunningSplynx:
    """A sandbox being served."""

    sandbox: SplynxSandbox
    clock: SteppedClock
    url: URL
    http: aiohttp.ClientSession
    problems: list[str]
    """What the exchanges so far had against the contract."""
    nonces: dict[str, int] = field(default_factory=dict)

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: Any = None,
        key: str = "sandbox",
        authorization: str | None = None,
        http: aiohttp.ClientSession | None = None,
    ) -> Answer:
        """Calls the API, signed with the next nonce of `key` unless told otherwise."""
        if authorization is None:
            nonce = self.nonces[key] = self.nonces.get(key, 0) + 1
            authorization = signed(nonce, f"{key}-key", f"{key}-secret")
        headers = {"Authorization": authorization} if authorization else {}
        async with (http or self.http).request(
            method, self.url.join(URL(API + path)), params=query, json=body, headers=headers
        ) as response:
            raw = await response.read()
            answered = await response.json() if raw else None
            return Answer(response.status, answered, dict(response.headers))

    async def office(self, method: str, path: str, **options: Any) -> Answer:
        """Calls the API with the key that may everything."""
        return await self.call(method, path, key="office", **options)

    async def token(self, **login: Any) -> str:
        """Logs in and gives the header for requests with that token."""
        answer = await self.call("POST", "admin/auth/tokens", body=login, authorization="")
        assert answer.status == 201, answer.body
        return f"Splynx-EA (access_token={answer.body['access_token']})"

    async def customer(self, customer_id: int) -> str:
        """Logs a portal customer in."""
        return await self.token(
            auth_type="customer", login=f"customer{customer_id}", password="sandbox"
        )

    async def pay(self, **fields: Any) -> Answer:
        """Posts a payment of customer 17 as the add-on does."""
        payment = {
            "customer_id": 17,
            "payment_type": 3,
            "receipt_number": "pi_3ExampleExampleExample00",
            "date": "2026-11-24",
            "amount": "172.5000",
            **fields,
        }
        return await self.call("POST", "admin/finance/payments", body=payment)


@asynccontextmanager
async def running_splynx(
    options: SplynxSandboxOptions | None = None, *, check_requests: bool = True
) -> AsyncIterator[RunningSplynx]:
    """Serves a sandbox; on leaving, every exchange must have kept the contract."""
    problems: list[str] = []
    clock = SteppedClock()
    observer = SplynxContract.load().observer(problems, requests=check_requests)
    sandbox = SplynxSandbox(clock=clock, options=options, observer=observer)
    jar = aiohttp.CookieJar(unsafe=True)
    async with (
        TestServer(sandbox.app()) as server,
        aiohttp.ClientSession(cookie_jar=jar) as http,
    ):
        yield RunningSplynx(sandbox, clock, server.make_url("/"), http, problems)
    assert problems == [], "\n".join(problems)
