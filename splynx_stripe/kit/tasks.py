"""Background tasks that have a name, an end, and somebody who notices when they fail."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")


class Supervisor:
    """Starts named tasks, logs the ones that die, and joins all of them on exit.

    Use it as `async with Supervisor() as tasks:`; leaving the block cancels what still runs.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, name: str, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Starts `work` under `name`. Its failure is logged and also stays in the task."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def keep(
        self, name: str, work: Callable[[], Coroutine[Any, Any, None]], *, pause_s: float = 5.0
    ) -> None:
        """Starts an endless loop and starts it anew, after a pause, whenever it fails."""
        _ = self.start(name, self._kept(name, work, pause_s))

    async def _kept(
        self, name: str, work: Callable[[], Coroutine[Any, Any, None]], pause_s: float
    ) -> None:
        while True:
            try:
                await work()
            except Exception:
                log.exception("task.restarts", extra={"task": name, "pause_s": pause_s})
                await asyncio.sleep(pause_s)
            else:
                return

    async def join(self, timeout_s: float) -> None:
        """Waits up to `timeout_s` for the tasks to finish by themselves, then cancels the rest."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=timeout_s)
        for task in set(self._tasks):
            task.cancel()
        await asyncio.gather(*set(self._tasks), return_exceptions=True)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task.died", extra={"task": task.get_name()}, exc_info=error)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.join(timeout_s=0)
