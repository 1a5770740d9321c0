"""One leader of the schedule among several daemons, fenced by a token (faults 8 and 9; I1, I6)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TypeVar

import pytest

from splynx_stripe.domain.errors import StaleWriteError
from splynx_stripe.domain.lease import Lease
from splynx_stripe.flows.ports import Unit
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.kit.tasks import Supervisor
from splynx_stripe.schedule.leader import LEASE, FencedStore, Leader
from splynx_stripe.store.errors import StoreUnavailableError
from splynx_stripe.store.store import SqlStore, open_store
from splynx_stripe.store.unit import SqlUnit
from tests.fake_clock import START, FakeClock
from tests.integration.store_builders import ACCOUNT, MINUTE, NOW, collection

T = TypeVar("T")

BEAT = timedelta(seconds=1.5)
A_WHILE = timedelta(seconds=5)


@pytest.fixture
async def stores(store_url: str) -> AsyncIterator[Sequence[SqlStore]]:
    """Gives three stores on one database, as three daemons have them."""
    async with AsyncExitStack() as stack:
        opened = []
        for _ in range(3):
            one = open_store(store_url, clock=SystemClock(), ids=RandomIds())
            stack.push_async_callback(one.close)
            opened.append(one)
        yield opened


def candidate(store: SqlStore, clock: FakeClock, name: str) -> Leader:
    return Leader(store, clock, name=name, is_shared=True)


async def the_lease(store: SqlStore) -> Lease:
    lease = await store.read(lambda unit: unit.lease(LEASE))
    assert lease is not None
    return lease


async def let_pass(clock: FakeClock, period: timedelta, *living: Leader) -> None:
    """Lets time pass beat by beat; who lives beats."""
    end = clock.now() + period
    while clock.now() < end:
        clock.advance(BEAT)
        for leader in living:
            await leader.beat()


async def test_of_three_daemons_one_leads_and_goes_on_leading(stores: Sequence[SqlStore]) -> None:
    clock = FakeClock()
    three = [candidate(store, clock, f"daemon {n}") for n, store in enumerate(stores)]

    await asyncio.gather(*(one.beat() for one in three))
    first = [one.leads for one in three]
    await let_pass(clock, timedelta(minutes=1), *three)

    assert sorted(first) == [False, False, True]
    assert [one.leads for one in three] == first
    assert (await the_lease(stores[0])).token == 1


async def test_when_the_leader_dies_one_of_the_others_leads_within_ten_seconds(
    stores: Sequence[SqlStore],
) -> None:
    clock = FakeClock()
    dead, second, third = (candidate(store, clock, f"d{n}") for n, store in enumerate(stores))
    await dead.beat()
    await let_pass(clock, timedelta(seconds=15), dead, second, third)
    died_at = clock.now()

    while not (second.leads or third.leads):
        await let_pass(clock, BEAT, second, third)

    assert clock.now() - died_at < timedelta(seconds=10)
    assert second.leads != third.leads
    assert (await the_lease(stores[0])).token == 2, "the new leader has a higher token"


async def test_there_are_never_two_leaders_while_one_comes_back_from_a_pause(
    stores: Sequence[SqlStore],
) -> None:
    """Fault 9: it knows by itself that its time is over, before anybody has taken over."""
    clock = FakeClock()
    paused, other, _ = (candidate(store, clock, f"d{n}") for n, store in enumerate(stores))
    await paused.beat()
    await other.beat()

    clock.advance(A_WHILE)
    leads_still = paused.leads
    await other.beat()

    assert not leads_still
    assert other.leads
    await paused.beat()
    assert not paused.leads
    assert other.leads


async def test_what_a_leader_of_yesterday_writes_is_refused(stores: Sequence[SqlStore]) -> None:
    """The pause comes between asking "do I lead?" and the commit."""
    clock = FakeClock()
    old, new, _ = (candidate(store, clock, f"d{n}") for n, store in enumerate(stores))
    await old.beat()
    await new.beat()
    old_store = FencedStore(stores[0], old)
    await old_store.run(lambda unit: unit.set_poll_cursor(ACCOUNT, NOW))

    await stores[1].run(lambda unit: unit.displace_lease(_seen(unit.lease(LEASE)), "d1", until=NOW))

    assert old.leads, "it cannot know"
    with pytest.raises(StaleWriteError, match="Nothing was written"):
        await old_store.run(lambda unit: unit.set_poll_cursor(ACCOUNT, NOW + MINUTE))
    assert await stores[2].read(lambda unit: unit.poll_cursor(ACCOUNT)) == NOW


def _seen(lease: Lease | None) -> Lease:
    assert lease is not None
    return lease


async def test_a_daemon_that_does_not_lead_writes_nothing_by_the_schedule(
    stores: Sequence[SqlStore],
) -> None:
    fenced = FencedStore(stores[0], candidate(stores[0], FakeClock(), "d"))

    with pytest.raises(StaleWriteError, match="does not lead"):
        await fenced.run(lambda unit: unit.set_poll_cursor(ACCOUNT, NOW))

    assert await fenced.read(lambda unit: unit.poll_cursor(ACCOUNT)) is None


async def test_a_leader_that_stops_is_followed_at_the_next_beat(
    stores: Sequence[SqlStore],
) -> None:
    clock = FakeClock()
    stopping, other, _ = (candidate(store, clock, f"d{n}") for n, store in enumerate(stores))
    await stopping.beat()
    await other.beat()

    await stopping.resign()
    await other.beat()

    assert not stopping.leads
    assert other.leads


async def test_a_clock_that_is_hours_ahead_neither_takes_the_lead_nor_blocks_it(
    stores: Sequence[SqlStore],
) -> None:
    right, ahead = FakeClock(), FakeClock(START + timedelta(hours=5))
    well = candidate(stores[0], right, "well")
    fast = candidate(stores[1], ahead, "fast")
    await well.beat()
    for _ in range(10):
        right.advance(BEAT)
        ahead.advance(BEAT)
        await well.beat()
        await fast.beat()
    assert (well.leads, fast.leads) == (True, False)

    await well.resign()
    await fast.beat()  # it leads, and dies; its lease ends hours ahead
    late = candidate(stores[2], right, "late")
    await let_pass(right, timedelta(seconds=10), late)

    assert late.leads


async def test_a_database_of_one_daemon_is_led_by_it_at_once_whoever_led_before(
    store: SqlStore,
) -> None:
    clock = FakeClock()
    killed = Leader(store, clock, name="killed", is_shared=False)
    await killed.run()

    next_one = Leader(store, clock, name="next", is_shared=False)
    await next_one.run()

    assert next_one.leads
    clock.advance(timedelta(days=1))
    assert next_one.leads, "without a beat"
    with pytest.raises(StaleWriteError):
        await FencedStore(store, killed).run(lambda unit: unit.set_poll_cursor(ACCOUNT, NOW))


async def test_a_database_that_is_away_costs_the_lead_and_no_more(store: SqlStore) -> None:
    clock = FakeClock()
    flaky = FlakyStore(store)
    leader = Leader(flaky, clock, name="d", is_shared=True)
    async with Supervisor() as tasks:
        running = tasks.start("leader", leader.run())
        await clock.until_sleeping()
        led_before = leader.leads

        flaky.is_away = True
        for _ in range(3):
            clock.advance(BEAT)
            await clock.until_sleeping()
        led_meanwhile = leader.leads
        flaky.is_away = False
        clock.advance(BEAT)
        await clock.until_sleeping()

        assert (led_before, led_meanwhile, leader.leads) == (True, False, True)
        await leader.resign()
        clock.advance(BEAT)
        await running


class FlakyStore:
    """A store whose database is away for a while."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self.is_away = False

    async def run(self, work: Callable[[Unit], T]) -> T:
        if self.is_away:
            raise StoreUnavailableError("away")
        return await self._store.run(work)

    async def read(self, work: Callable[[Unit], T]) -> T:
        return await self._store.read(work)


async def test_an_overtaken_unit_is_run_again_on_what_is_there_now(
    stores: Sequence[SqlStore],
) -> None:
    """Two daemons move one collection at once; neither has to come back later (I6)."""
    await stores[0].run(lambda unit: unit.add_collection(collection()))

    def bump(unit: SqlUnit) -> None:
        read = unit.collection("col_1")
        assert read is not None
        unit.save_collection(read)

    await asyncio.gather(*(store.run(bump) for store in stores for _ in range(3)))

    moved = await stores[0].read(lambda unit: unit.collection("col_1"))
    assert moved is not None
    assert moved.version == 9
