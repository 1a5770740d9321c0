"""The tables of charge runs: runs, what they come to, their items; and of the emergency stop.

The planned part of an item never changes: a trigger refuses it, on both databases, because what was
confirmed must be what is charged.
"""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    Table,
    event,
    text,
)

from splynx_stripe.domain.charge_plan import Verdict
from splynx_stripe.domain.charge_run import (
    LIVE_RUN_STATES,
    OPEN_STANDINGS,
    ItemStanding,
    RunState,
)
from splynx_stripe.store.columns import Prose, UtcMoment, exact_text, row_number
from splynx_stripe.store.tables import metadata, one_of

RUN_IS_LIVE = one_of("state", LIVE_RUN_STATES)
RUN_HOLDS_ITS_PLACE = f"{RUN_IS_LIVE} AND is_rehearsal = 0"
ITEM_IS_OPEN = one_of("standing", OPEN_STANDINGS)
ITEM_HAS_COLLECTION = "collection_id <> ''"
LINK_WAS_SENT = f"standing = '{ItemStanding.LINK_SENT}'"
STOP_IS_IN_FORCE = "resumed_at IS NULL"

charge_runs = Table(
    "charge_runs",
    metadata,
    Column("id", exact_text(), primary_key=True),
    Column("fingerprint", exact_text(), nullable=False),
    Column("family", exact_text(), nullable=False),
    Column("selection", exact_text(), nullable=False),
    Column("partner_id", BigInteger, nullable=False),
    Column("starter", exact_text(), nullable=False),
    Column("rule_id", exact_text(), nullable=False),
    Column("state", exact_text(), nullable=False),
    Column("is_rehearsal", SmallInteger, nullable=False),
    Column("reason", Prose, nullable=False),
    Column("cursor", exact_text(), nullable=False),
    Column("made_by", exact_text(), nullable=False),
    Column("made_at", UtcMoment, nullable=False),
    Column("planned_at", UtcMoment),
    Column("confirmed_by", exact_text(), nullable=False),
    Column("confirmed_at", UtcMoment),
    Column("second_by", exact_text(), nullable=False),
    Column("second_at", UtcMoment),
    Column("ended_at", UtcMoment),
    Column("version", BigInteger, nullable=False),
    CheckConstraint(one_of("state", RunState), name="ck_charge_runs_state"),
    CheckConstraint("length(fingerprint) = 64 AND made_by <> ''", name="ck_charge_runs_who_what"),
    CheckConstraint("version >= 0 AND is_rehearsal IN (0, 1)", name="ck_charge_runs_counts"),
    CheckConstraint(
        "confirmed_at IS NOT NULL OR state NOT IN ('paused', 'running')",
        name="ck_charge_runs_confirmed",
    ),
    CheckConstraint(
        "second_by = '' OR second_by <> confirmed_by", name="ck_charge_runs_two_persons"
    ),
    CheckConstraint(
        "is_rehearsal = 0 OR state IN ('canceled', 'done', 'planning')",
        name="ck_charge_runs_rehearsal",
    ),
)
Index(
    "uq_charge_runs_selection",
    charge_runs.c.fingerprint,
    unique=True,
    sqlite_where=text(RUN_HOLDS_ITS_PLACE),
    postgresql_where=text(RUN_HOLDS_ITS_PLACE),
)
Index(
    "ix_charge_runs_live",
    charge_runs.c.id,
    sqlite_where=text(RUN_IS_LIVE),
    postgresql_where=text(RUN_IS_LIVE),
)
Index("ix_charge_runs_family", charge_runs.c.family, charge_runs.c.id)

charge_run_totals = Table(
    "charge_run_totals",
    metadata,
    Column("run_id", exact_text(), primary_key=True),
    Column("partner_id", BigInteger, primary_key=True, autoincrement=False),
    Column("currency", exact_text(), primary_key=True),
    Column("amount_minor", BigInteger, nullable=False),
    Column("charged", BigInteger, nullable=False),
    Column("median_minor", BigInteger),
    ForeignKeyConstraint(["run_id"], ["charge_runs.id"], name="fk_charge_run_totals_run"),
    CheckConstraint("amount_minor >= 0 AND charged >= 0", name="ck_charge_run_totals_amount"),
)

charge_run_items = Table(
    "charge_run_items",
    metadata,
    Column("run_id", exact_text(), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("partner_id", BigInteger, nullable=False),
    Column("splynx_customer_id", BigInteger, nullable=False),
    Column("kind", exact_text(), nullable=False),
    Column("payable_key", exact_text(), nullable=False),
    Column("document_id", BigInteger, nullable=False),
    Column("document_number", exact_text(), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", exact_text(), nullable=False),
    Column("account", exact_text(), nullable=False),
    Column("credential_id", exact_text(), nullable=False),
    Column("verdict", exact_text(), nullable=False),
    Column("verdict_reason", exact_text(), nullable=False),
    Column("standing", exact_text(), nullable=False),
    Column("collection_id", exact_text(), nullable=False),
    Column("note", exact_text(), nullable=False),
    Column("ended_at", UtcMoment),
    ForeignKeyConstraint(["run_id"], ["charge_runs.id"], name="fk_charge_run_items_run"),
    CheckConstraint(one_of("verdict", Verdict), name="ck_charge_run_items_verdict"),
    CheckConstraint(one_of("standing", ItemStanding), name="ck_charge_run_items_standing"),
    CheckConstraint("number >= 1 AND payable_key <> ''", name="ck_charge_run_items_number"),
    CheckConstraint(
        "verdict NOT IN ('charge', 'likely_to_fail')"
        " OR (account <> '' AND credential_id <> '' AND amount_minor > 0)",
        name="ck_charge_run_items_charged",
    ),
    CheckConstraint(
        "(standing = 'skipped') = (verdict = 'skip')", name="ck_charge_run_items_skipped"
    ),
    CheckConstraint(
        "collection_id <> '' OR standing NOT IN ('charged', 'charging')",
        name="ck_charge_run_items_collection",
    ),
)
Index(
    "uq_charge_run_items_debt",
    charge_run_items.c.run_id,
    charge_run_items.c.payable_key,
    unique=True,
)
Index(
    "ix_charge_run_items_owner",
    charge_run_items.c.run_id,
    charge_run_items.c.splynx_customer_id,
)
Index(
    "uq_charge_run_items_link",
    charge_run_items.c.payable_key,
    unique=True,
    sqlite_where=text(LINK_WAS_SENT),
    postgresql_where=text(LINK_WAS_SENT),
)
Index(
    "ix_charge_run_items_open",
    charge_run_items.c.run_id,
    charge_run_items.c.account,
    charge_run_items.c.number,
    sqlite_where=text(ITEM_IS_OPEN),
    postgresql_where=text(ITEM_IS_OPEN),
)
Index(
    "ix_charge_run_items_customer",
    charge_run_items.c.splynx_customer_id,
    sqlite_where=text(ITEM_HAS_COLLECTION),
    postgresql_where=text(ITEM_HAS_COLLECTION),
)

charging_stops = Table(
    "charging_stops",
    metadata,
    Column("id", row_number(), primary_key=True),
    Column("scope", exact_text(), nullable=False),
    Column("reason", Prose, nullable=False),
    Column("stopped_by", exact_text(), nullable=False),
    Column("stopped_at", UtcMoment, nullable=False),
    Column("resumed_by", exact_text(), nullable=False),
    Column("resumed_at", UtcMoment),
    Column("note", Prose, nullable=False),
    CheckConstraint("scope = 'all' AND stopped_by <> ''", name="ck_charging_stops_who"),
)
Index(
    "uq_charging_stops_in_force",
    charging_stops.c.scope,
    unique=True,
    sqlite_where=text(STOP_IS_IN_FORCE),
    postgresql_where=text(STOP_IS_IN_FORCE),
)

PLANNED_COLUMNS = (
    "run_id",
    "number",
    "partner_id",
    "splynx_customer_id",
    "kind",
    "payable_key",
    "document_id",
    "document_number",
    "amount_minor",
    "currency",
    "account",
    "credential_id",
    "verdict",
    "verdict_reason",
)
_PLAN_NEVER_CHANGES = "The plan of a charge run never changes."
_KEEP_THE_PLAN = (
    "CREATE TRIGGER keep_the_plan BEFORE UPDATE OF "
    f"{', '.join(PLANNED_COLUMNS)} ON charge_run_items "
    f"BEGIN SELECT RAISE(ABORT, '{_PLAN_NEVER_CHANGES}'); END"
)
_REFUSE = (
    "CREATE FUNCTION keep_the_plan() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN RAISE EXCEPTION '{_PLAN_NEVER_CHANGES}' USING ERRCODE = 'check_violation'; END $$"
)
_WHEN_PLANNED_COLUMNS_CHANGE = (
    f"CREATE TRIGGER keep_the_plan BEFORE UPDATE OF {', '.join(PLANNED_COLUMNS)}"
    " ON charge_run_items FOR EACH ROW EXECUTE FUNCTION keep_the_plan()"
)
for _statement, _dialect in (
    (_KEEP_THE_PLAN, "sqlite"),
    (_REFUSE, "postgresql"),
    (_WHEN_PLANNED_COLUMNS_CHANGE, "postgresql"),
):
    _trigger = DDL(_statement).execute_if(dialect=_dialect)  # type: ignore[no-untyped-call]  # SQLAlchemy's DDL has no types
    event.listen(charge_run_items, "after_create", _trigger)
