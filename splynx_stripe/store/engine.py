"""Opens connections: one writing engine, one reading engine, for SQLite and PostgreSQL.

SQLite runs in WAL mode with `synchronous=FULL`, so a commit survives power loss (I7). Python's
sqlite3 would begin transactions on its own idea of when; `isolation_level = None` takes that away
from it and the engine says BEGIN itself, which is what makes SAVEPOINT work.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any, Literal

import psycopg
from psycopg.types.array import ListBinaryDumper
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.pool import ConnectionPoolEntry

from splynx_stripe.store.prepared import BEGINS_WITH

BUSY_TIMEOUT_S = 5
"""How long a write waits for a lock that another process holds. A person at the CLI needs
milliseconds; who holds it longer is stuck, and webhooks must be told 5xx in time."""

READER_CONNECTIONS = 4
"""Reads take fractions of a millisecond; more would only wait for the interpreter's lock."""

_POSTGRES_CONNECT_TIMEOUT_S = 5


def parse_url(url: str) -> URL:
    """Reads a database URL; `postgresql://` means the driver that we ship.

    Raises:
        ValueError: when it is neither SQLite with a file nor PostgreSQL.
    """
    parsed = make_url(url)
    if parsed.drivername in {"postgresql", "postgres"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername == "postgresql+psycopg":
        return parsed
    if parsed.drivername == "sqlite" and parsed.database not in {None, "", ":memory:"}:
        return parsed
    raise ValueError(
        f"{parsed.render_as_string()} cannot be used as a database. Write sqlite:////absolute/path"
        " or postgresql://user@host/name."
    )


def writer_engine(url: URL) -> Engine:
    """Makes the engine of the one writing thread; it keeps one connection."""
    if url.drivername == "sqlite":
        return _sqlite_engine(url, begin="BEGIN IMMEDIATE", pragmas=(), connections=1)
    return _postgres_engine(url, _Postgres(connections=1, isolation="READ COMMITTED"))


def reader_engine(url: URL) -> Engine:
    """Makes the engine of the reading threads: each transaction is one unchanging snapshot."""
    if url.drivername == "sqlite":
        pragmas = ("PRAGMA query_only = ON",)
        return _sqlite_engine(url, begin="BEGIN", pragmas=pragmas, connections=READER_CONNECTIONS)
    traits = _Postgres(
        connections=READER_CONNECTIONS,
        isolation="REPEATABLE READ",
        # A reader must not fail because the server was restarted; the writer tries again itself.
        pre_ping=True,
        options="-c default_transaction_read_only=on",
    )
    return _postgres_engine(url, traits)


@dataclass(frozen=True, slots=True)
class _Postgres:
    """In what the engines of PostgreSQL differ."""

    connections: int
    isolation: Literal["READ COMMITTED", "REPEATABLE READ"]
    pre_ping: bool = False
    options: str = ""


def _sqlite_engine(url: URL, *, begin: str, pragmas: tuple[str, ...], connections: int) -> Engine:
    engine = create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        connect_args={"timeout": BUSY_TIMEOUT_S},
        hide_parameters=True,
        execution_options={BEGINS_WITH: begin},
    )

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None
        for pragma in (
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = FULL",
            "PRAGMA foreign_keys = ON",
            *pragmas,
        ):
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        if not driver.in_transaction:  # else a prepared connection has begun it
            connection.exec_driver_sql(begin)

    return engine


def _postgres_engine(url: URL, traits: _Postgres) -> Engine:
    engine = create_engine(
        url,
        pool_size=traits.connections,
        max_overflow=0,
        pool_pre_ping=traits.pre_ping,
        isolation_level=traits.isolation,
        connect_args={
            "connect_timeout": _POSTGRES_CONNECT_TIMEOUT_S,
            "application_name": "splynx-stripe",
            # An acknowledged event survives power loss, whatever the server's default is (I7).
            "options": f"-c synchronous_commit=on -c lock_timeout={BUSY_TIMEOUT_S}s {traits.options}",
        },
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def configure(connection: psycopg.Connection, _entry: ConnectionPoolEntry) -> None:
        # As text, each body in an array would be written in hexadecimal, quoted, and read again.
        connection.adapters.register_dumper(list, ListBinaryDumper)

    return engine
