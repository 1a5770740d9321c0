"""Answers of Splynx that hardly ever change, kept for a short time instead of asked for each time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from splynx_stripe.kit.clock import Clock

K = TypeVar("K")
V = TypeVar("V")

KEPT_S = 60.0
"""How long somebody may have to wait until a change of Splynx's configuration is seen here."""


class Remembered(Generic[K, V]):
    """The last answers, by what was asked. An error is never remembered.

    For what people configure, such as names, and never for money or what is owed: a wrong answer
    must cost no more than a refusal, after which `forget` lets the next question go to Splynx.
    """

    def __init__(self, clock: Clock, kept_s: float = KEPT_S) -> None:
        self._clock = clock
        self._kept_s = kept_s
        self._answers: dict[K, tuple[float, V]] = {}

    async def answer(self, key: K, ask: Callable[[], Awaitable[V]]) -> V:
        """Gives the answer to `key`, of at most `kept_s` seconds ago; else asks. Raises what `ask` does."""
        known = self._answers.get(key)
        asked_s = self._clock.monotonic()
        if known is not None and asked_s - known[0] < self._kept_s:
            return known[1]
        given = await ask()
        # As of the question: what changed while the answer was on its way is not in it.
        self._answers[key] = (asked_s, given)
        return given

    def forget(self) -> None:
        """Lets every next question be asked again."""
        self._answers.clear()
