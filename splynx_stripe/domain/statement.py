"""Grouping of payments into Splynx's payment statements."""

from __future__ import annotations

from datetime import date
from enum import StrEnum


class StatementGrouping(StrEnum):
    """The setting "Payment statement grouping"."""

    MONTH = "month"
    DAY = "day"


def statement_title(name: str, grouping: StatementGrouping, on: date) -> str:
    """Gives the title of the statement that a payment of day `on` belongs to.

    The form is the one that Splynx's own add-ons use, so that statements of the old add-on are
    continued: `Stripe 11/2026` or `Stripe 24/11/2026` (`reference/splynx-api.md` 3.11).
    """
    return f"{name} {on:{_DATE_FORMS[grouping]}}"


_DATE_FORMS = {StatementGrouping.MONTH: "%m/%Y", StatementGrouping.DAY: "%d/%m/%Y"}
