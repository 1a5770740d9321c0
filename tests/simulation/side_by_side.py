"""Doing several things at once without an event loop: what charge runs use of asyncio.

Charge runs have workers that wait for each other, so they use locks, semaphores and task groups.
These keep the same promises on the simulated scheduler; `use_simulated_tasks` puts them into the
modules of the product that need them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any, ClassVar

from splynx_stripe.flows import charge_run_engine, charge_run_lane, charge_run_plan
from tests.simulation.clockwork import Scheduler, SimLocks, Stamp, Task, until

_NEVER_S = 1e12


class _Semaphore:
    """Stands in for `asyncio.Semaphore`, and with one place for `asyncio.Lock`."""

    def __init__(self, value: int = 1) -> None:
        self._free = value
        self._bell = Stamp()

    async def __aenter__(self) -> None:
        while self._free <= 0:
            await until(_NEVER_S, self._bell)
        self._free -= 1

    async def __aexit__(self, *_error: object) -> None:
        self._free += 1
        bell, self._bell = self._bell, Stamp()
        bell.set()


async def _gather(*works: Coroutine[Any, Any, Any]) -> list[Any]:
    try:
        return [await work for work in works]
    finally:
        _close(works)


class _Asyncio:
    """As much of asyncio as the modules use."""

    Lock: ClassVar = _Semaphore
    Semaphore: ClassVar = _Semaphore
    gather = staticmethod(_gather)


async def together(works: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Does several things at once; the first failure ends the others and is raised as it is."""
    if len(works) == 1:
        await works[0]
        return
    scheduler = Scheduler.running
    assert scheduler is not None
    assert scheduler.task is not None
    name, owner = scheduler.task.name, scheduler.task.owner
    ended, failures = Stamp(), list[Exception]()
    left = len(works)

    async def one(work: Coroutine[Any, Any, None]) -> None:
        nonlocal left
        try:
            await work
        except Exception as error:  # noqa: BLE001 - it is raised below
            failures.append(error)
        left -= 1
        if failures or not left:
            ended.set()

    tasks = [
        scheduler.spawn(f"{name}.{number}", one(work), owner) for number, work in enumerate(works)
    ]
    try:
        if tasks:
            await until(_NEVER_S, ended)
        if failures:
            _cancel(scheduler, tasks)
            raise failures[0]
    finally:
        _close(works)


def _cancel(scheduler: Scheduler, tasks: Sequence[Task]) -> None:
    """Ends tasks as a task group does: they let go of what they hold, and have no other turn."""
    for task in tasks:
        scheduler.forget(task)
        with suppress(StopIteration, asyncio.CancelledError, RuntimeError):
            task.coroutine.throw(asyncio.CancelledError)


def _close(works: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Tells those that have never had a turn that they will have none."""
    for work in works:
        with suppress(RuntimeError):
            work.close()


def use_simulated_tasks() -> None:
    """Lets the product's charge runs wait by the simulated clock, for all of this process."""
    for module in (charge_run_lane, charge_run_plan):
        module.asyncio = _Asyncio  # type: ignore[attr-defined]  # only what is listed above is used
    charge_run_lane.KeyedLock = SimLocks  # type: ignore[attr-defined,assignment]  # same promise
    for module_of_runs in (charge_run_lane, charge_run_engine):
        module_of_runs.together = together  # type: ignore[attr-defined]  # the same promise
