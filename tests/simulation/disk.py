"""What survives a crash: the database, on a real sqlite3 with the store's own statements."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, StaticPool, create_engine
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateIndex, CreateTable

from splynx_stripe.domain.errors import BrokenInvariantError
from splynx_stripe.store.errors import StoreUnavailableError
from splynx_stripe.store.tables import metadata
from splynx_stripe.store.unit import SqlUnit
from tests.simulation.clockwork import turn
from tests.simulation.quick_sql import QuickConnection

T = TypeVar("T")

_DIALECT = sqlite.dialect()
_INDEXES = [index for table in metadata.sorted_tables for index in table.indexes]
SCHEMA = ";".join(
    [
        *(str(CreateTable(table).compile(dialect=_DIALECT)) for table in metadata.sorted_tables),
        *(str(CreateIndex(index).compile(dialect=_DIALECT)) for index in _INDEXES),
    ]
)
_EMPTY = ";".join(f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables))  # noqa: S608 - our tables


class Disk:
    """One database, used by one or more processes, one unit at a time.

    With `quick=False` SQLAlchemy's own connection executes the statements: slower, and the
    measure for `QuickConnection`.
    """

    def __init__(self, *, quick: bool = True) -> None:
        self.raw = sqlite3.connect(":memory:", isolation_level=None)
        self.raw.executescript(SCHEMA)
        self.raw.execute("PRAGMA foreign_keys = ON")
        connection: Any = QuickConnection(self.raw) if quick else _alchemy(self.raw)
        self.unit = SqlUnit(connection)
        self.is_broken = False
        self.is_read_only = False
        self.on_commit: Callable[[], None] = lambda: None
        self.commits = 0

    def clear(self, installation_id: str, now: datetime) -> None:
        """Makes it new, with the identity of an installation."""
        self.raw.executescript(_EMPTY)
        self.unit.settle_installation(new_id=installation_id, signing_key_hex="5a" * 32, now=now)
        self.is_broken = self.is_read_only = False
        self.commits = 0

    def execute(self, work: Callable[[Any], T]) -> T:
        """Runs a unit of work and commits it, or undoes it."""
        if self.is_broken or self.is_read_only:
            raise StoreUnavailableError("The disk is full. Nothing was written.")
        self.raw.execute("BEGIN IMMEDIATE")
        changes = self.raw.total_changes
        try:
            result = work(self.unit)
        except BaseException as error:
            self.raw.execute("ROLLBACK")
            if isinstance(error, (sqlite3.IntegrityError, IntegrityError)):
                raise BrokenInvariantError(f"The database refuses: {error}") from error
            raise
        self.raw.execute("COMMIT")
        if self.raw.total_changes != changes:
            self.commits += 1
            self.on_commit()
        return result

    def read(self, work: Callable[[Any], T]) -> T:
        """Runs a unit that must only read: on the real store its writes would be lost."""
        if self.is_broken:
            raise StoreUnavailableError("The disk cannot be read.")
        changes = self.raw.total_changes
        result = work(self.unit)
        if self.raw.total_changes != changes:
            raise BrokenInvariantError(f"{_name_of(work)} writes where it may only read.")
        return result

    def look(self, work: Callable[[Any], T]) -> T:
        """Reads without a turn; for the oracle, never for the product."""
        return work(self.unit)


def _name_of(work: Callable[[Any], Any]) -> str:
    """Names a unit of work, which is a function or a value that can be called."""
    name: str = getattr(work, "__qualname__", type(work).__qualname__)
    return name


def _alchemy(raw: sqlite3.Connection) -> Connection:
    engine = create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool)
    return engine.connect()


class SimStore:
    """Implements `flows.ports.Store` for one process, with a turn before and after each commit."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    async def run(self, work: Callable[[Any], T]) -> T:
        name = _name_of(work)
        await turn(f"commit {name}")
        result = self._disk.execute(work)
        await turn(f"committed {name}")
        return result

    async def read(self, work: Callable[[Any], T]) -> T:
        await turn("read")
        return self._disk.read(work)
