"""Refunds: full, partial, refused, pending, failing later."""

from __future__ import annotations

from splynx_stripe.domain.money import Money
from splynx_stripe.sandbox.stripe import objects
from splynx_stripe.sandbox.stripe.call import Call, Operation, page
from splynx_stripe.sandbox.stripe.cards import TestBankAccount
from splynx_stripe.sandbox.stripe.errors import bad_parameter, invalid
from splynx_stripe.sandbox.stripe.forms import (
    EXPAND,
    PAGING,
    Spec,
    integer,
    merged_metadata,
    metadata,
    moment,
    one_of,
    string,
)
from splynx_stripe.sandbox.stripe.payment_methods import behind
from splynx_stripe.sandbox.stripe.state import Json

_CREATE_SPEC: Spec = {
    **EXPAND,
    "amount": integer(least=1),
    "charge": string(),
    "metadata": metadata,
    "payment_intent": string(),
    "reason": one_of("duplicate", "fraudulent", "requested_by_customer"),
}


def create(call: Call) -> Json:
    charge = _charge(call)
    amount = _amount(call, charge)
    made = objects.refund(call, charge, amount)
    made["reason"] = call.params.get("reason")
    made["metadata"] = merged_metadata({}, call.params.get("metadata", {}))
    call.book.refunds[made["id"]] = made
    _take_back(charge, amount)
    test = behind(call, call.book.payment_methods[charge["payment_method"]])
    entry = objects.balance_transaction(
        call,
        made,
        "refund" if charge["payment_method_details"]["type"] == "card" else "payment_refund",
        -amount,
        0,
    )
    made["balance_transaction"] = entry["id"]
    if isinstance(test, TestBankAccount) or test.refund_pending:
        made["pending_reason"] = "processing"
        _later(call, made, failing=False)
    else:
        made["status"] = "succeeded"
        if test.refund_fails:
            _later(call, made, failing=True)
    call.emit("refund.created", made)
    call.emit("charge.refunded", charge)
    return made


def _charge(call: Call) -> Json:
    intent = call.referred("payment_intent", "payment_intent")
    charge = call.referred("charge", "charge")
    if charge is None and intent is None:
        raise bad_parameter(
            "One of the following params should be provided for this request: payment_intent or"
            " charge.",
            param=None,
            code="parameter_missing",
        )
    if charge is None and intent is not None and intent["latest_charge"]:
        charge = call.book.charges[intent["latest_charge"]]
    if charge is None or charge["status"] != "succeeded" or not charge["captured"]:
        name = intent["id"] if intent is not None else call.params.get("charge")
        raise invalid(
            f"This PaymentIntent ({name}) does not have a successful charge to refund.",
            param="payment_intent" if intent is not None else "charge",
        )
    return charge


def _amount(call: Call, charge: Json) -> int:
    left = charge["amount_captured"] - charge["amount_refunded"]
    if left == 0:
        raise invalid(
            f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
        )
    amount: int = {"amount": left, **call.params}["amount"]
    if amount > left:
        code = charge["currency"].upper()
        raise invalid(
            f"Refund amount ({Money(amount, code)}) is greater than unrefunded amount on charge"
            f" ({Money(left, code)})",
            param="amount",
        )
    return amount


def _take_back(charge: Json, amount: int) -> None:
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]


def _later(call: Call, refund: Json, *, failing: bool) -> None:
    later = call.afterwards()

    def settle() -> None:
        if failing:
            fail(later, refund)
        elif refund["status"] == "pending":
            refund.pop("pending_reason", None)
            refund["status"] = "succeeded"
            later.emit("refund.updated", refund, {"status": "pending"})
            later.emit("charge.refund.updated", refund, {"status": "pending"})

    call.state.later(call.state.switches.refund_delay_s, settle)


def fail(call: Call, refund: Json) -> None:
    """The money came back from the customer's bank; the charge counts as not refunded again."""
    entry = objects.balance_transaction(call, refund, "refund_failure", refund["amount"], 0)
    refund.update(
        status="failed",
        failure_reason="unknown",
        failure_balance_transaction=entry["id"],
    )
    _take_back(call.book.charges[refund["charge"]], -refund["amount"])
    for kind in ("refund.failed", "refund.updated", "charge.refund.updated"):
        call.emit(kind, refund, None if kind == "refund.failed" else {"status": "succeeded"})


def retrieve(call: Call) -> Json:
    return call.the("refund", param="refund")


def update(call: Call) -> Json:
    there = call.the("refund", param="refund")
    before = there["metadata"]
    there["metadata"] = merged_metadata(before, call.params.get("metadata", {}))
    call.emit("refund.updated", there, {"metadata": before})
    return there


def cancel(call: Call) -> Json:
    there = call.the("refund", param="refund")
    if there["status"] != "requires_action":
        raise invalid(
            f"Refund {there['id']} has a status of {there['status']} and cannot be canceled. Only"
            " refunds with a status of requires_action can be canceled."
        )
    there["status"] = "canceled"
    _take_back(call.book.charges[there["charge"]], -there["amount"])
    call.emit("refund.updated", there, {"status": "requires_action"})
    return there


def list_all(call: Call) -> Json:
    chosen = list(call.book.refunds.values())
    for name in ("charge", "payment_intent"):
        if (wanted := call.referred(name, name)) is not None:
            chosen = [refund for refund in chosen if refund[name] == wanted["id"]]
    return page(call, chosen, "refund")


OPERATIONS = (
    Operation("POST", "/v1/refunds", create, _CREATE_SPEC),
    Operation("GET", "/v1/refunds/{id}", retrieve, EXPAND),
    Operation("POST", "/v1/refunds/{id}", update, {**EXPAND, "metadata": metadata}),
    Operation("POST", "/v1/refunds/{id}/cancel", cancel, EXPAND),
    Operation(
        "GET",
        "/v1/refunds",
        list_all,
        {
            **PAGING,
            **EXPAND,
            "charge": string(),
            "payment_intent": string(),
            "created": moment,
        },
    ),
)
