"""A named lease: who of several daemons does something that one alone may do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

FREE = ""
"""The holder of a lease that nobody has."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease as its holder, or who waits for it, has seen it.

    `token` is the fencing token: it rises with each new holder, so what an earlier one still
    wants to write is recognised and refused. `held_until` is by the clock of the holder's host.
    """

    name: str
    holder: str
    token: int
    held_until: datetime

    @property
    def is_free(self) -> bool:
        """Says whether its last holder has let go of it."""
        return self.holder == FREE
