"""Notices that the wall clock was set, and lets the periodic jobs start from the new time (fault 15).

The jobs are planned by the wall clock. Set back by an hour, it would let them sleep for that hour.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from splynx_stripe.kit.clock import Clock

log = logging.getLogger(__name__)

_EVERY_S = 1.0
_NOTEWORTHY_S = 5.0
"""NTP slews smaller differences away without a jump; more than this was set, or the machine slept."""


class ClockWatch:
    """Compares the clock that is set with the one that only counts. Keep `run` running."""

    def __init__(self, clock: Clock, on_jump: Callable[[], None]) -> None:
        self._clock = clock
        self._on_jump = on_jump
        self._difference_s = self._difference()

    async def run(self) -> None:
        """Looks every second until it is cancelled."""
        while True:
            await self._clock.sleep(_EVERY_S)
            self.look()

    def look(self) -> None:
        """Says so once, and calls `on_jump`, when the clock was set since the last look."""
        difference_s = self._difference()
        jump_s = difference_s - self._difference_s
        self._difference_s = difference_s
        if abs(jump_s) >= _NOTEWORTHY_S:
            log.warning("clock.jumped", extra={"by_s": round(jump_s)})
            self._on_jump()

    def _difference(self) -> float:
        return self._clock.now().timestamp() - self._clock.monotonic()
