"""Migrations: they make exactly the tables of the code, one at a time, after a backup."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store import migrate as migrate_module
from splynx_stripe.store.engine import parse_url, writer_engine
from splynx_stripe.store.errors import NewerSchemaError, OlderSchemaError, StoreUnavailableError
from splynx_stripe.store.migrate import migrate
from splynx_stripe.store.schema import HEAD, REVISIONS
from splynx_stripe.store.store import open_store
from splynx_stripe.store.tables import metadata
from tests.integration.postgres_cluster import PostgresCluster

CLOCK = SystemClock()

_SQLITE_SCHEMA = "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'alembic%'"
_POSTGRES_SCHEMA = """
    SELECT 'column ' || table_name || '.' || column_name,
           concat_ws(' ', ordinal_position, data_type, collation_name, is_nullable, column_default)
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL
    SELECT 'constraint ' || conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'index ' || indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Gives the URL of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    cluster: PostgresCluster = request.getfixturevalue("postgres_cluster")
    name = cluster.create_database()
    yield cluster.url(name)
    cluster.drop_database(name)


def _schema(connection: Connection) -> Mapping[str, str]:
    is_sqlite = connection.dialect.name == "sqlite"
    rows = connection.execute(text(_SQLITE_SCHEMA if is_sqlite else _POSTGRES_SCHEMA))
    return {name: definition for name, definition in rows if "alembic" not in name}


def test_the_migrations_make_exactly_the_tables_of_the_code(empty_url: str) -> None:
    engine = writer_engine(parse_url(empty_url))
    with engine.connect() as connection, connection.begin():
        metadata.create_all(connection)
        wanted = _schema(connection)
        connection.rollback()
    engine.dispose()

    migrate(empty_url, clock=CLOCK)

    engine = writer_engine(parse_url(empty_url))
    with engine.connect() as connection, connection.begin():
        made = _schema(connection)
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    engine.dispose()
    assert made == wanted
    assert differences == []


def test_the_known_revisions_are_those_of_the_migrations_folder() -> None:
    config = Config()
    config.set_main_option(
        "script_location", str(Path(migrate_module.__file__).with_name("migrations"))
    )

    scripts = ScriptDirectory.from_config(config)

    found = [script.revision for script in scripts.walk_revisions()]
    assert tuple(reversed(found)) == REVISIONS
    assert scripts.get_heads() == [HEAD]


def test_migrating_again_changes_nothing(store_url: str) -> None:
    migrate(store_url, clock=CLOCK)
    migrate(store_url, clock=CLOCK)


async def test_of_several_programs_that_migrate_at_once_all_succeed(empty_url: str) -> None:
    await asyncio.gather(*(asyncio.to_thread(migrate, empty_url, clock=CLOCK) for _ in range(4)))

    store = open_store(empty_url, clock=CLOCK, ids=RandomIds())
    await store.ping()
    await store.close()


def test_a_database_of_a_newer_version_is_refused_and_left_alone(store_url: str) -> None:
    engine = writer_engine(parse_url(store_url))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(NewerSchemaError, match=r"written by a newer version.*restore the backup"):
        migrate(store_url, clock=CLOCK)
    with pytest.raises(NewerSchemaError, match="schema 9999"):
        open_store(store_url, clock=CLOCK, ids=RandomIds())

    with engine.connect() as connection:
        kept = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    engine.dispose()
    assert kept == "9999"


def test_a_database_that_was_not_migrated_is_refused(empty_url: str) -> None:
    with pytest.raises(OlderSchemaError, match="Start the daemon once"):
        open_store(empty_url, clock=CLOCK, ids=RandomIds())


def test_a_sqlite_file_with_content_is_backed_up_before_it_is_migrated(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE older (word TEXT)")
        connection.execute("INSERT INTO older VALUES ('kept')")
        connection.commit()

    migrate(f"sqlite:///{file}", clock=CLOCK)

    backup = tmp_path / f"store.db.before-{HEAD}"
    assert backup.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(backup)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
        words = connection.execute("SELECT word FROM older").fetchall()
    assert (tables, words) == ([("older",)], [("kept",)])


def test_a_new_sqlite_file_needs_no_backup(tmp_path: Path) -> None:
    migrate(f"sqlite:///{tmp_path / 'store.db'}", clock=CLOCK)

    assert not list(tmp_path.glob("*.before-*"))


def test_a_migration_that_fails_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE nonces (stranger TEXT)")

    with pytest.raises(StoreUnavailableError):
        migrate(f"sqlite:///{file}", clock=CLOCK)

    with closing(sqlite3.connect(file)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
    assert tables == [("nonces",)]


def test_a_database_out_of_reach_is_said_in_a_sentence(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'missing' / 'store.db'}"

    with pytest.raises(StoreUnavailableError, match="must be able to write that directory"):
        migrate(url, clock=CLOCK)
    with pytest.raises(StoreUnavailableError, match="cannot be used now"):
        open_store(url, clock=CLOCK, ids=RandomIds())


def test_only_the_owner_can_read_a_new_sqlite_file_and_what_stands_beside_it(
    tmp_path: Path,
) -> None:
    migrate(f"sqlite:///{tmp_path / 'store.db'}", clock=CLOCK)

    modes = {file.name: file.stat().st_mode & 0o077 for file in tmp_path.iterdir()}
    assert "store.db" in modes
    assert set(modes.values()) == {0}


def test_alembic_is_not_imported_where_no_migration_is_due(sqlite_url: str) -> None:
    program = (
        "import sys\n"
        "from splynx_stripe.kit.clock import SystemClock\n"
        "from splynx_stripe.store.migrate import migrate\n"
        "import splynx_stripe.store.store\n"
        "migrate(sys.argv[1], clock=SystemClock())\n"
        "print('alembic' in sys.modules)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, sqlite_url],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )

    assert done.stdout == "False\n"


def test_a_migration_is_logged_with_its_revision(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="splynx_stripe.store"):
        migrate(f"sqlite:///{tmp_path / 'store.db'}", clock=CLOCK)

    (record,) = [one for one in caplog.records if one.message == "store.migrated"]
    assert record.__dict__["revision"] == HEAD
