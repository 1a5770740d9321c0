"""Time, chance and order for a simulated world: one thread, no real waiting, all from one seed.

The product's coroutines run unchanged. Whatever they await in the end yields one of the requests
below to the scheduler, which decides, by the seed, whose turn is next. Between two turns anything
may happen: another task, a crash, a fault. Time moves only when nobody can go on at this moment.
"""

from __future__ import annotations

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


@dataclass(frozen=True, slots=True)
class Turn:
    """Asks for another turn at once: everybody else may go first."""

    label: str


@dataclass(frozen=True, slots=True)
class Until:
    """Asks for a turn when `stamp` is set, or at the moment `at_s`, whichever is first."""

    at_s: float
    stamp: Stamp | None = None


Request = Turn | Until


@types.coroutine
def turn(label: str) -> Generator[Request, None, None]:
    """Gives the others a chance, and the crash."""
    yield Turn(label)


@types.coroutine
def until(at_s: float, stamp: Stamp | None = None) -> Generator[Request, None, None]:
    """Waits for a moment or for a stamp."""
    yield Until(at_s, stamp)


class SimClock:
    """Implements `kit.clock.Clock`. `skew` makes this clock differ from the world's."""

    def __init__(self) -> None:
        self.elapsed_s = 0.0
        self.skew = timedelta(0)

    def now(self) -> datetime:
        return START + timedelta(seconds=self.elapsed_s) + self.skew

    def true_now(self) -> datetime:
        """Gives the world's time, which Stripe and Splynx go by."""
        return START + timedelta(seconds=self.elapsed_s)

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


@dataclass(slots=True)
class Task:
    """A coroutine with its name and the process that dies with it ("" = the world outside)."""

    name: str
    coroutine: Coroutine[Any, Any, None]
    owner: str
    waits_until_s: float
    waits_for: Stamp | None


class Scheduler:
    """Runs the tasks in an order that the seed decides, and moves the clock when all wait."""

    def __init__(self, rng: random.Random, clock: SimClock) -> None:
        self._rng = rng
        self._clock = clock
        self._tasks: list[Task] = []
        self.turns = 0
        self.frozen: dict[str, float] = {}
        self.on_turn: Callable[[Task, str], None] = lambda _task, _label: None
        self.on_death: Callable[[Task, Exception], None] = lambda _task, _error: None
        self.running: Task | None = None
        self.dead: list[Coroutine[Any, Any, None]] = []

    def spawn(self, name: str, coroutine: Coroutine[Any, Any, None], owner: str = "") -> None:
        """Starts a task; its first turn comes like any other."""
        self._tasks.append(Task(name, coroutine, owner, self._clock.elapsed_s, None))

    def kill(self, owner: str) -> None:
        """Ends a process like `kill -9`: none of its tasks ever gets another turn."""
        self.dead.extend(task.coroutine for task in self._tasks if task.owner == owner)
        self._tasks = [task for task in self._tasks if task.owner != owner]

    def step(self, horizon_s: float) -> bool:
        """Gives one turn to somebody. False when nobody can go on before `horizon_s`."""
        now = self._clock.elapsed_s
        ready = [
            task
            for task in self._tasks
            if (task.waits_until_s <= now or (task.waits_for is not None and task.waits_for.is_set))
            and self.frozen.get(task.owner, 0.0) <= now
        ]
        if not ready:
            next_s = min(
                (max(t.waits_until_s, self.frozen.get(t.owner, 0.0)) for t in self._tasks),
                default=horizon_s + 1,
            )
            if next_s > horizon_s:
                return False
            self._clock.elapsed_s = next_s
            return True
        task = ready[self._rng.randrange(len(ready))] if len(ready) > 1 else ready[0]
        self._give_turn(task)
        return True

    def _give_turn(self, task: Task) -> None:
        self.turns += 1
        self.running = task
        try:
            request = task.coroutine.send(None)
        except StopIteration:
            self._tasks.remove(task)
            return
        except Exception as error:  # noqa: BLE001 - the oracle judges it
            self._tasks.remove(task)
            self.on_death(task, error)
            return
        finally:
            self.running = None
        match request:
            case Turn():
                task.waits_until_s, task.waits_for = self._clock.elapsed_s, None
                self.on_turn(task, request.label)
            case Until(at_s, stamp):
                task.waits_until_s, task.waits_for = at_s, stamp
                self.on_turn(task, task.name)

    def close(self) -> None:
        """Lets go of every coroutine without letting it do anything."""
        for coroutine in [*(task.coroutine for task in self._tasks), *self.dead]:
            coroutine.close()
        self._tasks.clear()
        self.dead.clear()
