"""The due-work pump: takes what is due from the store and gives it to the flows, bounded.

Each kind has places of its own, so that a Splynx that hangs does not keep events from being
handled, nor thousands of events a booking from being made. The store is asked when somebody has
said that there may be work, when work may have been left behind for want of a place, and once
a second for what became due by the clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from splynx_stripe.domain.attempt import Attempt
from splynx_stripe.domain.effect import StoredEffect
from splynx_stripe.domain.inbox import InboxEvent
from splynx_stripe.flows.due_work import DueWork, Limits
from splynx_stripe.kit.clock import Clock
from splynx_stripe.kit.tasks import Supervisor
from splynx_stripe.store.errors import StoreUnavailableError

log = logging.getLogger(__name__)

_TICK_S = 1.0
"""How long work that becomes due by the clock waits at most; everything else wakes the pump."""

PLACES = Limits(events=32, effects=8, attempts=4)
"""How many of each kind are in hand at once. Events are many and most of them small."""

PLACES_UNDER_PRESSURE = Limits(events=4, effects=2, attempts=1)
"""The same while many events wait to be acknowledged: that comes first, but work goes on."""

_REST_S = 0.03
"""How long it rests between two questions to the store: what arrives meanwhile goes together."""

_EVENTS, _EFFECTS, _ATTEMPTS = "events", "effects", "attempts"


class DueWorkSource(Protocol):
    """Knows what is due (`flows.due_work.DueWorkFlow`)."""

    async def claim_due(self, limits: Limits) -> DueWork:
        """Takes what is due, within the limits, in one commit."""
        ...


class EffectsFlow(Protocol):
    """Carries out effects."""

    async def carry_out(self, effect: StoredEffect) -> None:
        """Carries one out."""
        ...


class InboxFlow(Protocol):
    """Handles events."""

    async def handle_all(self, events: Sequence[InboxEvent]) -> None:
        """Handles some that were claimed together."""
        ...


class LookAfterFlow(Protocol):
    """Looks at attempts."""

    async def look_at(self, attempt: Attempt) -> None:
        """Looks at one."""
        ...


@dataclass(frozen=True, slots=True)
class Flows:
    """Where due work comes from and who does it."""

    due_work: DueWorkSource
    inbox: InboxFlow
    effects: EffectsFlow
    look_after: LookAfterFlow


class Pump:
    """Runs due work within its places; never two on the same attempt look."""

    def __init__(
        self,
        flows: Flows,
        *,
        tasks: Supervisor,
        clock: Clock,
        places: Limits = PLACES,
        is_pressed: Callable[[], bool] = lambda: False,
    ) -> None:
        self._flows = flows
        self._tasks = tasks
        self._clock = clock
        self._places = places
        self._is_pressed = is_pressed
        self._running: dict[str, asyncio.Task[Any]] = {}
        self._taken: Counter[str] = Counter()
        self._woken = asyncio.Event()
        self._claiming = asyncio.Lock()
        self._left_behind = self._attempts_left_behind = False
        self._looked_at_s = float("-inf")
        self._stopping = False

    def wake(self) -> None:
        """Says that there may be work now. Cheap; may be called from anywhere in the loop."""
        self._woken.set()

    async def run(self) -> None:
        """Pumps until `stop` is called."""
        while not self._stopping:
            self._woken.clear()
            try:
                await self._pump(looks=self._is_time_to_look())
            except StoreUnavailableError as error:
                log.warning("pump.waits", extra={"error": str(error)})
            await self._wait_for_work()
            await self._clock.sleep(_REST_S)

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
        return await self._pump(looks=True)

    async def drain(self) -> None:
        """Pumps until nothing is due and nothing runs. For tests and commands that want an end."""
        while await self.pump_once() or self._running:
            if self._running:
                await asyncio.wait(set(self._running.values()))

    async def _pump(self, *, looks: bool) -> int:
        async with self._claiming:
            room = self._room(looks=looks)
            self._left_behind = True  # until the store has said otherwise
            due = await self._claimed(room)
            self._attempts_left_behind = looks and len(due.attempts) == room.attempts
            self._left_behind = (
                self._attempts_left_behind
                or len(due.events) == room.events
                or len(due.effects) == room.effects
            )
            return self._begin_all(due)

    async def _claimed(self, room: Limits) -> DueWork:
        if not (room.events or room.effects or room.attempts):
            return DueWork()
        return await self._flows.due_work.claim_due(room)

    def _is_time_to_look(self) -> bool:
        """Says whether a second has passed: attempts become due by the clock, nobody wakes us."""
        now_s = self._clock.monotonic()
        if now_s - self._looked_at_s < _TICK_S and not self._attempts_left_behind:
            return False
        self._looked_at_s = now_s
        return True

    def _room(self, *, looks: bool) -> Limits:
        places = PLACES_UNDER_PRESSURE if self._is_pressed() else self._places
        taken = self._taken
        return Limits(
            events=max(places.events - taken[_EVENTS], 0),
            effects=max(places.effects - taken[_EFFECTS], 0),
            attempts=max(places.attempts - taken[_ATTEMPTS], 0) if looks else 0,
        )

    def _begin_all(self, due: DueWork) -> int:
        flows, started = self._flows, 0
        if due.events:
            started += self._begin(
                f"inbox:{due.events[0].id}",
                flows.inbox.handle_all(due.events),
                _EVENTS,
                len(due.events),
            )
        for effect in due.effects:
            started += self._begin(
                f"effect:{effect.key}", flows.effects.carry_out(effect), _EFFECTS
            )
        for attempt in due.attempts:
            name = f"look:{attempt.id}"
            if name not in self._running:
                started += self._begin(name, flows.look_after.look_at(attempt), _ATTEMPTS)
        return started

    def _begin(self, name: str, work: Coroutine[Any, Any, None], kind: str, places: int = 1) -> int:
        task = self._tasks.start(name, _until_the_store_fails(name, work))
        self._running[name] = task
        self._taken[kind] += places
        task.add_done_callback(lambda _: self._end(name, kind, places))
        return places

    def _end(self, name: str, kind: str, places: int) -> None:
        self._running.pop(name, None)
        self._taken[kind] -= places
        if self._left_behind:
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
