"""Runs all tests, the smoke run and the container test, and ends with one line that counts them.

Usage: python tools/run_tests.py [pytest arguments]

Without arguments it also measures which lines and branches ran, and fails where too few did. The
simulation is not measured: it repeats the same lines thousands of times, and counting them would take three
times as long. The container test prepares itself beside the measured tests, and does its waiting beside the
simulation, which gives way to it. With arguments it runs those tests and the smoke run only, and measures
nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from tools.container_run import ContainerRun  # noqa: E402 - it is a program, its own folder is the path
from tools.count import Count, one_of  # noqa: E402 - the same
from tools.measured import Measured  # noqa: E402 - the same

REPORT = ROOT / ".cache" / "tests.xml"
SIMULATION = "tests/simulation"

_GIVES_WAY = ("nice", "-n", "10")


def main() -> int:
    """Gives 0 when everything passed and enough of the product was exercised."""
    chosen, usual = sys.argv[1:], compiled_once(os.environ)
    if chosen:
        count, enough = run_pytest(chosen, usual) + one_of(smoke(usual)), True
    else:
        count, enough = everything(Measured(ROOT), usual)
    print(f"tests: {count.passed} passed, {count.failed} failed, {count.skipped} skipped")
    return 0 if count.failed == 0 and enough else 1


def everything(measured: Measured, usual: dict[str, str]) -> tuple[Count, bool]:
    """Runs all there is. Gives the count, and whether enough of the product was exercised."""
    container = ContainerRun(ROOT)
    try:
        counting = measured.begin(usual)
        count = run_pytest(["--ignore", SIMULATION, "tests"], counting)
        count += one_of(smoke(counting))
        container.go()
        count += run_pytest([SIMULATION], usual, before=_GIVES_WAY)
        count += container.finish()
    finally:
        container.abandon()
    return count, measured.report()


def compiled_once(environment: Mapping[str, str]) -> dict[str, str]:
    """Lets all processes share what Python compiles, outside the tree; the tests start hundreds of them."""
    usual = {**environment, "PYTHONPYCACHEPREFIX": str(ROOT / ".cache" / "compiled")}
    usual.pop("PYTHONDONTWRITEBYTECODE", None)
    return usual


def run_pytest(
    chosen: list[str], environment: dict[str, str], *, before: Sequence[str] = ()
) -> Count:
    """Runs pytest and counts its tests; a run that ended without a report is one failure."""
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.unlink(missing_ok=True)
    ended = subprocess.run(
        [
            *before,
            *(sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadgroup"),
            *("--durations", "10", f"--junitxml={REPORT}"),
            *chosen,
        ],
        cwd=ROOT,
        env=environment,
        check=False,
    )
    if not REPORT.exists():
        print("The tests could not be started; nothing was tested.")
        return Count(failed=1)
    found = counted()
    return found if found.failed or not ended.returncode else found + Count(failed=1)


def counted() -> Count:
    """Counts passed, failed and skipped tests of the report that pytest has just written."""
    suite = ET.parse(REPORT).getroot().find("testsuite")  # noqa: S314 - our own file
    if suite is None:
        return Count(failed=1)
    total, skipped = int(suite.get("tests", 0)), int(suite.get("skipped", 0))
    failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
    return Count(total - failed - skipped, failed, skipped)


def smoke(environment: dict[str, str]) -> bool:
    """Says whether the demo pays, books and agrees without a person."""
    ended = subprocess.run(
        [sys.executable, "-m", "splynx_stripe", "demo", "--smoke"],
        cwd=ROOT,
        env=environment,
        check=False,
    )
    return ended.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
