"""What every part of a unit of work is made of: a connection and its dialect's insert."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, cast

from sqlalchemy import (
    Column,
    Connection,
    CursorResult,
    Executable,
    Table,
    bindparam,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from splynx_stripe.domain.errors import StaleWriteError
from splynx_stripe.store.prepared import PreparedConnection

PerDialect = Mapping[str, Executable]
"""A statement for each dialect, built once: building costs as much as executing."""

Claim = Callable[[int], Executable]
"""Gives the statement that claims so many rows; each number has its own, made once."""

_INSERTS = (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))


def insert_unless_there(
    table: Table, unique: Sequence[Column[Any]], *, among: str = ""
) -> PerDialect:
    """Makes an insert that does nothing when the unique index on `unique` has such a row.

    `among` is the WHERE of a partial index, literally as in `tables.py`. Other violated
    constraints are errors as always. A row comes back only when one was inserted.
    """
    where = text(among) if among else None
    return MappingProxyType(
        {
            name: insert(table)
            .on_conflict_do_nothing(index_elements=unique, index_where=where)
            .returning(*unique)
            for name, insert in _INSERTS
        }
    )


def claim_of(table: Table) -> Claim:
    """Makes the claim of rows of a table by their ids, given as `claimed(ids)`, until `until`.

    An `IN` of unknown length would be put together anew each time, at ten times the cost.
    """

    @cache
    def of_so_many(count: int) -> Executable:
        numbers = [bindparam(name, type_=table.c.id.type) for name in _names(count)]
        until = bindparam("until", type_=table.c.claimed_until.type)
        return (
            update(table)
            .where(table.c.id.in_(numbers))
            .values(claim=table.c.claim + 1, claimed_until=until)
            .returning(*table.columns)
        )

    return of_so_many


def claimed(ids: Sequence[int]) -> dict[str, Any]:
    """Gives the values of a claim of these rows."""
    return dict(zip(_names(len(ids)), ids, strict=True))


@cache
def _names(count: int) -> Sequence[str]:
    return [f"id_{number}" for number in range(count)]


class UnitPart:
    """A part of the unit of work; each noun adds its own methods."""

    def __init__(self, connection: Connection | PreparedConnection) -> None:
        # What a prepared connection lacks of a Connection, the rows do not use.
        self._connection = cast("Connection", connection)
        self._dialect = connection.dialect.name

    def _inserted(self, statement: PerDialect, values: Mapping[str, object]) -> bool:
        result = self._connection.execute(statement[self._dialect], dict(values))
        return result.first() is not None

    def _must_change_one(self, result: CursorResult[Any], what: str) -> None:
        """Raises `StaleWriteError` when a guarded write found its row moved on."""
        if result.rowcount != 1:
            raise StaleWriteError(
                f"{what} changed since it was read. Nothing was written; read it again."
            )
