"""Brings a database to this program's schema: one at a time, after a backup, or not at all."""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, inspect, text
from sqlalchemy.exc import DBAPIError

from splynx_stripe.kit.clock import Clock
from splynx_stripe.store.engine import parse_url, writer_engine
from splynx_stripe.store.errors import StoreUnavailableError
from splynx_stripe.store.failures import unavailable
from splynx_stripe.store.schema import HEAD, schema_revision
from splynx_stripe.store.soundness import require_sound

log = logging.getLogger(__name__)

_ADVISORY_LOCK = 7_378_697_629_483_820_646
"""Any number will do, as long as every version of this program takes the same."""


def migrate(url: str, *, clock: Clock) -> None:
    """Brings the database to `HEAD`. Blocks; run it before the daemon is ready.

    All of it happens in one transaction: after an error the database is as it was. A SQLite file
    that holds anything is copied to `<file>.before-<revision>` first.

    Raises:
        ValueError: the URL is none of ours.
        NewerSchemaError: a newer version of this program wrote it; nothing was changed.
        StoreDamagedError: the SQLite file is broken; nothing was changed.
        StoreUnavailableError: it cannot be reached.
    """
    parsed = parse_url(url)
    engine = writer_engine(parsed)
    started_s = clock.monotonic()
    try:
        _make_file(parsed)
        # Even the look needs the lock: the first connection switches a new file to WAL, and
        # SQLite refuses that at once while others are connected.
        with _file_lock(parsed):
            require_sound(parsed)
            changed = _is_due(engine) and _migrate_locked(engine, parsed)
    except (DBAPIError, sqlite3.Error) as error:
        raise unavailable(error) from None
    except OSError as error:
        raise StoreUnavailableError(
            f"The database cannot be prepared ({error.strerror}: {error.filename}). Nothing was"
            " changed. The daemon must be able to write that directory."
        ) from error
    finally:
        engine.dispose()
    if changed:
        seconds = round(clock.monotonic() - started_s, 3)
        log.info("store.migrated", extra={"revision": HEAD, "duration_s": seconds})


def _make_file(url: URL) -> None:
    """Makes a missing SQLite file readable by its owner only: it will hold our signing key."""
    if url.drivername == "sqlite":
        os.close(os.open(str(url.database), os.O_RDWR | os.O_CREAT, 0o600))


def _is_due(engine: Engine) -> bool:
    with engine.connect() as connection:
        return schema_revision(connection) != HEAD


def _migrate_locked(engine: Engine, url: URL) -> bool:
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            # Migrations may wait for others longer than a payment may.
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            key = {"key": _ADVISORY_LOCK}
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), key)
        if schema_revision(connection) == HEAD:
            return False  # another process was faster
        if url.drivername == "sqlite" and inspect(connection).get_table_names():
            _back_up(Path(str(url.database)))
        _upgrade(connection)
    return True


def _upgrade(connection: Connection) -> None:
    # Imported here because it costs more than half a second and is seldom due.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    location = str(Path(__file__).with_name("migrations"))
    config.set_main_option("script_location", location.replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)


@contextmanager
def _file_lock(url: URL) -> Iterator[None]:
    """Lets one process at a time migrate a SQLite file; the others wait. The lock file stays."""
    if url.drivername != "sqlite":
        yield
        return
    descriptor = os.open(f"{url.database}.migration-lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _back_up(file: Path) -> None:
    """Copies the database as it is committed, readable by its owner only: it holds our keys."""
    backup = file.with_name(f"{file.name}.before-{HEAD}")
    unfinished = backup.with_name(f"{backup.name}.unfinished")
    os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(unfinished)) as target:
        source.backup(target)
    unfinished.replace(backup)
    log.info("store.backed_up", extra={"file": str(backup)})
