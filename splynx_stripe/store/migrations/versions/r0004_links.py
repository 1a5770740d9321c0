"""Signed payment links, and the indexes by which the office's log finds things.

Written out, not derived from the tables: a migration says what was true when it was made.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, CheckConstraint, Column, Text, UniqueConstraint, text
from sqlalchemy.types import TypeEngine

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Makes the tables and indexes."""
    _create_payment_links()
    _create_link_keys()
    op.create_index("ix_audit_log_time", "audit_log", ["at", "id"])
    op.create_index("ix_collections_document", "collections", ["document_number"])
    for name, column in (("intent", "intent_id"), ("charge", "charge_id")):
        given = text(f"{column} <> ''")
        op.create_index(
            f"ix_attempts_{name}", "attempts", [column], sqlite_where=given, postgresql_where=given
        )


def _word() -> TypeEngine[str]:
    return Text().with_variant(Text(collation="C"), "postgresql")


def _create_payment_links() -> None:
    op.create_table(
        "payment_links",
        Column("id", _word(), primary_key=True),
        Column("digest", _word(), nullable=False),
        Column("scope", _word(), nullable=False),
        Column("partner_id", BigInteger, nullable=False),
        Column("splynx_customer_id", BigInteger, nullable=False),
        Column("document_id", BigInteger, nullable=False),
        Column("document_number", _word(), nullable=False),
        Column("made_at", _word(), nullable=False),
        Column("made_by", _word(), nullable=False),
        Column("expires_at", _word(), nullable=False),
        Column("revoked_at", _word()),
        Column("uses", BigInteger, nullable=False),
        Column("last_used_at", _word()),
        Column("used_up_at", _word()),
        UniqueConstraint("digest", name="uq_payment_links_digest"),
        CheckConstraint(
            "scope IN ('credential', 'customer', 'invoice', 'proforma')",
            name="ck_payment_links_scope",
        ),
        CheckConstraint(
            "(document_id = 0) = (scope IN ('credential', 'customer'))",
            name="ck_payment_links_document",
        ),
        CheckConstraint(
            "used_up_at IS NULL OR scope = 'credential'", name="ck_payment_links_used_up"
        ),
        CheckConstraint("length(digest) = 64 AND made_by <> ''", name="ck_payment_links_digest"),
        CheckConstraint("uses >= 0", name="ck_payment_links_uses"),
    )
    op.create_index("ix_payment_links_customer", "payment_links", ["splynx_customer_id"])


def _create_link_keys() -> None:
    op.create_table(
        "link_keys",
        Column("id", _word(), primary_key=True),
        Column("digest", _word(), nullable=False),
        Column("name", _word(), nullable=False),
        Column("partner_id", BigInteger, nullable=False),
        Column("made_at", _word(), nullable=False),
        Column("made_by", _word(), nullable=False),
        Column("revoked_at", _word()),
        Column("last_used_at", _word()),
        UniqueConstraint("digest", name="uq_link_keys_digest"),
        CheckConstraint("length(digest) = 64 AND made_by <> ''", name="ck_link_keys_digest"),
    )
