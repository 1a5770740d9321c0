"""Reads on snapshots of committed data, on connections that are kept from one read to the next.

Taking a connection out of a pool, testing it, and beginning and ending a transaction by SQLAlchemy
costs several times what a small read itself does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from splynx_stripe.store.prepared import PreparedConnection
from splynx_stripe.store.unit import SqlUnit

T = TypeVar("T")


class SnapshotReader:
    """Executes units that only read; any thread may call, each call has a connection for itself."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._free: list[PreparedConnection] = []

    def read(self, work: Callable[[SqlUnit], T]) -> T:
        """Executes a unit on one snapshot.

        A kept connection may have died since, with the server's last restart: the unit, which
        only reads, is then executed again on another one.

        Raises:
            StatementError: the database failed, or the unit tried to write.
        """
        while (kept := self._take()) is not None:
            try:
                return self._on(kept, work)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
        return self._on(PreparedConnection(self._engine.connect()), work)

    def close(self) -> None:
        """Lets go of the connections. Nobody may read any more."""
        while (kept := self._take()) is not None:
            kept.hang_up()

    def _take(self) -> PreparedConnection | None:
        try:
            return self._free.pop()
        except IndexError:
            return None

    def _on(self, prepared: PreparedConnection, work: Callable[[SqlUnit], T]) -> T:
        is_sound = False
        try:
            prepared.begin()
            try:
                return work(SqlUnit(prepared))
            finally:
                is_sound = prepared.rolled_back()
        finally:
            if is_sound:
                self._free.append(prepared)
            else:
                prepared.hang_up(broken=True)
