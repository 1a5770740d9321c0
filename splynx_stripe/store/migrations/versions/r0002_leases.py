"""Named leases with fencing tokens, for several daemons on one database.

Written out, not derived from `tables.py`: a migration says what was true when it was made.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, CheckConstraint, Column, Text
from sqlalchemy.types import TypeEngine

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Makes the table `leases`."""
    op.create_table(
        "leases",
        Column("name", _word(), primary_key=True),
        Column("holder", _word(), nullable=False),
        Column("token", BigInteger, nullable=False),
        Column("held_until", _word(), nullable=False),
        CheckConstraint("name <> ''", name="ck_leases_name"),
        CheckConstraint("token >= 1", name="ck_leases_token"),
    )


def _word() -> TypeEngine[str]:
    return Text().with_variant(Text(collation="C"), "postgresql")
