"""Starts localstripe, a small Stripe written by others, in a process of its own on loopback.

`python localstripe_server.py` serves on a free port of 127.0.0.1, prints the port as its first
line, and runs until its standard input ends, so that it cannot outlive the test that started it.

localstripe is GPL-3.0-or-later: only this launcher imports it, and nothing of it is shipped. Two
things differ from its own command line: nothing is written to its pickle file, and PaymentIntents
get the `amount_received` that it does not know (0, or the amount once succeeded).
"""

from __future__ import annotations

import asyncio
import sys

from aiohttp import web
from localstripe import resources, server


def amount_received(intent: resources.PaymentIntent) -> int:
    """Gives what Stripe would: everything or nothing, as nothing is captured in part here."""
    return int(intent.amount) if intent.status == "succeeded" else 0


async def serve() -> None:
    """Serves until standard input ends."""
    resources.Store.dump_to_disk = lambda _store: None
    resources.PaymentIntent.amount_received = property(amount_received)
    runner = web.AppRunner(server.app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve())
