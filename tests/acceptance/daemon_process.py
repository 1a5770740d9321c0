"""The installed daemon as a process of its own: started, killed, stopped, asked how it is."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path

import aiohttp

from tests.acceptance.waiting import PATIENCE_S, until_so

ROOT = Path(__file__).parents[2]
PROGRAM = ("-m", "splynx_stripe")
"""The program as it is installed."""

_READY = re.compile(r"daemon\.ready .*listen=(\S+)")
UNMEASURED = {"COVERAGE_PROCESS_START": ""}
"""For daemons that only repeat what others run: counting lines costs time, at each start most of all."""

_GOOD_ORDER_S = 3.0
"""How long an end in good order may take; what a test left hanging is then cut off."""

_numbers = count(1)


class DaemonProcess:
    """One daemon with one configuration. It may be started again after it has ended.

    What each start prints is kept in a file of its own in `outputs`.
    """

    def __init__(self, config_path: Path, outputs: Path) -> None:
        self._config_path = config_path
        self._outputs = outputs
        self._process: asyncio.subprocess.Process | None = None
        self._output = outputs / "not-started.txt"
        self._is_measured = False

    @property
    def output(self) -> str:
        """Gives what the present (or last) process has printed so far."""
        return self._output.read_text(errors="replace") if self._output.exists() else ""

    @property
    def url(self) -> str:
        """Gives where it listens; "" as long as it has not said so."""
        found = _READY.search(self.output)
        return f"http://{found[1]}" if found else ""

    @property
    def pid(self) -> int:
        """Gives the process id of the running daemon."""
        return self._running().pid

    @property
    def runs(self) -> bool:
        """Says whether the process is there."""
        return self._process is not None and self._process.returncode is None

    async def start(
        self,
        *,
        program: Sequence[str] = PROGRAM,
        environment: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        """Starts it and waits until it answers."""
        await self.launch(program=program, environment=environment, pass_fds=pass_fds)
        await until_so(self.answers, lambda: f"the daemon is not ready:\n{self.output}")

    async def launch(
        self,
        *,
        program: Sequence[str] = PROGRAM,
        environment: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        """Starts it and does not wait."""
        assert not self.runs, "it runs already"
        whole = {**os.environ, "TZ": "UTC", **(environment or {})}
        self._is_measured = bool(whole.get("COVERAGE_PROCESS_START"))
        self._output = self._outputs / f"daemon-{os.getpid()}-{next(_numbers)}.txt"
        with self._output.open("wb") as sink:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *program,
                "serve",
                "--config",
                str(self._config_path),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                cwd=ROOT,
                env=whole,
                pass_fds=pass_fds,
                start_new_session=True,
            )

    async def answers(self) -> bool:
        """Says whether it answers a request; fails when the process has ended instead."""
        assert self.runs, f"the daemon ended instead of serving:\n{self.output}"
        return bool(self.url) and await self.get("/stripe/healthz") == (200, "ok\n")

    async def get(self, path: str) -> tuple[int, str]:
        """Asks the daemon directly, as only this machine can; status 0 is no answer."""
        timeout = aiohttp.ClientTimeout(total=5)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(self.url + path) as answer,
            ):
                return answer.status, await answer.text()
        except (aiohttp.ClientError, TimeoutError):
            return 0, ""

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal."""
        self._running().send_signal(number)

    async def kill(self) -> None:
        """Ends it as a power cut would, whatever it is doing."""
        if self.runs:
            self.signal(signal.SIGKILL)
        await self.ended()

    async def end(self) -> None:
        """Ends it at the end of a test: in good order where it has to report what it has run."""
        if not self._is_measured:
            await self.kill()
            return
        if self.runs:
            self.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(_GOOD_ORDER_S):
                await self.ended()
        except TimeoutError:
            await self.kill()

    async def stop(self) -> int:
        """Ends it as systemd does, and gives its exit code."""
        if self.runs:
            self.signal(signal.SIGTERM)
        return await self.ended()

    async def restart(self) -> None:
        """Starts it again after it has died or been stopped."""
        await self.stop()
        await self.start()

    async def ended(self) -> int:
        """Waits for the end of the process and gives its exit code; -9 is a kill."""
        if self._process is None:
            return 0
        async with asyncio.timeout(PATIENCE_S):
            return await self._process.wait()

    def _running(self) -> asyncio.subprocess.Process:
        assert self._process is not None, "it was never started"
        return self._process


async def command(*arguments: str) -> tuple[int, str]:
    """Runs a command of the program and gives its exit code and all it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *PROGRAM,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=ROOT,
    )
    printed, _ = await process.communicate()
    return process.returncode or 0, printed.decode()
