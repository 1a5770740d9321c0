"""Group commit: what was acknowledged stays, and one unit's trouble is nobody else's (I7, I10)."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import event as sqlalchemy_event, text
from sqlalchemy.exc import OperationalError

from splynx_stripe.domain.errors import BrokenInvariantError
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.errors import StoreUnavailableError
from splynx_stripe.store.prepared import PreparedConnection
from splynx_stripe.store.store import SqlStore, open_store
from splynx_stripe.store.unit import SqlUnit
from tests.integration.postgres_cluster import PostgresCluster
from tests.integration.store_builders import MINUTE, NOW, event


class _OwnMistakeError(Exception):
    """Is what a failing unit raises."""


def _receive(name: str, *, size: int = 10) -> Callable[[SqlUnit], bool]:
    return lambda unit: unit.receive_event(replace(event(name), body=bytes(size)))


def _receive_then_fail(name: str) -> Callable[[SqlUnit], None]:
    def work(unit: SqlUnit) -> None:
        unit.receive_event(event(name))
        raise _OwnMistakeError(name)

    return work


def _stored_ids(unit: SqlUnit) -> set[str]:
    rows = unit._connection.execute(text("SELECT event_id FROM inbox"))
    return set(rows.scalars())


class _Gate:
    """A unit that holds the writer up, so that the units after it wait together."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.leave = threading.Event()

    def __call__(self, _unit: SqlUnit) -> None:
        self.entered.set()
        self.leave.wait(timeout=60)


async def _together(
    store: SqlStore, *works: Callable[[SqlUnit], object]
) -> list[object | BaseException]:
    """Runs units of work in one batch."""
    gate = _Gate()
    async with asyncio.TaskGroup() as tasks:
        blocker = tasks.create_task(store.run(gate))
        await asyncio.to_thread(gate.entered.wait, 60)
        waiting = [tasks.create_task(_result(store, work)) for work in works]
        await _until_waiting(store, len(works))
        gate.leave.set()
    await blocker
    return [task.result() for task in waiting]


async def _until_waiting(store: SqlStore, units: int) -> None:
    while store._committer._waiting.qsize() < units:  # noqa: ASYNC110 - the queue has no event
        await asyncio.sleep(0)


async def _result(store: SqlStore, work: Callable[[SqlUnit], object]) -> object | BaseException:
    (result,) = await asyncio.gather(store.run(work), return_exceptions=True)
    return result


async def test_a_failing_unit_is_undone_alone(store: SqlStore) -> None:
    first, failed, last = await _together(
        store, _receive("evt_1"), _receive_then_fail("evt_2"), _receive("evt_3")
    )

    assert (first, last) == (True, True)
    assert isinstance(failed, _OwnMistakeError)
    assert await store.read(_stored_ids) == {"evt_1", "evt_3"}


async def test_a_unit_that_fails_while_it_is_alone_leaves_nothing_behind(store: SqlStore) -> None:
    refused = replace(event("evt_refused"), event_id="")

    failed = await _result(store, _receive_then_fail("evt_failed"))
    impossible = await _result(store, lambda unit: unit.receive_event(refused))
    passed = await _result(store, _receive("evt_passed"))

    assert isinstance(failed, _OwnMistakeError)
    assert isinstance(impossible, BrokenInvariantError)
    assert passed is True
    assert await store.read(_stored_ids) == {"evt_passed"}


async def test_a_unit_that_is_alone_needs_no_savepoint(sqlite_url: str) -> None:
    statements: list[str] = []
    store = open_store(sqlite_url, clock=SystemClock(), ids=RandomIds())

    def listen(connection: sqlite3.Connection, _entry: object) -> None:
        connection.set_trace_callback(statements.append)

    sqlalchemy_event.listen(store._writer, "connect", listen)
    store._writer.dispose()
    await store.run(_receive("evt_1"))
    statements.clear()

    await store.run(_receive("evt_2"))
    await store.close()

    said = [statement.split()[0] for statement in statements]
    assert said == ["BEGIN", "INSERT", "COMMIT"]


async def test_units_that_wait_together_share_one_commit(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits: list[object] = []
    commit = PreparedConnection.commit

    def count(connection: PreparedConnection) -> None:
        commits.append(connection)
        commit(connection)

    monkeypatch.setattr(PreparedConnection, "commit", count)

    results = await _together(store, *(_receive(f"evt_{number}") for number in range(50)))

    assert results == [True] * 50
    assert len(commits) == 2


async def test_a_commit_is_durable_whatever_the_defaults_of_the_server_are(
    store: SqlStore,
) -> None:
    def settings(unit: SqlUnit) -> dict[str, object]:
        wanted = {
            "sqlite": ("PRAGMA journal_mode", "PRAGMA synchronous", "PRAGMA foreign_keys"),
            "postgresql": ("SHOW synchronous_commit", "SHOW lock_timeout"),
        }[unit._dialect]
        return {one: unit._connection.execute(text(one)).scalar() for one in wanted}

    assert await store.run(settings) in (
        {"PRAGMA journal_mode": "wal", "PRAGMA synchronous": 2, "PRAGMA foreign_keys": 1},
        {"SHOW synchronous_commit": "on", "SHOW lock_timeout": "5s"},
    )


async def test_what_a_unit_wrote_is_readable_as_soon_as_it_is_acknowledged(store: SqlStore) -> None:
    for number in range(30):
        await store.run(_receive(f"evt_{number}"))
        assert f"evt_{number}" in await store.read(_stored_ids)


async def test_when_commit_fails_nobody_is_told_that_it_is_stored_and_the_next_unit_works(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = PreparedConnection.commit

    def fail(_connection: PreparedConnection) -> None:
        monkeypatch.setattr(PreparedConnection, "commit", commit)
        raise OperationalError("COMMIT", None, Exception("disk I/O error"))

    await store.ping()
    gate_passed = _receive("evt_0")
    monkeypatch.setattr(PreparedConnection, "commit", fail)
    (result,) = await asyncio.gather(store.run(gate_passed), return_exceptions=True)

    assert isinstance(result, StoreUnavailableError)
    assert await store.run(_receive("evt_1")) is True
    assert await store.read(_stored_ids) == {"evt_1"}


async def test_a_unit_that_the_database_chokes_on_fails_alone(store: SqlStore) -> None:
    def choke(unit: SqlUnit) -> None:
        unit.receive_event(event("evt_2"))
        raise OperationalError("INSERT", None, Exception("out of memory"))

    first, failed, last = await _together(store, _receive("evt_1"), choke, _receive("evt_3"))

    assert (first, last) == (True, True)
    assert isinstance(failed, StoreUnavailableError)
    assert await store.read(_stored_ids) == {"evt_1", "evt_3"}


async def test_a_unit_that_runs_out_of_an_iterator_does_not_let_its_caller_wait_for_ever(
    store: SqlStore,
) -> None:
    def careless(_unit: SqlUnit) -> int:
        return next(iter(()))

    with pytest.raises(BrokenInvariantError, match="iterator"):
        await store.run(careless)


async def test_cancelling_the_wait_neither_loses_nor_harms_a_submitted_unit(
    store: SqlStore,
) -> None:
    gate = _Gate()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(store.run(gate))
        await asyncio.to_thread(gate.entered.wait, 60)
        impatient = tasks.create_task(store.run(_receive("evt_1")))
        unlucky = tasks.create_task(store.run(_receive_then_fail("evt_2")))
        await _until_waiting(store, 2)
        impatient.cancel()
        unlucky.cancel()
        gate.leave.set()

    assert await store.run(_receive("evt_3")) is True
    assert await store.read(_stored_ids) == {"evt_1", "evt_3"}


async def test_more_units_than_may_wait_are_all_done(store: SqlStore) -> None:
    names = [f"evt_{number}" for number in range(1500)]

    results = await asyncio.gather(*(store.run(_receive(name)) for name in names))

    assert all(results)
    assert await store.read(_stored_ids) == set(names)


async def test_closing_finishes_what_was_submitted_and_refuses_what_comes_later(
    store: SqlStore, store_url: str
) -> None:
    async with asyncio.TaskGroup() as tasks:
        submitted = [tasks.create_task(store.run(_receive(f"evt_{n}"))) for n in range(100)]
        await asyncio.sleep(0)
        await store.close()
    assert all(task.result() for task in submitted)

    with pytest.raises(StoreUnavailableError, match="closed"):
        await store.run(_receive("evt_late"))
    with pytest.raises(StoreUnavailableError, match="closed"):
        await store.read(_stored_ids)
    again = open_store(store_url, clock=SystemClock(), ids=RandomIds())
    assert len(await again.read(_stored_ids)) == 100
    await again.close()


async def test_a_read_cannot_write(store: SqlStore) -> None:
    with pytest.raises(StoreUnavailableError):
        await store.read(_receive("evt_1"))

    assert await store.read(_stored_ids) == set()


async def test_a_read_sees_one_moment(store: SqlStore) -> None:
    loop = asyncio.get_running_loop()

    def count_twice(unit: SqlUnit) -> tuple[int, int]:
        before = len(_stored_ids(unit))
        asyncio.run_coroutine_threadsafe(store.run(_receive("evt_1")), loop).result(timeout=60)
        return before, len(_stored_ids(unit))

    assert await store.read(count_twice) == (0, 0)


async def test_a_full_disk_is_said_and_heals_by_itself(sqlite_url: str) -> None:
    store = open_store(sqlite_url, clock=SystemClock(), ids=RandomIds())

    def limit_size(connection: sqlite3.Connection, _entry: object) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 3}")

    sqlalchemy_event.listen(store._writer, "connect", limit_size)
    store._writer.dispose()
    full = await asyncio.gather(
        *(store.run(_receive(f"evt_{number}", size=4000)) for number in range(20)),
        return_exceptions=True,
    )
    sqlalchemy_event.remove(store._writer, "connect", limit_size)
    store._writer.dispose()
    healed = await store.run(_receive("evt_healed"))
    stored = await store.read(_stored_ids)
    await store.close()

    refused = [result for result in full if isinstance(result, StoreUnavailableError)]
    assert "full" in str(refused[0])
    assert healed is True
    acknowledged = {f"evt_{number}" for number, result in enumerate(full) if result is True}
    assert stored == acknowledged | {"evt_healed"}


async def test_nothing_acknowledged_is_lost_when_the_server_ends_all_connections(
    postgres_cluster: PostgresCluster, postgres_url: str
) -> None:
    database = postgres_url.partition("@/")[2].partition("?")[0]
    store = open_store(postgres_url, clock=SystemClock(), ids=RandomIds())
    await store.read(_stored_ids)

    async def disturb() -> None:
        for _ in range(10):
            await asyncio.to_thread(postgres_cluster.end_connections, database)

    results, _ = await asyncio.gather(
        asyncio.gather(
            *(store.run(_receive(f"evt_{number}")) for number in range(1500)),
            return_exceptions=True,
        ),
        disturb(),
    )

    acknowledged = {f"evt_{number}" for number, result in enumerate(results) if result is True}
    assert await store.run(_receive("evt_after")) is True
    assert acknowledged <= await store.read(_stored_ids)
    assert all(isinstance(result, bool | StoreUnavailableError) for result in results)
    await store.close()


async def test_units_that_deadlock_with_another_transaction_pass_in_the_end(
    postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_store(postgres_url, clock=SystemClock(), ids=RandomIds())
    await store.run(lambda unit: [unit.reserve_nonces(key, 1, 1) for key in ("a", "b")])
    lock = "UPDATE nonces SET high_water = high_water + 1 WHERE key = %s"

    def meet(other: psycopg.Connection[tuple[object, ...]]) -> None:
        other.execute(lock, ["b"])
        holds_b.set()
        ours_holds_a.wait(timeout=60)
        other.execute(lock, ["a"])
        other.commit()

    holds_b, ours_holds_a = threading.Event(), threading.Event()

    def cross(unit: SqlUnit) -> int:
        holds_b.wait(timeout=60)
        unit.reserve_nonces("a", 1, 1)
        ours_holds_a.set()
        return unit.reserve_nonces("b", 1, 1)

    with psycopg.connect(postgres_url) as other:
        other.execute("SET deadlock_timeout = '1h'")
        _, result = await asyncio.gather(asyncio.to_thread(meet, other), store.run(cross))

    assert result == 3
    assert "store.batch_split" in [record.message for record in caplog.records]
    await store.close()


_CRASHING_WRITER = """
import asyncio, sys
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.store import open_store
from tests.integration.store_builders import event

async def main():
    store = open_store(sys.argv[1], clock=SystemClock(), ids=RandomIds())
    async def one(number):
        await store.run(lambda unit: unit.receive_event(event(f"evt_{number}")))
        print(f"evt_{number}", flush=True)
    number = 0
    while True:
        await asyncio.gather(*(one(number + step) for step in range(20)))
        number += 20

asyncio.run(main())
"""


def _write_until_killed(url: str) -> set[str]:
    """Runs a program that acknowledges on its standard output, kills it, gives what it said."""
    writer = subprocess.Popen(
        [sys.executable, "-c", _CRASHING_WRITER, url],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert writer.stdout is not None
    lines = [writer.stdout.readline() for _ in range(200)]
    writer.send_signal(signal.SIGKILL)
    rest, _ = writer.communicate(timeout=60)
    lines += rest.splitlines(keepends=True)
    return {line.strip() for line in lines if line.endswith("\n")}


async def test_kill_9_loses_nothing_that_was_acknowledged(store_url: str) -> None:
    acknowledged = await asyncio.to_thread(_write_until_killed, store_url)

    store = open_store(store_url, clock=SystemClock(), ids=RandomIds())
    stored = await store.read(_stored_ids)
    claimed = await store.run(lambda unit: unit.claim_inbox(NOW, NOW + MINUTE, 10))
    await store.close()

    assert len(acknowledged) >= 200
    assert acknowledged <= stored
    assert len(claimed) == 10
