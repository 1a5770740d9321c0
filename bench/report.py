"""What is reported of a measurement, judged against its budget, printed and written to the page."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from typing_extensions import override

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
_LIBRARIES = ("aiohttp", "uvloop", "SQLAlchemy", "psycopg", "stripe", "pydantic")


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit from below or from above, of the project's performance reference."""

    least: float | None = None
    most: float | None = None
    unit: str = ""

    def keeps(self, value: float) -> bool:
        """Says whether a measured value is within the budget."""
        return (self.least is None or value >= self.least) and (
            self.most is None or value <= self.most
        )

    @override
    def __str__(self) -> str:
        sign, limit = ("≥", self.least) if self.least is not None else ("≤", self.most)
        return f"{sign} {limit:g} {self.unit}".strip()


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table. `value` is what the budget judges; without one it is "not yet"."""

    what: str
    measured: str
    ratio: str = ""
    budget: Budget | None = None
    value: float | None = None

    @property
    def verdict(self) -> str:
        """Gives "ok", "missed" or "not yet"; "" where there is no budget."""
        if self.budget is None:
            return ""
        if self.value is None:
            return "not yet"
        return "ok" if self.budget.keeps(self.value) else "**missed**"

    @override
    def __str__(self) -> str:
        cells = (self.what, self.measured, self.ratio, str(self.budget or ""), self.verdict)
        return f"| {' | '.join(cells)} |"


def machine() -> str:
    """Says on what was measured."""
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return (
        f"{_cores()} cores of {_processor()}, {_memory_gb():.0f} GB, {platform.system()}"
        f" {platform.release()}; Python {platform.python_version()}, {libraries}."
    )


def table(lines: Sequence[Line]) -> str:
    """Writes the lines as a Markdown table."""
    head = "| what | measured | in relation | budget | |\n|---|---|---|---|---|"
    return "\n".join([head, *map(str, lines)])


def write(section: str, text: str) -> None:
    """Puts `text` between the markers of a section of the page, and prints it."""
    begin, end = f"<!-- {section}: begin -->", f"<!-- {section}: end -->"
    page = PAGE.read_text()
    before, found, rest = page.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found and found_end):
        sys.exit(f"{PAGE.name} has no markers {begin} and {end}: nothing was written.")
    PAGE.write_text(f"{before}{begin}\n{text}\n{end}{after}")
    print(text)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _cores() -> int:
    return Path("/proc/cpuinfo").read_text().count("processor\t")


def _memory_gb() -> float:
    return int(Path("/proc/meminfo").read_text().split()[1]) / 2**20
