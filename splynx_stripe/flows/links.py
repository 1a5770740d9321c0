"""Signed links: made for a document or a customer, mailed, opened, revoked.

Whether a partner grants plain links does not matter here: somebody of the ISP made this one.
A link proves nothing about who opens it, so it never shows more than numbers, days and amounts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.errors import OutcomeUnknownError, RejectedError, RetryableError
from splynx_stripe.domain.link import (
    KEY_PREFIX,
    LONGEST_LIFETIME,
    LinkKey,
    LinkScope,
    LinkState,
    MadeLink,
    PaymentLink,
    token_digest,
    token_text,
)
from splynx_stripe.domain.mail import Mail
from splynx_stripe.domain.splynx import Document, DocumentKind, SplynxCustomer
from splynx_stripe.flows.ports import Store, Unit
from splynx_stripe.kit.clock import Clock
from splynx_stripe.kit.ids import IdSource

_KEYS_AT_MOST = 1000
_OPENED = frozenset({LinkState.VALID, LinkState.USED_UP})


class LinkSplynx(Protocol):
    """What links need of Splynx."""

    async def find_document(self, kind: DocumentKind, number: str) -> Document | None:
        """Finds an invoice or proforma invoice by its printed number."""
        ...

    async def customer(self, customer_id: int) -> SplynxCustomer | None:
        """Fetches a customer by id; None when there is none."""
        ...

    async def queue_mail(self, mail: Mail) -> None:
        """Hands an e-mail to Splynx's queue; two calls are two e-mails."""
        ...


@dataclass(frozen=True, slots=True)
class LinkOrder:
    """A link to be made: for a document by its number, or for a customer by id.

    Without `lifetime` it is good as long as links of its scope usually are. `chance` is 32
    hexadecimal digits that a page of ours was given: a second press of its button finds the link
    of the first. "" lets chance decide now.
    """

    scope: LinkScope
    number: str = ""
    customer_id: int = 0
    lifetime: timedelta | None = None
    chance: str = field(default="", repr=False)

    @property
    def good_for(self) -> timedelta:
        """Gives how long the link will be good."""
        return self.scope.usual_lifetime if self.lifetime is None else self.lifetime


class MailStanding(StrEnum):
    """What became of an e-mail with a link."""

    QUEUED = "queued"
    REFUSED = "refused"
    NOT_REACHED = "not_reached"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Maker:
    """Who makes or revokes links: the name for the audit log, and the only partner, 0 for all."""

    actor: str
    partner_id: int = 0

    def may_touch(self, partner_id: int) -> bool:
        """Says whether what belongs to a partner is theirs to touch."""
        return self.partner_id in {0, partner_id}


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A new key and its text, which is nowhere else: show it now or never."""

    key: LinkKey
    text: str = field(repr=False)


class Links:
    """Makes, opens and revokes payment links."""

    def __init__(self, store: Store, splynx: LinkSplynx, clock: Clock, ids: IdSource) -> None:
        self._store = store
        self._splynx = splynx
        self._clock = clock
        self._ids = ids

    async def make(self, order: LinkOrder, maker: Maker) -> MadeLink | None:
        """Makes a link. None when there is no such document or customer, or it is another partner's.

        Raises:
            ValueError: the lifetime is not positive or longer than `LONGEST_LIFETIME`.
            RetryableError, OutcomeUnknownError, RejectedError: Splynx could not be asked.
        """
        if not timedelta(0) < order.good_for <= LONGEST_LIFETIME:
            raise ValueError(f"A link is good for 1 to {LONGEST_LIFETIME.days} days.")
        owner = await self._owner(order)
        if owner is None or not maker.may_touch(owner[0].partner_id):
            return None
        link = self._new_link(order, maker, *owner)
        token = token_text(order.chance or self._ids.token())
        digest = token_digest(token)

        def work(unit: Unit) -> PaymentLink | None:
            known = unit.link_of_digest(digest) if order.chance else None
            if known is None:
                unit.add_link(link, digest=digest)
                facts = _of(link) | {
                    "expires": f"{link.expires_at:%Y-%m-%d}",
                    "scope": link.scope.value,
                }
                unit.record(AuditEntry(link.made_at, "link.made", maker.actor, facts=facts))
            return known

        known = await self._store.run(work)
        return MadeLink(link, token) if known is None else MadeLink(known, token, is_new=False)

    async def send(self, link: PaymentLink, mail: Mail, maker: Maker) -> MailStanding:
        """Hands an e-mail with a new link to Splynx, once; whatever comes of it is not repeated."""
        try:
            await self._splynx.queue_mail(mail)
        except OutcomeUnknownError:
            standing = MailStanding.UNKNOWN
        except RetryableError:
            return MailStanding.NOT_REACHED
        except RejectedError:
            return MailStanding.REFUSED
        else:
            standing = MailStanding.QUEUED
        now, facts = self._clock.now(), _of(link) | {"outcome": standing.value}
        await self._store.run(
            lambda unit: unit.record(AuditEntry(now, "link.mailed", maker.actor, facts=facts))
        )
        return standing

    async def open(self, token: str) -> PaymentLink | None:
        """Gives the link of a token; None for one that opens nothing.

        One that is used up is given: it still says so, and opens nothing else. Unknown, expired and revoked ones cost the same: one reading, nothing written.
        """
        digest, now = token_digest(token), self._clock.now()
        link = await self._store.read(lambda unit: unit.link_of_digest(digest))
        return link if link is not None and link.state(now) in _OPENED else None

    async def count_use(self, link: PaymentLink) -> None:
        """Counts that something was shown by a link."""
        now = self._clock.now()
        await self._store.run(lambda unit: unit.use_link(link.id, now=now))

    async def links(
        self, maker: Maker, *, customer_id: int = 0, limit: int
    ) -> Sequence[PaymentLink]:
        """Lists the links that somebody may see, newest first."""
        return await self._store.read(
            lambda unit: unit.links(
                partner_id=maker.partner_id, customer_id=customer_id, limit=limit
            )
        )

    async def revoke(self, link_id: str, maker: Maker) -> bool:
        """Revokes a link at once; False when there is none (of theirs) or it is revoked already."""
        now = self._clock.now()

        def work(unit: Unit) -> bool:
            link = unit.link(link_id)
            if link is None or not maker.may_touch(link.partner_id):
                return False
            if not unit.revoke_link(link_id, now=now):
                return False
            unit.record(AuditEntry(now, "link.revoked", maker.actor, facts=_of(link)))
            return True

        return await self._store.run(work)

    async def revoke_all(self, customer_id: int, maker: Maker) -> int:
        """Revokes every link of a customer that still opens something, and gives their number."""
        now = self._clock.now()

        def work(unit: Unit) -> int:
            count = unit.revoke_links_of(customer_id, partner_id=maker.partner_id, now=now)
            if count:
                facts = {"customer": str(customer_id), "count": str(count)}
                if maker.partner_id:
                    facts["partner"] = str(maker.partner_id)
                unit.record(AuditEntry(now, "link.all_revoked", maker.actor, facts=facts))
            return count

        return await self._store.run(work)

    async def make_key(self, name: str, *, partner_id: int, actor: str) -> MadeKey:
        """Makes a key with which a program makes links, of one partner's customers or of all."""
        now = self._clock.now()
        key = LinkKey(self._ids.new("lky", now), name, partner_id, now, actor)
        text = KEY_PREFIX + token_text(self._ids.token())

        def work(unit: Unit) -> None:
            unit.add_link_key(key, digest=token_digest(text))
            facts = {"key": key.id, "name": name} | _partner(partner_id)
            unit.record(AuditEntry(now, "link_key.made", actor, facts=facts))

        await self._store.run(work)
        return MadeKey(key, text)

    async def keys(self) -> Sequence[LinkKey]:
        """Lists the keys of programs, oldest first."""
        return await self._store.read(lambda unit: unit.link_keys(limit=_KEYS_AT_MOST))

    async def revoke_key(self, key_id: str, *, actor: str) -> bool:
        """Revokes a key at once; the links that were made with it stay."""
        now = self._clock.now()

        def work(unit: Unit) -> bool:
            if not unit.revoke_link_key(key_id, now=now):
                return False
            unit.record(AuditEntry(now, "link_key.revoked", actor, facts={"key": key_id}))
            return True

        return await self._store.run(work)

    async def maker_of_key(self, text: str) -> Maker | None:
        """Gives whom a program's key stands for; None for one that opens nothing."""
        digest, now = token_digest(text), self._clock.now()
        key = await self._store.read(lambda unit: unit.link_key_of_digest(digest))
        if key is None or key.revoked_at is not None:
            return None
        await self._store.run(lambda unit: unit.use_link_key(key.id, now=now))
        return Maker(f"api:{key.id}", key.partner_id)

    async def _owner(self, order: LinkOrder) -> tuple[SplynxCustomer, Document | None] | None:
        """Finds whom a link is for, and its document."""
        kind = order.scope.document_kind
        document = await self._splynx.find_document(kind, order.number) if kind else None
        if kind is not None and document is None:
            return None
        customer_id = document.customer_id if document else order.customer_id
        customer = await self._splynx.customer(customer_id)
        return None if customer is None else (customer, document)

    def _new_link(
        self, order: LinkOrder, maker: Maker, customer: SplynxCustomer, document: Document | None
    ) -> PaymentLink:
        now = self._clock.now()
        return PaymentLink(
            id=self._ids.new("lnk", now),
            scope=order.scope,
            partner_id=customer.partner_id,
            customer_id=customer.id,
            document_id=document.id if document else 0,
            document_number=document.number if document else "",
            made_at=now,
            made_by=maker.actor,
            expires_at=now + order.good_for,
        )


def _of(link: PaymentLink) -> dict[str, str]:
    """Gives the facts by which the office finds the entry."""
    facts = {"link": link.id, "customer": str(link.customer_id)} | _partner(link.partner_id)
    return facts | ({"document": link.document_number} if link.document_number else {})


def _partner(partner_id: int) -> dict[str, str]:
    return {"partner": str(partner_id)} if partner_id else {}
