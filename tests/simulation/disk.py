"""What survives a crash: the database, on a real sqlite3 with the store's own statements."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Executable, StaticPool, create_engine
from sqlalchemy.dialects import sqlite
from sqlalchemy.event import listen
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
_TABLES = [table.name for table in reversed(metadata.sorted_tables)]
_STATEMENTS_KEPT = 1000

HAS_DUE_WORK = frozenset({"attempts", "collections", "effects", "inbox"})
_NEXT_DUE = """
SELECT
  (SELECT min(next_look_at) FROM attempts),
  (SELECT min(max(next_at, coalesce(claimed_until, next_at))) FROM effects WHERE state = 'pending'),
  (SELECT min(max(next_at, coalesce(claimed_until, next_at))) FROM inbox WHERE state = 'received'),
  EXISTS (SELECT 1 FROM collections WHERE state = 'open'),
  (SELECT max(id) FROM effects)
"""


@dataclass(frozen=True, slots=True)
class Due:
    """When the next look, effect and event are due and the first of them; "" where there is none.

    `has_open_collection` says whether there is a lease that could be idle; `newest_effect` is the
    number of the last effect that was added.
    """

    look: str
    effect: str
    event: str
    first: str
    has_open_collection: bool
    newest_effect: int


class Disk:
    """One database, used by one or more processes, one unit at a time.

    With `quick=False` SQLAlchemy's own connection executes the statements: slower, and the
    measure for `QuickConnection`.
    """

    def __init__(self, *, quick: bool = True) -> None:
        self.raw = sqlite3.connect(
            ":memory:", isolation_level=None, cached_statements=_STATEMENTS_KEPT
        )
        self.raw.executescript(SCHEMA)
        self.raw.execute("PRAGMA foreign_keys = ON")
        connection: Any = QuickConnection(self.raw) if quick else _alchemy(self.raw)
        self._changed = connection.changed if quick else _told_changes(connection)
        self._begins_itself = quick
        self.unit = SqlUnit(connection)
        self.is_broken = False
        self.is_read_only = False
        self.on_commit: Callable[[frozenset[str]], None] = lambda _changed: None
        self.changes = 0
        self._touched = set(_TABLES)
        self._due: Due | None = None

    def clear(self, installation_id: str, now: datetime) -> None:
        """Makes it new, with the identity of an installation."""
        self.raw.execute("BEGIN")
        for table in _TABLES:
            if table in self._touched:
                self.raw.execute(f"DELETE FROM {table}")  # noqa: S608 - our tables
        self.unit.settle_installation(new_id=installation_id, signing_key_hex="5a" * 32, now=now)
        self.raw.execute("COMMIT")
        self._touched = {"installation"}
        self._due = None
        self.is_broken = self.is_read_only = False

    def execute(self, work: Callable[[Any], T]) -> T:
        """Runs a unit of work and commits it, or undoes it."""
        if self.is_broken or self.is_read_only:
            raise StoreUnavailableError("The disk is full. Nothing was written.")
        changes = self.raw.total_changes
        self._changed.clear()
        if not self._begins_itself:
            self.raw.execute("BEGIN IMMEDIATE")
        try:
            result = work(self.unit)
        except BaseException as error:
            if self.raw.in_transaction:
                self.raw.execute("ROLLBACK")
            if isinstance(error, (sqlite3.IntegrityError, IntegrityError)):
                raise BrokenInvariantError(f"The database refuses: {error}") from error
            raise
        if self.raw.in_transaction:
            self.raw.execute("COMMIT")
        if self.raw.total_changes != changes:
            self._tell_changes()
        return result

    def _tell_changes(self) -> None:
        self.changes += 1
        changed = frozenset(self._changed)
        self._touched |= changed
        if not changed.isdisjoint(HAS_DUE_WORK):
            self._due = None
        self.on_commit(changed)

    def read(self, work: Callable[[Any], T]) -> T:
        """Runs a unit that must only read: on the real store its writes would be lost."""
        if self.is_broken:
            raise StoreUnavailableError("The disk cannot be read.")
        changes = self.raw.total_changes
        result = work(self.unit)
        if self.raw.total_changes != changes:
            if self.raw.in_transaction:
                self.raw.execute("ROLLBACK")
            raise BrokenInvariantError(f"{_name_of(work)} writes where it may only read.")
        return result

    def due(self) -> Due:
        """Gives what the workers could find to do; asked again only after a commit."""
        if self._due is None:
            *moments, is_open, newest = self.raw.execute(_NEXT_DUE).fetchone()
            look, effect, event = (moment or "" for moment in moments)
            first = min((each for each in (look, effect, event) if each), default="")
            self._due = Due(look, effect, event, first, bool(is_open), newest or 0)
        return self._due

    def replay_events(self, now: datetime) -> None:
        """Lets every event be handled once more, as an administrator may do."""
        self.raw.execute(
            "UPDATE inbox SET state = 'received', next_at = ?, tries = 0, claimed_until = NULL"
            " WHERE state = 'handled'",
            (moment_text(now),),
        )
        self._due = None

    def look(self, work: Callable[[Any], T]) -> T:
        """Reads without a turn; for the oracle, never for the product."""
        return work(self.unit)


def moment_text(now: datetime) -> str:
    """Gives a moment as the store writes it; such texts sort by time."""
    return f"{now.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def _name_of(work: Callable[[Any], Any]) -> str:
    """Names a unit of work, which is a function or a value that can be called."""
    name: str = getattr(work, "__qualname__", type(work).__qualname__)
    return name


def _alchemy(raw: sqlite3.Connection) -> Connection:
    engine = create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool)
    return engine.connect()


def _told_changes(connection: Connection) -> set[str]:
    """Gives a set that gets the tables that are written to, as `QuickConnection` has it."""
    changed: set[str] = set()

    def note(_connection: Connection, statement: Executable, *_rest: object) -> None:
        if getattr(statement, "is_dml", False):
            changed.add(statement.table.name)  # type: ignore[attr-defined]  # one that writes has it

    listen(connection, "before_execute", note)
    return changed


class SimStore:
    """Implements `flows.ports.Store` for one process, with a turn before and after each commit."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    async def run(self, work: Callable[[Any], T]) -> T:
        name = _name_of(work)
        await turn(f"commit {name}")
        changes = self._disk.raw.total_changes
        result = self._disk.execute(work)
        if self._disk.raw.total_changes != changes:  # else it was a read, and died with its reader
            await turn(f"committed {name}")
        return result

    async def read(self, work: Callable[[Any], T]) -> T:
        await turn("read")
        return self._disk.read(work)
