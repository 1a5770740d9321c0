"""The command `serve`: runs the daemon."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import NoReturn

import click
import uvloop

from splynx_stripe.cli.config_commands import EXIT_CONFIG, fail_with_problems
from splynx_stripe.cli.options import config_option, credentials_dir
from splynx_stripe.config import ConfigError, Settings, load_settings
from splynx_stripe.daemon import Daemon
from splynx_stripe.kit import systemd
from splynx_stripe.kit.logs import set_up_logging
from splynx_stripe.store.errors import NewerSchemaError, StoreUnavailableError

log = logging.getLogger(__name__)

EXIT_STORE = 3
"""The exit code when the database cannot be used; systemd tries again."""


@click.command()
@config_option
def serve(config_path: Path) -> None:
    """Run the daemon until SIGTERM; SIGHUP reloads the settings."""
    settings = _settings(config_path)
    set_up_logging(settings.logging.level)
    for warning in settings.warnings:
        log.warning("settings.doubtful", extra={"warning": warning})

    async def run() -> None:
        daemon = Daemon(
            settings, lambda: load_settings(config_path, credentials_dir=credentials_dir())
        )
        await daemon.run()

    try:
        uvloop.run(run())
    except (NewerSchemaError, StoreUnavailableError) as error:
        _give_up(str(error), EXIT_STORE)
    except OSError as error:
        _give_up(
            f"{error}. No money was touched. If the address is taken, another daemon may be"
            " running already.",
            1,
        )


def _settings(config_path: Path) -> Settings:
    try:
        return load_settings(config_path, credentials_dir=credentials_dir())
    except ConfigError as error:
        if not systemd.stderr_is_journal():
            fail_with_problems(error)
        set_up_logging("info")
        for problem in error.problems[1:]:
            log.error("daemon.not_started", extra={"error": str(problem)})  # noqa: TRY400 - an answer, not a crash
        _give_up(str(error.problems[0]), EXIT_CONFIG)


def _give_up(why: str, code: int) -> NoReturn:
    """Says why at an administrator's three places: terminal, journal, `systemctl status`."""
    systemd.notify(f"STATUS=does not start: {why}")
    if systemd.stderr_is_journal():
        log.error("daemon.not_started", extra={"error": why})
    else:
        click.echo(f"The daemon does not start: {why}", err=True)
    sys.exit(code)
