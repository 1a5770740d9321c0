"""The commands `stop-charging` and `resume-charging`: the emergency stop of all unattended charging."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

import click

from splynx_stripe.cli.books import with_store
from splynx_stripe.cli.options import config_option
from splynx_stripe.domain.charge_progress import ChargingStop
from splynx_stripe.flows.emergency_stop import EmergencyStop
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.store.store import SqlStore


def console_actor() -> str:
    """Names who works at the command line: of two confirmations each must be another person's."""
    return f"console:{os.environ.get('SUDO_USER') or getpass.getuser()}"


@click.command("stop-charging")
@config_option
@click.option("--reason", required=True, help="Why; everybody who looks is told.")
def stop_charging(*, config_path: Path, reason: str) -> None:
    """Stop all charging of saved cards and bank accounts at once.

    Charge runs, auto charge and new tries after failures begin nothing more. Customers at payment
    pages can pay. What Stripe has been asked already comes to its end.
    """

    async def stop(store: SqlStore) -> ChargingStop:
        emergency = EmergencyStop(store, SystemClock())
        return await emergency.stop_charging(actor=console_actor(), reason=reason)

    stop_in_force = with_store(config_path, stop)
    click.echo(
        f"Unattended charging is stopped since {stop_in_force.stopped_at:%Y-%m-%d %H:%M:%S}Z"
        f" by {stop_in_force.stopped_by}: {stop_in_force.reason}"
    )
    click.echo("`splynx-stripe resume-charging --note …` ends the stop.", err=True)


@click.command("resume-charging")
@config_option
@click.option("--note", required=True, help="What was found and done; it stays in the books.")
def resume_charging(*, config_path: Path, note: str) -> None:
    """End the stop: runs, rules and new tries go on where they were."""

    async def resume(store: SqlStore) -> bool:
        emergency = EmergencyStop(store, SystemClock())
        return await emergency.resume_charging(actor=console_actor(), note=note)

    if not with_store(config_path, resume):
        click.echo("Unattended charging is not stopped. Nothing was changed.", err=True)
        sys.exit(1)
    click.echo("Unattended charging goes on.")
