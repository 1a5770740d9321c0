"""Confirms a PaymentIntent: the charge, its outcome, 3-D Secure, bank debits, and their events."""

from __future__ import annotations

import copy
from dataclasses import dataclass

from splynx_stripe.sandbox.stripe import objects
from splynx_stripe.sandbox.stripe.call import Call
from splynx_stripe.sandbox.stripe.cards import (
    AUTHENTICATION_REQUIRED,
    Decline,
    TestBankAccount,
    TestCard,
)
from splynx_stripe.sandbox.stripe.errors import StripeError, bad_parameter, invalid
from splynx_stripe.sandbox.stripe.payment_methods import (
    attach_to,
    behind,
    declined,
    refuse_used_up,
)
from splynx_stripe.sandbox.stripe.state import Json

AUTHENTICATION_FAILED = (
    "We are unable to authenticate your payment method. Please choose a different payment method"
    " and try again."
)
_PRIVATE = (
    "metadata",
    "customer",
    "customer_account",
    "latest_charge",
    "application",
    "amount_capturable",
    "amount_received",
    "application_fee_amount",
    "on_behalf_of",
    "payment_method_options",
    "review",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_data",
    "transfer_group",
)
"""Fields that a publishable key does not see."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a confirmation is meant.

    `in_browser`: Stripe.js handles the next action itself; otherwise a hosted page does, which
    leads back to `return_url`.
    """

    off_session: bool = False
    return_url: str | None = None
    in_browser: bool = False
    refuse_action: bool = False


def shown(call: Call, intent: Json) -> Json:
    """Gives the intent as the key of the call may see it."""
    seen = copy.deepcopy(intent)
    if call.publishable:
        for name in _PRIVATE:
            seen.pop(name, None)
    return seen


def confirm(call: Call, intent: Json, method: Json, terms: Terms) -> Json:
    """Tries to take the money.

    Raises:
        StripeError: 402 when refused; the intent then waits for another payment method.
    """
    check_usable(call, intent, method)
    test = behind(call, method)
    intent.update(payment_method=method["id"], last_payment_error=None, next_action=None)
    if isinstance(test, TestBankAccount):
        return _debit(call, intent, method, test)
    if test.decline is None and _wants_authentication(call, test, method, terms):
        if terms.off_session or terms.refuse_action:
            raise _refused(call, intent, method, AUTHENTICATION_REQUIRED)
        return _ask_to_authenticate(call, intent, terms)
    decline = test.decline or (test.decline_off_session if terms.off_session else None)
    if decline is not None:
        raise _refused(call, intent, method, decline)
    return _paid(call, intent, method, _new_charge(call, intent, method))


def check_usable(call: Call, intent: Json, method: Json) -> None:
    """Refuses a method, or a mandate, that cannot be charged like this; nothing is made then."""
    refuse_used_up(call, method)
    kind, allowed = method["type"], intent["payment_method_types"]
    if kind not in allowed:
        raise invalid(
            f"The PaymentMethod provided ({kind}) is not allowed for this PaymentIntent. Please"
            f" attach one of the following payment method types: {', '.join(allowed)}.",
            param="payment_method",
        )
    check_owner(intent, method)
    _check_mandate(call, method)
    if kind == "card" and intent["statement_descriptor"]:
        raise bad_parameter(
            "The statement_descriptor parameter is not supported for the payment method type"
            " `card`. Please use statement_descriptor_suffix instead.",
            param="statement_descriptor",
        )


def _check_mandate(call: Call, method: Json) -> None:
    if (mandate := call.referred("mandate", "mandate")) is None:
        return
    if mandate["payment_method"] != method["id"] or mandate["status"] != "active":
        raise invalid(
            f"The mandate `{mandate['id']}` cannot be used: it is {mandate['status']}, or of another"
            " payment method.",
            param="mandate",
            code="payment_intent_mandate_invalid",
        )


def check_owner(intent: Json, method: Json) -> None:
    """Refuses a saved method of somebody else, or one whose customer was not said."""
    owner = method["customer"]
    if owner is None or owner == intent["customer"]:
        return
    if intent["customer"] is None:
        raise invalid(
            f"The payment method `{method['id']}` you provided is attached to a customer so for"
            " security purposes you must provide the customer in the request.",
            param="payment_method",
        )
    raise invalid(
        f"The customer does not have a payment method with the ID {method['id']}. The payment"
        " method must be attached to the customer.",
        param="payment_method",
        code="resource_missing",
    )


def _wants_authentication(call: Call, test: TestCard, method: Json, terms: Terms) -> bool:
    if test.always_3ds:
        return True
    if not test.setup_3ds:
        return False
    return not (terms.off_session and method["id"] in call.book.authenticated)


def _ask_to_authenticate(call: Call, intent: Json, terms: Terms) -> Json:
    intent["next_action"] = next_action(call, intent, terms)
    intent["status"] = "requires_action"
    call.emit("payment_intent.requires_action", intent)
    return intent


def next_action(call: Call, intent: Json, terms: Terms) -> Json:
    """Says how the customer authenticates: in Stripe.js, or on a page that leads back."""
    if terms.in_browser or not terms.return_url:
        source = call.state.new_id("src")
        return {
            "type": "use_stripe_sdk",
            "use_stripe_sdk": {"source": source, "type": "three_d_secure_redirect"},
        }
    url = f"{call.origin}/_sandbox/authenticate/{intent['id']}?secret={intent['client_secret']}"
    return {
        "type": "redirect_to_url",
        "redirect_to_url": {"return_url": terms.return_url, "url": url},
    }


def authenticated(call: Call, intent: Json, *, success: bool) -> Json:
    """The customer came back from 3-D Secure. A failure is an answer, not an error."""
    method = call.book.payment_methods[intent["payment_method"]]
    intent["next_action"] = None
    if not success:
        error = _error_of(
            Decline("payment_intent_authentication_failure", "", AUTHENTICATION_FAILED), method
        )
        _reopen(intent, {**error, "type": "invalid_request_error"})
        call.emit("payment_intent.payment_failed", intent)
        return intent
    call.book.authenticated.add(method["id"])
    return _paid(call, intent, method, _new_charge(call, intent, method))


def _new_charge(call: Call, intent: Json, method: Json) -> Json:
    charge = objects.charge(call, intent, method)
    call.book.charges[charge["id"]] = charge
    intent["latest_charge"] = charge["id"]
    return charge


def _paid(call: Call, intent: Json, method: Json, charge: Json) -> Json:
    charge.update(
        status="succeeded",
        paid=True,
        outcome=objects.outcome(paid=True),
        receipt_url=f"https://pay.stripe.com/receipts/payment/{charge['id']}",
    )
    intent["next_action"] = None
    _keep_or_use_up(call, intent, method)
    if intent["capture_method"] == "manual":
        intent.update(status="requires_capture", amount_capturable=intent["amount"])
        call.emit("charge.succeeded", charge)
        call.emit("payment_intent.amount_capturable_updated", intent)
        return intent
    captured(call, intent, charge, intent["amount"])
    call.emit("charge.succeeded", charge)
    call.emit("payment_intent.succeeded", intent)
    return intent


def _keep_or_use_up(call: Call, intent: Json, method: Json) -> None:
    if method["customer"] is not None:
        return
    if intent["setup_future_usage"] and intent["customer"]:
        attach_to(call, method, intent["customer"])
    else:
        call.book.used_up.add(method["id"])


def captured(call: Call, intent: Json, charge: Json, amount: int) -> None:
    """Moves the money of a charge: amounts, status, and its entry in the balance."""
    charge.update(captured=True, amount_captured=amount)
    intent.update(status="succeeded", amount_received=amount, amount_capturable=0)
    later = call.afterwards()

    def enter() -> None:
        kind = "charge" if charge["payment_method_details"]["type"] == "card" else "payment"
        entry = objects.balance_transaction(later, charge, kind, amount, objects.fee_of(amount))
        charge["balance_transaction"] = entry["id"]

    def enter_late() -> None:
        enter()
        later.emit("charge.updated", charge, {"balance_transaction": None})

    delay_s = call.state.switches.balance_transaction_delay_s
    if delay_s and intent["capture_method"] == "automatic_async":
        call.state.later(delay_s, enter_late)
    else:
        enter()


def _refused(call: Call, intent: Json, method: Json, decline: Decline) -> StripeError:
    charge = _new_charge(call, intent, method)
    _fail(call, intent, charge, decline)
    error = declined(
        decline,
        charge=charge["id"],
        payment_intent=shown(call, intent),
        payment_method=copy.deepcopy(method),
    )
    error.body["advice_code"] = "try_again_later"
    return error


def _fail(call: Call, intent: Json, charge: Json, decline: Decline) -> None:
    method = call.book.payment_methods[charge["payment_method"]]
    charge.update(
        status="failed",
        failure_code=decline.code,
        failure_message=decline.message,
        outcome=objects.outcome(
            paid=False, reason=decline.decline_code or decline.code, message=decline.message
        ),
    )
    error = {**_error_of(decline, method), "charge": charge["id"]}
    _reopen(intent, error)
    call.emit("charge.failed", charge)
    call.emit("payment_intent.payment_failed", intent)


def _error_of(decline: Decline, method: Json) -> Json:
    error: Json = {
        "code": decline.code,
        "doc_url": f"https://stripe.com/docs/error-codes/{decline.code.replace('_', '-')}",
        "message": decline.message,
        "payment_method": copy.deepcopy(method),
        "type": "card_error",
    }
    if decline.decline_code:
        error["decline_code"] = decline.decline_code
    return error


def _reopen(intent: Json, error: Json) -> None:
    intent.update(
        status="requires_payment_method",
        payment_method=None,
        next_action=None,
        last_payment_error=error,
    )


def _debit(call: Call, intent: Json, method: Json, bank: TestBankAccount) -> Json:
    charge = _new_charge(call, intent, method)
    intent["status"] = "processing"
    call.emit("payment_intent.processing", intent)
    call.emit("charge.pending", charge)
    later = call.afterwards()

    def settle() -> None:
        if intent["status"] != "processing":
            return
        if bank.failure is None:
            _paid(later, intent, method, charge)
        else:
            _fail(later, intent, charge, bank.failure)

    call.state.later(call.state.switches.bank_debit_delay_s, settle)
    return intent
