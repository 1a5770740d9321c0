"""The first schema: collections, attempts, effects, inbox, cases, audit log and their keepers.

Written out, not derived from `tables.py`: a migration says what was true when it was made.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeEngine

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes all tables."""
    _create_installation()
    _create_collections()
    _create_attempts()
    _create_effects()
    _create_inbox()
    _create_poll_cursors()
    _create_cases()
    _create_audit_log()
    _create_stripe_customers()
    _create_nonces()


def _word() -> TypeEngine[str]:
    return Text().with_variant(Text(collation="C"), "postgresql")


def _number() -> TypeEngine[int]:
    return BigInteger().with_variant(Integer(), "sqlite")


def _index(
    name: str, table: str, columns: list[str], *, unique: bool = False, where: str = ""
) -> None:
    condition = text(where) if where else None
    op.create_index(
        name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition
    )


def _create_installation() -> None:
    op.create_table(
        "installation",
        Column("singleton", SmallInteger, primary_key=True, autoincrement=False),
        Column("id", _word(), nullable=False),
        Column("signing_key", _word(), nullable=False),
        Column("created_at", _word(), nullable=False),
        CheckConstraint("singleton = 1", name="ck_installation_only_one"),
        CheckConstraint("length(signing_key) = 64", name="ck_installation_signing_key"),
    )


def _create_collections() -> None:
    op.create_table(
        "collections",
        Column("id", _word(), primary_key=True),
        Column("payable_key", _word(), nullable=False),
        Column("partner_id", BigInteger, nullable=False),
        Column("splynx_customer_id", BigInteger, nullable=False),
        Column("kind", _word(), nullable=False),
        Column("document_id", BigInteger, nullable=False),
        Column("document_number", _word(), nullable=False),
        Column("currency", _word(), nullable=False),
        Column("route", _word(), nullable=False),
        Column("state", _word(), nullable=False),
        Column("opened_at", _word(), nullable=False),
        Column("version", BigInteger, nullable=False),
        Column("set_amount_minor", BigInteger, nullable=False),
        Column("whole_id", _word(), nullable=False),
        Column("part", BigInteger, nullable=False),
        Column("splynx_payment_id", BigInteger, nullable=False),
        Column("origin", _word(), nullable=False),
        CheckConstraint(
            "state IN ('booked', 'closed', 'late', 'open', 'returned', 'settled')",
            name="ck_collections_state",
        ),
        CheckConstraint(
            "length(currency) = 3 AND substr(currency, 1, 1) BETWEEN 'A' AND 'Z' AND substr(currency, 2, 1) BETWEEN 'A' AND 'Z' AND substr(currency, 3, 1) BETWEEN 'A' AND 'Z'",
            name="ck_collections_currency",
        ),
        CheckConstraint("version >= 0", name="ck_collections_version"),
        CheckConstraint("payable_key <> '' AND kind <> ''", name="ck_collections_payable"),
    )
    _index("ix_collections_customer", "collections", ["splynx_customer_id", "id"])
    _index(
        "ix_collections_live_customer",
        "collections",
        ["splynx_customer_id", "id"],
        where="state IN ('open', 'settled')",
    )
    _index("ix_collections_origin", "collections", ["origin", "id"], where="origin <> ''")
    _index("ix_collections_whole", "collections", ["whole_id", "part"], where="whole_id <> ''")
    _index("ix_collections_open", "collections", ["opened_at"], where="state = 'open'")
    _index("ix_collections_payable", "collections", ["payable_key", "opened_at"])
    _index(
        "uq_collections_lease",
        "collections",
        ["payable_key"],
        unique=True,
        where="state IN ('open', 'settled')",
    )


def _create_attempts() -> None:
    op.create_table(
        "attempts",
        Column("id", _word(), primary_key=True),
        Column("collection_id", _word(), nullable=False),
        Column("account", _word(), nullable=False),
        Column("stripe_customer_id", _word(), nullable=False),
        Column("amount_minor", BigInteger, nullable=False),
        Column("currency", _word(), nullable=False),
        Column("description", _word(), nullable=False),
        Column("metadata", _word(), nullable=False),
        Column("prepared_at", _word(), nullable=False),
        Column("next_look_at", _word()),
        Column("state", _word(), nullable=False),
        Column("intent_id", _word(), nullable=False),
        Column("charge_id", _word(), nullable=False),
        Column("seen_as_of", _word()),
        Column("seen_kind", _word()),
        Column("failure_code", _word()),
        Column("failure_decline_code", _word()),
        Column("failure_message", _word()),
        Column("splynx_payment_id", BigInteger, nullable=False),
        Column("version", BigInteger, nullable=False),
        Column("kinds", _word(), nullable=False),
        Column("saves_method", SmallInteger, nullable=False),
        Column("payment_method_id", _word(), nullable=False),
        Column("method_kind", _word(), nullable=False),
        Column("off_session", SmallInteger, nullable=False),
        Column("credential_id", _word(), nullable=False),
        Column("charged_method_id", _word(), nullable=False),
        Column("mandate_id", _word(), nullable=False),
        ForeignKeyConstraint(["collection_id"], ["collections.id"], name="fk_attempts_collection"),
        CheckConstraint(
            "state IN ('absent', 'awaiting_customer', 'canceled', 'canceling', 'orphaned', 'prepared', 'processing', 'refused', 'requires_action', 'succeeded', 'unknown')",
            name="ck_attempts_state",
        ),
        CheckConstraint(
            "seen_kind IN ('cancel_requested', 'outcome_unknown', 'proven_absent', 'refused', 'seen_awaiting', 'seen_canceled', 'seen_processing', 'seen_requires_action', 'seen_succeeded')",
            name="ck_attempts_seen_kind",
        ),
        CheckConstraint("(seen_as_of IS NULL) = (seen_kind IS NULL)", name="ck_attempts_seen"),
        CheckConstraint("amount_minor > 0", name="ck_attempts_amount"),
        CheckConstraint(
            "length(currency) = 3 AND substr(currency, 1, 1) BETWEEN 'A' AND 'Z' AND substr(currency, 2, 1) BETWEEN 'A' AND 'Z' AND substr(currency, 3, 1) BETWEEN 'A' AND 'Z'",
            name="ck_attempts_currency",
        ),
        CheckConstraint("version >= 0", name="ck_attempts_version"),
        CheckConstraint(
            "intent_id <> '' OR state IN ('absent', 'prepared', 'refused', 'unknown')",
            name="ck_attempts_intent",
        ),
        CheckConstraint(
            "splynx_payment_id = 0 OR (splynx_payment_id > 0 AND state = 'succeeded')",
            name="ck_attempts_booked",
        ),
        CheckConstraint(
            "(off_session = 0 AND charged_method_id = '') OR (off_session = 1 AND charged_method_id <> '')",
            name="ck_attempts_off_session",
        ),
    )
    _index_attempts()


def _index_attempts() -> None:
    _index("ix_attempts_collection", "attempts", ["collection_id", "prepared_at"])
    _index("ix_attempts_look", "attempts", ["next_look_at"], where="next_look_at IS NOT NULL")
    _index(
        "uq_attempts_intent",
        "attempts",
        ["account", "intent_id"],
        unique=True,
        where="intent_id <> ''",
    )
    _index(
        "uq_attempts_live",
        "attempts",
        ["collection_id"],
        unique=True,
        where="state IN ('awaiting_customer', 'canceling', 'prepared', 'processing', 'requires_action', 'unknown')",
    )


def _create_effects() -> None:
    op.create_table(
        "effects",
        Column("id", _number(), primary_key=True),
        Column("kind", _word(), nullable=False),
        Column("key", _word(), nullable=False),
        Column("attempt_id", _word(), nullable=False),
        Column("state", _word(), nullable=False),
        Column("tries", BigInteger, nullable=False),
        Column("next_at", _word(), nullable=False),
        Column("deadline_at", _word(), nullable=False),
        Column("claim", BigInteger, nullable=False),
        Column("claimed_until", _word()),
        Column("posting_at", _word()),
        Column("last_error", _word(), nullable=False),
        Column("collection_id", _word(), nullable=False),
        ForeignKeyConstraint(["attempt_id"], ["attempts.id"], name="fk_effects_attempt"),
        UniqueConstraint("key", name="uq_effects_key"),
        CheckConstraint("state IN ('done', 'failed', 'pending')", name="ck_effects_state"),
        CheckConstraint("key <> '' AND kind <> ''", name="ck_effects_key"),
        CheckConstraint("tries >= 0 AND claim >= 0", name="ck_effects_counts"),
        CheckConstraint("claimed_until IS NULL OR claim > 0", name="ck_effects_claim"),
        CheckConstraint("posting_at IS NULL OR claim > 0", name="ck_effects_posting"),
    )
    _index("ix_effects_attempt", "effects", ["attempt_id"])
    _index("ix_effects_due", "effects", ["next_at", "id"], where="state = 'pending'")
    _index("ix_effects_kind", "effects", ["kind"], where="state = 'pending'")


def _create_inbox() -> None:
    op.create_table(
        "inbox",
        Column("id", _number(), primary_key=True),
        Column("account", _word(), nullable=False),
        Column("event_id", _word(), nullable=False),
        Column("type", _word(), nullable=False),
        Column("created", _word(), nullable=False),
        Column("received_at", _word(), nullable=False),
        Column("source", _word(), nullable=False),
        Column("state", _word(), nullable=False),
        Column("tries", BigInteger, nullable=False),
        Column("next_at", _word(), nullable=False),
        Column("claim", BigInteger, nullable=False),
        Column("claimed_until", _word()),
        Column("note", _word(), nullable=False),
        Column("body", LargeBinary, nullable=False),
        UniqueConstraint("account", "event_id", name="uq_inbox_event"),
        CheckConstraint(
            "state IN ('handled', 'ignored', 'parked', 'received')", name="ck_inbox_state"
        ),
        CheckConstraint("source IN ('poll', 'webhook')", name="ck_inbox_source"),
        CheckConstraint("event_id <> ''", name="ck_inbox_event_id"),
        CheckConstraint("tries >= 0 AND claim >= 0", name="ck_inbox_counts"),
        CheckConstraint(
            "claimed_until IS NULL OR (claim > 0 AND state = 'received')", name="ck_inbox_claim"
        ),
    )
    _index("ix_inbox_newest", "inbox", ["account", "source", "received_at"])
    _index("ix_inbox_received", "inbox", ["received_at", "id"], where="state = 'received'")


def _create_poll_cursors() -> None:
    op.create_table(
        "poll_cursors",
        Column("account", _word(), primary_key=True),
        Column("read_up_to", _word(), nullable=False),
    )


def _create_cases() -> None:
    op.create_table(
        "cases",
        Column("id", _number(), primary_key=True),
        Column("kind", _word(), nullable=False),
        Column("subject", _word(), nullable=False),
        Column("summary", _word(), nullable=False),
        Column("opened_at", _word(), nullable=False),
        Column("collection_id", _word(), nullable=False),
        Column("closed_at", _word()),
        Column("note", _word(), nullable=False),
        CheckConstraint("kind <> '' AND subject <> ''", name="ck_cases_subject"),
    )
    _index("ix_cases_opened", "cases", ["opened_at"])
    _index("uq_cases_open", "cases", ["kind", "subject"], unique=True, where="closed_at IS NULL")


def _create_audit_log() -> None:
    op.create_table(
        "audit_log",
        Column("id", _number(), primary_key=True),
        Column("at", _word(), nullable=False),
        Column("event", _word(), nullable=False),
        Column("actor", _word(), nullable=False),
        Column("collection_id", _word(), nullable=False),
        Column("attempt_id", _word(), nullable=False),
        Column("facts", _word(), nullable=False),
        CheckConstraint("event <> '' AND actor <> ''", name="ck_audit_log_who_what"),
    )
    _index("ix_audit_log_collection", "audit_log", ["collection_id", "id"])


def _create_stripe_customers() -> None:
    op.create_table(
        "stripe_customers",
        Column("account", _word(), primary_key=True),
        Column("splynx_customer_id", BigInteger, primary_key=True, autoincrement=False),
        Column("stripe_customer_id", _word(), nullable=False),
        CheckConstraint("stripe_customer_id <> ''", name="ck_stripe_customers_id"),
    )


def _create_nonces() -> None:
    op.create_table(
        "nonces",
        Column("key", _word(), primary_key=True),
        Column("high_water", BigInteger, nullable=False),
    )
