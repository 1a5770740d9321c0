"""A connection on which the store's own statements cost a fraction of what SQLAlchemy's cost.

SQLAlchemy prepares each execution anew: cache key, events, parameters, a cursor result. That is
three times the price of a small statement itself. The statements of this package are constants, so
each is translated once per dialect: its SQL, the conversions of its parameters and columns.
Tables, types, SQL and errors stay SQLAlchemy's.

What cannot be said in advance goes SQLAlchemy's way: a list of rows, an `IN` of unknown length,
and the first use of any statement, because one that was built for a single use is not worth
a translation.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast
from weakref import WeakKeyDictionary

import psycopg
from sqlalchemy import Connection, CursorResult, Delete, Dialect, Executable, Insert, Select, Update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

_DRIVER_ERRORS = (sqlite3.Error, psycopg.Error)
_SQLITE_PARAMETERS = 32_766
"""How many values one statement may have (SQLITE_MAX_VARIABLE_NUMBER, the default since 3.32)."""

BEGINS_WITH = "begins_with"
"""The execution option of an engine that says how its transactions begin; PostgreSQL's need no word."""

_Convert = Callable[[Any], Any]
_Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Parameter:
    """One parameter: its name, what it is when nobody says, and how a value becomes the driver's."""

    name: str
    is_required: bool
    default: Any
    convert: _Convert | None

    def of(self, values: _Values) -> Any:
        """Gives what the driver gets. Raises `KeyError` when nobody said a value that has to be."""
        value = values[self.name] if self.is_required else values.get(self.name, self.default)
        return value if self.convert is None else self.convert(value)


@dataclass(frozen=True, slots=True)
class _Translation:
    """A statement in the driver's words; without `columns` it gives no rows."""

    sql: str
    parameters: Sequence[_Parameter]
    by_position: bool
    columns: Sequence[str] | None
    results: Sequence[tuple[int, _Convert]]

    def bound(self, values: _Values) -> Sequence[Any] | dict[str, Any]:
        if self.by_position:
            return [parameter.of(values) for parameter in self.parameters]
        return {parameter.name: parameter.of(values) for parameter in self.parameters}

    def converted(self, row: Sequence[Any]) -> Sequence[Any]:
        """Converts the few columns that need it, by their places."""
        values = list(row)
        for place, convert in self.results:
            values[place] = convert(values[place])
        return values


@dataclass(frozen=True, slots=True)
class Inserted:
    """How many rows were inserted, and the row number of the last; the others' precede it."""

    count: int
    last_row: int


class _Found(list[Any]):
    """Rows or values that were found, with the words of SQLAlchemy's results that we use."""

    def all(self) -> Sequence[Any]:
        return self

    def first(self) -> Any:
        return self[0] if self else None


class _Rows:
    """A result whose rows are all here, with the count that guarded writes look at.

    Rows are sequences, mappings are dictionaries: what SQLAlchemy gives can do more and costs
    several times as much to make.
    """

    __slots__ = ("_columns", "_rows", "rowcount")

    def __init__(self, columns: Sequence[str], rows: Sequence[Any], rowcount: int) -> None:
        self._columns = columns
        self._rows = rows
        self.rowcount = rowcount

    def mappings(self) -> _Found:
        columns = self._columns
        return _Found(dict(zip(columns, row, strict=True)) for row in self._rows)

    def scalars(self) -> _Found:
        return _Found(row[0] for row in self._rows)

    def all(self) -> Sequence[Any]:
        return self._rows

    def first(self) -> Any:
        return self._rows[0] if self._rows else None

    def scalar(self) -> Any:
        return self._rows[0][0] if self._rows else None

    def scalar_one(self) -> Any:
        (row,) = self._rows
        return row[0]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)


_NO_COLUMNS: Sequence[str] = ()
_UNTRANSLATABLE = _Translation("", (), by_position=True, columns=None, results=())
_ByNames = dict[tuple[str, ...], _Translation | None]
_known: dict[str, WeakKeyDictionary[Executable, _ByNames]] = {}
"""By dialect, statement and names of the given values (an insert writes the columns it is given).
None: it was used once."""


class PreparedConnection:
    """Implements what the rows use of a Connection, within that connection's transaction."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        driver: Any = connection.connection.driver_connection
        self._raw = driver
        self._cursor: Any = driver.cursor()
        self.dialect = connection.dialect
        self._begins = str(connection.get_execution_options().get(BEGINS_WITH, ""))
        self._translations = _known.setdefault(self.dialect.name, WeakKeyDictionary())

    def execute(
        self, statement: Executable, values: _Values | Sequence[_Values] | None = None
    ) -> CursorResult[Any]:
        """Executes a statement; gives and raises what SQLAlchemy would."""
        if values is None:
            values = {}
        if isinstance(values, Mapping):
            translation = self._translation(statement, values)
            if translation is not None:
                return cast("CursorResult[Any]", self._perform(translation, values))
        return self.connection.execute(statement, values)

    def insert_all(self, statement: Executable, rows: Sequence[_Values]) -> Inserted | None:
        """Inserts rows, all with the same names, by one statement, on SQLite.

        There each row that is given back, and each row of a list, hands the interpreter's lock
        over twice. None: this cannot be done here; use `execute`.
        """
        translation = self._translation(statement, rows[0])
        if translation is None or not translation.by_position or translation.columns is not None:
            return None
        one = f"({', '.join('?' * len(translation.parameters))})"
        before, found, after = translation.sql.partition(one)
        if not found or len(rows) * len(translation.parameters) > _SQLITE_PARAMETERS:
            return None
        sql = f"{before}{', '.join([one] * len(rows))}{after}"
        try:
            self._cursor.execute(sql, [each for row in rows for each in translation.bound(row)])
        except _DRIVER_ERRORS as error:
            raise self._as_theirs(error, sql) from error
        return Inserted(self._cursor.rowcount, self._cursor.lastrowid)

    def begin(self) -> None:
        """Begins a transaction as the engine's connections do, without SQLAlchemy's part in it.

        Where SQLAlchemy executes a statement within it, it takes note of the transaction then.
        """
        if self._begins:
            self.say(self._begins)

    def commit(self) -> None:
        """Commits it, whoever knows of it."""
        if self.connection.in_transaction():
            self.connection.commit()
            return
        try:
            self._raw.commit()
        except _DRIVER_ERRORS as error:
            raise self._as_theirs(error, "COMMIT") from error

    def rolled_back(self) -> bool:
        """Undoes it, whoever knows of it. False: the connection cannot be used any more."""
        if self.connection.invalidated:
            return False
        try:
            if self.connection.in_transaction():
                self.connection.rollback()
            self._raw.rollback()
        except (DBAPIError, *_DRIVER_ERRORS):
            return False
        return True

    def hang_up(self, *, broken: bool = False) -> None:
        """Gives the connection back; one that is `broken` is not used again.

        The cursor goes first: a statement that is not over would keep its locks.
        """
        with suppress(*_DRIVER_ERRORS):
            self._cursor.close()
        if broken:
            self.connection.invalidate()
        self.connection.close()

    def say(self, sql: str) -> None:
        """Says something without parameters and without a result, such as SAVEPOINT."""
        try:
            self._cursor.execute(sql)
        except _DRIVER_ERRORS as error:
            raise self._as_theirs(error, sql) from error

    def _perform(self, translation: _Translation, values: _Values) -> _Rows:
        cursor = self._cursor
        bound = translation.bound(values)
        try:
            cursor.execute(translation.sql, bound)
            rows = cursor.fetchall() if translation.columns is not None else ()
        except _DRIVER_ERRORS as error:
            raise self._as_theirs(error, translation.sql) from error
        if translation.results:
            rows = [translation.converted(row) for row in rows]
        return _Rows(translation.columns or _NO_COLUMNS, rows, cursor.rowcount)

    def _translation(self, statement: Executable, values: _Values) -> _Translation | None:
        """Finds a translation, or makes it at the second use. None: SQLAlchemy has to do it."""
        by_names = self._translations.get(statement)
        if by_names is None:
            by_names = self._translations[statement] = {}
        names = tuple(values)
        try:
            translation = by_names[names]
        except KeyError:
            by_names[names] = None
            return None
        if translation is None:
            translation = by_names[names] = _translate(statement, names, self.dialect)
        return None if translation is _UNTRANSLATABLE else translation

    def _as_theirs(self, error: Exception, sql: str) -> Exception:
        """Wraps a driver's error as SQLAlchemy does, and gives a lost connection up."""
        driver: Any = self.dialect.loaded_dbapi
        is_lost = self.dialect.is_disconnect(cast("Any", error), self._raw, self._cursor)
        if is_lost and not self.connection.invalidated:
            self.connection.invalidate(error)
        return DBAPIError.instance(
            sql,
            None,
            error,
            driver.Error,
            hide_parameters=True,
            connection_invalidated=is_lost,
            dialect=self.dialect,
        )


def _translate(statement: Executable, names: Sequence[str], dialect: Dialect) -> _Translation:
    if not isinstance(statement, (Select, Insert, Update, Delete)):
        return _UNTRANSLATABLE
    keys = None if isinstance(statement, Select) else sorted(names)
    compiled = statement.compile(dialect=dialect, column_keys=keys)
    if _needs_sqlalchemy(compiled):
        return _UNTRANSLATABLE
    columns = [(column.key, column.type) for column in statement.exported_columns]
    converts = [_from_driver(kind, dialect) for _, kind in columns]
    return _Translation(
        sql=str(compiled),
        parameters=[
            _parameter(name, compiled, dialect) for name in compiled.positiontup or compiled.binds
        ],
        by_position=compiled.positiontup is not None,
        columns=[str(name) for name, _ in columns] if columns else None,
        results=[(place, each) for place, each in enumerate(converts) if each is not None],
    )


def _needs_sqlalchemy(compiled: SQLCompiler) -> bool:
    """Says whether the SQL depends on the values, or values come from elsewhere than the caller."""
    return bool(
        compiled.post_compile_params
        or compiled.literal_execute_params
        or compiled.escaped_bind_names
        or compiled.insert_prefetch
        or compiled.update_prefetch
    )


def _parameter(name: str, compiled: SQLCompiler, dialect: Dialect) -> _Parameter:
    bound = compiled.binds[name]
    implementation: TypeEngine[Any] = bound.type.dialect_impl(dialect)
    return _Parameter(
        name, bound.required, bound.effective_value, implementation.bind_processor(dialect)
    )


def _from_driver(kind: TypeEngine[Any], dialect: Dialect) -> _Convert | None:
    return kind.dialect_impl(dialect).result_processor(dialect, None)
