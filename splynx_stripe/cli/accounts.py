"""The commands `accounts …`: how each Stripe account stands, what its key may do, who it is."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from splynx_stripe.cli.account_flows import ACTOR, account_flows
from splynx_stripe.cli.config_commands import settings_or_exit
from splynx_stripe.cli.options import config_option
from splynx_stripe.config import Settings
from splynx_stripe.domain.connection import AccountProfile
from splynx_stripe.flows.account_overview import AccountView


@click.group("accounts")
def accounts_group() -> None:
    """Check the Stripe accounts of the partners."""


@accounts_group.command("check")
@config_option
def check(config_path: Path) -> None:
    """Ask Stripe about every account; exit code 1 when one cannot be used as it should.

    Of a restricted key each missing permission is named by trying it in a way that changes
    nothing.
    """
    sys.exit(0 if asyncio.run(_check(settings_or_exit(config_path))) else 1)


@accounts_group.command("accept")
@config_option
@click.argument("partner")
def accept(config_path: Path, partner: str) -> None:
    """Take the other Stripe account that the key of PARTNER now belongs to.

    What was remembered of the customers at the old account is forgotten; payments stay. PARTNER is
    `default` or a partner's number.
    """
    if not asyncio.run(_accept(settings_or_exit(config_path), partner)):
        click.echo(f"The key of {partner} has not become that of another account.", err=True)
        sys.exit(1)
    click.echo("Taken. The daemon charges with it within seconds.")


async def _check(settings: Settings) -> bool:
    async with account_flows(settings) as flows:
        for account in flows.rooms.settings.accounts():
            await flows.watch.check(account)
        views = await flows.overview.views()
    for view in views:
        _print(view)
    return all(_is_well(view) for view in views)


async def _accept(settings: Settings, partner: str) -> bool:
    async with account_flows(settings) as flows:
        profiles = await flows.rooms.store.read(lambda unit: unit.account_profiles())
        found = [it for it in profiles if it.account.name == partner and it.is_another]
        return bool(found) and await flows.watch.accept(found[0].account, actor=ACTOR)


def _is_well(view: AccountView) -> bool:
    if view.account is None:
        return not view.is_unusable and view.connection is None
    profile = view.profile
    return profile is not None and not profile.trouble and not profile.missing


def _print(view: AccountView) -> None:
    if view.account is None:
        if view.is_unusable or view.connection is not None:
            click.echo(f"BAD  partner {view.section}: its Stripe account cannot be used now")
            click.echo("     → See the page Stripe accounts, or `splynx-stripe cases`.")
        return
    profile = view.profile
    well = _is_well(view)
    who = f" ({_who(profile)})" if profile and profile.stripe_account_id else ""
    click.echo(f"{'ok  ' if well else 'BAD '} {view.account.key}{who}")
    if profile is not None and profile.trouble:
        click.echo(f"     → {profile.trouble}")
    for line in profile.missing if profile else ():
        click.echo(f"     → the restricted key lacks {line}")


def _who(profile: AccountProfile) -> str:
    facts = (profile.stripe_account_id, profile.name, profile.country, profile.currency)
    return ", ".join(fact for fact in facts if fact)
