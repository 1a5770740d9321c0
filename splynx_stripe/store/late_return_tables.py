"""The table of late returns: one row per dispute that reverses a booking."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKeyConstraint, Index, Table

from splynx_stripe.store.columns import UtcMoment, exact_text
from splynx_stripe.store.tables import metadata

late_returns = Table(
    "late_returns",
    metadata,
    Column("account", exact_text(), primary_key=True),
    Column("dispute_id", exact_text(), primary_key=True),
    Column("attempt_id", exact_text(), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", exact_text(), nullable=False),
    Column("reason", exact_text(), nullable=False),
    Column("returned_at", UtcMoment, nullable=False),
    ForeignKeyConstraint(["attempt_id"], ["attempts.id"], name="fk_late_returns_attempt"),
    CheckConstraint("amount_minor > 0", name="ck_late_returns_amount"),
)
Index("uq_late_returns_attempt", late_returns.c.attempt_id, unique=True)
