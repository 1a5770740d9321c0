"""Stripe's saved things as our values: PaymentMethods, Mandates and SetupIntents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.stripe import PaymentFailure


@dataclass(frozen=True, slots=True)
class CardFace:
    """What everybody may see of a card."""

    brand: str
    last4: str
    expires_year: int
    expires_month: int

    def months_left(self, now: datetime) -> int:
        """Counts the months in which it can still be used; 0 is the last one, below is expired."""
        return (self.expires_year - now.year) * 12 + self.expires_month - now.month


@dataclass(frozen=True, slots=True)
class BankFace:
    """What the owner and the office see of a bank account. Personal: stored sealed, never logged."""

    bank_name: str = field(repr=False)
    last4: str = field(repr=False)
    holder: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    """A PaymentMethod as Stripe showed it once.

    `kind` is None for a type that we never offer. `customer` is "" when it is attached to nobody.
    `fingerprint` is the same for the same card or account, whoever saves it.
    """

    id: str
    kind: PaymentKind | None
    customer: str
    livemode: bool
    fingerprint: str = field(default="", repr=False)
    card: CardFace | None = None
    bank: BankFace | None = None


class MandateStatus(StrEnum):
    """Stripe's `Mandate.status`; NONE where the kind has no mandate."""

    NONE = "none"
    ACTIVE = "active"
    PENDING = "pending"
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True)
class Mandate:
    """A customer's permission towards the bank, as Stripe showed it once."""

    id: str
    status: MandateStatus
    payment_method_id: str = ""


class SetupIntentStatus(StrEnum):
    """Stripe's `SetupIntent.status`."""

    REQUIRES_PAYMENT_METHOD = "requires_payment_method"
    REQUIRES_CONFIRMATION = "requires_confirmation"
    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"


class Microdeposits(StrEnum):
    """What the customer finds on the bank statement: two amounts, or one deposit with a code."""

    NONE = ""
    AMOUNTS = "amounts"
    DESCRIPTOR_CODE = "descriptor_code"


@dataclass(frozen=True, slots=True)
class SetupIntent:
    """A SetupIntent as Stripe showed it once.

    `microdeposits` is set while Stripe waits for the customer to prove the bank account.
    `client_secret` lets a browser confirm it: it is never logged, stored or printed.
    """

    id: str
    status: SetupIntentStatus
    created: datetime
    livemode: bool
    customer: str
    metadata: Mapping[str, str]
    payment_method: PaymentMethod | None = None
    mandate: Mandate | None = None
    microdeposits: Microdeposits = Microdeposits.NONE
    failure: PaymentFailure | None = None
    client_secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ObservedSetup:
    """A SetupIntent and the moment at which it was surely like that."""

    intent: SetupIntent
    as_of: datetime


@dataclass(frozen=True, slots=True)
class SetupIntentOrder:
    """The frozen parameters of a SetupIntent to be created. Equal orders make equal requests."""

    customer: str
    kind: PaymentKind
    currency: str
    description: str
    metadata: Mapping[str, str]


class SavedThing(StrEnum):
    """What an event about saved things is about."""

    SETUP_INTENT = "setup_intent"
    PAYMENT_METHOD = "payment_method"
    MANDATE = "mandate"
    STRIPE_CUSTOMER = "customer"


@dataclass(frozen=True, slots=True)
class SavedThingEvent:
    """An event, reduced to what it is about and what happened; everything else is asked for.

    `object_id` is the id of the thing; `setup_id` our own id in a SetupIntent's metadata.
    """

    thing: SavedThing
    happened: str
    object_id: str
    setup_id: str = ""
    installation_id: str = ""
