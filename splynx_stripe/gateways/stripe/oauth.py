"""Stripe's OAuth 2.0 (Connect, Standard accounts): consent page, token exchange, deauthorization.

The SDK's own helper blocks the loop, so its raw asynchronous request is used
(`reference/stripe-api.md`, section 2). Errors here have another shape than the API's:
`{"error": "invalid_grant", "error_description": "…"}`.
Source: docs.stripe.com/connect/oauth-reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import stripe

from splynx_stripe.domain.connection import Grant, platform_account
from splynx_stripe.domain.errors import NotPermittedError, RejectedError
from splynx_stripe.gateways.stripe import wire
from splynx_stripe.gateways.stripe.calls import StripeCalls, understood
from splynx_stripe.gateways.stripe.client import Answer, Sent, raw_answer
from splynx_stripe.gateways.stripe.errors import Operation

INVALID_GRANT = "invalid_grant"
NOT_CONNECTED = "invalid_client"
"""What Stripe answers when the account is not (any more) connected to this platform."""

_EXCHANGE = Operation("oauth.token", "hand over the connection of the account", writes=True)
_DEAUTHORIZE = Operation("oauth.deauthorize", "end the connection of the account", writes=True)


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """Our platform in one mode."""

    client_id: str


class StripeOAuth:
    """Implements the flows' `ConnectGateway`."""

    def __init__(
        self, calls: StripeCalls, clients: Mapping[bool, OAuthClient], connect_base: str
    ) -> None:
        self._calls = calls
        self._clients = clients
        self._base = connect_base

    def authorize_url(self, *, livemode: bool, state: str, redirect_uri: str) -> str:
        """Gives the address of Stripe's consent page. Raises `NotPermittedError` without a platform."""
        query = {
            "response_type": "code",
            "client_id": self._client(livemode=livemode).client_id,
            "scope": "read_write",
            "redirect_uri": redirect_uri,
            "state": state,
        }
        return f"{self._base}/oauth/authorize?{urlencode(query)}"

    async def exchange(self, code: str, *, livemode: bool) -> Grant:
        """Exchanges the code.

        Raises:
            RejectedError: Stripe does not accept the code (used, expired, of another platform).
            OutcomeUnknownError: the answer was lost; the account may be connected at Stripe, and
                going through the consent again finds it so.
        """
        params = {"grant_type": "authorization_code", "code": code}
        answer = await self._post("/oauth/token", params, _EXCHANGE, livemode=livemode)
        shape = understood(wire.oauth_token, answer, _EXCHANGE)
        return Grant(
            stripe_account_id=shape.stripe_user_id,
            livemode=shape.livemode,
            publishable_key=shape.stripe_publishable_key,
            access_token=shape.access_token,
            refresh_token=shape.refresh_token,
        )

    async def deauthorize(self, stripe_account_id: str, *, livemode: bool) -> None:
        """Ends the connection. Returns as well when Stripe knows of none."""
        params = {
            "client_id": self._client(livemode=livemode).client_id,
            "stripe_user_id": stripe_account_id,
        }
        try:
            await self._post("/oauth/deauthorize", params, _DEAUTHORIZE, livemode=livemode)
        except RejectedError as error:
            if error.code != NOT_CONNECTED:
                raise

    async def _post(
        self, path: str, params: Mapping[str, str], operation: Operation, *, livemode: bool
    ) -> Answer:
        async def send(sdk: stripe.StripeClient) -> Sent:
            return raw_answer(await sdk.raw_request_async("post", path, base="connect", **params))

        return await self._calls.call(platform_account(livemode=livemode), operation, send)

    def _client(self, *, livemode: bool) -> OAuthClient:
        if livemode not in self._clients:
            raise NotPermittedError(
                "Stripe accounts cannot be connected: stripe.connect_client_id and"
                " stripe.platform_secret_key_file are not set for this mode. Nothing was changed.",
                code="no_key",
            )
        return self._clients[livemode]
