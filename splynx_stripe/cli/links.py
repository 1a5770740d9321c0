"""The commands `links …`: make and revoke payment links, and the keys of programs that make them."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

import click

from splynx_stripe.cli.books import limit_option, with_store
from splynx_stripe.cli.config_commands import settings_or_exit
from splynx_stripe.cli.options import config_option
from splynx_stripe.config import Settings
from splynx_stripe.daemon.gateways import client_session, splynx_gateway
from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
)
from splynx_stripe.domain.link import (
    DEFAULT_LIFETIME,
    LONGEST_LIFETIME,
    SAVING_LIFETIME,
    LinkScope,
    LinkState,
    PaymentLink,
)
from splynx_stripe.flows.links import LinkOrder, Links, Maker
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.store import SqlStore

T = TypeVar("T")

ACTOR = "console"
"""How the audit log names who works at the command line of this machine."""

_REFUSALS = (RejectedError, RetryableError, OutcomeUnknownError, BrokenInvariantError)


@click.group("links")
def links_group() -> None:
    """Payment links that work without signing in."""


@links_group.command("make")
@config_option
@click.option("--invoice", metavar="NUMBER", help="For an invoice, by its number.")
@click.option("--proforma", metavar="NUMBER", help="For a proforma invoice, by its number.")
@click.option(
    "--customer", type=click.IntRange(min=1), help="For all open documents of a customer, by id."
)
@click.option(
    "--save-card",
    "save_card",
    metavar="CUSTOMER",
    type=click.IntRange(min=1),
    help="For saving one card or bank account of a customer, by id.",
)
@click.option(
    "--days",
    show_default=f"{DEFAULT_LIFETIME.days}, with --save-card {SAVING_LIFETIME.days}",
    type=click.IntRange(1, LONGEST_LIFETIME.days),
    help="For how long it is good.",
)
def make(
    *,
    config_path: Path,
    invoice: str | None,
    proforma: str | None,
    customer: int | None,
    save_card: int | None,
    days: int | None,
) -> None:
    """Make a payment link and print its address.

    Whoever has the address can pay without signing in; it shows numbers, days and amounts, and no
    name. With --save-card it saves one card or bank account instead. It is stored as a hash only and cannot be shown again.
    """
    lifetime = None if days is None else timedelta(days=days)
    orders = [
        LinkOrder(scope, number or "", customer_id or 0, lifetime)
        for scope, number, customer_id in (
            (LinkScope.INVOICE, invoice, None),
            (LinkScope.PROFORMA, proforma, None),
            (LinkScope.CUSTOMER, None, customer),
            (LinkScope.CREDENTIAL, None, save_card),
        )
        if number is not None or customer_id is not None
    ]
    if len(orders) != 1:
        raise click.UsageError(
            "Name exactly one of --invoice, --proforma, --customer and --save-card."
        )
    (order,) = orders
    settings = settings_or_exit(config_path)
    _require_connection(settings)
    made = _with_links(config_path, settings, lambda links: links.make(order, Maker(ACTOR)))
    if made is None:
        click.echo("Splynx has no such document or customer. No link was made.", err=True)
        sys.exit(1)
    click.echo(f"{settings.public_url}/pay/{made.token}")
    click.echo(f"{made.link.id}, good until {made.link.expires_at:%Y-%m-%d %H:%M}Z", err=True)


@links_group.command("list")
@config_option
@click.option("--customer", default=0, type=click.IntRange(min=0), help="Of one customer.")
@limit_option
def list_links(*, config_path: Path, customer: int, limit: int) -> None:
    """List payment links, newest first. Their addresses are not stored."""
    settings = settings_or_exit(config_path)
    zone, now = ZoneInfo(settings.splynx.timezone), SystemClock().now()
    found = _with_links(
        config_path,
        settings,
        lambda links: links.links(Maker(ACTOR), customer_id=customer, limit=limit),
    )
    for link in found:
        state = link.state(now)
        until = f" until {link.expires_at.astimezone(zone):%Y-%m-%d}" if _is_valid(state) else ""
        used = f", last {link.last_used_at.astimezone(zone):%Y-%m-%d}" if link.last_used_at else ""
        click.echo(f"{link.id}  {state}{until}  {_what(link)}  opened {link.uses} times{used}")
    if not found:
        click.echo("There are no links.", err=True)


@links_group.command("revoke")
@config_option
@click.argument("link", required=False)
@click.option("--customer", type=click.IntRange(min=1), help="All links of a customer.")
def revoke(*, config_path: Path, link: str | None, customer: int | None) -> None:
    """Revoke a link by its id (lnk_…), or all links of a customer. They open nothing from now on."""
    if (link is None) == (customer is None):
        raise click.UsageError("Name a link, or --customer.")
    settings = settings_or_exit(config_path)
    if customer is not None:
        count = _with_links(
            config_path, settings, lambda links: links.revoke_all(customer, Maker(ACTOR))
        )
        click.echo(f"{count} links of customer {customer} were revoked.")
        return
    link_id = link or ""
    if not _with_links(config_path, settings, lambda links: links.revoke(link_id, Maker(ACTOR))):
        click.echo(f"There is no link {link_id} to revoke. Nothing was changed.", err=True)
        sys.exit(1)
    click.echo(f"The link {link_id} is revoked.")


@links_group.command("api-key")
@config_option
@click.argument("name")
@click.option("--partner", default=0, type=click.IntRange(min=0), help="Of one partner only.")
def api_key(*, config_path: Path, name: str, partner: int) -> None:
    """Make a key with which a program makes links, and print it. NAME says which program.

    It is stored as a hash only and cannot be shown again.
    """
    settings = settings_or_exit(config_path)
    made = _with_links(
        config_path, settings, lambda links: links.make_key(name, partner_id=partner, actor=ACTOR)
    )
    click.echo(made.text)
    click.echo(f"{made.key.id}, for POST {settings.public_url}/admin/api/links", err=True)


@links_group.command("api-keys")
@config_option
def api_keys(config_path: Path) -> None:
    """List the keys of programs that make links."""
    settings = settings_or_exit(config_path)
    for key in _with_links(config_path, settings, lambda links: links.keys()):
        state = "revoked" if key.revoked_at else "valid"
        used = f"last used {key.last_used_at:%Y-%m-%d}" if key.last_used_at else "never used"
        whose = f"partner {key.partner_id}" if key.partner_id else "all partners"
        click.echo(f"{key.id}  {state}  {key.name}  {whose}  {used}")


@links_group.command("revoke-api-key")
@config_option
@click.argument("key")
def revoke_api_key(config_path: Path, key: str) -> None:
    """Revoke a key by its id (lky_…). The links that were made with it stay."""
    settings = settings_or_exit(config_path)
    if not _with_links(config_path, settings, lambda links: links.revoke_key(key, actor=ACTOR)):
        click.echo(f"There is no key {key} to revoke. Nothing was changed.", err=True)
        sys.exit(1)
    click.echo(f"The key {key} is revoked.")


def _is_valid(state: LinkState) -> bool:
    return state is LinkState.VALID


def _what(link: PaymentLink) -> str:
    if link.scope is LinkScope.CREDENTIAL:
        return f"saving a payment method of customer {link.customer_id}"
    named = f" {link.document_number}" if link.document_number else ""
    return f"{link.scope}{named} of customer {link.customer_id}"


def _require_connection(settings: Settings) -> None:
    if settings.missing:
        click.echo(f"Not connected yet: {settings.missing[0]} No link was made.", err=True)
        sys.exit(2)


def _with_links(config_path: Path, settings: Settings, use: Callable[[Links], Awaitable[T]]) -> T:
    """Does something with links on the daemon's database; the daemon may be running meanwhile."""
    clock = SystemClock()

    async def run(store: SqlStore) -> T:
        async with client_session() as session:
            splynx = splynx_gateway(settings, session, store, clock)
            return await use(Links(store, splynx, clock, RandomIds()))

    try:
        return with_store(config_path, run)
    except _REFUSALS as error:
        click.echo(f"Splynx could not be asked: {error} Nothing was changed.", err=True)
        sys.exit(1)
