"""Signed `payment_intent.succeeded` requests, each with an id of its own, as Stripe sends them."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator

_ID = "evt_" + "0" * 24
_INTENT = "pi_" + "0" * 24
_ABOUT_KB = 3.4
"""The size of a real event of this type; `performance.md` of the project measured with it."""

_NOTHING: dict[str, object] = {"request_three_d_secure": "automatic", "installments": None}
_INTENT_OBJECT: dict[str, object] = {
    "id": _INTENT,
    "object": "payment_intent",
    "amount": 17250,
    "amount_capturable": 0,
    "amount_details": {"tip": {}},
    "amount_received": 17250,
    "application": None,
    "application_fee_amount": None,
    "automatic_payment_methods": {"allow_redirects": "always", "enabled": True},
    "canceled_at": None,
    "cancellation_reason": None,
    "capture_method": "automatic",
    "client_secret": f"{_INTENT}_secret_JdP4xbPqTnzQYqHN6Y0gbEKVt",
    "confirmation_method": "automatic",
    "created": 1795000000,
    "currency": "eur",
    "customer": "cus_T9Qyv2mB1xAaYf",
    "description": "Invoice 202611000042 of customer 17",
    "excluded_payment_method_types": None,
    "last_payment_error": None,
    "latest_charge": "ch_3SQ0bWLkdIwHu7ix0cYtRZx1",
    "livemode": False,
    # Another installation's: it is stored, acknowledged and then found to be no concern of ours.
    "metadata": {
        "splynx_stripe_installation": "ins_another",
        "splynx_stripe_partner": "1",
        "splynx_stripe_customer": "17",
        "splynx_stripe_attempt": "att_another",
        "splynx_stripe_document_number": "202611000042",
    },
    "next_action": None,
    "on_behalf_of": None,
    "payment_method": "pm_1SQ0bVLkdIwHu7ixVYyqTAbC",
    "payment_method_configuration_details": {
        "id": "pmc_1LbyT9LkdIwHu7ixVjS6HNvE",
        "parent": None,
    },
    "payment_method_options": {
        "card": _NOTHING | {"mandate_options": None, "network": None},
        "link": {"persistent_token": None},
    },
    "payment_method_types": ["card", "link"],
    "processing": None,
    "receipt_email": None,
    "review": None,
    "setup_future_usage": None,
    "shipping": None,
    "source": None,
    "statement_descriptor": None,
    "statement_descriptor_suffix": None,
    "status": "succeeded",
    "transfer_data": None,
    "transfer_group": None,
}
_EVENT: dict[str, object] = {
    "id": _ID,
    "object": "event",
    "api_version": "2026-10-28.endive",
    "created": 1795000001,
    "data": {"object": _INTENT_OBJECT},
    "livemode": False,
    "pending_webhooks": 1,
    "request": {
        "id": "req_Vh6vXcTDnLjKzR",
        "idempotency_key": "splynx-stripe:att_another",
    },
    "type": "payment_intent.succeeded",
}


def _template() -> str:
    """Writes the event as Stripe does, indented; a long description fills it up to the size."""
    short = json.dumps(_EVENT, indent=2)
    filling = "Internet access, November, " * 200
    padding = filling[: max(0, int(_ABOUT_KB * 1000) - len(short))]
    return short.replace("of customer 17", f"of customer 17. {padding}".strip())


def bodies(series: str, count: int) -> Iterator[bytes]:
    """Gives bodies whose event and PaymentIntent ids are used nowhere else; `series` tells runs apart."""
    template = _template()
    for number in range(count):
        unique = f"{series}{number:0{24 - len(series)}d}"
        yield template.replace(_ID, f"evt_{unique}").replace(_INTENT, f"pi_{unique}").encode()


def signed_requests(
    series: str, count: int, *, path: str, secret: str, extra_headers: str = ""
) -> list[bytes]:
    """Gives whole HTTP requests, signed now: Stripe's tolerance is five minutes."""
    timestamp = int(time.time())  # noqa: TID251 - a load generator signs as Stripe does, by the wall clock
    key = secret.encode()
    requests = []
    for body in bodies(series, count):
        signature = hmac.new(key, f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Stripe/1.0"
            " (+https://stripe.com/docs/webhooks)\r\nAccept: */*; q=0.5, application/xml\r\n"
            f"Content-Type: application/json; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
            f"Stripe-Signature: t={timestamp},v1={signature}\r\n{extra_headers}\r\n"
        )
        requests.append(head.encode() + body)
    return requests
