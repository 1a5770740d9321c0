"""The product's Stripe gateway on the simulated Stripe.

The gateway is the product's own (`StripeSdkGateway`) with the SDK's place taken by a recorder, so
its parameters, its reading of answers and its meaning of errors are the real ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp
import stripe
from typing_extensions import override

from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.gateways.stripe import errors
from splynx_stripe.gateways.stripe.calls import StripeCalls
from splynx_stripe.gateways.stripe.client import Answer, Send
from splynx_stripe.gateways.stripe.errors import Operation
from splynx_stripe.gateways.stripe.gateway import StripeSdkGateway
from tests.simulation.clockwork import SimClock
from tests.simulation.network import LostError, Network, RefusedError
from tests.simulation.stripe_raw import Asked, Json, Raw
from tests.simulation.stripe_side import StripeSide

TIMEOUT_S = 30.0


class _Sdk:
    """Takes the SDK's place: remembers what was asked instead of asking."""

    def __init__(self) -> None:
        self.v1 = self
        self.payment_intents = self.customers = self.events = self.disputes = self
        self.accounts = self.setup_intents = self.payment_methods = self.mandates = self
        self.params: Json = {}
        self.key = ""

    def create_async(self, params: Json, options: Mapping[str, Any] | None = None) -> None:
        self.params, self.key = dict(params), str((options or {}).get("idempotency_key", ""))

    def list_async(self, params: Json, _options: object = None) -> None:
        self.params = dict(params)

    def retrieve_async(self, object_id: str, *_params: object, **_options: object) -> None:
        self.params = {"id": object_id}

    def cancel_async(self, intent_id: str, *_params: object) -> None:
        self.params = {"id": intent_id}

    def verify_microdeposits_async(self, intent_id: str, params: Json) -> None:
        self.params = {"id": intent_id, **params}

    def retrieve_current_async(self, **_options: object) -> None:
        self.params = {}

    def detach_async(self, method_id: str) -> None:
        self.params = {"id": method_id}


_SDK_ERRORS: Mapping[int, type[stripe.StripeError]] = {
    400: stripe.InvalidRequestError,
    401: stripe.AuthenticationError,
    402: stripe.CardError,
    403: stripe.PermissionError,
    404: stripe.InvalidRequestError,
    429: stripe.RateLimitError,
}


class _SimCalls(StripeCalls):
    """What asks Stripe; only the way to the server is simulated."""

    def __init__(self, side: StripeSide, network: Network, clock: SimClock) -> None:
        self._side = side
        self._network = network
        self._clock = clock

    @override
    async def call(self, account: StripeAccount, operation: Operation, send: Send) -> Answer:
        sdk: Any = _Sdk()
        send(sdk)  # type: ignore[unused-awaitable]  # it only records what is asked of the SDK
        asked = Asked(account.name, operation.endpoint, sdk.params, sdk.key)
        started_at = self._clock.now()
        if asked.key and operation.writes:
            self._side.on_sent(asked.key)
        raw = await self._answer(asked, operation, account)
        return Answer(raw.body, raw.headers, started_at, self._clock.now())

    async def _answer(self, asked: Asked, operation: Operation, account: StripeAccount) -> Raw:
        label = f"Stripe {asked.endpoint} {asked.account}"
        try:
            raw = await self._network.request(
                label, lambda spoil: self._side.execute(asked, spoil), TIMEOUT_S
            )
        except RefusedError:
            raise errors.translate(_broken(_never_sent()), operation, account) from None
        except LostError:
            raise errors.translate(_broken(TimeoutError()), operation, account) from None
        if "half" in raw.body:
            lost = aiohttp.ClientPayloadError("half")
            raise errors.translate(_broken(lost), operation, account) from None
        if raw.status >= 400:
            refusal = _sdk_error(raw)
            carried = errors.carried_intent(refusal) if operation.confirms else None
            if carried is not None:
                return Raw(200, dict(carried), raw.headers)
            raise errors.translate(refusal, operation, account) from None
        return raw


class SimStripeGateway(StripeSdkGateway):
    """The product's gateway on the simulated server."""

    def __init__(self, side: StripeSide, network: Network, clock: SimClock) -> None:
        self._calls = _SimCalls(side, network, clock)


def _broken(cause: Exception) -> Exception:
    error = stripe.APIConnectionError("broken", should_retry=True)  # type: ignore[no-untyped-call]  # the SDK's constructor has no types
    error.__cause__ = cause
    return error


def _never_sent() -> Exception:
    key: Any = ("api.stripe.com", 443, True)
    return aiohttp.ClientConnectorError(key, OSError("refused"))


def _sdk_error(raw: Raw) -> stripe.StripeError:
    if "error" not in raw.body:  # whatever the status is, as the SDK itself does
        said = "Invalid response object from API"
        return stripe.APIError(said, http_status=raw.status, json_body=raw.body, headers={})
    kind = _SDK_ERRORS.get(raw.status, stripe.APIError)
    said = raw.body["error"].get("message", "")
    if kind is stripe.CardError:
        code = raw.body["error"]["code"]
        return stripe.CardError(  # type: ignore[no-untyped-call]  # the SDK's has no types
            said, None, code, http_status=raw.status, json_body=raw.body, headers={}
        )
    if kind is stripe.InvalidRequestError:
        return stripe.InvalidRequestError(  # type: ignore[no-untyped-call]  # the SDK's has no types
            said, None, http_status=raw.status, json_body=raw.body, headers={}
        )
    return kind(said, http_status=raw.status, json_body=raw.body, headers={})
