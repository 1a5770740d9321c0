"""The token buckets: never more than promised, people first, slower when told so."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings, strategies as st

from splynx_stripe.kit.rate_limit import BURST_S, Priority, RateLimiter, TokenBucket

MINUTE_S = 60.0


class StepClock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime(2026, 11, 24, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        wakes_at = self.seconds + seconds
        await asyncio.sleep(0)
        self.seconds = max(self.seconds, wakes_at)


def bucket(rate_per_s: float = 25.0, reserved_share: float = 0.2) -> TokenBucket:
    return TokenBucket(rate_per_s=rate_per_s, reserved_share=reserved_share, now_s=0.0)


def takes(of: TokenBucket, until_s: float, priority: Priority, from_s: float = 0.0) -> list[float]:
    """Takes tokens as fast as allowed and gives the moments at which they were given."""
    now_s, moments = from_s, list[float]()
    while now_s < until_s:
        wait_s = of.take(now_s, priority)
        if wait_s:
            now_s += wait_s
        else:
            moments.append(now_s)
    return moments


@pytest.mark.parametrize("rate_per_s", [0.5, 1.0, 2.5, 25.0, 100.0])
def test_the_long_run_rate_is_within_one_percent(rate_per_s: float) -> None:
    given_away = takes(bucket(rate_per_s), 10 * MINUTE_S, Priority.INTERACTIVE)

    assert len(given_away) / (10 * MINUTE_S) == pytest.approx(rate_per_s, rel=0.01)


@pytest.mark.parametrize(("rate_per_s", "left_per_s"), [(1.0, 1.0), (25.0, 20.0), (100.0, 80.0)])
def test_the_long_run_rate_of_background_work_is_what_the_reserve_leaves(
    rate_per_s: float, left_per_s: float
) -> None:
    given_away = takes(bucket(rate_per_s), 10 * MINUTE_S, Priority.BACKGROUND)

    assert len(given_away) / (10 * MINUTE_S) == pytest.approx(left_per_s, rel=0.01)


@pytest.mark.parametrize("priority", list(Priority))
def test_no_second_sees_more_than_the_limit_not_even_the_first(priority: Priority) -> None:
    moments = takes(bucket(25.0), MINUTE_S, priority)

    for begin_s in moments:
        assert sum(begin_s <= moment < begin_s + 1 - 1e-5 for moment in moments) <= 25


@settings(deadline=None)  # a busy machine is not a failure
@given(
    rate_per_s=st.floats(0.5, 200),
    share=st.floats(0, 0.9),
    asks=st.lists(st.tuples(st.floats(0, 0.3), st.sampled_from(Priority)), max_size=200),
)
def test_no_period_ever_gets_more_than_the_burst_and_the_rate(
    rate_per_s: float, share: float, asks: list[tuple[float, Priority]]
) -> None:
    tokens = bucket(rate_per_s, share)
    now_s, moments = 0.0, list[float]()

    for pause_s, priority in asks:
        now_s += pause_s
        if not tokens.take(now_s, priority):
            moments.append(now_s)

    for first, begin_s in enumerate(moments):
        for last in range(first, len(moments)):
            most = tokens.burst + rate_per_s * (moments[last] - begin_s)
            assert last - first + 1 <= most + 1e-6


def test_an_idle_bucket_does_not_save_up_more_than_its_burst() -> None:
    tokens = bucket(25.0, 0.0)

    at_once = takes(tokens, MINUTE_S + 0.001, Priority.INTERACTIVE, from_s=MINUTE_S)

    assert len(at_once) == int(25 * BURST_S)


def test_a_person_finds_a_token_at_any_moment_while_background_work_takes_all_it_can() -> None:
    for until_s in range(1, 50):
        tokens = bucket(25.0, 0.2)
        latest_s = takes(tokens, until_s * 0.37, Priority.BACKGROUND)[-1]

        assert tokens.take(latest_s + 0.04, Priority.INTERACTIVE) == 0


def test_people_may_use_the_whole_rate_and_leave_background_work_nothing() -> None:
    tokens = bucket(25.0, 0.2)

    latest_s = takes(tokens, 10.0, Priority.INTERACTIVE)[-1]

    assert tokens.take(latest_s + 0.04, Priority.BACKGROUND) > 0


def test_background_work_is_not_shut_out_by_a_reserve_of_nearly_everything() -> None:
    assert bucket(1.0, 0.9).take(0.0, Priority.BACKGROUND) == 0


def test_a_refusal_halves_the_rate_and_empties_the_bucket() -> None:
    tokens = bucket(25.0)

    tokens.throttle(1.0)

    assert tokens.rate_per_s(1.0) == 12.5
    assert tokens.take(1.0, Priority.INTERACTIVE) > 0


def test_refusals_that_arrive_together_halve_the_rate_once() -> None:
    tokens = bucket(24.0)

    for _ in range(10):
        tokens.throttle(1.0)

    assert tokens.rate_per_s(1.0) == 12.0


def test_the_rate_never_falls_below_one_per_second() -> None:
    tokens = bucket(25.0)

    for second in range(100):
        tokens.throttle(second * 1.0)

    assert tokens.rate_per_s(99.0) == pytest.approx(1.0)


def test_the_rate_recovers_slowly_and_completely() -> None:
    tokens = bucket(25.0)
    tokens.throttle(0.0)

    assert tokens.rate_per_s(6.0) == pytest.approx(15.0)
    assert tokens.rate_per_s(31.0) == 25.0


def test_what_a_recovering_bucket_gives_is_the_sum_of_its_rates() -> None:
    tokens = bucket(25.0)
    tokens.throttle(0.0)

    moments = takes(tokens, 30.0, Priority.INTERACTIVE)

    assert len(moments) == pytest.approx((12.5 + 25.0) / 2 * 30, rel=0.01)


def test_a_wait_is_never_too_short_for_a_clock_to_notice() -> None:
    tokens = bucket(1.0, 0.0)
    tokens.take(0.0, Priority.INTERACTIVE)

    assert tokens.take(1 - 1e-8, Priority.INTERACTIVE) >= 0.001


@pytest.mark.parametrize(("rate_per_s", "share"), [(0.0, 0.2), (-1.0, 0.2), (5.0, 1.0)])
def test_a_bucket_that_could_never_give_anything_is_refused(
    rate_per_s: float, share: float
) -> None:
    with pytest.raises(ValueError, match="rate above 0"):
        bucket(rate_per_s, share)


async def test_those_who_wait_together_are_served_in_turn_at_the_rate() -> None:
    clock = StepClock()
    limiter = RateLimiter(clock, rate_per_s=10.0, reserved_share=0.0)
    served = list[int]()

    async def one(number: int) -> None:
        await limiter.acquire(Priority.BACKGROUND)
        served.append(number)

    await asyncio.gather(*(one(number) for number in range(105)))

    assert served == list(range(105))
    assert clock.seconds == pytest.approx(10.0, abs=0.5)


async def test_a_person_overtakes_background_work_that_came_before() -> None:
    clock = StepClock()
    limiter = RateLimiter(clock, rate_per_s=10.0, reserved_share=0.2)
    served = list[Priority]()

    async def one(priority: Priority) -> None:
        await limiter.acquire(priority)
        served.append(priority)

    await asyncio.gather(*(one(Priority.BACKGROUND) for _ in range(50)), one(Priority.INTERACTIVE))

    assert served.index(Priority.INTERACTIVE) <= 9


async def test_a_cancelled_waiter_costs_no_token() -> None:
    clock = StepClock()
    limiter = RateLimiter(clock, rate_per_s=1.0, reserved_share=0.0)
    await limiter.acquire(Priority.INTERACTIVE)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(limiter.acquire(Priority.INTERACTIVE), timeout=0)
    clock.seconds = 1.0
    await limiter.acquire(Priority.INTERACTIVE)

    assert clock.seconds == pytest.approx(1.0)


async def test_a_throttled_limiter_says_its_rate() -> None:
    limiter = RateLimiter(StepClock(), rate_per_s=10.0, reserved_share=0.2)

    limiter.throttle()

    assert limiter.rate_per_s == 5.0
