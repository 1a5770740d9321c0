"""Proof that the proof can fail: `python -m tests.simulation.sabotage` (`make sabotage`).

Every deliberate bug of `bugs.py` is applied to a copy of the tree, and the simulation runs on the
copy until it sees a violation. A bug that is not found is a hole in the oracle or in the faults.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.simulation.bug import Bug
from tests.simulation.bugs import BUGS

ROOT = Path(__file__).resolve().parents[2]
_COPIED = ("splynx_stripe", "tests/simulation")
_HISTORIES = 2000
_FOUND = re.compile(r"^SEED=(\d+): (.*)$", re.MULTILINE)
_DONE = re.compile(r"^simulate: (\d+) histories, ", re.MULTILINE)
_OWN_FAULT = re.compile(
    r"died of (NameError|TypeError|AttributeError|ImportError|UnboundLocalError)"
)


class StalePatchError(Exception):
    """The text that a bug replaces is not in the product exactly once."""


@dataclass(frozen=True, slots=True)
class Result:
    """What the simulation made of a bug."""

    bug: Bug
    sight: str
    histories: int
    seconds: float

    @property
    def is_found(self) -> bool:
        """Says whether a violation was seen."""
        return bool(self.sight)


def copy_tree(to: Path) -> None:
    """Copies what the simulation needs."""
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    for part in _COPIED:
        shutil.copytree(ROOT / part, to / part, ignore=ignored)


def apply(bug: Bug, tree: Path) -> None:
    """Puts a bug into a copy.

    Raises:
        StalePatchError: the product has changed; write the bug anew.
    """
    for patch in bug.patches:
        path = tree / "splynx_stripe" / patch.file
        text = path.read_text(encoding="utf-8")
        if text.count(patch.old) != 1:
            raise StalePatchError(
                f"{bug.name!r}: {patch.file} has {patch.old!r} {text.count(patch.old)} times."
            )
        path.write_text(text.replace(patch.old, patch.new), encoding="utf-8")


def hunt(bug: Bug, pristine: Path, histories: int) -> Result:
    """Runs the simulation on a copy with the bug."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="sabotage-") as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(pristine, tree)
        apply(bug, tree)
        command = [sys.executable, "-m", "tests.simulation.run", "--stop"]
        command += ["--seeds", str(histories), "--jobs", "1"]
        command += ["--fault", str(bug.fault)] if bug.fault else []
        environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, check=False
        )
    found, count = _FOUND.search(done.stdout), _DONE.search(done.stdout)
    if count is None:
        raise RuntimeError(f"{bug.name!r} stopped the simulation itself:\n{done.stderr[-2000:]}")
    if found is not None and _OWN_FAULT.search(found[2]):
        raise StalePatchError(f"{bug.name!r} only breaks the program: {found[2]}")
    sight = f"seed {found[1]}: {found[2]}" if found else ""
    return Result(bug, sight, int(count[1]), time.perf_counter() - began)


def hunt_all(bugs: Sequence[Bug], histories: int, jobs: int) -> list[Result]:
    """Hunts several bugs, each alone, and says at once what became of each."""
    with (
        tempfile.TemporaryDirectory(prefix="sabotage-") as folder,
        ThreadPoolExecutor(jobs) as pool,
    ):
        pristine = Path(folder) / "pristine"
        copy_tree(pristine)
        running = [pool.submit(hunt, bug, pristine, histories) for bug in bugs]
        results = []
        for each in running:
            results.append(each.result())
            say(_line(results[-1]))
    return results


def _line(result: Result) -> str:
    told = result.sight if result.is_found else "NOT FOUND"
    return (
        f"{'ok ' if result.is_found else '!! '} {result.bug.name}\n"
        f"     after {result.histories} histories, {result.seconds:.0f} s: {told[:150]}"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=_HISTORIES, help="at most, per bug")
    parser.add_argument("--jobs", type=int, default=2, help="bugs at once")
    parser.add_argument("--only", default="", help="bugs whose name contains this")
    return parser.parse_args()


def main() -> int:
    """Gives 0 when every bug was found."""
    arguments = _arguments()
    bugs = [bug for bug in BUGS if arguments.only in bug.name]
    results = hunt_all(bugs, arguments.histories, arguments.jobs)
    found = sum(result.is_found for result in results)
    say(f"sabotage: {found} of {len(results)} found")
    return int(found != len(results))


def say(line: str) -> None:
    """Prints a line of the report."""
    print(line, flush=True)  # noqa: T201 - it is a program for people at a terminal


if __name__ == "__main__":
    sys.exit(main())
