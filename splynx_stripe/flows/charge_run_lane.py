"""Charges the items of a run: one lane for each Stripe account, several items at once in it.

The order of events for an item: the lease and "the run has begun with this item" are one commit, then
the attempt, then Stripe, then "the run is done with it". A crash anywhere leaves an item that is
WAITING, or CHARGING with its collection; either is ordered again under the same origin, which
cannot charge twice (`flows/charge`). So a run that was cut off ends like one that was not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any, Protocol

from splynx_stripe.domain.charge_plan import Reason
from splynx_stripe.domain.charge_run import (
    OPEN_STANDINGS,
    ChargeRun,
    ItemStanding,
    RunItem,
    RunState,
)
from splynx_stripe.domain.collection import Collection
from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
)
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.recovery import LIVE_RECOVERY_STATES
from splynx_stripe.flows.charge import ChargeOrder, ChargeResult, ChargeStanding
from splynx_stripe.flows.charge_run_rooms import ChargeRunRooms
from splynx_stripe.flows.ports import Unit
from splynx_stripe.kit.keyed_lock import KeyedLock

log = logging.getLogger(__name__)

PAGE = 50
"""Items that are read at once. The window of what is in memory is this and what is being charged."""

HALT_AFTER = 3
"""So many items in a row that could not be asked about mean that nobody answers, and the lane rests."""

PUT_OFF_AT_MOST = 6
"""So often one item is put off while others go through: then the trouble is the item's own."""

PUT_OFF_ALONE_AT_MOST = 50
"""So often an item is put off where nothing else tells; with the rests of a run that is some hours."""

_FULL_PAUSE_S = 1.0
"""How long a lane waits before it looks again whether bookings have caught up."""

_HAS_TAKEN_PLACE = frozenset(
    {
        ChargeStanding.SUCCEEDED,
        ChargeStanding.PROCESSING,
        ChargeStanding.FAILED,
        ChargeStanding.UNKNOWN,
    }
)
CANNOT_ASK = (RetryableError, OutcomeUnknownError, RejectedError, BrokenInvariantError)
"""What a question to Splynx may raise. It only read, so nothing was changed whatever it was."""


class Charger(Protocol):
    """The door by which debts are charged (`flows.charge.ChargeFlow`)."""

    async def charge(
        self, order: ChargeOrder, *, on_lease: Callable[[Unit, Collection], None]
    ) -> ChargeResult:
        """Charges a debt, or says why not. Safe to call any number of times with the same origin."""
        ...


class LastLook(Protocol):
    """Looks once more how much may be charged, where no document says it."""

    async def at_most(self, run: ChargeRun, item: RunItem) -> Money | None:
        """Gives the most that may be charged now; None when nothing is owed any more.

        Raises:
            RetryableError, OutcomeUnknownError, RejectedError: Splynx could not be asked.
        """
        ...


@dataclass(frozen=True, slots=True)
class Tempo:
    """How fast runs charge, beside the limits of Stripe's door.

    `at_once` items of one account are on their way at the same time. While more than
    `unbooked_at_most` charges wait for their booking in Splynx no new one begins; 0 is no limit.
    """

    at_once: int = 16
    unbooked_at_most: int = 200


class _NotItsTurnError(Exception):
    """The run was paused or canceled, or the item is done with: nothing may begin."""


class _NotByThisRunError(Exception):
    """Something that the plan could not know stands against this debt; its text is the reason's word."""


@dataclass(slots=True)
class Lane:
    """The items of one account of a run on their way. `halted` is a sentence when it has to rest.

    `put_off` are the items that could not be asked about in this pass, with the reason.
    """

    run: ChargeRun
    account: str
    halted: str = ""
    ended: bool = False
    put_off: dict[int, str] = field(default_factory=dict)
    gone_through: int = 0
    in_a_row: int = 0


class LaneWorker:
    """Charges the items of lanes. What it knows of customers and accounts is shared by all runs."""

    def __init__(
        self, rooms: ChargeRunRooms, charger: Charger, last_look: LastLook, tempo: Tempo
    ) -> None:
        self._rooms = rooms
        self._charger = charger
        self._last_look = last_look
        self._tempo = tempo
        self._places: dict[str, asyncio.Semaphore] = {}
        self._customers = KeyedLock()
        self._times_put_off: dict[str, int] = {}

    async def work(self, lane: Lane) -> None:
        """Charges what is open in a lane, until nothing is left or something makes it rest."""
        items = self._items(lane)
        turn = asyncio.Lock()

        async def worker() -> None:
            while True:
                async with turn:
                    item = await anext(items, None)
                if item is None:
                    return
                await self._deal_with(lane, item)

        try:
            await together([worker() for _ in range(self._tempo.at_once)])
        finally:
            await items.aclose()
        await self._give_up_on_items(lane)
        lane.halted = lane.halted or next(iter(lane.put_off.values()), "")

    async def _items(self, lane: Lane) -> AsyncGenerator[RunItem, None]:
        after = 0
        while True:
            page = await self._rooms.store.read(partial(_open_page, lane=lane, after=after))
            for item in page:
                await self._wait_for_bookings(lane)
                if lane.halted or lane.ended:
                    return
                yield item
            if not page:
                return
            after = page[-1].number

    async def _wait_for_bookings(self, lane: Lane) -> None:
        """Lets Splynx keep up: money that is taken faster than it is booked piles up risk."""
        most = self._tempo.unbooked_at_most
        told = False
        while most and not lane.halted:
            waiting = await self._rooms.store.read(lambda unit: unit.unbooked(limit=most + 1))
            if waiting <= most:
                return
            if not told:
                log.info("charge_run.waits", extra={"run": lane.run.id, "unbooked": waiting})
                told = True
            await self._rooms.clock.sleep(_FULL_PAUSE_S)

    async def _deal_with(self, lane: Lane, item: RunItem) -> None:
        """Charges one item, when its account has a place and its customer no other charge on the way."""
        places = self._places.setdefault(lane.account, asyncio.Semaphore(self._tempo.at_once))
        async with self._customers.hold(str(item.payable.customer_id)), places:
            if lane.halted or lane.ended:
                return
            try:
                result = await self._charge(lane.run, item)
            except _NotItsTurnError:
                lane.ended = True
                return
            except _NotByThisRunError as refused:
                await self._settle(item, ItemStanding.NOT_CHARGED, note=str(refused))
                return
            except CANNOT_ASK as error:
                result = ChargeResult(ChargeStanding.TRY_LATER, reason=str(error))
            await self._take_in(lane, item, result)

    async def _charge(self, run: ChargeRun, item: RunItem) -> ChargeResult:
        at_most: Money | None = item.amount
        has_document = item.payable.kind.document_kind is not None
        if not has_document and not await self._is_decided(item):
            at_most = await self._last_look.at_most(run, item)
            if at_most is None:
                return ChargeResult(ChargeStanding.PAID)
        order = ChargeOrder(
            payable=item.payable,
            route=run.origin.route,
            actor=f"run:{run.id}",
            credential_id=item.credential_id,
            at_most=at_most,
            origin=item.origin,
            still_wanted=lambda unit: _is_running(unit, run.id),
        )
        return await self._charger.charge(
            order, on_lease=lambda unit, collection: self._begin(unit, run, item, collection)
        )

    async def _is_decided(self, item: RunItem) -> bool:
        """Says whether an earlier turn of the item has written down how much is charged."""
        if not item.collection_id:
            return False
        attempts = await self._rooms.store.read(lambda unit: unit.attempts_of(item.collection_id))
        return bool(attempts)

    def _begin(self, unit: Unit, run: ChargeRun, item: RunItem, collection: Collection) -> None:
        """Remembers the collection in the commit that takes the lease, or refuses to begin."""
        present = unit.run_item(run.id, item.number)
        if not _is_running(unit, run.id):
            raise _NotItsTurnError
        if present is None or present.standing not in OPEN_STANDINGS:
            raise _NotItsTurnError
        terms = self._rooms.terms.terms(item.payable.partner_id)
        days = terms.guardrails.not_twice_within_days if terms else 0
        since = self._rooms.clock.now() - timedelta(days=days)
        if days and unit.charged_by_runs_since(item.payable.customer_id, since, besides_run=run.id):
            raise _NotByThisRunError(Reason.CHARGED_RECENTLY.value)
        recovery = unit.recovery_of_key(item.payable.key)
        if recovery is not None and recovery.state in LIVE_RECOVERY_STATES:
            raise _NotByThisRunError(Reason.RECOVERY.value)
        begun = replace(present, standing=ItemStanding.CHARGING, collection_id=collection.id)
        unit.save_run_item(begun, seen=present.standing)

    async def _take_in(self, lane: Lane, item: RunItem, result: ChargeResult) -> None:
        """Writes down what came of an item. What becomes of its money is its collection's to tell."""
        why = result.reason or result.standing.value
        if result.standing is ChargeStanding.STOPPED:
            lane.halted = why
        elif result.standing is ChargeStanding.TRY_LATER:
            lane.in_a_row += 1
            lane.halted = why if lane.in_a_row >= HALT_AFTER else lane.halted
        else:
            lane.in_a_row, lane.gone_through = 0, lane.gone_through + 1
        if result.attempt_id or result.standing in _HAS_TAKEN_PLACE:
            await self._settle(item, ItemStanding.CHARGED, collection_id=result.collection_id)
        elif result.standing is ChargeStanding.TRY_LATER:
            lane.put_off[item.number] = why
            await self._settle(item, ItemStanding.WAITING)
        elif result.standing is ChargeStanding.STOPPED:
            await self._settle(item, ItemStanding.WAITING)
        else:
            await self._settle(item, ItemStanding.NOT_CHARGED, note=result.standing.value)

    async def _give_up_on_items(self, lane: Lane) -> None:
        """Ends items that are put off again and again, so that no run waits for ever (I10)."""
        most = PUT_OFF_AT_MOST if lane.gone_through else PUT_OFF_ALONE_AT_MOST
        for number in list(lane.put_off):
            item = await self._rooms.store.read(partial(_item, run_id=lane.run.id, number=number))
            if item is None:
                continue
            times = self._times_put_off.get(item.origin, 0) + 1
            self._times_put_off[item.origin] = times
            if times >= most:
                del self._times_put_off[item.origin], lane.put_off[number]
                note = ChargeStanding.TRY_LATER.value
                await self._settle(item, ItemStanding.NOT_CHARGED, note=note)

    async def _settle(
        self, item: RunItem, standing: ItemStanding, *, collection_id: str = "", note: str = ""
    ) -> None:
        now = self._rooms.clock.now()

        def work(unit: Unit) -> None:
            present = unit.run_item(item.run_id, item.number)
            if present is None or present.standing not in OPEN_STANDINGS:
                return  # it was left when the run was canceled
            stands = _left_if_canceled(unit, item.run_id, standing)
            after = replace(
                present,
                standing=stands,
                collection_id=collection_id or _kept(present, standing),
                note=note,
                ended_at=None if stands in OPEN_STANDINGS else now,
            )
            if after != present:
                unit.save_run_item(after, seen=present.standing)

        await self._rooms.store.run(work)


def _item(unit: Unit, run_id: str, number: int) -> RunItem | None:
    return unit.run_item(run_id, number)


def _is_running(unit: Unit, run_id: str) -> bool:
    run = unit.charge_run(run_id)
    return run is not None and run.state is RunState.RUNNING


def _left_if_canceled(unit: Unit, run_id: str, standing: ItemStanding) -> ItemStanding:
    """Turns "waits for its turn again" into "left" where the run was canceled meanwhile."""
    run = unit.charge_run(run_id)
    is_over = run is not None and run.state is RunState.CANCELED
    return ItemStanding.LEFT if is_over and standing in OPEN_STANDINGS else standing


def _open_page(unit: Unit, lane: Lane, after: int) -> Sequence[RunItem]:
    return unit.open_run_items(lane.run.id, lane.account, after=after, limit=PAGE)


def _kept(item: RunItem, standing: ItemStanding) -> str:
    """Gives the collection that stays with an item: none where it waits for its turn again."""
    return "" if standing is ItemStanding.WAITING else item.collection_id


async def together(works: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Does several things at once; the first failure ends the others and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
