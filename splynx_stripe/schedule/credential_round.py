"""Again and again does what is due about saved credentials; any daemon may, work is claimed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
    StaleWriteError,
)
from splynx_stripe.store.errors import StoreUnavailableError

log = logging.getLogger(__name__)

TICK_S = 5.0
"""How long work that becomes due by the clock waits at most."""

_TROUBLES = (
    RejectedError,
    RetryableError,
    OutcomeUnknownError,
    BrokenInvariantError,
    StaleWriteError,
    StoreUnavailableError,
)


class Round(Protocol):
    """Does what is due, bounded (`flows.tend_credentials.TendCredentials`)."""

    async def run_once(self) -> int:
        """Says how much was due."""
        ...


class CredentialRound:
    """Runs rounds: at once when something has changed, else every `TICK_S`."""

    def __init__(self, tend: Round, stopping: Callable[[], bool] = lambda: False) -> None:
        self._tend = tend
        self._stopping = stopping
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Says that there may be work now."""
        self._woken.set()

    async def run(self) -> None:
        """Runs until it is cancelled; what was interrupted is done again."""
        while not self._stopping():
            self._woken.clear()
            try:
                done = await self._tend.run_once()
            except _TROUBLES as error:
                log.warning("credentials.round_failed", extra={"error": str(error)})
                done = 0
            if not done:
                await self._wait()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(TICK_S):
                await self._woken.wait()
        except TimeoutError:
            return
