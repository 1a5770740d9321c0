"""The forecast asks Splynx little, is right about what is known, and says what it does not know."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

from splynx_stripe.domain.charge_forecast import ForecastBasis
from splynx_stripe.domain.charge_rule import ChargeRule, RuleCalendar, RuleTiming
from splynx_stripe.domain.charge_rule_day import RuleDay, RuleDayState
from splynx_stripe.domain.charge_run import BY_OFFICE, ChargeRun, RunState
from splynx_stripe.domain.charge_selection import ChargeKind, Selection
from splynx_stripe.domain.errors import RetryableError
from splynx_stripe.domain.guardrails import RunTotal
from splynx_stripe.domain.money import Money
from splynx_stripe.flows.charge_forecast import MOST_INVOICES
from splynx_stripe.flows.charge_rules import Editor
from splynx_stripe.flows.ports import Unit
from splynx_stripe.store.store import SqlStore
from tests.integration.rule_house import (
    BEFORE,
    INVOICES,
    OFFICE,
    RuleHouse,
    new_rule,
    open_invoice,
)

DUE = RuleCalendar(RuleTiming.DUE_DATE, time(6, 30))
DAY = date(2026, 11, 24)


@pytest.fixture
def house(store: SqlStore) -> RuleHouse:
    return RuleHouse(store)


def of_balances() -> ChargeRule:
    return ChargeRule(
        id="",
        name="Balances",
        selection=Selection(ChargeKind.BALANCES),
        calendar=RuleCalendar(RuleTiming.DAY_OF_MONTH, time(6, 30), 28),
    )


async def test_open_invoices_are_shown_on_the_day_and_in_the_currency_of_their_partner(
    house: RuleHouse,
) -> None:
    await house.rules.save(new_rule(calendar=DUE), OFFICE)
    house.splynx.partners = {18: 2, 19: 3}
    house.splynx.invoices = [
        open_invoice(1, due_on=DAY + timedelta(days=2)),
        open_invoice(2, due_on=DAY + timedelta(days=2), customer_id=18),
        open_invoice(3, due_on=DAY + timedelta(days=2), customer_id=19),  # partner without account
        open_invoice(4, due_on=DAY + timedelta(days=90)),
    ]

    forecast = await house.forecast.next_days(OFFICE)

    (busy,) = [one for one in forecast.days if one.count]
    assert len(forecast.days) == 30
    assert (busy.day, busy.count) == (DAY + timedelta(days=2), 2)
    assert busy.sums == (Money(1250, "EUR"), Money(1250, "USD"))
    assert (forecast.is_cut, forecast.is_without_splynx) == (False, False)


async def test_one_rule_is_one_question_and_the_answer_is_kept_for_minutes(
    house: RuleHouse,
) -> None:
    rule = await house.rules.save(new_rule(calendar=DUE), OFFICE)
    await house.forecast.next_days(OFFICE)
    await house.forecast.next_days(OFFICE)
    assert len(house.splynx.asked) == 1

    house.clock.advance(timedelta(minutes=6))
    await house.forecast.next_days(OFFICE)
    await house.rules.save(replace(rule, name="Changed"), OFFICE)
    changed = await house.forecast.next_days(OFFICE)

    assert len(house.splynx.asked) == 3
    assert {one.rule.name for one in changed.days} == {"Changed"}


async def test_more_invoices_than_one_forecast_looks_at_are_told(house: RuleHouse) -> None:
    await house.rules.save(new_rule(calendar=DUE), OFFICE)
    house.splynx.invoices = [
        open_invoice(number, due_on=DAY + timedelta(days=1))
        for number in range(1, MOST_INVOICES + 200)
    ]

    forecast = await house.forecast.next_days(OFFICE)

    assert forecast.is_cut
    assert sum(one.count for one in forecast.days) == MOST_INVOICES + 1


async def test_without_splynx_the_days_are_shown_and_asked_again_at_once(
    house: RuleHouse,
) -> None:
    await house.rules.save(new_rule(calendar=DUE), OFFICE)
    house.splynx.trouble = RetryableError("Splynx is away.")
    without = await house.forecast.next_days(OFFICE)
    house.splynx.trouble = None

    again = await house.forecast.next_days(OFFICE)

    assert without.is_without_splynx
    assert len(without.days) == 30
    assert {one.basis for one in without.days} == {ForecastBasis.NOTHING}
    assert not again.is_without_splynx


async def test_a_rule_for_balances_expects_what_its_last_run_came_to(house: RuleHouse) -> None:
    rule = await house.rules.save(of_balances(), OFFICE)
    nothing_known = await house.forecast.next_days(OFFICE)
    run = ChargeRun("run_1", rule.selection, BY_OFFICE, RunState.DONE, "admin:1", BEFORE)
    month_ago = datetime(2026, 10, 28, 5, 30, tzinfo=UTC)
    acted = RuleDay(
        rule_id=rule.id,
        day=month_ago.date(),
        rule_name=rule.name,
        partner_id=0,
        moment=month_ago,
        acted_at=month_ago,
        state=RuleDayState.CONFIRMED,
        run_id=run.id,
    )

    def remember(unit: Unit) -> None:
        unit.add_charge_run(run)
        unit.add_run_total(run.id, RunTotal(1, Money(90000, "EUR"), 41))
        unit.add_rule_day(acted)

    await house.store.run(remember)
    house.clock.advance(timedelta(minutes=6))

    (one,) = (await house.forecast.next_days(OFFICE)).days

    assert [known.basis for known in nothing_known.days] == [ForecastBasis.NOTHING]
    assert (one.basis, one.count, one.sums) == (
        ForecastBasis.LAST_RUN,
        41,
        (Money(90000, "EUR"),),
    )
    assert house.splynx.asked == []


async def test_rules_that_are_off_or_not_theirs_are_not_in_it(house: RuleHouse) -> None:
    await house.rules.save(replace(new_rule("Off"), is_enabled=False), OFFICE)
    await house.rules.save(new_rule("For all"), OFFICE)
    await house.rules.save(
        replace(new_rule("Of 2"), selection=replace(INVOICES, partner_ids=(2,))), OFFICE
    )

    everybody = await house.forecast.next_days(OFFICE)
    theirs = await house.forecast.next_days(Editor("admin:2", partner_id=2))

    assert {one.rule.name for one in everybody.days} == {"For all", "Of 2"}
    assert {one.rule.name for one in theirs.days} == {"Of 2"}
