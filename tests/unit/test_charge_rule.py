"""A rule acts on exactly the days of its calendar, and takes exactly the invoices of that day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings, strategies as st

from splynx_stripe.domain.charge_rule import (
    LATEST_HOURS,
    MOST_DAYS,
    MOST_DAYS_BACK,
    PROMPT,
    ChargeRule,
    MissedPolicy,
    Punctuality,
    RuleCalendar,
    RuleError,
    RuleTiming,
    watched_calendar,
)
from splynx_stripe.domain.charge_selection import ChargeKind, Selection
from splynx_stripe.domain.splynx import Document, DocumentKind, DocumentStatus

PRAGUE = ZoneInfo("Europe/Prague")
INVOICES = Selection(ChargeKind.INVOICES)
BALANCES = Selection(ChargeKind.BALANCES)
MOMENT = datetime(2026, 11, 24, 5, 30, tzinfo=UTC)

zones = st.sampled_from(
    ["Europe/Prague", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "UTC"]
).map(ZoneInfo)
times = st.builds(time, st.integers(0, 23), st.integers(0, 59))
moments = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants its bounds naive
numbers = st.integers(1, MOST_DAYS)


def invoice_rule(timing: RuleTiming, *, days: int = 0, days_back: int = 0) -> ChargeRule:
    calendar = RuleCalendar(timing, time(6, 30), days, days_back)
    return ChargeRule("rule_1", "Invoices", INVOICES, calendar)


def monthly_rule(day: int, at: time = time(6, 30)) -> ChargeRule:
    calendar = RuleCalendar(RuleTiming.DAY_OF_MONTH, at, day)
    return ChargeRule("rule_2", "Balances", BALANCES, calendar)


def invoice(issued: date, due: date) -> Document:
    return Document(
        kind=DocumentKind.INVOICE,
        id=1,
        number="202611000001",
        customer_id=17,
        status=DocumentStatus.NOT_PAID,
        total=Decimal(10),
        due=Decimal(10),
        payment_id=0,
        date_created=issued,
        date_till=due,
    )


@given(issued=st.dates(date(2026, 1, 1), date(2028, 12, 31)), term=st.integers(0, 60), days=numbers)
def test_an_invoice_has_exactly_one_day_under_each_rule(issued: date, term: int, days: int) -> None:
    due = issued + timedelta(days=term)
    expected = {
        invoice_rule(RuleTiming.ISSUE_DAY): issued,
        invoice_rule(RuleTiming.DAY_AFTER_ISSUE): issued + timedelta(days=1),
        invoice_rule(RuleTiming.DAYS_AFTER_ISSUE, days=days): issued + timedelta(days=days),
        invoice_rule(RuleTiming.DAYS_BEFORE_DUE, days=days): due - timedelta(days=days),
        invoice_rule(RuleTiming.DUE_DATE): due,
    }
    for rule, its_day in expected.items():
        taken = [
            ahead
            for ahead in range(-8, 9)
            if rule.selection_on(its_day + timedelta(days=ahead)).takes_document(
                invoice(issued, due)
            )
        ]
        assert taken == [0], rule.calendar.timing


@given(issued=st.dates(date(2026, 1, 1), date(2028, 12, 31)), back=st.integers(0, 31))
def test_a_rule_takes_along_as_many_earlier_days_as_it_says(issued: date, back: int) -> None:
    rule = invoice_rule(RuleTiming.ISSUE_DAY, days_back=back)

    taken = [
        later
        for later in range(-2, 40)
        if rule.selection_on(issued + timedelta(days=later)).takes_document(invoice(issued, issued))
    ]

    assert taken == list(range(back + 1))


@settings(deadline=None)
@given(zone=zones, at=times, start=moments, cuts=st.lists(st.integers(1, 2000), max_size=8))
def test_no_moment_is_lost_or_doubled_however_often_one_looks(
    zone: ZoneInfo, at: time, start: datetime, cuts: list[int]
) -> None:
    rule = ChargeRule("r", "n", INVOICES, RuleCalendar(RuleTiming.ISSUE_DAY, at))
    ends = [start]
    for minutes in cuts:
        ends.append(ends[-1] + timedelta(minutes=minutes))
    at_once = list(rule.days_between(start, ends[-1], zone))

    piecewise = list(rule.days_between(start, start, zone))
    for before, end in pairwise(ends):
        piecewise += rule.days_between(before + timedelta(microseconds=1), end, zone)

    assert piecewise == at_once
    days = [day for day, _ in at_once]
    assert days == sorted(set(days))


@settings(deadline=None)
@given(zone=zones, at=times, wanted=st.integers(1, 31), year=st.integers(2024, 2032))
def test_a_rule_of_the_month_acts_twelve_times_a_year(
    zone: ZoneInfo, at: time, wanted: int, year: int
) -> None:
    first = datetime(year, 1, 1, tzinfo=zone).astimezone(UTC)
    last = datetime(year + 1, 1, 1, tzinfo=zone).astimezone(UTC) - timedelta(seconds=1)

    days = [day for day, _ in monthly_rule(wanted, at).days_between(first, last, zone)]

    assert [day.month for day in days] == list(range(1, 13))


def test_the_31st_is_the_last_day_of_every_month_and_the_29th_waits_for_no_leap_year() -> None:
    year = (datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 12, 31, 23, tzinfo=UTC))

    last_days = [day.day for day, _ in monthly_rule(31).days_between(*year, ZoneInfo("UTC"))]
    february = [day for day, _ in monthly_rule(29).days_between(*year, ZoneInfo("UTC"))][1]

    assert last_days == [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    assert february == date(2027, 2, 28)


@pytest.mark.parametrize(
    ("missed", "late", "expected"),
    [
        (MissedPolicy.LATE, timedelta(0), Punctuality.PROMPT),
        (MissedPolicy.SKIP, PROMPT, Punctuality.PROMPT),
        (MissedPolicy.SKIP, PROMPT + timedelta(seconds=1), Punctuality.MISSED),
        (MissedPolicy.LATE, PROMPT + timedelta(seconds=1), Punctuality.LATE),
        (MissedPolicy.LATE, timedelta(hours=24), Punctuality.LATE),
        (MissedPolicy.LATE, timedelta(hours=24, seconds=1), Punctuality.MISSED),
    ],
)
def test_a_missed_day_is_made_up_for_as_the_rule_says(
    missed: MissedPolicy, late: timedelta, expected: Punctuality
) -> None:
    rule = replace(invoice_rule(RuleTiming.ISSUE_DAY), missed=missed)

    assert rule.punctuality(MOMENT, MOMENT + late) is expected


def test_another_hour_number_or_zone_is_another_calendar_and_another_name_is_not() -> None:
    rule = invoice_rule(RuleTiming.DAYS_AFTER_ISSUE, days=3)
    present = watched_calendar(rule, PRAGUE)

    later = replace(rule, calendar=replace(rule.calendar, at=time(7, 0)))
    other_day = replace(rule, calendar=replace(rule.calendar, days=4))

    assert watched_calendar(replace(rule, name="Another"), PRAGUE) == present
    assert len({present, watched_calendar(later, PRAGUE), watched_calendar(other_day, PRAGUE)}) == 3
    assert watched_calendar(rule, ZoneInfo("Europe/Vienna")) != present


@pytest.mark.parametrize(
    ("timing", "days"),
    [
        (RuleTiming.ISSUE_DAY, 1),
        (RuleTiming.DUE_DATE, 3),
        (RuleTiming.DAYS_AFTER_ISSUE, 0),
        (RuleTiming.DAYS_BEFORE_DUE, MOST_DAYS + 1),
        (RuleTiming.DAY_OF_MONTH, 0),
        (RuleTiming.DAY_OF_MONTH, 32),
    ],
)
def test_a_number_that_does_not_fit_its_timing_is_refused(timing: RuleTiming, days: int) -> None:
    with pytest.raises(RuleError):
        RuleCalendar(timing, time(6, 30), days)


@pytest.mark.parametrize("at", [time(6, 30, 1), time(6, 30, 0, 1)], ids=str)
def test_a_time_finer_than_a_minute_is_refused(at: time) -> None:
    with pytest.raises(RuleError, match="hours and minutes"):
        RuleCalendar(RuleTiming.ISSUE_DAY, at)


@pytest.mark.parametrize("back", [-1, MOST_DAYS_BACK + 1])
def test_more_earlier_days_than_a_month_has_or_fewer_than_none_are_refused(back: int) -> None:
    with pytest.raises(RuleError, match=f"0 to {MOST_DAYS_BACK} earlier days"):
        RuleCalendar(RuleTiming.ISSUE_DAY, time(6, 30), days_back=back)


def test_a_day_of_the_month_takes_no_earlier_days_along() -> None:
    with pytest.raises(RuleError, match="no earlier days"):
        RuleCalendar(RuleTiming.DAY_OF_MONTH, time(6, 30), days=1, days_back=1)


@pytest.mark.parametrize("hours", [0, LATEST_HOURS + 1])
def test_a_missed_day_is_not_made_up_for_so_late_that_it_surprises(hours: int) -> None:
    rule = invoice_rule(RuleTiming.ISSUE_DAY)

    assert replace(rule, late_hours=LATEST_HOURS).late_hours == LATEST_HOURS
    with pytest.raises(RuleError, match=f"1 to {LATEST_HOURS} hours"):
        replace(rule, late_hours=hours)


@pytest.mark.parametrize(
    "selection",
    [
        replace(INVOICES, first_day=date(2026, 11, 1)),
        replace(INVOICES, last_day=date(2026, 11, 1)),
        replace(INVOICES, document_numbers=("202611000042",)),
    ],
    ids=["first_day", "last_day", "document_numbers"],
)
def test_a_rule_that_names_a_period_or_numbers_of_its_own_is_refused(selection: Selection) -> None:
    with pytest.raises(RuleError, match="no period and no numbers"):
        replace(invoice_rule(RuleTiming.ISSUE_DAY), selection=selection)


def test_invoices_have_no_day_of_the_month_and_balances_no_day_of_issue() -> None:
    monthly = RuleCalendar(RuleTiming.DAY_OF_MONTH, time(6, 30), 1)
    daily = RuleCalendar(RuleTiming.ISSUE_DAY, time(6, 30))
    for selection, calendar in ((INVOICES, monthly), (BALANCES, daily)):
        with pytest.raises(RuleError):
            ChargeRule("r", "Wrong", selection, calendar)


@pytest.mark.parametrize("name", ["", " ", " x", "x ", "a\nb", "a\u200bb", "n" * 101])
def test_a_name_that_nobody_can_read_is_refused(name: str) -> None:
    with pytest.raises(RuleError):
        replace(invoice_rule(RuleTiming.ISSUE_DAY), name=name)


def test_an_administrator_of_one_partner_sees_only_rules_for_that_partner_alone() -> None:
    rule = invoice_rule(RuleTiming.ISSUE_DAY)
    partners = {
        ids: replace(rule, selection=replace(INVOICES, partner_ids=ids))
        for ids in ((), (2,), (2, 3), (3,))
    }

    assert [ids for ids, one in partners.items() if one.may_be_seen_by(2)] == [(2,)]
    assert all(one.may_be_seen_by(0) for one in partners.values())
