"""Charge runs: their items, and the stop of all unattended charging.

Written out, not derived from the tables: a migration says what was true when it was made.
"""

from __future__ import annotations

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Makes the tables."""
