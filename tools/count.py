"""How many checks passed: pytest's, those of the container, and whole programs as one."""

from __future__ import annotations

from dataclasses import dataclass


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


def one_of(passed: bool) -> Count:  # noqa: FBT001 - the outcome is all there is
    """Counts one check."""
    return Count(passed=1) if passed else Count(failed=1)
