"""Stripe's JSON of saved things as our values; pure and total, in the way of `wire.py`.

Personal details of bank accounts go into `BankFace` and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field
from stripe.params import SetupIntentCreateParams

from splynx_stripe.domain.metadata import INSTALLATION
from splynx_stripe.domain.payment_kind import PaymentKind, kind_of_stripe_type
from splynx_stripe.domain.payment_method import (
    BankFace,
    CardFace,
    Mandate,
    MandateStatus,
    Microdeposits,
    PaymentMethod,
    SavedThing,
    SavedThingEvent,
    SetupIntent,
    SetupIntentOrder,
    SetupIntentStatus,
)
from splynx_stripe.domain.stripe import PaymentFailure
from splynx_stripe.gateways.stripe.wire import (
    ShapeError,
    _Failure,
    _Json,
    _Metadata,
    _Moment,
    _Named,
    _Optional,
    _read,
    _Reference,
    _Shape,
)

SETUP: Final = "splynx_stripe_setup"
"""The key of our own id in a SetupIntent's metadata."""

_LATEST_YEAR = 9_999


def _only_if_shown(reference: object) -> object:
    """Gives an expanded object; a mere id or null says nothing."""
    return reference if isinstance(reference, Mapping) else None


class _Card(_Shape):
    brand: _Optional = ""
    last4: _Optional = ""
    exp_year: Annotated[int, Field(ge=0, le=_LATEST_YEAR)]
    exp_month: Annotated[int, Field(ge=1, le=12)]
    fingerprint: _Optional = ""


class _Bank(_Shape):
    bank_name: _Optional = ""
    bsb_number: _Optional = ""
    last4: _Optional = ""
    fingerprint: _Optional = ""


class _Billing(_Shape):
    name: _Optional = ""


class _PaymentMethod(_Shape):
    object: Literal["payment_method"]
    id: _Named
    type: _Named
    livemode: bool
    customer: _Reference = ""
    billing_details: _Billing | None = None
    card: _Card | None = None
    us_bank_account: _Bank | None = None
    au_becs_debit: _Bank | None = None
    acss_debit: _Bank | None = None


class _Mandate(_Shape):
    object: Literal["mandate"]
    id: _Named
    status: Annotated[MandateStatus, Field(strict=False)]
    payment_method: _Reference = ""


class _Verification(_Shape):
    microdeposit_type: Annotated[Microdeposits, Field(strict=False)] = Microdeposits.AMOUNTS


class _NextAction(_Shape):
    verify_with_microdeposits: _Verification | None = None


class _SetupIntent(_Shape):
    object: Literal["setup_intent"]
    id: _Named
    status: Annotated[SetupIntentStatus, Field(strict=False)]
    created: _Moment
    livemode: bool
    metadata: _Metadata
    customer: _Reference = ""
    payment_method: Annotated[_PaymentMethod | None, BeforeValidator(_only_if_shown)] = None
    mandate: Annotated[_Mandate | None, BeforeValidator(_only_if_shown)] = None
    next_action: _NextAction | None = None
    last_setup_error: _Failure | None = None
    client_secret: _Optional = ""


class _Deletable(_Shape):
    id: _Named
    deleted: bool = False


class _ThingOfEvent(_Shape):
    id: _Named
    metadata: _Metadata = Field(default_factory=dict)


class _EventData(_Shape):
    object: _Json


class _Event(_Shape):
    type: _Named
    data: _EventData


def payment_method(raw: object) -> PaymentMethod:
    """Reads a PaymentMethod. Raises `ShapeError`."""
    return _method(_read(_PaymentMethod, raw))


def _method(shape: _PaymentMethod) -> PaymentMethod:
    kind = kind_of_stripe_type(shape.type)
    bank = shape.us_bank_account or shape.au_becs_debit or shape.acss_debit
    details = shape.card if kind is PaymentKind.CARD else bank
    return PaymentMethod(
        id=shape.id,
        kind=kind,
        customer=shape.customer,
        livemode=shape.livemode,
        fingerprint=details.fingerprint if details else "",
        card=_card_face(shape),
        bank=_bank_face(shape, bank) if kind is not None and kind.is_bank else None,
    )


def _card_face(shape: _PaymentMethod) -> CardFace | None:
    if kind_of_stripe_type(shape.type) is not PaymentKind.CARD:
        return None
    if shape.card is None:  # Link keeps the card to itself
        return CardFace(brand=shape.type, last4="", expires_year=_LATEST_YEAR, expires_month=12)
    return CardFace(
        brand=shape.card.brand,
        last4=shape.card.last4,
        expires_year=shape.card.exp_year,
        expires_month=shape.card.exp_month,
    )


def _bank_face(shape: _PaymentMethod, bank: _Bank | None) -> BankFace:
    found = bank or _Bank()
    name = found.bank_name or (f"BSB {found.bsb_number}" if found.bsb_number else "")
    holder = shape.billing_details.name if shape.billing_details else ""
    return BankFace(bank_name=name, last4=found.last4, holder=holder)


def mandate(raw: object) -> Mandate:
    """Reads a mandate. Raises `ShapeError`."""
    shape = _read(_Mandate, raw)
    return Mandate(id=shape.id, status=shape.status, payment_method_id=shape.payment_method)


def setup_intent(raw: object) -> SetupIntent:
    """Reads a SetupIntent. Raises `ShapeError`."""
    shape = _read(_SetupIntent, raw)
    method, failure = shape.payment_method, shape.last_setup_error
    return SetupIntent(
        id=shape.id,
        status=shape.status,
        created=datetime.fromtimestamp(shape.created, tz=UTC),
        livemode=shape.livemode,
        customer=shape.customer,
        metadata=shape.metadata,
        payment_method=_method(method) if method else None,
        mandate=Mandate(shape.mandate.id, shape.mandate.status, shape.mandate.payment_method)
        if shape.mandate
        else None,
        microdeposits=_microdeposits(shape),
        failure=PaymentFailure(failure.code, failure.decline_code, failure.message)
        if failure
        else None,
        client_secret=shape.client_secret,
    )


def _microdeposits(shape: _SetupIntent) -> Microdeposits:
    verification = shape.next_action.verify_with_microdeposits if shape.next_action else None
    return verification.microdeposit_type if verification else Microdeposits.NONE


def customer_is_there(raw: object) -> bool:
    """Reads whether a Stripe customer is not deleted. Raises `ShapeError`."""
    return not _read(_Deletable, raw).deleted


_THINGS = {
    "setup_intent": SavedThing.SETUP_INTENT,
    "payment_method": SavedThing.PAYMENT_METHOD,
    "mandate": SavedThing.MANDATE,
    "customer": SavedThing.STRIPE_CUSTOMER,
}


def saved_thing_event(raw: object) -> SavedThingEvent | None:
    """Reads an event; None when it is about nothing that can be saved. Raises `ShapeError`."""
    shape = _read(_Event, raw)
    about, _, happened = shape.type.partition(".")
    thing = _THINGS.get(about)
    if thing is None or "." in happened:
        return None
    found = _read(_ThingOfEvent, shape.data.object)
    return SavedThingEvent(
        thing=thing,
        happened=happened,
        object_id=found.id,
        setup_id=found.metadata.get(SETUP, ""),
        installation_id=found.metadata.get(INSTALLATION, ""),
    )


def setup_intent_params(order: SetupIntentOrder) -> SetupIntentCreateParams:
    """Writes an order; equal orders give equal parameters, as the idempotency key demands."""
    params: SetupIntentCreateParams = {
        "customer": order.customer,
        "usage": "off_session",
        "allowed_payment_method_types": [order.kind.stripe_type],
        "metadata": dict(order.metadata),
    }
    if order.description:
        params["description"] = order.description
    if order.kind is PaymentKind.ACH:
        # Through the bank's own log-in at once; by micro-deposits where that is not possible.
        params["payment_method_options"] = {"us_bank_account": {"verification_method": "automatic"}}
    if order.kind is PaymentKind.PAD:
        params["payment_method_options"] = {
            "acss_debit": {
                "currency": order.currency.lower(),
                "mandate_options": {"payment_schedule": "sporadic", "transaction_type": "personal"},
                "verification_method": "automatic",
            }
        }
    return params


__all__ = [
    "SETUP",
    "ShapeError",
    "customer_is_there",
    "mandate",
    "payment_method",
    "saved_thing_event",
    "setup_intent",
    "setup_intent_params",
]
