"""Executes the store's own SQLAlchemy statements on sqlite3 without SQLAlchemy's cost per call.

A history has hundreds of statements and a million histories must fit into an hour. Each statement
of the store is compiled once; its SQL, its value conversions and the database's constraints are
the real ones. `test_simulation.py` runs the same histories on SQLAlchemy's own connection and
compares their traces, so a difference would be found.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Executable
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.compiler import SQLCompiler

_DIALECT = sqlite.dialect()
_Convert = Callable[[Any], Any] | None


@dataclass(slots=True)
class _Compiled:
    """A statement: its SQL, (name, default, conversion) per parameter, the columns it gives."""

    sql: str
    parameters: Sequence[tuple[str, Any, _Convert]]
    columns: Sequence[str]
    results: Sequence[_Convert]
    converts: bool


class QuickResult:
    """What the store uses of a CursorResult."""

    __slots__ = ("_compiled", "_rows", "rowcount")

    def __init__(self, compiled: _Compiled, rows: list[tuple[Any, ...]], rowcount: int) -> None:
        self._compiled = compiled
        self._rows = rows
        self.rowcount = rowcount

    def mappings(self) -> QuickMappings:
        columns = self._compiled.columns
        return QuickMappings(dict(zip(columns, row, strict=True)) for row in self._rows)

    def first(self) -> tuple[Any, ...] | None:
        return self._rows[0] if self._rows else None

    def scalars(self) -> QuickMappings:
        return QuickMappings(row[0] for row in self._rows)

    def scalar(self) -> Any:
        return self._rows[0][0] if self._rows else None

    def scalar_one(self) -> Any:
        (row,) = self._rows
        return row[0]

    def __iter__(self) -> Any:
        return iter(self._rows)


class QuickMappings(list[Any]):
    """Rows or scalars, with the few methods that the store uses."""

    def first(self) -> Any:
        return self[0] if self else None

    def all(self) -> Sequence[Any]:
        return self


class QuickConnection:
    """What the store uses of a Connection."""

    def __init__(self, raw: sqlite3.Connection) -> None:
        self._raw = raw
        self.dialect = SimpleNamespace(name="sqlite")

    def execute(
        self, statement: Executable, values: Mapping[str, Any] | None = None
    ) -> QuickResult:
        given = dict(values or {})
        compiled = _compiled(statement, given)
        parameters = [
            convert(given.get(name, default)) if convert else given.get(name, default)
            for name, default, convert in compiled.parameters
        ]
        cursor = self._raw.execute(compiled.sql, parameters)
        rows = cursor.fetchall()
        if rows and compiled.converts:
            results = compiled.results
            rows = [
                tuple([c(v) if c else v for c, v in zip(results, row, strict=True)]) for row in rows
            ]
        return QuickResult(compiled, rows, cursor.rowcount)


_cache: dict[tuple[int, frozenset[str], int], tuple[Executable, _Compiled]] = {}


def _compiled(statement: Executable, given: dict[str, Any]) -> _Compiled:
    """Compiles a statement once. The statement is kept, so that its id stays its own."""
    lists = [name for name, value in given.items() if isinstance(value, list)]
    length = sum(len(given[name]) for name in lists)
    key = (id(statement), frozenset(given), length)
    found = _cache.get(key)
    if found is None:
        found = _cache[key] = (statement, _compile(statement, given))
    if lists:
        _spread(given, lists)
    return found[1]


def _spread(given: dict[str, Any], lists: list[str]) -> None:
    for name in lists:
        for number, value in enumerate(given.pop(name), 1):
            given[f"{name}_{number}"] = value


def _compile(statement: Executable, given: Mapping[str, Any]) -> _Compiled:
    is_insert = bool(getattr(statement, "is_insert", False))
    options: dict[str, Any] = {"column_keys": sorted(given)} if is_insert else {}
    compiled = statement.compile(dialect=_DIALECT, **options)  # type: ignore[attr-defined]  # every statement has it
    assert isinstance(compiled, SQLCompiler)
    # The compiler offers no other way to what a Connection does with it.
    expanded = compiled._process_parameters_for_postcompile({**compiled.params, **given})
    columns = compiled._result_columns
    defaults = {**compiled.params, **expanded.parameters}
    converts: dict[str, Any] = {**compiled._bind_processors, **expanded.processors}
    results = [entry.type._cached_result_processor(_DIALECT, None) for entry in columns]
    return _Compiled(
        sql=expanded.statement,
        parameters=[
            (name, defaults.get(name), converts.get(name)) for name in expanded.positiontup or ()
        ],
        columns=[entry.keyname for entry in columns],
        results=results,
        converts=any(results),
    )
