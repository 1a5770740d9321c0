"""The due-work pump: bounded, woken, and stopped without losing work in hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from typing_extensions import override

from splynx_stripe.domain.attempt import Attempt
from splynx_stripe.domain.effect import EffectKind, EffectState, StoredEffect
from splynx_stripe.domain.inbox import InboxEvent, InboxSource, InboxState
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.flows.due_work import DueWork, Limits
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.tasks import Supervisor
from splynx_stripe.schedule.pump import PLACES_UNDER_PRESSURE, Flows, Pump

NOW = datetime(2026, 11, 24, tzinfo=UTC)
ACCOUNT = StripeAccount("default", livemode=False)
EVENT = InboxEvent(
    id=1,
    account=ACCOUNT,
    event_id="evt_1",
    type="payment_intent.succeeded",
    created=NOW,
    received_at=NOW,
    source=InboxSource.WEBHOOK,
    state=InboxState.RECEIVED,
    tries=0,
    next_at=NOW,
    claim=1,
    note="",
    body=b"{}",
)
EFFECT = StoredEffect(
    id=1,
    kind=EffectKind.BOOK_PAYMENT,
    key="book:att_1",
    attempt_id="att_1",
    state=EffectState.PENDING,
    tries=0,
    next_at=NOW,
    deadline_at=NOW,
    claim=1,
    claimed_until=None,
    posting_at=None,
    last_error="",
)
ATTEMPT = Attempt(
    id="att_1",
    collection_id="col_1",
    account=ACCOUNT,
    stripe_customer_id="cus_1",
    amount=Money(100, "EUR"),
    description="",
    metadata={},
    prepared_at=NOW,
    next_look_at=NOW,
)


@dataclass
class Work:
    """What is due, what was done, and how much of it at once; `gate` holds the work up."""

    events: list[InboxEvent] = field(default_factory=list)
    effects: list[StoredEffect] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    done: list[str] = field(default_factory=list)
    running: int = 0
    most: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until_running(self, count: int) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: self.running >= count)

    async def _do(self, name: str) -> None:
        self.running += 1
        self.most = max(self.most, self.running)
        async with self.changed:
            self.changed.notify_all()
        await self.gate.wait()
        self.running -= 1
        self.done.append(name)
        async with self.changed:
            self.changed.notify_all()


class FlowsOfTest:
    """All flows. An attempt stays due until it was looked at, as in the store."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self.asked: list[Limits] = []

    async def claim_due(self, limits: Limits) -> DueWork:
        work = self._work
        self.asked.append(limits)
        events, work.events = work.events[: limits.events], work.events[limits.events :]
        effects, work.effects = work.effects[: limits.effects], work.effects[limits.effects :]
        return DueWork(events, effects, work.attempts[: limits.attempts])

    async def handle_all(self, events: Sequence[InboxEvent]) -> None:
        for event in events:
            await self._work._do(event.event_id)

    async def carry_out(self, effect: StoredEffect) -> None:
        await self._work._do(effect.key)

    async def look_at(self, attempt: Attempt) -> None:
        await self._work._do(attempt.id)
        self._work.attempts.remove(attempt)


class SlowlyClaiming(FlowsOfTest):
    """Is claiming until the test lets it happen."""

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        self.claiming, self.may_claim = asyncio.Event(), asyncio.Event()

    @override
    async def claim_due(self, limits: Limits) -> DueWork:
        self.claiming.set()
        await self.may_claim.wait()
        return await super().claim_due(limits)


FEW = Limits(events=3, effects=3, attempts=3)


@asynccontextmanager
async def pumping(
    flows: FlowsOfTest, *, is_pressed: Callable[[], bool] = lambda: False
) -> AsyncIterator[Pump]:
    async with Supervisor() as tasks:
        yield Pump(
            Flows(flows, flows, flows, flows),
            tasks=tasks,
            clock=SystemClock(),
            places=FEW,
            is_pressed=is_pressed,
        )


def effects(count: int) -> list[StoredEffect]:
    return [replace(EFFECT, id=n, key=f"book:att_{n}") for n in range(count)]


def events(count: int) -> list[InboxEvent]:
    return [replace(EVENT, id=n, event_id=f"evt_{n}") for n in range(count)]


async def test_draining_does_everything_that_is_due() -> None:
    work = Work([EVENT], [EFFECT], [ATTEMPT])
    work.gate.set()

    async with pumping(FlowsOfTest(work)) as pump:
        await pump.drain()

    assert sorted(work.done) == ["att_1", "book:att_1", "evt_1"]


async def test_no_more_than_so_many_items_run_at_once() -> None:
    work = Work(effects=effects(20))

    async with pumping(FlowsOfTest(work)) as pump:
        draining = asyncio.ensure_future(pump.drain())
        await work.until_running(3)
        assert await pump.pump_once() == 0
        work.gate.set()
        await draining

    assert (len(work.done), work.most) == (20, 3)


async def test_an_attempt_is_looked_at_by_one_at_a_time() -> None:
    work = Work(attempts=[ATTEMPT])

    async with pumping(FlowsOfTest(work)) as pump:
        first, second = await pump.pump_once(), await pump.pump_once()
        work.gate.set()
        await pump.drain()

    assert (first, second) == (1, 0)
    assert work.done == ["att_1"]


async def test_a_woken_pump_takes_new_work_and_stopping_finishes_what_is_in_hand() -> None:
    work = Work()

    async with pumping(FlowsOfTest(work)) as pump:
        running = asyncio.ensure_future(pump.run())
        await asyncio.sleep(0)
        work.events.append(EVENT)
        pump.wake()
        await work.until_running(1)
        work.effects.append(EFFECT)
        asyncio.get_running_loop().call_soon(work.gate.set)
        await pump.stop(timeout_s=5)
        await running

    assert work.done[0] == "evt_1"
    assert work.running == 0


async def test_stopping_does_not_wait_for_ever() -> None:
    work = Work([EVENT])

    async with pumping(FlowsOfTest(work)) as pump:
        await pump.pump_once()
        await pump.stop(timeout_s=0.01)

    assert work.done == []


async def test_stopping_waits_for_work_that_is_being_claimed_at_that_moment() -> None:
    """A booking cut off between its commit and its POST would be late by a minute and a half."""
    work = Work(effects=[EFFECT])
    flows = SlowlyClaiming(work)
    work.gate.set()

    async with pumping(flows) as pump:
        running = asyncio.ensure_future(pump.run())
        await flows.claiming.wait()
        asyncio.get_running_loop().call_soon(flows.may_claim.set)
        await pump.stop(timeout_s=5)
        await running

    assert work.done == ["book:att_1"]


async def test_events_that_wait_for_stripe_leave_room_for_bookings() -> None:
    work = Work(events(20), [EFFECT])

    async with pumping(FlowsOfTest(work)) as pump:
        await pump.pump_once()
        await work.until_running(2)
        begun = len(work.effects)
        work.gate.set()
        await pump.drain()

    assert begun == 0


async def test_events_that_are_due_together_are_handled_together() -> None:
    work = Work(events(3))
    work.gate.set()
    flows = FlowsOfTest(work)

    async with pumping(flows) as pump:
        started = await pump.pump_once()
        await pump.drain()

    assert started == 3
    assert flows.asked[0] == FEW


async def test_while_events_wait_to_be_acknowledged_less_is_begun() -> None:
    flows = FlowsOfTest(Work())

    async with pumping(flows, is_pressed=lambda: True) as pump:
        await pump.pump_once()

    assert flows.asked == [PLACES_UNDER_PRESSURE]


async def test_the_store_is_not_asked_where_nothing_could_be_begun() -> None:
    work = Work(events(3), effects(3), [replace(ATTEMPT, id=f"att_{n}") for n in range(3)])
    flows = FlowsOfTest(work)

    async with pumping(flows) as pump:
        await pump.pump_once()
        await pump.pump_once()
        work.gate.set()
        await pump.drain()

    assert flows.asked[0] == FEW
    assert all(limits != Limits(0, 0, 0) for limits in flows.asked)


async def test_what_found_no_room_follows_as_soon_as_there_is_some() -> None:
    """Nobody rings for it a second time: it was rung for when it came."""
    work = Work(effects=effects(9))
    work.gate.set()

    async with pumping(FlowsOfTest(work)) as pump:
        running = asyncio.ensure_future(pump.run())
        pump.wake()
        async with asyncio.timeout(0.9):  # less than a tick
            async with work.changed:
                await work.changed.wait_for(lambda: len(work.done) == 9)
        await pump.stop(timeout_s=5)
        await running

    assert len(work.done) == 9
