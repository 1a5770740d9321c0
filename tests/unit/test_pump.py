"""The due-work pump: bounded, woken, and stopped without losing work in hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from typing_extensions import override

from splynx_stripe.domain.attempt import Attempt
from splynx_stripe.domain.effect import EffectKind, EffectState, StoredEffect
from splynx_stripe.domain.inbox import InboxEvent, InboxSource, InboxState
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.kit.tasks import Supervisor
from splynx_stripe.schedule.pump import Pump

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


class EffectsOfTest:
    def __init__(self, work: Work) -> None:
        self._work = work

    async def claim(self, limit: int) -> Sequence[StoredEffect]:
        claimed, self._work.effects = self._work.effects[:limit], self._work.effects[limit:]
        return claimed

    async def carry_out(self, effect: StoredEffect) -> None:
        await self._work._do(effect.key)


class SlowlyClaimedEffects(EffectsOfTest):
    """Are being claimed until the test lets it happen."""

    def __init__(self, work: Work, claiming: asyncio.Event, may_claim: asyncio.Event) -> None:
        super().__init__(work)
        self._claiming, self._may_claim = claiming, may_claim

    @override
    async def claim(self, limit: int) -> Sequence[StoredEffect]:
        self._claiming.set()
        await self._may_claim.wait()
        return await super().claim(limit)


class InboxOfTest:
    def __init__(self, work: Work) -> None:
        self._work = work

    async def claim(self, limit: int) -> Sequence[InboxEvent]:
        claimed, self._work.events = self._work.events[:limit], self._work.events[limit:]
        return claimed

    async def handle(self, event: InboxEvent) -> None:
        await self._work._do(event.event_id)


class LookAfterOfTest:
    """An attempt stays due until it was looked at, as in the store."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def due(self, limit: int) -> Sequence[Attempt]:
        return self._work.attempts[:limit]

    async def look_at(self, attempt: Attempt) -> None:
        await self._work._do(attempt.id)
        self._work.attempts.remove(attempt)


@asynccontextmanager
async def pumping(work: Work, *, parallel: int = 8) -> AsyncIterator[Pump]:
    async with Supervisor() as tasks:
        yield Pump(
            effects=EffectsOfTest(work),
            inbox=InboxOfTest(work),
            look_after=LookAfterOfTest(work),
            tasks=tasks,
            parallel=parallel,
        )


async def test_draining_does_everything_that_is_due() -> None:
    work = Work([EVENT], [EFFECT], [ATTEMPT])
    work.gate.set()

    async with pumping(work) as pump:
        await pump.drain()

    assert sorted(work.done) == ["att_1", "book:att_1", "evt_1"]


async def test_no_more_than_so_many_items_run_at_once() -> None:
    work = Work([replace(EVENT, id=n, event_id=f"evt_{n}") for n in range(20)])

    async with pumping(work, parallel=3) as pump:
        draining = asyncio.ensure_future(pump.drain())
        await work.until_running(3)
        assert await pump.pump_once() == 0
        work.gate.set()
        await draining

    assert (len(work.done), work.most) == (20, 3)


async def test_an_attempt_is_looked_at_by_one_at_a_time() -> None:
    work = Work(attempts=[ATTEMPT])

    async with pumping(work) as pump:
        first, second = await pump.pump_once(), await pump.pump_once()
        work.gate.set()
        await pump.drain()

    assert (first, second) == (1, 0)
    assert work.done == ["att_1"]


async def test_a_woken_pump_takes_new_work_and_stopping_finishes_what_is_in_hand() -> None:
    work = Work()

    async with pumping(work) as pump:
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

    async with pumping(work) as pump:
        await pump.pump_once()
        await pump.stop(timeout_s=0.01)

    assert work.done == []


async def test_stopping_waits_for_work_that_is_being_claimed_at_that_moment() -> None:
    """A booking cut off between its commit and its POST would be late by a minute and a half."""
    work = Work(effects=[EFFECT])
    claiming, may_claim = asyncio.Event(), asyncio.Event()
    work.gate.set()

    async with Supervisor() as tasks:
        pump = Pump(
            effects=SlowlyClaimedEffects(work, claiming, may_claim),
            inbox=InboxOfTest(work),
            look_after=LookAfterOfTest(work),
            tasks=tasks,
        )
        _ = tasks.start("pump", pump.run())
        await claiming.wait()
        asyncio.get_running_loop().call_soon(may_claim.set)
        await pump.stop(timeout_s=5)

    assert work.done == ["book:att_1"]
