"""Stripe's JSON as our values and our orders as Stripe's parameters; pure and total.

Whatever Stripe (or somebody who pretends to be it) sends, a reader gives a value of the domain or
raises `ShapeError`. The shapes are those of `API_VERSION`; only what we use is read
(`reference/stripe-api.md`, sections 2 and 4).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from stripe.params import CustomerCreateParams

from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payment_kind import kind_of_stripe_type
from splynx_stripe.domain.stripe import (
    PaymentFailure,
    PaymentIntent,
    PaymentIntentStatus,
    StripeCustomerOrder,
    StripeEvent,
)

API_VERSION: Final = "2026-10-28.endive"
"""Sent with every request and given to our webhook endpoints, so that Stripe's default never matters."""

HandledEventType = Literal[
    "payment_intent.created",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "setup_intent.requires_action",
    "setup_intent.succeeded",
    "setup_intent.setup_failed",
    "setup_intent.canceled",
    "payment_method.updated",
    "payment_method.automatically_updated",
    "payment_method.detached",
    "mandate.updated",
    "customer.deleted",
    "charge.dispute.created",
    "charge.dispute.funds_withdrawn",
]
HANDLED_EVENT_TYPES: Final[tuple[HandledEventType, ...]] = get_args(HandledEventType)
"""The events that the flows act on; nothing else is subscribed to or polled."""

DEAUTHORIZED: Final = "account.application.deauthorized"
"""Sent to our platform's endpoint when somebody takes a connected account away from us."""

_ABOUT_SAVED_THINGS = ("setup_intent.", "payment_method.", "mandate.", "customer.")
_KEPT_OF_SAVED_THINGS = ("object", "id", "livemode", "metadata")
_LATEST_S = 253_402_300_799  # the last second of the year 9999, where datetime ends
_CLIENT_SECRET = re.compile(rb'("client_secret"\s*:\s*")[^"\\]*(")')
_MAX_AMOUNT = 10**15  # far above anything Stripe can charge, and safe in a 64-bit column


class ShapeError(ValueError):
    """JSON that is not what this API version promises. The message names the fields, never values."""


def _storable(text: str) -> str:
    """Refuses half characters and NUL, which JSON can spell and no database can keep."""
    text.encode("utf-8")
    if "\0" in text:
        raise ValueError("contains NUL")
    return text


def _id_of(reference: object) -> object:
    """Gives the id of a reference, which Stripe shows as an id, an expanded object or null."""
    if isinstance(reference, Mapping):
        return reference.get("id")
    return "" if reference is None else reference


def _empty_if_null(value: object) -> object:
    return "" if value is None else value


def _no_items_if_null(value: object) -> object:
    return {} if value is None else value


_Json = dict[str, object]
_Text = Annotated[str, AfterValidator(_storable)]
_Named = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_storable)]
_Optional = Annotated[_Text, BeforeValidator(_empty_if_null)]
_Reference = Annotated[_Text, BeforeValidator(_id_of)]
_Metadata = Annotated[dict[_Text, _Text], BeforeValidator(_no_items_if_null)]
_Moment = Annotated[int, Field(ge=0, le=_LATEST_S)]
_Amount = Annotated[int, Field(ge=0, le=_MAX_AMOUNT)]


class _Shape(BaseModel):
    """Strict, because `"1099"` or `10.99` as an amount is not Stripe's."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, hide_input_in_errors=True)


class _Failure(_Shape):
    code: _Optional = ""
    decline_code: _Optional = ""
    message: _Optional = ""


class _PaymentMethod(_Shape):
    """A payment method as Stripe shows it: its id, or, where we asked for it, with its type."""

    id: _Optional = ""
    type: _Optional = ""


def _method_of(reference: object) -> object:
    """Gives a reference to a payment method one shape, whether or not it is expanded."""
    return reference if isinstance(reference, Mapping) else {"id": reference}


class _PaymentIntent(_Shape):
    object: Literal["payment_intent"]
    id: _Named
    status: Annotated[PaymentIntentStatus, Field(strict=False)]
    amount: _Amount
    amount_received: _Amount
    currency: Annotated[str, Field(pattern=r"^[a-z]{3}$")]
    created: _Moment
    livemode: bool
    metadata: _Metadata
    customer: _Reference = ""
    latest_charge: _Reference = ""
    payment_method: Annotated[_PaymentMethod, BeforeValidator(_method_of)] = _PaymentMethod()
    client_secret: _Optional = ""
    last_payment_error: _Failure | None = None


class _EventData(_Shape):
    object: _Json


class _Event(_Shape):
    object: Literal["event"]
    id: _Named
    type: _Named
    created: _Moment
    livemode: bool
    account: _Optional = ""
    api_version: _Optional = ""
    data: _EventData


class _SketchObject(_Shape):
    last_payment_error: object = None


class _SketchData(_Shape):
    object: _SketchObject


class _Sketch(_Event):
    """An event of which only the envelope is read, straight from its bytes."""

    data: _SketchData  # type: ignore[assignment]  # it reads less of the same field


class _IntentData(_Shape):
    object: _PaymentIntent


class _IntentEvent(_Event):
    """An event about a PaymentIntent, read straight from its bytes."""

    data: _IntentData  # type: ignore[assignment]  # it reads more of the same field


class _Page(_Shape):
    object: Literal["list"]
    data: list[_Json]
    has_more: bool


class _Identified(_Shape):
    id: _Named


class _Customer(_Shape):
    object: Literal["customer"]
    id: _Named


class _BusinessProfile(_Shape):
    name: _Optional = ""


class _Dashboard(_Shape):
    display_name: _Optional = ""


class _AccountSettings(_Shape):
    dashboard: _Dashboard | None = None


class AccountShape(_Shape):
    """What we read of Stripe's Account."""

    object: Literal["account"]
    id: _Named
    country: _Optional = ""
    default_currency: _Optional = ""
    charges_enabled: bool
    email: _Optional = ""
    business_profile: _BusinessProfile | None = None
    settings: _AccountSettings | None = None

    @property
    def name(self) -> str:
        """Gives the name that its owner knows it by."""
        shown = self.settings.dashboard if self.settings else None
        names = (
            shown.display_name if shown else "",
            self.business_profile.name if self.business_profile else "",
            self.email,
        )
        return next((name for name in names if name), "")


class OAuthTokenShape(_Shape):
    """What we read of the answer to `/oauth/token`."""

    stripe_user_id: _Named
    livemode: bool
    stripe_publishable_key: _Named
    access_token: Annotated[_Named, Field(repr=False)]
    refresh_token: Annotated[_Optional, Field(repr=False)] = ""


class WebhookEndpointShape(_Shape):
    """What we read of Stripe's WebhookEndpoint. `secret` is there only in the answer to its creation."""

    object: Literal["webhook_endpoint"]
    id: _Named
    url: _Text
    status: _Text
    api_version: _Optional = ""
    enabled_events: list[_Text]
    secret: Annotated[_Optional, Field(repr=False)] = ""


_S = TypeVar("_S", bound=BaseModel)


def _read(shape: type[_S], raw: object) -> _S:
    try:
        return shape.model_validate(raw)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        named = "; ".join(
            f"{'.'.join(str(step) for step in problem['loc']) or 'all'}: {problem['type']}"
            for problem in problems[:5]
        )
    except RecursionError:
        named = "nested too deeply"
    # Raised out here so that no traceback shows the input, which may hold a client secret.
    raise ShapeError(f"not as Stripe's API {API_VERSION} describes it ({named})")


def read_json(body: bytes) -> object:
    """Parses JSON. Raises `ShapeError`."""
    try:
        parsed: object = json.loads(body)
    except (ValueError, RecursionError):
        parsed = None
    if parsed is None:
        raise ShapeError("not JSON")
    return parsed


def payment_intent(raw: object) -> PaymentIntent:
    """Reads a PaymentIntent. Raises `ShapeError`."""
    return _intent(_read(_PaymentIntent, raw))


def _intent(shape: _PaymentIntent) -> PaymentIntent:
    currency = shape.currency.upper()
    return PaymentIntent(
        id=shape.id,
        status=shape.status,
        amount=Money(shape.amount, currency),
        received=Money(shape.amount_received, currency),
        created=_moment(shape.created),
        livemode=shape.livemode,
        metadata=shape.metadata,
        customer=shape.customer,
        latest_charge=shape.latest_charge,
        payment_method=shape.payment_method.id,
        method_kind=kind_of_stripe_type(shape.payment_method.type),
        failure=_failure(shape.last_payment_error),
        client_secret=shape.client_secret,
    )


def _failure(shape: _Failure | None) -> PaymentFailure | None:
    if shape is None:
        return None
    return PaymentFailure(shape.code, shape.decline_code, shape.message)


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


def event(raw: object, body: bytes) -> StripeEvent:
    """Reads an event of the v1 API whose JSON is `body`. Raises `ShapeError`."""
    shape = _read(_Event, raw)
    about_intent = shape.type.startswith("payment_intent.")
    return _as_event(shape, body, payment_intent(shape.data.object) if about_intent else None)


def event_envelope(raw: object, body: bytes) -> StripeEvent:
    """Reads an event without looking at what it is about. Raises `ShapeError`."""
    return _as_event(_read(_Event, raw), body, None)


def event_of(body: bytes) -> StripeEvent:
    """Reads an event of the v1 API from its bytes. Raises `ShapeError`.

    As `read_json` and `event`, but the common event, about a PaymentIntent that was not declined,
    is read in one go, without making Python's objects of what nobody looks at.
    """
    shape = _at_once(_IntentEvent, body)
    if shape is None or shape.data.object.last_payment_error is not None:
        return event(read_json(body), body)
    return _of(shape, _without_client_secret(body), _intent(shape.data.object))


def event_envelope_of(body: bytes) -> StripeEvent:
    """Reads an event without what it is about, from its bytes. Raises `ShapeError`."""
    shape = _at_once(_Sketch, body)
    if shape is None or shape.data.object.last_payment_error is not None:
        return event_envelope(read_json(body), body)
    return _of(shape, _without_client_secret(body), None)


def _at_once(shape: type[_S], body: bytes) -> _S | None:
    """Reads a body about a PaymentIntent. None: the slower way shall read it or say what is wrong."""
    if b'"payment_intent.' not in body:
        return None
    try:
        read = shape.model_validate_json(body)
    except ValidationError:
        return None
    return read if str(getattr(read, "type", "")).startswith("payment_intent.") else None


def _as_event(shape: _Event, body: bytes, intent: PaymentIntent | None) -> StripeEvent:
    return _of(shape, _kept(shape, body), intent)


def _of(shape: _Event, kept: bytes, intent: PaymentIntent | None) -> StripeEvent:
    """Leaves the client secret out: bodies are kept, and whoever has it could confirm (I12)."""
    return StripeEvent(
        id=shape.id,
        type=shape.type,
        created=_moment(shape.created),
        livemode=shape.livemode,
        account=shape.account,
        api_version=shape.api_version,
        body=kept,
        payment_intent=None if intent is None else replace(intent, client_secret=""),
    )


def _without_client_secret(body: bytes) -> bytes:
    """Empties the client secret. A function is cheaper for `sub` than a template."""
    return _CLIENT_SECRET.sub(_emptied, body)


def _emptied(match: re.Match[bytes]) -> bytes:
    return match[1] + match[2]


def _kept(shape: _Event, body: bytes) -> bytes:
    """Gives what is kept of an event: no client secret, and nothing of a bank account.

    Events of saved things are signs to ask Stripe, so their ids are enough.
    """
    about = shape.data.object
    if shape.type.startswith(_ABOUT_SAVED_THINGS):
        few = {name: about[name] for name in _KEPT_OF_SAVED_THINGS if name in about}
    elif (
        isinstance(failure := about.get("last_payment_error"), dict) and "payment_method" in failure
    ):
        few = {**about, "last_payment_error": {**failure, "payment_method": None}}
    else:
        return _without_client_secret(body)
    parsed = read_json(body)
    reduced = {**(parsed if isinstance(parsed, dict) else {}), "data": {"object": few}}
    return _without_client_secret(event_body(reduced))


_COMPACT = json.JSONEncoder(separators=(",", ":"))


def event_body(raw: Mapping[str, object]) -> bytes:
    """Writes a listed event as the body that a webhook would have brought."""
    return _COMPACT.encode(raw).encode()


def customer_id(raw: object) -> str:
    """Reads the id of a Stripe customer. Raises `ShapeError`."""
    return _read(_Customer, raw).id


def account(raw: object) -> AccountShape:
    """Reads an account. Raises `ShapeError`."""
    return _read(AccountShape, raw)


def oauth_token(raw: object) -> OAuthTokenShape:
    """Reads what Stripe hands over after consent. Raises `ShapeError`."""
    return _read(OAuthTokenShape, raw)


def webhook_endpoint(raw: object) -> WebhookEndpointShape:
    """Reads a webhook endpoint. Raises `ShapeError`."""
    return _read(WebhookEndpointShape, raw)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list. `next_after` is "" on the last page."""

    items: Sequence[Mapping[str, object]]
    next_after: str


def page(raw: object) -> Page:
    """Reads a page of a list. Raises `ShapeError`, also for one that promises more but shows none."""
    shape = _read(_Page, raw)
    if not shape.has_more:
        return Page(shape.data, "")
    last = shape.data[-1] if shape.data else {}
    return Page(shape.data, _read(_Identified, last).id)


def customer_params(order: StripeCustomerOrder) -> CustomerCreateParams:
    """Writes an order for a Stripe customer, without the fields that are empty."""
    params: CustomerCreateParams = {"metadata": dict(order.metadata)}
    if order.name:
        params["name"] = order.name
    if order.email:
        params["email"] = order.email
    if order.phone:
        params["phone"] = order.phone
    return params
