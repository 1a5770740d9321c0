"""Runs all tests and the smoke run, and ends with one line that counts them.

Usage: python tools/run_tests.py [pytest arguments]
"""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

ROOT = Path(__file__).parents[1]
REPORT = ROOT / ".cache" / "tests.xml"


def main() -> int:
    """Gives 0 when every test and the smoke run passed."""
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.unlink(missing_ok=True)
    tests = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadgroup"),
            *("--durations", "10", f"--junitxml={REPORT}"),
            *sys.argv[1:],
        ],
        cwd=ROOT,
        check=False,
    )
    if tests.returncode and not REPORT.exists():
        print("The tests could not be started; nothing was tested.")
        return tests.returncode
    smoke = subprocess.run(
        [sys.executable, "-m", "splynx_stripe", "demo", "--smoke"], cwd=ROOT, check=False
    )
    passed, failed, skipped = counts()
    passed, failed = passed + (smoke.returncode == 0), failed + (smoke.returncode != 0)
    print(f"tests: {passed} passed, {failed} failed, {skipped} skipped")
    return tests.returncode or smoke.returncode


def counts() -> tuple[int, int, int]:
    """Counts passed, failed and skipped tests of the report that pytest has just written."""
    suite = ET.parse(REPORT).getroot().find("testsuite")  # noqa: S314 - our own file
    if suite is None:
        return 0, 1, 0
    total, skipped = int(suite.get("tests", 0)), int(suite.get("skipped", 0))
    failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
    return total - failed - skipped, failed, skipped


if __name__ == "__main__":
    sys.exit(main())
