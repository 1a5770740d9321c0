"""Stripe's things as our values: what a gateway hands inwards instead of SDK objects.

Words and statuses are Stripe's own (`reference/stripe-api.md`, section 4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payment_kind import PaymentKind


@dataclass(frozen=True, slots=True, order=True)
class StripeAccount:
    """One Stripe account in one mode: the partner section that holds its keys, and the mode.

    Nothing may cross from one `StripeAccount` to another (invariant I8).
    """

    name: str
    livemode: bool

    @property
    def key(self) -> str:
        """Gives the account as one word, such as `default:test`."""
        return f"{self.name}:{'live' if self.livemode else 'test'}"

    @classmethod
    def from_key(cls, key: str) -> StripeAccount:
        """Reads what `key` wrote."""
        return _account_of_key(key)


@lru_cache(maxsize=1_000)
def _account_of_key(key: str) -> StripeAccount:
    """Remembers: every row of the store has one of the few keys that there are."""
    name, _, mode = key.rpartition(":")
    return StripeAccount(name=name, livemode=mode == "live")


class PaymentIntentStatus(StrEnum):
    """Stripe's `PaymentIntent.status`."""

    REQUIRES_PAYMENT_METHOD = "requires_payment_method"
    REQUIRES_CONFIRMATION = "requires_confirmation"
    REQUIRES_ACTION = "requires_action"
    REQUIRES_CAPTURE = "requires_capture"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class PaymentFailure:
    """Why the last try of a PaymentIntent failed, in Stripe's words (`last_payment_error`)."""

    code: str
    decline_code: str
    message: str


@dataclass(frozen=True, slots=True)
class PaymentIntent:
    """A PaymentIntent as Stripe showed it once.

    `method_kind` is known where Stripe showed the PaymentMethod itself and not just its id.
    `client_secret` lets a browser confirm it: it is never logged, stored or printed.
    """

    id: str
    status: PaymentIntentStatus
    amount: Money
    received: Money
    created: datetime
    livemode: bool
    metadata: Mapping[str, str]
    customer: str = ""
    latest_charge: str = ""
    payment_method: str = ""
    method_kind: PaymentKind | None = None
    failure: PaymentFailure | None = None
    client_secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Observed:
    """A PaymentIntent and the moment at which it was surely like that.

    That is the start of the request that read it, or its creation when Stripe replayed the saved
    answer of an earlier request with the same idempotency key.
    """

    intent: PaymentIntent
    as_of: datetime


@dataclass(frozen=True, slots=True)
class PaymentIntentOrder:
    """The frozen parameters of a PaymentIntent to be created. Equal orders make equal requests.

    `saves_method` asks Stripe to keep the payment method for charges without the customer. With
    `charged_method_id` that saved PaymentMethod is charged at once, while nobody is there
    (`off_session`), under the mandate of its bank account where it has one.
    """

    amount: Money
    description: str
    customer: str
    metadata: Mapping[str, str]
    kinds: tuple[PaymentKind, ...] = (PaymentKind.CARD,)
    saves_method: bool = False
    receipt_email: str = ""
    off_session: bool = False
    charged_method_id: str = ""
    mandate_id: str = ""


@dataclass(frozen=True, slots=True)
class StripeEvent:
    """An event, by webhook or from the events list, reduced to what we act on.

    `account` is the connected account that Stripe names in it, or "". `body` is the raw JSON,
    kept for replay, without client secrets. `payment_intent` is set when the event is about one.
    """

    id: str
    type: str
    created: datetime
    livemode: bool
    account: str
    api_version: str
    body: bytes = field(repr=False)
    payment_intent: PaymentIntent | None = None


@dataclass(frozen=True, slots=True)
class StripeAddress:
    """A postal address in Stripe's words; `country` is two letters."""

    line1: str
    city: str
    postal_code: str
    country: str


@dataclass(frozen=True, slots=True)
class StripeCustomerOrder:
    """What Stripe is told about a Splynx customer, when theirs is created and when it is updated."""

    name: str
    email: str
    phone: str
    metadata: Mapping[str, str]
    address: StripeAddress | None = None
    language: str = ""
