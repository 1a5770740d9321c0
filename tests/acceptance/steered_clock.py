"""A wall clock that a test sets by writing seconds into a file; the clock that only counts stays true."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from typing_extensions import override

from splynx_stripe.kit.clock import SystemClock


class SteeredClock(SystemClock):
    """The machine's clock, ahead by as many seconds as the file says; without a file it is right."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @override
    def now(self) -> datetime:
        return datetime.now(tz=UTC) + self.ahead()

    def ahead(self) -> timedelta:
        """Says by how much it is ahead of the machine's clock."""
        text = self._file.read_text() if self._file.exists() else ""
        return timedelta(seconds=float(text or 0))

    def set_ahead(self, by: timedelta) -> None:
        """Sets it in one step, as NTP or an administrator does."""
        unfinished = self._file.with_suffix(".unfinished")
        unfinished.write_text(str(by.total_seconds()))
        unfinished.replace(self._file)

    def set_to(self, moment: datetime) -> None:
        """Sets it to a moment."""
        self.set_ahead(moment - datetime.now(tz=UTC))
