"""The listening socket, and the proof that somebody answers on it."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import aiohttp

from splynx_stripe.config import Settings

BACKLOG = 1024
_SELF_REQUEST_S = 5.0


def bind(settings: Settings) -> socket.socket:
    listen = settings.listen
    if listen.unix:
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(listen.unix)
    else:
        family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
        listening = socket.socket(family)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((listen.host, listen.port))
    listening.listen(BACKLOG)
    listening.setblocking(False)
    return listening


def name_of(listening: socket.socket) -> str:
    name = listening.getsockname()
    return name if isinstance(name, str) else f"{name[0]}:{name[1]}"


async def ask_ourselves(listening: socket.socket, settings: Settings) -> None:
    """Makes a real request over our own listener: a process that hangs is not ready."""
    name = listening.getsockname()
    connector: aiohttp.BaseConnector
    if isinstance(name, str):
        connector, host = aiohttp.UnixConnector(path=name), "localhost"
    else:
        address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(name[0], name[0])  # noqa: S104 - compared, not bound
        connector = aiohttp.TCPConnector()
        host = f"[{address}]:{name[1]}" if ":" in address else f"{address}:{name[1]}"
    base = urlsplit(settings.public_url or "http://127.0.0.1/stripe").path
    timeout = aiohttp.ClientTimeout(total=_SELF_REQUEST_S)
    async with (
        aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
        session.get(f"http://{host}{base}/healthz") as answer,
    ):
        answer.raise_for_status()
