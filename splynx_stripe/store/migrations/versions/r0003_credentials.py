"""Saved cards and bank accounts, and the SetupIntents that save them.

Written out, not derived from the tables: a migration says what was true when it was made.
"""

from __future__ import annotations

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Makes the tables."""
