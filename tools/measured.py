"""Measures which lines and branches of the product the tests exercise, and demands enough of them.

Every Python process that inherits the environment of `begin` takes part: pytest's workers, daemons,
commands. A daemon that a test kills with SIGKILL cannot report; what only such a daemon ran does not count.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

from coverage import Coverage
from coverage.exceptions import NoDataError

DOMAIN_PERCENT = 100.0
"""What decides about money is small and pure: there is no excuse for an untried branch in it."""

OVERALL_PERCENT = 95.0
"""Lines and branches together, the sandbox included."""


class Measured:
    """One measurement: begun before the tests, reported after them."""

    def __init__(self, root: Path) -> None:
        self._product = root / "splynx_stripe"
        self._settings = root / "pyproject.toml"
        self._file = root / ".cache" / "coverage"

    def begin(self, usual: Mapping[str, str]) -> dict[str, str]:
        """Forgets the last measurement and gives the environment for all that is to be measured."""
        self._file.parent.mkdir(exist_ok=True)
        for old in self._file.parent.glob(f"{self._file.name}*"):
            if old.is_file():
                old.unlink()
        # Absolute, because a program may run in another directory.
        return {
            **usual,
            "COVERAGE_PROCESS_START": str(self._settings),
            "COVERAGE_FILE": str(self._file),
        }

    def report(self) -> bool:
        """Prints the two figures, and what was missed where one is too low. True: both are enough."""
        coverage = Coverage(data_file=str(self._file), config_file=str(self._settings))
        coverage.combine()
        coverage.save()
        try:
            # Not what tests have run of copies of the product.
            domain, missed_in_domain = _figure(coverage, self._product / "domain")
            overall, missed = _figure(coverage, self._product)
        except NoDataError:
            print("coverage: nothing was measured")
            return False
        if domain < DOMAIN_PERCENT:
            print(missed_in_domain)
        if overall < OVERALL_PERCENT:
            print(missed)
        print(
            f"coverage: {_shown(domain)} % of domain (wanted {DOMAIN_PERCENT:.0f}),"
            f" {_shown(overall)} % overall (wanted {OVERALL_PERCENT:.0f})"
        )
        return domain >= DOMAIN_PERCENT and overall >= OVERALL_PERCENT


def _figure(coverage: Coverage, folder: Path) -> tuple[float, str]:
    """Gives the percentage of lines and branches of a folder, and the table of what was missed."""
    table = io.StringIO()
    return coverage.report(file=table, include=[f"{folder}/*"]), table.getvalue()


def _shown(percent: float) -> str:
    """Rounds down: 99.96 is not 100."""
    return f"{int(percent * 10) / 10:.1f}"
