"""Rules and their days in the database: as they went in, changed by one at a time, each day once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from sqlalchemy import Engine

from splynx_stripe.domain.charge_rule import (
    ChargeRule,
    MissedPolicy,
    RuleCalendar,
    RuleTiming,
    RuleWatch,
)
from splynx_stripe.domain.charge_rule_day import RuleDay, RuleDayState
from splynx_stripe.domain.charge_selection import ChargeKind, Selection, TotalCondition
from splynx_stripe.domain.errors import BrokenInvariantError, StaleWriteError
from splynx_stripe.store.engine import parse_url, writer_engine
from splynx_stripe.store.store import SqlStore
from splynx_stripe.store.unit import SqlUnit
from tests.integration.test_store_round_trip import NOW, moments, names

readable = st.text("abc äü漢'\"%", min_size=1, max_size=20).map(str.strip).filter(bool)
ids = st.lists(st.integers(1, 2**31), max_size=4).map(tuple)
times = st.builds(time, st.integers(0, 23), st.integers(0, 59))
totals = st.tuples(
    st.sampled_from(TotalCondition), st.decimals(0, 10**9, places=4, allow_nan=False)
) | st.just((None, None))


@st.composite
def rules(draw: st.DrawFn) -> ChargeRule:
    kind = draw(st.sampled_from(ChargeKind))
    condition, total = draw(totals)
    selection = Selection(
        kind,
        partner_ids=draw(ids),
        location_ids=draw(ids),
        payment_method_ids=draw(ids),
        customer_statuses=draw(st.sampled_from(((), ("active",), ("active", "blocked")))),
        customer_ids=draw(ids),
        total_condition=condition,
        total=None if total is None else Decimal(total),
        uses_balance=kind is ChargeKind.PREPAID and draw(st.booleans()),
    )
    if kind is ChargeKind.INVOICES:
        timing = draw(st.sampled_from([one for one in RuleTiming if one is not _MONTHLY]))
        days = draw(st.integers(1, 90)) if timing.has_number else 0
        calendar = RuleCalendar(timing, draw(times), days, draw(st.integers(0, 31)))
    else:
        calendar = RuleCalendar(_MONTHLY, draw(times), draw(st.integers(1, 31)))
    return ChargeRule(
        id=draw(names),
        name=draw(readable),
        selection=selection,
        calendar=calendar,
        is_enabled=draw(st.booleans()),
        is_dry_run=draw(st.booleans()),
        missed=draw(st.sampled_from(MissedPolicy)),
        late_hours=draw(st.integers(1, 72)),
        version=draw(st.integers(1, 2**53)),
        changed_at=draw(moments),
        changed_by=draw(names),
    )


_MONTHLY = RuleTiming.DAY_OF_MONTH

rule_days = st.builds(
    RuleDay,
    rule_id=names,
    day=st.dates(date(2000, 1, 1), date(2999, 1, 1)),
    rule_name=readable,
    partner_id=st.integers(0, 2**31),
    moment=moments,
    acted_at=moments,
    state=st.sampled_from([state for state in RuleDayState if state is not RuleDayState.MISSED]),
    run_id=names,
    is_dry_run=st.booleans(),
    note=readable,
    version=st.integers(0, 2**53),
)
RULE = ChargeRule(
    id="rule_1",
    name="Invoices",
    selection=Selection(ChargeKind.INVOICES),
    calendar=RuleCalendar(RuleTiming.ISSUE_DAY, time(6, 30)),
    version=1,
    changed_at=NOW,
    changed_by="admin:1",
)
DAY = RuleDay(
    rule_id="rule_1",
    day=date(2026, 11, 24),
    rule_name="Invoices",
    partner_id=0,
    moment=NOW,
    acted_at=NOW,
    state=RuleDayState.PLANNING,
    run_id="run_1",
)


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    made = writer_engine(parse_url(store_url))
    yield made
    made.dispose()


round_trips = settings(
    max_examples=40,
    deadline=None,
    # Each example undoes its own transaction, so they may share the database.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@round_trips
@given(rule=rules(), other=rules())
def test_a_rule_comes_back_as_it_was_and_as_it_was_changed(
    engine: Engine, rule: ChargeRule, other: ChargeRule
) -> None:
    changed = replace(other, id=rule.id, version=rule.version + 1)
    with engine.connect() as connection, connection.begin() as transaction:
        unit = SqlUnit(connection)
        unit.add_charge_rule(rule)
        found = [unit.charge_rule(rule.id), *unit.charge_rules()]
        unit.save_charge_rule(changed)
        found_changed = unit.charge_rules()
        transaction.rollback()
    assert found == [rule, rule]
    assert found_changed == [changed]


@round_trips
@given(rule_day=rule_days)
def test_a_day_comes_back_as_it_was(engine: Engine, rule_day: RuleDay) -> None:
    with engine.connect() as connection, connection.begin() as transaction:
        unit = SqlUnit(connection)
        assert unit.add_rule_day(rule_day)
        found = unit.rule_day(rule_day.rule_id, rule_day.day)
        newest = unit.newest_rule_days(partner_id=rule_day.partner_id, limit=5)
        planning = unit.rule_days_in_planning(5)
        transaction.rollback()
    assert found == rule_day
    assert newest == [rule_day]
    assert planning == ([rule_day] if rule_day.state is RuleDayState.PLANNING else [])


async def test_a_day_is_written_once_and_the_first_one_stays(store: SqlStore) -> None:
    first = await store.run(lambda unit: unit.add_rule_day(DAY))

    second = await store.run(lambda unit: unit.add_rule_day(replace(DAY, run_id="run_2")))

    kept = await store.read(lambda unit: unit.rule_day("rule_1", DAY.day))
    assert (first, second) == (True, False)
    assert kept == DAY


async def test_of_two_changes_of_the_same_version_the_second_is_refused(store: SqlStore) -> None:
    await store.run(lambda unit: unit.add_charge_rule(RULE))
    mine, theirs = replace(RULE, version=2, name="Mine"), replace(RULE, version=2, name="Theirs")
    await store.run(lambda unit: unit.save_charge_rule(mine))

    with pytest.raises(StaleWriteError):
        await store.run(lambda unit: unit.save_charge_rule(theirs))
    with pytest.raises(StaleWriteError):
        await store.run(lambda unit: unit.delete_charge_rule(RULE))

    assert await store.read(lambda unit: unit.charge_rules()) == [mine]


async def test_of_two_that_settle_a_day_the_second_is_refused(store: SqlStore) -> None:
    await store.run(lambda unit: unit.add_rule_day(DAY))
    confirmed = replace(DAY, state=RuleDayState.CONFIRMED)
    await store.run(lambda unit: unit.save_rule_day(confirmed))

    with pytest.raises(StaleWriteError):
        await store.run(
            lambda unit: unit.save_rule_day(replace(DAY, state=RuleDayState.STOPPED, note="x"))
        )

    found = await store.read(lambda unit: unit.rule_day("rule_1", DAY.day))
    assert found == replace(confirmed, version=1)


async def test_a_watch_is_one_per_rule_and_the_newest_holds(store: SqlStore) -> None:
    later = RuleWatch("rule_1", "issue_day/0/07:00/UTC", NOW + timedelta(hours=1))
    await store.run(lambda unit: unit.watch_rule(RuleWatch("rule_1", "another", NOW)))
    await store.run(lambda unit: unit.watch_rule(later))
    await store.run(lambda unit: unit.watch_rule(RuleWatch("rule_2", "another", NOW)))

    await store.run(lambda unit: unit.unwatch_rule("rule_2"))

    assert await store.read(lambda unit: unit.rule_watches()) == {"rule_1": later}


@pytest.mark.parametrize(
    "wrong",
    [
        replace(DAY, run_id=""),
        replace(DAY, state=RuleDayState.MISSED, run_id="run_1"),
        replace(DAY, version=-1),
    ],
)
async def test_the_database_refuses_a_day_that_cannot_be(store: SqlStore, wrong: RuleDay) -> None:
    with pytest.raises(BrokenInvariantError):
        await store.run(lambda unit: unit.add_rule_day(wrong))


async def test_days_of_a_partner_are_listed_without_those_of_others(store: SqlStore) -> None:
    for partner_id, rule_id in ((0, "all"), (2, "second"), (3, "third")):
        rule_day = replace(DAY, rule_id=rule_id, partner_id=partner_id)
        await store.run(lambda unit, rule_day=rule_day: unit.add_rule_day(rule_day))  # type: ignore[misc]  # a default binds the loop's value

    seen = await store.read(lambda unit: unit.newest_rule_days(partner_id=2, limit=9))
    limited = await store.read(lambda unit: unit.newest_rule_days(partner_id=0, limit=2))

    assert [rule_day.rule_id for rule_day in seen] == ["second"]
    assert len(limited) == 2
