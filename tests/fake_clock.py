"""A clock that stands still until a test moves it; whoever sleeps on it waits for that."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


class FakeClock:
    """Implements `kit.clock.Clock`."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._now = start
        self._sleepers: list[tuple[datetime, asyncio.Future[None]]] = []
        self._changed = asyncio.Condition()

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return (self._now - self._start).total_seconds()

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            return
        awake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._now + timedelta(seconds=seconds), awake))
        async with self._changed:
            self._changed.notify_all()
        await awake

    async def until_sleeping(self, how_many: int = 1) -> None:
        """Waits until so many sleep on this clock."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._sleepers) >= how_many)

    def advance(self, period: timedelta) -> None:
        """Lets time pass and wakes whoever has slept long enough."""
        self._now += period
        due = [awake for at, awake in self._sleepers if at <= self._now]
        self._sleepers = [one for one in self._sleepers if one[0] > self._now]
        for awake in due:
            if not awake.done():
                awake.set_result(None)


class SkewedClock:
    """A clock that is wrong by `off` and counts right: somebody has set it."""

    def __init__(self, clock: FakeClock, off: timedelta) -> None:
        self._clock = clock
        self.off = off

    def now(self) -> datetime:
        return self._clock.now() + self.off

    def monotonic(self) -> float:
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)


class ImpatientClock:
    """The same time, but whoever sleeps on this clock makes it pass instead of waiting."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.now()

    def monotonic(self) -> float:
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        self._clock.advance(timedelta(seconds=seconds))
        await asyncio.sleep(0)
