"""The words of auto charge: what is charged, when, and what became of it."""

from __future__ import annotations

from datetime import date, datetime, tzinfo

from babel.dates import format_date, format_datetime

from splynx_stripe.domain.charge_rule import ChargeRule, MissedPolicy, RuleTiming
from splynx_stripe.domain.charge_rule_day import RuleDayState
from splynx_stripe.domain.charge_selection import ChargeKind, Selection, TotalCondition
from splynx_stripe.web.i18n import Language, later

KINDS = {
    ChargeKind.INVOICES: later("Invoices"),
    ChargeKind.BALANCES: later("Balances"),
    ChargeKind.PREPAID: later("Prepaid"),
}
TIMINGS = {
    RuleTiming.ISSUE_DAY: later("On the day of issue"),
    RuleTiming.DAY_AFTER_ISSUE: later("On the day after issue"),
    RuleTiming.DAYS_AFTER_ISSUE: later("Some days after issue"),
    RuleTiming.DAYS_BEFORE_DUE: later("Some days before the due date"),
    RuleTiming.DUE_DATE: later("On the due date"),
    RuleTiming.DAY_OF_MONTH: later("On a day of the month"),
}
_TIMINGS_WITH_NUMBER = {
    RuleTiming.DAYS_AFTER_ISSUE: later("Days after issue: %(number)s"),
    RuleTiming.DAYS_BEFORE_DUE: later("Days before the due date: %(number)s"),
    RuleTiming.DAY_OF_MONTH: later("Day of the month: %(number)s"),
}
MISSED = {
    MissedPolicy.LATE: later("Make up for it, within some hours"),
    MissedPolicy.SKIP: later("Leave it out, and say so"),
}
STATES = {
    RuleDayState.PLANNING: (later("Being planned"), ""),
    RuleDayState.CONFIRMED: (later("Charged"), "state-good"),
    RuleDayState.PLANNED_ONLY: (later("Dry run"), "state-plain"),
    RuleDayState.STOPPED: (later("Needs a person"), "state-bad"),
    RuleDayState.MISSED: (later("Missed"), "state-care"),
}
CUSTOMER_STATUSES = {
    "active": later("Active"),
    "blocked": later("Blocked"),
    "disabled": later("Inactive"),
    "new": later("New"),
}
CONDITIONS = {
    "": later("Any total"),
    TotalCondition.MORE.value: later("More than"),
    TotalCondition.LESS.value: later("Less than"),
    TotalCondition.EQUAL.value: later("Exactly"),
}
_MISSED_NOTE = later("No daemon ran, or charging was stopped. Nothing was charged for this day.")


def when_words(rule: ChargeRule, language: Language) -> str:
    """Says on which days a rule acts, and at which time."""
    calendar = rule.calendar
    text = _TIMINGS_WITH_NUMBER.get(calendar.timing)
    days = language.say(text, number=str(calendar.days)) if text else ""
    return f"{days or language.say(TIMINGS[calendar.timing])}, {calendar.at:%H:%M}"


def filter_words(selection: Selection, language: Language) -> list[str]:
    """Says what a rule leaves out, one sentence for each filter."""
    statuses = [
        language.say(CUSTOMER_STATUSES.get(one, one)) for one in selection.customer_statuses
    ]
    found = [
        _listed(later("Partners: %(which)s"), selection.partner_ids, language),
        _listed(later("Locations: %(which)s"), selection.location_ids, language),
        _listed(later("Customer payment types: %(which)s"), selection.payment_method_ids, language),
        _listed(later("Customers: %(which)s"), selection.customer_ids, language),
        _listed(later("Customer status: %(which)s"), statuses, language),
    ]
    if selection.total_condition is not None:
        text = f"{selection.total_condition} {selection.total:f}"
        found.append(language.say(later("Total: %(which)s"), which=text))
    if selection.uses_balance:
        found.append(language.say(later("Uses the available balance")))
    return [text for text in found if text]


def _listed(text: str, values: tuple[int, ...] | list[str], language: Language) -> str:
    return language.say(text, which=", ".join(str(each) for each in values)) if values else ""


def missed_note(state: RuleDayState, note: str) -> str:
    """Gives what is said beside the state of a day, in English."""
    return _MISSED_NOTE if state is RuleDayState.MISSED else note


def day_words(day: date, language: Language) -> str:
    """Writes a day with its weekday, so that people see week-ends."""
    text: str = format_date(day, "EEE d MMM yyyy", locale=language.locale)
    return text


def minute(at: datetime, zone: tzinfo, language: Language) -> str:
    """Writes a moment on the clocks of a rule, to the minute."""
    text: str = format_datetime(at.astimezone(zone), "EEE d MMM yyyy HH:mm", locale=language.locale)
    return text
