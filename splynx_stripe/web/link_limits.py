"""How often payment links may be opened and made, and by whom one is held back."""

from __future__ import annotations

from dataclasses import dataclass

from splynx_stripe.kit.clock import Clock
from splynx_stripe.web.limits import Allowance, RateLimiter

VIEWS_PER_LINK = Allowance(burst=60, period_s=60)
"""Openings of one valid link. It counts for nobody else: who has a link is not one of a crowd."""

MISSES_PER_ADDRESS = Allowance(burst=20, period_s=60)
"""Tokens that open nothing, from one address; guessing one of 2**128 is hopeless anyhow."""

VIEWS_PER_DOCUMENT = Allowance(burst=60, period_s=60)
"""Openings of one document by plain links, from wherever: a botnet cannot read one all day."""

ORDERS_PER_KEY = Allowance(burst=300, period_s=60)
"""Links that one program makes: an invoice run of thousands takes minutes, and Splynx survives."""

REFUSALS_PER_ADDRESS = Allowance(burst=10, period_s=60)
"""Requests with a wrong key from one address."""


@dataclass(frozen=True, slots=True)
class LinkLimits:
    """How often links may be opened and made."""

    views: RateLimiter
    misses: RateLimiter
    documents: RateLimiter
    orders: RateLimiter
    refusals: RateLimiter

    @classmethod
    def usual(cls, clock: Clock) -> LinkLimits:
        """Makes the limits that are in force."""
        return cls(
            views=RateLimiter(clock, VIEWS_PER_LINK),
            misses=RateLimiter(clock, MISSES_PER_ADDRESS),
            documents=RateLimiter(clock, VIEWS_PER_DOCUMENT),
            orders=RateLimiter(clock, ORDERS_PER_KEY),
            refusals=RateLimiter(clock, REFUSALS_PER_ADDRESS),
        )
