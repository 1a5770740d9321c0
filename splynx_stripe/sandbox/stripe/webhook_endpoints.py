"""Webhook endpoints (the secret is shown once, when made) and the account itself."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from splynx_stripe.sandbox.stripe.call import Call, Operation, page
from splynx_stripe.sandbox.stripe.errors import bad_parameter, invalid
from splynx_stripe.sandbox.stripe.forms import (
    EXPAND,
    PAGING,
    Spec,
    boolean,
    list_of,
    merged_metadata,
    metadata,
    string,
)
from splynx_stripe.sandbox.stripe.state import Json

MAX_ENDPOINTS = 16
_EVENT_NAME = re.compile(r"\*|[a-z0-9_]+(\.[a-z0-9_]+)+")
_SPEC: Spec = {
    **EXPAND,
    "description": string(),
    "enabled_events": list_of(string()),
    "metadata": metadata,
    "url": string(),
}


def create(call: Call) -> Json:
    _check(call)
    if len(call.book.webhook_endpoints) >= MAX_ENDPOINTS:
        raise invalid(
            f"You have reached the maximum of {MAX_ENDPOINTS} {call.book.mode} webhook endpoints."
        )
    made: Json = {
        "id": call.state.new_id("we"),
        "object": "webhook_endpoint",
        "api_version": call.params.get("api_version"),
        "application": None,
        "created": call.created,
        "description": call.params.get("description"),
        "enabled_events": call.params["enabled_events"],
        "livemode": call.book.livemode,
        "metadata": merged_metadata({}, call.params.get("metadata", {})),
        "status": "enabled",
        "url": call.params["url"],
    }
    secret = call.state.new_id("whsec")
    call.book.webhook_endpoints[made["id"]] = made
    call.book.webhook_secrets[made["id"]] = secret
    if call.params.get("connect"):
        call.book.connect_endpoints.add(made["id"])
    return {**made, "secret": secret}


def _check(call: Call) -> None:
    url = call.params.get("url")
    if url is not None and (
        urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc
    ):
        raise bad_parameter(
            "Invalid URL: An explicit scheme (such as https) must be provided.",
            param="url",
            code="url_invalid",
        )
    for place, name in enumerate(call.params.get("enabled_events", ())):
        if not _EVENT_NAME.fullmatch(name):
            raise bad_parameter(
                f"Invalid enabled_events[{place}]: must be one of * or the name of an event",
                param=f"enabled_events[{place}]",
            )


def retrieve(call: Call) -> Json:
    return call.the("webhook_endpoint", param="webhook_endpoint")


def update(call: Call) -> Json:
    there = call.the("webhook_endpoint", param="webhook_endpoint")
    _check(call)
    there.update(call.changed(("description", "enabled_events", "url")))
    if "metadata" in call.params:
        there["metadata"] = merged_metadata(there["metadata"], call.params["metadata"])
    if "disabled" in call.params:
        there["status"] = "disabled" if call.params["disabled"] else "enabled"
    return there


def delete(call: Call) -> Json:
    there = call.the("webhook_endpoint", param="webhook_endpoint")
    del call.book.webhook_endpoints[there["id"]]
    del call.book.webhook_secrets[there["id"]]
    call.book.connect_endpoints.discard(there["id"])
    return {"id": there["id"], "object": "webhook_endpoint", "deleted": True}


def list_all(call: Call) -> Json:
    return page(call, call.book.webhook_endpoints.values(), "webhook_endpoint")


def account(call: Call) -> Json:
    key = call.book.key
    return {
        "id": key.account_id,
        "object": "account",
        "business_profile": {
            "mcc": "4814",
            "name": key.name,
            "support_email": None,
            "support_phone": None,
            "url": None,
        },
        "business_type": "company",
        "capabilities": {
            "card_payments": "active",
            "link_payments": "active",
            "us_bank_account_ach_payments": "active",
        },
        "charges_enabled": True,
        "country": key.country,
        "created": call.created,
        "default_currency": key.default_currency,
        "details_submitted": True,
        "email": "sandbox@example.com",
        "metadata": {},
        "payouts_enabled": True,
        "settings": {
            "card_payments": {"statement_descriptor_prefix": "SANDBOX"},
            "dashboard": {"display_name": key.name, "timezone": "Etc/UTC"},
            "payments": {"statement_descriptor": "SANDBOX ISP"},
        },
        "type": "standard",
    }


_ONE = "/v1/webhook_endpoints/{id}"
OPERATIONS = (
    Operation(
        "POST",
        "/v1/webhook_endpoints",
        create,
        {**_SPEC, "api_version": string(), "connect": boolean},
        ("enabled_events", "url"),
    ),
    Operation("GET", _ONE, retrieve, EXPAND),
    Operation("POST", _ONE, update, {**_SPEC, "disabled": boolean}),
    Operation("DELETE", _ONE, delete),
    Operation("GET", "/v1/webhook_endpoints", list_all, {**PAGING, **EXPAND}),
    Operation("GET", "/v1/account", account, EXPAND),
)
