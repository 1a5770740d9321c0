"""What Splynx's administrators configure is asked for once in a while, and never wrong for long."""

from __future__ import annotations

from datetime import timedelta

import pytest

from splynx_stripe.gateways.splynx.remembered import KEPT_S, Remembered
from tests.fake_clock import FakeClock


class Splynx:
    """Counts what it is asked and answers with the count, or fails."""

    def __init__(self, clock: FakeClock) -> None:
        self.asked = 0
        self.is_down = False
        self.takes = timedelta(0)
        self._clock = clock

    async def ask(self) -> int:
        self.asked += 1
        self._clock.advance(self.takes)
        if self.is_down:
            raise TimeoutError
        return self.asked


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def splynx(clock: FakeClock) -> Splynx:
    return Splynx(clock)


@pytest.fixture
def remembered(clock: FakeClock) -> Remembered[int, int]:
    return Remembered(clock)


async def test_an_answer_is_given_again_for_a_minute_and_then_asked_for_anew(
    clock: FakeClock, splynx: Splynx, remembered: Remembered[int, int]
) -> None:
    first = [await remembered.answer(1, splynx.ask) for _ in range(2)]
    clock.advance(timedelta(seconds=KEPT_S - 1))
    still = await remembered.answer(1, splynx.ask)
    clock.advance(timedelta(seconds=1))

    assert (first, still) == ([1, 1], 1)
    assert await remembered.answer(1, splynx.ask) == 2


async def test_each_question_has_an_answer_of_its_own(
    splynx: Splynx, remembered: Remembered[int, int]
) -> None:
    answers = [await remembered.answer(key, splynx.ask) for key in (1, 2, 1, 2)]

    assert answers == [1, 2, 1, 2]


async def test_an_error_is_never_remembered(
    splynx: Splynx, remembered: Remembered[int, int]
) -> None:
    splynx.is_down = True
    with pytest.raises(TimeoutError):
        await remembered.answer(1, splynx.ask)
    splynx.is_down = False

    assert await remembered.answer(1, splynx.ask) == 2


async def test_what_is_forgotten_is_asked_for_at_once(
    splynx: Splynx, remembered: Remembered[int, int]
) -> None:
    await remembered.answer(1, splynx.ask)
    remembered.forget()

    assert await remembered.answer(1, splynx.ask) == 2


async def test_a_slow_answer_is_as_old_as_its_question(
    clock: FakeClock, splynx: Splynx, remembered: Remembered[int, int]
) -> None:
    splynx.takes = timedelta(seconds=KEPT_S)
    await remembered.answer(1, splynx.ask)

    assert await remembered.answer(1, splynx.ask) == 2
