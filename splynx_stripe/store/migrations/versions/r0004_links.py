"""Signed payment links.

Written out, not derived from the tables: a migration says what was true when it was made.
"""

from __future__ import annotations

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Makes the tables."""
