"""The time within which a request that Splynx does not recognise as a repetition may leave.

Before such a POST its intention is committed, with a moment. Whoever takes the work over searches
Splynx only after that moment plus a waiting time, and believes then what is not there. So a
worker that was paused (SIGSTOP, a frozen virtual machine) between its commit and its POST must
not send it any more when it wakes: by then somebody else may have sent it (faults 9 and 50).

What remains: a pause that begins after the check and before the bytes leave, a few microseconds
of this process, and a request that is on its way for longer than the other half of the waiting
time. Both show as two payments with one marker, which is a case.
"""

from __future__ import annotations

from datetime import timedelta

from splynx_stripe.domain.effect import StoredEffect
from splynx_stripe.domain.errors import RetryableError
from splynx_stripe.domain.timing import Timing
from splynx_stripe.kit.clock import Clock


class PostingWindow:
    """A window that is open for `lasts`, from its making on. Make it before the commit."""

    def __init__(self, clock: Clock, lasts: timedelta) -> None:
        self._clock = clock
        self._lasts = lasts
        self._since = clock.now()
        self._since_s = clock.monotonic()

    def require_open(self, what: str) -> None:
        """Lets a request pass, or says that it comes too late.

        Both clocks are asked: the one stands still in a frozen machine, the other may be set back.

        Raises:
            RetryableError: too late. Nothing was sent; begin anew with the search.
        """
        passed = self._clock.now() - self._since
        passed_s = self._clock.monotonic() - self._since_s
        if max(passed, timedelta(seconds=passed_s)) > self._lasts:
            raise RetryableError(
                f"This daemon was held up too long before {what}, so it was not sent. It is looked"
                " for in Splynx first."
            )


class LostPosts:
    """Knows which announced requests may still be on their way into Splynx.

    The announcement is committed with the wall clock's moment. That clock may be set forward
    meanwhile (fault 15), so the waiting time must also have passed on the clock that only counts:
    since the announcement where this process made it, else since this process began.
    """

    def __init__(self, clock: Clock, timing: Timing) -> None:
        self._clock = clock
        self._wait_s = timing.verify_booking_after.total_seconds()
        self._began_s = clock.monotonic()
        self._announced_s: dict[str, float] = {}

    def announce(self, effect: StoredEffect) -> None:
        """Notes that a request of this effect is about to leave. Call it before the commit."""
        now_s = self._clock.monotonic()
        recent = {k: s for k, s in self._announced_s.items() if now_s - s < self._wait_s}
        self._announced_s = {**recent, effect.key: now_s}

    def wait_for(self, effect: StoredEffect) -> None:
        """Refuses to believe that an earlier POST came to nothing before it had time to arrive.

        Raises:
            RetryableError: it may still arrive. Nothing was sent; begin anew with the search.
        """
        if effect.posting_at is None:
            return
        since = self._announced_s.get(effect.key, self._began_s)
        passed_s = min(
            (self._clock.now() - effect.posting_at).total_seconds(),
            self._clock.monotonic() - since,
        )
        if passed_s < self._wait_s:
            raise RetryableError(
                "An earlier request may still be on its way into Splynx.",
                retry_after_s=self._wait_s - passed_s,
            )
