"""The filter of the logs page: from the address to a query, and back into form and links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import TypeVar
from urllib.parse import urlencode

from splynx_stripe.domain.operation import (
    WITHOUT_DEBT,
    OperationOutcome,
    OperationQuery,
    PaymentMeans,
)
from splynx_stripe.domain.operation_table import first_of_month, period
from splynx_stripe.domain.payable import PayableKind
from splynx_stripe.web.i18n import later

_LONGEST_TEXT = 128
_YEARS = range(2000, 2100)
_PAYMENT_TYPES = frozenset({*(kind.value for kind in PayableKind), WITHOUT_DEBT})

WRONG_DATE = later("Please enter a date such as 2026-11-24.")
WRONG_ORDER = later("The first day is after the last one.")

T = TypeVar("T", OperationOutcome, PaymentMeans)


@dataclass(frozen=True, slots=True)
class LogsFilter:
    """What somebody asks for. `first` and `last` are days; a wrong one is kept as it was typed.

    `wrong` names the fields that were not understood, with the sentence to show there.
    """

    query: OperationQuery
    first: str
    last: str
    wrong: Mapping[str, str]

    def address(self, path: str, **more: str) -> str:
        """Gives the address of a page with the same filter."""
        query = self.query
        fields = {
            "from": self.first,
            "to": self.last,
            "type": query.payment_type,
            "means": query.means or "",
            "status": query.outcome or "",
            "q": query.text,
            **more,
        }
        # An empty first day means "from the beginning"; only where it is left out is it this month.
        return f"{path}?{urlencode({k: v for k, v in fields.items() if v or k == 'from'})}"


def read_filter(
    fields: Mapping[str, str], *, partner_id: int, now: datetime, zone: tzinfo
) -> LogsFilter:
    """Reads the fields of the form. What is not understood filters nothing and is said."""
    this_month = first_of_month(now, zone).isoformat()
    first_text = fields.get("from", this_month).strip()
    last_text = fields.get("to", "").strip()
    first, last = read_day(first_text), read_day(last_text)
    wrong = {
        name: WRONG_DATE
        for name, text, day in (("from", first_text, first), ("to", last_text, last))
        if text and day is None
    }
    if first and last and first > last:
        wrong["to"] = WRONG_ORDER
    payment_type = fields.get("type", "")
    query = OperationQuery(
        payment_type=payment_type if payment_type in _PAYMENT_TYPES else "",
        means=_choice(PaymentMeans, fields.get("means", "")),
        outcome=_choice(OperationOutcome, fields.get("status", "")),
        text=_searchable(fields.get("q", "")),
        partner_id=partner_id,
    )
    return LogsFilter(
        query=period(query, first=first, last=last, zone=zone),
        first=first_text,
        last=last_text,
        wrong=wrong,
    )


def read_day(text: str) -> date | None:
    """Reads a day such as 2026-11-24; None for anything else."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year in _YEARS else None


def _choice(choices: type[T], text: str) -> T | None:
    return choices(text) if text in list(choices) else None


def _searchable(text: str) -> str:
    """No id of anybody's holds an unprintable character, and PostgreSQL takes no U+0000."""
    kept = "".join(sign for sign in text if sign.isprintable())
    return kept.strip()[:_LONGEST_TEXT]
