"""Waits for conditions, with a deadline; nothing here sleeps for a fixed time and hopes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from splynx_stripe.kit.clock import SystemClock

PATIENCE_S = 60.0
"""Longer than anything takes on a busy machine; a test that works never waits for it."""

_LOOK_EVERY_S = 0.02


async def until(
    condition: Callable[[], bool], what: Callable[[], object], *, within_s: float = PATIENCE_S
) -> None:
    """Waits until `condition` holds; `what` tells how things stand when it never does."""

    async def asked() -> bool:
        return condition()

    await until_so(asked, what, within_s=within_s)


async def until_so(
    condition: Callable[[], Awaitable[bool]],
    what: Callable[[], object],
    *,
    within_s: float = PATIENCE_S,
) -> None:
    """The same for a condition that has to ask somebody."""
    clock = SystemClock()
    deadline = clock.monotonic() + within_s
    while not await condition():
        if clock.monotonic() > deadline:
            raise AssertionError(f"Not within {within_s:.0f} seconds: {what()}")
        await asyncio.sleep(_LOOK_EVERY_S)
