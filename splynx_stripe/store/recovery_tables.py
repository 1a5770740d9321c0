"""The tables of failed payments: who retries a debt, what has failed so far, what people were told."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Table,
    UniqueConstraint,
    text,
)

from splynx_stripe.domain.decline import Treatment
from splynx_stripe.domain.notice import Channel, NoticeState
from splynx_stripe.domain.recovery import LIVE_RECOVERY_STATES, RecoveryState
from splynx_stripe.store.columns import Prose, StringMap, UtcMoment, exact_text
from splynx_stripe.store.tables import metadata, one_of

RECOVERY_IS_LIVE = one_of("state", LIVE_RECOVERY_STATES)
NOTICE_IS_WAITING = f"state = '{NoticeState.WAITING}'"
NOTICE_IS_SENDING = f"state = '{NoticeState.SENDING}'"

recoveries = Table(
    "recoveries",
    metadata,
    Column("id", exact_text(), primary_key=True),
    Column("payable_key", exact_text(), nullable=False),
    Column("partner_id", BigInteger, nullable=False),
    Column("splynx_customer_id", BigInteger, nullable=False),
    Column("kind", exact_text(), nullable=False),
    Column("document_id", BigInteger, nullable=False),
    Column("document_number", exact_text(), nullable=False),
    Column("currency", exact_text(), nullable=False),
    Column("set_amount_minor", BigInteger, nullable=False),
    Column("account", exact_text(), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("state", exact_text(), nullable=False),
    Column("reason", exact_text(), nullable=False),
    Column("treatment", exact_text(), nullable=False),
    Column("opened_at", UtcMoment, nullable=False),
    Column("failed_at", UtcMoment, nullable=False),
    Column("changed_at", UtcMoment, nullable=False),
    Column("next_at", UtcMoment),
    Column("first_attempt_id", exact_text(), nullable=False),
    Column("attempt_id", exact_text(), nullable=False),
    Column("collection_id", exact_text(), nullable=False),
    Column("try_collection_id", exact_text(), nullable=False),
    Column("credential_id", exact_text(), nullable=False),
    Column("failure_code", exact_text(), nullable=False),
    Column("failure_decline_code", exact_text(), nullable=False),
    Column("failure_message", Prose, nullable=False),
    Column("step", BigInteger, nullable=False),
    Column("tries", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    ForeignKeyConstraint(["collection_id"], ["collections.id"], name="fk_recoveries_collection"),
    UniqueConstraint("payable_key", name="uq_recoveries_payable"),
    CheckConstraint(one_of("state", RecoveryState), name="ck_recoveries_state"),
    CheckConstraint(one_of("treatment", Treatment), name="ck_recoveries_treatment"),
    CheckConstraint("amount_minor > 0", name="ck_recoveries_amount"),
    CheckConstraint(f"(next_at IS NOT NULL) = ({RECOVERY_IS_LIVE})", name="ck_recoveries_next"),
    CheckConstraint("step >= 0 AND tries >= 0 AND version >= 0", name="ck_recoveries_counts"),
)
Index(
    "ix_recoveries_due",
    recoveries.c.next_at,
    sqlite_where=text("next_at IS NOT NULL"),
    postgresql_where=text("next_at IS NOT NULL"),
)
Index("ix_recoveries_changed", recoveries.c.changed_at, recoveries.c.id)

failed_tries = Table(
    "failed_tries",
    metadata,
    Column("attempt_id", exact_text(), primary_key=True),
    Column("payable_key", exact_text(), nullable=False),
    Column("method_id", exact_text(), nullable=False),
    Column("kind", exact_text(), nullable=False),
    Column("failed_at", UtcMoment, nullable=False),
    Column("treatment", exact_text(), nullable=False),
    ForeignKeyConstraint(["attempt_id"], ["attempts.id"], name="fk_failed_tries_attempt"),
    CheckConstraint(one_of("treatment", Treatment), name="ck_failed_tries_treatment"),
)
Index("ix_failed_tries_payable", failed_tries.c.payable_key, failed_tries.c.failed_at)

notices = Table(
    "notices",
    metadata,
    Column("id", exact_text(), primary_key=True),
    Column("key", exact_text(), nullable=False),
    Column("channel", exact_text(), nullable=False),
    Column("kind", exact_text(), nullable=False),
    Column("partner_id", BigInteger, nullable=False),
    Column("splynx_customer_id", BigInteger, nullable=False),
    Column("payable_key", exact_text(), nullable=False),
    Column("collection_id", exact_text(), nullable=False),
    Column("facts", StringMap, nullable=False),
    Column("made_at", UtcMoment, nullable=False),
    Column("due_at", UtcMoment, nullable=False),
    Column("state", exact_text(), nullable=False),
    Column("tries", BigInteger, nullable=False),
    Column("note", Prose, nullable=False),
    Column("changed_at", UtcMoment),
    Column("version", BigInteger, nullable=False),
    UniqueConstraint("key", "channel", name="uq_notices_key"),
    CheckConstraint(one_of("state", NoticeState), name="ck_notices_state"),
    CheckConstraint(one_of("channel", Channel), name="ck_notices_channel"),
    CheckConstraint("key <> '' AND kind <> ''", name="ck_notices_key"),
    CheckConstraint("tries >= 0 AND version >= 0", name="ck_notices_counts"),
)
Index(
    "ix_notices_due",
    notices.c.due_at,
    notices.c.id,
    sqlite_where=text(NOTICE_IS_WAITING),
    postgresql_where=text(NOTICE_IS_WAITING),
)
Index(
    "ix_notices_sending",
    notices.c.changed_at,
    sqlite_where=text(NOTICE_IS_SENDING),
    postgresql_where=text(NOTICE_IS_SENDING),
)
Index(
    "ix_notices_payable",
    notices.c.payable_key,
    notices.c.id,
    sqlite_where=text("payable_key <> ''"),
    postgresql_where=text("payable_key <> ''"),
)
