"""The tables, and the promises that the database itself repeats as CHECKs and unique indexes.

A state is checked against its enum, so a new state needs a migration; kinds and routes are open,
because they grow with each business process and nothing is decided by them here.
`tests/integration/test_store_migrations.py` proves that the migrations make exactly these tables.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    UniqueConstraint,
    text,
)

from splynx_stripe.domain.attempt import LIVE_STATES, AttemptState, NewsKind
from splynx_stripe.domain.collection import LIVE_COLLECTION_STATES, CollectionState
from splynx_stripe.domain.effect import EffectState
from splynx_stripe.domain.inbox import InboxSource, InboxState
from splynx_stripe.store.columns import Prose, StringMap, UtcMoment, exact_text, row_number


def one_of(column: str, members: Iterable[StrEnum]) -> str:
    """Writes a condition with literals: an index's WHERE must not have parameters."""
    words = ", ".join(f"'{member}'" for member in sorted(members))
    return f"{column} IN ({words})"


COLLECTION_IS_LIVE = one_of("state", LIVE_COLLECTION_STATES)
ATTEMPT_IS_LIVE = one_of("state", LIVE_STATES)
HAS_ORIGIN = "origin <> ''"
CASE_IS_OPEN = "closed_at IS NULL"
EFFECT_IS_PENDING = f"state = '{EffectState.PENDING}'"
EVENT_IS_RECEIVED = f"state = '{InboxState.RECEIVED}'"

_THREE_CAPITALS = (
    "length(currency) = 3 AND "
    "substr(currency, 1, 1) BETWEEN 'A' AND 'Z' AND "
    "substr(currency, 2, 1) BETWEEN 'A' AND 'Z' AND "
    "substr(currency, 3, 1) BETWEEN 'A' AND 'Z'"
)
_STATES_WITHOUT_INTENT = (
    AttemptState.PREPARED,
    AttemptState.UNKNOWN,
    AttemptState.REFUSED,
    AttemptState.ABSENT,
)

metadata = MetaData()

installation = Table(
    "installation",
    metadata,
    Column("singleton", SmallInteger, primary_key=True, autoincrement=False),
    Column("id", exact_text(), nullable=False),
    Column("signing_key", exact_text(), nullable=False),
    Column("created_at", UtcMoment, nullable=False),
    CheckConstraint("singleton = 1", name="ck_installation_only_one"),
    CheckConstraint("length(signing_key) = 64", name="ck_installation_signing_key"),
)

collections = Table(
    "collections",
    metadata,
    Column("id", exact_text(), primary_key=True),
    Column("payable_key", exact_text(), nullable=False),
    Column("partner_id", BigInteger, nullable=False),
    Column("splynx_customer_id", BigInteger, nullable=False),
    Column("kind", exact_text(), nullable=False),
    Column("document_id", BigInteger, nullable=False),
    Column("document_number", exact_text(), nullable=False),
    Column("currency", exact_text(), nullable=False),
    Column("route", exact_text(), nullable=False),
    Column("state", exact_text(), nullable=False),
    Column("opened_at", UtcMoment, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("set_amount_minor", BigInteger, nullable=False),
    Column("whole_id", exact_text(), nullable=False),
    Column("part", BigInteger, nullable=False),
    Column("splynx_payment_id", BigInteger, nullable=False),
    Column("origin", exact_text(), nullable=False),
    CheckConstraint(one_of("state", CollectionState), name="ck_collections_state"),
    CheckConstraint(_THREE_CAPITALS, name="ck_collections_currency"),
    CheckConstraint("version >= 0", name="ck_collections_version"),
    CheckConstraint("payable_key <> '' AND kind <> ''", name="ck_collections_payable"),
)
Index(
    "uq_collections_lease",
    collections.c.payable_key,
    unique=True,
    sqlite_where=text(COLLECTION_IS_LIVE),
    postgresql_where=text(COLLECTION_IS_LIVE),
)
Index("ix_collections_customer", collections.c.splynx_customer_id, collections.c.id)
Index(
    "ix_collections_live_customer",
    collections.c.splynx_customer_id,
    collections.c.id,
    sqlite_where=text(COLLECTION_IS_LIVE),
    postgresql_where=text(COLLECTION_IS_LIVE),
)
Index(
    "ix_collections_origin",
    collections.c.origin,
    collections.c.id,
    sqlite_where=text(HAS_ORIGIN),
    postgresql_where=text(HAS_ORIGIN),
)
Index(
    "ix_collections_whole",
    collections.c.whole_id,
    collections.c.part,
    sqlite_where=text("whole_id <> ''"),
    postgresql_where=text("whole_id <> ''"),
)
Index("ix_collections_payable", collections.c.payable_key, collections.c.opened_at)
Index(
    "ix_collections_open",
    collections.c.opened_at,
    sqlite_where=text(f"state = '{CollectionState.OPEN}'"),
    postgresql_where=text(f"state = '{CollectionState.OPEN}'"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", exact_text(), primary_key=True),
    Column("collection_id", exact_text(), nullable=False),
    Column("account", exact_text(), nullable=False),
    Column("stripe_customer_id", exact_text(), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", exact_text(), nullable=False),
    Column("description", exact_text(), nullable=False),
    Column("metadata", StringMap, nullable=False),
    Column("prepared_at", UtcMoment, nullable=False),
    Column("next_look_at", UtcMoment),
    Column("state", exact_text(), nullable=False),
    Column("intent_id", exact_text(), nullable=False),
    Column("charge_id", exact_text(), nullable=False),
    Column("seen_as_of", UtcMoment),
    Column("seen_kind", exact_text()),
    Column("failure_code", exact_text()),
    Column("failure_decline_code", exact_text()),
    Column("failure_message", Prose),
    Column("splynx_payment_id", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("kinds", exact_text(), nullable=False),
    Column("saves_method", SmallInteger, nullable=False),
    Column("payment_method_id", exact_text(), nullable=False),
    Column("method_kind", exact_text(), nullable=False),
    Column("off_session", SmallInteger, nullable=False),
    Column("credential_id", exact_text(), nullable=False),
    Column("charged_method_id", exact_text(), nullable=False),
    Column("mandate_id", exact_text(), nullable=False),
    ForeignKeyConstraint(["collection_id"], ["collections.id"], name="fk_attempts_collection"),
    CheckConstraint(one_of("state", AttemptState), name="ck_attempts_state"),
    CheckConstraint(one_of("seen_kind", NewsKind), name="ck_attempts_seen_kind"),
    CheckConstraint("(seen_as_of IS NULL) = (seen_kind IS NULL)", name="ck_attempts_seen"),
    CheckConstraint("amount_minor > 0", name="ck_attempts_amount"),
    CheckConstraint(_THREE_CAPITALS, name="ck_attempts_currency"),
    CheckConstraint("version >= 0", name="ck_attempts_version"),
    CheckConstraint(
        f"intent_id <> '' OR {one_of('state', _STATES_WITHOUT_INTENT)}",
        name="ck_attempts_intent",
    ),
    CheckConstraint(
        f"splynx_payment_id = 0 OR (splynx_payment_id > 0 AND state = '{AttemptState.SUCCEEDED}')",
        name="ck_attempts_booked",
    ),
    CheckConstraint(
        "(off_session = 0 AND charged_method_id = '') OR (off_session = 1 AND charged_method_id <> '')",
        name="ck_attempts_off_session",
    ),
)
Index(
    "uq_attempts_live",
    attempts.c.collection_id,
    unique=True,
    sqlite_where=text(ATTEMPT_IS_LIVE),
    postgresql_where=text(ATTEMPT_IS_LIVE),
)
Index(
    "uq_attempts_intent",
    attempts.c.account,
    attempts.c.intent_id,
    unique=True,
    sqlite_where=text("intent_id <> ''"),
    postgresql_where=text("intent_id <> ''"),
)
Index("ix_attempts_collection", attempts.c.collection_id, attempts.c.prepared_at)
Index(
    "ix_attempts_look",
    attempts.c.next_look_at,
    sqlite_where=text("next_look_at IS NOT NULL"),
    postgresql_where=text("next_look_at IS NOT NULL"),
)

effects = Table(
    "effects",
    metadata,
    Column("id", row_number(), primary_key=True),
    Column("kind", exact_text(), nullable=False),
    Column("key", exact_text(), nullable=False),
    Column("attempt_id", exact_text(), nullable=False),
    Column("state", exact_text(), nullable=False),
    Column("tries", BigInteger, nullable=False),
    Column("next_at", UtcMoment, nullable=False),
    Column("deadline_at", UtcMoment, nullable=False),
    Column("claim", BigInteger, nullable=False),
    Column("claimed_until", UtcMoment),
    Column("posting_at", UtcMoment),
    Column("last_error", Prose, nullable=False),
    Column("collection_id", exact_text(), nullable=False),
    ForeignKeyConstraint(["attempt_id"], ["attempts.id"], name="fk_effects_attempt"),
    UniqueConstraint("key", name="uq_effects_key"),
    CheckConstraint(one_of("state", EffectState), name="ck_effects_state"),
    CheckConstraint("key <> '' AND kind <> ''", name="ck_effects_key"),
    CheckConstraint("tries >= 0 AND claim >= 0", name="ck_effects_counts"),
    CheckConstraint("claimed_until IS NULL OR claim > 0", name="ck_effects_claim"),
    CheckConstraint("posting_at IS NULL OR claim > 0", name="ck_effects_posting"),
)
Index(
    "ix_effects_due",
    effects.c.next_at,
    effects.c.id,
    sqlite_where=text(EFFECT_IS_PENDING),
    postgresql_where=text(EFFECT_IS_PENDING),
)
Index(
    "ix_effects_kind",
    effects.c.kind,
    sqlite_where=text(EFFECT_IS_PENDING),
    postgresql_where=text(EFFECT_IS_PENDING),
)
Index("ix_effects_attempt", effects.c.attempt_id)

inbox = Table(
    "inbox",
    metadata,
    Column("id", row_number(), primary_key=True),
    Column("account", exact_text(), nullable=False),
    Column("event_id", exact_text(), nullable=False),
    Column("type", exact_text(), nullable=False),
    Column("created", UtcMoment, nullable=False),
    Column("received_at", UtcMoment, nullable=False),
    Column("source", exact_text(), nullable=False),
    Column("state", exact_text(), nullable=False),
    Column("tries", BigInteger, nullable=False),
    Column("next_at", UtcMoment, nullable=False),
    Column("claim", BigInteger, nullable=False),
    Column("claimed_until", UtcMoment),
    Column("note", Prose, nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("account", "event_id", name="uq_inbox_event"),
    CheckConstraint(one_of("state", InboxState), name="ck_inbox_state"),
    CheckConstraint(one_of("source", InboxSource), name="ck_inbox_source"),
    CheckConstraint("event_id <> ''", name="ck_inbox_event_id"),
    CheckConstraint("tries >= 0 AND claim >= 0", name="ck_inbox_counts"),
    CheckConstraint(
        f"claimed_until IS NULL OR (claim > 0 AND {EVENT_IS_RECEIVED})", name="ck_inbox_claim"
    ),
)
Index(
    "ix_inbox_received",
    inbox.c.received_at,
    inbox.c.id,
    sqlite_where=text(EVENT_IS_RECEIVED),
    postgresql_where=text(EVENT_IS_RECEIVED),
)
Index("ix_inbox_newest", inbox.c.account, inbox.c.source, inbox.c.received_at)

poll_cursors = Table(
    "poll_cursors",
    metadata,
    Column("account", exact_text(), primary_key=True),
    Column("read_up_to", UtcMoment, nullable=False),
)

cases = Table(
    "cases",
    metadata,
    Column("id", row_number(), primary_key=True),
    Column("kind", exact_text(), nullable=False),
    Column("subject", exact_text(), nullable=False),
    Column("summary", Prose, nullable=False),
    Column("opened_at", UtcMoment, nullable=False),
    Column("collection_id", exact_text(), nullable=False),
    Column("closed_at", UtcMoment),
    Column("note", Prose, nullable=False),
    CheckConstraint("kind <> '' AND subject <> ''", name="ck_cases_subject"),
)
Index(
    "uq_cases_open",
    cases.c.kind,
    cases.c.subject,
    unique=True,
    sqlite_where=text(CASE_IS_OPEN),
    postgresql_where=text(CASE_IS_OPEN),
)
Index("ix_cases_opened", cases.c.opened_at)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", row_number(), primary_key=True),
    Column("at", UtcMoment, nullable=False),
    Column("event", exact_text(), nullable=False),
    Column("actor", exact_text(), nullable=False),
    Column("collection_id", exact_text(), nullable=False),
    Column("attempt_id", exact_text(), nullable=False),
    Column("facts", StringMap, nullable=False),
    CheckConstraint("event <> '' AND actor <> ''", name="ck_audit_log_who_what"),
)
Index("ix_audit_log_collection", audit_log.c.collection_id, audit_log.c.id)

stripe_customers = Table(
    "stripe_customers",
    metadata,
    Column("account", exact_text(), primary_key=True),
    Column("splynx_customer_id", BigInteger, primary_key=True, autoincrement=False),
    Column("stripe_customer_id", exact_text(), nullable=False),
    CheckConstraint("stripe_customer_id <> ''", name="ck_stripe_customers_id"),
)

nonces = Table(
    "nonces",
    metadata,
    Column("key", exact_text(), primary_key=True),
    Column("high_water", BigInteger, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("name", exact_text(), primary_key=True),
    Column("holder", exact_text(), nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("held_until", UtcMoment, nullable=False),
    CheckConstraint("name <> ''", name="ck_leases_name"),
    CheckConstraint("token >= 1", name="ck_leases_token"),
)
