"""How long to wait before the next try."""

from __future__ import annotations

from random import Random

import pytest

from splynx_stripe.kit.backoff import Backoff, system_dice


class Loaded:
    """Dice that always show the same."""

    def __init__(self, value: float) -> None:
        self._value = value

    def random(self) -> float:
        return self._value


@pytest.mark.parametrize(
    ("tries", "seconds"), [(0, 1), (1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (10_000, 300)]
)
def test_the_wait_doubles_up_to_its_ceiling(tries: int, seconds: float) -> None:
    assert Backoff(first_s=1, ceiling_s=300).delay_s(tries, Loaded(0)) == seconds


def test_chance_shortens_a_wait_by_a_quarter_at_most() -> None:
    backoff, dice = Backoff(first_s=8, ceiling_s=300), Random(1)  # noqa: S311 - no secrets here

    delays = [backoff.delay_s(1, dice) for _ in range(1000)]

    assert 6 <= min(delays) < 6.1
    assert 7.9 < max(delays) <= 8
    assert 0 <= system_dice().random() < 1
