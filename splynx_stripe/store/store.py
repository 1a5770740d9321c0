"""The store as the rest of the program sees it: open it, run units of work, close it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, StatementError

from splynx_stripe.kit.clock import Clock
from splynx_stripe.kit.ids import IdSource
from splynx_stripe.store.engine import READER_CONNECTIONS, parse_url, reader_engine, writer_engine
from splynx_stripe.store.errors import StoreUnavailableError
from splynx_stripe.store.failures import as_ours, unavailable
from splynx_stripe.store.schema import require_current_schema
from splynx_stripe.store.snapshots import SnapshotReader
from splynx_stripe.store.unit import SqlUnit
from splynx_stripe.store.unit_of_work import GroupCommitter, Job

T = TypeVar("T")

QUEUE_LIMIT = 1024
"""Units that may wait for the writer; who comes later waits outside, in the order of coming.
A thousand units take about a third of a second, so a longer queue would only use memory."""


def open_store(url: str, *, clock: Clock, ids: IdSource) -> SqlStore:
    """Opens a migrated database and settles which installation it belongs to. Blocks briefly.

    Raises:
        ValueError: the URL is none of ours.
        NewerSchemaError: a newer version of this program wrote it.
        OlderSchemaError: `migrate` has not been run.
        StoreUnavailableError: it cannot be reached.
    """
    parsed = parse_url(url)
    writer = writer_engine(parsed)
    try:
        with writer.begin() as connection:
            require_current_schema(connection)
            SqlUnit(connection).settle_installation(
                new_id=ids.new("ins", clock.now()),
                signing_key_hex=ids.token() + ids.token(),
                now=clock.now(),
            )
    except DBAPIError as error:
        writer.dispose()
        raise unavailable(error) from None
    except BaseException:
        writer.dispose()
        raise
    return SqlStore(writer=writer, reader=reader_engine(parsed))


class SqlStore:
    """Implements `flows.ports.Store`. One event loop uses it; its threads do the work."""

    def __init__(self, *, writer: Engine, reader: Engine) -> None:
        self._writer = writer
        self._reader = reader
        self._snapshots = SnapshotReader(reader)
        self._committer = GroupCommitter(writer)
        self._readers = ThreadPoolExecutor(READER_CONNECTIONS, thread_name_prefix="store-reader")
        self._slots = asyncio.Semaphore(QUEUE_LIMIT)
        self._closed = False

    @property
    def is_shared(self) -> bool:
        """Says whether other daemons may use the same database (`daemon_lock.py`)."""
        return self._writer.dialect.name != "sqlite"

    async def run(self, work: Callable[[SqlUnit], T]) -> T:
        """Executes a unit of work whole, commits it durably, and gives its result.

        `work` may be executed again when another transaction was in its way: it must have no
        effect but through the unit. Cancelling the wait does not stop a unit that was queued.

        Raises:
            StoreUnavailableError: the database did not take it.
            BrokenInvariantError: a constraint refused it; nothing of it was written.
        """
        await self._slots.acquire()
        if self._closed:
            self._slots.release()
            raise _closed()
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._committer.submit(Job(work=work, future=future, settled=self._slots.release))
        return await future

    async def read(self, work: Callable[[SqlUnit], T]) -> T:
        """Executes a unit that only reads, on one snapshot of committed data.

        Raises:
            StoreUnavailableError: the database is down, or `work` tried to write.
        """
        if self._closed:
            raise _closed()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._read, work)

    async def ping(self) -> None:
        """Shows that the writer lives and gets a transaction. Raises `StoreUnavailableError`."""
        await self.run(_nothing)

    async def try_to_write(self) -> None:
        """Shows that the disk still takes what is committed: a full one lets an empty unit pass.

        Raises:
            StoreUnavailableError: it does not. Its text says why, and what to do.
        """
        await self.run(_something)

    async def close(self) -> None:
        """Finishes what was submitted, then lets go of the database. Later calls are refused."""
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._shut_down)

    def _shut_down(self) -> None:
        self._committer.stop()
        self._readers.shutdown(wait=True)
        self._snapshots.close()
        self._reader.dispose()
        # Last: SQLite folds its WAL into the file when the last connection closes.
        self._writer.dispose()

    def _read(self, work: Callable[[SqlUnit], T]) -> T:
        try:
            return self._snapshots.read(work)
        except StatementError as error:
            # The driver's error quotes values, so it does not travel along as the cause.
            raise as_ours(error) from None


def _nothing(_unit: SqlUnit) -> None:
    """Is the unit of work that only needs a transaction."""


def _something(unit: SqlUnit) -> None:
    """Is a unit of work that changes a page and nothing that matters: a counter of its own."""
    unit.reserve_nonces("try-to-write", floor=1, count=1)


def _closed() -> StoreUnavailableError:
    return StoreUnavailableError("The database is closed because the program is stopping.")
