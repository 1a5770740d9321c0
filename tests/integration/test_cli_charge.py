"""The commands `charge …` and the emergency stop: what they print, and with which code they exit."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import pytest

from splynx_stripe.cli import charge
from splynx_stripe.domain.charge_plan import Verdict
from splynx_stripe.domain.charge_run import BY_OFFICE, ItemStanding, RunState
from splynx_stripe.domain.charge_selection import ChargeKind, Selection
from splynx_stripe.domain.guardrails import RunTotal
from splynx_stripe.domain.money import Money
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.store import open_store
from splynx_stripe.store.unit import SqlUnit
from tests.integration.test_cli_commands import Office, office
from tests.integration.test_store_charge_runs import item, run

__all__ = ["office"]

T = TypeVar("T")


def in_store(office: Office, work: Callable[[SqlUnit], T]) -> T:
    """Does something in the daemon's database."""

    async def done() -> T:
        url = f"sqlite:///{office.folder}/store.db"
        store = open_store(url, clock=SystemClock(), ids=RandomIds())
        try:
            return await store.run(work)
        finally:
            await store.close()

    return asyncio.run(done())


@pytest.fixture
def planned(office: Office) -> Office:
    """The daemon has made a plan just now."""
    now = SystemClock().now()

    def work(unit: SqlUnit) -> None:
        made = run(state=RunState.READY, made_at=now, planned_at=now, origin=BY_OFFICE)
        unit.add_charge_run(made)
        unit.add_run_item(item(1))
        unit.add_run_item(item(2, verdict=Verdict.SKIP, standing=ItemStanding.SKIPPED))
        unit.add_run_total("run_1", RunTotal(1, Money(1000, "EUR"), charged=1))

    in_store(office, work)
    return office


def test_a_plan_says_what_is_charged_what_is_skipped_and_why(planned: Office) -> None:
    shown = planned.run("charge", "show", "run_1", "--items", "all")

    assert shown.exit_code == 0, shown.stderr
    assert "partner 1: 1 charges, 10.00 EUR" in shown.stdout
    assert "1 (10.00 EUR) to be charged" in shown.stdout
    assert "1 (10.00 EUR) skipped: no saved payment method" in shown.stdout
    assert "202611000001" in shown.stdout


def test_a_run_is_confirmed_paused_resumed_and_canceled(planned: Office) -> None:
    states = [
        planned.run("charge", word, "run_1") for word in ("confirm", "pause", "resume", "cancel")
    ]

    assert [each.exit_code for each in states] == [0, 0, 0, 0], [each.stderr for each in states]
    said = [each.stdout for each in states]
    for words, state in zip(said, ("running", "paused", "running", "canceled"), strict=True):
        assert f"run_1 is {state}" in words
    again = planned.run("charge", "resume", "run_1")
    assert (again.exit_code, again.stdout) == (1, "")
    assert "Nothing was changed" in again.stderr


def test_the_second_confirmation_is_another_persons(
    planned: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = replace(run(), id="run_2", state=RunState.AWAITING_SECOND, confirmed_by="console:jana")
    now = SystemClock().now()
    waits = replace(waits, planned_at=now, confirmed_at=now, selection=other_selection())
    in_store(planned, lambda unit: unit.add_charge_run(waits))

    monkeypatch.setenv("SUDO_USER", "jana")
    same = planned.run("charge", "confirm", "run_2")
    monkeypatch.setenv("SUDO_USER", "petr")
    other = planned.run("charge", "confirm", "run_2")

    assert (same.exit_code, other.exit_code) == (1, 0)
    assert "another administrator" in same.stderr


def other_selection() -> Selection:
    return Selection(ChargeKind.BALANCES)


def test_runs_are_listed_and_the_result_is_a_csv_file(planned: Office) -> None:
    listed = planned.run("charge", "list")
    result = planned.run("charge", "result", "run_1")

    assert "run_1" in listed.stdout
    assert "10.00 EUR" in listed.stdout
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [(row["number"], row["planned"], row["verdict"]) for row in rows] == [
        ("1", "10.00", "charge"),
        ("2", "10.00", "skip"),
    ]


@pytest.mark.parametrize("command", ["show", "result", "confirm", "pause"])
def test_an_unknown_run_is_said_to_be_unknown(planned: Office, command: str) -> None:
    answer = planned.run("charge", command, "run_9")

    assert (answer.exit_code, answer.stdout) == (1, "")
    assert "no such charge run" in answer.stderr


def test_a_plan_without_a_daemon_says_so_and_waits_for_it(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(charge, "_NO_DAEMON_S", -1.0)

    begun = office.run("charge", "plan", "invoices", "--partner", "1", "--total", ">100")
    again = office.run("charge", "plan", "invoices", "--partner", "1", "--total", "> 100")

    assert begun.exit_code == 1
    assert "is the daemon running?" in begun.stderr
    assert begun.stderr == again.stderr  # the same filters are the same run


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("balances", "--number", "1"), "Only invoices have numbers"),
        (("invoices", "--use-balance"), "Only prepaid charges"),
        (("invoices", "--total", "100"), "write it as"),
        (("invoices", "--from", "2026-11-02", "--to", "2026-11-01"), "Swap the days"),
    ],
)
def test_filters_that_contradict_each_other_are_refused(
    office: Office, arguments: tuple[str, ...], sentence: str
) -> None:
    answer = office.run("charge", "plan", *arguments)

    assert answer.exit_code == 2
    assert sentence in answer.stderr


def test_charging_is_stopped_and_resumed_once(planned: Office) -> None:
    stopped = planned.run("stop-charging", "--reason", "wrong prices")
    again = planned.run("stop-charging", "--reason", "another")
    refused = planned.run("charge", "confirm", "run_1")
    resumed = planned.run("resume-charging", "--note", "corrected")
    twice = planned.run("resume-charging", "--note", "corrected")

    assert (stopped.exit_code, again.exit_code, refused.exit_code) == (0, 0, 1)
    assert "wrong prices" in stopped.stdout
    assert "wrong prices" in again.stdout
    assert "wrong prices" in refused.stderr
    assert (resumed.exit_code, twice.exit_code) == (0, 1)
    assert planned.run("charge", "confirm", "run_1").exit_code == 0
