"""Tries everything that we need of a key in a way that changes nothing, and names what is missing.

Reading is tried with a list of one; writing with an object that does not exist: 404 says that the
key may, 403 that it may not. The names are those of Stripe's page of a restricted key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import stripe

from splynx_stripe.domain.errors import (
    NotPermittedError,
    OutcomeUnknownError,
    RejectedError,
)
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.gateways.stripe.calls import StripeCalls
from splynx_stripe.gateways.stripe.client import Sent, raw_answer
from splynx_stripe.gateways.stripe.errors import INVALID_KEY, Operation

_NOBODY = "splynx_stripe_preflight"
"""The tail of ids that nothing at Stripe can have."""


@dataclass(frozen=True, slots=True)
class Permission:
    """A permission of a restricted key, how it is tried, and what does not work without it."""

    name: str
    method: Literal["get", "post", "delete"]
    path: str
    without: str
    params: dict[str, str | int] = field(default_factory=dict)


PERMISSIONS: tuple[Permission, ...] = (
    Permission(
        "PaymentIntents: Write",
        "post",
        f"/v1/payment_intents/pi_{_NOBODY}/cancel",
        "nobody can pay",
    ),
    Permission(
        "PaymentIntents: Read",
        "get",
        "/v1/payment_intents",
        "lost answers and late payments are not found",
        {"limit": 1},
    ),
    Permission(
        "Customers: Write", "post", f"/v1/customers/cus_{_NOBODY}", "no customer can be made"
    ),
    Permission(
        "Customers: Read", "get", "/v1/customers", "customers are not kept the same", {"limit": 1}
    ),
    Permission(
        "SetupIntents: Write",
        "post",
        f"/v1/setup_intents/seti_{_NOBODY}/cancel",
        "no card or bank account can be saved",
    ),
    Permission(
        "SetupIntents: Read",
        "get",
        "/v1/setup_intents",
        "a saved card is not noticed",
        {"limit": 1},
    ),
    Permission(
        "PaymentMethods: Write",
        "post",
        f"/v1/payment_methods/pm_{_NOBODY}/detach",
        "saved cards cannot be removed",
    ),
    Permission(
        "PaymentMethods: Read",
        "get",
        f"/v1/payment_methods/pm_{_NOBODY}",
        "saved cards cannot be shown",
    ),
    Permission(
        "Mandates: Read",
        "get",
        f"/v1/mandates/mandate_{_NOBODY}",
        "bank accounts cannot be saved, nor a mandate that was withdrawn be noticed",
    ),
    Permission(
        "Disputes: Read",
        "get",
        f"/v1/disputes/du_{_NOBODY}",
        "a bank debit that is returned late is not taken off again in Splynx",
    ),
    Permission(
        "Events: Read", "get", "/v1/events", "what webhooks do not bring is lost", {"limit": 1}
    ),
    Permission(
        "Webhook Endpoints: Write",
        "post",
        f"/v1/webhook_endpoints/we_{_NOBODY}",
        "Init webhook does not work; payments are seen by polling only",
    ),
    Permission(
        "Webhook Endpoints: Read",
        "get",
        "/v1/webhook_endpoints",
        "Init webhook does not work; payments are seen by polling only",
        {"limit": 1},
    ),
)


class Preflight:
    """Tries a key."""

    def __init__(self, calls: StripeCalls) -> None:
        self._calls = calls

    async def missing(self, account: StripeAccount) -> Sequence[str]:
        """Gives a line for each permission that the key lacks.

        Raises:
            NotPermittedError: the key as a whole is not accepted (wrong, revoked, other mode).
            RetryableError: Stripe cannot be asked now.
        """
        return [
            f"{permission.name}. Without it {permission.without}."
            for permission in PERMISSIONS
            if not await self._may(account, permission)
        ]

    async def _may(self, account: StripeAccount, permission: Permission) -> bool:
        does = f"try the permission {permission.name}"
        operation = Operation(f"preflight.{permission.path}", does, writes=False)

        async def send(sdk: stripe.StripeClient) -> Sent:
            return raw_answer(
                await sdk.raw_request_async(permission.method, permission.path, **permission.params)
            )

        try:
            await self._calls.call(account, operation, send)
        except NotPermittedError as error:
            if error.code in {INVALID_KEY, "wrong_mode", "no_key", "account_invalid"}:
                raise
            return False
        except (RejectedError, OutcomeUnknownError):
            return True  # it was looked at: no such object, or not in this form
        return True
