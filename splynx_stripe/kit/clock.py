"""The only place that reads the time."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time and waits. Tests and the simulation bring their own."""

    def now(self) -> datetime:
        """Gives the present moment, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Gives seconds that never jump, for measuring durations."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        return datetime.now(tz=UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
