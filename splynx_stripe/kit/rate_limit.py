"""Token buckets: how often something may be done, with a share kept for people who are waiting."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from enum import StrEnum

from splynx_stripe.kit.clock import Clock

BURST_S = 0.2
"""A full bucket holds the tokens of a fifth of a second, so that a pause is not followed by a flood."""
WINDOW_S = 1.0
"""Limits are said per second, and some servers count by whole seconds instead of by tokens."""
SLOWEST_PER_S = 1.0
"""A bucket is never throttled below this, or one bad minute would stop payments for good."""
_RECOVERY_S = 60.0
"""How long a bucket needs from nothing back to its full rate."""
_HALVE_AT_MOST_EVERY_S = 1.0
"""Refusals that arrive together have one cause and halve the rate once."""
_TINY_S = 1e-6
_WHOLE = 1.0 - 1e-9
"""What counts as one token: adding floats many times does not quite give whole numbers."""

_SHORTEST_WAIT_S = 0.001
"""A rest of a nanosecond would be too short for any clock to pass, and one would ask for ever."""


class Priority(StrEnum):
    """Who is waiting for a call."""

    INTERACTIVE = "interactive"
    BACKGROUND = "background"


class TokenBucket:
    """The pure core: it is told the time, in seconds of a clock that never jumps.

    In any period of T seconds at most `burst + rate_per_s * T` tokens are given, and in no second
    more than `rate_per_s`, rounded up. Background work gets only what leaves `reserved_share` of
    each second free, so a person finds a token while a bulk run uses up everything else.
    """

    def __init__(self, *, rate_per_s: float, reserved_share: float, now_s: float) -> None:
        if rate_per_s <= 0 or not 0 <= reserved_share < 1:
            raise ValueError("A bucket needs a rate above 0 and a reserved share of 0 up to 1.")
        self.full_rate_per_s = rate_per_s
        self.burst = max(1.0, rate_per_s * BURST_S)
        self._reserved_share = reserved_share
        self._rate_per_s = rate_per_s
        self._tokens = self.burst
        self._given_at_s: deque[float] = deque()
        self._at_s = now_s
        self._halved_at_s = now_s - _HALVE_AT_MOST_EVERY_S

    def rate_per_s(self, now_s: float) -> float:
        """Gives the present rate, which is the full one unless the bucket was throttled."""
        self._advance(now_s)
        return self._rate_per_s

    def take(self, now_s: float, priority: Priority) -> float:
        """Takes a token and gives 0, or takes none and gives the seconds to wait before asking again."""
        self._advance(now_s)
        wait_s = max(self._until_token_s(), self._until_window_s(now_s, priority))
        if wait_s > 0:
            return max(_SHORTEST_WAIT_S, wait_s)
        self._tokens = max(0.0, self._tokens - 1.0)
        self._given_at_s.append(now_s)
        return 0.0

    def _until_token_s(self) -> float:
        return 0.0 if self._tokens >= _WHOLE else (1.0 - self._tokens) / self._rate_per_s

    def _until_window_s(self, now_s: float, priority: Priority) -> float:
        """Gives the seconds until the last second has room for one more of this priority."""
        given = self._given_at_s
        while given and given[0] + WINDOW_S <= now_s + _TINY_S:
            given.popleft()
        room = math.ceil(self._rate_per_s * WINDOW_S)
        if priority is Priority.BACKGROUND:
            room = math.floor(room * (1 - self._reserved_share) + _TINY_S)
        surplus = len(given) - max(1, room)
        return given[surplus] + WINDOW_S - now_s if surplus >= 0 else 0.0

    def throttle(self, now_s: float) -> None:
        """Empties the bucket and halves its rate: the other side said that this was too much."""
        self._advance(now_s)
        self._tokens = 0.0
        if now_s - self._halved_at_s >= _HALVE_AT_MOST_EVERY_S:
            self._halved_at_s = now_s
            slowest_per_s = min(SLOWEST_PER_S, self.full_rate_per_s)
            self._rate_per_s = max(slowest_per_s, self._rate_per_s / 2)

    def _advance(self, now_s: float) -> None:
        """Adds the tokens of the time that passed, while the rate climbs back in a straight line."""
        passed_s = now_s - self._at_s
        if passed_s <= 0:
            return
        self._at_s = now_s
        per_s2 = self.full_rate_per_s / _RECOVERY_S
        climbing_s = min(passed_s, (self.full_rate_per_s - self._rate_per_s) / per_s2)
        gained = self._rate_per_s * climbing_s + per_s2 * climbing_s**2 / 2
        gained += self.full_rate_per_s * (passed_s - climbing_s)
        self._rate_per_s = min(self.full_rate_per_s, self._rate_per_s + per_s2 * climbing_s)
        self._tokens = min(self.burst, self._tokens + gained)


class RateLimiter:
    """A bucket one can wait at. Within one priority, who came first is served first."""

    def __init__(self, clock: Clock, *, rate_per_s: float, reserved_share: float) -> None:
        self._clock = clock
        self._bucket = TokenBucket(
            rate_per_s=rate_per_s, reserved_share=reserved_share, now_s=clock.monotonic()
        )
        # Only the first of each queue watches the bucket: a thousand waiting charges are then
        # one timer and not a thousand.
        self._queues = {priority: asyncio.Lock() for priority in Priority}

    async def acquire(self, priority: Priority) -> None:
        """Waits until it may be done. Being cancelled meanwhile costs no token."""
        async with self._queues[priority]:
            while wait_s := self._bucket.take(self._clock.monotonic(), priority):
                await self._clock.sleep(wait_s)

    def throttle(self) -> None:
        """Slows down after a refusal."""
        self._bucket.throttle(self._clock.monotonic())

    @property
    def rate_per_s(self) -> float:
        """The present rate."""
        return self._bucket.rate_per_s(self._clock.monotonic())
