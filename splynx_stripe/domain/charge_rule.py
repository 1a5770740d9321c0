"""Rules of auto charge: which debts are charged without anybody pressing a button, and when.

Theory. A rule is a selection without days and a place in the calendar. For invoices the calendar hangs
on the day of issue or on the due date: on each day of the calendar the rule takes the invoices for
which it is the right day. Balances and prepaid amounts have no days of their own, so a rule takes
them on one day of the month.

A rule and a day make one *rule day*. It acts once: its row is written in the commit that plans the
run, and where the moment has passed without the daemon, in the commit that says so. A rule acts
from a moment on (`RuleWatch`): whoever changes its calendar does not make moments come back that
have passed already, and whoever restarts the daemon does not lose any.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from splynx_stripe.domain.charge_calendar import day_at, is_day_of_month, moment_of
from splynx_stripe.domain.charge_selection import ChargeKind, PeriodOf, Selection

MOST_DAYS = 90
"""How far a rule's day may be from the invoice's."""

LONGEST_MONTH = 31

MOST_DAYS_BACK = 31
"""How many earlier days of its calendar a rule may take along."""

LATEST_HOURS = 72
"""How late a missed rule day may be made up for: later it would surprise customers."""

USUAL_LATE_HOURS = 24

PROMPT = timedelta(minutes=10)
"""A restart or a busy minute does not make a rule day missed."""

LOOKED_BACK = timedelta(days=40)
"""How far back missed rule days are told: more than a month, so that none of a monthly rule is left out."""

LONGEST_NAME = 100
_PRINTABLE = re.compile(r"\S(?:.*\S)?")


class RuleError(ValueError):
    """A rule that cannot be meant; the sentence says what to change. Nothing was charged or saved."""


class RuleTiming(StrEnum):
    """On which day a rule takes a debt. The first five are those of Splynx's auto charge."""

    ISSUE_DAY = "issue_day"
    DAY_AFTER_ISSUE = "day_after_issue"
    DAYS_AFTER_ISSUE = "days_after_issue"
    DAYS_BEFORE_DUE = "days_before_due"
    DUE_DATE = "due_date"
    DAY_OF_MONTH = "day_of_month"

    @property
    def has_number(self) -> bool:
        """Says whether the rule's `days` say something."""
        return self in _NUMBERED


_NUMBERED = {RuleTiming.DAYS_AFTER_ISSUE, RuleTiming.DAYS_BEFORE_DUE, RuleTiming.DAY_OF_MONTH}


class MissedPolicy(StrEnum):
    """What becomes of a rule day whose moment passed while no daemon ran or charging was stopped."""

    LATE = "late"
    SKIP = "skip"


class Punctuality(StrEnum):
    """How a rule day stands to its moment: act now, act now although it is late, or say it is missed."""

    PROMPT = "prompt"
    LATE = "late"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class RuleCalendar:
    """When a rule acts. `days` is N, or the day of the month (31 is also the last of a shorter month).

    `days_back` are earlier days of the calendar whose invoices are taken along where they are still
    open, such as those that were issued after the hour of the rule.

    Raises:
        RuleError: the number does not fit the timing.
    """

    timing: RuleTiming
    at: time
    days: int = 0
    days_back: int = 0

    def __post_init__(self) -> None:
        problem = _problem_of_calendar(self)
        if problem:
            raise RuleError(problem)

    @property
    def text(self) -> str:
        """Gives the calendar as one word, to see whether it has changed: `days_after_issue/3/06:30`."""
        return f"{self.timing}/{self.days}/{self.at:%H:%M}"

    def includes(self, day: date) -> bool:
        """Says whether the rule acts on that day."""
        return self.timing is not RuleTiming.DAY_OF_MONTH or is_day_of_month(day, self.days)

    def invoices_of(self, day: date) -> tuple[PeriodOf, date, date] | None:
        """Says which invoices have their day: by which of their days, from and until when.

        None where the rule takes no invoices by their days.
        """
        back = timedelta(days=self.days_back)
        match self.timing:
            case RuleTiming.DAY_OF_MONTH:
                return None
            case RuleTiming.DUE_DATE | RuleTiming.DAYS_BEFORE_DUE:
                due = day + timedelta(days=self.days)
                return PeriodOf.DUE, due - back, due
            case RuleTiming.DAY_AFTER_ISSUE:
                issued = day - timedelta(days=1)
            case _:
                issued = day - timedelta(days=self.days)
        return PeriodOf.ISSUE, issued - back, issued


@dataclass(frozen=True, slots=True)
class ChargeRule:
    """One rule. `selection` has no days: the calendar gives them.

    `place` is where a file sets it, such as `config.yaml:12`, and "" for rules of the page, which
    alone can be changed there. `version` counts changes of a page's rule. `changed_by` is an actor.

    Raises:
        RuleError: selection, calendar and name do not fit together.
    """

    id: str
    name: str
    selection: Selection
    calendar: RuleCalendar
    is_enabled: bool = True
    is_dry_run: bool = False
    missed: MissedPolicy = MissedPolicy.LATE
    late_hours: int = USUAL_LATE_HOURS
    place: str = ""
    version: int = 0
    changed_at: datetime | None = None
    changed_by: str = ""

    def __post_init__(self) -> None:
        problem = _problem_of_rule(self)
        if problem:
            raise RuleError(problem)

    @property
    def is_locked(self) -> bool:
        """Says whether a file sets it, so that the page cannot change it."""
        return bool(self.place)

    @property
    def actor(self) -> str:
        """Gives the name under which it acts, for the audit log."""
        return f"rule:{self.id}"

    def may_be_seen_by(self, partner_id: int) -> bool:
        """Says whether it concerns only the one partner that an administrator may see; 0 sees all."""
        return partner_id == 0 or self.selection.partner_ids == (partner_id,)

    def selection_on(self, day: date) -> Selection:
        """Gives what it charges on a day of its calendar."""
        invoices = self.calendar.invoices_of(day)
        if invoices is None:
            return self.selection
        period_of, first, last = invoices
        return replace(self.selection, period_of=period_of, first_day=first, last_day=last)

    def days_between(
        self, first: datetime, last: datetime, zone: ZoneInfo
    ) -> Iterator[tuple[date, datetime]]:
        """Gives the days of its calendar whose moments are in a period, both ends included.

        Args:
            first: The first moment, aware.
            last: The last moment, aware.
            zone: By whose clocks the rule acts.
        """
        # A day's moment may be on the next day where the clock leaves out its hour, or the whole day.
        day, end = day_at(first, zone) - timedelta(days=2), day_at(last, zone)
        while day <= end:
            if self.calendar.includes(day):
                moment = moment_of(day, self.calendar.at, zone)
                if first <= moment <= last:
                    yield day, moment
            day += timedelta(days=1)

    def punctuality(self, moment: datetime, now: datetime) -> Punctuality:
        """Judges a rule day whose moment has come."""
        late = now - moment
        if late <= PROMPT:
            return Punctuality.PROMPT
        may_be_late = self.missed is MissedPolicy.LATE and late <= timedelta(hours=self.late_hours)
        return Punctuality.LATE if may_be_late else Punctuality.MISSED


@dataclass(frozen=True, slots=True)
class RuleWatch:
    """From which moment on a rule acts by its present calendar. `calendar` has the zone in it."""

    rule_id: str
    calendar: str
    acts_from: datetime


def watched_calendar(rule: ChargeRule, zone: ZoneInfo) -> str:
    """Gives what a watch remembers of a calendar: where it differs, past moments are not made up for."""
    return f"{rule.calendar.text}/{zone.key}"


def _problem_of_calendar(calendar: RuleCalendar) -> str:
    """Says what is wrong, "" when all is well."""
    days, timing = calendar.days, calendar.timing
    if calendar.at.second or calendar.at.microsecond:
        return "A rule acts at a minute. Write the time as hours and minutes, such as 06:30."
    if not 0 <= calendar.days_back <= MOST_DAYS_BACK:
        return f"A rule takes along 0 to {MOST_DAYS_BACK} earlier days."
    if timing is RuleTiming.DAY_OF_MONTH:
        if calendar.days_back:
            return "A rule for a day of the month has no earlier days to take along."
        return "" if 1 <= days <= LONGEST_MONTH else "The day of the month is one from 1 to 31."
    if not timing.has_number:
        return "" if days == 0 else "This day needs no number of days. Leave it out."
    return "" if 1 <= days <= MOST_DAYS else f"The number of days is one from 1 to {MOST_DAYS}."


def _problem_of_rule(rule: ChargeRule) -> str:
    if not _PRINTABLE.fullmatch(rule.name) or not rule.name.isprintable():
        return "A rule needs a name, without blanks at its ends."
    if len(rule.name) > LONGEST_NAME:
        return f"The name is longer than {LONGEST_NAME} characters."
    if not 1 <= rule.late_hours <= LATEST_HOURS:
        return f"A missed day can be made up for within 1 to {LATEST_HOURS} hours."
    return _problem_of_selection(rule.selection, rule.calendar.timing)


def _problem_of_selection(selection: Selection, timing: RuleTiming) -> str:
    if selection.first_day or selection.last_day or selection.document_numbers:
        return "A rule takes its days from the calendar; it names no period and no numbers."
    is_by_month = timing is RuleTiming.DAY_OF_MONTH
    if selection.kind is ChargeKind.INVOICES and is_by_month:
        return "Invoices are charged by their day of issue or due date, not on a day of the month."
    if selection.kind is not ChargeKind.INVOICES and not is_by_month:
        return "Balances and prepaid amounts are charged on a day of the month."
    return ""
