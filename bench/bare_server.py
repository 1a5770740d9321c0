"""The yardstick: aiohttp on uvloop that answers 200 to any POST and does nothing else."""

from __future__ import annotations

import sys

import uvloop
from aiohttp import web


async def answer(_request: web.Request) -> web.Response:
    """Answers as our webhook does, without looking at the request."""
    return web.json_response({"received": True})


def main() -> None:
    """Serves on the port that the first argument names, until SIGTERM."""
    app = web.Application()
    app.router.add_post("/stripe/webhook/{endpoint}", answer)
    web.run_app(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        access_log=None,
        print=None,
        loop=uvloop.new_event_loop(),
    )


if __name__ == "__main__":
    main()
