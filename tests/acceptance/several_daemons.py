"""Several daemons of one town behind one front, as nginx would stand before several hosts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp

from tests.acceptance.daemon_process import DaemonProcess
from tests.acceptance.person import Person
from tests.acceptance.town import Town

_PIECE = 65_536


class Front:
    """Sends each connection to the next daemon that takes it, like an upstream of nginx."""

    def __init__(self) -> None:
        self.daemons: list[DaemonProcess] = []
        self._turn = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection; without a daemon it is closed at once."""
        try:
            upstream = await self._connected()
            if upstream is not None:
                inwards, outwards = upstream
                await asyncio.gather(_pass_on(reader, outwards), _pass_on(inwards, writer))
        finally:
            writer.close()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for _ in range(len(self.daemons)):
            self._turn += 1
            daemon = self.daemons[self._turn % len(self.daemons)]
            if not daemon.runs or not daemon.url:
                continue
            host, _, port = daemon.url.removeprefix("http://").partition(":")
            with suppress(OSError):
                return await asyncio.open_connection(host, int(port))
        return None


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def several(town: Town, outputs: Path, *, number: int) -> AsyncIterator[list[DaemonProcess]]:
    """Gives daemons that are not started yet; those that run are all reached by the front."""
    front = Front()
    front.daemons = [DaemonProcess(town.config_path, outputs) for _ in range(number)]
    server = await asyncio.start_server(front.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    town.splynx.options.addon_url = f"http://{host}:{port}"
    try:
        yield front.daemons
    finally:
        for daemon in front.daemons:
            await daemon.end()
        server.close()


async def pay_whatever_happens(person: Person) -> None:
    """Reloads and goes on, also when a page breaks off in the middle."""
    while True:
        try:
            await person.log_in()
            await person.go_on_until_paid()
        except aiohttp.ClientError:
            continue
        return
