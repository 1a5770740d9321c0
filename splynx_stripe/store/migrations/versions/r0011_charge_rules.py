"""Rules of auto charge, and the days on which they have acted.

Written out, not derived from the tables: a migration says what was true when it was made.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, CheckConstraint, Column, Text, text
from sqlalchemy.types import TypeEngine

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Makes the tables."""
    _create_rules()
    op.create_table(
        "charge_rule_watches",
        Column("rule_id", _word(), primary_key=True),
        Column("calendar", _word(), nullable=False),
        Column("acts_from", _word(), nullable=False),
    )
    _create_days()


def _word() -> TypeEngine[str]:
    return Text().with_variant(Text(collation="C"), "postgresql")


def _create_rules() -> None:
    op.create_table(
        "charge_rules",
        Column("id", _word(), primary_key=True),
        Column("name", _word(), nullable=False),
        Column("selection", _word(), nullable=False),
        Column("timing", _word(), nullable=False),
        Column("at", _word(), nullable=False),
        Column("days", BigInteger, nullable=False),
        Column("days_back", BigInteger, nullable=False),
        Column("is_enabled", BigInteger, nullable=False),
        Column("is_dry_run", BigInteger, nullable=False),
        Column("missed", _word(), nullable=False),
        Column("late_hours", BigInteger, nullable=False),
        Column("version", BigInteger, nullable=False),
        Column("changed_at", _word(), nullable=False),
        Column("changed_by", _word(), nullable=False),
        CheckConstraint(
            "timing IN ('issue_day', 'day_after_issue', 'days_after_issue', 'days_before_due',"
            " 'due_date', 'day_of_month')",
            name="ck_charge_rules_timing",
        ),
        CheckConstraint("missed IN ('late', 'skip')", name="ck_charge_rules_missed"),
        CheckConstraint(
            "is_enabled IN (0, 1) AND is_dry_run IN (0, 1)", name="ck_charge_rules_flags"
        ),
        CheckConstraint(
            "length(at) = 5 AND days >= 0 AND days_back >= 0 AND late_hours > 0",
            name="ck_charge_rules_calendar",
        ),
        CheckConstraint("version > 0 AND changed_by <> ''", name="ck_charge_rules_who"),
    )


def _create_days() -> None:
    op.create_table(
        "charge_rule_days",
        Column("rule_id", _word(), primary_key=True),
        Column("day", _word(), primary_key=True),
        Column("rule_name", _word(), nullable=False),
        Column("partner_id", BigInteger, nullable=False),
        Column("moment", _word(), nullable=False),
        Column("acted_at", _word(), nullable=False),
        Column("state", _word(), nullable=False),
        Column("run_id", _word(), nullable=False),
        Column("is_dry_run", BigInteger, nullable=False),
        Column("note", _word(), nullable=False),
        Column("version", BigInteger, nullable=False),
        CheckConstraint(
            "state IN ('planning', 'confirmed', 'planned_only', 'stopped', 'missed')",
            name="ck_charge_rule_days_state",
        ),
        CheckConstraint("(state = 'missed') = (run_id = '')", name="ck_charge_rule_days_run"),
        CheckConstraint("length(day) = 10 AND version >= 0", name="ck_charge_rule_days_day"),
    )
    op.create_index("ix_charge_rule_days_time", "charge_rule_days", ["acted_at"])
    planning = text("state = 'planning'")
    op.create_index(
        "ix_charge_rule_days_planning",
        "charge_rule_days",
        ["acted_at"],
        sqlite_where=planning,
        postgresql_where=planning,
    )
