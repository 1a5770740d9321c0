"""Customers: create, retrieve, update, delete, list."""

from __future__ import annotations

import re

from splynx_stripe.sandbox.stripe import objects
from splynx_stripe.sandbox.stripe.call import Call, Operation, page
from splynx_stripe.sandbox.stripe.errors import bad_parameter
from splynx_stripe.sandbox.stripe.forms import (
    ADDRESS,
    EXPAND,
    PAGING,
    SHIPPING,
    Spec,
    clearable,
    integer,
    list_of,
    merged_metadata,
    metadata,
    moment,
    obj,
    one_of,
    string,
)
from splynx_stripe.sandbox.stripe.state import Json

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_PLAIN = ("address", "description", "email", "name", "phone", "preferred_locales", "shipping")
_SPEC: Spec = {
    **EXPAND,
    "address": clearable(ADDRESS),
    "balance": integer(),
    "description": string(),
    "email": string(longest=512),
    "invoice_prefix": string(longest=12),
    "invoice_settings": obj({"default_payment_method": string(), "footer": string()}),
    "metadata": metadata,
    "name": string(longest=256),
    "phone": string(longest=20),
    "preferred_locales": list_of(string()),
    "shipping": SHIPPING,
    "tax_exempt": one_of("exempt", "none", "reverse"),
}


def create(call: Call) -> Json:
    made = objects.customer(call)
    _apply(call, made)
    if method := call.referred("payment_method", "payment_method"):
        method["customer"] = made["id"]
    call.book.customers[made["id"]] = made
    call.emit("customer.created", made)
    return made


def retrieve(call: Call) -> Json:
    return call.the("customer", param="id")


def update(call: Call) -> Json:
    there = _living(call)
    before = dict(there)
    _apply(call, there)
    changed = {name: before[name] for name in there if there[name] != before[name]}
    if changed:
        call.emit("customer.updated", there, changed)
    return there


def delete(call: Call) -> Json:
    there = _living(call)
    call.emit("customer.deleted", there)
    for method in call.book.payment_methods.values():
        if method["customer"] == there["id"]:
            method["customer"] = None
            call.book.used_up.add(method["id"])
    gone: Json = {"id": there["id"], "object": "customer", "deleted": True}
    call.book.customers[there["id"]] = gone
    return gone


def list_all(call: Call) -> Json:
    living = [there for there in call.book.customers.values() if not there.get("deleted")]
    if (email := call.params.get("email")) is not None:
        living = [there for there in living if there["email"] == email]
    return page(call, living, "customer")


def _living(call: Call) -> Json:
    there = call.the("customer", param="id")
    if there.get("deleted"):
        call.params["customer"] = there["id"]
        call.referred("customer", "customer")
    return there


def _apply(call: Call, there: Json) -> None:
    email = call.params.get("email")
    if email and not _EMAIL.fullmatch(email):
        raise bad_parameter(f"Invalid email address: {email}", param="email", code="email_invalid")
    if "metadata" in call.params:
        there["metadata"] = merged_metadata(there["metadata"], call.params["metadata"])
    there.update(call.changed((*_PLAIN, "balance", "tax_exempt", "invoice_prefix")))
    for name, value in call.params.get("invoice_settings", {}).items():
        if name == "default_payment_method" and value:
            call.state.found(
                call.book,
                "payment_method",
                value,
                param="invoice_settings[default_payment_method]",
                by_path=False,
            )
        there["invoice_settings"] = {**there["invoice_settings"], name: value or None}


OPERATIONS = (
    Operation("POST", "/v1/customers", create, {**_SPEC, "payment_method": string()}),
    Operation("GET", "/v1/customers/{id}", retrieve, EXPAND),
    Operation("POST", "/v1/customers/{id}", update, _SPEC),
    Operation("DELETE", "/v1/customers/{id}", delete),
    Operation(
        "GET",
        "/v1/customers",
        list_all,
        {**PAGING, **EXPAND, "email": string(longest=512), "created": moment},
    ),
)
