"""Processes under measurement: started, waited for, measured through /proc, always ended."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from bench.load import Order, Seen

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".cache" / "bench"
_PATIENCE_S = 60.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def environment() -> dict[str, str]:
    """Gives an environment with compiled modules kept apart: an installed package has them too."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": str(CACHE / "compiled"), "TZ": "UTC"}


def free_port() -> int:
    """Gives a port of loopback that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str],
    output: Path,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a program in a session of its own while the block runs; its output goes to a file."""
    with output.open("wb") as sink:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            cwd=cwd,
            env={**environment(), **(env or {})},
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def until(condition: Callable[[], bool], what: str, *, every_s: float = 0.005) -> float:
    """Waits for a condition and gives the seconds that it took.

    Raises:
        TimeoutError: after a minute; `what` says what was waited for.
    """
    began = time.perf_counter()
    while not condition():
        if time.perf_counter() - began > _PATIENCE_S:
            raise TimeoutError(f"waited {_PATIENCE_S:.0f} s for {what}")
        time.sleep(every_s)
    return time.perf_counter() - began


def listens(port: int) -> bool:
    """Says whether somebody accepts connections on a port of loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def family(pid: int) -> set[int]:
    """Gives a process and all that descend from it."""
    parents = dict(_parents())
    members = {pid}
    while new := {child for child, parent in parents.items() if parent in members} - members:
        members |= new
    return members


def _parents() -> Iterator[tuple[int, int]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            fields = _stat(int(folder.name))
            if fields:
                yield int(folder.name), int(fields[1])


def _stat(pid: int) -> list[str]:
    """Gives the fields of /proc/pid/stat that follow the program's name; [] when it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def cpu_s(pid: int) -> float:
    """Gives the processor seconds that a process and its descendants have used."""
    stats = [_stat(member) for member in family(pid)]
    return sum(int(fields[11]) + int(fields[12]) for fields in stats if fields) / _TICKS_PER_S


def resident_mb(pid: int) -> float:
    """Gives the resident memory of a process alone, in MB of 2^20 bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def load(order: Order) -> Seen:
    """Runs the load generator in a process of its own.

    Raises:
        RuntimeError: when it ended badly or a request was not answered with 200.
    """
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=json.dumps(asdict(order)),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(),
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"The load generator failed: {done.stderr[-1500:]}")
    seen = Seen(**json.loads(done.stdout))
    if seen.refused:
        raise RuntimeError(
            f"{seen.refused} of {order.count} requests were not answered with 200: {seen.refusal}"
        )
    return seen
