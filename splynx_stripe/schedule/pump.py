"""The due-work pump: takes what is due from the store and gives it to the flows, bounded."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from splynx_stripe.domain.attempt import Attempt
from splynx_stripe.domain.effect import StoredEffect
from splynx_stripe.domain.inbox import InboxEvent
from splynx_stripe.kit.tasks import Supervisor
from splynx_stripe.store.errors import StoreUnavailableError

log = logging.getLogger(__name__)

_TICK_S = 1.0
"""How long work that becomes due by the clock waits at most; everything else wakes the pump."""

_PARALLEL_UNDER_PRESSURE = 2
"""Items at once while many events wait to be acknowledged: that comes first, but work goes on."""


class EffectsFlow(Protocol):
    """Claims and carries out effects."""

    async def claim(self, limit: int) -> Sequence[StoredEffect]:
        """Claims due effects."""
        ...

    async def carry_out(self, effect: StoredEffect) -> None:
        """Carries one out."""
        ...


class InboxFlow(Protocol):
    """Claims and handles events."""

    async def claim(self, limit: int) -> Sequence[InboxEvent]:
        """Claims due events."""
        ...

    async def handle(self, event: InboxEvent) -> None:
        """Handles one."""
        ...


class LookAfterFlow(Protocol):
    """Finds and looks at attempts."""

    async def due(self, limit: int) -> Sequence[Attempt]:
        """Finds attempts that are due."""
        ...

    async def look_at(self, attempt: Attempt) -> None:
        """Looks at one."""
        ...


class Pump:
    """Runs due work with at most `parallel` items at once; never two on the same attempt look."""

    def __init__(
        self,
        *,
        effects: EffectsFlow,
        inbox: InboxFlow,
        look_after: LookAfterFlow,
        tasks: Supervisor,
        parallel: int = 8,
        is_pressed: Callable[[], bool] = lambda: False,
    ) -> None:
        self._effects = effects
        self._inbox = inbox
        self._look_after = look_after
        self._tasks = tasks
        self._parallel = parallel
        self._is_pressed = is_pressed
        self._running: dict[str, asyncio.Task[Any]] = {}
        self._woken = asyncio.Event()
        self._claiming = asyncio.Lock()
        self._stopping = False

    def wake(self) -> None:
        """Says that there may be work now. Cheap; may be called from anywhere in the loop."""
        self._woken.set()

    async def run(self) -> None:
        """Pumps until `stop` is called."""
        while not self._stopping:
            self._woken.clear()
            try:
                started = await self.pump_once()
            except StoreUnavailableError as error:
                log.warning("pump.waits", extra={"error": str(error)})
                started = 0
            if not started:
                await self._wait_for_work()

    async def stop(self, timeout_s: float) -> None:
        """Takes no new work and waits for the work in hand; what is left resumes at next start.

        Work in hand is also what is being claimed right now: cut off between its commit and its
        POST, a booking would have to wait until it is certain that nothing is on its way.
        """
        self._stopping = True
        self.wake()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                async with self._claiming:
                    pass
                while self._running:
                    await asyncio.wait(set(self._running.values()))

    async def pump_once(self) -> int:
        """Starts what is due, as far as there is room, and says how many items that were."""
        async with self._claiming:
            return await self._claim_and_begin()

    async def _claim_and_begin(self) -> int:
        if not self._room():
            return 0
        started = 0
        for event in await self._inbox.claim(self._room()):
            started += self._begin(f"inbox:{event.id}", self._inbox.handle(event))
        for effect in await self._effects.claim(self._room()):
            started += self._begin(f"effect:{effect.key}", self._effects.carry_out(effect))
        for attempt in await self._look_after.due(self._room()):
            name = f"look:{attempt.id}"
            if name not in self._running:
                started += self._begin(name, self._look_after.look_at(attempt))
        return started

    async def drain(self) -> None:
        """Pumps until nothing is due and nothing runs. For tests and commands that want an end."""
        while await self.pump_once() or self._running:
            if self._running:
                await asyncio.wait(set(self._running.values()))

    def _room(self) -> int:
        parallel = _PARALLEL_UNDER_PRESSURE if self._is_pressed() else self._parallel
        return max(parallel - len(self._running), 0)

    def _begin(self, name: str, work: Coroutine[Any, Any, None]) -> int:
        task = self._tasks.start(name, _until_the_store_fails(name, work))
        self._running[name] = task
        task.add_done_callback(lambda _: self._end(name))
        return 1

    def _end(self, name: str) -> None:
        self._running.pop(name, None)
        self.wake()

    async def _wait_for_work(self) -> None:
        try:
            async with asyncio.timeout(_TICK_S):
                await self._woken.wait()
        except TimeoutError:
            return


async def _until_the_store_fails(name: str, work: Coroutine[Any, Any, None]) -> None:
    """Does the work; what the database did not take is done anew when its claim is over."""
    try:
        await work
    except StoreUnavailableError as error:
        log.warning("pump.interrupted", extra={"work": name, "error": str(error)})
