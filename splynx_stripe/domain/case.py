"""Differences that need a person or a policy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class CaseKind(StrEnum):
    """The kinds of cases. `docs/reference/cases.md` says what to do about each."""

    PAID_MEANWHILE = "paid_meanwhile"
    DOCUMENT_GONE = "document_gone"
    PAID_MORE_THAN_DUE = "paid_more_than_due"
    AMOUNT_DIFFERS = "amount_differs"
    UNKNOWN_TOO_LONG = "unknown_too_long"
    EFFECT_OVERDUE = "effect_overdue"
    BOOKED_TWICE = "booked_twice"
    BOOKED_ELSEWHERE = "booked_elsewhere"
    BOOKING_DIFFERS = "booking_differs"
    EFFECT_REFUSED = "effect_refused"
    REQUEST_CONFLICT = "request_conflict"
    LATE_RETURN = "late_return"
    DISPUTED = "disputed"
    EVENT_NOT_UNDERSTOOD = "event_not_understood"
    PAYMENT_ACCOUNT_DIFFERS = "payment_account_differs"
    ACCOUNT_DISCONNECTED = "account_disconnected"
    ACCOUNT_CHANGED = "account_changed"
    FOREIGN_CHARGE = "foreign_charge"


STOPS_MONEY = frozenset({CaseKind.AMOUNT_DIFFERS, CaseKind.REQUEST_CONFLICT})
"""While a case of these kinds is open, an assertion about money has failed: nothing new is charged
until a person has looked (I14). Booking, webhooks and reports go on."""


@dataclass(frozen=True, slots=True)
class Case:
    """One difference. There is at most one open case per (kind, subject).

    `subject` is the id of what differs (an attempt id as a rule). `summary` is a sentence for
    the office: what happened, what was done with the money, what to do. `closed_at` and `note`
    are set when it is resolved.
    """

    kind: CaseKind
    subject: str
    summary: str
    opened_at: datetime
    collection_id: str = ""
    closed_at: datetime | None = None
    note: str = ""
    id: int = 0
