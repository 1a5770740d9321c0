"""What the flows of late returns need from the store and from Stripe."""

from __future__ import annotations

from typing import Protocol

from splynx_stripe.domain.late_return import Dispute, LateReturn
from splynx_stripe.domain.stripe import StripeAccount


class LateReturnUnit(Protocol):
    """The part of a unit of work that knows late returns."""

    def add_late_return(self, late: LateReturn) -> bool:
        """Stores it. False (and nothing) when the attempt has one already."""
        ...

    def late_return_of(self, attempt_id: str) -> LateReturn | None:
        """Finds the late return of an attempt."""
        ...


class StripeDisputes(Protocol):
    """The door to Stripe's disputes."""

    def dispute_of_event(self, body: bytes) -> Dispute | None:
        """Reads a stored event; None when it is about no dispute.

        Raises:
            RejectedError: it is not understood.
        """
        ...

    async def retrieve_dispute(self, account: StripeAccount, dispute_id: str) -> Dispute:
        """Reads a dispute. Raises `NotFoundError` when Stripe does not know it."""
        ...
