"""A simulated Stripe: its ledger, its idempotency keys, its events; and our gateway on top of it.

The gateway is the product's own (`StripeSdkGateway`) with the SDK's place taken by a recorder, so
its parameters, its reading of answers and its meaning of errors are the real ones.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import stripe

from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.gateways.stripe import errors
from splynx_stripe.gateways.stripe.client import Answer, Send
from splynx_stripe.gateways.stripe.errors import Operation
from splynx_stripe.gateways.stripe.gateway import StripeSdkGateway
from tests.simulation.clockwork import SimClock
from tests.simulation.network import LostError, Network, RefusedError, Spoil

TIMEOUT_S = 30.0
KEYS_LIVE_S = 24 * 3600.0
OPEN = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})

Json = dict[str, Any]


@dataclass(slots=True)
class Raw:
    """A status and a body, as they come over the wire."""

    status: int
    body: Json
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Key:
    params: str
    raw: Raw
    at_s: float


class StripeSide:
    """The ledger. Every change is atomic; `on_change` is told after each."""

    def __init__(self, rng: random.Random, clock: SimClock) -> None:
        self._rng = rng
        self._clock = clock
        self._keys: dict[str, _Key] = {}
        self.intents: dict[str, Json] = {}
        self.customers: dict[str, Json] = {}
        self.events: list[Json] = []
        self.creates: list[tuple[str, Json]] = []
        self.on_change: Callable[[], None] = lambda: None
        self.on_event: Callable[[Json], None] = lambda _event: None
        self.before_create: Callable[[str, Json], None] = lambda _key, _params: None
        self.on_sent: Callable[[str], None] = lambda _key: None
        self.takes_other_amount = False
        self.replays_errors = True
        self.livemode = False

    # --- what our gateway asks -----------------------------------------------------------

    def execute(self, endpoint: str, params: Json, key: str, spoil: Spoil | None) -> Raw:
        """Executes a request as Stripe does, with the spoils that are Stripe's own answers."""
        refusal = _REFUSALS.get(spoil) if spoil else None
        if refusal is not None:
            return refusal
        if endpoint == "payment_intents.create":
            self.before_create(key, params)
        saved = self._saved(key, params)
        if saved is not None:
            return saved
        raw = self._handlers()[endpoint](params)
        if spoil is Spoil.ERROR_AFTER:
            raw = _SERVER_ERROR
        if key and (raw.status < 400 or raw.status == 402 or (raw.status >= 500 and self.replays_errors)):
            self._keys[key] = _Key(json.dumps(params, sort_keys=True), raw, self._clock.elapsed_s)
        if spoil is Spoil.HALF_ANSWER:
            return Raw(raw.status, {"half": True})
        return raw

    def _saved(self, key: str, params: Json) -> Raw | None:
        saved = self._keys.get(key) if key else None
        if saved is None or self._clock.elapsed_s - saved.at_s >= KEYS_LIVE_S:
            return None
        if saved.params != json.dumps(params, sort_keys=True):
            said = "Keys for idempotent requests can only be used with the same parameters."
            return _error(400, "idempotency_error", said)
        return Raw(saved.raw.status, saved.raw.body, {"Idempotent-Replayed": "true"})

    def _handlers(self) -> Mapping[str, Callable[[Json], Raw]]:
        return {
            "customers.create": self._create_customer,
            "payment_intents.create": self._create,
            "payment_intents.retrieve": lambda params: self._shown(params["intent"]),
            "payment_intents.cancel": self._cancel,
            "payment_intents.list": self._list,
            "events.list": self._list_events,
        }

    def _create_customer(self, params: Json) -> Raw:
        customer = {"object": "customer", "id": self._new_id("cus_", 14), **params}
        self.customers[customer["id"]] = customer
        return Raw(200, dict(customer))

    def _create(self, params: Json) -> Raw:
        if params.get("customer") and params["customer"] not in self.customers:
            return _error(400, "invalid_request_error", "No such customer", "resource_missing")
        if params["amount"] < 50 and params["currency"] == "eur":
            said = "Amount must be at least €0.50 eur"
            return _error(400, "invalid_request_error", said, "amount_too_small")
        intent = {
            "object": "payment_intent",
            "id": self._new_id("pi_3", 23),
            "status": "requires_payment_method",
            "amount": params["amount"],
            "amount_received": 0,
            "currency": params["currency"],
            "created": self._now(),
            "livemode": self.livemode,
            "metadata": dict(params["metadata"]),
            "customer": params.get("customer"),
            "latest_charge": None,
            "client_secret": "",
            "last_payment_error": None,
        }
        intent["client_secret"] = f"{intent['id']}_secret_{self._new_id('', 12)}"
        self.intents[intent["id"]] = intent
        self._happened("payment_intent.created", intent)
        return Raw(200, dict(intent))

    def _shown(self, intent_id: str) -> Raw:
        intent = self.intents.get(intent_id)
        if intent is None:
            said = f"No such payment_intent: '{intent_id}'"
            return _error(404, "invalid_request_error", said, "resource_missing")
        return Raw(200, dict(intent))

    def _cancel(self, params: Json) -> Raw:
        intent = self.intents.get(params["intent"])
        if intent is None:
            return self._shown(params["intent"])
        if intent["status"] not in OPEN:
            said = f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}."
            return _error(400, "invalid_request_error", said, errors.UNEXPECTED_STATE)
        intent["status"] = "canceled"
        self._happened("payment_intent.canceled", intent)
        return Raw(200, dict(intent))

    def _list(self, params: Json) -> Raw:
        period = params["created"]
        found = [
            intent
            for intent in reversed(self.intents.values())
            if period["gte"] <= intent["created"] <= period["lte"]
            and params.get("customer") in (None, intent["customer"])
        ]
        return _page(found, params)

    def _list_events(self, params: Json) -> Raw:
        since = params["created"]["gte"]
        found = [
            event
            for event in reversed(self.events)
            if event["created"] >= since and event["type"] in params["types"]
        ]
        return _page(found, params)

    # --- what the customer's browser and the world do ------------------------------------------

    def confirm(self, intent_id: str, card: str) -> str:
        """A card is entered: `good`, `declined`, `3ds`. Gives the status, or "error"."""
        intent = self.intents[intent_id]
        if intent["status"] not in OPEN:
            return "error"
        if card == "declined":
            intent["status"] = "requires_payment_method"
            intent["last_payment_error"] = {
                "code": "card_declined",
                "decline_code": "generic_decline",
                "message": "Your card was declined.",
            }
            self._happened("payment_intent.payment_failed", intent)
            return "error"
        if card == "3ds" and intent["status"] != "requires_action":
            intent["status"] = "requires_action"
            self._happened("payment_intent.requires_action", intent)
            return "requires_action"
        self.succeed(intent)
        return "succeeded"

    def succeed(self, intent: Json) -> None:
        """Money moves."""
        intent["status"] = "succeeded"
        intent["amount_received"] = intent["amount"] - (100 if self.takes_other_amount else 0)
        intent["latest_charge"] = self._new_id("ch_3", 23)
        intent["last_payment_error"] = None
        self._happened("payment_intent.succeeded", intent)

    def foreign_payment(self) -> None:
        """Another program on the same account is paid."""
        intent = {
            **_FOREIGN,
            "id": self._new_id("pi_3", 23),
            "created": self._now(),
            "livemode": self.livemode,
        }
        self.intents[intent["id"]] = intent
        self._happened("payment_intent.succeeded", intent)

    def _happened(self, kind: str, intent: Json) -> None:
        event = {
            "object": "event",
            "id": self._new_id("evt_", 24),
            "type": kind,
            "created": self._now(),
            "livemode": self.livemode,
            "api_version": "2026-10-28.endive",
            "data": {"object": json.loads(json.dumps(intent))},
        }
        self.events.append(event)
        self.on_change()
        self.on_event(event)

    def _now(self) -> int:
        return int(self._clock.true_now().timestamp())

    def _new_id(self, prefix: str, length: int) -> str:
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"
        return prefix + "".join(digits[self._rng.randrange(36)] for _ in range(length))


_FOREIGN: Json = {
    "object": "payment_intent",
    "status": "succeeded",
    "amount": 4200,
    "amount_received": 4200,
    "currency": "eur",
    "metadata": {"order": "from another shop"},
    "customer": None,
    "latest_charge": "ch_foreign",
    "client_secret": "",
    "last_payment_error": None,
}


def _error(status: int, kind: str, message: str, code: str = "") -> Raw:
    return Raw(status, {"error": {"type": kind, "message": message, "code": code or None}})


_SERVER_ERROR = _error(500, "api_error", "An unknown error occurred")
_REFUSALS = {
    Spoil.ERROR_BEFORE: _SERVER_ERROR,
    Spoil.RATE_LIMIT: _error(429, "invalid_request_error", "Too many requests", "rate_limit"),
    Spoil.LOCK_TIMEOUT: _error(429, "invalid_request_error", "Object locked", "lock_timeout"),
    Spoil.KEY_IN_USE: _error(409, "idempotency_error", "In use", "idempotency_key_in_use"),
    Spoil.UNAUTHORIZED: _error(401, "invalid_request_error", "Invalid API Key provided"),
}


def _page(found: list[Json], params: Json) -> Raw:
    after = params.get("starting_after")
    ids = [item["id"] for item in found]
    begin = ids.index(after) + 1 if after in ids else 0
    page = found[begin : begin + params["limit"]]
    has_more = begin + len(page) < len(found)
    return Raw(200, {"object": "list", "data": [dict(item) for item in page], "has_more": has_more})


class _Asked:
    """Takes the SDK's place: remembers what was asked instead of asking."""

    def __init__(self) -> None:
        self.v1 = self
        self.payment_intents = self.customers = self.events = self
        self.params: Json = {}
        self.key = ""

    def create_async(self, params: Json, options: Mapping[str, Any] | None = None) -> None:
        self.params, self.key = dict(params), str((options or {}).get("idempotency_key", ""))

    def list_async(self, params: Json, _options: object = None) -> None:
        self.params = dict(params)

    def retrieve_async(self, intent_id: str, options: object = None) -> None:
        self.params = {"intent": intent_id}

    def cancel_async(self, intent_id: str) -> None:
        self.params = {"intent": intent_id}


_SDK_ERRORS: Mapping[int, type[stripe.StripeError]] = {
    400: stripe.InvalidRequestError,
    401: stripe.AuthenticationError,
    404: stripe.InvalidRequestError,
    429: stripe.RateLimitError,
}


class SimStripeGateway(StripeSdkGateway):
    """The product's gateway; only the way to the server is simulated."""

    def __init__(self, side: StripeSide, network: Network, clock: SimClock) -> None:
        self._side = side
        self._network = network
        self._clock = clock

    async def _call(self, account: StripeAccount, operation: Operation, send: Send) -> Answer:
        asked = _Asked()
        send(asked)  # type: ignore[arg-type]  # it only records what is asked of the SDK
        started_at = self._clock.now()
        label = f"Stripe {operation.endpoint}"
        if asked.key and operation.writes:
            self._side.on_sent(asked.key)
        try:
            raw = await self._network.request(
                label,
                lambda spoil: self._side.execute(operation.endpoint, asked.params, asked.key, spoil),
                TIMEOUT_S,
            )
        except RefusedError:
            raise errors.translate(_broken(_never_sent()), operation, account) from None
        except LostError:
            raise errors.translate(_broken(TimeoutError()), operation, account) from None
        if "half" in raw.body:
            lost = aiohttp.ClientPayloadError("half")
            raise errors.translate(_broken(lost), operation, account) from None
        if raw.status >= 400:
            raise errors.translate(_sdk_error(raw), operation, account) from None
        return Answer(raw.body, raw.headers, started_at, self._clock.now())


def _broken(cause: Exception) -> Exception:
    error = stripe.APIConnectionError("broken", should_retry=True)  # type: ignore[no-untyped-call]  # the SDK's constructor has no types
    error.__cause__ = cause
    return error


def _never_sent() -> Exception:
    key: Any = ("api.stripe.com", 443, True)
    return aiohttp.ClientConnectorError(key, OSError("refused"))


def _sdk_error(raw: Raw) -> stripe.StripeError:
    kind = _SDK_ERRORS.get(raw.status, stripe.APIError)
    said = raw.body["error"]["message"]
    if kind is stripe.InvalidRequestError:
        return stripe.InvalidRequestError(
            said, None, http_status=raw.status, json_body=raw.body, headers={}
        )
    return kind(said, http_status=raw.status, json_body=raw.body, headers={})
