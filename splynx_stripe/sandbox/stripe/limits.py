"""Rate limits per account: over all, and per endpoint (stripe-api.md, section 3)."""

from __future__ import annotations

from collections import defaultdict, deque

from splynx_stripe.sandbox.stripe.errors import rate_limited

WINDOW_S = 1.0


class RateLimits:
    """Counts the requests of the last second. A refused request does not count."""

    def __init__(self) -> None:
        self._recent: dict[str, deque[float]] = defaultdict(deque)

    def admit(
        self, scope: str, endpoint: str, now_s: float, *, most: int, most_of_endpoint: int
    ) -> None:
        """Lets a request through, or raises 429. A limit of 0 is none."""
        overall = self._of(scope, now_s)
        single = self._of(f"{scope} {endpoint}", now_s)
        if most and len(overall) >= most:
            raise rate_limited("global-rate")
        if most_of_endpoint and len(single) >= most_of_endpoint:
            raise rate_limited("endpoint-rate")
        overall.append(now_s)
        single.append(now_s)

    def _of(self, name: str, now_s: float) -> deque[float]:
        recent = self._recent[name]
        while recent and recent[0] <= now_s - WINDOW_S:
            recent.popleft()
        return recent
