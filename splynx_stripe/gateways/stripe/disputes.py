"""Stripe's disputes as the flows see them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from splynx_stripe.domain.errors import RejectedError
from splynx_stripe.domain.late_return import Dispute
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.gateways.stripe.calls import READING, StripeCalls, understood
from splynx_stripe.gateways.stripe.errors import Operation
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

_RETRIEVE = Operation("disputes.retrieve", "show the dispute", writes=False)
_PREFIX = "charge.dispute."


class StripeDisputeCalls:
    """Implements the flows' `StripeDisputes`."""

    def __init__(self, calls: StripeCalls) -> None:
        self._calls = calls

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
        answer = await self._calls.call(
            account,
            _RETRIEVE,
            lambda sdk: sdk.v1.disputes.retrieve_async(dispute_id, options=READING),
        )
        return understood(dispute, answer, _RETRIEVE)


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
