"""The network between a process and the servers: requests outlive their senders and lose answers.

A request that has left is a task of the world: it arrives, is executed and answered whether or
not its sender still lives or still waits. That is how a POST can take effect after a crash.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Generic, TypeVar

from tests.simulation.clockwork import Scheduler, SimClock, Stamp, turn, until

T = TypeVar("T")


class Spoil(StrEnum):
    """What the network or a server may do to a request."""

    REFUSED = "refused"
    LOST_REQUEST = "lost_request"
    LOST_ANSWER = "lost_answer"
    HALF_ANSWER = "half_answer"
    ERROR_BEFORE = "error_before"
    ERROR_AFTER = "error_after"
    RATE_LIMIT = "rate_limit"
    LOCK_TIMEOUT = "lock_timeout"
    KEY_IN_USE = "key_in_use"
    UNAUTHORIZED = "unauthorized"
    SLOW = "slow"
    SLOW_ANSWER = "slow_answer"
    NOT_JSON = "not_json"


class LostError(Exception):
    """The request or its answer got lost; the sender sees a broken connection or a timeout."""


class RefusedError(Exception):
    """No connection: surely nothing was sent."""


@dataclass(slots=True)
class Rule:
    """Spoils the next `times` requests whose label contains `match`, after `skip` of them."""

    spoil: Spoil
    match: str
    skip: int = 0
    times: int = 1
    until_s: float = float("inf")
    fault: int = 0


@dataclass(slots=True)
class Exchange(Generic[T]):
    """A request on its way, what the server will do, and what spoils it."""

    label: str
    execute: Callable[[Spoil | None], T]
    spoil: Spoil | None
    answered: Stamp = field(default_factory=Stamp)
    answer: T | None = None


class Network:
    """Delivers requests with small random delays and applies the rules."""

    def __init__(self, rng: random.Random, clock: SimClock, scheduler: Scheduler) -> None:
        self._rng = rng
        self._clock = clock
        self._scheduler = scheduler
        self.rules: list[Rule] = []
        self.on_strike: Callable[[int], None] = lambda _fault: None

    async def request(
        self, label: str, execute: Callable[[Spoil | None], T], timeout_s: float
    ) -> T:
        """Sends a request and waits for its answer.

        `execute` does the server's work at the moment the request arrives; it gets the spoil, for
        those that are the server's own answers.
        """
        await turn(f"→ {label}")
        spoil = self._spoil(label) if self.rules else None
        if spoil is Spoil.REFUSED:
            raise RefusedError
        exchange = Exchange(f"wire {label}", execute, spoil)
        now = self._clock.elapsed_s
        if spoil is not Spoil.LOST_REQUEST:
            arrives_s = now + self._latency_s(spoil)
            self._scheduler.call_at(arrives_s, exchange.label, partial(self._arrive, exchange))
        await until(now + timeout_s, exchange.answered, exchange.label)
        if exchange.answer is None:
            raise LostError
        return exchange.answer

    def _arrive(self, exchange: Exchange[T]) -> None:
        answer, spoil = exchange.execute(exchange.spoil), exchange.spoil
        if spoil is Spoil.LOST_ANSWER:
            return

        def answered() -> None:
            exchange.answer = answer
            exchange.answered.set()

        back_s = self._clock.elapsed_s + self._way_back_s(spoil)
        self._scheduler.call_at(back_s, "answer", answered)

    def _latency_s(self, spoil: Spoil | None) -> float:
        if spoil is Spoil.SLOW:
            return float(self._rng.randrange(20, 70))
        return 0.001 + self._rng.random() * 0.08

    def _way_back_s(self, spoil: Spoil | None) -> float:
        if spoil is Spoil.SLOW_ANSWER:
            return float(self._rng.randrange(8, 29))
        return 0.001 + self._rng.random() * 0.04

    def _spoil(self, label: str) -> Spoil | None:
        now = self._clock.elapsed_s
        self.rules[:] = [rule for rule in self.rules if rule.times and rule.until_s >= now]
        for rule in self.rules:
            if rule.match not in label:
                continue
            if rule.skip:
                rule.skip -= 1
                continue
            rule.times -= 1
            self.on_strike(rule.fault)
            return rule.spoil
        return None
