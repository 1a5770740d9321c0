"""Reads on kept connections: each sees one snapshot, none can write, none fails by what died before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
from sqlalchemy import Engine, text

from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.store.engine import parse_url, reader_engine, writer_engine
from splynx_stripe.store.errors import StoreUnavailableError
from splynx_stripe.store.snapshots import SnapshotReader
from splynx_stripe.store.store import SqlStore
from splynx_stripe.store.unit import SqlUnit
from tests.integration.postgres_cluster import PostgresCluster
from tests.integration.store_builders import ACCOUNT, MINUTE, NOW

_TIMES = 3
"""The first use of a statement is SQLAlchemy's, the later ones are ours."""


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    made = reader_engine(parse_url(store_url))
    yield made
    made.dispose()


def _cursor(unit: SqlUnit) -> datetime | None:
    return unit.poll_cursor(ACCOUNT)


async def test_a_read_sees_what_was_committed_before_it(store: SqlStore) -> None:
    seen = []
    for number in range(1, _TIMES + 1):
        moment = NOW + number * MINUTE
        await store.run(lambda unit, at=moment: unit.set_poll_cursor(ACCOUNT, at))  # type: ignore[misc]  # a default value
        seen.append(await store.read(_cursor))

    assert seen == [NOW + number * MINUTE for number in range(1, _TIMES + 1)]


def test_one_snapshot_does_not_change_while_it_is_read(store_url: str, engine: Engine) -> None:
    reader, writer = SnapshotReader(engine), writer_engine(parse_url(store_url))

    def twice(unit: SqlUnit) -> tuple[datetime | None, datetime | None]:
        before = unit.poll_cursor(ACCOUNT)
        with writer.begin() as connection:
            SqlUnit(connection).set_poll_cursor(ACCOUNT, (before or NOW) + MINUTE)
        return before, unit.poll_cursor(ACCOUNT)

    seen = [reader.read(twice) for _ in range(_TIMES)]
    reader.close()
    writer.dispose()

    assert [before for before, _ in seen] == [after for _, after in seen]
    assert [before for before, _ in seen] == [None, NOW + MINUTE, NOW + 2 * MINUTE]


async def test_a_read_that_writes_is_refused_and_the_next_one_works(store: SqlStore) -> None:
    for _ in range(_TIMES):
        with pytest.raises(StoreUnavailableError):
            await store.read(lambda unit: unit.set_poll_cursor(ACCOUNT, NOW))

        assert await store.read(_cursor) is None


async def test_an_error_of_the_reader_itself_reaches_it_and_the_next_one_works(
    store: SqlStore,
) -> None:
    def stumble(unit: SqlUnit) -> None:
        unit.poll_cursor(ACCOUNT)
        raise KeyError("ours")

    for _ in range(_TIMES):
        with pytest.raises(KeyError):
            await store.read(stumble)

    assert await store.read(_cursor) is None


def test_connections_are_kept_and_given_back_at_the_end(engine: Engine) -> None:
    reader = SnapshotReader(engine)
    inner: list[object] = []

    def nested(unit: SqlUnit) -> None:
        unit.poll_cursor(StripeAccount("other", livemode=True))
        inner.append(reader.read(_cursor))

    for _ in range(_TIMES):
        reader.read(nested)
    kept = engine.pool.checkedout()  # type: ignore[attr-defined]  # the pool of both has it
    reader.close()

    assert (kept, inner) == (2, [None] * _TIMES)
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # as above


def test_after_the_server_was_restarted_a_read_works_as_if_nothing_had_happened(
    postgres_cluster: PostgresCluster, postgres_url: str
) -> None:
    engine = reader_engine(parse_url(postgres_url))
    reader = SnapshotReader(engine)
    for _ in range(_TIMES):
        reader.read(_cursor)
    with engine.connect() as connection:
        database = str(connection.execute(text("SELECT current_database()")).scalar_one())

    assert postgres_cluster.end_connections(database) > 0

    assert [reader.read(_cursor) for _ in range(_TIMES)] == [None] * _TIMES
    reader.close()
    engine.dispose()
