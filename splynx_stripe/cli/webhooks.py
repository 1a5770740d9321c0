"""The commands `webhooks …`: make the webhook in Stripe ("Init webhook"), show its address."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from splynx_stripe.cli.account_flows import ACTOR, account_flows
from splynx_stripe.cli.config_commands import settings_or_exit
from splynx_stripe.cli.options import config_option
from splynx_stripe.config import Settings
from splynx_stripe.domain.connection import MAX_ENDPOINTS, platform_account
from splynx_stripe.domain.errors import OutcomeUnknownError, RejectedError, RetryableError
from splynx_stripe.domain.installation import Installation
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.flows.account_rooms import AccountRefusedError, Refusal
from splynx_stripe.kit.sealing import NO_KEY


@click.group("webhooks")
def webhooks_group() -> None:
    """Make and show the webhook endpoints in Stripe."""


@webhooks_group.command("init")
@config_option
@click.option(
    "--secrets-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the signing secrets are written [default: credentials/ beside the settings].",
)
def init(config_path: Path, secrets_dir: Path | None) -> None:
    """Create or adopt the endpoint of every Stripe account; safe to run again.

    Stripe tells a signing secret only once, when it creates the endpoint: it is written to a
    file that only its owner can read, and the line for config.yaml is printed.
    """
    settings = settings_or_exit(config_path)
    if not settings.public_url or not (settings.accounts() or settings.platforms):
        click.echo("There is nothing to connect yet:", err=True)
        for sentence in settings.missing:
            click.echo(f"  - {sentence}", err=True)
        sys.exit(1)
    folder = secrets_dir or config_path.parent / "credentials"
    _run_or_say_why(_init(settings, folder))


@webhooks_group.command("rotate")
@config_option
@click.argument("partner", default="default")
def rotate(config_path: Path, partner: str) -> None:
    """Replace the webhook of PARTNER (`default`, or a number) without losing an event.

    A new endpoint is made beside the old one and its secret kept in the database, encrypted. The
    daemon believes both and removes the old one when the new one has delivered, or after 24 hours.
    """
    _run_or_say_why(_rotate(settings_or_exit(config_path), partner))


@webhooks_group.command("tidy")
@config_option
@click.option("--yes", is_flag=True, help="Remove them; without it they are only listed.")
def tidy(*, config_path: Path, yes: bool) -> None:
    """List, and with --yes remove, endpoints in Stripe that nothing of ours listens to any more."""
    _run_or_say_why(_tidy(settings_or_exit(config_path), remove=yes))


def _run_or_say_why(work: Coroutine[Any, Any, None]) -> None:
    try:
        asyncio.run(work)
    except AccountRefusedError as error:
        click.echo(_REFUSED.get(error.reason, f"Not possible: {error.reason}."), err=True)
        sys.exit(1)
    except (RejectedError, RetryableError, OutcomeUnknownError) as error:
        click.echo(f"The webhook was not made: {error} Run the command again.", err=True)
        sys.exit(1)


_REFUSED = {
    Refusal.NO_ACCOUNT: "This partner has no Stripe account of its own.",
    Refusal.NO_ENCRYPTION_KEY: NO_KEY,
    Refusal.TOO_MANY_ENDPOINTS: "Stripe allows 16 webhook endpoints per account, and there are no"
    " fewer. Nothing was changed. `splynx-stripe webhooks tidy` lists those of ours that are left"
    " over; remove others in the Stripe dashboard. Payments are found by polling meanwhile.",
}


async def _init(settings: Settings, folder: Path) -> None:
    for made in await make_webhooks(settings, folder):
        if made.is_near_limit:
            click.echo(f"{made.account.key}: Stripe's limit of 16 endpoints is near.", err=True)
        if made.secret_file is None:
            click.echo(f"{made.account.key}: {made.url} exists already; its secret stays as it is.")
            continue
        click.echo(f"{made.account.key}: {made.url} is made.")
        click.echo(
            f"  Its secret is in {made.secret_file}. Under partners.{made.account.name} write:"
        )
        click.echo(f"    webhook_secret_file: {made.secret_file}")
    async with account_flows(settings) as flows:
        for livemode in flows.rooms.settings.platforms:
            done = await flows.endpoints.init(platform_account(livemode=livemode), actor=ACTOR)
            click.echo(f"connected accounts: {done.url} is there; its secret is in the database.")


async def _rotate(settings: Settings, partner: str) -> None:
    async with account_flows(settings) as flows:
        account = (await flows.overview.view(partner)).webhook_account
        if account is None:
            raise AccountRefusedError(Refusal.NO_ACCOUNT)
        done = await flows.endpoints.rotate(account, actor=ACTOR)
    click.echo(f"{account.key}: a new webhook stands at {done.url} beside the old one.")


async def _tidy(settings: Settings, *, remove: bool) -> None:
    async with account_flows(settings) as flows:
        in_force = flows.rooms.settings
        accounts = [it for it, keys in in_force.accounts().items() if not keys.stripe_account]
        accounts += [platform_account(livemode=livemode) for livemode in in_force.platforms]
        for account in accounts:
            survey = await flows.endpoints.survey(account)
            click.echo(f"{account.key}: {survey.count} of {MAX_ENDPOINTS} endpoints are used.")
            for stray in survey.strays:
                click.echo(f"  left over: {stray.url} ({stray.id})")
            if remove:
                ids = [stray.id for stray in survey.strays]
                for url in await flows.endpoints.remove_strays(account, ids, actor=ACTOR):
                    click.echo(f"  removed: {url}")


@dataclass(frozen=True, slots=True)
class MadeWebhook:
    """An endpoint in Stripe; `secret_file` is None when it was there before."""

    account: StripeAccount
    url: str
    secret_file: Path | None
    is_near_limit: bool = False


async def make_webhooks(settings: Settings, folder: Path) -> list[MadeWebhook]:
    """Makes or adopts the endpoint of every account; the secrets of new ones go into `folder`.

    Raises one of the four families; what was made until then is kept, so run it again.
    """
    made = []
    async with account_flows(settings) as flows:
        for account, keys in flows.rooms.settings.accounts().items():
            if keys.stripe_account:
                continue  # its events come through our platform's endpoint
            try:
                done = await flows.endpoints.initiate(account)
            except AccountRefusedError as error:
                raise RejectedError(_REFUSED[error.reason], code=error.reason) from error
            file = None
            if done.secret:
                file = folder / webhook_secret_name(account)
                write_privately(file, done.secret)
            made.append(MadeWebhook(account, done.url, file, done.survey.is_near_limit))
    return made


def webhook_secret_name(account: StripeAccount) -> str:
    """Names the file that the signing secret of the account's endpoint is written to."""
    return f"webhook-{account.key.replace(':', '-')}.secret"


def webhook_url(settings: Settings, installation: Installation, account: StripeAccount) -> str:
    """Gives the address that Stripe sends the account's events to."""
    return f"{settings.public_url}/webhook/{installation.endpoint_name(account)}"


def write_privately(file: Path, text: str) -> None:
    """Writes a secret that only its owner can read; a reader sees the old one or the new one whole."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.unfinished")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    unfinished.replace(file)
