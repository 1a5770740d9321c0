"""Events received from Stripe, as the store keeps them until they are handled."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from splynx_stripe.domain.stripe import StripeAccount


class InboxState(StrEnum):
    """How far an event is. Only HANDLED and IGNORED are ends; PARKED waits for a person."""

    RECEIVED = "received"
    HANDLED = "handled"
    IGNORED = "ignored"
    PARKED = "parked"


class InboxSource(StrEnum):
    """By which way an event came first."""

    WEBHOOK = "webhook"
    POLL = "poll"


@dataclass(frozen=True, slots=True)
class NewInboxEvent:
    """An event to be stored before it is acknowledged. Unique per (account, event id)."""

    account: StripeAccount
    event_id: str
    type: str
    created: datetime
    received_at: datetime
    source: InboxSource
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class InboxEvent:
    """A stored event with its progress; `claim` is the fencing token of whoever handles it."""

    id: int
    account: StripeAccount
    event_id: str
    type: str
    created: datetime
    received_at: datetime
    source: InboxSource
    state: InboxState
    tries: int
    next_at: datetime
    claim: int
    note: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class InboxEnd:
    """How a claimed event ends. `note` is for people; "" says nothing."""

    event: InboxEvent
    state: InboxState
    note: str
