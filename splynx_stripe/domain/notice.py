"""Notices: what customers and the office are told by e-mail, text message or in the portal.

Theory. A notice is about one fact and is written in the commit of that fact, under a key that makes
it unique for each way of telling (I11). It is sent afterwards. Sending is not idempotent: Splynx has no key for
messages. So a notice is SENDING before the request leaves, and from then on it is never sent again,
whatever becomes of the answer: told at most once is better than told twice. Only where surely
nothing happened (no connection) does it go back to WAITING.

    WAITING → SENDING → SENT | UNKNOWN | REFUSED, or back to WAITING
    WAITING → DROPPED (it is not true any more, or it is too late)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class NoticeKind(StrEnum):
    """What is told. The last two go to the office."""

    PAYMENT_FAILED = "payment_failed"
    CONFIRM_PAYMENT = "confirm_payment"
    TRIES_ENDED = "tries_ended"
    CARD_EXPIRES = "card_expires"
    DEBIT_AHEAD = "debit_ahead"
    PAY_BY_LINK = "pay_by_link"
    DIGEST = "digest"
    OFFICE = "office"

    @property
    def is_for_office(self) -> bool:
        """Says whether the office is told and not a customer."""
        return self in {NoticeKind.DIGEST, NoticeKind.OFFICE}

    @property
    def is_about_failure(self) -> bool:
        """Says whether it follows a failed payment, so that the setting for these decides."""
        return self in {
            NoticeKind.PAYMENT_FAILED,
            NoticeKind.CONFIRM_PAYMENT,
            NoticeKind.TRIES_ENDED,
        }

    @property
    def is_about_debt(self) -> bool:
        """Says whether it asks for money, so that it must not be sent once the debt is paid."""
        return self.is_about_failure or self in {NoticeKind.PAY_BY_LINK, NoticeKind.DEBIT_AHEAD}


class Channel(StrEnum):
    """By which way somebody is told."""

    MAIL = "mail"
    SMS = "sms"
    PORTAL = "portal"


class NoticeState(StrEnum):
    """How far a notice is. UNKNOWN: nobody knows whether Splynx took it, and it is not repeated."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    DROPPED = "dropped"


TELLABLE_FOR = timedelta(days=3)
"""A notice that could not be sent for so long is not news any more and is dropped."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One message about one fact, by one way. `version` guards against lost updates.

    `key` names the fact; (key, channel) is unique. `payable_key` and `collection_id` are "" where it is
    about no debt, `customer_id` is 0 for the office. `facts` are what the text needs: names, amounts as
    `172.50 EUR`, days as `2026-11-24`; never a token, card or bank number.
    """

    id: str
    key: str
    kind: NoticeKind
    channel: Channel
    partner_id: int
    customer_id: int
    made_at: datetime
    due_at: datetime
    facts: Mapping[str, str] = field(default_factory=dict)
    payable_key: str = ""
    collection_id: str = ""
    state: NoticeState = NoticeState.WAITING
    tries: int = 0
    note: str = ""
    changed_at: datetime | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """A composed text: `html` for e-mails and the portal, `text` for text messages."""

    subject: str
    html: str = field(repr=False)
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NoticeRules:
    """What the settings say for one partner. 0 days means that it is not told."""

    language: str
    tells_failures: bool
    channels: tuple[Channel, ...] = (Channel.MAIL,)
    subject: str = ""
    intro: str = ""
    card_expiry_days: int = 0
    debit_days: int = 0
    digest: bool = True
    office_address: str = ""
