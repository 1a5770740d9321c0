"""The periodic jobs: one Stripe account in trouble does not hold up the others."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from typing_extensions import override

from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    NotPermittedError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
)
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.flows.look_after import LookAfter
from splynx_stripe.flows.poll import Poll
from splynx_stripe.schedule.jobs import Jobs
from tests.fake_clock import FakeClock

BROKEN, WELL = StripeAccount("2", livemode=False), StripeAccount("default", livemode=False)


class PollOfTest(Poll):
    """Has trouble with one account while there is an error."""

    def __init__(self, error: Exception) -> None:
        self.error: Exception | None = error
        self.read: list[StripeAccount] = []

    @override
    async def run(self, account: StripeAccount) -> int:
        if account == BROKEN and self.error is not None:
            raise self.error
        self.read.append(account)
        return 1


class NothingToLookAfter(LookAfter):
    def __init__(self) -> None:
        """Needs no rooms."""

    @override
    async def release_idle_leases(self) -> int:
        return 0


def jobs_with(poll: Poll) -> Jobs:
    return Jobs(
        poll=poll,
        look_after=NothingToLookAfter(),
        accounts=lambda: (BROKEN, WELL),
        polling_interval=timedelta(minutes=1),
        clock=FakeClock(),
    )


@pytest.mark.parametrize(
    "error",
    [
        RejectedError("no"),
        NotPermittedError("no"),
        RetryableError("no"),
        OutcomeUnknownError("no"),
        BrokenInvariantError("no"),
    ],
)
async def test_an_account_that_cannot_be_read_is_reported_and_the_others_are_read(
    error: Exception,
) -> None:
    """I8, I10."""
    poll = PollOfTest(error)
    jobs = jobs_with(poll)

    await jobs.poll_all()

    assert poll.read == [WELL]
    assert jobs.troubles() == ["Stripe account 2:test cannot be read: no"]


async def test_a_trouble_is_forgotten_when_it_is_over() -> None:
    poll = PollOfTest(RetryableError("no"))
    jobs = jobs_with(poll)
    await jobs.poll_all()

    poll.error = None
    await jobs.poll_all()

    assert jobs.troubles() == []


def test_stopping_what_was_never_started_does_no_harm() -> None:
    jobs_with(PollOfTest(RetryableError("no"))).stop()


class PollThatLasts(Poll):
    """Reads until it is cancelled."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()

    @override
    async def run(self, account: StripeAccount) -> int:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()
        return 0


async def test_stopping_in_the_middle_of_a_poll_is_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """I14. An error in the log means that a person must look; a restart is no such thing."""
    poll = PollThatLasts()
    jobs = jobs_with(poll)
    jobs.start()
    jobs.hurry()
    await poll.begun.wait()

    jobs.stop()
    await poll.ended.wait()
    await asyncio.sleep(0)

    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_further_job_runs_with_the_others_and_only_on_the_leader() -> None:
    leads = False
    ran = asyncio.Event()
    asked: list[bool] = []

    async def job() -> None:
        ran.set()

    def is_leader() -> bool:
        asked.append(leads)
        return leads

    jobs = Jobs(
        poll=PollOfTest(RetryableError("no")),
        look_after=NothingToLookAfter(),
        accounts=tuple,
        polling_interval=timedelta(minutes=1),
        clock=FakeClock(),
        leads=is_leader,
    )
    jobs.also(job, timedelta(minutes=1))
    jobs.start()
    while len(asked) < 3:  # noqa: ASYNC110 - the jobs themselves are next
        await asyncio.sleep(0)
    ran_without_lead = ran.is_set()
    leads = True
    jobs.hurry()
    await ran.wait()
    jobs.stop()

    assert not ran_without_lead
