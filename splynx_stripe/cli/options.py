"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from splynx_stripe.config import DEFAULT_CONFIG_PATH

CommandFunction = TypeVar("CommandFunction", bound=Callable[..., object])

_UNIT_CREDENTIALS = Path("/run/credentials/splynx-stripe.service")
"""Where systemd shows the daemon's credentials; root may look there while the daemon runs."""


def config_option(command: CommandFunction) -> CommandFunction:
    """Adds `--config FILE` (or `SPLYNX_STRIPE_CONFIG`) as the argument `config_path: Path`."""
    return click.option(
        "--config",
        "config_path",
        type=click.Path(path_type=Path, dir_okay=False),
        default=DEFAULT_CONFIG_PATH,
        envvar="SPLYNX_STRIPE_CONFIG",
        show_default=True,
        show_envvar=True,
        help="The settings file; config.d/*.yaml beside it is read too.",
    )(command)


def credentials_dir() -> Path | None:
    """Gives the folder of systemd's credentials: our own, else the running daemon's, else None."""
    own = os.environ.get("CREDENTIALS_DIRECTORY")
    if own:
        return Path(own)
    return _UNIT_CREDENTIALS if _UNIT_CREDENTIALS.is_dir() else None
