"""The form of one rule of auto charge: what it shows of a rule, and the rule that it makes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import time
from decimal import Decimal
from typing import TypeVar

from splynx_stripe.domain.charge_rule import (
    LATEST_HOURS,
    LONGEST_MONTH,
    LONGEST_NAME,
    MOST_DAYS,
    MOST_DAYS_BACK,
    USUAL_LATE_HOURS,
    ChargeRule,
    MissedPolicy,
    RuleCalendar,
    RuleError,
    RuleTiming,
)
from splynx_stripe.domain.charge_selection import (
    LISTED_AT_MOST,
    ChargeKind,
    Selection,
    SelectionError,
    TotalCondition,
)
from splynx_stripe.web.admin.rules_words import CUSTOMER_STATUSES
from splynx_stripe.web.i18n import Language, later

Word = TypeVar("Word", ChargeKind, RuleTiming, MissedPolicy)

_LONGEST_TEXT = 20_000
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_NUMBER = re.compile(r"[0-9]{1,9}")
_AMOUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,4})?")
_IDS = re.compile(r"[1-9][0-9]{0,8}([ ,;]+[1-9][0-9]{0,8})*")

_NO_NAME = later("Please enter a name of at most %(most)s characters.")
_NO_TIME = later("Please enter a time, such as 06:30.")
_NO_NUMBER = later("Please enter a number from %(least)s to %(most)s.")
_NO_IDS = later("Please enter ids, with commas between them, such as 1, 2.")
_NO_AMOUNT = later("Please enter an amount, such as 10 or 49.90.")
_BY_MONTH = later("Balances and prepaid amounts are charged on a day of the month.")
_BY_INVOICE = later("Invoices are charged by their day of issue or due date.")
_CANNOT_BE = later("This rule cannot be: %(why)s")


@dataclass(frozen=True, slots=True)
class RuleForm:
    """The form as it is shown or was sent: texts, and "yes" for boxes that are ticked."""

    id: str = ""
    version: str = "0"
    name: str = ""
    kind: str = ChargeKind.INVOICES.value
    when: str = RuleTiming.ISSUE_DAY.value
    number: str = ""
    at: str = "06:00"
    days_back: str = "0"
    enabled: str = "yes"
    dry_run: str = "yes"
    missed: str = MissedPolicy.LATE.value
    late_hours: str = str(USUAL_LATE_HOURS)
    partners: str = ""
    locations: str = ""
    payment_methods: str = ""
    customers: str = ""
    statuses: tuple[str, ...] = ()
    condition: str = ""
    total: str = ""
    uses_balance: str = ""


_PLAIN = tuple(name for name in RuleForm.__dataclass_fields__ if name != "statuses")


def form_of_rule(rule: ChargeRule) -> RuleForm:
    """Gives the form of a rule as it is."""
    selection, calendar = rule.selection, rule.calendar
    return RuleForm(
        id=rule.id,
        version=str(rule.version),
        name=rule.name,
        kind=selection.kind.value,
        when=calendar.timing.value,
        number=str(calendar.days) if calendar.timing.has_number else "",
        at=f"{calendar.at:%H:%M}",
        days_back=str(calendar.days_back),
        enabled=_ticked(rule.is_enabled),
        dry_run=_ticked(rule.is_dry_run),
        missed=rule.missed.value,
        late_hours=str(rule.late_hours),
        partners=_joined(selection.partner_ids),
        locations=_joined(selection.location_ids),
        payment_methods=_joined(selection.payment_method_ids),
        customers=_joined(selection.customer_ids),
        statuses=selection.customer_statuses,
        condition=selection.total_condition.value if selection.total_condition else "",
        total=f"{selection.total:f}" if selection.total is not None else "",
        uses_balance=_ticked(selection.uses_balance),
    )


def form_of_fields(fields: Mapping[str, str]) -> RuleForm:
    """Reads what was sent; a box that is not there is not ticked."""
    sent = {name: fields.get(name, "").strip()[:_LONGEST_TEXT] for name in _PLAIN}
    statuses = tuple(one for one in CUSTOMER_STATUSES if fields.get(f"status_{one}") == "yes")
    return RuleForm(**sent, statuses=statuses)


def rule_of_form(
    form: RuleForm, language: Language, *, only_partner: int
) -> tuple[ChargeRule | None, Mapping[str, str]]:
    """Makes the rule. Without one, the sentences say which fields are wrong ("" is the whole form).

    `only_partner` is the one that the administrator may see, 0 for all: its rules are for that one.
    """
    reading = _Reading(language)
    try:
        rule = reading.rule(form, only_partner)
    except (RuleError, SelectionError) as error:  # what the fields cannot know each for itself
        return None, reading.wrong or {"": language.say(_CANNOT_BE, why=str(error))}
    return (None, reading.wrong) if reading.wrong else (rule, {})


class _Reading:
    """Reads the fields one by one and remembers which are wrong; those get a harmless value."""

    def __init__(self, language: Language) -> None:
        self._say = language.say
        self.wrong: dict[str, str] = {}

    def rule(self, form: RuleForm, only_partner: int) -> ChargeRule:
        timing = _word(RuleTiming, form.when)
        selection = self._selection(form, only_partner)
        self._check_pair(selection.kind, timing)
        if not 0 < len(form.name) <= LONGEST_NAME or not form.name.isprintable():
            self.wrong["name"] = self._say(_NO_NAME, most=str(LONGEST_NAME))
        missed = _word(MissedPolicy, form.missed)
        is_late = missed is MissedPolicy.LATE
        return ChargeRule(
            id=form.id,
            name=form.name,
            selection=selection,
            calendar=self._calendar(form, timing),
            is_enabled=form.enabled == "yes",
            is_dry_run=form.dry_run == "yes",
            missed=missed,
            late_hours=self._number("late_hours", form.late_hours, 1, LATEST_HOURS)
            if is_late
            else USUAL_LATE_HOURS,
            version=int(form.version) if _NUMBER.fullmatch(form.version) else 0,
        )

    def _check_pair(self, kind: ChargeKind, timing: RuleTiming) -> None:
        is_by_month = timing is RuleTiming.DAY_OF_MONTH
        if (kind is ChargeKind.INVOICES) is is_by_month:
            self.wrong["when"] = self._say(_BY_INVOICE if is_by_month else _BY_MONTH)

    def _calendar(self, form: RuleForm, timing: RuleTiming) -> RuleCalendar:
        at = time(0)
        if _TIME.fullmatch(form.at):
            at = time.fromisoformat(form.at)
        else:
            self.wrong["at"] = self._say(_NO_TIME)
        is_by_month = timing is RuleTiming.DAY_OF_MONTH
        most = LONGEST_MONTH if is_by_month else MOST_DAYS
        number = self._number("number", form.number, 1, most) if timing.has_number else 0
        back = 0 if is_by_month else self._number("days_back", form.days_back, 0, MOST_DAYS_BACK)
        return RuleCalendar(timing, at, number, back)

    def _selection(self, form: RuleForm, only_partner: int) -> Selection:
        kind = _word(ChargeKind, form.kind)
        condition = form.condition if form.condition in list(TotalCondition) else ""
        total = None
        if condition and _AMOUNT.fullmatch(form.total):
            total = Decimal(form.total)
        elif condition:
            self.wrong["total"] = self._say(_NO_AMOUNT)
        return Selection(
            kind=kind,
            partner_ids=(only_partner,) if only_partner else self._ids("partners", form.partners),
            location_ids=self._ids("locations", form.locations),
            payment_method_ids=self._ids("payment_methods", form.payment_methods),
            customer_statuses=form.statuses,
            customer_ids=self._ids("customers", form.customers),
            total_condition=TotalCondition(condition) if total is not None else None,
            total=total,
            uses_balance=kind is ChargeKind.PREPAID and form.uses_balance == "yes",
        )

    def _number(self, name: str, text: str, least: int, most: int) -> int:
        number = int(text) if _NUMBER.fullmatch(text) else -1
        if least <= number <= most:
            return number
        self.wrong[name] = self._say(_NO_NUMBER, least=str(least), most=str(most))
        return least

    def _ids(self, name: str, text: str) -> tuple[int, ...]:
        if not text:
            return ()
        ids = tuple(int(each) for each in re.split(r"[ ,;]+", text)) if _IDS.fullmatch(text) else ()
        if not ids or len(ids) > LISTED_AT_MOST:
            self.wrong[name] = self._say(_NO_IDS)
        return ids[:LISTED_AT_MOST]


def fixed_to(form: RuleForm, only_partner: int) -> RuleForm:
    """Shows an administrator of one partner that one."""
    return replace(form, partners=str(only_partner)) if only_partner else form


def _word(words: type[Word], text: str) -> Word:
    """Reads a choice; what is none of the words, which only a program sends, is the first one."""
    return words(text) if text in list(words) else next(iter(words))


def _ticked(is_so: bool) -> str:  # noqa: FBT001 - it is the only value
    return "yes" if is_so else ""


def _joined(ids: tuple[int, ...]) -> str:
    return ", ".join(str(each) for each in ids)
