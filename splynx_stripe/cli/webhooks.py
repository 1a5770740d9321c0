"""The commands `webhooks …`: make the webhook in Stripe ("Init webhook"), show its address."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from splynx_stripe.cli.config_commands import settings_or_exit
from splynx_stripe.cli.options import config_option
from splynx_stripe.config import Settings
from splynx_stripe.daemon.gateways import client_session, stripe_gateway
from splynx_stripe.domain.errors import OutcomeUnknownError, RejectedError, RetryableError
from splynx_stripe.domain.installation import Installation
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.migrate import migrate
from splynx_stripe.store.store import open_store


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
    if not settings.accounts() or not settings.public_url:
        click.echo("There is nothing to connect yet:", err=True)
        for sentence in settings.missing:
            click.echo(f"  - {sentence}", err=True)
        sys.exit(1)
    folder = secrets_dir or config_path.parent / "credentials"
    try:
        asyncio.run(_init(settings, folder))
    except (RejectedError, RetryableError, OutcomeUnknownError) as error:
        click.echo(f"The webhook was not made: {error} Run the command again.", err=True)
        sys.exit(1)


async def _init(settings: Settings, folder: Path) -> None:
    for made in await make_webhooks(settings, folder):
        if made.secret_file is None:
            click.echo(f"{made.account.key}: {made.url} exists already; its secret stays as it is.")
            continue
        click.echo(f"{made.account.key}: {made.url} is made.")
        click.echo(
            f"  Its secret is in {made.secret_file}. Under partners.{made.account.name} write:"
        )
        click.echo(f"    webhook_secret_file: {made.secret_file}")


@dataclass(frozen=True, slots=True)
class MadeWebhook:
    """An endpoint in Stripe; `secret_file` is None when it was there before."""

    account: StripeAccount
    url: str
    secret_file: Path | None


async def make_webhooks(settings: Settings, folder: Path) -> list[MadeWebhook]:
    """Makes or adopts the endpoint of every account; the secrets of new ones go into `folder`.

    Raises one of the four families; what was made until then is kept, so run it again.
    """
    clock = SystemClock()
    migrate(settings.database.url, clock=clock)
    store = open_store(settings.database.url, clock=clock, ids=RandomIds())
    try:
        installation = await store.read(lambda unit: unit.installation())
    finally:
        await store.close()
    made = []
    async with client_session() as session:
        gateway = stripe_gateway(settings, session, clock)
        for account in settings.accounts():
            url = webhook_url(settings, installation, account)
            secret = await gateway.ensure_webhook_endpoint(account, url)
            file = None
            if secret is not None:
                file = folder / webhook_secret_name(account)
                write_privately(file, secret.reveal())
            made.append(MadeWebhook(account, url, file))
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
