"""The tables of auto charge: the page's rules, from when on each rule acts, and its days."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Table, text

from splynx_stripe.domain.charge_rule import MissedPolicy, RuleTiming
from splynx_stripe.domain.charge_rule_day import RuleDayState
from splynx_stripe.store.columns import Prose, UtcMoment, exact_text
from splynx_stripe.store.tables import metadata

RULE_DAY_IS_PLANNING = f"state = '{RuleDayState.PLANNING}'"


def _one_of(column: str, words: type[RuleTiming | MissedPolicy | RuleDayState]) -> str:
    return f"{column} IN ({', '.join(repr(each.value) for each in words)})"


charge_rules = Table(
    "charge_rules",
    metadata,
    Column("id", exact_text(), primary_key=True),
    Column("name", Prose, nullable=False),
    Column("selection", exact_text(), nullable=False),
    Column("timing", exact_text(), nullable=False),
    Column("at", exact_text(), nullable=False),
    Column("days", BigInteger, nullable=False),
    Column("days_back", BigInteger, nullable=False),
    Column("is_enabled", BigInteger, nullable=False),
    Column("is_dry_run", BigInteger, nullable=False),
    Column("missed", exact_text(), nullable=False),
    Column("late_hours", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("changed_at", UtcMoment, nullable=False),
    Column("changed_by", exact_text(), nullable=False),
    CheckConstraint(_one_of("timing", RuleTiming), name="ck_charge_rules_timing"),
    CheckConstraint(_one_of("missed", MissedPolicy), name="ck_charge_rules_missed"),
    CheckConstraint("is_enabled IN (0, 1) AND is_dry_run IN (0, 1)", name="ck_charge_rules_flags"),
    CheckConstraint(
        "length(at) = 5 AND days >= 0 AND days_back >= 0 AND late_hours > 0",
        name="ck_charge_rules_calendar",
    ),
    CheckConstraint("version > 0 AND changed_by <> ''", name="ck_charge_rules_who"),
)

charge_rule_watches = Table(
    "charge_rule_watches",
    metadata,
    Column("rule_id", exact_text(), primary_key=True),
    Column("calendar", exact_text(), nullable=False),
    Column("acts_from", UtcMoment, nullable=False),
)

charge_rule_days = Table(
    "charge_rule_days",
    metadata,
    Column("rule_id", exact_text(), primary_key=True),
    Column("day", exact_text(), primary_key=True),
    Column("rule_name", Prose, nullable=False),
    Column("partner_id", BigInteger, nullable=False),
    Column("moment", UtcMoment, nullable=False),
    Column("acted_at", UtcMoment, nullable=False),
    Column("state", exact_text(), nullable=False),
    Column("run_id", exact_text(), nullable=False),
    Column("is_dry_run", BigInteger, nullable=False),
    Column("note", Prose, nullable=False),
    Column("version", BigInteger, nullable=False),
    CheckConstraint(_one_of("state", RuleDayState), name="ck_charge_rule_days_state"),
    CheckConstraint(
        f"(state = '{RuleDayState.MISSED}') = (run_id = '')", name="ck_charge_rule_days_run"
    ),
    CheckConstraint("length(day) = 10 AND version >= 0", name="ck_charge_rule_days_day"),
)
Index("ix_charge_rule_days_time", charge_rule_days.c.acted_at)
Index(
    "ix_charge_rule_days_planning",
    charge_rule_days.c.acted_at,
    sqlite_where=text(RULE_DAY_IS_PLANNING),
    postgresql_where=text(RULE_DAY_IS_PLANNING),
)
