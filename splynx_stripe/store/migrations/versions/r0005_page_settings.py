"""Settings that were made on the settings page.

Written out, not derived from the tables: a migration says what was true when it was made.
"""

from __future__ import annotations

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Makes the tables."""
