"""The commands `sync …`: compare Stripe's customers with Splynx now, and how it stands."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click

from splynx_stripe.cli.config_commands import settings_or_exit
from splynx_stripe.cli.options import config_option
from splynx_stripe.config import Settings
from splynx_stripe.daemon.customers_wing import Doors, customer_sync
from splynx_stripe.daemon.gateways import client_session, splynx_gateway, stripe_gateway
from splynx_stripe.daemon.settings_in_force import read_settings_in_force
from splynx_stripe.domain.customer_sync import Phase, Standing, SyncRound
from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
    StaleWriteError,
)
from splynx_stripe.flows.customer_sync import CustomerSync, SyncStatus
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.errors import NewerSchemaError, OlderSchemaError, StoreUnavailableError
from splynx_stripe.store.migrate import migrate
from splynx_stripe.store.store import open_store

_REFUSALS = (RejectedError, RetryableError, OutcomeUnknownError, BrokenInvariantError)
_DATABASE = (NewerSchemaError, OlderSchemaError, StoreUnavailableError)
_NO_DATABASE = 3

_SENTENCES = {
    Standing.IN_STEP: "as Splynx has them",
    Standing.WAITING: "to be told; it happens by itself",
    Standing.REFUSED: "Stripe did not take what Splynx has",
    Standing.MOVED: "belong to another Stripe account now",
    Standing.GONE: "are not in Splynx any more",
}
_PHASES = {
    Phase.SPLYNX: "telling Stripe what changed in Splynx",
    Phase.STRIPE: "going through the customers in Stripe",
    Phase.DONE: "finished",
}


@click.group("sync")
def sync_group() -> None:
    """Keep the customers in Stripe like those in Splynx."""


@sync_group.command("run")
@config_option
def run(config_path: Path) -> None:
    """Compare all customers now, or go on with the comparison that is under way.

    It may be interrupted and run again, also while the daemon runs.
    """
    settings = _connected(config_path)
    try:
        asyncio.run(_run(settings))
    except _REFUSALS as error:
        click.echo(f"It stopped: {error} Run the command again; it goes on from there.", err=True)
        sys.exit(1)
    except StaleWriteError:
        click.echo("The daemon is comparing them just now; see `splynx-stripe sync status`.")
        sys.exit(1)
    except _DATABASE as error:
        click.echo(f"The database cannot be used: {error} Nothing was changed.", err=True)
        sys.exit(_NO_DATABASE)


@sync_group.command("status")
@config_option
def status(config_path: Path) -> None:
    """Show how far it is, who differs, and what looks double; exit code 1 when a person should look."""
    settings = _connected(config_path)
    try:
        found = asyncio.run(_status(settings))
    except _DATABASE as error:
        click.echo(f"The database cannot be used: {error}", err=True)
        sys.exit(_NO_DATABASE)
    _print(found)
    needs_a_person = found.refused or found.twice or (found.last is not None and found.last.note)
    sys.exit(1 if needs_a_person else 0)


def _connected(config_path: Path) -> Settings:
    settings = settings_or_exit(config_path)
    if not settings.knows_splynx:
        click.echo("Not connected yet. Run `splynx-stripe setup` first.", err=True)
        sys.exit(2)
    return settings


async def _run(settings: Settings) -> None:
    async with _opened(settings) as sync:
        done = await sync.run_to_end(_progress)
        click.echo(_counts(done))
        _print(await sync.status())


async def _status(settings: Settings) -> SyncStatus:
    async with _opened(settings) as sync:
        return await sync.status()


@asynccontextmanager
async def _opened(written: Settings) -> AsyncIterator[CustomerSync]:
    clock = SystemClock()
    migrate(written.database.url, clock=clock)
    store = open_store(written.database.url, clock=clock, ids=RandomIds())
    try:
        settings, _ = await read_settings_in_force(store, written)
        installation = await store.read(lambda unit: unit.installation())
        async with client_session() as session:
            splynx = splynx_gateway(settings, session, store, clock)
            stripe = stripe_gateway(settings, session, clock)
            yield customer_sync(
                settings,
                Doors(splynx.customers, splynx, stripe.customers),
                store,
                clock,
                installation_id=installation.id,
                actor="console",
            )
    finally:
        await store.close()


def _progress(sync_round: SyncRound) -> None:
    checked = sync_round.counts.get("checked", 0)
    click.echo(f"{_PHASES[sync_round.phase]}: {checked} customers compared", err=True)


def _counts(sync_round: SyncRound) -> str:
    counts = sync_round.counts
    return (
        f"{counts.get('checked', 0)} compared, {counts.get('sent', 0)} updated in Stripe,"
        f" {counts.get('adopted', 0)} found again, {counts.get('forgotten', 0)} deleted in Stripe."
    )


def _print(found: SyncStatus) -> None:
    _print_round(found.last)
    for standing, count in found.standings.items():
        if count:
            click.echo(f"{count:>7}  {_SENTENCES[standing]}")
    for mapped in found.refused:
        click.echo(
            f"REFUSED  customer {mapped.splynx_customer_id}, {mapped.stripe_customer_id} in"
            f" {mapped.account.key}: {mapped.note}"
        )
    for twice in found.twice:
        others = ", ".join(twice.others)
        click.echo(
            f"TWICE    customer {twice.splynx_customer_id} in {twice.account.key}: in use"
            f" {twice.kept or 'none'}, also {others}"
        )
    for shared in found.shared:
        who = ", ".join(str(each) for each in shared.splynx_customer_ids)
        click.echo(f"HINT     the same {shared.kind} in {shared.account.key} is saved for {who}")


def _print_round(last: SyncRound | None) -> None:
    if last is None:
        click.echo("All customers were never compared yet.")
        return
    begun = f"{last.started_at:%Y-%m-%d %H:%M} UTC"
    if last.finished_at is not None:
        click.echo(f"Last comparison: {begun} to {last.finished_at:%H:%M} UTC. {_counts(last)}")
        return
    click.echo(f"Under way since {begun}: {_PHASES[last.phase]}. {_counts(last)}")
    if last.note:
        click.echo(f"STOPPED  {last.note}")
