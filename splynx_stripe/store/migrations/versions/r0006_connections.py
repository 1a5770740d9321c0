"""Stripe accounts connected by OAuth, and the webhook endpoints that we made.

Written out, not derived from the tables: a migration says what was true when it was made.
"""

from __future__ import annotations

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Makes the tables."""
