"""Both sandboxes are served together on loopback, until told to stop."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from aiohttp.test_utils import unused_port

from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.tasks import Supervisor
from splynx_stripe.sandbox.run import run_sandbox


async def served(url: str) -> int:
    """Asks until there is an answer; the test's own time limit is the limit."""
    async with aiohttp.ClientSession() as http:
        while True:
            try:
                async with http.get(url) as response:
                    return response.status
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.01)


async def test_both_sandboxes_answer_until_stopped() -> None:
    splynx_port, stripe_port, stop = unused_port(), unused_port(), asyncio.Event()
    async with Supervisor() as tasks:
        running = tasks.start(
            "sandbox",
            run_sandbox(
                host="127.0.0.1",
                splynx_port=splynx_port,
                stripe_port=stripe_port,
                data="small",
                seed=1,
                addon_url=None,
                clock=SystemClock(),
                stop=stop,
            ),
        )

        assert await served(f"http://127.0.0.1:{splynx_port}/portal/") == 200
        assert await served(f"http://127.0.0.1:{stripe_port}/v1/balance") == 401
        stop.set()
        await asyncio.wait_for(running, timeout=30)

    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ClientConnectionError):
            await http.get(f"http://127.0.0.1:{splynx_port}/portal/")


async def test_a_taken_port_is_told_and_nothing_keeps_running() -> None:
    splynx_port, stop = unused_port(), asyncio.Event()

    with pytest.raises(OSError, match="address already in use"):
        await run_sandbox(
            host="127.0.0.1",
            splynx_port=splynx_port,
            stripe_port=splynx_port,
            data="small",
            seed=1,
            addon_url=None,
            clock=SystemClock(),
            stop=stop,
        )

    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ClientConnectionError):
            await http.get(f"http://127.0.0.1:{splynx_port}/portal/")
