"""Every day has exactly one moment for a time of day, whatever the clocks of the place do."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings, strategies as st

from splynx_stripe.domain.charge_calendar import day_at, is_day_of_month, moment_of

# Zones of people; "right/" and the like are not what anybody sets a clock by.
ZONES = sorted(name for name in available_timezones() if "/" in name and name[0].isupper())
zones = st.sampled_from(ZONES).map(ZoneInfo)
days = st.dates(date(1975, 1, 1), date(2037, 12, 30))
times = st.builds(time, st.integers(0, 23), st.integers(0, 59))
PRAGUE = ZoneInfo("Europe/Prague")


def _wall(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


@settings(max_examples=400, deadline=None)
@given(day=days, at=times, zone=zones)
def test_the_moment_is_the_first_at_which_the_clocks_show_the_time_or_have_passed_it(
    day: date, at: time, zone: ZoneInfo
) -> None:
    wall = datetime.combine(day, at)

    moment = moment_of(day, at, zone)

    assert _wall(moment, zone) >= wall
    # A clock is set by less than two days; before the moment it never showed the time.
    for minutes in (1, 29, 30, 59, 60, 61, 119, 120, 121, 24 * 60, 48 * 60):
        assert _wall(moment - timedelta(minutes=minutes), zone) < wall
    assert _wall(moment - timedelta(seconds=1), zone) < wall


@settings(max_examples=400, deadline=None)
@given(day=days, at=times, zone=zones)
def test_a_time_that_exists_is_met_exactly(day: date, at: time, zone: ZoneInfo) -> None:
    wall = datetime.combine(day, at)
    readings = [
        wall.replace(tzinfo=zone, fold=fold).astimezone(UTC).astimezone(zone).replace(tzinfo=None)
        for fold in (0, 1)
    ]
    exists = wall in [reading.replace(fold=0) for reading in readings]

    moment = moment_of(day, at, zone)

    assert (_wall(moment, zone) == wall) is exists


@settings(max_examples=300, deadline=None)
@given(day=days, at=times, zone=zones)
def test_a_later_day_never_has_an_earlier_moment(day: date, at: time, zone: ZoneInfo) -> None:
    moments = [moment_of(day + timedelta(days=ahead), at, zone) for ahead in range(3)]

    assert moments == sorted(moments)
    assert all(moment.tzinfo is UTC for moment in moments)


@pytest.mark.parametrize(
    ("day", "at", "zone", "expected"),
    [
        # Set forward from 02:00 to 03:00: 02:30 is not, so it is 03:00.
        (date(2026, 3, 29), time(2, 30), "Europe/Prague", "2026-03-29T01:00:00+00:00"),
        (date(2026, 3, 29), time(2, 0), "Europe/Prague", "2026-03-29T01:00:00+00:00"),
        (date(2026, 3, 29), time(3, 0), "Europe/Prague", "2026-03-29T01:00:00+00:00"),
        (date(2026, 3, 29), time(1, 59), "Europe/Prague", "2026-03-29T00:59:00+00:00"),
        # Set back from 03:00 to 02:00: 02:30 comes twice, so it is the first.
        (date(2026, 10, 25), time(2, 30), "Europe/Prague", "2026-10-25T00:30:00+00:00"),
        (date(2026, 10, 25), time(3, 0), "Europe/Prague", "2026-10-25T02:00:00+00:00"),
        # Half an hour, at two in the morning.
        (date(2026, 10, 4), time(2, 15), "Australia/Lord_Howe", "2026-10-03T15:30:00+00:00"),
        # Set forward at midnight: the day begins at one.
        (date(2026, 9, 6), time(0, 0), "America/Santiago", "2026-09-06T04:00:00+00:00"),
        # A day that never was.
        (date(2011, 12, 30), time(7, 0), "Pacific/Apia", "2011-12-30T10:00:00+00:00"),
        (date(2028, 2, 29), time(6, 0), "UTC", "2028-02-29T06:00:00+00:00"),
    ],
)
def test_the_known_changes_of_the_clock(day: date, at: time, zone: str, expected: str) -> None:
    assert moment_of(day, at, ZoneInfo(zone)).isoformat() == expected


def test_the_day_is_that_of_the_place() -> None:
    moment = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)

    assert day_at(moment, PRAGUE) == date(2026, 12, 1)
    assert day_at(moment, ZoneInfo("America/New_York")) == date(2026, 11, 30)


@given(year=st.integers(1970, 2100), month=st.integers(1, 12), wanted=st.integers(1, 31))
def test_each_month_has_exactly_one_such_day(year: int, month: int, wanted: int) -> None:
    length = calendar.monthrange(year, month)[1]
    found = [day for day in range(1, length + 1) if is_day_of_month(date(year, month, day), wanted)]

    assert found == [min(wanted, length)]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (31, date(2026, 2, 28)),
        (29, date(2027, 2, 28)),
        (29, date(2028, 2, 29)),
        (30, date(2026, 4, 30)),
    ],
)
def test_a_short_month_has_its_last_day(wanted: int, expected: date) -> None:
    assert is_day_of_month(expected, wanted)
    assert not is_day_of_month(expected - timedelta(days=1), wanted)
