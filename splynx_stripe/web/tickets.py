"""Signed, expiring tickets: what a payment page may start, and what a result page may show.

A ticket is the CSRF token of its page. It carries the debt in full, so that nothing the browser
can change decides what is charged; tickets of the portal work in the same session only. The two
purposes have different keys: a result address that somebody reads off a screen pays nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, ValidationError

from splynx_stripe.domain.collection import Route
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import Payable, PayableKind, several
from splynx_stripe.kit.secret import Secret

LIFETIME = timedelta(hours=2)
_LONGEST = 4096
"""Characters of a ticket at most; ours have about 400, and 3,500 where 20 documents are paid at once."""


class Purpose(StrEnum):
    """What a ticket is good for."""

    PAY = "pay"
    RESULT = "result"


@dataclass(frozen=True, slots=True)
class Ticket:
    """What the page that carries it was about.

    `entrance` and `item` lead back to the page, `amount` is what the page showed, `session` is
    the mark of the portal session (`Tickets.session_mark`), "" for links.
    """

    payable: Payable
    route: Route
    actor: str
    entrance: str
    item: str
    amount: Money
    company: str
    language: str
    session: str = field(default="", repr=False)


class TicketError(Exception):
    """The ticket is not one of ours, or was changed, or is for something else."""


class TicketExpiredError(Exception):
    """The ticket was ours, but its time is over. A new page has a new one."""


class _Part(BaseModel):
    """One of several documents that are paid at once: kind, id, number, amount."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    k: str
    d: int
    n: str
    m: int


class _Payload(BaseModel):
    """The ticket as JSON; short names, because it is part of addresses."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    p: int
    c: int
    k: str
    d: int
    n: str
    u: str
    w: int = 0
    t: str = ""
    q: list[_Part] = []
    m: int
    r: str
    a: str
    e: str
    i: str
    o: str
    g: str
    s: str
    x: int


class Tickets:
    """Writes and reads tickets.

    Raises:
        ValueError: when the key is empty; an empty key would sign anybody's tickets.
    """

    def __init__(self, signing_key: Secret) -> None:
        if not signing_key:
            raise ValueError("The key that signs tickets is empty.")
        self._signing_key = signing_key

    def write(self, ticket: Ticket, purpose: Purpose, now: datetime) -> str:
        """Makes the text of a ticket that is good until `LIFETIME` from now."""
        payload = _payload_of(ticket, int((now + LIFETIME).timestamp())).model_dump()
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
        return f"{_encode(body)}.{_encode(self._sign(purpose, body))}"

    def read(self, text: str, purpose: Purpose, now: datetime) -> Ticket:
        """Reads a ticket that we wrote for this purpose.

        Raises:
            TicketError: it is not ours; refuse.
            TicketExpiredError: it was ours; tell the person to open the page again.
        """
        body = self._verified(text, purpose)
        try:
            payload = _Payload.model_validate_json(body)
            ticket = _ticket_of(payload)
        except (ValidationError, ValueError) as error:
            raise TicketError("The ticket is of another version.") from error
        if payload.x <= now.timestamp():
            raise TicketExpiredError("The ticket has expired.")
        return ticket

    def session_mark(self, session_id: str) -> str:
        """Gives a value that stands for a session and from which it cannot be found."""
        return _encode(self._mac("session", session_id.encode())[:16])

    def form_token(self, session_id: str) -> str:
        """Gives the token that forms of a session carry against requests from other sites."""
        return _encode(self._mac("form", session_id.encode()))

    def is_form_token(self, text: str, session_id: str) -> bool:
        """Says whether a form was made for this session."""
        return hmac.compare_digest(text.encode(), self.form_token(session_id).encode())

    def _verified(self, text: str, purpose: Purpose) -> bytes:
        if len(text) > _LONGEST:
            raise TicketError("The ticket is too long.")
        body_text, _, mac_text = text.partition(".")
        try:
            body, mac = _decode(body_text), _decode(mac_text)
        except (binascii.Error, ValueError) as error:
            raise TicketError("The ticket is not readable.") from error
        if not hmac.compare_digest(mac, self._sign(purpose, body)):
            raise TicketError("The ticket is not ours.")
        return body

    def _sign(self, purpose: Purpose, body: bytes) -> bytes:
        return self._mac(f"ticket:{purpose.value}", body)

    def _mac(self, purpose: str, body: bytes) -> bytes:
        """Signs with a key of its own for each purpose, derived from the one key."""
        root = self._signing_key.reveal().encode()
        key = hmac.digest(root, f"splynx-stripe:web:{purpose}".encode(), hashlib.sha256)
        return hmac.digest(key, body, hashlib.sha256)


def _payload_of(ticket: Ticket, expires: int) -> _Payload:
    payable = ticket.payable
    return _Payload(
        p=payable.partner_id,
        c=payable.customer_id,
        k=payable.kind.value,
        d=payable.document_id,
        n="" if payable.parts else payable.document_number,
        u=payable.currency,
        w=_minor_units(payable),
        t="" if payable.parts else payable.token,
        q=[
            _Part(k=part.kind, d=part.document_id, n=part.document_number, m=_minor_units(part))
            for part in payable.parts
        ],
        m=ticket.amount.minor_units,
        r=ticket.route.value,
        a=ticket.actor,
        e=ticket.entrance,
        i=ticket.item,
        o=ticket.company,
        g=ticket.language,
        s=ticket.session,
        x=expires,
    )


def _ticket_of(payload: _Payload) -> Ticket:
    return Ticket(
        payable=_payable_of(payload),
        route=Route(payload.r),
        actor=payload.a,
        entrance=payload.e,
        item=payload.i,
        amount=Money(payload.m, payload.u),
        company=payload.o,
        language=payload.g,
        session=payload.s,
    )


def _payable_of(payload: _Payload) -> Payable:
    single = Payable(
        partner_id=payload.p,
        customer_id=payload.c,
        kind=PayableKind(payload.k),
        document_id=payload.d,
        document_number=payload.n,
        currency=payload.u,
        set_amount=Money(payload.w, payload.u) if payload.w else None,
        token=payload.t,
    )
    if not payload.q:
        return single
    return several(
        tuple(
            replace(
                single,
                kind=PayableKind(part.k),
                document_id=part.d,
                document_number=part.n,
                set_amount=Money(part.m, payload.u),
                token="",
            )
            for part in payload.q
        )
    )


def _minor_units(payable: Payable) -> int:
    return payable.set_amount.minor_units if payable.set_amount else 0


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    padding = "=" * (-len(text) % 4)
    return base64.b64decode(text.encode("ascii") + padding.encode(), altchars=b"-_", validate=True)
