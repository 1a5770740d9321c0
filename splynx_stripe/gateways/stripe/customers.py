"""Stripe's customers as the flows see them: create, update, list, look whether one is there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import stripe
from stripe.params import (
    CustomerCreateParams,
    CustomerListParams,
    CustomerUpdateParams,
    CustomerUpdateParamsAddress,
)

from splynx_stripe.domain.customer_sync import SeenCustomer, SeenPage
from splynx_stripe.domain.errors import BrokenInvariantError, NotFoundError, RejectedError
from splynx_stripe.domain.stripe import StripeAccount, StripeAddress, StripeCustomerOrder
from splynx_stripe.gateways.stripe import wire
from splynx_stripe.gateways.stripe.calls import (
    PAGE_SIZE,
    READING,
    StripeCalls,
    read_shape,
    understood,
)
from splynx_stripe.gateways.stripe.errors import RESOURCE_MISSING, Operation, named
from splynx_stripe.gateways.stripe.wire import _Metadata, _Moment, _Named, _read, _Shape
from splynx_stripe.kit.rate_limit import Priority

_CREATE = Operation("customers.create", "create a customer", writes=True)
_UPDATE = Operation(
    "customers.update", "update the customer", writes=True, priority=Priority.BACKGROUND
)
_LIST = Operation("customers.list", "list customers", writes=False, priority=Priority.BACKGROUND)
_RETRIEVE = Operation(
    "customers.retrieve", "show the customer", writes=False, priority=Priority.BACKGROUND
)


class _Seen(_Shape):
    object: Literal["customer"]
    id: _Named
    metadata: _Metadata
    created: _Moment
    livemode: bool


class _There(_Shape):
    """A customer, of which only this is left when it was deleted."""

    object: Literal["customer"]
    id: _Named
    deleted: bool = False


class StripeCustomerCalls:
    """Implements the flows' `SyncStripe`, and the part of `StripeGateway` that makes customers."""

    def __init__(self, calls: StripeCalls) -> None:
        self._calls = calls

    async def create_customer(
        self, account: StripeAccount, order: StripeCustomerOrder, *, idempotency_key: str
    ) -> str:
        """Creates a customer and gives its id; the same key gives the same customer."""
        params = create_params(order)
        options: stripe.RequestOptions = {"idempotency_key": idempotency_key}
        answer = await self._calls.call(
            account, _CREATE, lambda sdk: sdk.v1.customers.create_async(params, options)
        )
        return understood(wire.customer_id, answer, _CREATE)

    async def update_customer(
        self, account: StripeAccount, customer_id: str, order: StripeCustomerOrder
    ) -> None:
        """Makes the customer as ordered; other people's metadata stays. Repeating does no harm.

        Raises:
            NotFoundError: it is deleted, or of another account.
        """
        params = update_params(order)
        try:
            answer = await self._calls.call(
                account, _UPDATE, lambda sdk: sdk.v1.customers.update_async(customer_id, params)
            )
        except RejectedError as error:
            _raise_if_missing(error, customer_id)
            raise
        _require_same(understood(wire.customer_id, answer, _UPDATE), customer_id)

    async def customer_page(self, account: StripeAccount, *, after: str) -> SeenPage:
        """Gives one page of all customers, newest first.

        Raises:
            NotFoundError: `after` is not there any more; begin the list anew.
        """
        params: CustomerListParams = {"limit": PAGE_SIZE}
        if after:
            params["starting_after"] = after
        try:
            answer = await self._calls.call(
                account, _LIST, lambda sdk: sdk.v1.customers.list_async(params, READING)
            )
        except RejectedError as error:
            _raise_if_missing(error, after)
            raise
        page = understood(wire.page, answer, _LIST)
        customers = [read_shape(_seen, raw, _LIST) for raw in page.items]
        for each in customers:
            if each.livemode != account.livemode:
                raise BrokenInvariantError(
                    f"Stripe answered for {named(account)} with {each.id}, which is of the other"
                    " mode. Check the secret key of this section; nothing was changed."
                )
        return SeenPage(customers, page.next_after)

    async def find_customer(self, account: StripeAccount, customer_id: str) -> SeenCustomer | None:
        """Reads a customer; None when there is none, or it is deleted."""
        try:
            answer = await self._calls.call(
                account,
                _RETRIEVE,
                lambda sdk: sdk.v1.customers.retrieve_async(customer_id, options=READING),
            )
        except RejectedError as error:
            if error.code == RESOURCE_MISSING or isinstance(error, NotFoundError):
                return None
            raise
        there = understood(lambda raw: _read(_There, raw), answer, _RETRIEVE)
        _require_same(there.id, customer_id)
        return None if there.deleted else understood(_seen, answer, _RETRIEVE)


def create_params(order: StripeCustomerOrder) -> CustomerCreateParams:
    """Writes an order for a customer that is made, without the fields that are empty."""
    params = wire.customer_params(order)
    if order.address is not None:
        params["address"] = {name: text for name, text in _address(order.address).items() if text}  # type: ignore[typeddict-item]  # the same keys
    if order.language:
        params["preferred_locales"] = [order.language]
    return params


def update_params(order: StripeCustomerOrder) -> CustomerUpdateParams:
    """Writes an order for a customer that exists: what is empty becomes empty there, too."""
    return {
        "name": order.name,
        "email": order.email,
        "phone": order.phone,
        "address": _address(order.address) if order.address else "",
        "preferred_locales": [order.language] if order.language else [],
        "metadata": dict(order.metadata),
    }


def _address(address: StripeAddress) -> CustomerUpdateParamsAddress:
    return {
        "line1": address.line1,
        "city": address.city,
        "postal_code": address.postal_code,
        "country": address.country,
    }


def _seen(raw: object) -> SeenCustomer:
    shape = _read(_Seen, raw)
    return SeenCustomer(
        id=shape.id,
        metadata=shape.metadata,
        created=datetime.fromtimestamp(shape.created, tz=UTC),
        livemode=shape.livemode,
    )


def _raise_if_missing(error: RejectedError, customer_id: str) -> None:
    """Gives the error of a customer that is not there its name, whatever status Stripe chose."""
    if error.code == RESOURCE_MISSING and customer_id:
        raise NotFoundError(
            f"Stripe does not know {customer_id} (any more).", code=RESOURCE_MISSING
        ) from error


def _require_same(given: str, asked: str) -> None:
    if given != asked:
        raise BrokenInvariantError(
            f"Stripe was asked about {asked} and answered about {given}. Nothing is done with this"
            " answer."
        )
