"""The commands `rules …`: what is charged by itself and when, and switching rules on and off."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click

from splynx_stripe.cli.books import with_store
from splynx_stripe.cli.charge_stop import console_actor
from splynx_stripe.cli.config_commands import settings_or_exit
from splynx_stripe.cli.options import config_option
from splynx_stripe.config import Settings
from splynx_stripe.daemon.gateways import client_session, splynx_gateway
from splynx_stripe.daemon.settings_in_force import read_settings_in_force
from splynx_stripe.domain.charge_forecast import FORECAST_DAYS, Expectation, ForecastBasis
from splynx_stripe.domain.charge_rule import ChargeRule, RuleError, RuleTiming
from splynx_stripe.flows.charge_forecast import ChargeForecast, Forecast
from splynx_stripe.flows.charge_rules import ChargeRules, Editor, RuleNotFoundError, RuleStanding
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.store import SqlStore

T = TypeVar("T")

_DAYS = {
    RuleTiming.ISSUE_DAY: "on the day of issue",
    RuleTiming.DAY_AFTER_ISSUE: "on the day after issue",
    RuleTiming.DAYS_AFTER_ISSUE: "{days} days after issue",
    RuleTiming.DAYS_BEFORE_DUE: "{days} days before the due date",
    RuleTiming.DUE_DATE: "on the due date",
    RuleTiming.DAY_OF_MONTH: "on day {days} of the month",
}
_BASES = {
    ForecastBasis.TODAY: "open now",
    ForecastBasis.LAST_RUN: "as last time",
    ForecastBasis.NOTHING: "not known before",
}


@click.group("rules")
def rules_group() -> None:
    """Rules of auto charge: what is charged by itself, and when."""


@rules_group.command("list")
@config_option
def list_rules(config_path: Path) -> None:
    """List the rules, with their next moments by their own clocks."""
    found = _with_rules(config_path, lambda rules: rules.standings(_editor()))
    for standing in found:
        click.echo(_line(standing))
    if not found:
        click.echo("There are no rules. Nothing is charged by itself.", err=True)


@rules_group.command("forecast")
@config_option
def forecast(config_path: Path) -> None:
    """Show what the rules would do in the next 30 days, by what is known today."""

    async def ask(store: SqlStore, settings: Settings) -> Forecast:
        clock = SystemClock()
        async with client_session() as session:
            splynx = splynx_gateway(settings, session, store, clock)
            listings = splynx.charge_listings
            return await ChargeForecast(store, settings, listings, settings, clock).next_days(
                _editor()
            )

    settings = settings_or_exit(config_path)
    if not settings.knows_splynx:
        click.echo("Not connected yet. Run `splynx-stripe setup` first.", err=True)
        sys.exit(2)
    found = _in_force(config_path, settings, ask)
    for one in found.days:
        click.echo(_expectation(one, found))
    if found.is_without_splynx:
        click.echo("Splynx did not answer: only the days are known. Try again.", err=True)
        sys.exit(1)
    if found.is_cut:
        click.echo("There are more open invoices than a forecast looks at.", err=True)
    if not found.days:
        click.echo(f"No rule acts in the next {FORECAST_DAYS} days.", err=True)


@rules_group.command("enable")
@config_option
@click.argument("rule")
def enable(*, config_path: Path, rule: str) -> None:
    """Switch a rule on, by its id (rul_…). It acts from now on; past moments do not come back."""
    _switch(config_path, rule, is_enabled=True)


@rules_group.command("disable")
@config_option
@click.argument("rule")
def disable(*, config_path: Path, rule: str) -> None:
    """Switch a rule off, by its id (rul_…). A run that has begun goes on; see `charge pause`."""
    _switch(config_path, rule, is_enabled=False)


def _switch(config_path: Path, rule_id: str, *, is_enabled: bool) -> None:
    try:
        rule = _with_rules(
            config_path, lambda rules: rules.set_enabled(rule_id, _editor(), is_enabled=is_enabled)
        )
    except RuleNotFoundError:
        click.echo(f"There is no rule {rule_id}. Nothing was changed.", err=True)
        sys.exit(1)
    except RuleError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    click.echo(f"The rule “{rule.name}” is {'on' if is_enabled else 'off'}.")


def _editor() -> Editor:
    """Names who works at the command line; they may see all partners."""
    return Editor(console_actor())


def _with_rules(config_path: Path, use: Callable[[ChargeRules], Awaitable[T]]) -> T:
    async def run(store: SqlStore, settings: Settings) -> T:
        return await use(ChargeRules(store, settings, SystemClock(), RandomIds()))

    return _in_force(config_path, settings_or_exit(config_path), run)


def _in_force(
    config_path: Path, written: Settings, use: Callable[[SqlStore, Settings], Awaitable[T]]
) -> T:
    """Does something on the daemon's database, with the settings of its pages too."""

    async def run(store: SqlStore) -> T:
        settings, _ = await read_settings_in_force(store, written)
        return await use(store, settings)

    return with_store(config_path, run)


def _line(standing: RuleStanding) -> str:
    rule, zone = standing.rule, standing.zone
    state = "on " if rule.is_enabled else "off"
    dry = "  dry run" if rule.is_dry_run else ""
    place = f"  (set in {rule.place})" if rule.is_locked else ""
    upcoming = ""
    if standing.next_moment is not None:
        upcoming = f"  next {standing.next_moment.astimezone(zone):%Y-%m-%d %H:%M}"
    return (
        f"{rule.id}  {state}{dry}  {rule.name}: {rule.selection.kind} {_when(rule)}"
        f" {zone.key}{upcoming}{place}"
    )


def _when(rule: ChargeRule) -> str:
    calendar = rule.calendar
    return f"{_DAYS[calendar.timing].format(days=calendar.days)} at {calendar.at:%H:%M}"


def _expectation(one: Expectation, found: Forecast) -> str:
    zone = found.zones[one.rule.id]
    dry = " (dry run)" if one.rule.is_dry_run else ""
    sums = ", ".join(str(amount) for amount in one.sums)
    count = "" if one.basis is ForecastBasis.NOTHING else f": {one.count}"
    return (
        f"{one.moment.astimezone(zone):%Y-%m-%d %H:%M} {zone.key}  {one.rule.name}{dry}"
        f"  {_BASES[one.basis]}{count}{f'  {sums}' if sums else ''}"
    )
