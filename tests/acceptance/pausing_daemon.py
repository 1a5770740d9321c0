"""The daemon, but it stops itself with SIGSTOP at one named point, once; SIGCONT lets it go on.

Run as `python -m tests.acceptance.pausing_daemon serve --config …` with `PAUSE_AT`, a label as in
`crashing_daemon.py`.
"""

from __future__ import annotations

import os
import signal

from typing_extensions import override

from splynx_stripe.cli.main import main
from tests.acceptance.crashing_daemon import CrashPoints, install

PAUSE_AT = "PAUSE_AT"


class PausePoint(CrashPoints):
    """The point at which the process falls asleep."""

    def __init__(self, pause_at: str) -> None:
        super().__init__("", "")
        self._pause_at = pause_at

    @override
    def passes(self, label: str) -> None:
        if self.armed and label == self._pause_at:
            self._pause_at = ""
            os.kill(os.getpid(), signal.SIGSTOP)


if __name__ == "__main__":
    install(PausePoint(os.environ[PAUSE_AT]))
    main()
