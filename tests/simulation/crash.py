"""A planned `kill -9`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Crash:
    """Kills the daemon when a turn's label contains `match`, after `skip` such turns.

    It is started again after `down_s` seconds.
    """

    match: str
    skip: int = 0
    down_s: float = 5.0
