"""A clock for fault rules that holds a delayed request until the test lets it go."""

from __future__ import annotations

import asyncio

from typing_extensions import override

from splynx_stripe.kit.clock import SystemClock


class Gate(SystemClock):
    """Holds whoever wants to sleep until it is opened."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()

    @override
    async def sleep(self, seconds: float) -> None:
        await self.opened.wait()
