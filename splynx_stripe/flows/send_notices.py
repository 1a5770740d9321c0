"""Sends what was written to be told, each at most once, and only while it is true.

A look at Splynx and at our own books comes right before sending: a debt that was paid, or that a bank
is working on, is not asked for. Then the notice becomes SENDING in a commit of its own, and only then
the request leaves. From there it is never sent again, because Splynx has no key that would make a second
request harmless.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from splynx_stripe.domain.attempt import AttemptState
from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.collection import Collection, CollectionState
from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
    StaleWriteError,
)
from splynx_stripe.domain.link import LinkScope, MadeLink
from splynx_stripe.domain.mail import (
    Mail,
    PortalMessage,
    TextMessage,
    first_address,
    first_phone,
)
from splynx_stripe.domain.notice import (
    TELLABLE_FOR,
    Channel,
    Message,
    Notice,
    NoticeKind,
    NoticeRules,
    NoticeState,
)
from splynx_stripe.domain.recovery import Recovery, RecoveryState
from splynx_stripe.domain.splynx import Company, DocumentKind, SplynxCustomer
from splynx_stripe.flows.failure_ports import (
    FailureRules,
    MessageSplynx,
    NoticeContext,
    NoticeWords,
)
from splynx_stripe.flows.links import LinkOrder, Maker
from splynx_stripe.flows.ports import Unit
from splynx_stripe.flows.rooms import Rooms
from splynx_stripe.kit.backoff import Backoff

log = logging.getLogger(__name__)

_AT_ONCE = 20
_ACTOR = "daemon"
_LATER = timedelta(minutes=30)
_LOST_AFTER = timedelta(minutes=5)
"""After so long a request that was about to leave is taken for lost: its answer was never read."""
_TRY_SOON = timedelta(minutes=10)
_LATEST_START = timedelta(hours=20)
"""How long after it was written a notice may be due first: some wait for the hours of the office."""
_RETRIES = Backoff(first_s=60, ceiling_s=3600)
_DIRECTLY = frozenset({AttemptState.PREPARED, AttemptState.UNKNOWN, AttemptState.PROCESSING})
_HAS_MONEY = frozenset({CollectionState.SETTLED, CollectionState.BOOKED})
_CANNOT_ASK = (RetryableError, OutcomeUnknownError)


class LinkMaker(Protocol):
    """Makes signed links (`flows.links.Links`)."""

    async def make(self, order: LinkOrder, maker: Maker) -> MadeLink | None:
        """Makes a link; None when there is no such document or customer."""
        ...


@dataclass(frozen=True, slots=True)
class _Later:
    """It cannot be said yet; look again at `at`."""

    at: datetime
    note: str


@dataclass(frozen=True, slots=True)
class _Drop:
    """It is not true any more, or there is no way to say it."""

    note: str


@dataclass(frozen=True, slots=True)
class _Standing:
    """What our own books say about the debt of a notice, right now."""

    recovery: Recovery | None
    is_moving: bool
    is_paid: bool
    credential_is_usable: bool


class NoticeSender:
    """One round of sending."""

    def __init__(
        self,
        rooms: Rooms,
        splynx: MessageSplynx,
        links: LinkMaker,
        rules: FailureRules,
        words: NoticeWords,
        *,
        on_end: Callable[[Notice], None] | None = None,
    ) -> None:
        self._rooms = rooms
        self._splynx = splynx
        self._links = links
        self._rules = rules
        self._words = words
        self._on_end = on_end

    async def tick(self) -> None:
        """Sends what is due, bounded; one that fails does not stop the others."""
        now = self._rooms.clock.now()
        lost, due = await self._rooms.store.read(
            lambda unit: (
                unit.notices_sending(now - _LOST_AFTER, _AT_ONCE),
                unit.notices_due(now, _AT_ONCE),
            )
        )
        for notice in (*lost, *due):
            try:
                await self._deal_with(notice)
            except StaleWriteError:
                log.info("notice.moved_on", extra={"notice": notice.id})

    async def _deal_with(self, notice: Notice) -> None:
        now = self._rooms.clock.now()
        if notice.state is NoticeState.SENDING:
            note = "The program stopped while it was sending."
            await self._end(notice, NoticeState.UNKNOWN, note)
            return
        if now - _news_since(notice) > TELLABLE_FOR:
            await self._end(notice, NoticeState.DROPPED, notice.note or "It is too late to say it.")
            return
        try:
            ready = await self._ready(notice)
        except _CANNOT_ASK as error:
            await self._wait(replace(notice, tries=notice.tries + 1), str(error), now)
        except (RejectedError, BrokenInvariantError) as error:
            await self._end(notice, NoticeState.REFUSED, str(error))
        else:
            await self._go_on(notice, ready)

    async def _go_on(self, notice: Notice, ready: _Ready | _Later | _Drop) -> None:
        match ready:
            case _Drop():
                await self._end(notice, NoticeState.DROPPED, ready.note)
            case _Later():
                now = self._rooms.clock.now()
                later = replace(notice, due_at=ready.at, note=ready.note, changed_at=now)
                await self._rooms.store.run(lambda unit: unit.save_notice(later))
            case _:
                await self._send(notice, ready)

    async def _ready(self, notice: Notice) -> _Ready | _Later | _Drop:
        """Looks whether it is still true, and writes the text. Asks Splynx; changes nothing there."""
        now = self._rooms.clock.now()
        rules = self._rules.notice_rules(notice.partner_id)
        standing = await self._rooms.store.read(lambda unit: _standing(unit, notice))
        obstacle = _obstacle(notice, rules, standing, now)
        if obstacle is not None:
            return obstacle
        customer = await self._customer(notice)
        company = await self._splynx.company(notice.partner_id)
        recipient = _recipient(notice, rules, company, customer)
        if not recipient:
            return _Drop("There is no address or number to send it to.")
        if notice.kind.is_about_debt and await self._is_settled_in_splynx(notice):
            return _Drop("The document is paid, pending or removed in Splynx.")
        context = NoticeContext(
            company=company,
            rules=rules,
            url=await self._url(notice),
            next_try=self._next_try(notice, standing.recovery),
        )
        return _Ready(recipient, self._words.compose(notice, context))

    async def _customer(self, notice: Notice) -> SplynxCustomer | None:
        if notice.kind.is_for_office:
            return None
        return await self._splynx.customer(notice.customer_id)

    async def _is_settled_in_splynx(self, notice: Notice) -> bool:
        kind = notice.facts.get("debt", "")
        if kind not in list(DocumentKind):
            return False
        document_id = int(notice.facts.get("document", "0"))
        document = await self._splynx.document(DocumentKind(kind), document_id)
        return document is None or not document.is_open

    async def _url(self, notice: Notice) -> str:
        """Makes the link that the text offers: to the document, or to all that is open."""
        order = _link_order(notice)
        if order is None:
            return ""
        made = await self._links.make(order, Maker(_ACTOR))
        if made is None and order.number:  # the number alone does not say which document it is
            order = LinkOrder(LinkScope.CUSTOMER, customer_id=notice.customer_id)
            made = await self._links.make(order, Maker(_ACTOR))
        return self._words.url_of(made.token) if made is not None else ""

    def _next_try(self, notice: Notice, recovery: Recovery | None) -> str:
        if recovery is None or recovery.state is not RecoveryState.WAITING:
            return ""
        if recovery.next_at is None:
            return ""
        zone = self._rules.timezone_of(notice.partner_id)
        return recovery.next_at.astimezone(zone).date().isoformat()

    async def _send(self, notice: Notice, ready: _Ready) -> None:
        now = self._rooms.clock.now()
        sending = await self._rooms.store.run(
            lambda unit: unit.save_notice(
                replace(notice, state=NoticeState.SENDING, tries=notice.tries + 1, changed_at=now)
            )
        )
        try:
            await self._hand_over(sending, ready)
        except OutcomeUnknownError as error:
            await self._end(sending, NoticeState.UNKNOWN, str(error))
        except RetryableError as error:
            waiting = replace(sending, state=NoticeState.WAITING, changed_at=notice.changed_at)
            await self._wait(waiting, str(error), now)
        except (RejectedError, BrokenInvariantError) as error:
            await self._end(sending, NoticeState.REFUSED, str(error))
        else:
            await self._end(sending, NoticeState.SENT, "")

    async def _hand_over(self, notice: Notice, ready: _Ready) -> None:
        customer, message = notice.customer_id, ready.message
        match notice.channel:
            case Channel.MAIL:
                mail = Mail(customer, ready.recipient, message.subject, message.html)
                await self._splynx.queue_mail(mail)
            case Channel.SMS:
                await self._splynx.queue_text(TextMessage(customer, ready.recipient, message.text))
            case Channel.PORTAL:
                await self._splynx.post_to_portal(
                    PortalMessage(customer, message.subject, message.html)
                )

    async def _wait(self, notice: Notice, note: str, now: datetime) -> None:
        wait_s = _RETRIES.delay_s(notice.tries, self._rooms.dice)
        log.warning("notice.waits", extra={"notice": notice.id, "error": note})
        after = replace(notice, due_at=now + timedelta(seconds=wait_s), note=note)
        await self._rooms.store.run(lambda unit: unit.save_notice(after))

    async def _end(self, notice: Notice, state: NoticeState, note: str) -> None:
        now = self._rooms.clock.now()
        after = replace(notice, state=state, note=note, changed_at=now)

        def work(unit: Unit) -> None:
            unit.save_notice(after)
            match state:
                case NoticeState.SENT:
                    _record(unit, "notice.sent", after, now)
                case NoticeState.UNKNOWN:
                    _record(unit, "notice.unknown", after, now)
                case NoticeState.REFUSED:
                    _record(unit, "notice.refused", after, now)
                case _:
                    _record(unit, "notice.dropped", after, now)

        await self._rooms.store.run(work)
        if self._on_end is not None:
            self._on_end(after)


@dataclass(frozen=True, slots=True)
class _Ready:
    """A text and whom it goes to."""

    recipient: str
    message: Message


def _news_since(notice: Notice) -> datetime:
    """Gives the moment from which on a notice gets old.

    It is the last at which it was not yet the time to say it; troubles with sending do not count,
    so that they end (I10).
    """
    return notice.changed_at or notice.made_at + _LATEST_START


def _standing(unit: Unit, notice: Notice) -> _Standing:
    """Reads what our books say of the debt, or of the card, that a notice is about."""
    key = notice.payable_key
    latest = unit.latest_collection_of_key(key) if key else None
    attempts = unit.attempts_of(latest.id) if latest is not None else ()
    is_open = latest is not None and latest.state is CollectionState.OPEN
    credential = unit.credential(notice.facts.get("credential", ""))
    return _Standing(
        recovery=unit.recovery_of_key(key) if key else None,
        is_moving=is_open and any(one.state in _DIRECTLY for one in attempts),
        is_paid=latest is not None and _is_paid(unit, latest, notice),
        credential_is_usable=credential is not None and credential.is_usable,
    )


def _is_paid(unit: Unit, latest: Collection, notice: Notice) -> bool:
    """Says whether money has come since the fact; of several documents, for each of them."""
    parts = unit.parts_of(latest.id)
    if parts and latest.state not in _HAS_MONEY:
        newest = [unit.latest_collection_of_key(part.payable.key) for part in parts]
        return all(one is not None and one.state in _HAS_MONEY for one in newest)
    return latest.state is CollectionState.SETTLED or (
        latest.state is CollectionState.BOOKED and latest.id >= notice.collection_id
    )


def _obstacle(
    notice: Notice, rules: NoticeRules, standing: _Standing, now: datetime
) -> _Later | _Drop | None:
    """Says why it must not be told now, or not any more."""
    if notice.kind.is_about_failure and not rules.tells_failures:
        return _Drop("The settings do not want such notices any more.")
    if notice.kind is NoticeKind.CARD_EXPIRES and not standing.credential_is_usable:
        return _Drop("The card is not saved any more.")
    return _obstacle_of_debt(notice, standing, now) if notice.kind.is_about_debt else None


def _obstacle_of_debt(notice: Notice, standing: _Standing, now: datetime) -> _Later | _Drop | None:
    recovery = standing.recovery if notice.kind.is_about_failure else None
    is_recovered = recovery is not None and recovery.state is RecoveryState.RECOVERED
    if standing.is_paid or is_recovered:
        return _Drop("The debt was paid meanwhile.")
    if standing.is_moving:
        return _Later(now + _LATER, "A payment is on its way.")
    if recovery is None or not recovery.is_live or recovery.next_at is None:
        return None
    is_near = recovery.next_at <= now + _TRY_SOON
    if recovery.state is RecoveryState.TRYING or is_near:
        return _Later(now + _TRY_SOON, "A try is near.")
    return None


def _recipient(
    notice: Notice, rules: NoticeRules, company: Company, customer: SplynxCustomer | None
) -> str:
    if notice.kind.is_for_office:
        return first_address(rules.office_address) or first_address(company.email)
    if customer is None or customer.partner_id != notice.partner_id:
        return ""
    match notice.channel:
        case Channel.MAIL:
            return first_address(customer.email)
        case Channel.SMS:
            return first_phone(customer.phone)
        case Channel.PORTAL:
            return str(customer.id)


def _link_order(notice: Notice) -> LinkOrder | None:
    if notice.kind is NoticeKind.CARD_EXPIRES:
        return LinkOrder(LinkScope.CREDENTIAL, customer_id=notice.customer_id)
    if not notice.kind.is_about_debt or notice.kind is NoticeKind.DEBIT_AHEAD:
        return None
    kind, number = notice.facts.get("debt", ""), notice.facts.get("number", "")
    if kind in list(DocumentKind) and number:
        return LinkOrder(LinkScope(kind), number)
    return LinkOrder(LinkScope.CUSTOMER, customer_id=notice.customer_id)


def _record(unit: Unit, event: str, notice: Notice, now: datetime) -> None:
    """Writes what became of a notice into the audit log; no address and no text in it."""
    facts = {
        "notice": notice.id,
        "kind": notice.kind.value,
        "channel": notice.channel.value,
        "customer": str(notice.customer_id or ""),
        "partner": str(notice.partner_id or ""),
        "note": notice.note,
    }
    unit.record(
        AuditEntry(
            at=now,
            event=event,
            actor=_ACTOR,
            collection_id=notice.collection_id,
            facts={name: value for name, value in facts.items() if value},
        )
    )
