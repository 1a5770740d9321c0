"""How long to wait before the next try."""

from __future__ import annotations

from dataclasses import dataclass
from random import SystemRandom
from typing import Protocol


class Dice(Protocol):
    """What we need of a `random.Random`."""

    def random(self) -> float:
        """Gives a number from 0 up to, but not including, 1."""
        ...


def system_dice() -> Dice:
    """Gives dice that nobody can foresee."""
    return SystemRandom()


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential waiting with jitter: `first_s`, doubled per try, never above `ceiling_s`."""

    first_s: float
    ceiling_s: float
    jitter: float = 0.25

    def delay_s(self, tries: int, dice: Dice) -> float:
        """Gives the seconds to wait after `tries` failed tries (1 = after the first)."""
        doublings = min(max(tries, 1) - 1, 30)
        plain_s = min(self.first_s * 2.0**doublings, self.ceiling_s)
        return plain_s * (1 - self.jitter * dice.random())
