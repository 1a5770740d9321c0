"""The commands `credentials …`: take over what customers saved with the add-on used before."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from splynx_stripe.cli.config_commands import settings_or_exit
from splynx_stripe.cli.options import config_option
from splynx_stripe.config import Settings
from splynx_stripe.daemon.credentials import credential_rooms
from splynx_stripe.daemon.gateways import client_session, splynx_gateway, stripe_gateway
from splynx_stripe.daemon.settings_in_force import read_settings_in_force
from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
)
from splynx_stripe.domain.terms import Terms
from splynx_stripe.flows.migrate_credentials import (
    SENTENCES,
    TAKEN_OVER,
    Finding,
    MigrateCredentials,
    MigrationRow,
)
from splynx_stripe.flows.rooms import Rooms
from splynx_stripe.gateways.splynx.gateway import SplynxHttpGateway
from splynx_stripe.gateways.stripe.gateway import StripeSdkGateway
from splynx_stripe.kit.backoff import system_dice
from splynx_stripe.kit.clock import Clock, SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.kit.keyed_lock import KeyedLock
from splynx_stripe.kit.rate_limit import Priority
from splynx_stripe.store.errors import NewerSchemaError, OlderSchemaError, StoreUnavailableError
from splynx_stripe.store.migrate import migrate
from splynx_stripe.store.store import SqlStore, open_store

_REFUSALS = (RejectedError, RetryableError, OutcomeUnknownError, BrokenInvariantError)


@click.group("credentials")
def credentials_group() -> None:
    """Saved cards and bank accounts."""


@credentials_group.command("migrate")
@config_option
@click.option("--apply", "apply", is_flag=True, help="Do it; without this, only show it.")
def migrate_command(config_path: Path, *, apply: bool) -> None:
    """Take over the cards and bank accounts in Splynx's payment accounts.

    They were saved with the add-on that was in use before. Each is believed only as far as Stripe
    confirms it; nobody is found by e-mail. Without --apply nothing is changed. It may be
    interrupted and run again; what is taken over already is skipped.
    """
    settings = settings_or_exit(config_path)
    try:
        counts = asyncio.run(_migrate(settings, apply=apply))
    except _REFUSALS as error:
        click.echo(f"It stopped: {error} Run the command again; it goes on from there.", err=True)
        sys.exit(1)
    except (NewerSchemaError, OlderSchemaError, StoreUnavailableError) as error:
        click.echo(f"The database cannot be used: {error} Nothing was changed.", err=True)
        sys.exit(3)
    _sum_up(counts, apply=apply)


async def _migrate(settings: Settings, *, apply: bool) -> Counter[Finding]:
    clock = SystemClock()
    migrate(settings.database.url, clock=clock)
    store = open_store(settings.database.url, clock=clock, ids=RandomIds())
    counts: Counter[Finding] = Counter()
    try:
        settings, _ = await read_settings_in_force(store, settings)
        async with client_session() as session:
            splynx = splynx_gateway(settings, session, store, clock)
            stripe = stripe_gateway(settings, session, clock).with_priority(Priority.BACKGROUND)
            rooms = _rooms(settings, store, clock, splynx=splynx, stripe=stripe)
            installation = await store.read(lambda unit: unit.installation())
            flow = MigrateCredentials(
                credential_rooms(
                    settings,
                    installation,
                    rooms,
                    stripe=stripe.saved_methods,
                    accounts=splynx.payment_accounts,
                )
            )
            async for row in flow.run(_terms(settings), apply=apply):
                counts[row.finding] += 1
                click.echo(_line(row))
    finally:
        await store.close()
    return counts


def _rooms(
    settings: Settings,
    store: SqlStore,
    clock: Clock,
    *,
    splynx: SplynxHttpGateway,
    stripe: StripeSdkGateway,
) -> Rooms:
    return Rooms(
        store=store,
        splynx=splynx,
        stripe=stripe,
        terms=settings,
        timing=settings.timing(),
        timezone=ZoneInfo(settings.splynx.timezone),
        clock=clock,
        ids=RandomIds(),
        dice=system_dice(),
        locks=KeyedLock(),
        wake=_nobody,
    )


def _nobody() -> None:
    """Wakes nobody: the daemon looks by itself within seconds."""


def _terms(settings: Settings) -> list[Terms]:
    """Gives the terms of the Default partner and of each with a section of its own."""
    numbers = [0, *(int(name) for name in settings.partner_sections() if name.isdigit())]
    found = [settings.terms(number) for number in numbers]
    return [terms for terms in found if terms is not None]


def _line(row: MigrationRow) -> str:
    what = f"{row.stripe_customer_id or '-'} {row.payment_method_id or '-'}"
    sign = "+" if row.is_applied else (">" if row.finding in TAKEN_OVER else " ")
    return (
        f"{sign} customer {row.customer_id:<8} {row.slot.value:<5} {what:<52}"
        f" {row.problem or SENTENCES[row.finding]}"
    )


def _sum_up(counts: Counter[Finding], *, apply: bool) -> None:
    taken = sum(counts[one] for one in TAKEN_OVER)
    left = sum(count for one, count in counts.items() if one not in TAKEN_OVER | {Finding.ALREADY})
    click.echo("")
    done = "were taken over" if apply else "would be taken over (run again with --apply)"
    click.echo(f"{taken} {done}, {counts[Finding.ALREADY]} were saved here already.")
    if left:
        click.echo(f"{left} were left as they are:")
        for one, count in sorted(counts.items()):
            if one not in TAKEN_OVER | {Finding.ALREADY}:
                click.echo(f"  {count:>6}  {SENTENCES[one]}")
