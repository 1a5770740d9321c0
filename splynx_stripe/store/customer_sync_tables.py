"""The tables of the comparison of customers: what was sent, what was seen at Stripe, how far it is."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Table, text

from splynx_stripe.domain.customer_sync import Standing
from splynx_stripe.store.columns import Prose, StringMap, UtcMoment, exact_text
from splynx_stripe.store.tables import metadata

SYNC_IS_WAITING = f"standing = '{Standing.WAITING}'"

customer_syncs = Table(
    "customer_syncs",
    metadata,
    Column("account", exact_text(), primary_key=True),
    Column("splynx_customer_id", BigInteger, primary_key=True, autoincrement=False),
    Column("stripe_customer_id", exact_text(), nullable=False),
    Column("standing", exact_text(), nullable=False),
    Column("digest", exact_text(), nullable=False),
    Column("note", Prose, nullable=False),
    Column("looked_at", UtcMoment, nullable=False),
    CheckConstraint(
        f"standing IN ({', '.join(repr(each.value) for each in Standing)})",
        name="ck_customer_syncs_standing",
    ),
)
Index(
    "ix_customer_syncs_waiting",
    customer_syncs.c.looked_at,
    sqlite_where=text(SYNC_IS_WAITING),
    postgresql_where=text(SYNC_IS_WAITING),
)

customer_sightings = Table(
    "customer_sightings",
    metadata,
    Column("account", exact_text(), primary_key=True),
    Column("stripe_customer_id", exact_text(), primary_key=True),
    Column("splynx_customer_id", BigInteger, nullable=False),
    Column("created", UtcMoment, nullable=False),
    Column("round", BigInteger, nullable=False),
)
Index(
    "ix_customer_sightings_customer",
    customer_sightings.c.account,
    customer_sightings.c.splynx_customer_id,
)

customer_sync_rounds = Table(
    "customer_sync_rounds",
    metadata,
    Column("singleton", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("phase", exact_text(), nullable=False),
    Column("cursor", exact_text(), nullable=False),
    Column("started_at", UtcMoment, nullable=False),
    Column("finished_at", UtcMoment),
    Column("counts", StringMap, nullable=False),
    Column("note", Prose, nullable=False),
    Column("version", BigInteger, nullable=False),
    CheckConstraint("singleton = 1", name="ck_customer_sync_rounds_singleton"),
    CheckConstraint("number >= 1 AND version >= 0", name="ck_customer_sync_rounds_numbers"),
)
