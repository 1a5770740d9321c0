"""A burst of events: stored together, each answered as if it had come alone (I6, I7)."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from sqlalchemy import event as sqlalchemy_event, text

from splynx_stripe.domain.errors import BrokenInvariantError, StaleWriteError
from splynx_stripe.domain.inbox import InboxEnd, InboxEvent, InboxState, NewInboxEvent
from splynx_stripe.flows.inbox import ReceiveEvent
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.store import SqlStore, open_store
from splynx_stripe.store.unit import SqlUnit
from tests.integration.store_builders import MINUTE, NOW, event


async def _received(store: SqlStore, *events: NewInboxEvent) -> list[bool | BaseException]:
    works = [store.run(ReceiveEvent(one)) for one in events]
    return await asyncio.gather(*works, return_exceptions=True)


async def _stored(store: SqlStore) -> list[str]:
    claimed = await store.run(lambda unit: unit.claim_inbox(NOW, NOW + MINUTE, 1000))
    return sorted(one.event_id for one in claimed)


async def test_of_the_same_event_many_times_in_a_burst_only_the_first_is_new(
    store: SqlStore,
) -> None:
    known = await _received(store, event("evt_0"))
    names = [f"evt_{number % 10}" for number in range(50)]

    answers = await _received(store, *(event(name) for name in names))

    assert known == [True]
    assert answers == [False, *[True] * 9, *[False] * 40]
    assert await _stored(store) == [f"evt_{number}" for number in range(10)]


async def test_an_event_that_the_database_refuses_is_refused_alone(store: SqlStore) -> None:
    refused = replace(event("evt_2"), event_id="")

    first, second, third = await _received(store, event("evt_1"), refused, event("evt_3"))

    assert (first, third) == (True, True)
    assert isinstance(second, BrokenInvariantError)
    assert await _stored(store) == ["evt_1", "evt_3"]


async def test_a_burst_needs_far_fewer_statements_than_it_has_events(sqlite_url: str) -> None:
    statements: list[str] = []
    store = open_store(sqlite_url, clock=SystemClock(), ids=RandomIds())

    def listen(connection: sqlite3.Connection, _entry: object) -> None:
        connection.set_trace_callback(statements.append)

    sqlalchemy_event.listen(store._writer, "connect", listen)
    store._writer.dispose()

    answers = await _received(store, *(event(f"evt_{number}") for number in range(200)))
    await store.close()

    assert answers == [True] * 200
    assert 10 < len(statements) < 100


async def test_a_burst_of_known_and_new_events_is_answered_one_by_one(store: SqlStore) -> None:
    await _received(store, *(event(f"evt_{number}") for number in range(40)))
    await _received(store, *(event(f"evt_{number}") for number in range(40, 80)))

    mixed = await _received(store, *(event(f"evt_{number}") for number in range(60, 100)))
    known = await _received(store, *(event(f"evt_{number}") for number in range(60, 100)))

    assert mixed == [False] * 20 + [True] * 20
    assert known == [False] * 40


async def test_events_of_a_burst_come_back_in_the_order_in_which_they_came(store: SqlStore) -> None:
    names = [f"evt_{number}" for number in range(40)]

    for _ in range(2):  # the second time by the prepared statement, which finds nothing new
        await _received(store, *(event(name) for name in names))

    claimed = await store.run(lambda unit: unit.claim_inbox(NOW, NOW + MINUTE, 1000))
    assert [one.event_id for one in claimed] == names


async def test_what_a_burst_stores_comes_back_byte_for_byte(store: SqlStore) -> None:
    bodies = [bytes([number, 0, 34, 39, 92, 123, 44, 125, 255]) * 900 for number in range(40)]
    events = [
        replace(event(f"evt_{number}"), body=body, type='odd "type", {like} \\this')
        for number, body in enumerate(bodies)
    ]

    await _received(store, *events[:20])
    await _received(store, *events[20:])

    claimed = await store.run(lambda unit: unit.claim_inbox(NOW, NOW + MINUTE, 1000))
    assert [one.body for one in claimed] == bodies
    assert {one.type for one in claimed} == {events[0].type}
    assert {(one.created, one.next_at) for one in claimed} == {(events[0].created, NOW)}


async def test_bursts_of_every_size_are_one_prepared_statement_on_postgresql(
    postgres_url: str,
) -> None:
    store = open_store(postgres_url, clock=SystemClock(), ids=RandomIds())
    for size in range(2, 12):
        events = [event(f"evt_{size}_{number}") for number in range(size)]
        await store.run(_receiving(events))

    prepared = await store.run(_prepared_inserts)
    await store.close()

    assert len(prepared) == 1


def _receiving(events: Sequence[NewInboxEvent]) -> Callable[[SqlUnit], Sequence[bool]]:
    return lambda unit: unit.receive_events(events)


def _prepared_inserts(unit: SqlUnit) -> list[str]:
    known = text(
        "SELECT statement FROM pg_prepared_statements WHERE statement LIKE 'INSERT%inbox%'"
    )
    return list(unit._connection.execute(known).scalars())


async def _claimed(store: SqlStore, count: int) -> Sequence[InboxEvent]:
    await _received(store, *(event(f"evt_{number}") for number in range(count)))
    return await store.run(lambda unit: unit.claim_inbox(NOW, NOW + MINUTE, 1000))


async def test_events_end_together_as_they_would_one_by_one(store: SqlStore) -> None:
    first, second, third = await _claimed(store, 3)
    ends = [
        InboxEnd(first, InboxState.HANDLED, ""),
        InboxEnd(second, InboxState.IGNORED, "not ours: \x00 {a,b}"),
        InboxEnd(third, InboxState.HANDLED, ""),
    ]

    await store.run(lambda unit: unit.finish_inbox_events(ends))

    rows = await store.read(_ends)
    assert rows == [
        ("evt_0", "handled", 1, "", None),
        ("evt_1", "ignored", 1, "not ours: \N{REPLACEMENT CHARACTER} {a,b}", None),
        ("evt_2", "handled", 1, "", None),
    ]


async def test_where_one_claim_was_lost_no_event_of_the_list_ends(store: SqlStore) -> None:
    claimed = await _claimed(store, 3)
    lost = replace(claimed[1], claim=claimed[1].claim + 1)
    ends = [InboxEnd(each, InboxState.HANDLED, "") for each in (claimed[0], lost, claimed[2])]

    with pytest.raises(StaleWriteError):
        await store.run(lambda unit: unit.finish_inbox_events(ends))

    assert {row[1] for row in await store.read(_ends)} == {"received"}


def _ends(unit: SqlUnit) -> list[tuple[object, ...]]:
    rows = unit._connection.execute(
        text("SELECT event_id, state, tries, note, claimed_until FROM inbox ORDER BY event_id")
    )
    return [tuple(row) for row in rows]
