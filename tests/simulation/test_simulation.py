"""The simulation as a part of every test run: a fixed set of histories, fresh ones, each fault."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from splynx_stripe.domain.effect import StoredEffect
from splynx_stripe.flows.effects import Effects
from tests.simulation.disk import Disk
from tests.simulation.faults import FAULTS, NOT_YET
from tests.simulation.plan import Act, Debt, Plan, make_plan
from tests.simulation.promises import PROMISES
from tests.simulation.run import (
    ALL_FAULTS,
    Tally,
    Work,
    failure_report,
    run_many,
    run_range,
    simulate,
    summary,
)

_ROOT = Path(__file__).resolve().parents[2]
_HISTORIES = 2000
_FRESH = 500
_PER_FAULT = 10
_JOBS = 2
_PLENTY_S = 900.0
"""A busy machine may take ten times as long as an idle one; only a hang takes longer."""


def _told(tally: Tally) -> str:
    return "\n".join(failure_report(plan, said) for plan, said in tally.bad[:1])


@pytest.mark.timeout(_PLENTY_S)
def test_no_history_violates_a_promise_and_every_fault_strikes() -> None:
    tally = run_many(Work(1, _HISTORIES), _JOBS)

    assert not tally.bad, _told(tally)
    assert tally.done == _HISTORIES
    assert set(tally.struck) == set(FAULTS)


@pytest.mark.timeout(_PLENTY_S)
def test_no_fresh_history_violates_a_promise(capsys: pytest.CaptureFixture[str]) -> None:
    first = secrets.randbelow(10**9)
    with capsys.disabled():
        print(f"\nsimulate: first fresh seed {first}")  # noqa: T201 - to run it again by hand

    tally = run_many(Work(first, _FRESH), _JOBS)

    assert not tally.bad, _told(tally)


@pytest.mark.parametrize("number", sorted(FAULTS), ids=lambda number: f"fault {number}")
def test_each_fault_strikes_and_violates_no_promise(number: int) -> None:
    tally = run_range(Work(7_000, _PER_FAULT, (number,)))

    assert not tally.bad, _told(tally)
    assert tally.struck[number] * 4 >= _PER_FAULT, f"{FAULTS[number].name} strikes too seldom"


def test_every_fault_is_simulated_or_named_as_not_yet() -> None:
    assert sorted([*FAULTS, *NOT_YET]) == list(range(1, ALL_FAULTS + 1))
    assert all(number == fault.number for number, fault in FAULTS.items())


def test_many_histories_have_debits_bundles_top_ups_kept_cards_and_accounts_taken_back() -> None:
    plans = [make_plan(seed, (), sorted(FAULTS)) for seed in range(1, 401)]
    shown = {
        "debits": [plan.has_banks for plan in plans],
        "several at once": [any(act.others for act in plan.acts) for plan in plans],
        "top-ups": [any(act.kind == "top_up" for act in plan.acts) for plan in plans],
        "kept cards": [plan.saves for plan in plans],
        "accounts taken back": [plan.revokes for plan in plans],
        "charge runs": [plan.office is not None for plan in plans],
        "rules": [bool(plan.office and plan.office.rules) for plan in plans],
    }

    for what, by_plan in shown.items():
        assert sum(by_plan) * 20 >= len(plans), f"{what} are too seldom"


def test_every_promise_is_checked() -> None:
    assert list(PROMISES) == [f"I{number}" for number in range(1, 15)]


def test_the_same_seed_gives_the_same_trace_in_another_process() -> None:
    seeds = range(40, 52)
    program = (
        "from tests.simulation.disk import Disk\n"
        "from tests.simulation.faults import FAULTS\n"
        "from tests.simulation.plan import Act, Debt, Plan, make_plan\n"
        "from tests.simulation.run import simulate\n"
        f"for seed in range({seeds.start}, {seeds.stop}):\n"
        "    print(simulate(make_plan(seed, (), sorted(FAULTS)), Disk())[1].trace_digest())\n"
    )
    here = [
        simulate(make_plan(seed, (), sorted(FAULTS)), Disk())[1].trace_digest() for seed in seeds
    ]

    for hash_seed in ("1", "4711"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(_ROOT)}
        there = subprocess.run(
            [sys.executable, "-c", program],
            cwd=_ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )

        assert there.stdout.split() == here


def test_the_quick_connection_does_what_sqlalchemy_does() -> None:
    quick, slow = Disk(), Disk(quick=False)

    for seed in range(60, 90):
        plan = make_plan(seed, (), sorted(FAULTS))
        said, history = simulate(plan, quick)
        said_slowly, slow_history = simulate(plan, slow)

        assert said == said_slowly
        assert history.trace == slow_history.trace


def test_a_violation_is_reported_with_its_seed_and_as_few_acts_and_faults_as_it_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def do_nothing(_self: Effects, _effect: StoredEffect) -> None:
        return

    monkeypatch.setattr(Effects, "carry_out", do_nothing)
    pays = Act(10, "pay", 0, "portal:good")
    debt = Debt("invoice", 1000, 17, 1, Decimal("172.50"), Decimal("172.50"))
    plan = Plan(3, (debt,), (pays, pays, pays), (37, 44), "doubled")
    said, _ = simulate(plan, Disk())

    report = failure_report(plan, said)

    assert report.startswith("SEED=3: I10 (bounded doubt): book:att_")
    assert "shrunk to: I10" in report
    assert report.count("Act(") == 1
    assert "webhooks: normal" in report
    assert "  fault " not in report
    assert "the end of its trace:" in report


def test_the_report_ends_with_the_numbers() -> None:
    tally = Tally(done=12, cpu_s=0.1)
    tally.injected.update([23])
    tally.struck.update([23])

    lines = summary(tally)

    assert lines[-2] == "simulate: 120 histories per second and core"
    assert lines[-1] == "simulate: 12 histories, 1 of 61 faults, 14 invariants, 0 violations"
    assert all(f"{number} (" in lines[0] for number in NOT_YET)


def test_a_fault_that_never_struck_is_named() -> None:
    tally = Tally(done=1, cpu_s=0.1)
    tally.injected.update([23])

    assert "injected, but never struck: [23]" in summary(tally)
