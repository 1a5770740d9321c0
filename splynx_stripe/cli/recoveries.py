"""The commands `recoveries …`: failed payments, what is tried again, and how to stop it."""

from __future__ import annotations

import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from splynx_stripe.cli.books import limit_option, with_store
from splynx_stripe.cli.config_commands import settings_or_exit
from splynx_stripe.cli.options import config_option
from splynx_stripe.domain.recovery import Recovery, RecoveryQuery, RecoveryState, RecoveryView
from splynx_stripe.flows.recoveries import Recoveries, RecoveryDesk
from splynx_stripe.kit.clock import SystemClock

_DESK = RecoveryDesk("console")


@click.group("recoveries")
def recoveries_group() -> None:
    """Failed charges of saved payment methods, and their new tries."""


@recoveries_group.command("list")
@config_option
@click.option(
    "--show",
    "view",
    type=click.Choice([each.value for each in RecoveryView]),
    default=RecoveryView.ALL.value,
    show_default=True,
    help="Which ones.",
)
@click.option("--customer", default=0, type=click.IntRange(min=0), help="Of one customer.")
@click.option("--partner", default=0, type=click.IntRange(min=0), help="Of one partner only.")
@click.option("--number", default="", help="Of one document, by its number.")
@limit_option
def list_recoveries(
    *, config_path: Path, view: str, customer: int, partner: int, number: str, limit: int
) -> None:
    """List failed payments, newest change first. Times are those of Splynx's time zone."""
    zone = ZoneInfo(settings_or_exit(config_path).splynx.timezone)
    query = RecoveryQuery(RecoveryView(view), partner, customer, number.strip())
    found = with_store(
        config_path, lambda store: Recoveries(store, SystemClock()).page(query, limit=limit)
    )
    for recovery in found:
        click.echo(_line(recovery, zone))
    if not found:
        click.echo("There are no such failed payments.", err=True)


@recoveries_group.command("retry")
@config_option
@click.argument("recovery")
def retry(*, config_path: Path, recovery: str) -> None:
    """Try a debt again at once, by the id of its recovery (rcv_…); the running daemon does it.

    A payment method that a bank has refused for good is not charged again.
    """
    done = with_store(
        config_path, lambda store: Recoveries(store, SystemClock()).try_now(recovery, _DESK)
    )
    _tell(done=done, said=f"{recovery} is tried in the next half minute.")


@recoveries_group.command("stop")
@config_option
@click.argument("recovery")
def stop(*, config_path: Path, recovery: str) -> None:
    """Stop the new tries of a debt. A try that is going on comes to its end."""
    done = with_store(
        config_path, lambda store: Recoveries(store, SystemClock()).stop(recovery, _DESK)
    )
    _tell(done=done, said=f"{recovery} is not tried again by itself any more.")


def _tell(*, done: bool, said: str) -> None:
    if not done:
        click.echo(
            "Nothing was changed: there is no such recovery, it is being tried, or it has ended.",
            err=True,
        )
        sys.exit(1)
    click.echo(said)


def _line(recovery: Recovery, zone: ZoneInfo) -> str:
    payable, failure = recovery.payable, recovery.failure
    when = ""
    if recovery.state is RecoveryState.WAITING and recovery.next_at is not None:
        when = f", next try {recovery.next_at.astimezone(zone):%Y-%m-%d %H:%M}"
    reason = f" ({recovery.reason})" if recovery.reason else ""
    code = failure.decline_code or failure.code or "no reason given"
    return (
        f"{recovery.id}  {recovery.state}{reason}{when}  {payable.name} of customer"
        f" {payable.customer_id}, {recovery.amount}: {code},"
        f" failed {recovery.failed_at.astimezone(zone):%Y-%m-%d %H:%M}, new tries {recovery.tries}"
    )
