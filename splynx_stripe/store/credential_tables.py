"""The tables of saved credentials: setups, credentials, what Splynx shows, what is to be detached.

They share the `metadata` of `tables.py`; the rules written there hold here too.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    SmallInteger,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.schema import SchemaItem

from splynx_stripe.domain.credential import CredentialState, DeadReason, Slot
from splynx_stripe.domain.payment_method import MandateStatus
from splynx_stripe.domain.setup import (
    UNSURE_SETUP_STATES,
    SetupNewsKind,
    SetupState,
)
from splynx_stripe.store.columns import Prose, StringMap, UtcMoment, exact_text, row_number
from splynx_stripe.store.tables import metadata, one_of

CREDENTIAL_IS_PRESENT = f"state <> '{CredentialState.REMOVED}'"
CREDENTIAL_IS_USABLE_AND_MARKED = f"state = '{CredentialState.USABLE}' AND mark <> ''"
_MAY_LACK_INTENT = UNSURE_SETUP_STATES | {SetupState.REFUSED, SetupState.FORGOTTEN}


def _owner() -> Sequence[SchemaItem]:
    return (
        Column("account", exact_text(), nullable=False),
        Column("partner_id", BigInteger, nullable=False),
        Column("splynx_customer_id", BigInteger, nullable=False),
        Column("stripe_customer_id", exact_text(), nullable=False),
    )


def _consent() -> Sequence[SchemaItem]:
    return (
        Column("consent_at", UtcMoment, nullable=False),
        Column("consent_way", exact_text(), nullable=False),
        Column("consent_actor", exact_text(), nullable=False),
        Column("consent_address", exact_text(), nullable=False),
        Column("consent_browser", Prose, nullable=False),
        Column("consent_version", exact_text(), nullable=False),
        Column("consent_wording", Prose, nullable=False),
    )


setups = Table(
    "setups",
    metadata,
    Column("id", exact_text(), primary_key=True),
    *_owner(),
    Column("kind", exact_text(), nullable=False),
    Column("currency", exact_text(), nullable=False),
    Column("description", Prose, nullable=False),
    Column("metadata", StringMap, nullable=False),
    *_consent(),
    Column("prepared_at", UtcMoment, nullable=False),
    Column("next_look_at", UtcMoment),
    Column("state", exact_text(), nullable=False),
    Column("intent_id", exact_text(), nullable=False),
    Column("payment_method_id", exact_text(), nullable=False),
    Column("microdeposits", exact_text(), nullable=False),
    Column("seen_as_of", UtcMoment),
    Column("seen_kind", exact_text()),
    Column("failure_code", exact_text()),
    Column("failure_decline_code", exact_text()),
    Column("failure_message", Prose),
    Column("version", BigInteger, nullable=False),
    CheckConstraint(one_of("state", SetupState), name="ck_setups_state"),
    CheckConstraint(one_of("seen_kind", SetupNewsKind), name="ck_setups_seen_kind"),
    CheckConstraint("(seen_as_of IS NULL) = (seen_kind IS NULL)", name="ck_setups_seen"),
    CheckConstraint("version >= 0", name="ck_setups_version"),
    CheckConstraint(
        f"intent_id <> '' OR {one_of('state', _MAY_LACK_INTENT)}", name="ck_setups_intent"
    ),
)
Index(
    "uq_setups_intent",
    setups.c.account,
    setups.c.intent_id,
    unique=True,
    sqlite_where=text("intent_id <> ''"),
    postgresql_where=text("intent_id <> ''"),
)
Index("ix_setups_customer", setups.c.account, setups.c.splynx_customer_id, setups.c.prepared_at)
Index(
    "ix_setups_look",
    setups.c.next_look_at,
    sqlite_where=text("next_look_at IS NOT NULL"),
    postgresql_where=text("next_look_at IS NOT NULL"),
)

credentials = Table(
    "credentials",
    metadata,
    Column("id", exact_text(), primary_key=True),
    *_owner(),
    Column("payment_method_id", exact_text(), nullable=False),
    Column("kind", exact_text(), nullable=False),
    Column("state", exact_text(), nullable=False),
    Column("position", BigInteger, nullable=False),
    *_consent(),
    Column("saved_at", UtcMoment, nullable=False),
    Column("card_brand", exact_text(), nullable=False),
    Column("card_last4", exact_text(), nullable=False),
    Column("card_expires_year", BigInteger, nullable=False),
    Column("card_expires_month", BigInteger, nullable=False),
    Column("bank_sealed", exact_text(), nullable=False),
    Column("mark", exact_text(), nullable=False),
    Column("mandate_id", exact_text(), nullable=False),
    Column("mandate_status", exact_text(), nullable=False),
    Column("dead_reason", exact_text(), nullable=False),
    Column("setup_id", exact_text(), nullable=False),
    Column("version", BigInteger, nullable=False),
    CheckConstraint(one_of("state", CredentialState), name="ck_credentials_state"),
    CheckConstraint(one_of("dead_reason", DeadReason), name="ck_credentials_dead_reason"),
    CheckConstraint(one_of("mandate_status", MandateStatus), name="ck_credentials_mandate"),
    CheckConstraint(
        "position >= 0 AND version >= 0 AND card_expires_month BETWEEN 0 AND 12",
        name="ck_credentials_numbers",
    ),
    CheckConstraint("payment_method_id <> ''", name="ck_credentials_payment_method"),
    # A bank account in clear would break the promise that a copy of the database shows none.
    CheckConstraint(
        "(kind = 'card' AND bank_sealed = '') OR (kind <> 'card' AND card_last4 = '' AND"
        " (bank_sealed = '' OR substr(bank_sealed, 1, 3) = 'v1:'))",
        name="ck_credentials_sealed",
    ),
    CheckConstraint(
        f"(dead_reason <> '') = (state = '{CredentialState.DEAD}')", name="ck_credentials_dead"
    ),
)
Index(
    "uq_credentials_payment_method",
    credentials.c.account,
    credentials.c.payment_method_id,
    unique=True,
    sqlite_where=text(CREDENTIAL_IS_PRESENT),
    postgresql_where=text(CREDENTIAL_IS_PRESENT),
)
Index(
    "uq_credentials_mark",
    credentials.c.account,
    credentials.c.splynx_customer_id,
    credentials.c.mark,
    unique=True,
    sqlite_where=text(CREDENTIAL_IS_USABLE_AND_MARKED),
    postgresql_where=text(CREDENTIAL_IS_USABLE_AND_MARKED),
)
Index(
    "ix_credentials_customer",
    credentials.c.account,
    credentials.c.splynx_customer_id,
    credentials.c.position,
)
Index("ix_credentials_stripe_customer", credentials.c.account, credentials.c.stripe_customer_id)
Index("ix_credentials_mandate", credentials.c.account, credentials.c.mandate_id)
Index("ix_credentials_owner", credentials.c.splynx_customer_id)

payment_account_mirrors = Table(
    "payment_account_mirrors",
    metadata,
    Column("splynx_customer_id", BigInteger, primary_key=True, autoincrement=False),
    Column("slot", exact_text(), primary_key=True),
    Column("partner_id", BigInteger, nullable=False),
    Column("due_at", UtcMoment),
    Column("written", StringMap, nullable=False),
    Column("announced", StringMap, nullable=False),
    Column("sets_payment_method", SmallInteger, nullable=False),
    Column("is_held", SmallInteger, nullable=False),
    Column("tries", BigInteger, nullable=False),
    Column("last_error", Prose, nullable=False),
    Column("claim", BigInteger, nullable=False),
    Column("claimed_until", UtcMoment),
    Column("changes", BigInteger, nullable=False),
    CheckConstraint(one_of("slot", Slot), name="ck_payment_account_mirrors_slot"),
    CheckConstraint(
        "tries >= 0 AND claim >= 0 AND changes >= 0", name="ck_payment_account_mirrors_counts"
    ),
)
Index(
    "ix_payment_account_mirrors_due",
    payment_account_mirrors.c.due_at,
    sqlite_where=text("due_at IS NOT NULL"),
    postgresql_where=text("due_at IS NOT NULL"),
)

detachments = Table(
    "detachments",
    metadata,
    Column("id", row_number(), primary_key=True),
    Column("account", exact_text(), nullable=False),
    Column("payment_method_id", exact_text(), nullable=False),
    Column("due_at", UtcMoment, nullable=False),
    Column("tries", BigInteger, nullable=False),
    UniqueConstraint("account", "payment_method_id", name="uq_detachments_payment_method"),
    CheckConstraint("tries >= 0 AND payment_method_id <> ''", name="ck_detachments_what"),
)
Index("ix_detachments_due", detachments.c.due_at, detachments.c.id)
