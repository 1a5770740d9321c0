"""Stripe's disputes as the flows see them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import stripe

from splynx_stripe.domain.errors import OutcomeUnknownError, RejectedError
from splynx_stripe.domain.late_return import Dispute
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.gateways.stripe.client import READ_RETRIES
from splynx_stripe.gateways.stripe.errors import Operation
from splynx_stripe.gateways.stripe.setup_intents import CallStripe
from splynx_stripe.gateways.stripe.wire import (
    ShapeError,
    _Amount,
    _Event,
    _Moment,
    _Named,
    _Optional,
    _read,
    _Reference,
    _Shape,
    read_json,
)

_READING: stripe.RequestOptions = {"max_network_retries": READ_RETRIES}
_RETRIEVE = Operation("disputes.retrieve", "show the dispute", writes=False)
_PREFIX = "charge.dispute."


class StripeDisputeCalls:
    """Implements the flows' `StripeDisputes` on the connections of `StripeSdkGateway`."""

    def __init__(self, call: CallStripe) -> None:
        self._call = call

    def dispute_of_event(self, body: bytes) -> Dispute | None:
        """Reads a stored event; None when it is about no dispute.

        Raises:
            RejectedError: it is not understood.
        """
        try:
            event = _read(_Event, read_json(body))
            return dispute(event.data.object) if event.type.startswith(_PREFIX) else None
        except ShapeError as error:
            raise RejectedError(f"The event is {error}.") from error

    async def retrieve_dispute(self, account: StripeAccount, dispute_id: str) -> Dispute:
        """Reads a dispute. Raises `NotFoundError` when Stripe does not know it."""
        answer = await self._call(
            account,
            _RETRIEVE,
            lambda sdk: sdk.v1.disputes.retrieve_async(dispute_id, options=_READING),
        )
        try:
            return dispute(answer.data)
        except ShapeError as error:
            raise OutcomeUnknownError(
                f"Stripe was asked to show a dispute; its answer is {error}. It is asked again."
            ) from error


class _DisputeShape(_Shape):
    object: Literal["dispute"]
    id: _Named
    payment_intent: _Reference = ""
    amount: _Amount
    currency: str
    reason: _Optional = ""
    created: _Moment
    livemode: bool


def dispute(raw: object) -> Dispute:
    """Reads a dispute. Raises `ShapeError`."""
    shape = _read(_DisputeShape, raw)
    return Dispute(
        id=shape.id,
        payment_intent=shape.payment_intent,
        amount=Money(shape.amount, shape.currency.upper()),
        reason=shape.reason,
        created=datetime.fromtimestamp(shape.created, tz=UTC),
        livemode=shape.livemode,
    )
