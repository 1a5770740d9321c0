"""Operations as rows of a table that people open in a spreadsheet, and the periods they ask for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta, tzinfo

from splynx_stripe.domain.operation import Operation, OperationQuery
from splynx_stripe.domain.timeline import sentence_of

COLUMNS = (
    "time",
    "what",
    "event",
    "outcome",
    "payment_type",
    "means",
    "customer",
    "partner",
    "document",
    "amount",
    "currency",
    "actor",
    "payment_intent",
    "charge",
    "stripe_event",
    "stripe_account",
    "splynx_payment",
    "collection",
)
"""The first line of an export. Programs read it: columns are only ever added, at the end."""

_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n")


def cells_of(operation: Operation, zone: tzinfo) -> tuple[str, ...]:
    """Gives the cells of an operation, in the order of `COLUMNS`; the time with its offset."""
    entry, debt = operation.entry, operation.collection
    amount, _, currency = operation.amount_text.partition(" ")
    values = (
        entry.at.astimezone(zone).isoformat(timespec="seconds"),
        operation.summary or sentence_of(entry),
        entry.event,
        operation.outcome.value,
        operation.payment_type,
        operation.means.value if operation.means else "",
        str(operation.customer_id or ""),
        str(debt.payable.partner_id) if debt else entry.facts.get("partner", ""),
        operation.document_number,
        amount,
        currency,
        entry.actor,
        operation.intent_id,
        operation.charge_id,
        operation.stripe_event_id,
        operation.account.key if operation.account else "",
        str(operation.splynx_payment_id or ""),
        entry.collection_id,
    )
    return tuple(harmless(value) for value in values)


def harmless(text: str) -> str:
    """Keeps a spreadsheet from taking a text for a formula: such a one gets an apostrophe first."""
    return f"'{text}" if text.startswith(_FORMULA_SIGNS) else text


def first_of_month(now: datetime, zone: tzinfo) -> date:
    """Gives the first day of the present month, as a clock in `zone` sees it."""
    return now.astimezone(zone).date().replace(day=1)


def beginning_of(day: date, zone: tzinfo) -> datetime:
    """Gives the moment at which a day begins in `zone`."""
    return datetime.combine(day, time.min, tzinfo=zone)


def period(
    query: OperationQuery, *, first: date | None, last: date | None, zone: tzinfo
) -> OperationQuery:
    """Narrows a query to whole days, the last one included; None leaves that end open."""
    return replace(
        query,
        since=beginning_of(first, zone) if first else None,
        until=beginning_of(last + timedelta(days=1), zone) if last else None,
    )
