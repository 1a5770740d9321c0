"""Executes the store's own SQLAlchemy statements on sqlite3 without SQLAlchemy's cost per call.

A history has hundreds of statements and a million histories must fit into an hour. Each statement
of the store is compiled once; its SQL, its value conversions and the database's constraints are
the real ones. `test_simulation.py` runs the same histories on SQLAlchemy's own connection and
compares their traces, so a difference would be found.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Executable
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.compiler import SQLCompiler

from splynx_stripe.store.columns import UtcMoment

_DIALECT = sqlite.dialect()
_MOMENTS_KEPT = 20_000
_Convert = Callable[[Any], Any]
_Values = Mapping[str, Any]


@dataclass(slots=True)
class _Compiled:
    """A statement for certain names of values, ready for sqlite3.

    `bind` makes the parameters of the values; `mapping` makes a dictionary of a row. Both are
    written as code, once per statement: a loop over columns is what most of the time went to.
    """

    sql: str
    bind: Callable[[_Values], Sequence[Any]]
    mapping: Callable[[Sequence[Any]], dict[str, Any]]
    readers: Sequence[_Convert | None]
    writes_to: str


@dataclass(slots=True)
class _Entry:
    """A statement, kept so that its id stays its own, and what it was compiled to."""

    statement: Executable
    has_lists: bool
    is_insert: bool
    variants: dict[tuple[Any, ...], _Compiled] = field(default_factory=dict)


class QuickResult:
    """What the store uses of a CursorResult."""

    __slots__ = ("compiled", "rowcount", "rows")

    def __init__(self, compiled: _Compiled, rows: list[Any], rowcount: int) -> None:
        self.compiled = compiled
        self.rows = rows
        self.rowcount = rowcount

    def mappings(self) -> QuickMappings:
        return QuickMappings(map(self.compiled.mapping, self.rows))

    def first(self) -> Sequence[Any] | None:
        return self._read(self.rows[0]) if self.rows else None

    def all(self) -> Sequence[Any]:
        return list(self)

    def scalars(self) -> QuickMappings:
        return QuickMappings(self._read(row)[0] for row in self.rows)

    def scalar(self) -> Any:
        return self._read(self.rows[0])[0] if self.rows else None

    def scalar_one(self) -> Any:
        (row,) = self.rows
        return self._read(row)[0]

    def __iter__(self) -> Any:
        return map(self._read, self.rows)

    def _read(self, row: Sequence[Any]) -> tuple[Any, ...]:
        readers = self.compiled.readers
        return tuple([read(v) if read else v for read, v in zip(readers, row, strict=True)])


class QuickMappings(list[Any]):
    """Rows or scalars, with the few methods that the store uses."""

    def first(self) -> Any:
        return self[0] if self else None

    def all(self) -> Sequence[Any]:
        return self


class QuickConnection:
    """What the store uses of a Connection. `changed` has the tables that were written to.

    A transaction begins with the first statement that writes: what only reads needs none, because
    nobody else has a turn meanwhile.
    """

    def __init__(self, raw: sqlite3.Connection) -> None:
        self._raw = raw
        self._cursor = raw.cursor()
        self.changed: set[str] = set()
        self.dialect = SimpleNamespace(name="sqlite")

    def execute(
        self, statement: Executable, values: _Values | list[_Values] | None = None
    ) -> QuickResult:
        if isinstance(values, list):
            return self._execute_each(statement, values)
        given = values or _NONE
        entry = _entries.get(id(statement)) or _enter(statement, given)
        key: tuple[Any, ...] = ()
        if entry.has_lists:
            given, key = _spread(given)
        elif entry.is_insert:  # its SQL has only the columns that there are values for
            key = tuple(given)
        compiled = entry.variants.get(key)
        if compiled is None:
            compiled = entry.variants[key] = _compile(statement, values or {})
        if compiled.writes_to:
            self._write(compiled.writes_to)
        cursor = self._cursor
        cursor.execute(compiled.sql, compiled.bind(given))
        rows = cursor.fetchall() if compiled.readers else []
        return QuickResult(compiled, rows, cursor.rowcount)

    def _execute_each(self, statement: Executable, values: list[_Values]) -> QuickResult:
        """Executes it for each set of values; the result has the rows of all."""
        done = [self.execute(statement, each) for each in values]
        rows = [row for result in done for row in result.rows]
        return QuickResult(done[0].compiled, rows, sum(result.rowcount for result in done))

    def _write(self, table: str) -> None:
        self.changed.add(table)
        if not self._raw.in_transaction:
            self._raw.execute("BEGIN")


_NONE: _Values = {}
_entries: dict[int, _Entry] = {}


def _enter(statement: Executable, given: _Values) -> _Entry:
    has_lists = any(isinstance(value, list) for value in given.values())
    is_insert = bool(getattr(statement, "is_insert", False))
    entry = _entries[id(statement)] = _Entry(statement, has_lists, is_insert)
    return entry


def _spread(given: _Values) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """Gives a list's elements the names that the compiler gives them."""
    spread: dict[str, Any] = {}
    lengths = []
    for name, value in given.items():
        if isinstance(value, list):
            lengths.append(len(value))
            spread.update((f"{name}_{number}", each) for number, each in enumerate(value, 1))
        else:
            spread[name] = value
    return spread, (*given, *lengths)


def _compile(statement: Executable, given: _Values) -> _Compiled:
    is_insert = bool(getattr(statement, "is_insert", False))
    options: dict[str, Any] = {"column_keys": sorted(given)} if is_insert else {}
    compiled = statement.compile(dialect=_DIALECT, **options)  # type: ignore[attr-defined]  # every statement has it
    assert isinstance(compiled, SQLCompiler)
    # The compiler offers no other way to what a Connection does with it.
    expanded = compiled._process_parameters_for_postcompile({**compiled.params, **given})
    names = expanded.positiontup or ()
    defaults = {**compiled.params, **expanded.parameters}
    converts: dict[str, Any] = {**compiled._bind_processors, **expanded.processors}
    moments = {name for name, bind in compiled.binds.items() if isinstance(bind.type, UtcMoment)}
    converts.update((name, _moment_text) for name in moments)
    named = _spread(given)[0]
    words = {name for name, value in named.items() if isinstance(value, Enum)}
    converts.update((name, _word) for name in words)
    columns = compiled._result_columns
    readers = [_reader(entry.type) for entry in columns]
    return _Compiled(
        sql=expanded.statement,
        bind=_binder([_source(name, named, defaults, converts) for name in names]),
        mapping=_mapper([entry.keyname for entry in columns], readers),
        readers=readers,
        writes_to=statement.table.name if getattr(statement, "is_dml", False) else "",  # type: ignore[attr-defined]  # one that writes has it
    )


_Source = tuple[str, Any, _Convert | None]


def _source(
    name: str, named: _Values, defaults: _Values, converts: Mapping[str, _Convert]
) -> _Source:
    """Says where a parameter comes from: the name of a value, or "" and a fixed value."""
    convert = converts.get(name)
    if name in named:
        return name, None, convert
    value = defaults.get(name)
    return "", convert(value) if convert else value, None


def _binder(sources: Sequence[_Source]) -> Callable[[_Values], Sequence[Any]]:
    known: dict[str, Any] = {}
    parts = []
    for number, (name, value, convert) in enumerate(sources):
        known[f"c{number}"] = convert or value
        plain = f"given[{name!r}]" if name else f"c{number}"
        parts.append(f"c{number}({plain})" if convert else plain)
    bind: Callable[[_Values], Sequence[Any]] = _written(
        f"lambda given: ({''.join(f'{part}, ' for part in parts)})", known
    )
    return bind


def _mapper(
    columns: Sequence[str], readers: Sequence[_Convert | None]
) -> Callable[[Sequence[Any]], dict[str, Any]]:
    known = {f"c{number}": reader for number, reader in enumerate(readers)}
    parts = [
        f"{column!r}: c{number}(row[{number}])" if readers[number] else f"{column!r}: row[{number}]"
        for number, column in enumerate(columns)
    ]
    mapping: Callable[[Sequence[Any]], dict[str, Any]] = _written(
        f"lambda row: {{{', '.join(parts)}}}", known
    )
    return mapping


def _written(code: str, known: dict[str, Any]) -> Any:
    return eval(code, known)  # noqa: S307 - made of the names of our own columns


# --- moments: half of all values are, and most of them come again ------------------------------------

_MOMENT = UtcMoment()
_texts: dict[datetime, str | None] = {}
_moments: dict[str, datetime | None] = {}


def _moment_text(moment: datetime | None) -> str | None:
    """Remembers how the store's own column type writes a moment."""
    if moment is None:
        return None
    text = _texts.get(moment)
    if text is None:
        if len(_texts) > _MOMENTS_KEPT:
            _texts.clear()
        text = _texts[moment] = _MOMENT.process_bind_param(moment, _DIALECT)
    return text


def _word(value: str | None) -> str | None:
    """Makes a plain text of an enum's member: sqlite3 would look for an adapter each time."""
    return None if value is None else str(value)


def _reader(of_type: Any) -> _Convert | None:
    if isinstance(of_type, UtcMoment):
        return _moment
    convert: _Convert | None = of_type._cached_result_processor(_DIALECT, None)
    return convert


def _moment(text: str | None) -> datetime | None:
    """Remembers how the store's own column type reads a moment."""
    if text is None:
        return None
    moment = _moments.get(text)
    if moment is None:
        if len(_moments) > _MOMENTS_KEPT:
            _moments.clear()
        moment = _moments[text] = _MOMENT.process_result_value(text, _DIALECT)
    return moment
