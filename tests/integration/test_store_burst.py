"""A burst of events: stored together, each answered as if it had come alone (I6, I7)."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace

from sqlalchemy import event as sqlalchemy_event

from splynx_stripe.domain.errors import BrokenInvariantError
from splynx_stripe.domain.inbox import NewInboxEvent
from splynx_stripe.flows.inbox import ReceiveEvent
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.store import SqlStore, open_store
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
