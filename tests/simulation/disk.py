"""What survives a crash: the database, on a real sqlite3 with the store's own statements."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from splynx_stripe.domain.errors import BrokenInvariantError
from splynx_stripe.store.errors import StoreUnavailableError
from splynx_stripe.store.tables import metadata
from splynx_stripe.store.unit import SqlUnit
from tests.simulation.clockwork import START, turn
from tests.simulation.quick_sql import QuickConnection

T = TypeVar("T")

_DIALECT = sqlite.dialect()
SCHEMA = ";".join(
    [
        *(str(CreateTable(table).compile(dialect=_DIALECT)) for table in metadata.sorted_tables),
        *(
            str(CreateIndex(index).compile(dialect=_DIALECT))
            for table in metadata.sorted_tables
            for index in table.indexes
        ),
    ]
)
_EMPTY = [f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables)]


class Disk:
    """One database, used by one or more processes, one unit at a time."""

    def __init__(self) -> None:
        self.raw = sqlite3.connect(":memory:", isolation_level=None)
        self.raw.executescript(SCHEMA)
        self.raw.execute("PRAGMA foreign_keys = ON")
        self.unit: Any = SqlUnit(QuickConnection(self.raw))  # type: ignore[arg-type]  # it has what is used
        self.is_broken = False
        self.on_commit: Callable[[], None] = lambda: None
        self.commits = 0

    def clear(self, installation_id: str) -> None:
        """Makes it new, with the identity of an installation."""
        for statement in _EMPTY:
            self.raw.execute(statement)
        self.unit.settle_installation(
            new_id=installation_id, signing_key_hex="5a" * 32, now=START
        )
        self.is_broken = False
        self.commits = 0

    def execute(self, work: Callable[[Any], T]) -> T:
        """Runs a unit of work and commits it, or undoes it."""
        if self.is_broken:
            raise StoreUnavailableError("The disk is full. Nothing was written.")
        self.raw.execute("BEGIN IMMEDIATE")
        changes = self.raw.total_changes
        try:
            result = work(self.unit)
        except BaseException as error:
            self.raw.execute("ROLLBACK")
            if isinstance(error, sqlite3.IntegrityError):
                raise BrokenInvariantError(f"The database refuses: {error}") from error
            raise
        self.raw.execute("COMMIT")
        if self.raw.total_changes != changes:
            self.commits += 1
            self.on_commit()
        return result

    def look(self, work: Callable[[Any], T]) -> T:
        """Reads without a turn; for the oracle, never for the product."""
        return work(self.unit)


class SimStore:
    """Implements `flows.ports.Store` for one process, with a turn before and after each commit."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    async def run(self, work: Callable[[Any], T]) -> T:
        await turn(f"commit {work.__qualname__}")
        result = self._disk.execute(work)
        await turn(f"committed {work.__qualname__}")
        return result

    async def read(self, work: Callable[[Any], T]) -> T:
        await turn("read")
        if self._disk.is_broken:
            raise StoreUnavailableError("The disk cannot be read.")
        return work(self._disk.unit)
