"""A POST whose answer was lost is waited for, whatever the wall clock says (faults 6, 15, 50)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from splynx_stripe.domain.effect import EffectKind, EffectState, StoredEffect
from splynx_stripe.domain.errors import RetryableError
from splynx_stripe.domain.timing import Timing
from splynx_stripe.flows.posting_window import LostPosts
from tests.fake_clock import START, FakeClock

TIMING = Timing(verify_booking_after=timedelta(seconds=90))
NEVER_POSTED = StoredEffect(
    id=1,
    kind=EffectKind.BOOK_PAYMENT,
    key="book:att_1",
    attempt_id="att_1",
    state=EffectState.PENDING,
    tries=0,
    next_at=START,
    deadline_at=START + timedelta(minutes=15),
    claim=1,
    claimed_until=None,
    posting_at=None,
    last_error="",
)


def test_what_was_never_posted_is_not_waited_for() -> None:
    LostPosts(FakeClock(), TIMING).wait_for(NEVER_POSTED)


def test_a_post_of_this_process_is_waited_for_until_it_must_have_arrived() -> None:
    clock = FakeClock()
    posts = LostPosts(clock, TIMING)
    posts.announce(NEVER_POSTED)
    posted = replace(NEVER_POSTED, posting_at=clock.now())

    clock.advance(timedelta(seconds=60))
    with pytest.raises(RetryableError) as refusal:
        posts.wait_for(posted)
    clock.advance(timedelta(seconds=30))

    assert refusal.value.retry_after_s == pytest.approx(30)
    posts.wait_for(posted)


def test_a_wall_clock_that_was_set_forward_does_not_shorten_the_wait_after_a_crash() -> None:
    clock = FakeClock()
    posts = LostPosts(clock, TIMING)  # a new process: it does not know when the last one posted
    posted = replace(NEVER_POSTED, posting_at=clock.now() - timedelta(days=1))

    with pytest.raises(RetryableError, match="may still be on its way"):
        posts.wait_for(posted)
    clock.advance(timedelta(seconds=90))

    posts.wait_for(posted)


def test_a_long_lived_process_forgets_the_posts_that_are_over() -> None:
    clock = FakeClock()
    posts = LostPosts(clock, TIMING)
    for number in range(50):
        posts.announce(replace(NEVER_POSTED, key=f"book:att_{number}"))
        clock.advance(timedelta(seconds=30))

    assert len(posts._announced_s) <= 3
