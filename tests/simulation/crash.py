"""A planned `kill -9` or SIGSTOP."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Crash:
    """Kills the daemon when a turn's label contains `match`, after `skip` such turns.

    It is started again after `down_s` seconds. `fault` is the number of the fault that it is.
    With `freezes_s` it is not killed but stands still that long (SIGSTOP, a frozen machine).
    """

    match: str
    skip: int = 0
    down_s: float = 5.0
    fault: int = 0
    freezes_s: float = 0.0
