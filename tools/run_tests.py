"""Runs all tests, the smoke run and the container test, and ends with one line that counts them.

Usage: python tools/run_tests.py [pytest arguments]

Without arguments it also measures which lines and branches ran, and fails where too few did. The
simulation is not measured: it repeats the same lines thousands of times, and counting them would take three
times as long. With arguments it runs those tests and the smoke run only, and measures nothing.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from tools.measured import Measured  # noqa: E402 - it is a program, so its own folder is the path

REPORT = ROOT / ".cache" / "tests.xml"
SIMULATION = "tests/simulation"

INSTALL_TEST = ROOT / "packaging" / "install-test" / "run.py"
_INSTALL_TEST_LIMIT_S = 15 * 60
"""It takes about three minutes, and builds the packages first."""

_TO_CLEAN_UP_S = 60
_CHECKS = re.compile(r"^install-test: (\d+) checks? passed$", re.MULTILINE)
_SKIPPED = re.compile(r"^install-test: skipped: ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Count:
    """How many checks passed, failed and were skipped."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Count) -> Count:
        """Counts both."""
        return Count(
            self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped
        )


def main() -> int:
    """Gives 0 when everything passed and enough of the product was exercised."""
    chosen, usual = sys.argv[1:], dict(os.environ)
    if chosen:
        count, enough = tests(chosen, usual) + one_of(smoke(usual)), True
    else:
        count, enough = everything(Measured(ROOT), usual)
    print(f"tests: {count.passed} passed, {count.failed} failed, {count.skipped} skipped")
    return 0 if count.failed == 0 and enough else 1


def everything(measured: Measured, usual: dict[str, str]) -> tuple[Count, bool]:
    """Runs all there is. Gives the count, and whether enough of the product was exercised."""
    counting = measured.begin(usual)
    count = tests(["--ignore", SIMULATION, "tests"], counting)
    count += one_of(smoke(counting))
    count += tests([SIMULATION], usual)
    count += install_test()
    return count, measured.report()


def tests(chosen: list[str], environment: dict[str, str]) -> Count:
    """Runs pytest and counts its tests; a run that ended without a report is one failure."""
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.unlink(missing_ok=True)
    ended = subprocess.run(
        [
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


def install_test() -> Count:
    """Installs the package in a container where the machine allows it; the reason of a skip is printed."""
    print("install-test: begins", flush=True)
    running = subprocess.Popen(
        [sys.executable, str(INSTALL_TEST)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        printed, _ = running.communicate(timeout=_INSTALL_TEST_LIMIT_S)
    except subprocess.TimeoutExpired:
        print(f"install-test: failed: not done after {_INSTALL_TEST_LIMIT_S // 60} minutes")
        _end(running)
        return Count(failed=1)
    print(printed, end="", flush=True)
    return judged(printed, running.returncode)


def judged(printed: str, returncode: int) -> Count:
    """Reads the verdict of the container test from what it printed last."""
    if returncode:
        return Count(failed=1)
    checks = _CHECKS.search(printed)
    if checks is not None:
        return Count(passed=int(checks[1]))
    return Count(skipped=1) if _SKIPPED.search(printed) else Count(failed=1)


def one_of(passed: bool) -> Count:  # noqa: FBT001 - the outcome is all there is
    """Counts one check."""
    return Count(passed=1) if passed else Count(failed=1)


def _end(running: subprocess.Popen[str]) -> None:
    """Ends it as Ctrl-C does, so that it takes its container down; then by force."""
    running.send_signal(signal.SIGINT)
    try:
        running.communicate(timeout=_TO_CLEAN_UP_S)
    except subprocess.TimeoutExpired:
        running.kill()
        running.communicate()


if __name__ == "__main__":
    sys.exit(main())
