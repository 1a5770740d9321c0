"""What Stripe was last told about each customer.

Written out, not derived from the tables: a migration says what was true when it was made.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, CheckConstraint, Column, Text, text
from sqlalchemy.types import TypeEngine

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Makes the tables."""
    _create_customer_syncs()
    _create_customer_sightings()
    _create_customer_sync_rounds()


def _create_customer_syncs() -> None:
    op.create_table(
        "customer_syncs",
        Column("account", _word(), primary_key=True),
        Column("splynx_customer_id", BigInteger, primary_key=True, autoincrement=False),
        Column("stripe_customer_id", _word(), nullable=False),
        Column("standing", _word(), nullable=False),
        Column("digest", _word(), nullable=False),
        Column("note", _word(), nullable=False),
        Column("looked_at", _word(), nullable=False),
        CheckConstraint(
            "standing IN ('in_step', 'waiting', 'refused', 'moved', 'gone')",
            name="ck_customer_syncs_standing",
        ),
    )
    op.create_index(
        "ix_customer_syncs_waiting",
        "customer_syncs",
        ["looked_at"],
        sqlite_where=text("standing = 'waiting'"),
        postgresql_where=text("standing = 'waiting'"),
    )


def _create_customer_sightings() -> None:
    op.create_table(
        "customer_sightings",
        Column("account", _word(), primary_key=True),
        Column("stripe_customer_id", _word(), primary_key=True),
        Column("splynx_customer_id", BigInteger, nullable=False),
        Column("created", _word(), nullable=False),
        Column("round", BigInteger, nullable=False),
    )
    op.create_index(
        "ix_customer_sightings_customer",
        "customer_sightings",
        ["account", "splynx_customer_id"],
    )


def _create_customer_sync_rounds() -> None:
    op.create_table(
        "customer_sync_rounds",
        Column("singleton", BigInteger, primary_key=True, autoincrement=False),
        Column("number", BigInteger, nullable=False),
        Column("phase", _word(), nullable=False),
        Column("cursor", _word(), nullable=False),
        Column("started_at", _word(), nullable=False),
        Column("finished_at", _word()),
        Column("counts", _word(), nullable=False),
        Column("note", _word(), nullable=False),
        Column("version", BigInteger, nullable=False),
        CheckConstraint("singleton = 1", name="ck_customer_sync_rounds_singleton"),
        CheckConstraint("number >= 1 AND version >= 0", name="ck_customer_sync_rounds_numbers"),
    )


def _word() -> TypeEngine[str]:
    return Text().with_variant(Text(collation="C"), "postgresql")
