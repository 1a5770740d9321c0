"""What the office's log shows: one operation, how it ended, and which of them somebody asks for.

An operation is an entry of the audit log or a case that was opened, seen together with the debt
that it belongs to. How it ended is told by the last word of its event (`attempt.declined`), so
that an event which a later version records has its place here without a new list.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType

from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.collection import Collection
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.stripe import StripeAccount

CASE_OPENED = "case.opened"
"""The event of an operation that is a case."""

WITHOUT_DEBT = "other"
"""The payment type of what belongs to no debt: settings, links, saved cards, connections."""


class OperationOutcome(StrEnum):
    """How an operation ended, as the office filters it."""

    DONE = "done"
    WAITING = "waiting"
    FAILED = "failed"
    NOTED = "noted"


_WORDS: Mapping[OperationOutcome, frozenset[str]] = MappingProxyType(
    {
        OperationOutcome.DONE: frozenset(
            {
                "succeeded",
                "booked",
                "recorded",
                "settled",
                "refunded",
                "reversed",
                "recovered",
                "sent",
                "connected",
                "saved",
            }
        ),
        OperationOutcome.WAITING: frozenset(
            {
                "open",
                "prepared",
                "unknown",
                "awaiting_customer",
                "requires_action",
                "processing",
                "pending",
                "planned",
                "try_began",
                "put_off",
                "canceling",
                "verifying",
            }
        ),
        OperationOutcome.FAILED: frozenset(
            {
                "declined",
                "refused",
                "exhausted",
                "failed",
                "given_up",
                "opened",  # a case
                "absent",
                "orphaned",
                "late",
                "returned",
                "disputed",
                "lost",
                "died",
                "not_kept",
                "detach_failed",
            }
        ),
    }
)


def outcome_words(outcome: OperationOutcome) -> frozenset[str]:
    """Gives the last words of the events with that outcome; none for NOTED, which has the rest."""
    return _WORDS.get(outcome, frozenset())


def outcome_of(event: str) -> OperationOutcome:
    """Says how the operation of an event ended."""
    last = event.rpartition(".")[2]
    found = (outcome for outcome, words in _WORDS.items() if last in words)
    return next(found, OperationOutcome.NOTED)


class PaymentMeans(StrEnum):
    """With what was paid, as the office filters it."""

    CARD = "card"
    BANK = "bank"


class OperationSource(StrEnum):
    """Where an operation is remembered. Of two of the same moment the case comes first."""

    AUDIT = "audit"
    CASE = "case"


@dataclass(frozen=True, slots=True, order=True)
class OperationPlace:
    """Where an operation stands in the order of all: by time, then by its row.

    Rows are only ever added with the present time, so what was older stays older and a page that
    goes on from a place neither repeats nor leaves out anything.
    """

    at: datetime
    source: OperationSource
    row: int

    def as_cursor(self) -> str:
        """Writes the place as an opaque word for addresses."""
        text = f"{self.at.astimezone(UTC).isoformat()} {self.source} {self.row}"
        return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def place_of_cursor(cursor: str) -> OperationPlace | None:
    """Reads what `as_cursor` wrote; None for anything else."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        at, source, row = base64.b64decode(padded, altchars=b"-_", validate=True).decode().split()
        moment = datetime.fromisoformat(at)
        place = OperationPlace(moment, OperationSource(source), int(row))
    except (ValueError, binascii.Error):
        return None
    return place if moment.tzinfo is not None and place.row >= 0 else None


@dataclass(frozen=True, slots=True)
class OperationQuery:
    """Which operations somebody asks for. `since` is included, `until` is not.

    `payment_type` is a kind of payable, `WITHOUT_DEBT`, or "" for all; `text` is a document number,
    a customer's id or an id of ours or Stripe's, whole; `partner_id` 0 means all partners.
    """

    since: datetime | None = None
    until: datetime | None = None
    payment_type: str = ""
    means: PaymentMeans | None = None
    outcome: OperationOutcome | None = None
    text: str = ""
    partner_id: int = 0


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. What concerns a debt is None, "" or 0 where there is none or it is not known."""

    place: OperationPlace
    entry: AuditEntry
    collection: Collection | None = None
    amount: Money | None = None
    account: StripeAccount | None = None
    means: PaymentKind | None = None
    intent_id: str = ""
    charge_id: str = ""
    splynx_payment_id: int = 0
    summary: str = ""

    @property
    def outcome(self) -> OperationOutcome:
        """Says how it ended."""
        return outcome_of(self.entry.event)

    @property
    def payment_type(self) -> str:
        """Gives the kind of what was paid, or `WITHOUT_DEBT`."""
        return self.collection.payable.kind.value if self.collection else WITHOUT_DEBT

    @property
    def customer_id(self) -> int:
        """Gives the customer's id in Splynx, 0 where nobody is concerned."""
        if self.collection is not None:
            return self.collection.payable.customer_id
        written = self.entry.facts.get("customer", "")
        return int(written) if written.isascii() and written.isdecimal() else 0

    @property
    def document_number(self) -> str:
        """Gives the number of the document, or ""."""
        if self.collection is not None:
            return self.collection.payable.document_number
        return self.entry.facts.get("document", "")

    @property
    def amount_text(self) -> str:
        """Gives the amount in major units with its currency, such as `172.50 EUR`, or ""."""
        return self.entry.facts.get("amount", "") or (str(self.amount) if self.amount else "")

    @property
    def stripe_event_id(self) -> str:
        """Gives the event of Stripe that brought the news, or ""."""
        return self.entry.actor.removeprefix("stripe:") if "evt_" in self.entry.actor else ""
