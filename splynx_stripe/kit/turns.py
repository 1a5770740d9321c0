"""A bounded number of things at once, in which people who are waiting go before background work."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from splynx_stripe.kit.rate_limit import Priority


class Turns:
    """Lets `limit` things happen at once. Background work leaves one place free where there are two.

    Within one priority, who came first is served first. Being cancelled while waiting takes no place.
    """

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError("Nothing could ever happen with no place at all.")
        self._limit = {Priority.INTERACTIVE: limit, Priority.BACKGROUND: max(1, limit - 1)}
        self._taken = 0
        self._waiting: dict[Priority, deque[asyncio.Future[None]]] = {
            Priority.INTERACTIVE: deque(),
            Priority.BACKGROUND: deque(),
        }

    @asynccontextmanager
    async def take(self, priority: Priority) -> AsyncIterator[None]:
        """Waits for a place and holds it for the block."""
        await self._acquire(priority)
        try:
            yield
        finally:
            self._taken -= 1
            self._call_next()

    async def _acquire(self, priority: Priority) -> None:
        if self._has_place(priority) and not any(self._waiting[one] for one in _before(priority)):
            self._taken += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[priority].append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # called and cancelled at the same moment
                self._taken -= 1
                self._call_next()
            raise

    def _has_place(self, priority: Priority) -> bool:
        return self._taken < self._limit[priority]

    def _call_next(self) -> None:
        for priority, queue in self._waiting.items():
            while queue and self._has_place(priority):
                turn = queue.popleft()
                if not turn.cancelled():
                    self._taken += 1
                    turn.set_result(None)


def _before(priority: Priority) -> tuple[Priority, ...]:
    """Gives the queues that are served before a newcomer of this priority, its own included."""
    if priority is Priority.INTERACTIVE:
        return (Priority.INTERACTIVE,)
    return (Priority.INTERACTIVE, Priority.BACKGROUND)
