"""Stripe as the flows see it: orders in, domain values and the four families of errors out."""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import aiohttp
import stripe
from stripe.params import (
    EventListParams,
    PaymentIntentListParams,
    WebhookEndpointCreateParams,
    WebhookEndpointListParams,
    WebhookEndpointUpdateParams,
)

from splynx_stripe.domain.errors import BrokenInvariantError, OutcomeUnknownError, RejectedError
from splynx_stripe.domain.metadata import ATTEMPT
from splynx_stripe.domain.stripe import (
    Observed,
    PaymentIntent,
    PaymentIntentOrder,
    StripeAccount,
    StripeCustomerOrder,
    StripeEvent,
)
from splynx_stripe.gateways.stripe import webhook, wire
from splynx_stripe.gateways.stripe.client import (
    READ_RETRIES,
    Answer,
    RateLimits,
    Send,
    StripeConnections,
    StripeCredentials,
    StripeEndpoints,
)
from splynx_stripe.gateways.stripe.errors import UNEXPECTED_STATE, Operation, named
from splynx_stripe.kit.clock import Clock
from splynx_stripe.kit.rate_limit import Priority
from splynx_stripe.kit.secret import Secret

log = logging.getLogger(__name__)

T = TypeVar("T")

_PAGE_SIZE = 100  # Stripe's maximum
_READING: stripe.RequestOptions = {"max_network_retries": READ_RETRIES}
_IN_BACKGROUND = Priority.BACKGROUND

_CREATE_CUSTOMER = Operation("customers.create", "create a customer", writes=True)
_CREATE = Operation("payment_intents.create", "create the PaymentIntent", writes=True)
_RETRIEVE = Operation("payment_intents.retrieve", "show the PaymentIntent", writes=False)
_CANCEL = Operation("payment_intents.cancel", "cancel the PaymentIntent", writes=True)
_FIND = Operation(
    "payment_intents.list", "list PaymentIntents", writes=False, priority=_IN_BACKGROUND
)
_EVENTS = Operation("events.list", "list events", writes=False, priority=_IN_BACKGROUND)
_ACCOUNT = Operation("account.retrieve", "describe the account", writes=False)
_ENDPOINTS = Operation("webhook_endpoints.list", "list webhook endpoints", writes=False)
_ADD_ENDPOINT = Operation("webhook_endpoints.create", "create a webhook endpoint", writes=True)
_MEND_ENDPOINT = Operation("webhook_endpoints.update", "update a webhook endpoint", writes=True)


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """What `doctor` shows of an account.

    `clock_skew_s` is how far our clock is ahead of Stripe's, by a Date header of whole seconds;
    None when there was none.
    """

    id: str
    country: str
    default_currency: str
    charges_enabled: bool
    livemode: bool
    clock_skew_s: float | None


class StripeSdkGateway:
    """Implements the flows' `StripeGateway` with the official SDK.

    All methods raise `NotPermittedError` when the account's key is missing, wrong, of the other
    mode or lacks a permission, and `RetryableError` when surely nothing happened.
    """

    def __init__(
        self,
        *,
        endpoints: StripeEndpoints,
        credentials: Mapping[StripeAccount, StripeCredentials],
        session: aiohttp.ClientSession,
        clock: Clock,
        limits: RateLimits = RateLimits(),  # noqa: B008 (frozen)
        timeout_s: float = 30.0,
    ) -> None:
        self._connections = StripeConnections(
            endpoints=endpoints,
            credentials=credentials,
            session=session,
            clock=clock,
            limits=limits,
            timeout_s=timeout_s,
        )
        self._priority: Priority | None = None

    def with_priority(self, priority: Priority) -> StripeSdkGateway:
        """Gives the same gateway, with the same limits, whose every call has this priority.

        Without it, lists are background work and everything else is done for a person.
        """
        view = object.__new__(StripeSdkGateway)
        view._connections = self._connections
        view._priority = priority
        return view

    async def create_customer(
        self, account: StripeAccount, order: StripeCustomerOrder, *, idempotency_key: str
    ) -> str:
        """Creates a customer and gives its id; the same key gives the same customer."""
        params = wire.customer_params(order)
        options: stripe.RequestOptions = {"idempotency_key": idempotency_key}
        answer = await self._call(
            account, _CREATE_CUSTOMER, lambda sdk: sdk.v1.customers.create_async(params, options)
        )
        return _understood(wire.customer_id, answer, _CREATE_CUSTOMER)

    async def create_payment_intent(
        self, account: StripeAccount, order: PaymentIntentOrder, *, idempotency_key: str
    ) -> Observed:
        """Creates a PaymentIntent, or gives the one that this key created before.

        Raises:
            RejectedError: Stripe refused; nothing exists. Final.
            RetryableError: Surely nothing happened; repeat with the same key.
            OutcomeUnknownError: Timeout, 5xx or half an answer; ask with the same key.
            BrokenInvariantError: The key was used with other parameters, or the answer is about
                another payment than the order; stop this payment.
        """
        params = wire.payment_intent_params(order)
        options: stripe.RequestOptions = {"idempotency_key": idempotency_key}
        answer = await self._call(
            account, _CREATE, lambda sdk: sdk.v1.payment_intents.create_async(params, options)
        )
        intent = _understood(wire.payment_intent, answer, _CREATE)
        _check_mode(account, intent)
        _check_order(order, intent)
        # A replayed answer shows how it was when it was created, not how it is.
        as_of = min(answer.started_at, intent.created) if answer.is_replay else answer.started_at
        return Observed(intent, as_of)

    async def retrieve_payment_intent(self, account: StripeAccount, intent_id: str) -> Observed:
        """Reads a PaymentIntent. Raises `NotFoundError` when Stripe does not know it."""
        answer = await self._call(
            account,
            _RETRIEVE,
            lambda sdk: sdk.v1.payment_intents.retrieve_async(
                intent_id, {"expand": ["payment_method"]}, _READING
            ),
        )
        return _observed(account, intent_id, answer, _RETRIEVE)

    async def cancel_payment_intent(self, account: StripeAccount, intent_id: str) -> Observed:
        """Cancels it, or gives what it is when it cannot be canceled any more.

        The key is a new one each time (the SDK makes it): under a constant key a refusal of
        today would be replayed tomorrow, when canceling has become possible. Canceling twice
        does no harm.
        """
        try:
            answer = await self._call(
                account, _CANCEL, lambda sdk: sdk.v1.payment_intents.cancel_async(intent_id)
            )
        except RejectedError as error:
            if error.code != UNEXPECTED_STATE:
                raise
            return await self.retrieve_payment_intent(account, intent_id)
        return _observed(account, intent_id, answer, _CANCEL)

    async def find_payment_intents(
        self,
        account: StripeAccount,
        *,
        customer: str,
        created_from: datetime,
        created_to: datetime,
    ) -> Sequence[Observed]:
        """Lists a customer's PaymentIntents of a period completely, oldest first.

        The list API is used, never search, which may be minutes behind.
        """
        period = (math.floor(created_from.timestamp()), math.ceil(created_to.timestamp()))

        def fetch(sdk: stripe.StripeClient, after: str) -> Awaitable[stripe.StripeObject]:
            params: PaymentIntentListParams = {
                "created": {"gte": period[0], "lte": period[1]},
                "limit": _PAGE_SIZE,
            }
            if customer:
                params["customer"] = customer
            if after:
                params["starting_after"] = after
            return sdk.v1.payment_intents.list_async(params, _READING)

        found: dict[str, Observed] = {}
        async for answer, page in self._pages(account, _FIND, fetch):
            for raw in page.items:
                intent = _read(wire.payment_intent, raw, _FIND)
                _check_mode(account, intent)
                if customer in ("", intent.customer):
                    found[intent.id] = Observed(intent, answer.started_at)
        return list(reversed(found.values()))

    async def event_pages(
        self, account: StripeAccount, *, created_from: datetime
    ) -> AsyncIterator[Sequence[StripeEvent]]:
        """Lists all events from that moment on, newest first as Stripe does, page by page.

        Only the types that we handle. The list was read completely when the iteration ends.
        An event whose object is not understood comes without `payment_intent`: it is stored and
        parked like any other, instead of holding up those behind it.
        """
        since = math.floor(created_from.timestamp())

        def fetch(sdk: stripe.StripeClient, after: str) -> Awaitable[stripe.StripeObject]:
            params: EventListParams = {
                "types": list(wire.HANDLED_EVENT_TYPES),
                "created": {"gte": since},
                "limit": _PAGE_SIZE,
            }
            if after:
                params["starting_after"] = after
            return sdk.v1.events.list_async(params, _READING)

        async for _, page in self._pages(account, _EVENTS, fetch):
            yield [
                event
                for event in (_listed_event(account, raw) for raw in page.items)
                if event.type in wire.HANDLED_EVENT_TYPES
            ]

    def parse_event(self, body: bytes) -> StripeEvent:
        """Reads a stored event body. Raises `RejectedError` when it is not understood."""
        return webhook.parse_event(body)

    async def account_status(self, account: StripeAccount) -> AccountStatus:
        """Asks Stripe who the key belongs to and whether it may charge."""
        answer = await self._call(
            account, _ACCOUNT, lambda sdk: sdk.v1.accounts.retrieve_current_async(options=_READING)
        )
        shape = _understood(wire.account, answer, _ACCOUNT)
        return AccountStatus(
            id=shape.id,
            country=shape.country,
            default_currency=shape.default_currency.upper(),
            charges_enabled=shape.charges_enabled,
            livemode=account.livemode,  # the key's prefix was compared with it before asking
            clock_skew_s=_clock_skew_s(answer),
        )

    async def ensure_webhook_endpoint(self, account: StripeAccount, url: str) -> Secret | None:
        """Makes sure that Stripe delivers our events to `url` in our API version.

        Gives the signing secret of a new endpoint. Stripe shows it only then: None means that
        the endpoint was there already, and whoever has lost its secret has to delete it in the
        Stripe dashboard and ask again.
        """
        here = [each for each in await self._webhook_endpoints(account) if each.url == url]
        ours = [each for each in here if each.api_version == wire.API_VERSION]
        for stale in here:
            if stale not in ours:
                log.warning("stripe.webhook_of_other_version", extra={"endpoint": stale.id})
        if not ours:
            return await self._add_webhook_endpoint(account, url)
        await self._mend_webhook_endpoint(account, ours[0])
        return None

    async def _webhook_endpoints(self, account: StripeAccount) -> list[wire.WebhookEndpointShape]:
        def fetch(sdk: stripe.StripeClient, after: str) -> Awaitable[stripe.StripeObject]:
            params: WebhookEndpointListParams = {"limit": _PAGE_SIZE}
            if after:
                params["starting_after"] = after
            return sdk.v1.webhook_endpoints.list_async(params, _READING)

        return [
            _read(wire.webhook_endpoint, raw, _ENDPOINTS)
            async for _, page in self._pages(account, _ENDPOINTS, fetch)
            for raw in page.items
        ]

    async def _add_webhook_endpoint(self, account: StripeAccount, url: str) -> Secret:
        params: WebhookEndpointCreateParams = {
            "url": url,
            "enabled_events": list(wire.HANDLED_EVENT_TYPES),
            "api_version": wire.API_VERSION,
            "description": "splynx-stripe",
        }
        answer = await self._call(
            account,
            _ADD_ENDPOINT,
            lambda sdk: sdk.v1.webhook_endpoints.create_async(params),
        )
        created = _understood(wire.webhook_endpoint, answer, _ADD_ENDPOINT)
        return Secret(created.secret)

    async def _mend_webhook_endpoint(
        self, account: StripeAccount, endpoint: wire.WebhookEndpointShape
    ) -> None:
        """Switches it on again and subscribes to what is missing; more than ours does no harm."""
        subscribed = set(endpoint.enabled_events)
        if endpoint.status == "enabled" and (
            "*" in subscribed or subscribed >= set(wire.HANDLED_EVENT_TYPES)
        ):
            return
        params: WebhookEndpointUpdateParams = {
            "enabled_events": list(wire.HANDLED_EVENT_TYPES),
            "disabled": False,
        }
        await self._call(
            account,
            _MEND_ENDPOINT,
            lambda sdk: sdk.v1.webhook_endpoints.update_async(endpoint.id, params),
        )

    async def _call(self, account: StripeAccount, operation: Operation, send: Send) -> Answer:
        connection = self._connections.of(account, operation)
        return await connection.call(operation, send, self._priority or operation.priority)

    async def _pages(
        self,
        account: StripeAccount,
        operation: Operation,
        fetch: Callable[[stripe.StripeClient, str], Awaitable[stripe.StripeObject]],
    ) -> AsyncIterator[tuple[Answer, wire.Page]]:
        """Fetches a list to its end. A list that goes round in circles is not understood."""
        after, visited = "", {""}
        while True:
            answer = await self._call(account, operation, _after(fetch, after))
            page = _understood(wire.page, answer, operation)
            yield answer, page
            after = page.next_after
            if not after:
                return
            if after in visited:
                raise _not_understood(operation, "the list repeats itself")
            visited.add(after)


def _after(
    fetch: Callable[[stripe.StripeClient, str], Awaitable[stripe.StripeObject]], after: str
) -> Send:
    return lambda sdk: fetch(sdk, after)


def _listed_event(account: StripeAccount, raw: Mapping[str, object]) -> StripeEvent:
    body = wire.event_body(raw)
    try:
        event = wire.event(raw, body)
    except wire.ShapeError as error:
        event = _read(lambda listed: wire.event_envelope(listed, body), raw, _EVENTS)
        log.warning("stripe.event_not_understood", extra={"event": event.id, "why": str(error)})
    if event.livemode != account.livemode:
        raise _other_mode(account, event.id)
    return event


def _understood(read: Callable[[object], T], answer: Answer, operation: Operation) -> T:
    return _read(read, answer.data, operation)


def _read(read: Callable[[object], T], raw: object, operation: Operation) -> T:
    try:
        return read(raw)
    except wire.ShapeError as error:
        raise _not_understood(operation, str(error)) from error


def _not_understood(operation: Operation, why: str) -> OutcomeUnknownError:
    """An answer of success that we cannot read proves nothing: neither that it happened nor not."""
    return OutcomeUnknownError(
        f"Stripe was asked to {operation.does}; its answer is {why}. What happened has to be found"
        " out by asking again; if this stays, this version of splynx-stripe does not fit Stripe's"
        " API."
    )


def _observed(
    account: StripeAccount, intent_id: str, answer: Answer, operation: Operation
) -> Observed:
    intent = _understood(wire.payment_intent, answer, operation)
    _check_mode(account, intent)
    if intent.id != intent_id:
        raise BrokenInvariantError(
            f"Stripe was asked about {intent_id} and answered about {intent.id}. Nothing is done"
            " with this answer."
        )
    return Observed(intent, answer.started_at)


def _check_mode(account: StripeAccount, intent: PaymentIntent) -> None:
    if intent.livemode != account.livemode:
        raise _other_mode(account, intent.id)


def _other_mode(account: StripeAccount, object_id: str) -> BrokenInvariantError:
    return BrokenInvariantError(
        f"Stripe answered for {named(account)} with {object_id}, which is of the other mode."
        " Check the secret key of this section; nothing is done with this answer."
    )


def _check_order(order: PaymentIntentOrder, intent: PaymentIntent) -> None:
    """Proves that the answer is about what was ordered (invariants I9 and I14)."""
    ordered = (order.amount, order.customer, order.metadata.get(ATTEMPT))
    given = (intent.amount, intent.customer, intent.metadata.get(ATTEMPT))
    if ordered != given:
        raise BrokenInvariantError(
            f"Stripe was asked for a PaymentIntent of {order.amount} and answered with"
            f" {intent.id} of {intent.amount}, or for another customer or attempt. The payment is"
            " stopped; look at it in the Stripe dashboard before anything else."
        )


def _clock_skew_s(answer: Answer) -> float | None:
    try:
        theirs = parsedate_to_datetime(answer.headers.get("Date", ""))
    except ValueError:
        return None
    if theirs.tzinfo is None:
        theirs = theirs.replace(tzinfo=UTC)
    ours = answer.started_at + (answer.ended_at - answer.started_at) / 2
    return (ours - theirs).total_seconds()
