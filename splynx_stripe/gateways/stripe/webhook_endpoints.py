"""The webhook endpoints of an account at Stripe: list, make, mend, remove."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Literal

import stripe
from stripe.params import (
    WebhookEndpointCreateParams,
    WebhookEndpointListParams,
    WebhookEndpointUpdateParams,
)

from splynx_stripe.domain.connection import EndpointAtStripe
from splynx_stripe.domain.errors import NotFoundError
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.gateways.stripe import wire
from splynx_stripe.gateways.stripe.calls import (
    PAGE_SIZE,
    READING,
    StripeCalls,
    read_shape,
    understood,
)
from splynx_stripe.gateways.stripe.errors import Operation

DESCRIPTION = "splynx-stripe"

_LIST = Operation("webhook_endpoints.list", "list webhook endpoints", writes=False)
_ADD = Operation("webhook_endpoints.create", "create a webhook endpoint", writes=True)
_MEND = Operation("webhook_endpoints.update", "update a webhook endpoint", writes=True)
_REMOVE = Operation("webhook_endpoints.delete", "delete a webhook endpoint", writes=True)

_Wanted = wire.HandledEventType | Literal["account.application.deauthorized"]


def wanted_events(*, connect: bool) -> list[_Wanted]:
    """Gives the events that an endpoint of ours subscribes to."""
    ours: list[_Wanted] = list(wire.HANDLED_EVENT_TYPES)
    return [*ours, wire.DEAUTHORIZED] if connect else ours


class WebhookEndpoints:
    """Implements the flows' `EndpointGateway`."""

    def __init__(self, calls: StripeCalls) -> None:
        self._calls = calls

    async def all_endpoints(
        self, account: StripeAccount, *, connect: bool
    ) -> Sequence[EndpointAtStripe]:
        """Lists every endpoint of the account, also those of others."""

        def fetch(sdk: stripe.StripeClient, after: str) -> Awaitable[stripe.StripeObject]:
            params: WebhookEndpointListParams = {"limit": PAGE_SIZE}
            if after:
                params["starting_after"] = after
            return sdk.v1.webhook_endpoints.list_async(params, READING)

        return [
            _seen(raw, connect=connect)
            async for _, page in self._calls.pages(account, _LIST, fetch)
            for raw in page.items
        ]

    async def add_endpoint(
        self, account: StripeAccount, url: str, *, connect: bool
    ) -> EndpointAtStripe:
        """Makes one with our events and our API version; its secret is told only now."""
        params: WebhookEndpointCreateParams = {
            "url": url,
            "enabled_events": list(wanted_events(connect=connect)),
            "api_version": wire.API_VERSION,
            "description": DESCRIPTION,
        }
        if connect:
            params["connect"] = True
        answer = await self._calls.call(
            account, _ADD, lambda sdk: sdk.v1.webhook_endpoints.create_async(params)
        )
        return _as_endpoint(understood(wire.webhook_endpoint, answer, _ADD), connect=connect)

    async def mend_endpoint(
        self, account: StripeAccount, endpoint_id: str, *, connect: bool
    ) -> None:
        """Switches it on and subscribes to all events of ours."""
        params: WebhookEndpointUpdateParams = {
            "enabled_events": list(wanted_events(connect=connect)),
            "disabled": False,
        }
        await self._calls.call(
            account,
            _MEND,
            lambda sdk: sdk.v1.webhook_endpoints.update_async(endpoint_id, params),
        )

    async def remove_endpoint(self, account: StripeAccount, endpoint_id: str) -> None:
        """Deletes it. Returns as well when Stripe does not know it."""
        try:
            await self._calls.call(
                account,
                _REMOVE,
                lambda sdk: sdk.v1.webhook_endpoints.delete_async(endpoint_id),
            )
        except NotFoundError:
            return


def _seen(raw: Mapping[str, object], *, connect: bool) -> EndpointAtStripe:
    return _as_endpoint(read_shape(wire.webhook_endpoint, raw, _LIST), connect=connect)


def _as_endpoint(shape: wire.WebhookEndpointShape, *, connect: bool) -> EndpointAtStripe:
    subscribed = set(shape.enabled_events)
    has_all = subscribed >= set(wanted_events(connect=connect))
    return EndpointAtStripe(
        id=shape.id,
        url=shape.url,
        is_enabled=shape.status == "enabled",
        is_of_version=shape.api_version == wire.API_VERSION,
        has_all_events=has_all or "*" in subscribed,
        secret=shape.secret,
    )
