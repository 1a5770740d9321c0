"""A request that Splynx would not recognise as a repetition does not leave late (faults 9, 50)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from typing_extensions import override

from splynx_stripe.domain.errors import RetryableError
from splynx_stripe.domain.timing import Timing
from splynx_stripe.flows.posting_window import PostingWindow
from tests.fake_clock import START, FakeClock

WINDOW = timedelta(seconds=45)


def test_a_request_may_leave_while_the_window_is_open() -> None:
    clock = FakeClock()
    window = PostingWindow(clock, WINDOW)

    clock.advance(WINDOW)

    window.require_open("the payment was posted")


def test_a_worker_that_was_held_up_does_not_send_and_says_so() -> None:
    clock = FakeClock()
    window = PostingWindow(clock, WINDOW)

    clock.advance(WINDOW + timedelta(seconds=1))

    with pytest.raises(RetryableError, match="held up too long before the payment was posted"):
        window.require_open("the payment was posted")


class FrozenMachineClock(FakeClock):
    """The clock of a virtual machine that was frozen: its monotonic time stood still."""

    @override
    def monotonic(self) -> float:
        return 0.0


class ClockSetBack(FakeClock):
    """A clock that was set back an hour while its machine went on."""

    @override
    def now(self) -> datetime:
        return START - timedelta(hours=1)


@pytest.mark.parametrize("clock", [FrozenMachineClock(), ClockSetBack()])
def test_one_of_the_two_clocks_is_enough_to_notice(clock: FakeClock) -> None:
    window = PostingWindow(clock, WINDOW)

    clock.advance(timedelta(minutes=5))

    with pytest.raises(RetryableError):
        window.require_open("the payment was posted")


def test_absence_is_believed_well_after_the_last_moment_at_which_a_request_leaves() -> None:
    timing = Timing()

    assert timing.posting_window * 2 <= timing.verify_booking_after < timing.effect_claim
