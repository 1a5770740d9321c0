"""The settings in force for commands: what the files say, with what the database holds."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from splynx_stripe.config import Settings
from splynx_stripe.daemon.settings_in_force import read_settings_in_force
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.errors import NewerSchemaError, OlderSchemaError, StoreUnavailableError
from splynx_stripe.store.store import open_store


def settings_with_page(written: Settings) -> Settings:
    """Adds what the settings page holds; says on stderr when that cannot be read."""
    url = written.database.url
    if url.startswith("sqlite") and not Path(url.removeprefix("sqlite:///")).exists():
        return written  # nobody has started the daemon yet

    async def read() -> Settings:
        store = open_store(url, clock=SystemClock(), ids=RandomIds())
        try:
            return (await read_settings_in_force(store, written))[0]
        finally:
            await store.close()

    try:
        return asyncio.run(read())
    except (NewerSchemaError, OlderSchemaError, StoreUnavailableError) as error:
        click.echo(f"warning: settings of the settings page are not shown: {error}", err=True)
        return written
