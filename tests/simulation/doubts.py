"""Doubts that nobody is told of: what waits for an answer without a case (I10)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from tests.simulation.disk import Disk
from tests.simulation.promises import Violation

TOLD_WITHIN_S = 1200.0
"""How long after a deadline somebody must know: a claim, a back-off, some slow requests."""

_IN_DOUBT = """
SELECT subject, since FROM (
  SELECT key AS subject, deadline_at AS since FROM effects WHERE state = 'pending'
  UNION ALL
  SELECT id, prepared_at FROM attempts WHERE state IN ('prepared', 'unknown')
) WHERE subject NOT IN (SELECT subject FROM cases WHERE closed_at IS NULL)
"""


class Books(Protocol):
    """Where they are written down."""

    disk: Disk


def doubts_nobody_is_told_of(books: Books) -> list[tuple[str, datetime]]:
    """Gives the effects and attempts in doubt without a case: effects with their deadline."""
    found = books.disk.raw.execute(_IN_DOUBT).fetchall()
    return [(subject, datetime.fromisoformat(since)) for subject, since in found]


def no_doubt_is_long(doubts: Sequence[tuple[str, datetime]], now: datetime) -> None:
    """Checks that nobody has to be told of them yet (I10)."""
    for subject, since in doubts:
        patience_s = TOLD_WITHIN_S * (2 if subject.startswith("att_") else 1)
        if (now - since).total_seconds() > patience_s:
            raise Violation("I10", f"{subject} is in doubt for too long and nobody is told")
