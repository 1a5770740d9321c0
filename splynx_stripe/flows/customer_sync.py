"""Keeps Stripe's customers like Splynx's: soon after the first use, and all of them every night."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from splynx_stripe.domain.customer_sync import (
    MappedCustomer,
    Phase,
    SharedMethod,
    Standing,
    SyncRound,
    Twice,
    is_due,
)
from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
)
from splynx_stripe.flows.customer_sync_rooms import CustomerSyncRooms
from splynx_stripe.flows.customer_sync_sighting import Sighting
from splynx_stripe.flows.customer_sync_telling import Telling
from splynx_stripe.flows.ports import Unit

log = logging.getLogger(__name__)

TICK = timedelta(minutes=1)
"""How often the scheduler calls `tick`; a new customer of Stripe's gets the address so soon."""

_BUDGET_S = 45.0
"""How long one tick works: it ends before the next begins, and the round goes on there."""

_BATCH = 50
_WAIT_AGAIN = timedelta(minutes=10)
"""After what time one who could not be told is tried again."""

_REST_S = 60.0
_REST_OF_A_PERSON_S = 900.0
"""How long nothing is tried after something that a person has to mend."""

_TRIES_IN_A_ROW = 10
_LISTED = 1000
"""How many of each kind a status names."""

_PASSING = (RetryableError, OutcomeUnknownError)
_LASTING = (RejectedError, BrokenInvariantError)


@dataclass(frozen=True, slots=True)
class SyncStatus:
    """How the comparison stands, for people and metrics."""

    last: SyncRound | None
    standings: Mapping[Standing, int]
    refused: Sequence[MappedCustomer]
    twice: Sequence[Twice]
    shared: Sequence[SharedMethod]


class CustomerSync:
    """The comparison of customers. Killed at any moment it goes on where it was, nothing is sent twice."""

    def __init__(self, rooms: CustomerSyncRooms) -> None:
        self._rooms = rooms
        self._rests_until_s = 0.0

    async def tick(self) -> None:
        """Does a bounded part of what is due. What is in the way is logged and tried again.

        Raises:
            StaleWriteError: this daemon does not lead any more, or a command is at it. Call again
                later.
        """
        clock = self._rooms.clock
        if clock.monotonic() < self._rests_until_s:
            return
        until_s = clock.monotonic() + _BUDGET_S
        try:
            await self._catch_up(until_s)
            await self._go_on(until_s)
        except _PASSING as error:
            log.warning("sync.waits", extra={"error": str(error)})
            wait_s = getattr(error, "retry_after_s", 0.0)
            self._rests_until_s = clock.monotonic() + max(wait_s, _REST_S)
        except _LASTING as error:
            why = str(error)
            log.error("sync.stopped", extra={"error": why})  # noqa: TRY400 - it is a sentence for people
            self._rests_until_s = clock.monotonic() + _REST_OF_A_PERSON_S
            await self._rooms.store.run(lambda unit: _noted(unit, why))

    async def run_to_end(self, progress: Callable[[SyncRound], None]) -> SyncRound:
        """Begins a round, or goes on with the one under way, and brings it to its end.

        Raises:
            RetryableError, OutcomeUnknownError: Splynx or Stripe did not answer many times in a row.
            RejectedError, BrokenInvariantError: a person has to look.
            StaleWriteError: a daemon is at it.
        """
        sync_round = await self._under_way() or await self._begin()
        telling = Telling(self._rooms)
        troubles = 0
        while sync_round.phase is not Phase.DONE:
            try:
                sync_round = await self._step(sync_round, telling)
                troubles = 0
                progress(sync_round)
            except _PASSING as error:
                troubles += 1
                if troubles >= _TRIES_IN_A_ROW:
                    raise
                await self._rooms.clock.sleep(max(1.0, getattr(error, "retry_after_s", 0.0)))
                sync_round = await self._under_way() or sync_round
        return sync_round

    async def status(self) -> SyncStatus:
        """Tells how it stands."""
        return await self._rooms.store.read(
            lambda unit: SyncStatus(
                last=unit.sync_round(),
                standings=unit.sync_standings(),
                refused=unit.customers_standing(Standing.REFUSED, _LISTED),
                twice=unit.customers_twice(_LISTED),
                shared=unit.shared_methods(_LISTED),
            )
        )

    async def _catch_up(self, until_s: float) -> None:
        """Tells Stripe about customers made since the last round, and those that had to wait."""
        telling = Telling(self._rooms)
        while self._rooms.clock.monotonic() < until_s:
            before = self._rooms.clock.now() - _WAIT_AGAIN
            batch = await self._rooms.store.read(
                lambda unit, before=before: unit.untold_customers(  # type: ignore[misc]  # a default binds the loop's value
                    tried_before=before, limit=_BATCH
                )
            )
            if not batch:
                return
            told = await telling.tell(batch)
            if told.trouble is not None:
                raise told.trouble

    async def _go_on(self, until_s: float) -> None:
        sync_round = await self._under_way()
        if sync_round is None:
            last = await self._rooms.store.read(lambda unit: unit.sync_round())
            now, rooms = self._rooms.clock.now(), self._rooms
            if not is_due(last, now=now, at=rooms.at, zone=rooms.timezone):
                return
            sync_round = await self._begin()
        telling = Telling(self._rooms)
        while sync_round.phase is not Phase.DONE and self._rooms.clock.monotonic() < until_s:
            sync_round = await self._step(sync_round, telling)

    async def _step(self, sync_round: SyncRound, telling: Telling) -> SyncRound:
        """Does one batch or page, saves how far it came, and gives the round as it is then."""
        if sync_round.phase is Phase.SPLYNX:
            return await self._compare(sync_round, telling)
        after = await Sighting(self._rooms, telling).step(sync_round)
        if after.phase is Phase.DONE:
            await self._tell_the_end(after)
        return after

    async def _compare(self, sync_round: SyncRound, telling: Telling) -> SyncRound:
        batch = await self._rooms.store.read(
            lambda unit: unit.mapped_customers(after=sync_round.cursor, limit=_BATCH)
        )
        if not batch:
            return await self._save(replace(sync_round, phase=Phase.STRIPE, cursor=""))
        told = await telling.tell(batch)
        counts = dict(Counter(sync_round.counts) + told.counts)
        # Also behind one in trouble: those are found again, and must not hold up the others.
        after = await self._save(replace(sync_round, cursor=told.last.place, counts=counts))
        if told.trouble is not None:
            raise told.trouble
        return after

    async def _begin(self) -> SyncRound:
        now = self._rooms.clock.now()

        def work(unit: Unit) -> SyncRound:
            last = unit.sync_round()
            number, version = (last.number + 1, last.version) if last else (1, 0)
            fresh = SyncRound(number, Phase.SPLYNX, now, version=version)
            return unit.save_sync_round(fresh)

        begun = await self._rooms.store.run(work)
        log.info("sync.begun", extra={"round": begun.number})
        return begun

    async def _tell_the_end(self, sync_round: SyncRound) -> None:
        status = await self.status()
        counted = {
            "round": sync_round.number,
            **sync_round.counts,
            "twice": len(status.twice),
            "shared": len(status.shared),
        }
        log.info("sync.finished", extra=counted)

    async def _under_way(self) -> SyncRound | None:
        last = await self._rooms.store.read(lambda unit: unit.sync_round())
        return last if last is not None and last.finished_at is None else None

    async def _save(self, sync_round: SyncRound) -> SyncRound:
        return await self._rooms.store.run(lambda unit: unit.save_sync_round(sync_round))


def _noted(unit: Unit, why: str) -> None:
    last = unit.sync_round()
    if last is not None and last.finished_at is None:
        unit.save_sync_round(replace(last, note=why))
