"""Time, chance and order for a simulated world: one thread, no real waiting, all from one seed.

The product's coroutines run unchanged. Whatever they await in the end yields one of the requests
below to the scheduler, which decides, by the seed, whose turn is next. Between two turns anything
may happen: another task, a crash, a fault. Time moves only when nobody can go on at this moment.
"""

from __future__ import annotations

import heapq
import random
import types
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

_NEVER_S = 1e12
START = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)


class Stamp:
    """A thing that becomes true once and can be waited for."""

    __slots__ = ("is_set",)

    def __init__(self) -> None:
        self.is_set = False


Request = str | tuple[float, Stamp | None]
"""What a coroutine asks for: another turn at once (a label that says where it is), or a turn at a
moment or when a stamp is set, whichever is first. Plain values, because there are millions."""


@types.coroutine
def turn(label: str) -> Generator[Request, None, None]:
    """Gives the others a chance, and the crash."""
    yield label


@types.coroutine
def until(at_s: float, stamp: Stamp | None = None) -> Generator[Request, None, None]:
    """Waits for a moment or for a stamp."""
    yield (at_s, stamp)


class SimClock:
    """Implements `kit.clock.Clock`. `skew` makes this clock differ from the world's."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self.elapsed_s = 0.0
        self.skew = timedelta(0)

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.elapsed_s) + self.skew

    def true_now(self) -> datetime:
        """Gives the world's time, which Stripe and Splynx go by."""
        return self._start + timedelta(seconds=self.elapsed_s)

    def monotonic(self) -> float:
        return self.elapsed_s

    async def sleep(self, seconds: float) -> None:
        await until(self.elapsed_s + seconds)


class SimLocks:
    """Stands in for `kit.keyed_lock.KeyedLock`: the same promise without an event loop."""

    def __init__(self) -> None:
        self._held: dict[str, Stamp] = {}

    @asynccontextmanager
    async def hold(self, key: str) -> AsyncIterator[None]:
        """Holds the key; waits until whoever holds it lets go."""
        while key in self._held:
            await until(_NEVER_S, self._held[key])
        self._held[key] = Stamp()
        try:
            yield
        finally:
            self._held.pop(key).is_set = True


@dataclass(slots=True, eq=False)
class Task:
    """A coroutine with its name and the process that dies with it ("" = the world outside).

    `waits` counts its waits: an alarm of an earlier wait is not for it any more.
    """

    name: str
    coroutine: Coroutine[Any, Any, None]
    owner: str
    waits: int = 0
    waits_for: Stamp | None = None


class Scheduler:
    """Runs the tasks in an order that the seed decides, and moves the clock when all wait."""

    def __init__(self, rng: random.Random, clock: SimClock) -> None:
        self._rng = rng
        self._clock = clock
        self._ready: list[Task] = []
        self._stamped: list[Task] = []
        self._alarms: list[tuple[float, int, int, Task]] = []
        self._alarm_number = 0
        self.turns = 0
        self.frozen: dict[str, float] = {}
        self.on_turn: Callable[[Task, str], None] = lambda _task, _label: None
        self.on_death: Callable[[Task, Exception], None] = lambda _task, _error: None
        self._dead: list[Task] = []

    def spawn(self, name: str, coroutine: Coroutine[Any, Any, None], owner: str = "") -> None:
        """Starts a task; its first turn comes like any other."""
        self._ready.append(Task(name, coroutine, owner))

    def kill(self, owner: str) -> None:
        """Ends a process like `kill -9`: none of its tasks ever gets another turn."""
        waiting = [task for _, _, waits, task in self._alarms if waits == task.waits]
        for task in dict.fromkeys([*self._ready, *self._stamped, *waiting]):
            if task.owner == owner:
                task.waits += 1
                self._dead.append(task)
        self._ready = [task for task in self._ready if task.owner != owner]
        self._stamped = [task for task in self._stamped if task.owner != owner]

    def step(self, horizon_s: float) -> bool:
        """Gives one turn to somebody. False when nobody can go on before `horizon_s`."""
        self._wake()
        if self.frozen:
            return self._step_beside_frozen(horizon_s)
        ready = self._ready
        if not ready:
            return self._move_on(horizon_s, _NEVER_S)
        number = int(self._rng.random() * len(ready)) if len(ready) > 1 else 0
        self._give_turn(ready.pop(number))
        return True

    def _step_beside_frozen(self, horizon_s: float) -> bool:
        now = self._clock.elapsed_s
        ready = [task for task in self._ready if self.frozen.get(task.owner, 0.0) <= now]
        if not ready:
            thaws = [self.frozen[task.owner] for task in self._ready]
            return self._move_on(horizon_s, min(thaws, default=_NEVER_S))
        task = ready[self._rng.randrange(len(ready))]
        self._ready.remove(task)
        self._give_turn(task)
        return True

    def _wake(self) -> None:
        """Finds who need not wait any longer."""
        for task in self._stamped:
            if task.waits_for is not None and task.waits_for.is_set:
                self._end_stamped_waits()
                break
        alarms, now = self._alarms, self._clock.elapsed_s
        while alarms and alarms[0][0] <= now:
            _, _, waits, task = heapq.heappop(alarms)
            if waits == task.waits:
                if task.waits_for is not None:
                    self._stamped.remove(task)
                self._end_wait(task)

    def _end_stamped_waits(self) -> None:
        for task in self._stamped:
            if task.waits_for is not None and task.waits_for.is_set:
                self._end_wait(task)
        self._stamped = [task for task in self._stamped if task.waits_for is not None]

    def _end_wait(self, task: Task) -> None:
        task.waits += 1
        task.waits_for = None
        self._ready.append(task)

    def _move_on(self, horizon_s: float, thaw_s: float) -> bool:
        """Moves the clock to the next alarm."""
        alarms = self._alarms
        while alarms and alarms[0][2] != alarms[0][3].waits:
            heapq.heappop(alarms)
        next_s = min(alarms[0][0] if alarms else _NEVER_S, thaw_s)
        if next_s > horizon_s:
            return False
        self._clock.elapsed_s = max(next_s, self._clock.elapsed_s)
        return True

    def _give_turn(self, task: Task) -> None:
        self.turns += 1
        try:
            request: Request = task.coroutine.send(None)
        except StopIteration:
            return
        except Exception as error:  # noqa: BLE001 - the oracle judges it
            self.on_death(task, error)
            return
        if isinstance(request, str):
            self._ready.append(task)
            self.on_turn(task, request)
            return
        at_s, task.waits_for = request
        if task.waits_for is not None:
            self._stamped.append(task)
        self._alarm_number += 1
        heapq.heappush(self._alarms, (at_s, self._alarm_number, task.waits, task))
        self.on_turn(task, task.name)

    def close(self) -> None:
        """Lets go of every coroutine without letting it do anything."""
        waiting = [task for *_, task in self._alarms]
        for task in dict.fromkeys([*self._ready, *self._stamped, *waiting, *self._dead]):
            task.coroutine.close()
        for tasks in (self._ready, self._stamped, self._alarms, self._dead):
            tasks.clear()
