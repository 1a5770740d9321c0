"""The form that plans a charge run: what it shows of a selection, and the selection that it makes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import TypeVar

from splynx_stripe.domain.charge_selection import (
    CHARGEABLE_STATUSES,
    LISTED_AT_MOST,
    ChargeKind,
    PeriodOf,
    Selection,
    TotalCondition,
)
from splynx_stripe.domain.splynx import DocumentStatus
from splynx_stripe.web.admin.logs_filter import WRONG_DATE, WRONG_ORDER, read_day
from splynx_stripe.web.admin.rules_words import CUSTOMER_STATUSES
from splynx_stripe.web.i18n import Language, later

Word = TypeVar("Word", ChargeKind, PeriodOf)

_AMOUNT = re.compile(r"[0-9]{1,9}([.,][0-9]{1,4})?")
_ID = re.compile(r"[1-9][0-9]{0,8}")
_CONDITIONS = frozenset(one.value for one in TotalCondition)
_BETWEEN = re.compile(r"[\s,;]+")
_LONGEST_NUMBER = 64
_LONGEST_LIST = LISTED_AT_MOST * (_LONGEST_NUMBER + 1)
_LONGEST_TEXT = 32

_NO_IDS = later("Please enter ids, with commas between them, such as 17, 18.")
_NO_AMOUNT = later("Please enter an amount, such as 10 or 49.90.")
_NO_CONDITION = later("Please choose how the total is compared: more than, less than or exactly.")
_NO_NUMBERS = later("Please enter numbers of invoices, with commas between them.")
_TOO_MANY = later("At most %(most)s can be listed. Use the other filters.")


@dataclass(frozen=True, slots=True)
class ChargeForm:
    """The form as it is shown or was sent. Boxes are sets of what is ticked, as texts."""

    kind: ChargeKind = ChargeKind.INVOICES
    first: str = ""
    last: str = ""
    period_of: PeriodOf = PeriodOf.ISSUE
    with_pending: bool = False
    condition: str = ""
    total: str = ""
    partners: frozenset[str] = field(default_factory=frozenset)
    locations: frozenset[str] = field(default_factory=frozenset)
    payment_methods: frozenset[str] = field(default_factory=frozenset)
    statuses: frozenset[str] = field(default_factory=frozenset)
    customers: str = ""
    numbers: str = ""
    uses_balance: bool = False


def empty_form(kind: ChargeKind, today: date) -> ChargeForm:
    """Gives the form as it is opened: invoices of this month, or everybody's balance."""
    if kind is not ChargeKind.INVOICES:
        return ChargeForm(kind)
    return ChargeForm(kind, first=today.replace(day=1).isoformat(), last=today.isoformat())


def form_of_selection(selection: Selection) -> ChargeForm:
    """Gives the form that makes this selection."""
    return ChargeForm(
        kind=selection.kind,
        first=selection.first_day.isoformat() if selection.first_day else "",
        last=selection.last_day.isoformat() if selection.last_day else "",
        period_of=selection.period_of,
        with_pending=DocumentStatus.PENDING in selection.statuses,
        condition=selection.total_condition or "",
        total=f"{selection.total:f}" if selection.total is not None else "",
        partners=_texts(selection.partner_ids),
        locations=_texts(selection.location_ids),
        payment_methods=_texts(selection.payment_method_ids),
        statuses=frozenset(selection.customer_statuses),
        customers=", ".join(str(each) for each in selection.customer_ids),
        numbers=", ".join(selection.document_numbers),
        uses_balance=selection.uses_balance,
    )


def form_of_fields(fields: Mapping[str, str]) -> ChargeForm:
    """Reads what was sent; a box that is not there is not ticked.

    Boxes are called `partner.2`; where Splynx has told no names, ids stand in one field `partner`.
    """
    return ChargeForm(
        kind=read_kind(fields.get("kind", "")),
        first=fields.get("first", "").strip()[:_LONGEST_TEXT],
        last=fields.get("last", "").strip()[:_LONGEST_TEXT],
        period_of=_word(PeriodOf, fields.get("period_of", "")),
        with_pending=fields.get("with_pending") == "yes",
        condition=fields.get("condition", "") if fields.get("condition") in _CONDITIONS else "",
        total=fields.get("total", "").strip()[:_LONGEST_TEXT],
        partners=_ticked("partner", fields),
        locations=_ticked("location", fields),
        payment_methods=_ticked("method", fields),
        statuses=_ticked("status", fields) & CUSTOMER_STATUSES.keys(),
        customers=fields.get("customers", "").strip()[:_LONGEST_LIST],
        numbers=fields.get("numbers", "").strip()[:_LONGEST_LIST],
        uses_balance=fields.get("uses_balance") == "yes",
    )


def read_kind(text: str) -> ChargeKind:
    """Reads the name of a tab; anything else is the first one."""
    return _word(ChargeKind, text)


def selection_of_form(
    form: ChargeForm, language: Language, *, only_partner: int
) -> tuple[Selection | None, Mapping[str, str]]:
    """Makes the selection. Without one, the sentences say which fields are wrong.

    What belongs to another tab does not count. `only_partner` is the one that the administrator may
    see, 0 for all: whatever was sent, the selection is for that one.
    """
    reading = _Reading(language)
    selection = reading.selection(form, only_partner)
    return (None, reading.wrong) if reading.wrong else (selection, {})


class _Reading:
    """Reads the fields one by one and remembers which are wrong; those filter nothing."""

    def __init__(self, language: Language) -> None:
        self._say = language.say
        self.wrong: dict[str, str] = {}

    def selection(self, form: ChargeForm, only_partner: int) -> Selection:
        condition, total = self._total(form)
        shared = Selection(
            kind=form.kind,
            partner_ids=(only_partner,) if only_partner else self._ids("partner", form.partners),
            location_ids=self._ids("location", form.locations),
            payment_method_ids=self._ids("method", form.payment_methods),
            customer_statuses=tuple(form.statuses),
            total_condition=condition,
            total=total,
            customer_ids=self._ids("customers", frozenset(_listed(form.customers))),
            uses_balance=form.uses_balance and form.kind is ChargeKind.PREPAID,
        )
        return self._of_invoices(form, shared) if form.kind is ChargeKind.INVOICES else shared

    def _of_invoices(self, form: ChargeForm, shared: Selection) -> Selection:
        first, last = self._day("first", form.first), self._day("last", form.last)
        if first and last and last < first:
            self.wrong["last"] = self._say(WRONG_ORDER)
            last = None
        return replace(
            shared,
            first_day=first,
            last_day=last,
            period_of=form.period_of,
            statuses=CHARGEABLE_STATUSES if form.with_pending else (DocumentStatus.NOT_PAID,),
            document_numbers=self._numbers(form.numbers),
        )

    def _day(self, name: str, text: str) -> date | None:
        day = read_day(text)
        if text and day is None:
            self.wrong[name] = self._say(WRONG_DATE)
        return day

    def _total(self, form: ChargeForm) -> tuple[TotalCondition | None, Decimal | None]:
        if not form.condition and not form.total:
            return None, None
        if not form.condition or not _AMOUNT.fullmatch(form.total):
            self.wrong["total"] = self._say(_NO_AMOUNT if form.condition else _NO_CONDITION)
            return None, None
        return TotalCondition(form.condition), Decimal(form.total.replace(",", "."))

    def _ids(self, name: str, texts: frozenset[str]) -> tuple[int, ...]:
        if len(texts) > LISTED_AT_MOST:
            self.wrong[name] = self._say(_TOO_MANY, most=str(LISTED_AT_MOST))
            return ()
        if not all(_ID.fullmatch(text) for text in texts):
            self.wrong[name] = self._say(_NO_IDS)
            return ()
        return tuple(int(text) for text in texts)

    def _numbers(self, text: str) -> tuple[str, ...]:
        numbers = _listed(text)
        if len(numbers) > LISTED_AT_MOST:
            self.wrong["numbers"] = self._say(_TOO_MANY, most=str(LISTED_AT_MOST))
            return ()
        if any(len(one) > _LONGEST_NUMBER or not one.isprintable() for one in numbers):
            self.wrong["numbers"] = self._say(_NO_NUMBERS)
            return ()
        return tuple(numbers)


def _listed(text: str) -> list[str]:
    return [part for part in _BETWEEN.split(text) if part]


def _ticked(name: str, fields: Mapping[str, str]) -> frozenset[str]:
    """Gives what is ticked among boxes, or listed in the one field that stands in for them."""
    boxes = {key.partition(".")[2] for key in fields if key.startswith(f"{name}.")}
    return frozenset([*boxes, *_listed(fields.get(name, "")[:_LONGEST_LIST])])


def _texts(ids: tuple[int, ...]) -> frozenset[str]:
    return frozenset(str(each) for each in ids)


def _word(words: type[Word], text: str) -> Word:
    """Reads a choice; what is none of the words, which only a program sends, is the first one."""
    return words(text) if text in list(words) else next(iter(words))
