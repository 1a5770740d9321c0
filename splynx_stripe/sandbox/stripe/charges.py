"""Charges and balance transactions: what was taken, and what it did to the balance."""

from __future__ import annotations

from splynx_stripe.sandbox.stripe.call import Call, Operation, page
from splynx_stripe.sandbox.stripe.forms import EXPAND, PAGING, moment, string
from splynx_stripe.sandbox.stripe.state import Json


def retrieve(call: Call) -> Json:
    return call.the("charge", param="charge")


def list_all(call: Call) -> Json:
    chosen = list(call.book.charges.values())
    for name in ("customer", "payment_intent"):
        if (wanted := call.referred(name, name)) is not None:
            chosen = [charge for charge in chosen if charge[name] == wanted["id"]]
    return page(call, chosen, "charge")


def retrieve_balance_transaction(call: Call) -> Json:
    return call.the("balance_transaction", param="id")


def list_balance_transactions(call: Call) -> Json:
    chosen = list(call.book.balance_transactions.values())
    for name in ("source", "type", "currency"):
        if wanted := call.params.get(name):
            chosen = [entry for entry in chosen if entry[name] == wanted]
    return page(call, chosen, "balance_transaction")


OPERATIONS = (
    Operation("GET", "/v1/charges/{id}", retrieve, EXPAND),
    Operation(
        "GET",
        "/v1/charges",
        list_all,
        {
            **PAGING,
            **EXPAND,
            "customer": string(),
            "payment_intent": string(),
            "created": moment,
        },
    ),
    Operation("GET", "/v1/balance_transactions/{id}", retrieve_balance_transaction, EXPAND),
    Operation(
        "GET",
        "/v1/balance_transactions",
        list_balance_transactions,
        {
            **PAGING,
            **EXPAND,
            "created": moment,
            "currency": string(),
            "source": string(),
            "type": string(),
        },
    ),
)
