"""Auto charge: each rule acts on each of its days once, late or not at all as it says (I1, I10)."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from splynx_stripe.domain.charge_rule import (
    ChargeRule,
    MissedPolicy,
    RuleCalendar,
    RuleTiming,
)
from splynx_stripe.domain.charge_rule_day import RuleDayState
from splynx_stripe.domain.charge_run import BY_OFFICE, RunRefusal, RunRefusedError, RunState
from splynx_stripe.domain.charge_selection import ChargeKind, Selection
from splynx_stripe.domain.errors import RetryableError
from splynx_stripe.flows.emergency_stop import EmergencyStop
from splynx_stripe.store.store import SqlStore
from tests.integration.rule_house import (
    BEFORE,
    INVOICES,
    OFFICE,
    OVER_THE_LIMIT,
    RuleHouse,
    new_rule,
)

MOMENT = datetime(2026, 11, 24, 5, 30, tzinfo=UTC)
DAY = date(2026, 11, 24)
A_DAY = timedelta(days=1)


@pytest.fixture
def house(store: SqlStore) -> RuleHouse:
    return RuleHouse(store)


async def test_a_rule_acts_at_its_moment_and_its_run_is_confirmed(house: RuleHouse) -> None:
    rule = await house.rules.save(new_rule(), OFFICE)
    await house.tick_at(MOMENT - timedelta(seconds=1))
    assert not house.runs.runs

    await house.tick_at(MOMENT)
    (run,) = house.runs.runs.values()
    (planning,) = await house.history()
    house.runs.planned()
    await house.days.tick()

    (day,) = await house.history()
    assert run.selection == replace(INVOICES, first_day=DAY, last_day=DAY)
    assert (run.made_by, run.origin.rule_id) == (rule.actor, rule.id)
    assert (planning.state, planning.run_id) == (RuleDayState.PLANNING, run.id)
    assert (day.state, day.day, day.moment) == (RuleDayState.CONFIRMED, DAY, MOMENT)
    assert house.runs.confirmed == [(run.id, rule.actor)]
    assert await house.events() == ["rule.saved", "rule.acted", "rule.confirmed"]


async def test_a_rule_acts_once_a_day_however_often_one_looks(house: RuleHouse) -> None:
    await house.rules.save(new_rule(), OFFICE)

    await house.tick_through(MOMENT + 3 * A_DAY, timedelta(minutes=47))

    history = await house.history()
    assert [day.day for day in reversed(history)] == [DAY + number * A_DAY for number in range(4)]
    assert len(house.runs.runs) == len(house.runs.confirmed) == 4


async def test_of_two_daemons_at_the_same_moment_one_lets_the_rule_act(house: RuleHouse) -> None:
    await house.rules.save(new_rule(), OFFICE)
    other = house.another_daemon()
    house.clock.advance(MOMENT - house.clock.now())

    await asyncio.gather(house.days.tick(), other.tick(), house.days.tick(), other.tick())

    assert len(await house.history()) == 1
    assert (await house.events()).count("rule.acted") == 1


async def test_a_day_that_was_dealt_with_is_not_dealt_with_again_when_its_moment_comes_back(
    house: RuleHouse,
) -> None:
    rule = await house.rules.save(new_rule(), OFFICE)
    await house.tick_at(MOMENT)
    house.runs.move("run_1", RunState.DONE)
    known = (await house.store.read(lambda unit: unit.rule_watches()))[rule.id]
    again = replace(known, acts_from=BEFORE)  # as by a clock that was set back
    await house.store.run(lambda unit: unit.watch_rule(again))

    await house.days.tick()

    assert list(house.runs.runs) == ["run_1"]
    assert (await house.events()).count("rule.acted") == 1


async def test_a_clock_that_ran_ahead_does_not_silence_a_rule(house: RuleHouse) -> None:
    await house.rules.save(new_rule(), OFFICE)
    await house.tick_at(MOMENT + timedelta(days=400))
    acted_by_then = len(await house.history())
    house.clock.advance(-timedelta(days=389, hours=23))

    await house.days.tick()
    await house.tick_at(house.clock.now() + A_DAY)

    assert len(await house.history()) == acted_by_then + 1


async def test_a_rule_that_is_switched_off_in_the_same_moment_does_not_act(
    house: RuleHouse,
) -> None:
    rule = await house.rules.save(new_rule(), OFFICE)

    async def switched_off() -> None:
        await house.rules.set_enabled(rule.id, OFFICE, is_enabled=False)

    house.runs.meanwhile = switched_off

    await house.tick_at(MOMENT)

    assert (await house.history(), house.runs.runs) == ([], {})


async def test_a_crash_before_the_commit_of_the_day_leaves_no_run_and_no_day(
    house: RuleHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.rules.save(new_rule(), OFFICE)

    def crash(*_: object) -> bool:
        raise OSError("the machine is gone")

    with monkeypatch.context() as broken:
        broken.setattr("splynx_stripe.store.unit.SqlUnit.add_rule_day", crash)
        with pytest.raises(OSError, match="gone"):
            await house.tick_at(MOMENT)
    assert not await house.history()

    await house.days.tick()

    (day,) = await house.history()
    assert day.run_id in house.runs.runs


async def test_a_day_missed_by_less_than_its_hours_is_made_up_for(house: RuleHouse) -> None:
    await house.rules.save(new_rule(), OFFICE)

    await house.tick_at(MOMENT + timedelta(hours=23))

    (day,) = await house.history()
    acted = (await house.audit())[-1]
    assert (day.state, day.day) == (RuleDayState.PLANNING, DAY)
    assert acted.facts["lateness_s"] == str(23 * 3600)


@pytest.mark.parametrize(
    ("missed", "late"),
    [(MissedPolicy.LATE, timedelta(hours=24, minutes=1)), (MissedPolicy.SKIP, timedelta(hours=1))],
)
async def test_a_day_missed_for_good_is_told_and_charges_nothing(
    house: RuleHouse,
    caplog: pytest.LogCaptureFixture,
    missed: MissedPolicy,
    late: timedelta,
) -> None:
    calendar = RuleCalendar(RuleTiming.DAYS_AFTER_ISSUE, time(6, 30), 3)
    await house.rules.save(replace(new_rule(calendar=calendar), missed=missed), OFFICE)

    with caplog.at_level(logging.WARNING):
        await house.tick_at(MOMENT + late)

    days = [day for day in await house.history() if day.day == DAY]
    assert [day.state for day in days] == [RuleDayState.MISSED]
    assert (await house.events())[:2] == ["rule.saved", "rule.missed"]
    (mail,) = await house.mails()
    assert mail["subject"] == "Auto charge: “Invoices” missed its day"
    assert "rule.day_lost" in [record.message for record in caplog.records]


async def test_a_month_without_the_daemon_tells_each_missed_day(house: RuleHouse) -> None:
    await house.rules.save(new_rule(), OFFICE)

    await house.tick_at(MOMENT + 30 * A_DAY)

    states = [day.state for day in await house.history()]
    assert len(states) == 31
    # Today's is made up for, and yesterday's, which is exactly 24 hours late.
    assert states.count(RuleDayState.PLANNING) == 2
    (mail,) = await house.mails()  # one for all of them
    assert mail["text"].count("2026-") == 29


async def test_a_changed_hour_does_not_make_a_moment_come_back(house: RuleHouse) -> None:
    rule = await house.rules.save(new_rule(), OFFICE)
    await house.tick_at(MOMENT + timedelta(hours=2))
    earlier = replace(rule, calendar=replace(rule.calendar, at=time(6, 0)))
    await house.rules.save(earlier, OFFICE)

    await house.tick_at(MOMENT + timedelta(hours=3))

    assert [day.moment for day in await house.history()] == [MOMENT]


async def test_an_hour_that_has_passed_when_it_is_chosen_waits_for_the_next_day(
    house: RuleHouse,
) -> None:
    evening = replace(new_rule().calendar, at=time(18, 0))
    rule = await house.rules.save(new_rule(calendar=evening), OFFICE)
    await house.tick_at(MOMENT + timedelta(hours=3))
    morning = replace(rule.calendar, at=time(8, 0))
    await house.rules.save(replace(rule, calendar=morning), OFFICE)

    await house.tick_at(MOMENT + timedelta(hours=4))
    today = await house.history()
    await house.tick_at(MOMENT + A_DAY + timedelta(hours=2))

    assert today == []
    assert [day.day for day in await house.history()] == [DAY + A_DAY]


async def test_a_rule_that_is_switched_on_after_its_moment_waits_for_the_next_day(
    house: RuleHouse,
) -> None:
    rule = await house.rules.save(replace(new_rule(), is_enabled=False), OFFICE)
    await house.tick_at(MOMENT + timedelta(hours=1))
    await house.rules.set_enabled(rule.id, OFFICE, is_enabled=True)
    await house.tick_at(MOMENT + timedelta(hours=2))
    assert not await house.history()

    await house.tick_at(MOMENT + A_DAY)

    assert [day.day for day in await house.history()] == [DAY + A_DAY]


async def test_a_rule_of_the_files_acts_from_when_it_was_first_seen(house: RuleHouse) -> None:
    house.settings.rules = [replace(new_rule(), id="file_1", place="config.yaml:3")]
    await house.tick_at(MOMENT + timedelta(hours=1))

    await house.tick_at(MOMENT + A_DAY)
    house.settings.rules = []
    await house.tick_at(MOMENT + 2 * A_DAY)

    assert [day.day for day in await house.history()] == [DAY + A_DAY]
    assert not await house.store.read(lambda unit: unit.rule_watches())


async def test_another_time_zone_acts_by_its_own_clocks_from_then_on(house: RuleHouse) -> None:
    await house.rules.save(new_rule(), OFFICE)
    await house.tick_at(MOMENT)
    house.settings.zone = ZoneInfo("America/New_York")

    # 06:30 in New York is 11:30 UTC; the day of the rule has been dealt with already.
    await house.tick_through(MOMENT + A_DAY + timedelta(hours=7), timedelta(hours=1))

    acted = [(day.day, day.moment.hour) for day in reversed(await house.history())]
    assert acted == [(DAY, 5), (DAY + A_DAY, 11)]


async def test_the_clock_set_back_makes_a_rule_act_once(house: RuleHouse) -> None:
    calendar = RuleCalendar(RuleTiming.ISSUE_DAY, time(2, 30))
    night = datetime(2027, 10, 31, 0, 0, tzinfo=UTC)
    house.clock.advance(night - house.clock.now())
    await house.rules.save(new_rule(calendar=calendar), OFFICE)

    await house.tick_through(night + timedelta(hours=6), timedelta(minutes=15))

    (day,) = await house.history()
    assert (day.day, day.moment) == (date(2027, 10, 31), night + timedelta(minutes=30))


async def test_a_guardrail_leaves_the_run_to_a_person_and_says_so(
    house: RuleHouse, caplog: pytest.LogCaptureFixture
) -> None:
    await house.rules.save(new_rule(), OFFICE)
    house.runs.refusal = OVER_THE_LIMIT
    await house.tick_at(MOMENT)
    house.runs.planned()

    with caplog.at_level(logging.ERROR):
        await house.days.tick()
    house.runs.refusal = None
    await house.tick_at(MOMENT + timedelta(hours=1))

    (day,) = await house.history()
    assert (day.state, day.note) == (RuleDayState.STOPPED, str(OVER_THE_LIMIT))
    assert house.runs.runs[day.run_id].state is RunState.READY
    assert house.runs.confirmed == []
    assert "rule.needs_person" in [record.message for record in caplog.records]
    assert (await house.events())[-1] == "rule.stopped"
    (mail,) = await house.mails()
    assert mail["subject"] == "Auto charge: “Invoices” needs a person"
    assert str(OVER_THE_LIMIT) in mail["text"]


async def test_a_rule_is_never_the_second_administrator(house: RuleHouse) -> None:
    await house.rules.save(new_rule(), OFFICE)
    await house.tick_at(MOMENT)
    (run,) = house.runs.runs.values()
    house.runs.move(run.id, RunState.AWAITING_SECOND)  # somebody of the office was first

    await house.days.tick()

    (day,) = await house.history()
    assert day.state is RuleDayState.STOPPED
    assert "second administrator" in day.note
    assert house.runs.confirmed == []


async def test_a_run_that_wants_a_second_person_after_the_rule_is_told(house: RuleHouse) -> None:
    await house.rules.save(new_rule(), OFFICE)
    house.runs.wants_second = True
    await house.tick_at(MOMENT)
    house.runs.planned()

    await house.days.tick()

    (day,) = await house.history()
    assert (day.state, "second administrator" in day.note) == (RuleDayState.STOPPED, True)


async def test_nothing_to_charge_is_no_reason_to_call_a_person(house: RuleHouse) -> None:
    await house.rules.save(new_rule(), OFFICE)
    house.runs.refusal = RunRefusedError(RunRefusal.NOTHING_TO_CHARGE, "There is nothing.")
    await house.tick_at(MOMENT)
    house.runs.planned()

    await house.days.tick()

    (day,) = await house.history()
    assert day.state is RuleDayState.CONFIRMED


async def test_a_dry_run_is_planned_and_never_confirmed(house: RuleHouse) -> None:
    await house.rules.save(replace(new_rule(), is_dry_run=True), OFFICE)
    await house.tick_at(MOMENT)
    house.runs.planned()

    await house.days.tick()

    (day,) = await house.history()
    (run,) = house.runs.runs.values()
    assert (day.state, day.is_dry_run) == (RuleDayState.PLANNED_ONLY, True)
    assert run.is_rehearsal
    assert house.runs.confirmed == []


async def test_the_same_selection_by_button_and_rule_is_one_run(house: RuleHouse) -> None:
    await house.rules.save(new_rule(), OFFICE)
    selection = replace(INVOICES, first_day=DAY, last_day=DAY)
    by_button = await house.runs.plan(selection, actor="admin:1", origin=BY_OFFICE)

    await house.tick_at(MOMENT)
    house.runs.planned()
    await house.days.tick()

    (day,) = await house.history()
    assert list(house.runs.runs) == [by_button.id] == [day.run_id]
    assert len(house.runs.confirmed) == 1


@pytest.mark.parametrize("change", ["disable", "delete", "dry_run"])
async def test_a_rule_switched_off_while_its_run_is_planned_charges_nothing(
    house: RuleHouse, change: str
) -> None:
    rule = await house.rules.save(new_rule(), OFFICE)
    await house.tick_at(MOMENT)
    match change:
        case "disable":
            await house.rules.set_enabled(rule.id, OFFICE, is_enabled=False)
        case "delete":
            await house.rules.delete(rule.id, OFFICE)
        case _:
            await house.rules.save(replace(rule, is_dry_run=True), OFFICE)
    house.runs.planned()

    await house.days.tick()

    (day,) = await house.history()
    assert (day.state, house.runs.confirmed) == (RuleDayState.STOPPED, [])


async def test_a_canceled_run_is_told_and_not_made_again(house: RuleHouse) -> None:
    await house.rules.save(new_rule(), OFFICE)
    await house.tick_at(MOMENT)
    house.runs.move("run_1", RunState.CANCELED)

    await house.tick_through(MOMENT + timedelta(hours=1), timedelta(minutes=10))

    (day,) = await house.history()
    assert (day.state, list(house.runs.runs)) == (RuleDayState.STOPPED, ["run_1"])


async def test_nothing_begins_while_charging_is_stopped_and_the_day_is_made_up_for(
    house: RuleHouse,
) -> None:
    await house.rules.save(new_rule(), OFFICE)
    stop = EmergencyStop(house.store, house.clock)
    await stop.stop_charging(actor="admin:1", reason="wrong prices")
    await house.tick_at(MOMENT)
    assert not await house.history()

    await stop.resume_charging(actor="admin:1", note="prices are right again")
    await house.tick_at(MOMENT + timedelta(hours=2))

    (day,) = await house.history()
    assert (day.state, day.day) == (RuleDayState.PLANNING, DAY)


async def test_what_could_not_be_planned_is_planned_at_the_next_look(house: RuleHouse) -> None:
    await house.rules.save(new_rule(), OFFICE)
    house.runs.trouble = RetryableError("Splynx is away.")
    await house.tick_at(MOMENT)
    assert not await house.history()

    house.runs.trouble = None
    await house.days.tick()

    assert len(await house.history()) == 1


async def test_two_rules_act_by_themselves_and_one_in_trouble_does_not_hold_up_the_other(
    house: RuleHouse,
) -> None:
    balances = ChargeRule(
        id="",
        name="Balances",
        selection=Selection(ChargeKind.BALANCES),
        calendar=RuleCalendar(RuleTiming.DAY_OF_MONTH, time(6, 30), 24),
    )
    for rule in (new_rule(), balances):
        await house.rules.save(rule, OFFICE)

    await house.tick_at(MOMENT)

    kinds = {run.selection.kind for run in house.runs.runs.values()}
    assert kinds == {ChargeKind.INVOICES, ChargeKind.BALANCES}
