"""A damaged or full SQLite file is told apart from one that is merely busy (faults 10 and 11)."""

from __future__ import annotations

import resource
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.daemon_lock import only_daemon
from splynx_stripe.store.engine import parse_url
from splynx_stripe.store.errors import StoreDamagedError, StoreUnavailableError
from splynx_stripe.store.migrate import migrate
from splynx_stripe.store.soundness import require_sound
from splynx_stripe.store.store import open_store
from tests.integration.postgres_cluster import PostgresCluster

CLOCK = SystemClock()


def file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def spoil_root(file: Path) -> None:
    """Breaks the first page, where SQLite finds everything else."""
    with file.open("r+b") as stream:
        stream.seek(100)
        stream.write(b"\xee" * 3000)


def spoil_table(file: Path) -> None:
    """Breaks the page of a table, and nothing else."""
    with closing(sqlite3.connect(file)) as connection:
        question = "SELECT rootpage FROM sqlite_master WHERE name = 'installation'"
        (page,) = connection.execute(question).fetchone()
    with file.open("r+b") as stream:
        stream.seek((page - 1) * 4096)
        stream.write(b"\xee" * 4096)


@pytest.mark.parametrize("spoil", [spoil_root, spoil_table])
def test_a_damaged_file_is_not_touched_and_the_newest_copy_is_named(
    sqlite_url: str, spoil: Callable[[Path], None]
) -> None:
    file = file_of(sqlite_url)
    copies = [file.with_name(f"{file.name}.before-{number}") for number in ("0001", "0002")]
    for copy in copies:
        shutil.copy(file, copy)
    spoil(file)
    broken = file.read_bytes()

    with pytest.raises(StoreDamagedError) as caught:
        migrate(sqlite_url, clock=CLOCK)

    sentence = str(caught.value)
    assert f"The database file {file} is damaged (" in sentence
    assert "Nothing was changed and no money was touched." in sentence
    assert f"or {copies[1]}, the copy made before the last upgrade" in sentence
    assert file.read_bytes() == broken


def test_without_a_copy_of_ours_only_the_administrators_backup_is_named(sqlite_url: str) -> None:
    spoil_root(file_of(sqlite_url))

    with pytest.raises(StoreDamagedError) as caught:
        require_sound(parse_url(sqlite_url))

    assert "put your last backup in its place, and start again" in str(caught.value)


@pytest.mark.parametrize("content", [None, b""], ids=["missing", "empty"])
def test_a_file_that_is_yet_to_be_made_is_sound(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "new.db"
    if content is not None:
        file.write_bytes(content)

    require_sound(parse_url(f"sqlite:///{file}"))


def test_postgresql_looks_after_its_own_files(postgres_cluster: PostgresCluster) -> None:
    require_sound(parse_url(postgres_cluster.url("there_is_none")))


def test_a_file_that_cannot_be_read_is_unavailable_and_not_damaged(tmp_path: Path) -> None:
    folder = tmp_path / "folder.db"
    (folder / "something").mkdir(parents=True)

    with pytest.raises(StoreUnavailableError) as caught:
        migrate(f"sqlite:///{folder}", clock=CLOCK)

    assert not isinstance(caught.value, StoreDamagedError)


async def test_damage_that_shows_while_the_daemon_runs_is_called_so(sqlite_url: str) -> None:
    store = open_store(sqlite_url, clock=CLOCK, ids=RandomIds())
    try:
        with closing(sqlite3.connect(file_of(sqlite_url))) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        spoil_table(file_of(sqlite_url))

        with pytest.raises(StoreDamagedError, match="is damaged"):
            await store.read(lambda unit: unit.installation())
    finally:
        await store.close()


async def test_a_disk_that_takes_nothing_is_noticed_though_an_empty_unit_passes(
    sqlite_url: str,
) -> None:
    store = open_store(sqlite_url, clock=CLOCK, ids=RandomIds())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        await store.try_to_write()
        log = file_of(f"{sqlite_url}-wal")
        resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size, hard))

        await store.ping()
        with pytest.raises(StoreUnavailableError, match="neither full nor read-only"):
            await store.try_to_write()

        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        await store.try_to_write()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        await store.close()


def test_a_lock_that_cannot_be_made_is_told_with_what_to_look_at(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/there-is-no-such-folder/store.db"

    with pytest.raises(StoreUnavailableError) as caught, only_daemon(url):
        pass

    assert "No such file or directory" in str(caught.value)
    assert "The daemon must be able to write that directory" in str(caught.value)
