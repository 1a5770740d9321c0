"""Spoils answers of the sandbox servers on request: errors, lost, halved and late answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal, get_args

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from splynx_stripe.kit.clock import Clock, SystemClock

FaultAction = Literal["status", "drop", "truncate", "delay"]
FaultMoment = Literal["before", "after"]

CONTROL_PREFIX = "/_sandbox/"
"""Requests below this path are never spoiled, so that a test can always take its faults back."""


@dataclass(frozen=True, slots=True)
class FaultRule:
    """One thing to go wrong.

    `method` is "*" for any; `path` is a regular expression that matches the whole path.
    `before` means that the handler is not executed, `after` that it is and only its answer is
    spoiled (the two things a client cannot tell apart). `skip` lets the first matches pass,
    `times` is how often the rule strikes then (-1: for ever).
    `truncate` halves the handler's answer; with `before`, where there is none, it halves `body`.
    """

    method: str
    path: str
    action: FaultAction
    when: FaultMoment
    status: int = 500
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    skip: int = 0
    times: int = 1

    def __post_init__(self) -> None:
        if self.action not in get_args(FaultAction):
            raise ValueError(f"The action of a fault is one of {get_args(FaultAction)}.")
        if self.when not in get_args(FaultMoment):
            raise ValueError(f"A fault strikes at one of {get_args(FaultMoment)}.")
        try:
            re.compile(self.path)
        except re.error as error:
            raise ValueError(f"The path of a fault is a regular expression: {error}.") from error

    def matches(self, method: str, path: str) -> bool:
        """Says whether the rule is about this request at all."""
        return self.method in ("*", method) and re.fullmatch(self.path, path) is not None


@dataclass(slots=True)
class _ArmedRule:
    rule: FaultRule
    seen: int = 0
    struck: int = 0

    def strikes(self) -> bool:
        """Counts a matching request and says whether the fault happens to it."""
        self.seen += 1
        if self.seen <= self.rule.skip or self.struck == self.rule.times:
            return False
        self.struck += 1
        return True


class FaultInjector:
    """Keeps the rules of one server and applies the first that strikes to each request.

    `default_body` is what a "status" fault without a body of its own answers: each server's own
    way of saying that something is broken.
    """

    def __init__(self, clock: Clock | None = None, default_body: str = "") -> None:
        self._clock: Clock = clock or SystemClock()
        self._default_body = default_body
        self._armed: list[_ArmedRule] = []

    @property
    def rules(self) -> tuple[FaultRule, ...]:
        """The rules in force, in the order they are tried; used-up ones stay listed."""
        return tuple(armed.rule for armed in self._armed)

    @property
    def struck(self) -> int:
        """How many requests were spoiled since the last `clear`."""
        return sum(armed.struck for armed in self._armed)

    def add(self, rule: FaultRule) -> None:
        """Puts a rule into force, after those already there."""
        self._armed.append(_ArmedRule(rule))

    def clear(self) -> None:
        """Takes all rules back."""
        self._armed.clear()

    def strike(self, method: str, path: str) -> FaultRule | None:
        """Counts this request in every matching rule until one strikes, and gives that one."""
        for armed in self._armed:
            if armed.rule.matches(method, path) and armed.strikes():
                return armed.rule
        return None

    @property
    def middleware(self) -> Middleware:
        """The aiohttp middleware; put it outermost."""

        @web.middleware
        async def spoil(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path.startswith(CONTROL_PREFIX):
                return await handler(request)
            rule = self.strike(request.method, request.path)
            if rule is None:
                return await handler(request)
            return await self._apply(rule, request, handler)

        return spoil

    async def _apply(
        self, rule: FaultRule, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        if rule.when == "before":
            await self._wait(rule)
            if rule.action == "delay":
                return await handler(request)
            return await self._spoiled(rule, request, None)
        answer = await handler(request)
        await self._wait(rule)
        return answer if rule.action == "delay" else await self._spoiled(rule, request, answer)

    async def _spoiled(
        self, rule: FaultRule, request: web.Request, answer: web.StreamResponse | None
    ) -> web.StreamResponse:
        """Gives what the client sees instead of `answer` (None: the handler did not run)."""
        match rule.action:
            case "drop":
                return _drop(request)
            case "truncate":
                return await _truncate(rule, request, answer)
            case _:
                return web.Response(
                    status=rule.status,
                    body=(rule.body or self._default_body).encode(),
                    headers={"Content-Type": "application/json", **rule.headers},
                )

    async def _wait(self, rule: FaultRule) -> None:
        if rule.delay_s:
            await self._clock.sleep(rule.delay_s)


def _drop(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


async def _truncate(
    rule: FaultRule, request: web.Request, answer: web.StreamResponse | None
) -> web.StreamResponse:
    body, status, headers = rule.body.encode() or b'{"object":"half"}', 200, dict(rule.headers)
    if isinstance(answer, web.Response) and isinstance(answer.body, bytes):
        body, status = answer.body, answer.status
        headers = {**answer.headers, **headers}
    headers["Content-Length"] = str(len(body))
    half = web.StreamResponse(status=status, headers=headers)
    half.force_close()
    await half.prepare(request)
    await half.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return half


def add_control_routes(app: web.Application, injector: FaultInjector) -> None:
    """Adds `/_sandbox/faults`: POST adds a rule (JSON of `FaultRule`), GET lists, DELETE clears."""

    async def add(request: web.Request) -> web.Response:
        try:
            injector.add(FaultRule(**await request.json()))
        except (TypeError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return _listed(injector)

    async def clear(_request: web.Request) -> web.Response:
        injector.clear()
        return _listed(injector)

    async def show(_request: web.Request) -> web.Response:
        return _listed(injector)

    app.router.add_post(f"{CONTROL_PREFIX}faults", add)
    app.router.add_delete(f"{CONTROL_PREFIX}faults", clear)
    app.router.add_get(f"{CONTROL_PREFIX}faults", show)


def _listed(injector: FaultInjector) -> web.Response:
    rules = [{**asdict(rule), "headers": dict(rule.headers)} for rule in injector.rules]
    return web.json_response({"rules": rules, "struck": injector.struck})
