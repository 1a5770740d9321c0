"""Charge runs: their items, and the stop of all unattended charging.

Written out, not derived from the tables: a migration says what was true when it was made.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Integer,
    SmallInteger,
    Text,
    text,
)
from sqlalchemy.types import TypeEngine

revision = "0009"
down_revision = "0008"

_LIVE = "state IN ('awaiting_second', 'paused', 'planning', 'ready', 'running')"
_PLANNED = (
    "run_id, number, partner_id, splynx_customer_id, kind, payable_key, document_id,"
    " document_number, amount_minor, currency, account, credential_id, verdict, verdict_reason"
)


def upgrade() -> None:
    """Makes the tables."""
    _create_runs()
    _create_totals()
    _create_items()
    _index_items()
    _keep_the_plan()
    _create_stops()


def _word() -> TypeEngine[str]:
    return Text().with_variant(Text(collation="C"), "postgresql")


def _partial(name: str, table: str, columns: list[str], where: str, *, unique: bool) -> None:
    op.create_index(
        name,
        table,
        columns,
        unique=unique,
        sqlite_where=text(where),
        postgresql_where=text(where),
    )


def _create_runs() -> None:
    op.create_table(
        "charge_runs",
        Column("id", _word(), primary_key=True),
        Column("fingerprint", _word(), nullable=False),
        Column("family", _word(), nullable=False),
        Column("selection", _word(), nullable=False),
        Column("partner_id", BigInteger, nullable=False),
        Column("starter", _word(), nullable=False),
        Column("rule_id", _word(), nullable=False),
        Column("state", _word(), nullable=False),
        Column("is_rehearsal", SmallInteger, nullable=False),
        Column("reason", _word(), nullable=False),
        Column("cursor", _word(), nullable=False),
        Column("made_by", _word(), nullable=False),
        Column("made_at", _word(), nullable=False),
        Column("planned_at", _word()),
        Column("confirmed_by", _word(), nullable=False),
        Column("confirmed_at", _word()),
        Column("second_by", _word(), nullable=False),
        Column("second_at", _word()),
        Column("ended_at", _word()),
        Column("version", BigInteger, nullable=False),
        CheckConstraint(
            "state IN ('awaiting_second', 'canceled', 'done', 'paused', 'planning', 'ready',"
            " 'running')",
            name="ck_charge_runs_state",
        ),
        CheckConstraint(
            "length(fingerprint) = 64 AND made_by <> ''", name="ck_charge_runs_who_what"
        ),
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
    _partial(
        "uq_charge_runs_selection",
        "charge_runs",
        ["fingerprint"],
        f"{_LIVE} AND is_rehearsal = 0",
        unique=True,
    )
    _partial("ix_charge_runs_live", "charge_runs", ["id"], _LIVE, unique=False)
    op.create_index("ix_charge_runs_family", "charge_runs", ["family", "id"])


def _create_totals() -> None:
    op.create_table(
        "charge_run_totals",
        Column("run_id", _word(), primary_key=True),
        Column("partner_id", BigInteger, primary_key=True, autoincrement=False),
        Column("currency", _word(), primary_key=True),
        Column("amount_minor", BigInteger, nullable=False),
        Column("charged", BigInteger, nullable=False),
        Column("median_minor", BigInteger),
        ForeignKeyConstraint(["run_id"], ["charge_runs.id"], name="fk_charge_run_totals_run"),
        CheckConstraint("amount_minor >= 0 AND charged >= 0", name="ck_charge_run_totals_amount"),
    )


def _create_items() -> None:
    op.create_table(
        "charge_run_items",
        Column("run_id", _word(), primary_key=True),
        Column("number", BigInteger, primary_key=True, autoincrement=False),
        Column("partner_id", BigInteger, nullable=False),
        Column("splynx_customer_id", BigInteger, nullable=False),
        Column("kind", _word(), nullable=False),
        Column("payable_key", _word(), nullable=False),
        Column("document_id", BigInteger, nullable=False),
        Column("document_number", _word(), nullable=False),
        Column("amount_minor", BigInteger, nullable=False),
        Column("currency", _word(), nullable=False),
        Column("account", _word(), nullable=False),
        Column("credential_id", _word(), nullable=False),
        Column("verdict", _word(), nullable=False),
        Column("verdict_reason", _word(), nullable=False),
        Column("standing", _word(), nullable=False),
        Column("collection_id", _word(), nullable=False),
        Column("note", _word(), nullable=False),
        Column("ended_at", _word()),
        ForeignKeyConstraint(["run_id"], ["charge_runs.id"], name="fk_charge_run_items_run"),
        CheckConstraint(
            "verdict IN ('charge', 'likely_to_fail', 'link', 'skip')",
            name="ck_charge_run_items_verdict",
        ),
        CheckConstraint(
            "standing IN ('charged', 'charging', 'left', 'link_sent', 'not_charged', 'skipped',"
            " 'waiting')",
            name="ck_charge_run_items_standing",
        ),
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


def _index_items() -> None:
    op.create_index(
        "uq_charge_run_items_debt", "charge_run_items", ["run_id", "payable_key"], unique=True
    )
    op.create_index(
        "ix_charge_run_items_owner", "charge_run_items", ["run_id", "splynx_customer_id"]
    )
    _partial(
        "uq_charge_run_items_link",
        "charge_run_items",
        ["payable_key"],
        "standing = 'link_sent'",
        unique=True,
    )
    _partial(
        "ix_charge_run_items_open",
        "charge_run_items",
        ["run_id", "account", "number"],
        "standing IN ('charging', 'waiting')",
        unique=False,
    )
    _partial(
        "ix_charge_run_items_customer",
        "charge_run_items",
        ["splynx_customer_id"],
        "collection_id <> ''",
        unique=False,
    )


def _keep_the_plan() -> None:
    """Refuses to change what was planned, whoever tries."""
    sentence = "The plan of a charge run never changes."
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER keep_the_plan BEFORE UPDATE OF {_PLANNED} ON charge_run_items "
            f"BEGIN SELECT RAISE(ABORT, '{sentence}'); END"
        )
        return
    op.execute(
        "CREATE FUNCTION keep_the_plan() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{sentence}' USING ERRCODE = 'check_violation'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER keep_the_plan BEFORE UPDATE OF {_PLANNED}"
        " ON charge_run_items FOR EACH ROW EXECUTE FUNCTION keep_the_plan()"
    )


def _create_stops() -> None:
    op.create_table(
        "charging_stops",
        Column("id", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True),
        Column("scope", _word(), nullable=False),
        Column("reason", _word(), nullable=False),
        Column("stopped_by", _word(), nullable=False),
        Column("stopped_at", _word(), nullable=False),
        Column("resumed_by", _word(), nullable=False),
        Column("resumed_at", _word()),
        Column("note", _word(), nullable=False),
        CheckConstraint("scope = 'all' AND stopped_by <> ''", name="ck_charging_stops_who"),
    )
    _partial(
        "uq_charging_stops_in_force",
        "charging_stops",
        ["scope"],
        "resumed_at IS NULL",
        unique=True,
    )
