"""The daemon, but its wall clock is set by the test, that of its scheduler included.

Run as `python -m tests.acceptance.steered_daemon serve --config …` with `CLOCK_FILE`, the file of a
`SteeredClock`.
"""

from __future__ import annotations

import os
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Self

import apscheduler.executors.base
import apscheduler.schedulers.base
import apscheduler.triggers.interval
from typing_extensions import override

from splynx_stripe.cli.main import main
from splynx_stripe.daemon import process
from tests.acceptance.steered_clock import SteeredClock

CLOCK_FILE = "CLOCK_FILE"


class SteeredDatetime(datetime):
    """What APScheduler asks for the time."""

    clock: SteeredClock

    @classmethod
    @override
    def now(cls, tz: tzinfo | None = None) -> Self:
        return super().now(tz) + cls.clock.ahead()


def install(clock: SteeredClock) -> None:
    """Puts the clock into the daemon and into its scheduler."""
    SteeredDatetime.clock = clock
    setattr(process, "SystemClock", lambda: clock)  # noqa: B010 - a class is replaced on purpose
    for module in (
        apscheduler.executors.base,
        apscheduler.schedulers.base,
        apscheduler.triggers.interval,
    ):
        setattr(module, "datetime", SteeredDatetime)  # noqa: B010 - the same


if __name__ == "__main__":
    install(SteeredClock(Path(os.environ[CLOCK_FILE])))
    main()
