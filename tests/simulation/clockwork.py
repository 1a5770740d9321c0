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
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

_NEVER_S = 1e12
START = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)


class Stamp:
    """A thing that becomes true once and can be waited for."""

    __slots__ = ("_waiting", "is_set")

    def __init__(self) -> None:
        self.is_set = False
        self._waiting: list[tuple[Task, int]] = []

    def set(self) -> None:
        """Makes it true: whoever waits for it can go on."""
        self.is_set = True
        for task, wait in self._waiting:
            task.end_wait(wait)
        self._waiting.clear()

    def awaited_by(self, task: Task) -> None:
        """Lets a task wait; called by the scheduler."""
        if self.is_set:
            task.end_wait(task.waits)
        else:
            self._waiting.append((task, task.waits))


Request = str | tuple[float, Stamp | None, str]
"""What a coroutine asks for: another turn at once (a label that says where it is), or a turn at a
moment or when a stamp is set, whichever is first. Plain values, because there are millions."""


@types.coroutine
def turn(label: str) -> Generator[Request, None, None]:
    """Gives the others a chance, and the crash."""
    yield label


@types.coroutine
def until(
    at_s: float, stamp: Stamp | None = None, label: str = ""
) -> Generator[Request, None, None]:
    """Waits for a moment or for a stamp."""
    yield (at_s, stamp, label)


class SimClock:
    """Implements `kit.clock.Clock`. `skew` makes this clock differ from the world's."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self.elapsed_s = 0.0
        self._skew = timedelta(0)
        self._now, self._now_as_of_s = start, 0.0

    @property
    def skew(self) -> timedelta:
        return self._skew

    @skew.setter
    def skew(self, skew: timedelta) -> None:
        self._skew, self._now_as_of_s = skew, -1.0

    def now(self) -> datetime:
        if self._now_as_of_s != self.elapsed_s:  # it is asked some times at each moment
            self._now_as_of_s = self.elapsed_s
            self._now = self._start + timedelta(seconds=self.elapsed_s) + self._skew
        return self._now

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
            self._held.pop(key).set()


class Task:
    """A coroutine with its name and the process that dies with it ("" = the world outside).

    `waits` counts its waits: an alarm or a stamp of an earlier wait is not for it any more.
    """

    __slots__ = ("_ready", "coroutine", "name", "owner", "send", "waits")

    def __init__(
        self, name: str, coroutine: Coroutine[Any, Any, None], *, owner: str, ready: list[Task]
    ) -> None:
        self.name = name
        self.coroutine = coroutine
        self.owner = owner
        self.send = coroutine.send
        self.waits = 0
        self._ready = ready

    def end_wait(self, wait: int) -> None:
        """Makes it ready, if it is still this wait that it is in."""
        if wait == self.waits:
            self.waits += 1
            self._ready.append(self)


@dataclass(frozen=True, slots=True)
class _Call:
    """Something of the world outside that happens at a moment and does not wait again."""

    name: str
    happen: Callable[[], None]


class Scheduler:
    """Runs the tasks in an order that the seed decides, and moves the clock when all wait.

    `trace` has (moment, who, where) of each turn. `plots` are what `on_turn` looks for: without any
    it is not called. Set `is_marked` to have `on_mark` called before anybody's next turn.
    """

    running: Scheduler | None = None
    """The one that is giving turns in this process."""

    def __init__(self, rng: random.Random, clock: SimClock, most_turns: int) -> None:
        Scheduler.running = self
        self.task: Task | None = None
        self._rng = rng
        self._clock = clock
        self._most_turns = most_turns
        self._ready: list[Task] = []
        self._alarms: list[tuple[float, int, int, Task | _Call]] = []
        self._alarm_number = 0
        self._dead: list[Task] = []
        self.turns = 0
        self.trace: list[tuple[float, str, str]] = []
        self.plots: list[Any] = []
        self.frozen: dict[str, float] = {}
        self.is_marked = False
        self.watch_at_s = _NEVER_S
        self.on_turn: Callable[[str, str], None] = lambda _owner, _label: None
        self.on_death: Callable[[str, Exception], None] = lambda _name, _error: None
        self.on_mark: Callable[[], None] = lambda: None
        self.on_watch: Callable[[], None] = lambda: None

    def spawn(self, name: str, coroutine: Coroutine[Any, Any, None], owner: str = "") -> Task:
        """Starts a task; its first turn comes like any other."""
        task = Task(name, coroutine, owner=owner, ready=self._ready)
        self._ready.append(task)
        return task

    def forget(self, task: Task) -> None:
        """Gives a task no turn any more."""
        task.waits += 1
        self._dead.append(task)
        self._ready[:] = [each for each in self._ready if each is not task]

    def call_at(self, at_s: float, name: str, happen: Callable[[], None]) -> None:
        """Lets something happen in the world outside, which no crash of ours can stop."""
        self._set_alarm(at_s, 0, _Call(name, happen))

    def kill(self, owner: str) -> None:
        """Ends a process like `kill -9`: none of its tasks ever gets another turn."""
        for task in dict.fromkeys([*self._ready, *self._waiting()]):
            if task.owner == owner:
                task.waits += 1
                self._dead.append(task)
        self._ready[:] = [task for task in self._ready if task.owner != owner]

    def run(self, horizon_s: float) -> bool:
        """Gives turns until nobody can go on before `horizon_s`; False: they go round in circles."""
        ready, chance = self._ready, self._rng.random
        while self.turns < self._most_turns:
            if self.frozen:
                if not self._step_beside_frozen(horizon_s):
                    return True
            elif ready:
                count = len(ready)
                self._give_turn(ready.pop(int(chance() * count)) if count > 1 else ready.pop())
            elif not self._move_on(horizon_s, _NEVER_S):
                return True
            if self.is_marked:
                self.is_marked = False
                self.on_mark()
        return False

    def _step_beside_frozen(self, horizon_s: float) -> bool:
        now = self._clock.elapsed_s
        if max(self.frozen.values()) <= now:
            self.frozen.clear()
            return True
        ready = [task for task in self._ready if self.frozen.get(task.owner, 0.0) <= now]
        if not ready:
            thaws = [self.frozen[task.owner] for task in self._ready]
            return self._move_on(horizon_s, min(thaws, default=_NEVER_S))
        task = ready[self._rng.randrange(len(ready))]
        self._ready.remove(task)
        self._give_turn(task)
        return True

    def _move_on(self, horizon_s: float, thaw_s: float) -> bool:
        """Moves the clock to the next alarm and rings all that are set to that moment."""
        alarms = self._alarms
        while alarms and not _is_valid(alarms[0]):
            heapq.heappop(alarms)
        now = min(alarms[0][0] if alarms else _NEVER_S, thaw_s)
        if now > horizon_s:
            return False
        now = self._clock.elapsed_s = max(now, self._clock.elapsed_s)
        while alarms and alarms[0][0] <= now:
            self._ring(heapq.heappop(alarms))
        if now >= self.watch_at_s:
            self.on_watch()
        return True

    def _ring(self, alarm: tuple[float, int, int, Task | _Call]) -> None:
        _, _, wait, rung = alarm
        if isinstance(rung, Task):
            rung.end_wait(wait)
            return
        self.turns += 1
        try:
            rung.happen()
        except Exception as error:  # noqa: BLE001 - the oracle judges it
            self.on_death(rung.name, error)
        self._passed("", rung.name, rung.name)

    def _give_turn(self, task: Task) -> None:
        self.turns += 1
        self.task = task
        try:
            request: Request = task.send(None)
        except StopIteration:
            return
        except Exception as error:  # noqa: BLE001 - the oracle judges it
            self.on_death(task.name, error)
            return
        if isinstance(request, str):
            self._ready.append(task)
            self._passed(task.owner, task.name, request)
            return
        at_s, stamp, label = request
        self._set_alarm(at_s, task.waits, task)
        if stamp is not None:
            stamp.awaited_by(task)
        self._passed(task.owner, task.name, label or task.name)

    def _set_alarm(self, at_s: float, wait: int, rung: Task | _Call) -> None:
        self._alarm_number += 1
        heapq.heappush(self._alarms, (at_s, self._alarm_number, wait, rung))

    def _passed(self, owner: str, name: str, label: str) -> None:
        self.trace.append((self._clock.elapsed_s, name, label))
        if self.plots:
            self.on_turn(owner, label)

    def _waiting(self) -> list[Task]:
        return [
            each for *_, wait, each in self._alarms if isinstance(each, Task) and wait == each.waits
        ]

    def close(self) -> None:
        """Lets go of every coroutine without letting it do anything."""
        rung = [each for *_, each in self._alarms if isinstance(each, Task)]
        for task in dict.fromkeys([*self._ready, *rung, *self._dead]):
            with suppress(RuntimeError):  # it shares a generator with a task that is not closed yet
                task.coroutine.close()
        for tasks in (self._ready, self._alarms, self._dead):
            tasks.clear()


def _is_valid(alarm: tuple[float, int, int, Task | _Call]) -> bool:
    """Says whether anybody still waits for an alarm."""
    _, _, wait, rung = alarm
    return isinstance(rung, _Call) or rung.waits == wait
