"""The command `serve`: runs the daemon."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import uvloop

from splynx_stripe.cli.config_commands import settings_or_exit
from splynx_stripe.cli.options import config_option, credentials_dir
from splynx_stripe.config import load_settings
from splynx_stripe.daemon import Daemon
from splynx_stripe.kit.logs import set_up_logging
from splynx_stripe.store.errors import NewerSchemaError, StoreUnavailableError

EXIT_STORE = 3
"""The exit code when the database cannot be used; systemd tries again, with back-off."""


@click.command()
@config_option
def serve(config_path: Path) -> None:
    """Run the daemon until SIGTERM; SIGHUP reloads the settings."""
    settings = settings_or_exit(config_path)
    set_up_logging(settings.logging.level)
    for warning in settings.warnings:
        click.echo(f"warning: {warning}", err=True)

    async def run() -> None:
        daemon = Daemon(
            settings, lambda: load_settings(config_path, credentials_dir=credentials_dir())
        )
        await daemon.run()

    try:
        uvloop.run(run())
    except (NewerSchemaError, StoreUnavailableError) as error:
        click.echo(f"The daemon does not start: {error}", err=True)
        sys.exit(EXIT_STORE)
    except OSError as error:
        click.echo(
            f"The daemon does not start: {error}. No money was touched."
            " If the address is taken, another daemon may be running already.",
            err=True,
        )
        sys.exit(1)
