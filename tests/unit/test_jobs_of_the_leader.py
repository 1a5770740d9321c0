"""The periodic jobs run on the leader only, and outlive a database that goes away (I10)."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from typing_extensions import override

from splynx_stripe.domain.errors import StaleWriteError
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.flows.look_after import LookAfter
from splynx_stripe.flows.poll import Poll
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.schedule.jobs import Jobs
from splynx_stripe.store.errors import StoreUnavailableError

ACCOUNT = StripeAccount("default", livemode=False)


class PollOfTest(Poll):
    """Counts its runs; raises while there is an error."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.runs = 0
        self.ran = asyncio.Event()

    @override
    async def run(self, account: StripeAccount) -> int:
        if self.error is not None:
            raise self.error
        self.runs += 1
        self.ran.set()
        return 0


class NothingToLookAfter(LookAfter):
    def __init__(self) -> None:
        """Needs no rooms."""

    @override
    async def release_idle_leases(self) -> int:
        return 0


@dataclass
class Election:
    """Whether this daemon leads."""

    leads: bool = False
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    def ask(self) -> bool:
        self.asked.set()
        return self.leads


def jobs_with(poll: Poll, election: Election) -> Jobs:
    return Jobs(
        poll=poll,
        look_after=NothingToLookAfter(),
        accounts=lambda: (ACCOUNT,),
        polling_interval=timedelta(days=1),
        clock=SystemClock(),
        leads=election.ask,
    )


async def test_a_daemon_polls_as_soon_as_it_leads_and_not_before() -> None:
    poll, election = PollOfTest(), Election()
    jobs = jobs_with(poll, election)
    jobs.start()
    try:
        await asyncio.wait_for(election.asked.wait(), timeout=20)
        runs_before = poll.runs

        election.leads = True
        jobs.hurry()
        await asyncio.wait_for(poll.ran.wait(), timeout=20)
    finally:
        jobs.stop()

    assert runs_before == 0
    assert poll.runs >= 1


@pytest.mark.parametrize(
    ("error", "logged"),
    [
        (StaleWriteError("another daemon leads"), "schedule.fenced"),
        (StoreUnavailableError("away"), "schedule.waits"),
    ],
)
async def test_a_job_that_is_fenced_or_finds_no_database_ends_with_one_line(
    error: Exception, logged: str, caplog: pytest.LogCaptureFixture
) -> None:
    poll = PollOfTest()
    poll.error = error
    jobs = jobs_with(poll, Election(leads=True))

    with caplog.at_level(logging.WARNING):
        await jobs._when_leading(jobs.poll_all)()

    assert [record.message for record in caplog.records] == [logged]


async def test_troubles_are_told_by_the_leader_only() -> None:
    poll, election = PollOfTest(), Election(leads=True)
    jobs = jobs_with(poll, election)
    jobs._troubles[ACCOUNT] = "cannot be read"

    election.leads = False
    await jobs._when_leading(jobs.poll_all)()

    assert jobs.troubles() == []
