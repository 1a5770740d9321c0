"""What Stripe is told about a Splynx customer, and how far the comparison of all of them has come.

Theory. Splynx is where customers are kept; Stripe follows. Who is whose Stripe customer is proven
by our own mapping or by metadata that carries our installation, never by an e-mail address (pain
P18). What was sent last is remembered as a digest, so nothing is sent twice. A round first goes
through our mappings in the order of Splynx's ids, then through Stripe's customers account by
account; its cursor is committed with what was done, so that it goes on where it was killed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from splynx_stripe.domain.metadata import CUSTOMER, INSTALLATION, customer_metadata
from splynx_stripe.domain.splynx import SplynxCustomer
from splynx_stripe.domain.stripe import StripeAccount, StripeAddress, StripeCustomerOrder

BAD_EMAIL = "email_invalid"
"""Stripe's code for an address that it does not take."""

# What Stripe takes at most, in characters (docs.stripe.com/api/customers/create).
_NAME_CHARS = 256
_EMAIL_CHARS = 512
_PHONE_CHARS = 20
_ADDRESS_CHARS = 200

_ADDRESS_LIKE = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_SEPARATORS = re.compile(r"[,;]")
_COUNTRY = re.compile(r"[A-Z]{2}")
_ID = re.compile(r"[0-9]{1,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class CustomerDetails:
    """A Splynx customer with the postal address, which has no country (reference 3.1)."""

    customer: SplynxCustomer
    street: str = ""
    zip_code: str = ""
    city: str = ""


@dataclass(frozen=True, slots=True)
class PartnerFacts:
    """What all customers of a partner share. `country` is the company's."""

    country: str
    language: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a Stripe customer comes from: our installation, and the address of its Splynx."""

    installation_id: str
    splynx_url: str


class Standing(StrEnum):
    """How a Stripe customer of ours compares with Splynx."""

    IN_STEP = "in_step"
    WAITING = "waiting"
    """Could not be told yet; it is tried again by itself."""
    REFUSED = "refused"
    """Stripe does not take it; each round tries it again."""
    MOVED = "moved"
    """The customer's partner has another Stripe account now; nothing more goes to this one."""
    GONE = "gone"
    """Splynx does not have the customer any more. Nothing is done at Stripe."""


@dataclass(frozen=True, slots=True)
class MappedCustomer:
    """One of our mappings with what was sent last. `standing` is None before the first time."""

    account: StripeAccount
    splynx_customer_id: int
    stripe_customer_id: str
    standing: Standing | None = None
    digest: str = ""
    note: str = ""

    @property
    def place(self) -> str:
        """Gives where it stands in the order of all mappings."""
        return f"{self.splynx_customer_id}/{self.account.key}"


@dataclass(frozen=True, slots=True)
class SeenCustomer:
    """A customer as Stripe's list shows it."""

    id: str
    metadata: Mapping[str, str]
    created: datetime
    livemode: bool

    def splynx_customer_of(self, installation_id: str) -> int:
        """Gives whose it is when it is of this installation, else 0."""
        written = self.metadata.get(CUSTOMER, "")
        is_ours = self.metadata.get(INSTALLATION) == installation_id
        return int(written) if is_ours and _ID.fullmatch(written) else 0


@dataclass(frozen=True, slots=True)
class SeenPage:
    """One page of Stripe's list of customers. `next_after` is "" on the last one."""

    customers: Sequence[SeenCustomer]
    next_after: str


@dataclass(frozen=True, slots=True)
class Twice:
    """One Splynx customer with several Stripe customers in one account; `kept` is the one in use."""

    account: StripeAccount
    splynx_customer_id: int
    kept: str
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SharedMethod:
    """The same card or bank account, by Stripe's fingerprint, saved for several customers."""

    account: StripeAccount
    kind: str
    splynx_customer_ids: tuple[int, ...]


class Phase(StrEnum):
    """What a round is at."""

    SPLYNX = "splynx"
    STRIPE = "stripe"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class SyncRound:
    """One comparison of all customers. Rounds are numbered; `version` guards its row."""

    number: int
    phase: Phase
    started_at: datetime
    cursor: str = ""
    finished_at: datetime | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    note: str = ""
    version: int = 0


def customer_order(
    details: CustomerDetails, partner: PartnerFacts, origin: Origin
) -> StripeCustomerOrder:
    """Says what Stripe is to know of a customer. What Stripe would refuse is left out."""
    customer = details.customer
    return StripeCustomerOrder(
        name=customer.name.strip()[:_NAME_CHARS],
        email=_first_email(customer.email),
        phone=_first_phone(customer.phone),
        metadata=customer_metadata(
            origin.installation_id,
            partner_id=customer.partner_id,
            customer_id=customer.id,
            splynx_url=origin.splynx_url,
        ),
        address=_address(details, partner.country),
        language=partner.language,
    )


def digest(stripe_customer_id: str, order: StripeCustomerOrder) -> str:
    """Gives what proves that a Stripe customer was told exactly this."""
    told = json.dumps([stripe_customer_id, asdict(order)], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def is_due(last: SyncRound | None, *, now: datetime, at: time | None, zone: ZoneInfo) -> bool:
    """Says whether a round has to begin: none has since the last time the clock showed `at`.

    So a night in which nothing ran is made up for. `at` None means: never by itself.
    """
    if at is None:
        return False
    if last is None:
        return True
    local = now.astimezone(zone)
    today = datetime.combine(local.date(), at, tzinfo=zone)
    latest = today if today <= local else datetime.combine(today.date() - _DAY, at, tzinfo=zone)
    return last.started_at < latest


_DAY = timedelta(days=1)


def _first_email(written: str) -> str:
    for part in _SEPARATORS.split(written):
        address = part.strip()
        if _ADDRESS_LIKE.fullmatch(address) and len(address) <= _EMAIL_CHARS:
            return address
    return ""


def _first_phone(written: str) -> str:
    first = _SEPARATORS.split(written, maxsplit=1)[0].strip()
    return first if len(first) <= _PHONE_CHARS else ""


def _address(details: CustomerDetails, country: str) -> StripeAddress | None:
    parts = [part.strip()[:_ADDRESS_CHARS] for part in (details.street, details.city)]
    zip_code = details.zip_code.strip()[:_ADDRESS_CHARS]
    if not any((*parts, zip_code)):
        return None
    known = country.upper()
    return StripeAddress(
        line1=parts[0],
        city=parts[1],
        postal_code=zip_code,
        country=known if _COUNTRY.fullmatch(known) else "",
    )
