"""Stripe accounts connected by OAuth, and the webhook endpoints that we made.

Written out, not derived from the tables: a migration says what was true when it was made.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import CheckConstraint, Column, SmallInteger, Text, text
from sqlalchemy.types import TypeEngine

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Makes the tables."""
    _create_connections()
    _create_oauth_states()
    _create_webhook_endpoints()
    _create_account_profiles()


def _word() -> TypeEngine[str]:
    return Text().with_variant(Text(collation="C"), "postgresql")


def _create_connections() -> None:
    op.create_table(
        "connections",
        Column("id", _word(), primary_key=True),
        Column("section", _word(), nullable=False),
        Column("livemode", SmallInteger, nullable=False),
        Column("stripe_account_id", _word(), nullable=False),
        Column("publishable_key", _word(), nullable=False),
        Column("access_token_sealed", _word(), nullable=False),
        Column("refresh_token_sealed", _word(), nullable=False),
        Column("state", _word(), nullable=False),
        Column("connected_at", _word(), nullable=False),
        Column("connected_by", _word(), nullable=False),
        Column("ended_at", _word()),
        Column("ended_why", _word(), nullable=False),
        CheckConstraint(
            "state IN ('connected', 'disconnected', 'ended', 'replaced')",
            name="ck_connections_state",
        ),
        CheckConstraint("section <> '' AND stripe_account_id <> ''", name="ck_connections_what"),
        CheckConstraint("livemode IN (0, 1)", name="ck_connections_mode"),
        CheckConstraint("(state = 'connected') = (ended_at IS NULL)", name="ck_connections_ended"),
    )
    current = text("state IN ('connected', 'disconnected', 'ended')")
    op.create_index(
        "uq_connections_section",
        "connections",
        ["section"],
        unique=True,
        sqlite_where=current,
        postgresql_where=current,
    )
    connected = text("state = 'connected'")
    op.create_index(
        "uq_connections_account",
        "connections",
        ["stripe_account_id", "livemode"],
        unique=True,
        sqlite_where=connected,
        postgresql_where=connected,
    )


def _create_oauth_states() -> None:
    op.create_table(
        "oauth_states",
        Column("digest", _word(), primary_key=True),
        Column("section", _word(), nullable=False),
        Column("livemode", SmallInteger, nullable=False),
        Column("session_digest", _word(), nullable=False),
        Column("made_by", _word(), nullable=False),
        Column("made_at", _word(), nullable=False),
        Column("expires_at", _word(), nullable=False),
        Column("used_at", _word()),
        CheckConstraint("length(digest) = 64", name="ck_oauth_states_digest"),
    )


def _create_webhook_endpoints() -> None:
    op.create_table(
        "webhook_endpoints",
        Column("id", _word(), primary_key=True),
        Column("account", _word(), nullable=False),
        Column("url", _word(), nullable=False),
        Column("secret_sealed", _word(), nullable=False),
        Column("state", _word(), nullable=False),
        Column("made_at", _word(), nullable=False),
        Column("made_by", _word(), nullable=False),
        Column("delivered_at", _word()),
        Column("until", _word()),
        CheckConstraint(
            "state IN ('active', 'removed', 'retiring')", name="ck_webhook_endpoints_state"
        ),
        CheckConstraint("secret_sealed <> ''", name="ck_webhook_endpoints_secret"),
    )


def _create_account_profiles() -> None:
    op.create_table(
        "account_profiles",
        Column("account", _word(), primary_key=True),
        Column("pinned_id", _word(), nullable=False),
        Column("stripe_account_id", _word(), nullable=False),
        Column("name", _word(), nullable=False),
        Column("country", _word(), nullable=False),
        Column("currency", _word(), nullable=False),
        Column("charges_enabled", SmallInteger, nullable=False),
        Column("missing", _word(), nullable=False),
        Column("trouble", _word(), nullable=False),
        Column("checked_at", _word(), nullable=False),
        CheckConstraint("charges_enabled IN (0, 1)", name="ck_account_profiles_enabled"),
    )
