"""The commands `encryption …`: make and replace the key that seals secrets in the database."""

from __future__ import annotations

import asyncio
import grp
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

import click

from splynx_stripe.cli.config_commands import settings_or_exit
from splynx_stripe.cli.options import config_option
from splynx_stripe.config import EncryptionKeyFile, Settings
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.kit.sealing import SealedValueError, Sealer, new_key_line
from splynx_stripe.kit.secret import Secret
from splynx_stripe.store.errors import NewerSchemaError, OlderSchemaError, StoreUnavailableError
from splynx_stripe.store.sealed_columns import SEALED_COLUMNS, SealedColumn
from splynx_stripe.store.store import SqlStore, open_store
from splynx_stripe.store.unit import SqlUnit

T = TypeVar("T")

_BATCH = 200
"""Values sealed anew in one commit; the daemon's own work goes on in between."""

_GROUP = "splynx-stripe"
_STORE_ERRORS = (NewerSchemaError, OlderSchemaError, StoreUnavailableError)


@click.group("encryption")
def encryption_group() -> None:
    """Make, replace and look after the key that encrypts secrets in the database."""


@encryption_group.command("init")
@config_option
def init(config_path: Path) -> None:
    """Make the key file when there is none; safe to run again."""
    key_file = settings_or_exit(config_path).key_file
    if make_key_file(key_file):
        click.echo(f"Made {key_file.path}. Keep a copy of it, apart from those of the database.")
    else:
        click.echo(f"{key_file.path} is there already.")


@encryption_group.command("status")
@config_option
def status(config_path: Path) -> None:
    """Show the keys, and how many values each of them seals; exit code 1 when one is missing."""
    settings = settings_or_exit(config_path)
    known = settings.key_file.sealer().keys
    counts = _with_store(settings, _counts)
    if not known:
        click.echo("There is no encryption key. Run `splynx-stripe encryption init` as root.")
    for number, key in enumerate(known):
        role = "seals and opens" if number == 0 else "opens only"
        click.echo(f"{key}: {role}; {counts.get(key, 0)} values")
        if number and not counts.get(key):
            click.echo("  It opens nothing that is in the database; only old backups need it.")
    missing = {key: count for key, count in counts.items() if key not in known}
    for key, count in missing.items():
        click.echo(f"{key}: MISSING; {count} values do not open. Put its line back.", err=True)
    sys.exit(1 if missing or not known else 0)


@encryption_group.command("rotate")
@config_option
@click.option(
    "--add-only", is_flag=True, help="Only add a key that opens; for several hosts, see the docs."
)
@click.option("--use", "key_id", help="Seal with this key, which was added before.")
def rotate(*, config_path: Path, add_only: bool, key_id: str | None) -> None:
    """Replace the key while the daemon runs: add one, seal everything anew, verify.

    The daemon reads the key file again by itself. The old key stays in the file, because the
    backups of the database need it.
    """
    settings = settings_or_exit(config_path)
    key_file = settings.key_file
    path = key_file.files.folder / key_file.name
    lines = _lines(key_file)
    if key_id is not None:
        lines = _with_first(lines, key_id)
    else:
        new = _new_key()
        lines = [*lines, new] if add_only and lines else [new, *lines]
    _write_keys(path, lines)
    click.echo(f"{path} has {len(lines)} keys now: {', '.join(map(_id_of, lines))}.")
    if add_only:
        click.echo("Copy it to the other hosts, or restart the daemon if systemd hands it over;")
        click.echo(f"then run `splynx-stripe encryption rotate --use {_id_of(lines[-1])}`.")
        return
    sealer = Sealer(Secret("\n".join(lines)))
    count = _with_store(settings, lambda store: _seal_anew(store, sealer))
    click.echo(f"{count} values are sealed anew with {sealer.newest_key}, and all of them open.")
    click.echo("Keep the old keys in the file as long as you keep backups of before.")


def make_key_file(key_file: EncryptionKeyFile) -> bool:
    """Makes the key file when there is none; False when there is one."""
    if key_file.files.exists(key_file.name):
        return False
    _write_keys(key_file.files.folder / key_file.name, [_new_key()])
    return True


def _lines(key_file: EncryptionKeyFile) -> list[str]:
    if not key_file.files.exists(key_file.name):
        return []
    text = key_file.files.read_lines(key_file.name).reveal()
    return [line.strip() for line in text.splitlines() if line.strip() and line[0] != "#"]


def _id_of(line: str) -> str:
    return line.partition(":")[0]


def _with_first(lines: list[str], key_id: str) -> list[str]:
    chosen = [line for line in lines if _id_of(line) == key_id]
    if not chosen:
        known = ", ".join(map(_id_of, lines)) or "none"
        raise click.ClickException(f"There is no key {key_id!r}. There are: {known}.")
    return [*chosen, *(line for line in lines if _id_of(line) != key_id)]


def _new_key() -> str:
    """Makes a key; its id must be new even where the file of the old ones was lost."""
    return new_key_line(f"{SystemClock().now():%Y%m%d}-{RandomIds().token()[:6]}")


def _write_keys(path: Path, lines: list[str]) -> None:
    """Writes the file whole or not at all, for its owner and, as root, the daemon's group."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write("".join(f"{line}\n" for line in lines))
            stream.flush()
            os.fsync(stream.fileno())
        _share(path, unfinished)
        unfinished.replace(path)
    except OSError as error:
        raise click.ClickException(
            f"The key file cannot be written: {error.strerror}: {error.filename}. Nothing was"
            " changed. Run the command as root."
        ) from error


def _share(path: Path, unfinished: Path) -> None:
    if path.exists():
        found = path.stat()
        unfinished.chmod(found.st_mode & 0o777)
        if os.geteuid() == 0:
            os.chown(unfinished, found.st_uid, found.st_gid)
    elif os.geteuid() == 0:
        try:
            group = grp.getgrnam(_GROUP).gr_gid
        except KeyError:
            return  # not installed as a package
        os.chown(unfinished, 0, group)
        unfinished.chmod(0o640)


def _with_store(settings: Settings, work: Callable[[SqlStore], Awaitable[T]]) -> T:
    async def run() -> T:
        store = open_store(settings.database.url, clock=SystemClock(), ids=RandomIds())
        try:
            return await work(store)
        finally:
            await store.close()

    try:
        return asyncio.run(run())
    except _STORE_ERRORS as error:
        raise click.ClickException(f"{error} The key file stays as it is.") from error
    except SealedValueError as error:
        raise click.ClickException(
            f"{error} What was sealed anew until then stays so; all keys are still in the file."
        ) from error


async def _counts(store: SqlStore) -> Mapping[str, int]:
    return await store.read(lambda unit: unit.sealed_counts())


async def _seal_anew(store: SqlStore, sealer: Sealer) -> int:
    """Seals in batches until nothing is left that another key seals, also what came meanwhile."""
    count = 0
    for column in SEALED_COLUMNS:
        while done := await store.run(partial(_batch, column=column, sealer=sealer)):
            count += done
    counts = await _counts(store)
    if set(counts) - {sealer.newest_key}:
        raise click.ClickException(
            "Some values were written with the old key meanwhile. Run this again:"
            f" `splynx-stripe encryption rotate --use {sealer.newest_key}`."
        )
    await store.read(lambda unit: unit.open_all_sealed(sealer))
    return count


def _batch(unit: SqlUnit, *, column: SealedColumn, sealer: Sealer) -> int:
    return unit.reseal(column, sealer, limit=_BATCH)
