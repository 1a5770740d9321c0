"""The tables of connected Stripe accounts, our webhook endpoints, and what Stripe said of accounts."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, SmallInteger, Table, text

from splynx_stripe.domain.connection import CURRENT_STATES, ConnectionState, EndpointState
from splynx_stripe.store.columns import Prose, UtcMoment, exact_text
from splynx_stripe.store.tables import metadata

_CURRENT = f"state IN ({', '.join(repr(str(state)) for state in sorted(CURRENT_STATES))})"
_CONNECTED = f"state = '{ConnectionState.CONNECTED}'"
_STATES = f"state IN ({', '.join(repr(str(state)) for state in sorted(ConnectionState))})"
_ENDPOINT_STATES = f"state IN ({', '.join(repr(str(state)) for state in sorted(EndpointState))})"

connections = Table(
    "connections",
    metadata,
    Column("id", exact_text(), primary_key=True),
    Column("section", exact_text(), nullable=False),
    Column("livemode", SmallInteger, nullable=False),
    Column("stripe_account_id", exact_text(), nullable=False),
    Column("publishable_key", exact_text(), nullable=False),
    Column("access_token_sealed", exact_text(), nullable=False),
    Column("refresh_token_sealed", exact_text(), nullable=False),
    Column("state", exact_text(), nullable=False),
    Column("connected_at", UtcMoment, nullable=False),
    Column("connected_by", exact_text(), nullable=False),
    Column("ended_at", UtcMoment),
    Column("ended_why", Prose, nullable=False),
    CheckConstraint(_STATES, name="ck_connections_state"),
    CheckConstraint("section <> '' AND stripe_account_id <> ''", name="ck_connections_what"),
    CheckConstraint("livemode IN (0, 1)", name="ck_connections_mode"),
    CheckConstraint(f"({_CONNECTED}) = (ended_at IS NULL)", name="ck_connections_ended"),
)
Index(
    "uq_connections_section",
    connections.c.section,
    unique=True,
    sqlite_where=text(_CURRENT),
    postgresql_where=text(_CURRENT),
)
Index(
    "uq_connections_account",
    connections.c.stripe_account_id,
    connections.c.livemode,
    unique=True,
    sqlite_where=text(_CONNECTED),
    postgresql_where=text(_CONNECTED),
)

oauth_states = Table(
    "oauth_states",
    metadata,
    Column("digest", exact_text(), primary_key=True),
    Column("section", exact_text(), nullable=False),
    Column("livemode", SmallInteger, nullable=False),
    Column("session_digest", exact_text(), nullable=False),
    Column("made_by", exact_text(), nullable=False),
    Column("made_at", UtcMoment, nullable=False),
    Column("expires_at", UtcMoment, nullable=False),
    Column("used_at", UtcMoment),
    CheckConstraint("length(digest) = 64", name="ck_oauth_states_digest"),
)

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("id", exact_text(), primary_key=True),
    Column("account", exact_text(), nullable=False),
    Column("url", exact_text(), nullable=False),
    Column("secret_sealed", exact_text(), nullable=False),
    Column("state", exact_text(), nullable=False),
    Column("made_at", UtcMoment, nullable=False),
    Column("made_by", exact_text(), nullable=False),
    Column("delivered_at", UtcMoment),
    Column("until", UtcMoment),
    CheckConstraint(_ENDPOINT_STATES, name="ck_webhook_endpoints_state"),
    CheckConstraint("secret_sealed <> ''", name="ck_webhook_endpoints_secret"),
)

account_profiles = Table(
    "account_profiles",
    metadata,
    Column("account", exact_text(), primary_key=True),
    Column("pinned_id", exact_text(), nullable=False),
    Column("stripe_account_id", exact_text(), nullable=False),
    Column("name", Prose, nullable=False),
    Column("country", exact_text(), nullable=False),
    Column("currency", exact_text(), nullable=False),
    Column("charges_enabled", SmallInteger, nullable=False),
    Column("missing", Prose, nullable=False),
    Column("trouble", Prose, nullable=False),
    Column("checked_at", UtcMoment, nullable=False),
    CheckConstraint("charges_enabled IN (0, 1)", name="ck_account_profiles_enabled"),
)
