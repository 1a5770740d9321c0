"""SetupIntents: save a payment method for later, with 3-D Secure where the card wants it."""

from __future__ import annotations

import copy

from splynx_stripe.sandbox.stripe import mandates, objects
from splynx_stripe.sandbox.stripe.call import Call, Operation, page
from splynx_stripe.sandbox.stripe.cards import Decline, TestCard
from splynx_stripe.sandbox.stripe.errors import StripeError, unexpected_state
from splynx_stripe.sandbox.stripe.forms import (
    EXPAND,
    PAGING,
    Spec,
    boolean,
    integer,
    list_of,
    merged_metadata,
    moment,
    one_of,
    string,
)
from splynx_stripe.sandbox.stripe.intents import (
    BASE_SPEC,
    CONFIRM_SPEC,
    METHOD_SPEC,
    SECRET_SPEC,
    TYPES_SPEC,
    chosen_method,
    needs_return_url,
    opened,
    set_method_types,
)
from splynx_stripe.sandbox.stripe.payment_methods import attach_to, behind, declined
from splynx_stripe.sandbox.stripe.payments import (
    AUTHENTICATION_FAILED,
    Terms,
    check_owner,
    next_action,
)
from splynx_stripe.sandbox.stripe.state import Json

_OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")
_UPDATE_SPEC: Spec = BASE_SPEC
_CREATE_SPEC: Spec = {
    **BASE_SPEC,
    **TYPES_SPEC,
    **CONFIRM_SPEC,
    "confirm": boolean,
    "usage": one_of("off_session", "on_session"),
}
_CONFIRM_SPEC: Spec = {**EXPAND, **METHOD_SPEC, **CONFIRM_SPEC, **SECRET_SPEC}


def create(call: Call) -> Json:
    made = objects.setup_intent(call)
    set_method_types(call, made, None)
    customer = call.referred("customer", "customer")
    made["customer"] = customer["id"] if customer else None
    made.update(call.changed(("description", "usage")))
    made["metadata"] = merged_metadata({}, call.params.get("metadata", {}))
    confirming = call.params.get("confirm", False)
    if confirming and (error := needs_return_url(call, made)) is not None:
        raise error
    method = chosen_method(call)
    _choose(made, method)
    if confirming and method is None:
        raise _no_method(made)
    call.book.setup_intents[made["id"]] = made
    call.emit("setup_intent.created", made)
    return _confirm(call, made, method) if confirming and method else made


def _choose(intent: Json, method: Json | None) -> None:
    if method is not None:
        check_owner(intent, method)
        intent.update(payment_method=method["id"], status="requires_confirmation")


def retrieve(call: Call) -> Json:
    return _shown(call, opened(call, "setup_intent"))


def _shown(call: Call, intent: Json) -> Json:
    seen = copy.deepcopy(intent)
    if call.publishable:
        for name in ("metadata", "customer", "customer_account", "latest_attempt"):
            seen.pop(name, None)
    return seen


def update(call: Call) -> Json:
    intent = call.the("setup_intent", param="intent")
    if "payment_method" in call.params and intent["status"] not in _OPEN:
        raise _wrong_status(intent, "update", _OPEN)
    if "metadata" in call.params:
        intent["metadata"] = merged_metadata(intent["metadata"], call.params["metadata"])
    if (customer := call.referred("customer", "customer")) is not None:
        intent["customer"] = customer["id"]
    intent.update(call.changed(("description",)))
    _choose(intent, chosen_method(call))
    return intent


def confirm_existing(call: Call) -> Json:
    intent = opened(call, "setup_intent")
    if intent["status"] not in _OPEN:
        raise _wrong_status(_shown(call, intent), "confirm", _OPEN)
    if (error := needs_return_url(call, intent)) is not None:
        raise error
    method = chosen_method(call)
    if method is None and intent["payment_method"]:
        method = call.book.payment_methods[intent["payment_method"]]
    if method is None:
        raise _no_method(_shown(call, intent))
    return _shown(call, _confirm(call, intent, method))


def _confirm(call: Call, intent: Json, method: Json) -> Json:
    check_owner(intent, method)
    test = behind(call, method)
    intent.update(payment_method=method["id"], last_setup_error=None, next_action=None)
    if isinstance(test, TestCard):
        if test.decline is not None and test.decline_on_attach:
            raise _refused(call, intent, method, test.decline)
        if test.always_3ds or test.setup_3ds:
            in_browser = call.publishable or bool(call.params.get("use_stripe_sdk"))
            terms = Terms(return_url=call.params.get("return_url"), in_browser=in_browser)
            intent.update(status="requires_action", next_action=next_action(call, intent, terms))
            call.emit("setup_intent.requires_action", intent)
            return intent
    elif test.microdeposits:
        intent.update(
            status="requires_action",
            next_action=mandates.wants_proof(call, intent, test.microdeposits),
        )
        call.emit("setup_intent.requires_action", intent)
        return intent
    return _succeed(call, intent, method)


def _succeed(call: Call, intent: Json, method: Json) -> Json:
    intent.update(status="succeeded", next_action=None)
    if method["type"] not in {"card", "link"}:
        intent["mandate"] = mandates.made_for(call, method)["id"]
    call.book.authenticated.add(method["id"])
    if intent["customer"]:
        attach_to(call, method, intent["customer"])
    call.emit("setup_intent.succeeded", intent)
    return intent


def _refused(call: Call, intent: Json, method: Json, decline: Decline) -> StripeError:
    _reopen(intent, {**declined(decline).body, "payment_method": copy.deepcopy(method)})
    call.emit("setup_intent.setup_failed", intent)
    return declined(
        decline, setup_intent=_shown(call, intent), payment_method=copy.deepcopy(method)
    )


def _reopen(intent: Json, error: Json) -> None:
    intent.update(
        status="requires_payment_method",
        payment_method=None,
        next_action=None,
        last_setup_error=error,
    )


def authenticate(call: Call) -> Json:
    """Not in Stripe's API: the sandbox's stripe.js says here how 3-D Secure ended."""
    intent = opened(call, "setup_intent")
    if intent["status"] != "requires_action":
        raise _wrong_status(_shown(call, intent), "authenticate", ("requires_action",))
    return _shown(call, authenticated(call, intent, success=call.params["outcome"] == "success"))


def authenticated(call: Call, intent: Json, *, success: bool) -> Json:
    """The customer came back from 3-D Secure."""
    method = call.book.payment_methods[intent["payment_method"]]
    if success:
        return _succeed(call, intent, method)
    error = {
        "code": "setup_intent_authentication_failure",
        "message": AUTHENTICATION_FAILED,
        "payment_method": copy.deepcopy(method),
        "type": "invalid_request_error",
    }
    _reopen(intent, error)
    call.emit("setup_intent.setup_failed", intent)
    return intent


def verify(call: Call) -> Json:
    """The customer has read the amounts, or the code, on the statement of the bank."""
    intent = call.the("setup_intent", param="intent")
    if intent["status"] != "requires_action":
        raise _wrong_status(intent, "verify", ("requires_action",))
    mandates.check_proof(call, intent)
    return _succeed(call, intent, call.book.payment_methods[intent["payment_method"]])


def cancel(call: Call) -> Json:
    intent = call.the("setup_intent", param="intent")
    if intent["status"] not in _OPEN:
        raise _wrong_status(intent, "cancel", _OPEN)
    reason = call.params.get("cancellation_reason")
    intent.update(status="canceled", cancellation_reason=reason, next_action=None)
    call.emit("setup_intent.canceled", intent)
    return intent


def list_all(call: Call) -> Json:
    chosen = list(call.book.setup_intents.values())
    for name in ("customer", "payment_method"):
        if (wanted := call.referred(name, name)) is not None:
            chosen = [intent for intent in chosen if intent[name] == wanted["id"]]
    return page(call, chosen, "setup_intent")


def _no_method(intent: Json) -> Exception:
    return unexpected_state(
        "You cannot confirm this SetupIntent because it's missing a payment method. Update the"
        " SetupIntent with a payment method and then confirm it again.",
        intent,
    )


def _wrong_status(intent: Json, verb: str, allowed: tuple[str, ...]) -> Exception:
    past = {"cancel": "canceled", "confirm": "confirmed", "update": "updated"}.get(verb, f"{verb}d")
    return unexpected_state(
        f"You cannot {verb} this SetupIntent because it has a status of {intent['status']}. Only a"
        f" SetupIntent with one of the following statuses may be {past}: {', '.join(allowed)}.",
        intent,
    )


_ONE = "/v1/setup_intents/{id}"
OPERATIONS = (
    Operation("POST", "/v1/setup_intents", create, _CREATE_SPEC),
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
        f"{_ONE}/verify_microdeposits",
        verify,
        {
            **EXPAND,
            **SECRET_SPEC,
            "amounts": list_of(integer(least=1)),
            "descriptor_code": string(),
        },
        publishable=True,
    ),
    Operation(
        "POST",
        f"{_ONE}/cancel",
        cancel,
        {
            **EXPAND,
            "cancellation_reason": one_of("abandoned", "requested_by_customer", "duplicate"),
        },
    ),
    Operation(
        "GET",
        "/v1/setup_intents",
        list_all,
        {
            **PAGING,
            **EXPAND,
            "customer": string(),
            "payment_method": string(),
            "created": moment,
        },
    ),
)
