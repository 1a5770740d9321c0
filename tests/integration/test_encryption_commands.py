"""`splynx-stripe encryption`: a key is made, replaced while values are in use, and never lost."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from splynx_stripe.cli.main import main
from splynx_stripe.config import load_settings
from splynx_stripe.domain.page_setting import PageSetting, sealing_place
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.kit.sealing import Sealer, key_of, new_key_line
from splynx_stripe.store.sealed_columns import SEALED_COLUMNS, SealedColumn
from splynx_stripe.store.store import open_store
from splynx_stripe.store.tables import metadata
from splynx_stripe.store.unit import SqlUnit


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--config", str(folder / "config.yaml")])


@pytest.fixture
def folder(tmp_path: Path, sqlite_url: str) -> Path:
    """Gives a folder with settings and a migrated database, without a key."""
    (tmp_path / "config.yaml").write_text(f'database: {{url: "{sqlite_url}"}}\n')
    return tmp_path


def test_init_makes_a_key_once_that_only_its_owner_can_read(folder: Path) -> None:
    made = run(folder, "encryption", "init")
    file = folder / "encryption.key"
    first = file.read_text()
    again = run(folder, "encryption", "init")

    assert (made.exit_code, again.exit_code) == (0, 0), made.output
    assert file.stat().st_mode & 0o007 == 0
    assert file.read_text() == first
    assert first.partition(":")[2].strip() not in made.output


def test_status_says_when_there_is_no_key(folder: Path) -> None:
    result = run(folder, "encryption", "status")

    assert result.exit_code == 1
    assert "There is no encryption key" in result.output


def store_secrets(folder: Path, count: int) -> Sealer:
    """Stores secrets as the settings page does, with a sealer that follows the key file."""
    sealer = load_settings(folder / "config.yaml", credentials_dir=None).key_file.sealer()

    async def work() -> None:
        settings = load_settings(folder / "config.yaml", credentials_dir=None)
        store = open_store(settings.database.url, clock=SystemClock(), ids=RandomIds())
        for number in range(2, count + 2):
            place = sealing_place(str(number), "secret_key")
            sealed = sealer.seal(f"sk_test_{number}", place)
            now = SystemClock().now()
            row = PageSetting(str(number), "secret_key", "", sealed, 1, now, "admin:1")
            await store.run(partial(_save, row=row))
        await store.close()

    asyncio.run(work())
    return sealer


def _save(unit: SqlUnit, *, row: PageSetting) -> None:
    unit.save_page_setting(row)


def sealed_values(folder: Path) -> dict[str, str]:
    async def work() -> dict[str, str]:
        settings = load_settings(folder / "config.yaml", credentials_dir=None)
        store = open_store(settings.database.url, clock=SystemClock(), ids=RandomIds())
        rows = await store.read(lambda unit: unit.page_settings())
        await store.close()
        return {row.section: row.sealed for row in rows}

    return asyncio.run(work())


def test_rotate_seals_everything_anew_and_a_running_daemon_reads_on(folder: Path) -> None:
    run(folder, "encryption", "init")
    daemon = store_secrets(folder, 450)
    old_key = daemon.newest_key

    result = run(folder, "encryption", "rotate")

    assert result.exit_code == 0, result.output
    assert "450 values are sealed anew" in result.output
    values = sealed_values(folder)
    assert {key_of(sealed) for sealed in values.values()} == {daemon.newest_key}
    assert daemon.newest_key != old_key
    for section, sealed in values.items():
        place = sealing_place(section, "secret_key")
        assert daemon.open(sealed, place) == f"sk_test_{section}"
    status = run(folder, "encryption", "status")
    assert status.exit_code == 0
    assert f"{daemon.newest_key}: seals and opens; 450 values" in status.output
    assert f"{old_key}: opens only; 0 values" in status.output
    assert "only old backups need it" in status.output


def test_for_several_hosts_a_key_is_added_first_and_used_later(folder: Path) -> None:
    run(folder, "encryption", "init")
    daemon = store_secrets(folder, 3)
    old_key = daemon.newest_key

    added = run(folder, "encryption", "rotate", "--add-only")
    assert added.exit_code == 0, added.output
    assert daemon.newest_key == old_key
    new_key = daemon.keys[1]
    used = run(folder, "encryption", "rotate", "--use", new_key)

    assert used.exit_code == 0, used.output
    assert daemon.keys == (new_key, old_key)
    assert {key_of(sealed) for sealed in sealed_values(folder).values()} == {new_key}


def test_a_key_that_is_not_there_cannot_be_used(folder: Path) -> None:
    run(folder, "encryption", "init")

    result = run(folder, "encryption", "rotate", "--use", "gone")

    assert result.exit_code == 1
    assert "There is no key 'gone'." in result.output


def test_a_lost_key_is_named_and_nothing_is_overwritten(folder: Path) -> None:
    run(folder, "encryption", "init")
    daemon = store_secrets(folder, 2)
    lost, before = daemon.newest_key, sealed_values(folder)
    (folder / "encryption.key").write_text(new_key_line("other") + "\n")

    status = run(folder, "encryption", "status")
    rotated = run(folder, "encryption", "rotate")

    assert status.exit_code == 1
    assert f"{lost}: MISSING; 2 values do not open. Put its line back." in status.output
    assert rotated.exit_code == 1
    assert "is not in the key file" in rotated.output
    assert sealed_values(folder) == before


def test_no_sealed_column_is_forgotten() -> None:
    known = {(one.table.name, one.column) for one in SEALED_COLUMNS}
    found = {
        (table.name, column.name)
        for table in metadata.tables.values()
        for column in table.columns
        if "sealed" in column.name
    }

    assert found == known
    assert len(SEALED_COLUMNS) == len(known)


@pytest.mark.parametrize("column", SEALED_COLUMNS, ids=lambda one: f"{one.table.name}.{one.column}")
def test_the_place_of_a_sealed_column_is_made_of_columns_of_its_row(column: SealedColumn) -> None:
    row = {one.name: one.name for one in column.table.columns}

    place = column.place_of(row)

    assert place.startswith(f"{column.table.name}/")
    assert all(key.name in place for key in column.table.primary_key)


def test_config_show_names_what_the_settings_page_holds(folder: Path) -> None:
    row = PageSetting("2", "language", '"cs"', "", 1, SystemClock().now(), "admin:1")
    bad = PageSetting("2", "country", '"Narnia"', "", 2, SystemClock().now(), "admin:1")

    async def work() -> None:
        settings = load_settings(folder / "config.yaml", credentials_dir=None)
        store = open_store(settings.database.url, clock=SystemClock(), ids=RandomIds())
        for one in (row, bad):
            await store.run(partial(_save, row=one))
        await store.close()

    asyncio.run(work())

    shown = run(folder, "config", "show")
    doctor = run(folder, "doctor")

    assert "partner 2\tlanguage\tcs\tsettings page" in shown.stdout.splitlines()
    assert "BAD  settings page: partners.2.country: 'Narnia' is not a country." in doctor.stdout


def test_config_show_works_where_there_is_no_database_yet(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(f'database: {{url: "sqlite:///{tmp_path / "no.db"}"}}\n')

    shown = run(tmp_path, "config", "show")

    assert shown.exit_code == 0
    assert not (tmp_path / "no.db").exists()
