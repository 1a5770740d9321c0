"""The waiting times of the flows: how long a doubt may last before somebody looks again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Timing:
    """The waiting times of the flows; each is a setting under `timing:`."""

    look_after_first: timedelta = timedelta(seconds=30)
    look_every: timedelta = timedelta(minutes=5)
    abandoned_after: timedelta = timedelta(hours=1)
    key_protects_for: timedelta = timedelta(hours=23)
    booking_deadline: timedelta = timedelta(minutes=15)
    verify_booking_after: timedelta = timedelta(seconds=90)
    effect_claim: timedelta = timedelta(minutes=5)
    event_claim: timedelta = timedelta(minutes=2)

    @property
    def posting_window(self) -> timedelta:
        """Gives how long after its announcement a request that is not idempotent may leave.

        Half of the time after which its absence is believed: the other half is its way.
        """
        return self.verify_booking_after / 2
