"""Stripe's saved things as the flows see them: SetupIntents, PaymentMethods, mandates."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import stripe
from stripe.params import SetupIntentVerifyMicrodepositsParams

from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    NotFoundError,
    OutcomeUnknownError,
    RejectedError,
)
from splynx_stripe.domain.payment_method import (
    Mandate,
    ObservedSetup,
    PaymentMethod,
    SavedThingEvent,
    SetupIntent,
    SetupIntentOrder,
)
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.gateways.stripe import saved_wire, wire
from splynx_stripe.gateways.stripe.client import READ_RETRIES, Answer, Send
from splynx_stripe.gateways.stripe.errors import UNEXPECTED_STATE, Operation, named

T = TypeVar("T")

CallStripe = Callable[[StripeAccount, Operation, Send], Awaitable[Answer]]
"""Sends one request on the connection of an account, within its rates."""

_READING: stripe.RequestOptions = {"max_network_retries": READ_RETRIES}
_SHOWN = ["payment_method", "mandate"]

_CREATE = Operation("setup_intents.create", "prepare saving", writes=True)
_RETRIEVE = Operation("setup_intents.retrieve", "show the SetupIntent", writes=False)
_CANCEL = Operation("setup_intents.cancel", "cancel the SetupIntent", writes=True)
_VERIFY = Operation("setup_intents.verify", "verify the bank account", writes=True)
_METHOD = Operation("payment_methods.retrieve", "show the PaymentMethod", writes=False)
_DETACH = Operation("payment_methods.detach", "detach the PaymentMethod", writes=True)
_MANDATE = Operation("mandates.retrieve", "show the mandate", writes=False)
_CUSTOMER = Operation("customers.retrieve", "show the customer", writes=False)


class StripeSavedMethodCalls:
    """Implements the flows' `StripeSavedMethods` on the connections of `StripeSdkGateway`."""

    def __init__(self, call: CallStripe) -> None:
        self._call = call

    async def create_setup_intent(
        self, account: StripeAccount, order: SetupIntentOrder, *, idempotency_key: str
    ) -> ObservedSetup:
        """Creates a SetupIntent, or gives the one that this key created before.

        Raises:
            BrokenInvariantError: the answer is about another customer or setup than the order.
        """
        params = saved_wire.setup_intent_params(order)
        options: stripe.RequestOptions = {"idempotency_key": idempotency_key}
        answer = await self._call(
            account, _CREATE, lambda sdk: sdk.v1.setup_intents.create_async(params, options)
        )
        intent = _understood(saved_wire.setup_intent, answer, _CREATE)
        _check_mode(account, intent.livemode, intent.id)
        ordered = (order.customer, order.metadata.get(saved_wire.SETUP))
        if ordered != (intent.customer, intent.metadata.get(saved_wire.SETUP)):
            raise BrokenInvariantError(
                f"Stripe was asked for a SetupIntent and answered with {intent.id}, which is of"
                " another customer. Nothing is done with this answer; nothing was saved."
            )
        # A replayed answer shows how it was when it was created, not how it is.
        as_of = min(answer.started_at, intent.created) if answer.is_replay else answer.started_at
        return ObservedSetup(intent, as_of)

    async def retrieve_setup_intent(self, account: StripeAccount, intent_id: str) -> ObservedSetup:
        """Reads a SetupIntent with its PaymentMethod and mandate."""
        answer = await self._call(
            account,
            _RETRIEVE,
            lambda sdk: sdk.v1.setup_intents.retrieve_async(
                intent_id, {"expand": _SHOWN}, _READING
            ),
        )
        return _observed(account, intent_id, answer, _RETRIEVE)

    async def cancel_setup_intent(self, account: StripeAccount, intent_id: str) -> ObservedSetup:
        """Cancels it, or gives what it is when it cannot be canceled any more."""
        try:
            answer = await self._call(
                account,
                _CANCEL,
                lambda sdk: sdk.v1.setup_intents.cancel_async(intent_id, {"expand": _SHOWN}),
            )
        except RejectedError as error:
            if error.code not in {UNEXPECTED_STATE, "setup_intent_unexpected_state"}:
                raise
            return await self.retrieve_setup_intent(account, intent_id)
        return _observed(account, intent_id, answer, _CANCEL)

    async def verify_microdeposits(
        self, account: StripeAccount, intent_id: str, *, amounts: Sequence[int], code: str
    ) -> ObservedSetup:
        """Proves a bank account by two amounts in minor units, or by a code of six characters."""
        params: SetupIntentVerifyMicrodepositsParams = {"expand": _SHOWN}
        if code:
            params["descriptor_code"] = code
        else:
            params["amounts"] = list(amounts)
        answer = await self._call(
            account,
            _VERIFY,
            lambda sdk: sdk.v1.setup_intents.verify_microdeposits_async(intent_id, params),
        )
        return _observed(account, intent_id, answer, _VERIFY)

    async def retrieve_payment_method(
        self, account: StripeAccount, method_id: str, *, customer: str = ""
    ) -> PaymentMethod:
        """Reads a PaymentMethod; with `customer`, only as one of that customer's."""

        def of_customer(sdk: stripe.StripeClient) -> Awaitable[stripe.StripeObject]:
            return sdk.v1.customers.payment_methods.retrieve_async(
                customer, method_id, options=_READING
            )

        def by_itself(sdk: stripe.StripeClient) -> Awaitable[stripe.StripeObject]:
            return sdk.v1.payment_methods.retrieve_async(method_id, options=_READING)

        answer = await self._call(account, _METHOD, of_customer if customer else by_itself)
        method = _understood(saved_wire.payment_method, answer, _METHOD)
        _check_mode(account, method.livemode, method.id)
        if method.id != method_id or (customer and method.customer != customer):
            raise BrokenInvariantError(
                f"Stripe was asked about {method_id} and answered about another PaymentMethod or"
                " customer. Nothing is done with this answer."
            )
        return method

    async def detach_payment_method(self, account: StripeAccount, method_id: str) -> None:
        """Detaches it for ever. One that is detached or gone already counts as done."""
        try:
            await self._call(
                account, _DETACH, lambda sdk: sdk.v1.payment_methods.detach_async(method_id)
            )
        except NotFoundError:
            return
        except RejectedError:
            found = await self.retrieve_payment_method(account, method_id)
            if found.customer:
                raise

    async def retrieve_mandate(self, account: StripeAccount, mandate_id: str) -> Mandate:
        """Reads a mandate."""
        answer = await self._call(
            account,
            _MANDATE,
            lambda sdk: sdk.v1.mandates.retrieve_async(mandate_id, options=_READING),
        )
        return _understood(saved_wire.mandate, answer, _MANDATE)

    async def stripe_customer_exists(self, account: StripeAccount, customer_id: str) -> bool:
        """Says whether this account has that customer, and it is not deleted."""
        try:
            answer = await self._call(
                account,
                _CUSTOMER,
                lambda sdk: sdk.v1.customers.retrieve_async(customer_id, options=_READING),
            )
        except NotFoundError:
            return False
        return _understood(saved_wire.customer_is_there, answer, _CUSTOMER)

    def saved_thing_event(self, body: bytes) -> SavedThingEvent | None:
        """Reads a stored event; None when it is about nothing that can be saved.

        Raises:
            RejectedError: it is not understood; a person has to look at it in the dashboard.
        """
        try:
            return saved_wire.saved_thing_event(wire.read_json(body))
        except wire.ShapeError as error:
            raise RejectedError(f"The event is {error}.") from error


def _understood(read: Callable[[object], T], answer: Answer, operation: Operation) -> T:
    try:
        return read(answer.data)
    except wire.ShapeError as error:
        raise OutcomeUnknownError(
            f"Stripe was asked to {operation.does}; its answer is {error}. No money is involved; it"
            " is asked again. If this stays, this version of splynx-stripe does not fit Stripe's"
            " API."
        ) from error


def _observed(
    account: StripeAccount, intent_id: str, answer: Answer, operation: Operation
) -> ObservedSetup:
    intent: SetupIntent = _understood(saved_wire.setup_intent, answer, operation)
    _check_mode(account, intent.livemode, intent.id)
    if intent.id != intent_id:
        raise BrokenInvariantError(
            f"Stripe was asked about {intent_id} and answered about {intent.id}. Nothing is done"
            " with this answer."
        )
    return ObservedSetup(intent, answer.started_at)


def _check_mode(account: StripeAccount, livemode: bool, object_id: str) -> None:  # noqa: FBT001 - Stripe's word
    if livemode != account.livemode:
        raise BrokenInvariantError(
            f"Stripe answered for {named(account)} with {object_id}, which is of the other mode."
            " Check the secret key of this section; nothing is done with this answer."
        )
