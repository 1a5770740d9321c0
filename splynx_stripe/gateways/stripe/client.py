"""Speaks with Stripe: one SDK client per account and mode, limited in rate, errors by meaning."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import aiohttp
import stripe
from typing_extensions import override

from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.gateways.stripe import errors
from splynx_stripe.gateways.stripe.errors import Operation
from splynx_stripe.gateways.stripe.wire import API_VERSION
from splynx_stripe.kit.clock import Clock
from splynx_stripe.kit.rate_limit import Priority, RateLimiter
from splynx_stripe.kit.secret import Secret

log = logging.getLogger(__name__)

READ_RETRIES = 1
"""The SDK repeats a reading request once. It never repeats a writing one: whether and how that
is safe is decided by the attempt's resolver, which knows the age of the key, and a repetition in
here would hide an unknown outcome from it."""
CONNECT_TIMEOUT_S = 10.0
_MAX_ANSWER_BYTES = 16 * 1024 * 1024
"""A full page of a hundred events is below one megabyte."""
_CHUNK_BYTES = 64 * 1024
_OK, _REDIRECT = 200, 300
_USER_AGENT = f"splynx-stripe Stripe/v1 PythonBindings/{stripe.VERSION}"
_NOTHING = b"{}"
_ENDPOINT_REASONS = ("endpoint-rate", "endpoint-concurrency")
_ACCOUNT_REASONS = ("global-rate", "global-concurrency")


@dataclass(frozen=True, slots=True)
class StripeEndpoints:
    """Where Stripe is; tests and the demo put the sandbox here."""

    api_base: str = "https://api.stripe.com"
    connect_base: str = "https://connect.stripe.com"


@dataclass(frozen=True, slots=True)
class StripeCredentials:
    """The secrets of one account in one mode."""

    secret_key: Secret
    webhook_secrets: tuple[Secret, ...] = ()
    stripe_account: str = ""
    """Stripe's id of a connected account, for which `secret_key` is our platform's."""


@dataclass(frozen=True, slots=True)
class RateLimits:
    """Requests per second that Stripe allows (docs.stripe.com/rate-limits); all are settings."""

    per_endpoint_per_s: float = 25.0
    total_per_s: float = 100.0
    sandbox_total_per_s: float = 25.0
    reserved_share: float = 0.2


@dataclass(frozen=True, slots=True)
class Answer:
    """What Stripe answered: parsed JSON, headers, and when the request began and ended."""

    data: object = field(repr=False)
    headers: Mapping[str, str]
    started_at: datetime
    ended_at: datetime

    @property
    def is_replay(self) -> bool:
        """Says whether it is the saved answer of an earlier request with the same key."""
        return self.headers.get("Idempotent-Replayed", "").lower() == "true"


class Sent(Protocol):
    """What a method of the SDK gives: something that knows the answer it was made of."""

    @property
    def last_response(self) -> stripe.StripeResponse | None:
        """Gives the answer, None when the SDK did not keep it."""
        ...


@dataclass(frozen=True, slots=True)
class _Raw:
    last_response: stripe.StripeResponse | None


def raw_answer(response: object) -> Sent:
    """Gives the answer of the SDK's raw request the form of all others."""
    return _Raw(response if isinstance(response, stripe.StripeResponse) else None)


Send = Callable[[stripe.StripeClient], Awaitable[Sent]]


@dataclass(slots=True)
class _Past:
    """The answer of success that goes past the SDK: it would make objects of every value in it.

    That costs three times what the rest of a call does, and of a full page of events it would
    hold everybody up for tens of milliseconds. Our readers want plain JSON. What Stripe says
    against a request still goes through the SDK, which knows what it means.
    """

    body: bytes | None = None


_PAST: ContextVar[_Past] = ContextVar("past the SDK")


class _Transport(stripe.AIOHTTPClient):
    """The SDK's transport with what it lacks.

    A body that breaks off is an error of the SDK's own kind, connections are given back,
    redirects are not followed, answers have a maximum size, and nothing is told about the host
    we run on.
    """

    def __init__(self, session: aiohttp.ClientSession, timeout_s: float, clock: Clock) -> None:
        super().__init__(session=session)
        self._clock = clock
        self._own_session = session
        self._own_timeout = aiohttp.ClientTimeout(
            total=timeout_s, connect=min(CONNECT_TIMEOUT_S, timeout_s)
        )

    @override
    async def sleep_async(self, secs: float) -> None:
        await self._clock.sleep(secs)

    @override
    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: object = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        sent = {**headers, "User-Agent": _USER_AGENT}
        sent.pop("X-Stripe-Client-User-Agent", None)
        try:
            async with self._own_session.request(
                method,
                url,
                headers=sent,
                data=post_data,
                timeout=self._own_timeout,
                allow_redirects=False,
            ) as response:
                body = await _body(response)
                return _let_past(body, response.status), response.status, response.headers
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _lost(type(error).__name__) from error


def _let_past(body: bytes, status: int) -> bytes:
    """Gives what the SDK is to see of an answer."""
    past = _PAST.get(None)
    if past is None or not _OK <= status < _REDIRECT:
        return body
    past.body = body
    return _NOTHING


def _lost(reason: str) -> Exception:
    return stripe.APIConnectionError(reason, should_retry=True)  # type: ignore[no-untyped-call]  # the SDK's own constructor has no types


async def _body(response: aiohttp.ClientResponse) -> bytes:
    if response.content_type != "application/json":
        raise _lost("The answer is not JSON.")
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        body += chunk
        if len(body) > _MAX_ANSWER_BYTES:
            raise _lost("The answer is too large.")
    return bytes(body)


class _AccountLimits:
    """The buckets of one account in one mode: one for all requests and one per operation."""

    def __init__(self, clock: Clock, limits: RateLimits, *, livemode: bool) -> None:
        self._clock = clock
        self._limits = limits
        total_per_s = limits.total_per_s if livemode else limits.sandbox_total_per_s
        self._total = self._bucket(total_per_s)
        self._endpoints: dict[str, RateLimiter] = {}

    async def acquire(self, endpoint: str, priority: Priority) -> None:
        await self._endpoint(endpoint).acquire(priority)
        await self._total.acquire(priority)

    def refused(self, endpoint: str, reason: str) -> None:
        """Slows down what Stripe says was too much; the operation alone when it does not say."""
        if reason in _ACCOUNT_REASONS:
            self._total.throttle()
        elif not reason or reason in _ENDPOINT_REASONS:
            self._endpoint(endpoint).throttle()

    def rate_per_s(self, endpoint: str) -> float:
        return min(self._endpoint(endpoint).rate_per_s, self._total.rate_per_s)

    def _endpoint(self, endpoint: str) -> RateLimiter:
        if endpoint not in self._endpoints:
            self._endpoints[endpoint] = self._bucket(self._limits.per_endpoint_per_s)
        return self._endpoints[endpoint]

    def _bucket(self, rate_per_s: float) -> RateLimiter:
        share = self._limits.reserved_share
        return RateLimiter(self._clock, rate_per_s=rate_per_s, reserved_share=share)


class StripeConnection:
    """One account in one mode."""

    def __init__(
        self, account: StripeAccount, sdk: stripe.StripeClient, limits: _AccountLimits, clock: Clock
    ) -> None:
        self._account = account
        self._sdk = sdk
        self._limits = limits
        self._clock = clock

    async def call(self, operation: Operation, send: Send, priority: Priority) -> Answer:
        """Waits for its turn, sends once, and gives the answer or an error of the four families."""
        await self._limits.acquire(operation.endpoint, priority)
        started_at = self._clock.now()
        past = _Past()
        token = _PAST.set(past)
        try:
            raw = (await send(self._sdk)).last_response
            data: object = json.loads(past.body or b"")
        except stripe.StripeError as error:
            self._slow_down(operation, error)
            carried = errors.carried_intent(error) if operation.confirms else None
            if carried is not None:
                return Answer(carried, error.headers or {}, started_at, self._clock.now())
            problem = errors.translate(error, operation, self._account)
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            # Not JSON; or the SDK stumbles over JSON that is valid but not what it expects.
            problem = errors.translate(error, operation, self._account)
        else:
            if raw is not None:
                return Answer(data, raw.headers, started_at, self._clock.now())
            problem = errors.no_answer(operation, "no usable answer came")
        finally:
            _PAST.reset(token)
        # Raised out here: an exception of the SDK may hold a whole answer with its client secret,
        # and must not reach a log as the context of ours.
        raise problem

    def _slow_down(self, operation: Operation, error: stripe.StripeError) -> None:
        if not isinstance(error, stripe.RateLimitError):
            return
        reason = (error.headers or {}).get("Stripe-Rate-Limited-Reason", "")
        if error.error is not None and error.error.code == "lock_timeout":
            return
        self._limits.refused(operation.endpoint, reason)
        log.warning(
            "stripe.rate_limited",
            extra={
                "account": self._account.key,
                "endpoint": operation.endpoint,
                "rate_per_s": round(self._limits.rate_per_s(operation.endpoint), 1),
            },
        )


class StripeConnections:
    """The connections of all accounts. Nothing goes from one to another (invariant I8)."""

    def __init__(
        self,
        *,
        endpoints: StripeEndpoints,
        credentials: Mapping[StripeAccount, StripeCredentials],
        session: aiohttp.ClientSession,
        clock: Clock,
        limits: RateLimits,
        timeout_s: float,
    ) -> None:
        # Telemetry would write ~/.config/stripe/telemetry_id, and the SDK's own log repeats
        # whole answers, client secrets included.
        stripe.enable_telemetry = False
        logging.getLogger("stripe").setLevel(logging.WARNING)
        transport = _Transport(session, timeout_s, clock)
        self._mode_fits = {
            account: fits_mode(given.secret_key, account) for account, given in credentials.items()
        }
        self._connections = {
            account: StripeConnection(
                account,
                _sdk_client(endpoints, given, transport),
                _AccountLimits(clock, limits, livemode=account.livemode),
                clock,
            )
            for account, given in credentials.items()
        }

    def of(self, account: StripeAccount, operation: Operation) -> StripeConnection:
        """Gives the connection of an account. Raises `NotPermittedError` without a fitting key."""
        if account not in self._connections:
            raise errors.no_key(operation, account)
        if not self._mode_fits[account]:
            raise errors.wrong_mode(operation, account)
        return self._connections[account]


def fits_mode(secret_key: Secret, account: StripeAccount) -> bool:
    """Says whether a key may be used for the account's mode, as far as its prefix tells."""
    other = "_test_" if account.livemode else "_live_"
    return not secret_key.reveal()[2:].startswith(other)


def _sdk_client(
    endpoints: StripeEndpoints, given: StripeCredentials, transport: _Transport
) -> stripe.StripeClient:
    return stripe.StripeClient(
        given.secret_key.reveal(),
        stripe_account=given.stripe_account or None,
        stripe_version=API_VERSION,
        base_addresses={"api": endpoints.api_base, "connect": endpoints.connect_base},
        max_network_retries=0,
        http_client=transport,
    )
