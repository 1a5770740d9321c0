"""`demo` and `sandbox` as somebody types them who wants to see the product before connecting anything."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import aiohttp

from tests.acceptance.daemon_process import PROGRAM, ROOT
from tests.acceptance.waiting import PATIENCE_S, until


def free_ports(number: int) -> list[str]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [str(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def free_first_port() -> int:
    """Finds a port that is free together with the second and the fifth after it: the demo's three."""
    while True:
        first = int(free_ports(1)[0])
        try:
            for port in (first + 2, first + 5):
                socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return first


@asynccontextmanager
async def typed(output: Path, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Runs a command until the end of the block at the latest; what it prints goes to `output`."""
    with output.open("wb") as sink:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *PROGRAM, *arguments, stdout=sink, stderr=sink, cwd=ROOT
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            await process.wait()


async def test_the_demo_prints_links_that_work_and_ends_at_once(tmp_path: Path) -> None:
    output = tmp_path / "printed.txt"
    async with typed(output, "demo", "--port", str(free_first_port())) as demo:
        await until(lambda: "Test cards" in output.read_text(), output.read_text)
        links = re.findall(r"(http://\S+/direct-pay-invoice\S+)", output.read_text())

        async with aiohttp.ClientSession() as session, session.get(links[0]) as answer:
            page = await answer.text()

        assert answer.status == 200
        assert "172.50" in page
        demo.send_signal(signal.SIGINT)
        async with asyncio.timeout(PATIENCE_S):
            assert await demo.wait() == 0
    assert "Traceback" not in output.read_text()


async def test_the_sandbox_alone_says_with_which_keys_it_can_be_used(tmp_path: Path) -> None:
    output = tmp_path / "printed.txt"
    splynx, stripe = free_ports(2)
    async with typed(
        output, "sandbox", "--splynx-port", splynx, "--stripe-port", stripe
    ) as sandbox:
        await until(lambda: "sk_test_sandbox_default" in output.read_text(), output.read_text)
        async with aiohttp.ClientSession() as session:
            assert await answers(session, f"http://127.0.0.1:{stripe}/v3/")

        sandbox.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            assert await sandbox.wait() == 0


async def answers(session: aiohttp.ClientSession, url: str) -> bool:
    """Asks until somebody listens."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                async with session.get(url) as answer:
                    return answer.status == 200
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)


async def test_a_port_that_is_taken_is_told_with_the_options_that_choose_another(
    tmp_path: Path,
) -> None:
    output = tmp_path / "printed.txt"
    (other,) = free_ports(1)
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = str(taken.getsockname()[1])
        async with typed(output, "sandbox", "--splynx-port", port, "--stripe-port", other) as one:
            async with asyncio.timeout(PATIENCE_S):
                assert await one.wait() == 1

    assert "If a port is taken, choose others" in output.read_text()
    assert "Traceback" not in output.read_text()
