"""Money that a bank takes back after it was booked: a late return of a bank debit.

Stripe shows it as a dispute. Of a bank debit it is final, there is no appeal
(`reference/stripe-api.md`, section 4), so the booking is reversed at once, and once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from splynx_stripe.domain.money import Money
from splynx_stripe.domain.stripe import StripeAccount


@dataclass(frozen=True, slots=True)
class Dispute:
    """A dispute as Stripe shows it. `reason` is Stripe's word, such as `insufficient_funds`."""

    id: str
    payment_intent: str
    amount: Money
    reason: str
    created: datetime
    livemode: bool


@dataclass(frozen=True, slots=True)
class LateReturn:
    """A dispute that reverses the booking of one of our attempts. There is one per dispute."""

    dispute_id: str
    account: StripeAccount
    attempt_id: str
    amount: Money
    reason: str
    returned_at: datetime
