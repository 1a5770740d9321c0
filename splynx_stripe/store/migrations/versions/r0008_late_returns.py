"""Late returns of bank debits.

Written out, not derived from the tables: a migration says what was true when it was made.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKeyConstraint, Text
from sqlalchemy.types import TypeEngine

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Makes the table `late_returns`."""
    op.create_table(
        "late_returns",
        Column("account", _word(), primary_key=True),
        Column("dispute_id", _word(), primary_key=True),
        Column("attempt_id", _word(), nullable=False),
        Column("amount_minor", BigInteger, nullable=False),
        Column("currency", _word(), nullable=False),
        Column("reason", _word(), nullable=False),
        Column("returned_at", _word(), nullable=False),
        ForeignKeyConstraint(["attempt_id"], ["attempts.id"], name="fk_late_returns_attempt"),
        CheckConstraint("amount_minor > 0", name="ck_late_returns_amount"),
    )
    op.create_index("uq_late_returns_attempt", "late_returns", ["attempt_id"], unique=True)


def _word() -> TypeEngine[str]:
    return Text().with_variant(Text(collation="C"), "postgresql")
