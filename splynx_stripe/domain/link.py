"""Signed links: what one opens, until when, and the words that stand for it.

Theory. A link's token is 128 bits of chance, written as 26 letters and digits: short enough for
a text message, without characters that mail programs break a link at. Only its hash is stored, so
a copy of the database opens nothing, and nothing can be computed from a key that leaks. That is
why there is no signature to check: a token is good because we remember it, and for as long as
we do not say otherwise. So it can be revoked and its use be counted, and it survives restarts.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from splynx_stripe.domain.splynx import DocumentKind

DEFAULT_LIFETIME = timedelta(days=30)
SAVING_LIFETIME = timedelta(days=7)
"""For links that save a payment method: somebody asked for it just now."""

LONGEST_LIFETIME = timedelta(days=365)
"""A link in an old mail must not open the debts of somebody who has the address today."""

KEY_PREFIX = "lk_"
"""What the keys of programs that make links begin with, so that people recognise one."""


_ACTOR = "link:"


class LinkScope(StrEnum):
    """What a link opens: one document, all open documents of a customer, or saving a credential."""

    INVOICE = "invoice"
    PROFORMA = "proforma"
    CUSTOMER = "customer"
    CREDENTIAL = "credential"

    @property
    def document_kind(self) -> DocumentKind | None:
        """Gives Splynx's kind of the document, None for what belongs to a customer."""
        return None if self.is_of_customer else DocumentKind(self.value)

    @property
    def is_of_customer(self) -> bool:
        """Says whether it is made for a customer and not for a document."""
        return self in {LinkScope.CUSTOMER, LinkScope.CREDENTIAL}

    @property
    def usual_lifetime(self) -> timedelta:
        """Gives how long such a link is good where nobody says otherwise."""
        return SAVING_LIFETIME if self is LinkScope.CREDENTIAL else DEFAULT_LIFETIME


class LinkState(StrEnum):
    """Whether a link opens anything. USED_UP: it has saved a payment method and saves no other."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"
    USED_UP = "used_up"


@dataclass(frozen=True, slots=True)
class PaymentLink:
    """One link. `document_id` is 0 and `document_number` "" where it is made for a customer.

    `partner_id` is the customer's partner when it was made: whose administrators may see it.
    """

    id: str
    scope: LinkScope
    partner_id: int
    customer_id: int
    document_id: int
    document_number: str
    made_at: datetime
    made_by: str
    expires_at: datetime
    revoked_at: datetime | None = None
    uses: int = 0
    last_used_at: datetime | None = None
    used_up_at: datetime | None = None

    @property
    def actor(self) -> str:
        """Gives the name of whoever has the link, for the audit log and for permissions."""
        return f"{_ACTOR}{self.id}"

    def state(self, now: datetime) -> LinkState:
        """Says whether it opens anything now."""
        if self.revoked_at is not None:
            return LinkState.REVOKED
        if self.used_up_at is not None:
            return LinkState.USED_UP
        return LinkState.VALID if now < self.expires_at else LinkState.EXPIRED


@dataclass(frozen=True, slots=True)
class MadeLink:
    """A new link and its token, which is nowhere else: show it now or never.

    `is_new` is False for a second press of the same button: the link of the first.
    """

    link: PaymentLink
    token: str = field(repr=False)
    is_new: bool = True


@dataclass(frozen=True, slots=True)
class LinkKey:
    """A key with which a program makes links. `partner_id` is the only partner's, 0 for all."""

    id: str
    name: str
    partner_id: int
    made_at: datetime
    made_by: str
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None


def link_id_of(actor: str) -> str:
    """Gives the id of the link that an actor has used, "" for everybody else."""
    return actor.removeprefix(_ACTOR) if actor.startswith(_ACTOR) else ""


def token_text(chance: str) -> str:
    """Writes 128 bits, given as 32 hexadecimal digits, as 26 letters and digits."""
    return base64.b32encode(bytes.fromhex(chance)).rstrip(b"=").decode().lower()


def token_digest(token: str) -> str:
    """Gives what is stored instead of a token. It has 128 bits of chance, so no salt is needed."""
    return hashlib.sha256(f"splynx-stripe:link:{token.lower()}".encode()).hexdigest()
