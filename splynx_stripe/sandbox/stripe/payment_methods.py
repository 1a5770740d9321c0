"""PaymentMethods: made from test numbers or test ids, attached, detached, listed.

Unlike the real Stripe, live mode takes the test numbers too (there is no other money here); the
test ids (`pm_card_visa`) work in test mode only, as they do there.
"""

from __future__ import annotations

from datetime import UTC, datetime

from splynx_stripe.sandbox.stripe import objects
from splynx_stripe.sandbox.stripe.call import Call, Operation, page
from splynx_stripe.sandbox.stripe.cards import (
    BANKS_BY_ID,
    BANKS_BY_NUMBER,
    CARDS_BY_ID,
    CARDS_BY_NUMBER,
    TEST_ROUTING_NUMBER,
    Decline,
    TestBankAccount,
    TestCard,
    passes_luhn,
)
from splynx_stripe.sandbox.stripe.errors import (
    StripeError,
    bad_parameter,
    invalid,
    resource_missing,
)
from splynx_stripe.sandbox.stripe.forms import (
    BILLING_DETAILS,
    EXPAND,
    PAGING,
    Spec,
    anything,
    integer,
    merged_metadata,
    metadata,
    obj,
    one_of,
    string,
)
from splynx_stripe.sandbox.stripe.state import Json

KINDS = ("card", "us_bank_account", "au_becs_debit", "acss_debit", "link")
DATA_SPEC: Spec = {
    "allow_redisplay": one_of("always", "limited", "unspecified"),
    "billing_details": BILLING_DETAILS,
    "metadata": metadata,
    "type": one_of(*KINDS),
    "us_bank_account": obj(
        {
            "account_holder_type": one_of("company", "individual"),
            "account_number": string(),
            "account_type": one_of("checking", "savings"),
            "financial_connections_account": string(),
            "routing_number": string(),
        }
    ),
    "au_becs_debit": obj({"account_number": string(), "bsb_number": string()}),
    "acss_debit": obj(
        {
            "account_number": string(),
            "institution_number": string(),
            "transit_number": string(),
        }
    ),
    "radar_options": anything,
}
CARD_SPEC: Spec = {
    "cvc": string(),
    "exp_month": integer(),
    "exp_year": integer(),
    "number": string(),
    "networks": anything,
}
_CREATE_SPEC: Spec = {
    **DATA_SPEC,
    **EXPAND,
    "card": obj(CARD_SPEC, ("number", "exp_month", "exp_year")),
    "customer": string(),
    "payment_method": string(),
}


def create(call: Call) -> Json:
    return made_from(call, call.params)


def made_from(call: Call, data: Json) -> Json:
    """Makes a PaymentMethod from `type`, `card` or `us_bank_account`, and billing details."""
    kind = data.get("type")
    if kind == "card":
        method, number = _card(call, data.get("card") or _missing("card"))
    elif kind == "us_bank_account":
        method, number = _bank(call, data.get("us_bank_account") or _missing("us_bank_account"))
    elif kind in OTHER_BANKS:
        method, number = _other_bank(call, kind, data.get(kind) or _missing(kind))
    else:
        raise bad_parameter("Missing required param: type.", param="type", code="parameter_missing")
    method["billing_details"] = objects.billing_details(data.get("billing_details"))
    method["metadata"] = merged_metadata({}, data.get("metadata", {}))
    method["allow_redisplay"] = data.get("allow_redisplay", "unspecified")
    return _kept(call, method, number)


def _missing(param: str) -> Json:
    raise bad_parameter(f"Missing required param: {param}.", param=param, code="parameter_missing")


def _kept(call: Call, method: Json, number: str) -> Json:
    call.book.payment_methods[method["id"]] = method
    call.book.numbers[method["id"]] = number
    return method


def _card(call: Call, given: Json) -> tuple[Json, str]:
    number = given["number"].replace(" ", "").replace("-", "")
    if not number.isdigit() or not passes_luhn(number):
        raise _card_error("incorrect_number", "Your card number is incorrect.", "number")
    card = CARDS_BY_NUMBER.get(number)
    if card is None:
        message = "Your card was declined. Your request was in test mode, but used a non test card."
        raise _card_error("card_declined", message, "number", decline_code="test_mode_live_card")
    month, year = given["exp_month"], given["exp_year"]
    year += 2000 if year < 100 else 0
    now = call.state.now().astimezone(UTC)
    if not 1 <= month <= 12:
        raise _card_error(
            "invalid_expiry_month", "Your card's expiration month is invalid.", "exp_month"
        )
    if datetime(year, month, 1, tzinfo=UTC) < datetime(now.year, now.month, 1, tzinfo=UTC):
        raise _card_error(
            "invalid_expiry_year", "Your card's expiration year is invalid.", "exp_year"
        )
    cvc = given.get("cvc", "")
    if cvc and not (cvc.isdigit() and len(cvc) in (3, 4)):
        raise _card_error("invalid_cvc", "Your card's security code is invalid.", "cvc")
    details = objects.card_details(call, card, month, year)
    return objects.payment_method(call, "card", details), number


def _card_error(
    code: str, message: str, param: str, decline_code: str | None = None
) -> StripeError:
    fields = {"code": code, "param": param, "decline_code": decline_code}
    return StripeError(402, message, kind="card_error", fields=fields)


def _bank(call: Call, given: Json) -> tuple[Json, str]:
    number = given.get("account_number", "")
    bank = BANKS_BY_NUMBER.get(number)
    if bank is None:
        raise invalid(
            "You must use a test bank account number in test mode. Try 000123456789 or see more"
            " options at https://stripe.com/docs/connect/testing#account-numbers.",
            param="us_bank_account[account_number]",
            code="account_number_invalid",
        )
    if given.get("routing_number") != TEST_ROUTING_NUMBER:
        raise invalid(
            "Invalid routing number. In test mode use 110000000.",
            param="us_bank_account[routing_number]",
            code="routing_number_invalid",
        )
    details = objects.bank_details(call, bank, given)
    return objects.payment_method(call, "us_bank_account", details), number


OTHER_BANKS = {
    "au_becs_debit": {"bsb_number": "000000"},
    "acss_debit": {"institution_number": "000", "transit_number": "11000"},
}
"""The numbers of test banks (docs.stripe.com/payments/{au-becs-debit,acss-debit}, "Test")."""


def _other_bank(call: Call, kind: str, given: Json) -> tuple[Json, str]:
    """Makes an Australian or Canadian account; the account numbers are those of the US tests."""
    number = given.get("account_number", "")
    bank = BANKS_BY_NUMBER.get(number)
    wrong = [name for name, wanted in OTHER_BANKS[kind].items() if given.get(name) != wanted]
    if bank is None or wrong:
        param = f"{kind}[{wrong[0] if wrong else 'account_number'}]"
        raise invalid("You must use a test bank account in test mode.", param=param)
    details = {
        **OTHER_BANKS[kind],
        "fingerprint": objects.fingerprint(call, number),
        "last4": bank.last4,
    }
    if kind == "acss_debit":
        details["bank_name"] = "STRIPE TEST BANK"
    return objects.payment_method(call, kind, details), number


def referred(call: Call, param: str = "payment_method") -> Json | None:
    """Gives the PaymentMethod a parameter names; a test id (`pm_card_visa`) makes a new one."""
    wanted = call.params.get(param)
    if not wanted:
        return None
    return _from_test_id(call, wanted) or call.referred("payment_method", param)


def _from_test_id(call: Call, wanted: str) -> Json | None:
    if call.book.livemode:
        return None
    if (card := CARDS_BY_ID.get(wanted)) is not None:
        details = objects.card_details(call, card, 12, call.state.now().year + 2)
        return _kept(call, objects.payment_method(call, "card", details), card.number)
    if (bank := BANKS_BY_ID.get(wanted)) is not None:
        details = objects.bank_details(call, bank, {"routing_number": TEST_ROUTING_NUMBER})
        return _kept(call, objects.payment_method(call, "us_bank_account", details), bank.number)
    return None


def behind(call: Call, method: Json) -> TestCard | TestBankAccount:
    """Gives the test card or account behind a PaymentMethod."""
    number = call.book.numbers[method["id"]]
    return CARDS_BY_NUMBER.get(number) or BANKS_BY_NUMBER[number]


def declined(decline: Decline, **about: Json | str) -> StripeError:
    """Words a refusal; `about` are the objects that it carries."""
    fields: dict[str, object] = {"code": decline.code}
    if decline.decline_code:
        fields["decline_code"] = decline.decline_code
    return StripeError(402, decline.message, kind="card_error", fields={**fields, **about})


def retrieve(call: Call) -> Json:
    if (made := _from_test_id(call, call.path_id)) is not None:
        return made
    return call.the("payment_method", param="payment_method")


def update(call: Call) -> Json:
    there = call.the("payment_method", param="payment_method")
    if "metadata" in call.params:
        there["metadata"] = merged_metadata(there["metadata"], call.params["metadata"])
    if "billing_details" in call.params:
        there["billing_details"] = objects.billing_details(call.params["billing_details"])
    there.update(call.changed(("allow_redisplay",)))
    call.emit("payment_method.updated", there, {})
    return there


def attach(call: Call) -> Json:
    customer = call.referred("customer", "customer")
    method = _from_test_id(call, call.path_id)
    method = method or call.the("payment_method", param="payment_method")
    if customer is None:
        raise bad_parameter("Missing required param: customer.", param="customer")
    if method["customer"] not in (None, customer["id"]):
        raise invalid(
            "The payment method you provided has already been attached to a customer.",
            code="payment_method_unexpected_state",
        )
    refuse_used_up(call, method)
    test = behind(call, method)
    if isinstance(test, TestCard) and test.decline is not None and test.decline_on_attach:
        raise declined(test.decline)
    attach_to(call, method, customer["id"])
    return method


def attach_to(call: Call, method: Json, customer_id: str) -> None:
    """Saves the method for the customer and tells it."""
    if method["customer"] == customer_id:
        return
    method["customer"] = customer_id
    if method["type"] == "card":
        method["card"]["checks"]["cvc_check"] = "pass"
    call.emit("payment_method.attached", method)


def refuse_used_up(call: Call, method: Json) -> None:
    if method["id"] in call.book.used_up and method["customer"] is None:
        raise invalid(
            "The provided PaymentMethod was previously used with a PaymentIntent without Customer"
            " attachment, shared with a connected account without Customer attachment, or was"
            " detached from a Customer. It may not be used again. To use a PaymentMethod multiple"
            " times, you must attach it to a Customer first.",
            param="payment_method",
        )


def detach(call: Call) -> Json:
    method = call.the("payment_method", param="payment_method")
    if method["customer"] is None:
        raise invalid(
            "The payment method you provided is not attached to a customer so detachment is"
            " impossible."
        )
    owner = method["customer"]
    method["customer"] = None
    call.book.used_up.add(method["id"])
    for customer in call.book.customers.values():
        if customer.get("invoice_settings", {}).get("default_payment_method") == method["id"]:
            customer["invoice_settings"]["default_payment_method"] = None
    call.emit("payment_method.detached", method, {"customer": owner})
    return method


def list_all(call: Call) -> Json:
    call.referred("customer", "customer")
    return _listed(call, call.params.get("customer"))


def retrieve_of_customer(call: Call) -> Json:
    owner = call.the("customer", param="customer")
    wanted = call.path.rsplit("/", 1)[-1]
    method = call.book.payment_methods.get(wanted)
    if method is None or method["customer"] != owner["id"]:
        raise resource_missing("PaymentMethod", wanted, param="payment_method", by_path=True)
    return method


def list_of_customer(call: Call) -> Json:
    call.the("customer", param="customer")
    return _listed(call, call.path_id)


def _listed(call: Call, owner: str | None) -> Json:
    wanted = call.params.get("type")
    chosen = [
        method
        for method in call.book.payment_methods.values()
        if owner is not None and method["customer"] == owner and wanted in (None, method["type"])
    ]
    return page(call, chosen, "payment_method")


_LIST_SPEC: Spec = {**PAGING, **EXPAND, "type": one_of(*KINDS)}
OPERATIONS = (
    Operation("POST", "/v1/payment_methods", create, _CREATE_SPEC, ("type",), publishable=True),
    Operation("GET", "/v1/payment_methods/{id}", retrieve, EXPAND),
    Operation(
        "POST",
        "/v1/payment_methods/{id}",
        update,
        {
            **EXPAND,
            **{
                name: DATA_SPEC[name] for name in ("metadata", "billing_details", "allow_redisplay")
            },
        },
    ),
    Operation(
        "POST",
        "/v1/payment_methods/{id}/attach",
        attach,
        {**EXPAND, "customer": string()},
        ("customer",),
    ),
    Operation("POST", "/v1/payment_methods/{id}/detach", detach, EXPAND),
    Operation("GET", "/v1/payment_methods", list_all, {**_LIST_SPEC, "customer": string()}),
    Operation("GET", "/v1/customers/{id}/payment_methods", list_of_customer, _LIST_SPEC),
    Operation(
        "GET", "/v1/customers/{id}/payment_methods/{payment_method}", retrieve_of_customer, EXPAND
    ),
)
