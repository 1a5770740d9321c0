"""The commands `config check`, `config show` and `config schema`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import click
from pydantic import JsonValue
from rich.console import Console
from rich.table import Table

from splynx_stripe.cli.options import config_option, credentials_dir
from splynx_stripe.cli.settings_in_force import settings_with_page
from splynx_stripe.config import ConfigError, Explained, Settings, load_settings
from splynx_stripe.config.document import DEFAULT_PARTNER, json_schema

EXIT_CONFIG = 2
"""The exit code of every command that cannot use the configuration."""


def fail_with_problems(error: ConfigError) -> NoReturn:
    """Prints every problem on a line of its own to stderr and exits with code 2."""
    for problem in error.problems:
        click.echo(str(problem), err=True)
    count = len(error.problems)
    click.echo(f"{count} problem{'' if count == 1 else 's'}. Nothing was changed.", err=True)
    sys.exit(EXIT_CONFIG)


def settings_or_exit(config_path: Path) -> Settings:
    """Loads the settings for a command; exits with code 2 after printing what is wrong."""
    try:
        return load_settings(config_path, credentials_dir=credentials_dir())
    except ConfigError as error:
        fail_with_problems(error)


def on_terminal() -> bool:
    """Says whether a person reads along: tables then, else lines for programs."""
    return sys.stdout.isatty()


@click.group("config")
def config_group() -> None:
    """Check and show the settings."""


@config_group.command("check")
@config_option
def check(config_path: Path) -> None:
    """Check all settings and secret files; exit code 2 when something is wrong."""
    settings = settings_or_exit(config_path)
    for warning in settings.warnings:
        click.echo(f"warning: {warning}", err=True)
    if settings.connected:
        names = ", ".join(sorted(account.key for account in settings.accounts()))
        click.echo(f"OK: {config_path} is valid; Stripe accounts: {names}.")
        return
    click.echo(f"OK: {config_path} is valid, but nothing is connected yet:")
    for sentence in settings.missing:
        click.echo(f"  - {sentence}")
    click.echo("`splynx-stripe setup` asks for all of it.")


@config_group.command("show")
@config_option
@click.option(
    "--partner", type=click.IntRange(min=1), help="Only this partner, by its id in Splynx."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(*, config_path: Path, partner: int | None, as_json: bool) -> None:
    """Show the values in force and where each comes from; secrets are ***."""
    settings = settings_with_page(settings_or_exit(config_path))
    general = [] if partner else settings.explain_general()
    partners = dict(_partners(settings, partner))
    if as_json:
        shown = {
            "general": _as_json(general),
            "partners": {name: _as_json(rows) for name, rows in partners.items()},
        }
        click.echo(json.dumps(shown, indent=2))
        return
    _print_rows("general", general)
    for name, rows in partners.items():
        _print_rows(f"partner {name}", rows)


@config_group.command("schema")
def schema() -> None:
    """Print the JSON Schema of config.yaml, for editors."""
    click.echo(json.dumps(json_schema(), indent=2))


def _partners(settings: Settings, only: int | None) -> Iterator[tuple[str, list[Explained]]]:
    if only is not None:
        yield str(only), settings.explain(only)
        return
    for section in settings.partner_sections():
        number = None if section == DEFAULT_PARTNER else int(section)
        yield section, settings.explain(number)


def _as_json(rows: list[Explained]) -> dict[str, JsonValue]:
    return {row.key: {"value": row.value, "from": row.origin} for row in rows}


def _print_rows(name: str, rows: list[Explained]) -> None:
    if not rows:
        return
    if not on_terminal():
        for row in rows:
            click.echo(f"{name}\t{row.key}\t{_as_text(row.value)}\t{row.origin}")
        return
    table = Table("Setting", "Value", "From", title=name, title_justify="left")
    for row in rows:
        table.add_row(row.key, _as_text(row.value), row.origin)
    Console(markup=False).print(table)


def _as_text(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value)
