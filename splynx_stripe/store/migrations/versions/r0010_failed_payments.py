"""Failed payments: who retries a debt, and what customers were told.

Written out, not derived from the tables: a migration says what was true when it was made.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeEngine

revision = "0010"
down_revision = "0009"

_TREATMENTS = "treatment IN ('authenticate', 'never', 'new_method', 'ours', 'retry_later')"


def upgrade() -> None:
    """Makes the tables."""
    _create_recoveries()
    _create_failed_tries()
    _create_notices()


def _word() -> TypeEngine[str]:
    return Text().with_variant(Text(collation="C"), "postgresql")


def _create_recoveries() -> None:
    op.create_table(
        "recoveries",
        Column("id", _word(), primary_key=True),
        Column("payable_key", _word(), nullable=False),
        Column("partner_id", BigInteger, nullable=False),
        Column("splynx_customer_id", BigInteger, nullable=False),
        Column("kind", _word(), nullable=False),
        Column("document_id", BigInteger, nullable=False),
        Column("document_number", _word(), nullable=False),
        Column("currency", _word(), nullable=False),
        Column("set_amount_minor", BigInteger, nullable=False),
        Column("account", _word(), nullable=False),
        Column("amount_minor", BigInteger, nullable=False),
        Column("state", _word(), nullable=False),
        Column("reason", _word(), nullable=False),
        Column("treatment", _word(), nullable=False),
        Column("opened_at", _word(), nullable=False),
        Column("failed_at", _word(), nullable=False),
        Column("changed_at", _word(), nullable=False),
        Column("next_at", _word()),
        Column("first_attempt_id", _word(), nullable=False),
        Column("attempt_id", _word(), nullable=False),
        Column("collection_id", _word(), nullable=False),
        Column("try_collection_id", _word(), nullable=False),
        Column("credential_id", _word(), nullable=False),
        Column("failure_code", _word(), nullable=False),
        Column("failure_decline_code", _word(), nullable=False),
        Column("failure_message", _word(), nullable=False),
        Column("step", BigInteger, nullable=False),
        Column("tries", BigInteger, nullable=False),
        Column("version", BigInteger, nullable=False),
        ForeignKeyConstraint(
            ["collection_id"], ["collections.id"], name="fk_recoveries_collection"
        ),
        UniqueConstraint("payable_key", name="uq_recoveries_payable"),
        CheckConstraint(
            "state IN ('canceled', 'exhausted', 'recovered', 'trying', 'waiting')",
            name="ck_recoveries_state",
        ),
        CheckConstraint(_TREATMENTS, name="ck_recoveries_treatment"),
        CheckConstraint("amount_minor > 0", name="ck_recoveries_amount"),
        CheckConstraint(
            "(next_at IS NOT NULL) = (state IN ('trying', 'waiting'))", name="ck_recoveries_next"
        ),
        CheckConstraint("step >= 0 AND tries >= 0 AND version >= 0", name="ck_recoveries_counts"),
    )
    given = text("next_at IS NOT NULL")
    op.create_index(
        "ix_recoveries_due", "recoveries", ["next_at"], sqlite_where=given, postgresql_where=given
    )
    op.create_index("ix_recoveries_changed", "recoveries", ["changed_at", "id"])


def _create_failed_tries() -> None:
    op.create_table(
        "failed_tries",
        Column("attempt_id", _word(), primary_key=True),
        Column("payable_key", _word(), nullable=False),
        Column("method_id", _word(), nullable=False),
        Column("kind", _word(), nullable=False),
        Column("failed_at", _word(), nullable=False),
        Column("treatment", _word(), nullable=False),
        ForeignKeyConstraint(["attempt_id"], ["attempts.id"], name="fk_failed_tries_attempt"),
        CheckConstraint(_TREATMENTS, name="ck_failed_tries_treatment"),
    )
    op.create_index("ix_failed_tries_payable", "failed_tries", ["payable_key", "failed_at"])


def _create_notices() -> None:
    op.create_table(
        "notices",
        Column("id", _word(), primary_key=True),
        Column("key", _word(), nullable=False),
        Column("channel", _word(), nullable=False),
        Column("kind", _word(), nullable=False),
        Column("partner_id", BigInteger, nullable=False),
        Column("splynx_customer_id", BigInteger, nullable=False),
        Column("payable_key", _word(), nullable=False),
        Column("collection_id", _word(), nullable=False),
        Column("facts", _word(), nullable=False),
        Column("made_at", _word(), nullable=False),
        Column("due_at", _word(), nullable=False),
        Column("state", _word(), nullable=False),
        Column("tries", BigInteger, nullable=False),
        Column("note", _word(), nullable=False),
        Column("changed_at", _word()),
        Column("version", BigInteger, nullable=False),
        UniqueConstraint("key", "channel", name="uq_notices_key"),
        CheckConstraint(
            "state IN ('dropped', 'refused', 'sending', 'sent', 'unknown', 'waiting')",
            name="ck_notices_state",
        ),
        CheckConstraint("channel IN ('mail', 'portal', 'sms')", name="ck_notices_channel"),
        CheckConstraint("key <> '' AND kind <> ''", name="ck_notices_key"),
        CheckConstraint("tries >= 0 AND version >= 0", name="ck_notices_counts"),
    )
    for name, columns, where in (
        ("due", ["due_at", "id"], "state = 'waiting'"),
        ("sending", ["changed_at"], "state = 'sending'"),
        ("payable", ["payable_key", "id"], "payable_key <> ''"),
    ):
        op.create_index(
            f"ix_notices_{name}",
            "notices",
            columns,
            sqlite_where=text(where),
            postgresql_where=text(where),
        )
