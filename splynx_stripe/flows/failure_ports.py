"""What the flows of failed payments and notices need from the store, the settings and Splynx."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Protocol

from splynx_stripe.domain.credential import Credential
from splynx_stripe.domain.mail import Mail, PortalMessage, TextMessage
from splynx_stripe.domain.notice import Message, Notice, NoticeRules
from splynx_stripe.domain.recovery import Recovery, RecoveryPlace, RecoveryQuery, RecoveryState
from splynx_stripe.domain.retry_policy import FailedTry, RetryPolicy
from splynx_stripe.domain.splynx import Company, Document, DocumentKind, SplynxCustomer


class RecoveryUnit(Protocol):
    """The part of a unit of work that knows recoveries."""

    def recovery(self, recovery_id: str) -> Recovery | None:
        """Finds a recovery by id."""
        ...

    def recovery_of_key(self, payable_key: str) -> Recovery | None:
        """Finds the recovery of a debt, live or ended."""
        ...

    def add_recovery(self, recovery: Recovery) -> None:
        """Adds it. Raises `StaleWriteError` when the debt has one already: read it again."""
        ...

    def save_recovery(self, recovery: Recovery) -> Recovery:
        """Writes everything but its id and debt, and gives it with the version raised by one."""
        ...

    def recoveries_due(self, now: datetime, limit: int) -> Sequence[Recovery]:
        """Finds live recoveries whose `next_at` has come, the most overdue first."""
        ...

    def recoveries_paid(
        self, states: Sequence[RecoveryState], since: datetime, limit: int
    ) -> Sequence[Recovery]:
        """Finds recoveries in those states, changed since then, whose debt was collected after all."""
        ...

    def recoveries(
        self, query: RecoveryQuery, *, before: RecoveryPlace | None, limit: int
    ) -> Sequence[Recovery]:
        """Lists recoveries after a place, newest change first."""
        ...

    def recoveries_changed(
        self, since: datetime, until: datetime, limit: int
    ) -> Sequence[Recovery]:
        """Lists recoveries of all partners that failed or changed in a period, oldest first."""
        ...

    def recovery_counts(self) -> Mapping[RecoveryState, int]:
        """Counts all recoveries by state; a state without any is left out."""
        ...

    def add_failed_try(self, payable_key: str, failed: FailedTry) -> bool:
        """Remembers a failed try; False (and nothing) when it is remembered already."""
        ...

    def failed_tries(self, payable_key: str) -> Sequence[FailedTry]:
        """Lists the failed tries of a debt, oldest first."""
        ...


class NoticeUnit(Protocol):
    """The part of a unit of work that knows notices."""

    def add_notice(self, notice: Notice) -> bool:
        """Writes a notice. False (and nothing) when (key, channel) is there already."""
        ...

    def notice(self, notice_id: str) -> Notice | None:
        """Finds a notice by id."""
        ...

    def save_notice(self, notice: Notice) -> Notice:
        """Writes its progress and gives it with the version raised by one."""
        ...

    def notices_due(self, now: datetime, limit: int) -> Sequence[Notice]:
        """Finds waiting notices whose `due_at` has come, oldest first."""
        ...

    def notices_sending(self, before: datetime, limit: int) -> Sequence[Notice]:
        """Finds notices that were about to be sent before a moment, and of which no more is known."""
        ...

    def notices_of(self, payable_key: str, limit: int) -> Sequence[Notice]:
        """Lists what was told about a debt, newest first."""
        ...

    def cards_expiring(
        self, first_month: tuple[int, int], last_month: tuple[int, int], *, after: str, limit: int
    ) -> Sequence[Credential]:
        """Lists usable cards whose last (year, month) lies between two, by id from above `after`."""
        ...


class FailureRules(Protocol):
    """What the settings say about failed payments."""

    def retry_policy(self, partner_id: int) -> RetryPolicy:
        """Gives when and with what a partner's failed charges are tried again."""
        ...

    def notice_rules(self, partner_id: int) -> NoticeRules:
        """Gives who is told what of a partner, and how."""
        ...

    def timezone_of(self, partner_id: int) -> tzinfo:
        """Gives the clock by which a partner's days are counted."""
        ...


class MessageSplynx(Protocol):
    """The door to Splynx, as far as notices need it. Sending is NOT idempotent."""

    async def customer(self, customer_id: int) -> SplynxCustomer | None:
        """Fetches a customer by id; None when there is none."""
        ...

    async def company(self, partner_id: int) -> Company:
        """Fetches what customers see of the ISP."""
        ...

    async def document(self, kind: DocumentKind, document_id: int) -> Document | None:
        """Fetches a document by id; None when Splynx does not have it (any more)."""
        ...

    async def queue_mail(self, mail: Mail) -> None:
        """Hands an e-mail to Splynx's queue."""
        ...

    async def queue_text(self, message: TextMessage) -> None:
        """Hands a text message to Splynx's queue."""
        ...

    async def post_to_portal(self, message: PortalMessage) -> None:
        """Puts a message into a customer's portal."""
        ...


@dataclass(frozen=True, slots=True)
class NoticeContext:
    """What a text is made of beside the notice: whose ISP, in which language, and the link to pay.

    `next_try` is the day of the next try as `2026-11-24`, "" where there is none.
    """

    company: Company
    rules: NoticeRules
    url: str = ""
    next_try: str = ""


class NoticeWords(Protocol):
    """Writes the texts (`web.notice_words.WrittenNotices`)."""

    def compose(self, notice: Notice, context: NoticeContext) -> Message:
        """Gives the text of a notice in the partner's language."""
        ...

    def url_of(self, token: str) -> str:
        """Gives the address of a signed link."""
        ...
