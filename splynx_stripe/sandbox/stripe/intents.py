"""What PaymentIntents and SetupIntents have in common: method types, secrets, states."""

from __future__ import annotations

from splynx_stripe.sandbox.stripe.call import Call
from splynx_stripe.sandbox.stripe.errors import (
    StripeError,
    bad_parameter,
    invalid,
    resource_missing,
)
from splynx_stripe.sandbox.stripe.forms import (
    EXPAND,
    Kind,
    Spec,
    Tree,
    anything,
    boolean,
    either,
    list_of,
    metadata,
    obj,
    one_of,
    string,
)
from splynx_stripe.sandbox.stripe.payment_methods import CARD_SPEC, DATA_SPEC, made_from, referred
from splynx_stripe.sandbox.stripe.state import Book, Json

WORDS = {"payment_intent": "PaymentIntent", "setup_intent": "SetupIntent"}


def removed(value: Tree, param: str) -> None:
    """A parameter that API version 2026-09-30.endive took away (stripe-api.md, section 0)."""
    del value
    raise bad_parameter(
        f"The `{param}` parameter is no longer supported. Use `allowed_payment_method_types` or"
        " `automatic_payment_methods` instead.",
        param=param,
        code="payment_method_types_no_longer_supported",
    )


METHOD_SPEC: Spec = {
    "payment_method": string(),
    "payment_method_data": obj({**DATA_SPEC, "card": obj(CARD_SPEC)}, ("type",)),
    "payment_method_options": anything,
    "payment_method_types": removed,
}
TYPES_SPEC: Spec = {
    "allowed_payment_method_types": list_of(string()),
    "automatic_payment_methods": obj(
        {"enabled": boolean, "allow_redirects": one_of("always", "never")}, ("enabled",)
    ),
    "excluded_payment_method_types": list_of(string()),
    "payment_method_configuration": string(),
}
_ACCEPTANCE: Kind = obj(
    {
        "accepted_at": string(),
        "offline": anything,
        "online": obj({"ip_address": string(), "user_agent": string()}),
        "type": one_of("offline", "online"),
    }
)
CONFIRM_SPEC: Spec = {
    "mandate": string(),
    "mandate_data": obj({"customer_acceptance": _ACCEPTANCE}),
    "return_url": string(),
    "use_stripe_sdk": boolean,
}
BASE_SPEC: Spec = {
    **EXPAND,
    **METHOD_SPEC,
    "customer": string(),
    "description": string(),
    "metadata": metadata,
}
SECRET_SPEC: Spec = {"client_secret": string()}
OFF_SESSION: Kind = either(one_of("true", "false", "one_off", "recurring"), anything)
_BANKS_BY_CURRENCY: dict[str | None, tuple[str, ...]] = {
    "usd": ("us_bank_account", "acss_debit"),
    "aud": ("au_becs_debit",),
    "cad": ("acss_debit",),
    None: ("us_bank_account", "au_becs_debit", "acss_debit"),
}
_EXCLUSIVE = (
    "automatic_payment_methods",
    "allowed_payment_method_types",
    "payment_method_configuration",
)


def set_method_types(call: Call, intent: Json, currency: str | None) -> None:
    """Decides which kinds of payment methods the intent takes.

    Those that do not fit the currency are left out silently, as Stripe does.
    """
    sent = [name for name in _EXCLUSIVE if name in call.params]
    if len(sent) > 1:
        raise bad_parameter(
            f"You may only specify one of these parameters: {', '.join(sent)}.", param=sent[1]
        )
    fitting = ["card", "link", *_BANKS_BY_CURRENCY.get(currency, ())]
    allowed = call.params.get("allowed_payment_method_types")
    if allowed:
        intent["allowed_payment_method_types"] = allowed
        intent["automatic_payment_methods"] = None
    else:
        wanted = call.params.get("automatic_payment_methods", {"enabled": True})
        redirects = wanted.get("allow_redirects", "always")
        intent["automatic_payment_methods"] = {
            "enabled": wanted["enabled"],
            "allow_redirects": redirects,
        }
    excluded = call.params.get("excluded_payment_method_types") or ()
    kinds = [kind for kind in allowed or fitting if kind in fitting and kind not in excluded]
    if not kinds:
        raise invalid(
            "No valid payment method types for this Payment Intent. Please ensure that you have"
            " activated payment methods compatible with your chosen currency in your dashboard or"
            " `allowed_payment_method_types`.",
        )
    intent["payment_method_types"] = kinds
    intent["payment_method_options"] = {
        kind: dict(_OPTIONS[kind]) for kind in kinds if kind in _OPTIONS
    }
    if intent["object"] == "payment_intent" and "card" in kinds:
        intent["payment_method_options"]["card"]["installments"] = None


_OPTIONS: dict[str, Json] = {
    "card": {"mandate_options": None, "network": None, "request_three_d_secure": "automatic"},
    "link": {"persistent_token": None},
}


def chosen_method(call: Call) -> Json | None:
    """Gives the PaymentMethod that the parameters name or describe, None if neither."""
    if (data := call.params.get("payment_method_data")) is not None:
        return made_from(call, data)
    return referred(call)


def needs_return_url(call: Call, intent: Json) -> StripeError | None:
    """On the server, automatic methods that may redirect want to know where to lead back to."""
    automatic = intent["automatic_payment_methods"] or {}
    exempt = call.publishable or call.params.get("use_stripe_sdk") or is_off_session(call)
    if exempt or call.params.get("return_url") or automatic.get("allow_redirects") != "always":
        return None
    word = WORDS[intent["object"]]
    return invalid(
        f"This {word} is configured to accept payment methods enabled in your Dashboard. Because"
        " some of these payment methods might redirect your customer off of your page, you must"
        " provide a `return_url`. If you don't want to accept redirect-based payment methods, set"
        " `automatic_payment_methods[enabled]` to `true` and"
        " `automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and"
        " Payment Intents.",
        param="return_url",
    )


def is_off_session(call: Call) -> bool:
    return bool(call.params.get("off_session", "false") != "false")


def opened(call: Call, kind: str) -> Json:
    """Gives the intent of the path; with a publishable key only against its client secret."""
    intent = call.the(kind, param="intent")
    secret = call.params.get("client_secret")
    if call.publishable and not secret:
        raise bad_parameter(
            "Missing required param: client_secret.",
            param="client_secret",
            code="parameter_missing",
        )
    if secret and secret != intent["client_secret"]:
        raise resource_missing(kind, call.path_id, param="intent", by_path=True)
    return intent


def of_secret(book: Book, intent_id: str, secret: str) -> Json | None:
    """Gives the intent of either kind that this client secret opens."""
    intent = book.payment_intents.get(intent_id) or book.setup_intents.get(intent_id)
    return intent if intent is not None and intent["client_secret"] == secret else None
