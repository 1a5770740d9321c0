"""What the rules of auto charge would do in the next days, by what is known today.

An open invoice is counted once: at the first moment at which a rule takes it, because overlapping
rules collect it once. A rule that only plans takes nothing away from the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from splynx_stripe.domain.charge_rule import ChargeRule
from splynx_stripe.domain.charge_selection import Selection
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.splynx import Document

FORECAST_DAYS = 30


class ForecastBasis(StrEnum):
    """What an expectation is made of: open invoices as they are today, the last run, or nothing."""

    TODAY = "today"
    LAST_RUN = "last_run"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Expectation:
    """One rule on one coming day. `sums` has one sum for each currency.

    What is issued or paid until then is not known today, and neither is whose card will be good.
    """

    rule: ChargeRule
    day: date
    moment: datetime
    basis: ForecastBasis = ForecastBasis.NOTHING
    count: int = 0
    sums: tuple[Money, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenInvoice:
    """An open invoice with what is due, in the currency of its customer's partner."""

    document: Document
    due: Money


def selection_of_days(rule: ChargeRule, days: Iterable[date]) -> Selection | None:
    """Gives what a rule of invoices takes on any of the days; None where there is no day."""
    found = [rule.selection_on(day) for day in days]
    if not found:
        return None
    return replace(
        found[0],
        first_day=min(one.first_day for one in found if one.first_day),
        last_day=max(one.last_day for one in found if one.last_day),
    )


def expected(
    coming: Iterable[Expectation], invoices: Mapping[str, Sequence[OpenInvoice]]
) -> Sequence[Expectation]:
    """Counts the open invoices at the moments at which they are taken; gives all in order of time.

    Args:
        coming: The rule days to come. Those whose rule is not in `invoices` stay as they are.
        invoices: The open invoices that a rule takes on any of its days, by the rule's id.
    """
    taken: set[tuple[str, int]] = set()
    found: list[Expectation] = []
    for one in sorted(coming, key=lambda it: (it.moment, it.rule.id)):
        if one.rule.id not in invoices:
            found.append(one)
            continue
        # Rules that charge share what they have taken; one that only plans has its own.
        taker = one.rule.id if one.rule.is_dry_run else ""
        selection = one.rule.selection_on(one.day)
        its_own = [
            invoice
            for invoice in invoices[one.rule.id]
            if selection.takes_document(invoice.document)
            and not taken & {(taker, invoice.document.id), ("", invoice.document.id)}
        ]
        taken |= {(taker, invoice.document.id) for invoice in its_own}
        sums = sums_of(invoice.due for invoice in its_own)
        found.append(replace(one, basis=ForecastBasis.TODAY, count=len(its_own), sums=sums))
    return found


def sums_of(amounts: Iterable[Money]) -> tuple[Money, ...]:
    """Adds amounts up, one sum for each currency, in the order of the alphabet."""
    sums: dict[str, Money] = {}
    for amount in amounts:
        known = sums.get(amount.currency, Money(0, amount.currency))
        sums[amount.currency] = known + amount
    return tuple(sums[currency] for currency in sorted(sums))
