"""The engine of charge runs: makes plans, charges, finishes. Only the leader's does anything.

One daemon charges at a time, because the limits of Stripe are per account and its buckets are in our
memory: two daemons would each believe that they have all of the rate. Its store is fenced, so a leader
of yesterday that wakes up writes nothing, and an item that it had begun is gone on with by its origin.
Accounts are charged in parallel, and so are runs; the items of one customer one after the other.

What makes a run rest: Splynx or Stripe cannot be asked, or charging is stopped. Then nothing new
begins, and it is tried again after a while, longer each time. Bookings, events and people go on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from splynx_stripe.domain.charge_run import (
    ChargeRun,
    ItemStanding,
    RunNews,
    RunState,
    run_step,
)
from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
    StaleWriteError,
)
from splynx_stripe.flows.charge_run_lane import PAGE, Lane, LaneWorker, together
from splynx_stripe.flows.charge_run_plan import PLANNER, RunPlanner
from splynx_stripe.flows.charge_run_rooms import ChargeRunRooms
from splynx_stripe.flows.charge_run_summary import RunSummary
from splynx_stripe.flows.charge_runs import cancel_run, why_too_old
from splynx_stripe.flows.ports import Unit
from splynx_stripe.flows.safe_stop import unattended_stop
from splynx_stripe.kit.backoff import Backoff, Dice
from splynx_stripe.kit.tasks import Supervisor

log = logging.getLogger(__name__)

TICK = timedelta(seconds=2)
"""How often the scheduler calls `tick`: so long a person waits at most for a run to begin."""

_REST = Backoff(first_s=5, ceiling_s=300)
_AT_WORK = frozenset({RunState.PLANNING, RunState.RUNNING})


@dataclass(slots=True)
class _Rest:
    """How often a run had to rest in a row, and until when (by the monotonic clock)."""

    times: int
    until_s: float


class ChargeRunEngine:
    """Does what charge runs need done."""

    def __init__(
        self,
        rooms: ChargeRunRooms,
        worker: LaneWorker,
        summary: RunSummary,
        dice: Dice,
    ) -> None:
        self._rooms = rooms
        self._planner = RunPlanner(rooms)
        self._worker = worker
        self._summary = summary
        self._dice = dice
        self._rests: dict[str, _Rest] = {}

    async def tick(self) -> None:
        """Works until nothing is due; what is begun meanwhile is taken up, too.

        Raises:
            StaleWriteError: another daemon leads.
        """
        at_work: dict[str, asyncio.Task[None]] = {}
        async with Supervisor() as tasks:
            while True:
                for run in await self._due():
                    if run.id not in at_work:
                        at_work[run.id] = tasks.start(f"charge-run {run.id}", self._work(run))
                if not at_work:
                    return
                pause = tasks.start(
                    "charge-runs pause", self._rooms.clock.sleep(TICK.total_seconds())
                )
                await _some_end(at_work, pause)

    async def _due(self) -> Sequence[ChargeRun]:
        """Lists the runs that have something to do now, and lets go of plans that are too old."""
        now, now_s = self._rooms.clock.now(), self._rooms.clock.monotonic()
        runs = await self._rooms.store.read(lambda unit: unit.live_charge_runs())
        for run in runs:
            too_old = why_too_old(run, now)
            if too_old:
                await self._cancel(run, too_old)
        runs = [run for run in runs if not why_too_old(run, now)]
        self._rests = {run.id: self._rests[run.id] for run in runs if run.id in self._rests}
        return [
            run
            for run in runs
            if run.state in _AT_WORK
            and (run.id not in self._rests or self._rests[run.id].until_s <= now_s)
        ]

    async def _work(self, run: ChargeRun) -> None:
        try:
            if run.state is RunState.PLANNING:
                await self._planner.plan(run)
            else:
                await self._charge(run)
        except (RetryableError, OutcomeUnknownError) as error:
            await self._rest(run, str(error))
        except (RejectedError, BrokenInvariantError) as error:
            if run.state is RunState.PLANNING:
                await self._cancel(run, f"The plan could not be made. {error}")
            else:
                await self._rest(run, str(error))
        except StaleWriteError:
            # Somebody paused or canceled it, or another daemon leads; the next look tells.
            await self._rooms.store.run(_nothing)

    async def _charge(self, run: ChargeRun) -> None:
        """Charges what is open, by account; then the run is done, unless something makes it rest."""
        stop = await self._rooms.store.read(unattended_stop)
        if stop:
            await self._rest(run, stop)
            return
        if run.reason:
            await self._note(run, "")
        accounts = await self._rooms.store.read(lambda unit: unit.open_run_accounts(run.id))
        lanes = [Lane(run, account) for account in accounts if account]
        await together([self._worker.work(lane) for lane in lanes])
        if any(lane.ended for lane in lanes):
            return
        if any(lane.gone_through for lane in lanes):
            self._rests.pop(run.id, None)  # what is in the way now is new
        halted = next((lane.halted for lane in lanes if lane.halted), "")
        if halted:
            await self._rest(run, halted)
            return
        if "" in accounts:
            await self._send_links(run)
        await self._finish(run)

    async def _send_links(self, run: ChargeRun) -> None:
        """Sends customers without a saved method a link: item and message in one commit, once."""
        while True:
            sent = await self._rooms.store.run(partial(self._send_some_links, run=run))
            if not sent:
                return

    def _send_some_links(self, unit: Unit, run: ChargeRun) -> int:
        now = self._rooms.clock.now()
        current = unit.charge_run(run.id)
        if current is None or current.state is not RunState.RUNNING:
            return 0
        items = unit.open_run_items(run.id, "", after=0, limit=PAGE)
        for item in items:
            is_new = not unit.payment_link_was_sent(item.payable) and self._rooms.notices.send_link(
                unit, item.payable, item.amount, now=now
            )
            standing = ItemStanding.LINK_SENT if is_new else ItemStanding.NOT_CHARGED
            note = "" if is_new else "link_sent_before"
            after = replace(item, standing=standing, note=note, ended_at=now)
            unit.save_run_item(after, seen=item.standing)
        return len(items)

    async def _finish(self, run: ChargeRun) -> None:
        now = self._rooms.clock.now()

        def work(unit: Unit) -> None:
            current = unit.charge_run(run.id)
            if current is None or current.state is not RunState.RUNNING:
                return
            if unit.open_run_accounts(run.id):
                return  # an item waits for its turn again
            done = replace(run_step(current, RunNews.FINISHED), ended_at=now, reason="")
            unit.save_charge_run(done)
            self._summary.tell(unit, done, now)

        await self._rooms.store.run(work)
        self._rests.pop(run.id, None)

    async def _rest(self, run: ChargeRun, why: str) -> None:
        """Lets a run rest, longer each time, and says why; nothing new begins meanwhile."""
        times = self._rests[run.id].times + 1 if run.id in self._rests else 1
        pause_s = _REST.delay_s(times, self._dice)
        self._rests[run.id] = _Rest(times, self._rooms.clock.monotonic() + pause_s)
        log.warning(
            "charge_run.rests", extra={"run": run.id, "why": why, "pause_s": round(pause_s)}
        )
        await self._note(run, why)

    async def _note(self, run: ChargeRun, why: str) -> None:
        def work(unit: Unit) -> None:
            current = unit.charge_run(run.id)
            if current is not None and current.state in _AT_WORK and current.reason != why:
                unit.save_charge_run(replace(current, reason=why))

        await self._rooms.store.run(work)

    async def _cancel(self, run: ChargeRun, why: str) -> None:
        def work(unit: Unit) -> None:
            current = unit.charge_run(run.id)
            if current is not None and current.is_live:
                cancel_run(unit, current, PLANNER, why, self._rooms)

        await self._rooms.store.run(work)


async def _some_end(at_work: dict[str, asyncio.Task[None]], pause: asyncio.Task[None]) -> None:
    """Waits until a run ends its work, or until it is time to look for new ones."""
    try:
        await asyncio.wait({pause, *at_work.values()}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        pause.cancel()
    for run_id, task in list(at_work.items()):
        if task.done():
            del at_work[run_id]
            task.result()


def _nothing(_unit: Unit) -> None:
    """Is the unit that only asks the fence whether this daemon still leads."""
