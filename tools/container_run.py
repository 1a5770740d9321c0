"""The container test beside the other tests: it mostly fetches, builds and waits.

It prepares itself while the measured tests run, giving way to them, then waits for `go`: what happens in
the container has deadlines of its own, so it must not compete with tests that have some as well.
"""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.count import Count

PROGRAM = (sys.executable, "packaging/install-test/run.py", "--wait")
_LIMIT_S = 15 * 60
"""It takes about three minutes, and more when its packages are not built before it is told to go."""

_TO_CLEAN_UP_S = 60
_CHECKS = re.compile(r"^install-test: (\d+) checks? passed$", re.MULTILINE)
_SKIPPED = re.compile(r"^install-test: skipped: ", re.MULTILINE)


class ContainerRun:
    """One run of `make install-test`, begun at once. `go()` lets it boot, `finish()` gives its count."""

    def __init__(
        self, root: Path, *, program: Sequence[str] = PROGRAM, limit_s: float = _LIMIT_S
    ) -> None:
        self._limit_s = limit_s
        self._output = root / ".cache" / "install-test.log"
        self._output.parent.mkdir(exist_ok=True)
        with self._output.open("wb") as sink:
            self._running = subprocess.Popen(
                program, cwd=root, stdin=subprocess.PIPE, stdout=sink, bufsize=0
            )

    @property
    def is_running(self) -> bool:
        """Says whether it has not ended yet."""
        return self._running.poll() is None

    def go(self) -> None:
        """Lets it boot its container as soon as it has prepared everything."""
        if self._running.stdin is None:
            return
        # It may have ended already: where there can be no container, it says so at once.
        with contextlib.suppress(BrokenPipeError):
            self._running.stdin.write(b"go\n")
        self._running.stdin.close()

    def finish(self) -> Count:
        """Waits for its end, prints what it said, and counts; the reason of a skip is printed as well."""
        try:
            self._running.wait(self._limit_s)
        except subprocess.TimeoutExpired:
            self._end()
            self._print()
            print(
                f"install-test: failed: not done {self._limit_s / 60:.0f} minutes after the others"
            )
            return Count(failed=1)
        return judged(self._print(), self._running.returncode)

    def abandon(self) -> None:
        """Ends it where it is, when the others have been interrupted. After `finish` it does nothing."""
        if self.is_running:
            self._end()
        if self._running.stdin is not None:
            self._running.stdin.close()

    def _print(self) -> str:
        printed = self._output.read_text(errors="replace")
        print(printed, end="", flush=True)
        return printed

    def _end(self) -> None:
        """Ends it as Ctrl-C does, so that it takes its container down; then by force."""
        self._running.send_signal(signal.SIGINT)
        try:
            self._running.wait(_TO_CLEAN_UP_S)
        except subprocess.TimeoutExpired:
            self._running.kill()
            self._running.wait()


def judged(printed: str, returncode: int) -> Count:
    """Reads the verdict of the container test from what it printed last."""
    if returncode:
        return Count(failed=1)
    checks = _CHECKS.search(printed)
    if checks is not None:
        return Count(passed=int(checks[1]))
    return Count(skipped=1) if _SKIPPED.search(printed) else Count(failed=1)
