"""The commands `rules …`: what they print, what they change, and with which code they exit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

import pytest

from splynx_stripe.config import load_settings
from splynx_stripe.domain.charge_forecast import FORECAST_DAYS
from splynx_stripe.domain.charge_rule import ChargeRule
from splynx_stripe.flows.charge_rules import ChargeRules
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.store import open_store
from tests.integration.rule_house import OFFICE, new_rule
from tests.integration.test_cli_commands import (
    Office,
    OtherSide,
    connected,
    office,
    other_side,
)

__all__ = ["OtherSide", "connected", "office", "other_side"]

T = TypeVar("T")

IN_THE_FILE = """
auto_charge:
  - name: Balances
    kind: balances
    when: day_of_month
    day: 31
    dry_run: true
"""


def with_rules(office: Office, use: Callable[[ChargeRules], Awaitable[T]]) -> T:
    """Does something with the rules as the running daemon would."""

    async def run() -> T:
        store = open_store(
            f"sqlite:///{office.folder}/store.db", clock=SystemClock(), ids=RandomIds()
        )
        settings = load_settings(office.folder / "config.yaml", credentials_dir=None)
        try:
            return await use(ChargeRules(store, settings, SystemClock(), RandomIds()))
        finally:
            await store.close()

    return asyncio.run(run())


def saved(office: Office, rule: ChargeRule) -> ChargeRule:
    return with_rules(office, lambda rules: rules.save(rule, OFFICE))


def test_rules_of_the_page_and_of_the_files_are_listed(office: Office) -> None:
    office.write(IN_THE_FILE)
    off = saved(office, replace(new_rule("Off"), is_enabled=False))
    on = saved(office, new_rule("On"))

    listed = office.run("rules", "list")

    locked, *others = listed.stdout.splitlines()
    lines = {line.split()[0]: line for line in others}
    assert listed.exit_code == 0, listed.stderr
    assert "on   dry run  Balances: balances on day 31 of the month at 06:00" in locked
    assert "(set in config.yaml:" in locked
    assert "on   On: invoices on the day of issue at 06:30 Europe/Prague  next 20" in lines[on.id]
    assert "off  Off" in lines[off.id]
    assert "next" not in lines[off.id]


def test_an_empty_list_says_that_nothing_is_charged(office: Office) -> None:
    listed = office.run("rules", "list")

    assert (listed.stdout, listed.exit_code) == ("", 0)
    assert "Nothing is charged by itself" in listed.stderr


def test_a_rule_is_switched_off_and_on_and_the_audit_log_says_by_whom(office: Office) -> None:
    rule = saved(office, new_rule())

    off = office.run("rules", "disable", rule.id)
    between = with_rules(office, lambda rules: rules.standing(rule.id, OFFICE))
    on = office.run("rules", "enable", rule.id)
    after = with_rules(office, lambda rules: rules.standing(rule.id, OFFICE))

    assert (off.exit_code, on.exit_code) == (0, 0)
    assert "“Invoices” is off" in off.stdout
    assert (between.rule.is_enabled, after.rule.is_enabled) == (False, True)
    assert after.rule.changed_by.startswith("console:")


@pytest.mark.parametrize("command", ["enable", "disable"])
def test_what_cannot_be_switched_is_said(office: Office, command: str) -> None:
    office.write(IN_THE_FILE)
    locked = office.run("rules", "list").stdout.split()[0]

    of_file = office.run("rules", command, locked)
    unknown = office.run("rules", command, "rul_x")

    assert (of_file.exit_code, unknown.exit_code) == (1, 1)
    assert "config.yaml" in of_file.stderr
    assert "Nothing was changed" in unknown.stderr


def test_the_forecast_lists_the_days_and_asks_splynx(connected: Office) -> None:
    saved(connected, new_rule())

    found = connected.run("rules", "forecast")

    lines = found.stdout.splitlines()
    assert found.exit_code == 0, found.stderr
    assert abs(len(lines) - FORECAST_DAYS) <= 1  # the clocks may be set meanwhile
    assert all("06:30 Europe/Prague  Invoices  open now: " in line for line in lines)


def test_the_forecast_without_splynx_shows_the_days_and_says_so(office: Office) -> None:
    saved(office, new_rule())

    found = office.run("rules", "forecast")

    assert found.exit_code == 1
    assert abs(len(found.stdout.splitlines()) - FORECAST_DAYS) <= 1
    assert "not known before" in found.stdout
    assert "Splynx did not answer" in found.stderr
