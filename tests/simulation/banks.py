"""Simulated banks: a debit is on its way for minutes or days, fails, or comes back after it was paid."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Protocol

from tests.simulation.clockwork import Scheduler, SimClock, until
from tests.simulation.stripe_raw import Json
from tests.simulation.stripe_side import StripeSide

HOUR_S = 3600.0
_SETTLE_S: tuple[float, ...] = (0.0, 20.0, 300.0, 1800.0, 5 * HOUR_S, 26 * HOUR_S, 4 * 24 * HOUR_S)
_RETURN_S = (0.0, 0.2, 3.0, 60.0, 1200.0, 7 * HOUR_S, 60 * HOUR_S)
_SOON_S = 600.0
"""How long a bank takes for a debit that somebody entered when the story was over."""

_AFTERWARDS_S = 900.0
"""How long the story goes on after a bank has spoken, so that people can answer it."""


class Street(Protocol):
    """Where the banks stand."""

    rng: random.Random
    clock: SimClock
    scheduler: Scheduler
    stripe: StripeSide
    story_ends_s: float
    is_calm: bool


class Banks:
    """Answers each debit later. `before_settling` sees a debit just before its bank speaks.

    `on_returned` hears of what came back. With `returns_all` every debit comes back; `settles_s` is
    how long they may take.
    """

    def __init__(self, street: Street) -> None:
        self._street = street
        self.returns_all = False
        self.settles_s = _SETTLE_S
        self.before_settling: Callable[[Json], None] = lambda _intent: None
        self.on_returned: Callable[[Json, Json], None] = lambda _intent, _dispute: None

    def debit(self, intent: Json, word: str) -> None:
        """Takes a debit in hand; `word` says what becomes of it."""
        name = f"bank {intent['id'][-6:]}"
        self._street.scheduler.spawn(name, self._settle(intent, word))

    async def _settle(self, intent: Json, word: str) -> None:
        street = self._street
        await self._wait(street.rng.choice(self.settles_s) * (0.5 + street.rng.random()))
        if intent["status"] != "processing":
            return
        self.before_settling(intent)
        if word == "bank_closed":
            street.stripe.fail(intent, "account_closed", "")
            return
        if word in {"bank_fail", "bank_again"}:
            street.stripe.fail(intent, "insufficient_funds")
            if word == "bank_again":  # on the page that is still open, without asking us
                await self._wait(street.rng.choice((0.0, 0.05, 0.3, 2.0, 40.0, 40.0, 40.0)))
                street.stripe.confirm(intent["id"], "bank")
            return
        street.stripe.succeed(intent)
        if word == "bank_return" or self.returns_all:
            await self._wait(street.rng.choice(_RETURN_S) * (0.5 + street.rng.random()))
            self.on_returned(intent, street.stripe.dispute(intent))

    async def _wait(self, seconds: float) -> None:
        street = self._street
        at_s = street.clock.elapsed_s + (min(seconds, _SOON_S) if street.is_calm else seconds)
        street.story_ends_s = max(street.story_ends_s, at_s + _AFTERWARDS_S)
        await until(at_s)
