"""Settings that were made on the settings page, who changed them, and a count of the changes.

Written out, not derived from the tables: a migration says what was true when it was made.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, SmallInteger, Text
from sqlalchemy.types import TypeEngine

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "page_settings",
        Column("section", _word(), primary_key=True),
        Column("key", _word(), primary_key=True),
        Column("value", _word(), nullable=False),
        Column("value_sealed", _word(), nullable=False),
        Column("version", BigInteger, nullable=False),
        Column("changed_at", _word(), nullable=False),
        Column("changed_by", _word(), nullable=False),
        CheckConstraint("section <> '' AND key <> ''", name="ck_page_settings_what"),
        CheckConstraint("value = '' OR value_sealed = ''", name="ck_page_settings_one_value"),
        CheckConstraint("version > 0 AND changed_by <> ''", name="ck_page_settings_who"),
    )
    op.create_table(
        "page_setting_changes",
        Column("id", _number(), primary_key=True),
        Column("section", _word(), nullable=False),
        Column("key", _word(), nullable=False),
        Column("value_before", _word(), nullable=False),
        Column("value_after", _word(), nullable=False),
        Column("changed_at", _word(), nullable=False),
        Column("changed_by", _word(), nullable=False),
    )
    op.create_index("ix_page_setting_changes", "page_setting_changes", ["section", "id"])
    op.create_table(
        "settings_version",
        Column("singleton", SmallInteger, primary_key=True, autoincrement=False),
        Column("version", BigInteger, nullable=False),
        CheckConstraint("singleton = 1", name="ck_settings_version_only_one"),
    )


def _word() -> TypeEngine[str]:
    return Text().with_variant(Text(collation="C"), "postgresql")


def _number() -> TypeEngine[int]:
    return BigInteger().with_variant(Integer(), "sqlite")
