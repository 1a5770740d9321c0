"""The watch over the wall clock: it speaks once per jump, and only of jumps (fault 15)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from typing_extensions import override

from splynx_stripe.schedule.clock_watch import ClockWatch
from tests.fake_clock import FakeClock


class TwoClocks(FakeClock):
    """A wall clock that can be set, beside one that only counts."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = timedelta()

    @override
    def now(self) -> datetime:
        return super().now() + self.ahead

    @override
    def monotonic(self) -> float:
        return (super().now() - datetime(2026, 11, 24, tzinfo=UTC)).total_seconds()


@pytest.mark.parametrize("ahead", [timedelta(days=1), timedelta(hours=-1), timedelta(seconds=6)])
def test_a_jump_is_told_once_and_the_jobs_begin_anew(
    ahead: timedelta, caplog: pytest.LogCaptureFixture
) -> None:
    clock, jumps = TwoClocks(), []
    watch = ClockWatch(clock, lambda: jumps.append(clock.now()))

    clock.ahead = ahead
    watch.look()
    watch.look()

    assert len(jumps) == 1
    (record,) = caplog.records
    assert (record.getMessage(), vars(record)["by_s"]) == (
        "clock.jumped",
        round(ahead.total_seconds()),
    )


def test_time_that_passes_and_what_ntp_corrects_is_no_jump() -> None:
    clock, jumps = TwoClocks(), []
    watch = ClockWatch(clock, lambda: jumps.append(clock.now()))

    for _ in range(10):
        clock.advance(timedelta(minutes=1))
        clock.ahead += timedelta(seconds=0.4)
        watch.look()

    assert jumps == []
