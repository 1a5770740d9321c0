"""Saved cards and bank accounts, and the SetupIntents that save them.

Written out, not derived from the tables: a migration says what was true when it was made.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Integer,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeEngine

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Makes the tables."""
    _create_setups()
    _create_credentials()
    _create_mirrors()
    _create_detachments()


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


def _owner() -> list[Column[object]]:
    return [
        Column("account", _word(), nullable=False),
        Column("partner_id", BigInteger, nullable=False),
        Column("splynx_customer_id", BigInteger, nullable=False),
        Column("stripe_customer_id", _word(), nullable=False),
    ]


def _consent() -> list[Column[object]]:
    return [
        Column("consent_at", _word(), nullable=False),
        Column("consent_way", _word(), nullable=False),
        Column("consent_actor", _word(), nullable=False),
        Column("consent_address", _word(), nullable=False),
        Column("consent_browser", _word(), nullable=False),
        Column("consent_version", _word(), nullable=False),
        Column("consent_wording", _word(), nullable=False),
    ]


def _create_setups() -> None:
    op.create_table(
        "setups",
        Column("id", _word(), primary_key=True),
        *_owner(),
        Column("kind", _word(), nullable=False),
        Column("currency", _word(), nullable=False),
        Column("description", _word(), nullable=False),
        Column("metadata", _word(), nullable=False),
        *_consent(),
        Column("prepared_at", _word(), nullable=False),
        Column("next_look_at", _word()),
        Column("state", _word(), nullable=False),
        Column("intent_id", _word(), nullable=False),
        Column("payment_method_id", _word(), nullable=False),
        Column("microdeposits", _word(), nullable=False),
        Column("seen_as_of", _word()),
        Column("seen_kind", _word()),
        Column("failure_code", _word()),
        Column("failure_decline_code", _word()),
        Column("failure_message", _word()),
        Column("version", BigInteger, nullable=False),
        CheckConstraint(
            "state IN ('awaiting_customer', 'canceled', 'forgotten', 'prepared', 'processing',"
            " 'refused', 'requires_action', 'succeeded', 'unknown', 'verifying')",
            name="ck_setups_state",
        ),
        CheckConstraint(
            "seen_kind IN ('forgotten', 'outcome_unknown', 'refused', 'seen_awaiting',"
            " 'seen_canceled', 'seen_processing', 'seen_requires_action', 'seen_succeeded',"
            " 'seen_verifying')",
            name="ck_setups_seen_kind",
        ),
        CheckConstraint("(seen_as_of IS NULL) = (seen_kind IS NULL)", name="ck_setups_seen"),
        CheckConstraint("version >= 0", name="ck_setups_version"),
        CheckConstraint(
            "intent_id <> '' OR state IN ('forgotten', 'prepared', 'refused', 'unknown')",
            name="ck_setups_intent",
        ),
    )
    _index(
        "uq_setups_intent", "setups", ["account", "intent_id"], unique=True, where="intent_id <> ''"
    )
    _index("ix_setups_customer", "setups", ["account", "splynx_customer_id", "prepared_at"])
    _index("ix_setups_look", "setups", ["next_look_at"], where="next_look_at IS NOT NULL")


def _create_credentials() -> None:
    op.create_table(
        "credentials",
        Column("id", _word(), primary_key=True),
        *_owner(),
        Column("payment_method_id", _word(), nullable=False),
        Column("kind", _word(), nullable=False),
        Column("state", _word(), nullable=False),
        Column("position", BigInteger, nullable=False),
        *_consent(),
        Column("saved_at", _word(), nullable=False),
        Column("card_brand", _word(), nullable=False),
        Column("card_last4", _word(), nullable=False),
        Column("card_expires_year", BigInteger, nullable=False),
        Column("card_expires_month", BigInteger, nullable=False),
        Column("bank_sealed", _word(), nullable=False),
        Column("mark", _word(), nullable=False),
        Column("mandate_id", _word(), nullable=False),
        Column("mandate_status", _word(), nullable=False),
        Column("dead_reason", _word(), nullable=False),
        Column("setup_id", _word(), nullable=False),
        Column("version", BigInteger, nullable=False),
        CheckConstraint(
            "state IN ('dead', 'removed', 'usable', 'verifying')", name="ck_credentials_state"
        ),
        CheckConstraint(
            "dead_reason IN ('', 'account_closed', 'detached', 'lost_or_stolen', 'mandate_inactive',"
            " 'not_verified', 'stripe_customer_deleted')",
            name="ck_credentials_dead_reason",
        ),
        CheckConstraint(
            "mandate_status IN ('active', 'inactive', 'none', 'pending')",
            name="ck_credentials_mandate",
        ),
        CheckConstraint(
            "position >= 0 AND version >= 0 AND card_expires_month BETWEEN 0 AND 12",
            name="ck_credentials_numbers",
        ),
        CheckConstraint("payment_method_id <> ''", name="ck_credentials_payment_method"),
        CheckConstraint(
            "(kind = 'card' AND bank_sealed = '') OR (kind <> 'card' AND card_last4 = '' AND"
            " (bank_sealed = '' OR substr(bank_sealed, 1, 3) = 'v1:'))",
            name="ck_credentials_sealed",
        ),
        CheckConstraint("(dead_reason <> '') = (state = 'dead')", name="ck_credentials_dead"),
    )
    _index_credentials()


def _index_credentials() -> None:
    _index(
        "uq_credentials_payment_method",
        "credentials",
        ["account", "payment_method_id"],
        unique=True,
        where="state <> 'removed'",
    )
    _index(
        "uq_credentials_mark",
        "credentials",
        ["account", "splynx_customer_id", "mark"],
        unique=True,
        where="state = 'usable' AND mark <> ''",
    )
    _index("ix_credentials_customer", "credentials", ["account", "splynx_customer_id", "position"])
    _index("ix_credentials_stripe_customer", "credentials", ["account", "stripe_customer_id"])
    _index("ix_credentials_mandate", "credentials", ["account", "mandate_id"])
    _index("ix_credentials_owner", "credentials", ["splynx_customer_id"])


def _create_mirrors() -> None:
    op.create_table(
        "payment_account_mirrors",
        Column("splynx_customer_id", BigInteger, primary_key=True, autoincrement=False),
        Column("slot", _word(), primary_key=True),
        Column("partner_id", BigInteger, nullable=False),
        Column("due_at", _word()),
        Column("written", _word(), nullable=False),
        Column("announced", _word(), nullable=False),
        Column("sets_payment_method", SmallInteger, nullable=False),
        Column("is_held", SmallInteger, nullable=False),
        Column("tries", BigInteger, nullable=False),
        Column("last_error", _word(), nullable=False),
        Column("claim", BigInteger, nullable=False),
        Column("claimed_until", _word()),
        Column("changes", BigInteger, nullable=False),
        CheckConstraint("slot IN ('bank', 'card')", name="ck_payment_account_mirrors_slot"),
        CheckConstraint(
            "tries >= 0 AND claim >= 0 AND changes >= 0",
            name="ck_payment_account_mirrors_counts",
        ),
    )
    _index(
        "ix_payment_account_mirrors_due",
        "payment_account_mirrors",
        ["due_at"],
        where="due_at IS NOT NULL",
    )


def _create_detachments() -> None:
    op.create_table(
        "detachments",
        Column("id", _number(), primary_key=True),
        Column("account", _word(), nullable=False),
        Column("payment_method_id", _word(), nullable=False),
        Column("due_at", _word(), nullable=False),
        Column("tries", BigInteger, nullable=False),
        UniqueConstraint("account", "payment_method_id", name="uq_detachments_payment_method"),
        CheckConstraint("tries >= 0 AND payment_method_id <> ''", name="ck_detachments_what"),
    )
    _index("ix_detachments_due", "detachments", ["due_at", "id"])
