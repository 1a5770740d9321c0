"""Things to do to the outside as a consequence of entering a state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class EffectKind(StrEnum):
    """What there is to do."""

    BOOK_PAYMENT = "book_payment"
    RECORD_STATEMENT = "record_statement"
    CANCEL_PAYMENT_INTENT = "cancel_payment_intent"
    MARK_PENDING = "mark_pending"
    MARK_UNPAID = "mark_unpaid"
    SAVE_CREDENTIAL = "save_credential"
    REVERSE_BOOKING = "reverse_booking"
    FOLLOW_UP_FAILURE = "follow_up_failure"


OF_EACH_DOCUMENT = frozenset(
    {
        EffectKind.BOOK_PAYMENT,
        EffectKind.MARK_PENDING,
        EffectKind.MARK_UNPAID,
        EffectKind.REVERSE_BOOKING,
    }
)
"""The effects that happen once for each document where several are paid at once."""


class EffectState(StrEnum):
    """How far an effect is. FAILED means that a case is open and a person decides."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Effect:
    """An effect as the domain asks for it. `key` makes it happen once however often it is asked.

    `collection_id` says which document is meant where several are paid at once; "" means that of
    the attempt.
    """

    kind: EffectKind
    key: str
    collection_id: str = ""


@dataclass(frozen=True, slots=True)
class StoredEffect:
    """An effect as the store keeps it, with its progress.

    It is carried out at least once. `claim` is the fencing token of whoever works on it until
    `claimed_until`. `posting_at` is the moment at which a request that is not idempotent was
    about to leave; it is committed before, so that after a crash the next try knows that it may
    have happened. `deadline_at` is when a case is opened if it is still not done (I10).
    """

    id: int
    kind: EffectKind
    key: str
    attempt_id: str
    state: EffectState
    tries: int
    next_at: datetime
    deadline_at: datetime
    claim: int
    claimed_until: datetime | None
    posting_at: datetime | None
    last_error: str
    collection_id: str = ""
