"""PaymentIntents: the operations and the states in which each is allowed."""

from __future__ import annotations

from typing import Any

from splynx_stripe.sandbox.stripe import objects
from splynx_stripe.sandbox.stripe.amounts import check_amount, check_currency
from splynx_stripe.sandbox.stripe.call import Call, Operation, page
from splynx_stripe.sandbox.stripe.errors import bad_parameter, invalid, unexpected_state
from splynx_stripe.sandbox.stripe.forms import (
    EXPAND,
    PAGING,
    SHIPPING,
    Spec,
    anything,
    boolean,
    integer,
    merged_metadata,
    moment,
    one_of,
    string,
)
from splynx_stripe.sandbox.stripe.intents import (
    BASE_SPEC,
    CONFIRM_SPEC,
    METHOD_SPEC,
    OFF_SESSION,
    SECRET_SPEC,
    TYPES_SPEC,
    chosen_method,
    is_off_session,
    needs_return_url,
    opened,
    set_method_types,
)
from splynx_stripe.sandbox.stripe.payments import (
    Terms,
    authenticated,
    captured,
    check_owner,
    check_usable,
    confirm,
    shown,
)
from splynx_stripe.sandbox.stripe.state import Json

_OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")
_CANCELABLE = (
    "requires_payment_method",
    "requires_capture",
    "requires_confirmation",
    "requires_action",
)
_PLAIN = (
    "description",
    "receipt_email",
    "setup_future_usage",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
)
_DESCRIPTOR_LENGTH = 22
_BANNED_IN_DESCRIPTOR = set("<>\\'\"*")
_CAPTURE_METHOD = one_of("automatic", "automatic_async", "manual")
_PAYMENT_SPEC: Spec = {
    "receipt_email": string(),
    "setup_future_usage": one_of("off_session", "on_session", ""),
    "shipping": SHIPPING,
    "capture_method": _CAPTURE_METHOD,
}
_UPDATE_SPEC: Spec = {
    **BASE_SPEC,
    **_PAYMENT_SPEC,
    "allowed_payment_method_types": TYPES_SPEC["allowed_payment_method_types"],
    "amount": integer(least=1),
    "currency": string(longest=3),
    "statement_descriptor": string(),
    "statement_descriptor_suffix": string(),
    "transfer_group": string(),
}
_CONFIRM_SPEC: Spec = {
    **EXPAND,
    **METHOD_SPEC,
    **CONFIRM_SPEC,
    **_PAYMENT_SPEC,
    **SECRET_SPEC,
    "error_on_requires_action": boolean,
    "off_session": OFF_SESSION,
    "radar_options": anything,
}
_CREATE_SPEC: Spec = {
    **_UPDATE_SPEC,
    **TYPES_SPEC,
    **CONFIRM_SPEC,
    "confirm": boolean,
    "confirmation_method": one_of("automatic", "manual"),
    "error_on_requires_action": boolean,
    "off_session": OFF_SESSION,
    "radar_options": anything,
}


def create(call: Call) -> Json:
    currency = check_currency(call.params["currency"])
    check_amount(call.params["amount"], currency)
    _check_descriptors(call)
    confirming = call.params.get("confirm", False)
    if "off_session" in call.params and not confirming:
        raise bad_parameter(
            "You cannot pass `off_session` without `confirm` set to true.", param="off_session"
        )
    made = objects.payment_intent(call, call.params["amount"], currency)
    set_method_types(call, made, currency)
    customer = call.referred("customer", "customer")
    made["customer"] = customer["id"] if customer else None
    made.update(call.changed((*_PLAIN, "capture_method", "confirmation_method")))
    made["metadata"] = merged_metadata({}, call.params.get("metadata", {}))
    if confirming and (error := needs_return_url(call, made)) is not None:
        raise error
    method = chosen_method(call)
    _choose(made, method)
    if confirming and method is None:
        raise _no_method(made)
    if confirming and method is not None:
        check_usable(call, made, method)
    call.book.payment_intents[made["id"]] = made
    call.emit("payment_intent.created", made)
    return confirm(call, made, method, _terms(call)) if confirming and method else made


def _choose(intent: Json, method: Json | None) -> None:
    if method is not None:
        check_owner(intent, method)
        intent.update(payment_method=method["id"], status="requires_confirmation")


def retrieve(call: Call) -> Json:
    return shown(call, opened(call, "payment_intent"))


def update(call: Call) -> Json:
    intent = call.the("payment_intent", param="intent")
    for name in ("amount", "currency", "customer", "payment_method", "capture_method"):
        if name in call.params and intent["status"] not in _OPEN:
            raise _not_changeable(intent, name)
    _check_descriptors(call)
    wanted: Json = {"amount": intent["amount"], "currency": intent["currency"], **call.params}
    amount, currency = wanted["amount"], check_currency(wanted["currency"])
    if (amount, currency) != (intent["amount"], intent["currency"]):
        check_amount(amount, currency)
    if "metadata" in call.params:
        intent["metadata"] = merged_metadata(intent["metadata"], call.params["metadata"])
    if (customer := call.referred("customer", "customer")) is not None:
        intent["customer"] = customer["id"]
    intent.update(amount=amount, currency=currency)
    if call.params.get("allowed_payment_method_types"):
        set_method_types(call, intent, currency)
    intent.update(call.changed((*_PLAIN, "capture_method")))
    _choose(intent, chosen_method(call))
    return intent


def _not_changeable(intent: Json, name: str) -> Exception:
    return unexpected_state(
        f"This PaymentIntent's {name} could not be updated because it has a status of"
        f" {intent['status']}. You may only update the {name} of a PaymentIntent with one of the"
        f" following statuses: {', '.join(_OPEN)}.",
        intent,
    )


def confirm_existing(call: Call) -> Json:
    intent = opened(call, "payment_intent")
    if intent["status"] not in _OPEN:
        raise _not_confirmable(call, intent)
    if (error := needs_return_url(call, intent)) is not None:
        raise error
    method = chosen_method(call)
    if method is None and intent["payment_method"]:
        method = call.book.payment_methods[intent["payment_method"]]
    if method is None:
        raise _no_method(shown(call, intent))
    intent.update(call.changed(("receipt_email", "setup_future_usage", "shipping")))
    return shown(call, confirm(call, intent, method, _terms(call)))


def _terms(call: Call) -> Terms:
    return Terms(
        off_session=is_off_session(call),
        return_url=call.params.get("return_url"),
        in_browser=call.publishable or call.params.get("use_stripe_sdk", False),
        refuse_action=call.params.get("error_on_requires_action", False),
    )


def _no_method(intent: Json) -> Exception:
    return unexpected_state(
        "You cannot confirm this PaymentIntent because it's missing a payment method. You can"
        " either update the PaymentIntent with a payment method and then confirm it again, or"
        " confirm it again directly with a payment method or ConfirmationToken.",
        intent,
    )


def _not_confirmable(call: Call, intent: Json) -> Exception:
    if intent["status"] == "succeeded":
        message = (
            "You cannot confirm this PaymentIntent because it has already succeeded after being"
            " previously confirmed."
        )
    else:
        message = (
            "You cannot confirm this PaymentIntent because it has a status of"
            f" {intent['status']}. Only a PaymentIntent with one of the following statuses may be"
            " confirmed: requires_confirmation, requires_action."
        )
    return unexpected_state(message, shown(call, intent))


def authenticate(call: Call) -> Json:
    """Not in Stripe's API: the sandbox's stripe.js says here how 3-D Secure ended."""
    intent = opened(call, "payment_intent")
    if intent["status"] != "requires_action":
        raise unexpected_state(
            "There is nothing to authenticate: this PaymentIntent has a status of"
            f" {intent['status']}.",
            shown(call, intent),
        )
    return shown(call, authenticated(call, intent, success=call.params["outcome"] == "success"))


def cancel(call: Call) -> Json:
    intent = call.the("payment_intent", param="intent")
    if intent["status"] not in _CANCELABLE:
        raise unexpected_state(
            "You cannot cancel this PaymentIntent because it has a status of"
            f" {intent['status']}. Only a PaymentIntent with one of the following statuses may be"
            f" canceled: {', '.join(_CANCELABLE)}, processing.",
            intent,
        )
    if intent["status"] == "requires_capture":
        charge = call.book.charges[intent["latest_charge"]]
        charge.update(refunded=True, amount_refunded=charge["amount"])
        call.emit("charge.refunded", charge)
    intent.update(
        status="canceled",
        amount_capturable=0,
        canceled_at=call.created,
        cancellation_reason=call.params.get("cancellation_reason"),
        next_action=None,
    )
    call.emit("payment_intent.canceled", intent)
    return intent


def capture(call: Call) -> Json:
    intent = call.the("payment_intent", param="intent")
    if intent["status"] != "requires_capture":
        raise unexpected_state(
            "This PaymentIntent could not be captured because it has a status of"
            f" {intent['status']}. Only a PaymentIntent with one of the following statuses may be"
            " captured: requires_capture.",
            intent,
        )
    amount: int = {"amount_to_capture": intent["amount_capturable"], **call.params}[
        "amount_to_capture"
    ]
    if amount > intent["amount_capturable"]:
        raise invalid(
            f"The requested capture amount ({amount}) is greater than the amount you can capture"
            f" ({intent['amount_capturable']}) for this PaymentIntent.",
            param="amount_to_capture",
            code="amount_too_large",
        )
    charge = call.book.charges[intent["latest_charge"]]
    captured(call, intent, charge, amount)
    call.emit("charge.captured", charge)
    call.emit("payment_intent.succeeded", intent)
    return intent


def list_all(call: Call) -> Json:
    intents: Any = call.book.payment_intents.values()
    if (customer := call.referred("customer", "customer")) is not None:
        intents = [intent for intent in intents if intent["customer"] == customer["id"]]
    return page(call, intents, "payment_intent")


def _check_descriptors(call: Call) -> None:
    for name in ("statement_descriptor", "statement_descriptor_suffix"):
        text = call.params.get(name)
        if not text:
            continue
        if len(text) > _DESCRIPTOR_LENGTH:
            raise bad_parameter(
                f"The {name} must be at most {_DESCRIPTOR_LENGTH} characters.", param=name
            )
        if _BANNED_IN_DESCRIPTOR & set(text) or not any(letter.isalpha() for letter in text):
            raise bad_parameter(
                f"The {name} must contain at least one alphabetic character and none of"
                " < > \\ ' \" *.",
                param=name,
            )


_ONE = "/v1/payment_intents/{id}"
OPERATIONS = (
    Operation("POST", "/v1/payment_intents", create, _CREATE_SPEC, ("amount", "currency")),
    Operation("GET", _ONE, retrieve, {**EXPAND, **SECRET_SPEC}, publishable=True),
    Operation("POST", _ONE, update, _UPDATE_SPEC),
    Operation("POST", f"{_ONE}/confirm", confirm_existing, _CONFIRM_SPEC, publishable=True),
    Operation(
        "POST",
        f"{_ONE}/_authenticate",
        authenticate,
        {**SECRET_SPEC, "outcome": one_of("success", "fail")},
        ("outcome",),
        publishable=True,
    ),
    Operation(
        "POST",
        f"{_ONE}/cancel",
        cancel,
        {
            **EXPAND,
            "cancellation_reason": one_of(
                "duplicate", "fraudulent", "requested_by_customer", "abandoned"
            ),
        },
    ),
    Operation(
        "POST",
        f"{_ONE}/capture",
        capture,
        {**EXPAND, "amount_to_capture": integer(least=1), "final_capture": boolean},
    ),
    Operation(
        "GET",
        "/v1/payment_intents",
        list_all,
        {**PAGING, **EXPAND, "customer": string(), "created": moment},
    ),
)
