"""When a time of day comes: across changes of the clock, short months and leap years.

Theory. A rule names a time of day on the clocks of a place, and those clocks are not steady. Where
they are set forward, a time of day may not exist: then the moment is the next one that does, which
is the moment of the change. Where they are set back, a time of day comes twice: then it is the first
of the two. So every day has exactly one moment, and later days never have earlier moments. (The
whole day that Samoa left out in 2011 is such a gap as well: its moment is the next day's first.)
"""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_EXACT = timedelta(seconds=1)
"""Changes of the clock happen at whole seconds."""


def moment_of(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Gives the moment, in UTC, at which the clocks of `zone` show `at` on `day` for the first time.

    Where they never do, it is the first moment after the gap.
    """
    wall = datetime.combine(day, at.replace(tzinfo=None, fold=0))
    moment = wall.replace(tzinfo=zone).astimezone(UTC)
    if _wall_clock(moment, zone) == wall:
        return moment
    # PEP 495: in a gap, fold 0 counts with the offset of before and fold 1 with that of after, so
    # that the change lies between the two.
    before_the_change = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return _change_between(before_the_change, moment, zone)


def day_at(moment: datetime, zone: ZoneInfo) -> date:
    """Gives the day that it is in `zone`."""
    return moment.astimezone(zone).date()


def is_day_of_month(day: date, wanted: int) -> bool:
    """Says whether it is the wanted day of its month (1 to 31), or the last one of a month without it."""
    return day.day == min(wanted, calendar.monthrange(day.year, day.month)[1])


def _wall_clock(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def _change_between(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """Finds the first moment with the new offset; at `low` it is the old one, at `high` the new."""
    old = low.astimezone(zone).utcoffset()
    while high - low > _EXACT:
        middle = low + timedelta(seconds=(high - low) // _EXACT // 2)
        if middle.astimezone(zone).utcoffset() == old:
            low = middle
        else:
            high = middle
    return high
