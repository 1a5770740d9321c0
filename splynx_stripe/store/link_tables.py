"""The tables of signed payment links and of the keys with which programs make them."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Table, UniqueConstraint

from splynx_stripe.domain.link import LinkScope
from splynx_stripe.store.columns import Prose, UtcMoment, exact_text
from splynx_stripe.store.tables import metadata

_SCOPES = ", ".join(f"'{scope}'" for scope in sorted(LinkScope))
_OF_CUSTOMERS = ", ".join(f"'{scope}'" for scope in sorted(LinkScope) if scope.is_of_customer)

payment_links = Table(
    "payment_links",
    metadata,
    Column("id", exact_text(), primary_key=True),
    Column("digest", exact_text(), nullable=False),
    Column("scope", exact_text(), nullable=False),
    Column("partner_id", BigInteger, nullable=False),
    Column("splynx_customer_id", BigInteger, nullable=False),
    Column("document_id", BigInteger, nullable=False),
    Column("document_number", exact_text(), nullable=False),
    Column("made_at", UtcMoment, nullable=False),
    Column("made_by", exact_text(), nullable=False),
    Column("expires_at", UtcMoment, nullable=False),
    Column("revoked_at", UtcMoment),
    Column("uses", BigInteger, nullable=False),
    Column("last_used_at", UtcMoment),
    Column("used_up_at", UtcMoment),
    UniqueConstraint("digest", name="uq_payment_links_digest"),
    CheckConstraint(f"scope IN ({_SCOPES})", name="ck_payment_links_scope"),
    CheckConstraint(
        f"(document_id = 0) = (scope IN ({_OF_CUSTOMERS}))", name="ck_payment_links_document"
    ),
    CheckConstraint("used_up_at IS NULL OR scope = 'credential'", name="ck_payment_links_used_up"),
    CheckConstraint("length(digest) = 64 AND made_by <> ''", name="ck_payment_links_digest"),
    CheckConstraint("uses >= 0", name="ck_payment_links_uses"),
)
Index("ix_payment_links_customer", payment_links.c.splynx_customer_id)

link_keys = Table(
    "link_keys",
    metadata,
    Column("id", exact_text(), primary_key=True),
    Column("digest", exact_text(), nullable=False),
    Column("name", Prose, nullable=False),
    Column("partner_id", BigInteger, nullable=False),
    Column("made_at", UtcMoment, nullable=False),
    Column("made_by", exact_text(), nullable=False),
    Column("revoked_at", UtcMoment),
    Column("last_used_at", UtcMoment),
    UniqueConstraint("digest", name="uq_link_keys_digest"),
    CheckConstraint("length(digest) = 64 AND made_by <> ''", name="ck_link_keys_digest"),
)
