"""The HTTP side of the small Stripe: keys, routes, idempotency, limits, headers, static script."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, web
from aiohttp.typedefs import Handler, Middleware

from splynx_stripe.kit.clock import Clock
from splynx_stripe.kit.tasks import Supervisor
from splynx_stripe.sandbox.faults import FaultInjector, add_control_routes
from splynx_stripe.sandbox.stripe import (
    charges,
    customers,
    disputes,
    errors,
    events,
    mandates,
    payment_intents,
    payment_methods,
    refunds,
    setup_intents,
    webhook_endpoints,
)
from splynx_stripe.sandbox.stripe.call import Call, Operation, check_expand, expanded
from splynx_stripe.sandbox.stripe.connect import Connect
from splynx_stripe.sandbox.stripe.control import Control
from splynx_stripe.sandbox.stripe.errors import StripeError
from splynx_stripe.sandbox.stripe.forms import Tree, decode, read
from splynx_stripe.sandbox.stripe.idempotency import IdempotencyKeys, Remembered
from splynx_stripe.sandbox.stripe.limits import RateLimits
from splynx_stripe.sandbox.stripe.state import (
    API_VERSION,
    Json,
    SandboxKey,
    StripeSandboxOptions,
    StripeState,
)
from splynx_stripe.sandbox.stripe.webhooks import Outside

Observer = Callable[[str, str, Mapping[str, Any], int, Json], None]
"""Sees each exchange: method, path, parameters as a tree, status, body."""

OPERATIONS: tuple[Operation, ...] = (
    *customers.OPERATIONS,
    *payment_methods.OPERATIONS,
    *payment_intents.OPERATIONS,
    *setup_intents.OPERATIONS,
    *mandates.OPERATIONS,
    *charges.OPERATIONS,
    *refunds.OPERATIONS,
    *disputes.OPERATIONS,
    *events.OPERATIONS,
    *webhook_endpoints.OPERATIONS,
)
_PATTERNS = tuple(
    (
        re.compile(
            operation.path.replace("{id}", r"(?P<id>[^/]+)").replace("{payment_method}", "[^/]+")
        ),
        operation,
    )
    for operation in OPERATIONS
)
_SCRIPT = Path(__file__).parents[1] / "static" / "stripe.js"
_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(\.[a-z]+)?")
_KEPT = web.RequestKey("stripe_kept_answer", Remembered)
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, Stripe-Version",
    "Access-Control-Expose-Headers": "Request-Id, Stripe-Version",
    "Access-Control-Max-Age": "300",
}


@dataclass(slots=True)
class Exchange:
    """One request on its way through the checks."""

    request: web.Request
    request_id: str
    account_id: str = ""
    livemode: bool = False
    params: dict[str, Tree] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def scope(self) -> str:
        return f"{self.account_id} {self.livemode}"

    @property
    def idempotency_key(self) -> str | None:
        if self.request.method != "POST":
            return None
        return self.request.headers.get("Idempotency-Key")


class StripeSandbox:
    """A small Stripe. Serve `app()`; `state` may be read, `faults` and `switches` changed.

    `observer` is called after each API call that was not spoiled before it was executed.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        seed: int = 1,
        options: StripeSandboxOptions | None = None,
        observer: Observer | None = None,
    ) -> None:
        self.options = options or StripeSandboxOptions()
        self.state = StripeState(clock, seed, self.options)
        self.switches = self.state.switches
        self.faults = FaultInjector(clock, errors.SERVER_ERROR_BODY)
        self.keys = IdempotencyKeys()
        self.observer = observer
        self.control = Control(self.state, self.keys)
        self._limits = RateLimits()
        self._by_secret = {key.secret_key: key for key in self.options.keys}
        self._by_publishable = {key.publishable_key: key for key in self.options.keys}
        self.connect = Connect(self.state, self._by_secret)
        self._tasks: Supervisor | None = None
        self._session: ClientSession | None = None

    def app(self) -> web.Application:
        """Makes the application; it delivers webhooks while it runs."""
        app = web.Application(middlewares=[self._keep_faulted(), self.faults.middleware])
        app.on_response_prepare.append(_add_headers)
        app.cleanup_ctx.append(self._running)
        add_control_routes(app, self.faults)
        self.control.add_routes(app)
        self.connect.add_routes(app)
        app.router.add_route("OPTIONS", "/v1/{rest:.*}", _preflight)
        app.router.add_route("*", "/v1/{rest:.*}", self._serve)
        for path in ("/v3", "/v3/", "/v3/stripe.js"):
            app.router.add_get(path, _script)
        return app

    async def start(self) -> None:
        """Begins to deliver webhooks and to do delayed work; `app()` does it by itself."""
        self._tasks, self._session = Supervisor(), ClientSession()
        outside = Outside(self.state, self._tasks, self._session)
        self.control.outside = outside
        self.state.later, self.state.on_event = outside.later, outside.deliver

    async def close(self) -> None:
        """Stops what runs in the background. May be called twice."""
        if self._tasks is not None:
            await self._tasks.join(timeout_s=0)
        if self._session is not None:
            await self._session.close()
        self._tasks = self._session = self.control.outside = None

    async def _running(self, _app: web.Application) -> AsyncIterator[None]:
        await self.start()
        yield
        await self.close()

    def _keep_faulted(self) -> Middleware:
        @web.middleware
        async def keep(request: web.Request, handler: Handler) -> web.StreamResponse:
            answer = await handler(request)
            kept = request.get(_KEPT)
            if kept is None or not self.switches.cache_faulted_answers:
                return answer
            if isinstance(answer, web.Response) and isinstance(answer.body, bytes):
                kept.status, kept.body = answer.status, answer.body
            return answer

        return keep

    async def _serve(self, request: web.Request) -> web.Response:
        exchange = Exchange(request, self.state.new_id("req"))
        exchange.headers = {
            "Content-Type": "application/json",
            "Date": format_datetime(self.state.now(), usegmt=True),
            "Request-Id": exchange.request_id,
            "Stripe-Version": request.headers.get("Stripe-Version", API_VERSION),
        }
        try:
            operation, call = await self._admitted(exchange)
            status, body = await self._once(exchange, operation, call)
        except StripeError as error:
            status, body = error.status, _encoded(_worded(exchange, error))
            exchange.headers.update(error.headers)
        if self.observer is not None:
            self.observer(request.method, request.path, exchange.params, status, json.loads(body))
        return web.Response(status=status, body=body, headers=exchange.headers)

    async def _admitted(self, exchange: Exchange) -> tuple[Operation, Call]:
        request = exchange.request
        key, publishable = self._key(request)
        exchange.account_id, exchange.livemode = self._account(request, key), key.livemode
        operation, path_id = _operation(request)
        self._limits.admit(
            exchange.scope,
            operation.name,
            self.state.clock.monotonic(),
            most=self.switches.global_rate_per_s,
            most_of_endpoint=self.switches.endpoint_rate_per_s,
        )
        if publishable and not operation.publishable:
            raise errors.secret_key_required()
        _check_permission(operation, key)
        _check_version(request)
        exchange.params = decode(request.query_string)
        exchange.params.update(decode(await request.text()))
        call = Call(
            self.state,
            self.state.book(exchange.account_id, livemode=key.livemode),
            path=request.path,
            path_id=path_id,
            origin=f"{request.scheme}://{request.host}",
            publishable=publishable,
            request_id=exchange.request_id,
            idempotency_key=exchange.idempotency_key,
        )
        return operation, call

    def _key(self, request: web.Request) -> tuple[SandboxKey, bool]:
        given = _given_key(request.headers.get("Authorization", ""))
        if not given:
            raise errors.no_api_key()
        if (key := self._by_secret.get(given)) is not None:
            return key, False
        if (key := self._by_publishable.get(given)) is not None:
            return key, True
        raise errors.wrong_api_key(given)

    def _account(self, request: web.Request, key: SandboxKey) -> str:
        """Gives whose book is meant: the key's own account, or one that is connected to it."""
        account = request.headers.get("Stripe-Account")
        if not account or account == key.account_id:
            return key.account_id
        if not self.connect.may_act_for(key, account):
            raise errors.foreign_account(account)
        return account

    async def _once(
        self, exchange: Exchange, operation: Operation, call: Call
    ) -> tuple[int, bytes]:
        """Executes the call, or replays what an earlier one under the same key answered."""
        key = exchange.idempotency_key
        if not key:
            return await self._executed(exchange, operation, call)
        now = self.state.now()
        self.keys.expire(now, self.switches.idempotency_key_ttl_s)
        print_ = json.dumps(exchange.params, sort_keys=True)
        mine = Remembered(exchange.request.path, print_, now)
        exchange.headers["Idempotency-Key"] = key
        if (earlier := self.keys.begin(exchange.scope, key, mine)) is not None:
            exchange.headers["Idempotent-Replayed"] = "true"
            return earlier.status, earlier.body
        try:
            mine.status, mine.body = await self._executed(exchange, operation, call)
        finally:
            if mine.in_progress:
                self.keys.drop(exchange.scope, key)
        exchange.request[_KEPT] = mine
        return mine.status, mine.body

    async def _executed(
        self, exchange: Exchange, operation: Operation, call: Call
    ) -> tuple[int, bytes]:
        if self.switches.latency_s:
            await self.state.clock.sleep(self.switches.latency_s)
        try:
            call.params = read(operation.params, operation.required, exchange.params)
            check_expand(call.params.get("expand", ()))
            return 200, _encoded(expanded(call, operation.handler(call)))
        except StripeError as error:
            if not error.execution_begun:
                raise
            return error.status, _encoded(_worded(exchange, error))


def _encoded(body: Json) -> bytes:
    return json.dumps(body, indent=2).encode()


def _worded(exchange: Exchange, error: StripeError) -> Json:
    return error.answer(exchange.request_id, livemode=exchange.livemode)


def _operation(request: web.Request) -> tuple[Operation, str]:
    for pattern, operation in _PATTERNS:
        if operation.method == request.method and (match := pattern.fullmatch(request.path)):
            return operation, match.groupdict().get("id", "")
    raise errors.unknown_url(request.method, request.path)


def _given_key(authorization: str) -> str:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


_RESOURCES = {
    "payment_intents": "payment_intent",
    "setup_intents": "setup_intent",
    "payment_methods": "payment_method",
    "customers": "customer",
    "events": "event",
    "webhook_endpoints": "webhook",
    "charges": "charge",
    "refunds": "charge",
    "mandates": "mandate",
    "disputes": "dispute",
}


def _check_permission(operation: Operation, key: SandboxKey) -> None:
    resource = _RESOURCES.get(operation.path.split("/")[2])
    if key.permissions is None or resource is None:
        return
    write = f"rak_{resource}_write"
    read = f"rak_{resource}_read"
    wanted = read if operation.method == "GET" else write
    if not key.permissions & {wanted, write}:
        raise errors.permission_missing(key.secret_key, wanted, key.account_id)


def _check_version(request: web.Request) -> None:
    version = request.headers.get("Stripe-Version")
    if version and not _VERSION.fullmatch(version):
        raise errors.bad_parameter(f"Invalid Stripe API version: {version}", param=None)


async def _add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    for name, value in _CORS.items():
        response.headers.setdefault(name, value)


async def _preflight(_request: web.Request) -> web.Response:
    return web.Response(status=204)


async def _script(_request: web.Request) -> web.Response:
    return web.Response(
        text=_SCRIPT.read_text(encoding="utf-8"),
        content_type="application/javascript",
        charset="utf-8",
        headers={"Cache-Control": "no-store"},
    )
