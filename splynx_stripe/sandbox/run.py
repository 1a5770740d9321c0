"""Runs both sandboxes on loopback until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Literal

from aiohttp import web

from splynx_stripe.kit.clock import Clock
from splynx_stripe.sandbox.splynx import SplynxSandbox, SplynxSandboxOptions
from splynx_stripe.sandbox.stripe import StripeSandbox

log = logging.getLogger(__name__)

SHUTDOWN_TIMEOUT_S = 2.0
"""Open browser connections need not hold a sandbox up."""


async def run_sandbox(  # noqa: PLR0913  the command line's options, one by one
    *,
    host: str,
    splynx_port: int,
    stripe_port: int,
    data: Literal["small", "medium", "large"],
    seed: int,
    addon_url: str | None,
    clock: Clock,
    stop: asyncio.Event,
) -> None:
    """Serves the small Splynx and the small Stripe until `stop` is set.

    Raises:
        OSError: when a port is taken. Nothing keeps running then.
    """
    splynx = SplynxSandbox(
        clock=clock, seed=seed, data=data, options=SplynxSandboxOptions(addon_url=addon_url)
    )
    stripe = StripeSandbox(clock=clock, seed=seed)
    async with contextlib.AsyncExitStack() as stack:
        for app, port in ((splynx.app(), splynx_port), (stripe.app(), stripe_port)):
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_TIMEOUT_S)
            stack.push_async_callback(runner.cleanup)
            await runner.setup()
            await web.TCPSite(runner, host, port).start()
            log.info("sandbox.listening", extra={"host": host, "port": port})
        await stop.wait()
