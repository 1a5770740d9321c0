"""Stripe as the flows see it: orders in, domain values and the four families of errors out."""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
import stripe
from stripe.params import EventListParams, PaymentIntentListParams

from splynx_stripe.domain.connection import AccountStatus
from splynx_stripe.domain.errors import BrokenInvariantError, RejectedError
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
from splynx_stripe.gateways.stripe.calls import (
    PAGE_SIZE,
    READING,
    StripeCalls,
    read_shape,
    understood,
)
from splynx_stripe.gateways.stripe.client import (
    Answer,
    RateLimits,
    Send,
    StripeConnections,
    StripeCredentials,
    StripeEndpoints,
)
from splynx_stripe.gateways.stripe.customers import StripeCustomerCalls
from splynx_stripe.gateways.stripe.disputes import StripeDisputeCalls
from splynx_stripe.gateways.stripe.errors import UNEXPECTED_STATE, Operation, named
from splynx_stripe.gateways.stripe.oauth import OAuthClient, StripeOAuth
from splynx_stripe.gateways.stripe.payment_intent_order import payment_intent_params
from splynx_stripe.gateways.stripe.preflight import Preflight
from splynx_stripe.gateways.stripe.setup_intents import StripeSavedMethodCalls
from splynx_stripe.gateways.stripe.webhook_endpoints import WebhookEndpoints
from splynx_stripe.kit.clock import Clock
from splynx_stripe.kit.rate_limit import Priority

log = logging.getLogger(__name__)

_IN_BACKGROUND = Priority.BACKGROUND

_CREATE = Operation("payment_intents.create", "create the PaymentIntent", writes=True)
_CHARGE = Operation(
    "payment_intents.create",
    "charge the saved payment method",
    writes=True,
    priority=_IN_BACKGROUND,
    confirms=True,
)
_RETRIEVE = Operation("payment_intents.retrieve", "show the PaymentIntent", writes=False)
_CANCEL = Operation("payment_intents.cancel", "cancel the PaymentIntent", writes=True)
_FIND = Operation(
    "payment_intents.list", "list PaymentIntents", writes=False, priority=_IN_BACKGROUND
)
_EVENTS = Operation("events.list", "list events", writes=False, priority=_IN_BACKGROUND)
_ACCOUNT = Operation("account.retrieve", "describe the account", writes=False)


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
        self._calls = StripeCalls(
            StripeConnections(
                endpoints=endpoints,
                credentials=credentials,
                session=session,
                clock=clock,
                limits=limits,
                timeout_s=timeout_s,
            )
        )
        self._connect_base = endpoints.connect_base

    def with_priority(self, priority: Priority) -> StripeSdkGateway:
        """Gives the same gateway, with the same limits, whose every call has this priority.

        Without it, lists are background work and everything else is done for a person.
        """
        view = object.__new__(StripeSdkGateway)
        view._calls = self._calls.with_priority(priority)
        view._connect_base = self._connect_base
        return view

    @property
    def webhook_endpoints(self) -> WebhookEndpoints:
        """Gives the part that knows webhook endpoints."""
        return WebhookEndpoints(self._calls)

    def oauth(self, clients: Mapping[bool, OAuthClient]) -> StripeOAuth:
        """Gives the part that connects accounts, with our platform of each mode."""
        return StripeOAuth(self._calls, clients, self._connect_base)

    @property
    def saved_methods(self) -> StripeSavedMethodCalls:
        """Gives the part that knows SetupIntents, PaymentMethods and mandates."""
        return StripeSavedMethodCalls(self._call)

    @property
    def customers(self) -> StripeCustomerCalls:
        """Gives the part that knows customers."""
        return StripeCustomerCalls(self._calls)

    @property
    def disputes(self) -> StripeDisputeCalls:
        """Gives the part that knows disputes."""
        return StripeDisputeCalls(self._calls)

    async def create_customer(
        self, account: StripeAccount, order: StripeCustomerOrder, *, idempotency_key: str
    ) -> str:
        """Creates a customer and gives its id; the same key gives the same customer."""
        return await self.customers.create_customer(account, order, idempotency_key=idempotency_key)

    async def create_payment_intent(
        self, account: StripeAccount, order: PaymentIntentOrder, *, idempotency_key: str
    ) -> Observed:
        """Creates a PaymentIntent, or gives the one that this key created before.

        An off-session order is confirmed at once; a decline is no error but a PaymentIntent that
        shows its failure.

        Raises:
            RejectedError: Stripe refused; nothing exists. Final.
            RetryableError: Surely nothing happened; repeat with the same key.
            OutcomeUnknownError: Timeout, 5xx or half an answer; ask with the same key.
            BrokenInvariantError: The key was used with other parameters, or the answer is about
                another payment than the order; stop this payment.
        """
        params = payment_intent_params(order)
        options: stripe.RequestOptions = {"idempotency_key": idempotency_key}
        operation = _CHARGE if order.off_session else _CREATE
        answer = await self._call(
            account, operation, lambda sdk: sdk.v1.payment_intents.create_async(params, options)
        )
        intent = understood(wire.payment_intent, answer, operation)
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
                intent_id, {"expand": ["payment_method"]}, READING
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
                "limit": PAGE_SIZE,
            }
            if customer:
                params["customer"] = customer
            if after:
                params["starting_after"] = after
            return sdk.v1.payment_intents.list_async(params, READING)

        found: dict[str, Observed] = {}
        async for answer, page in self._calls.pages(account, _FIND, fetch):
            for raw in page.items:
                intent = read_shape(wire.payment_intent, raw, _FIND)
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
                "limit": PAGE_SIZE,
            }
            if after:
                params["starting_after"] = after
            return sdk.v1.events.list_async(params, READING)

        async for _, page in self._calls.pages(account, _EVENTS, fetch):
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
            account, _ACCOUNT, lambda sdk: sdk.v1.accounts.retrieve_current_async(options=READING)
        )
        shape = understood(wire.account, answer, _ACCOUNT)
        return AccountStatus(
            id=shape.id,
            country=shape.country,
            default_currency=shape.default_currency.upper(),
            charges_enabled=shape.charges_enabled,
            livemode=account.livemode,  # the key's prefix was compared with it before asking
            clock_skew_s=_clock_skew_s(answer),
            name=shape.name,
        )

    async def missing_permissions(self, account: StripeAccount) -> Sequence[str]:
        """Gives a line for each permission that a key lacks, and what does not work without it."""
        return await Preflight(self._calls).missing(account)

    async def _call(self, account: StripeAccount, operation: Operation, send: Send) -> Answer:
        return await self._calls.call(account, operation, send)


def _listed_event(account: StripeAccount, raw: Mapping[str, object]) -> StripeEvent:
    body = wire.event_body(raw)
    try:
        event = wire.event(raw, body)
    except wire.ShapeError as error:
        event = read_shape(lambda listed: wire.event_envelope(listed, body), raw, _EVENTS)
        log.warning("stripe.event_not_understood", extra={"event": event.id, "why": str(error)})
    if event.livemode != account.livemode:
        raise _other_mode(account, event.id)
    return event


def _observed(
    account: StripeAccount, intent_id: str, answer: Answer, operation: Operation
) -> Observed:
    intent = understood(wire.payment_intent, answer, operation)
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
