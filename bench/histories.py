"""Simulation histories per second and core: runs `tests.simulation.run` and reads its report."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

from bench.processes import ROOT, environment
from bench.report import Budget, Line

_RATE = re.compile(r"simulate: (\d+) histories per second and core")


def measure(seeds: int) -> Iterator[Line]:
    """Simulates on one core.

    Raises:
        RuntimeError: when a promise was violated; a speed of wrong histories is worth nothing.
    """
    command = [sys.executable, "-m", "tests.simulation.run", "--jobs", "1", "--seeds", str(seeds)]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=environment(), check=False
    )
    found = _RATE.search(done.stdout)
    if done.returncode or found is None:
        raise RuntimeError(f"The simulation failed: {(done.stdout + done.stderr)[-800:]}")
    yield Line(
        "simulation",
        f"{found[1]} histories per second and core",
        "",
        Budget(least=200, unit="/s"),
        float(found[1]),
    )
