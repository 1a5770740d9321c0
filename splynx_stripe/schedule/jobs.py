"""The periodic jobs: reading Stripe's events list, releasing idle leases, and others; on the leader only."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
    StaleWriteError,
)
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.flows.look_after import LookAfter
from splynx_stripe.flows.poll import Poll
from splynx_stripe.kit.clock import Clock
from splynx_stripe.store.errors import StoreUnavailableError

log = logging.getLogger(__name__)

_TROUBLES = (RejectedError, RetryableError, OutcomeUnknownError, BrokenInvariantError)
_RELEASE_EVERY = timedelta(minutes=1)


class Jobs:
    """Starts and stops the jobs. A run that takes longer than its interval is not doubled."""

    def __init__(
        self,
        *,
        poll: Poll,
        look_after: LookAfter,
        accounts: Callable[[], Iterable[StripeAccount]],
        polling_interval: timedelta,
        clock: Clock,
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        self._clock = clock
        self._poll = poll
        self._look_after = look_after
        self._accounts = accounts
        self._leads = leads
        self._polling_interval = polling_interval
        self._troubles: dict[StripeAccount, str] = {}
        self._further: list[tuple[Callable[[], Awaitable[None]], timedelta]] = []
        self._scheduler = AsyncIOScheduler(timezone="UTC")

    def also(self, job: Callable[[], Awaitable[None]], every: timedelta) -> None:
        """Adds a job before the start. It deals with its own troubles."""
        self._further.append((job, every))

    def start(self) -> None:
        """Starts the clockwork; the first poll follows at once, for what happened while we were down."""
        self._add(self._when_leading(self.poll_all), self._polling_interval)
        self._add(self._when_leading(self._release), _RELEASE_EVERY)
        for job, every in self._further:
            self._add(self._when_leading(job), every)
        self._scheduler.start()

    def hurry(self) -> None:
        """Runs the jobs at once, because this daemon has become the leader."""
        for job in self._scheduler.get_jobs():
            job.modify(next_run_time=self._clock.now())

    def stop(self) -> None:
        """Stops the clockwork; running jobs are cancelled and lose nothing."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def troubles(self) -> list[str]:
        """Gives a sentence for each account that could not be read at the last try."""
        return list(self._troubles.values())

    def troubled(self) -> list[StripeAccount]:
        """Gives the accounts that could not be read at the last try."""
        return list(self._troubles)

    async def poll_all(self) -> None:
        """Reads the events of every account; one that fails does not stop the others."""
        for account in self._accounts():
            try:
                new = await self._poll.run(account)
            except _TROUBLES as error:
                # What is not for a while, such as a key that is not accepted, needs a person.
                passes = isinstance(error, RetryableError | OutcomeUnknownError)
                level = logging.WARNING if passes else logging.ERROR
                log.log(level, "poll.failed", extra={"account": account.key, "error": str(error)})
                self._troubles[account] = f"Stripe account {account.key} cannot be read: {error}"
            else:
                self._troubles.pop(account, None)
                if new:
                    log.info("poll.found", extra={"account": account.key, "events": new})

    def _when_leading(self, job: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        """Makes a job that does nothing on a daemon which does not lead, and survives everything."""

        async def led() -> None:
            if not self._leads():
                self._troubles.clear()  # they are the leader's to tell
                return
            try:
                await job()
            except asyncio.CancelledError:
                return  # by `stop`; APScheduler would call it an error, and nothing is lost
            except StaleWriteError:
                log.warning("schedule.fenced", extra={"job": job.__name__})
            except StoreUnavailableError as error:
                log.warning("schedule.waits", extra={"job": job.__name__, "error": str(error)})

        return led

    async def _release(self) -> None:
        released = await self._look_after.release_idle_leases()
        if released:
            log.info("lease.released", extra={"count": released})

    def _add(self, job: Callable[[], Awaitable[None]], every: timedelta) -> None:
        self._scheduler.add_job(
            job,
            "interval",
            seconds=every.total_seconds(),
            next_run_time=self._clock.now(),
            misfire_grace_time=None,
            max_instances=1,
            coalesce=True,
        )
