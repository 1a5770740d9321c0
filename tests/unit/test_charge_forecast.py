"""The forecast counts an open invoice once, at the first moment at which a rule takes it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, strategies as st

from splynx_stripe.domain.charge_forecast import (
    Expectation,
    ForecastBasis,
    OpenInvoice,
    expected,
    selection_of_days,
    sums_of,
)
from splynx_stripe.domain.charge_rule import ChargeRule, RuleCalendar, RuleTiming
from splynx_stripe.domain.charge_selection import ChargeKind, Selection
from splynx_stripe.domain.money import Money
from tests.unit.test_charge_rule import invoice, monthly_rule

TODAY = date(2026, 11, 24)
START = datetime(2026, 11, 24, 0, 0, tzinfo=UTC)
UTC_ZONE = ZoneInfo("UTC")


def rule(name: str, timing: RuleTiming, *, days: int = 0, hour: int = 6) -> ChargeRule:
    calendar = RuleCalendar(timing, time(hour, 0), days)
    return ChargeRule(name, name, Selection(ChargeKind.INVOICES), calendar)


def coming(*rules: ChargeRule) -> list[Expectation]:
    end = START + timedelta(days=30)
    return [
        Expectation(one, day, moment)
        for one in rules
        for day, moment in one.days_between(START, end, UTC_ZONE)
    ]


def open_invoice(number: int, issued: date, due: date, cents: int = 1000) -> OpenInvoice:
    return OpenInvoice(replace(invoice(issued, due), id=number), Money(cents, "EUR"))


def counted(found: list[Expectation]) -> list[tuple[str, date, int]]:
    return [(one.rule.id, one.day, one.count) for one in found if one.count]


def test_an_invoice_that_two_rules_take_is_counted_at_the_first_of_them() -> None:
    early, late = (
        rule("early", RuleTiming.DAYS_BEFORE_DUE, days=3),
        rule("late", RuleTiming.DUE_DATE),
    )
    invoices = [open_invoice(1, TODAY, TODAY + timedelta(days=10))]

    found = list(expected(coming(early, late), {"early": invoices, "late": invoices}))

    assert counted(found) == [("early", TODAY + timedelta(days=7), 1)]
    assert [one.moment for one in found] == sorted(one.moment for one in found)
    assert {one.basis for one in found} == {ForecastBasis.TODAY}


def test_a_rule_that_only_plans_takes_nothing_away_from_the_others() -> None:
    dry = replace(rule("dry", RuleTiming.DAYS_BEFORE_DUE, days=3), is_dry_run=True)
    real = rule("real", RuleTiming.DUE_DATE)
    invoices = [open_invoice(1, TODAY, TODAY + timedelta(days=10))]

    found = list(expected(coming(dry, real), {"dry": invoices, "real": invoices}))

    assert [rule_id for rule_id, _, _ in counted(found)] == ["dry", "real"]


def test_a_rule_that_only_plans_is_not_shown_what_was_charged_before_it() -> None:
    real = rule("real", RuleTiming.DAYS_BEFORE_DUE, days=3)
    dry = replace(rule("dry", RuleTiming.DUE_DATE), is_dry_run=True)
    invoices = [open_invoice(1, TODAY, TODAY + timedelta(days=10))]

    found = list(expected(coming(real, dry), {"dry": invoices, "real": invoices}))

    assert [rule_id for rule_id, _, _ in counted(found)] == ["real"]


def test_balances_keep_what_is_expected_of_them() -> None:
    balances = monthly_rule(28)
    last_time = [
        replace(one, basis=ForecastBasis.LAST_RUN, count=7, sums=(Money(9, "EUR"),))
        for one in coming(balances)
    ]

    assert list(expected(last_time, {})) == last_time


@given(terms=st.lists(st.integers(0, 60), max_size=30))
def test_each_invoice_that_falls_due_in_the_period_is_counted_exactly_once(
    terms: list[int],
) -> None:
    due_rule = rule("due", RuleTiming.DUE_DATE, hour=6)
    invoices = [
        open_invoice(number, TODAY, TODAY + timedelta(days=term), cents=100 + number)
        for number, term in enumerate(terms)
    ]

    found = list(expected(coming(due_rule), {"due": invoices}))

    inside = [one for one, term in zip(invoices, terms, strict=True) if term < 30]
    assert sum(one.count for one in found) == len(inside)
    total = sums_of(amount for one in found for amount in one.sums)
    assert total == sums_of(one.due for one in inside)


def test_sums_are_one_for_each_currency() -> None:
    amounts = [Money(1, "USD"), Money(2, "EUR"), Money(3, "USD")]

    assert sums_of(amounts) == (Money(2, "EUR"), Money(4, "USD"))
    assert sums_of([]) == ()


def test_one_question_covers_all_days_of_a_rule() -> None:
    due_rule = rule("due", RuleTiming.DAYS_BEFORE_DUE, days=3)
    days = [TODAY + timedelta(days=ahead) for ahead in (5, 0, 2)]

    found = selection_of_days(due_rule, days)

    assert found is not None
    assert (found.first_day, found.last_day) == (
        TODAY + timedelta(days=3),
        TODAY + timedelta(days=8),
    )
    assert selection_of_days(due_rule, []) is None
