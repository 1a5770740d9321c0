"""The tables of the settings page: what is set, who changed it, and how often anything changed."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, SmallInteger, Table

from splynx_stripe.store.columns import Prose, UtcMoment, exact_text, row_number
from splynx_stripe.store.tables import metadata

page_settings = Table(
    "page_settings",
    metadata,
    Column("section", exact_text(), primary_key=True),
    Column("key", exact_text(), primary_key=True),
    Column("value", exact_text(), nullable=False),
    Column("value_sealed", exact_text(), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("changed_at", UtcMoment, nullable=False),
    Column("changed_by", exact_text(), nullable=False),
    CheckConstraint("section <> '' AND key <> ''", name="ck_page_settings_what"),
    CheckConstraint("value = '' OR value_sealed = ''", name="ck_page_settings_one_value"),
    CheckConstraint("version > 0 AND changed_by <> ''", name="ck_page_settings_who"),
)

page_setting_changes = Table(
    "page_setting_changes",
    metadata,
    Column("id", row_number(), primary_key=True),
    Column("section", exact_text(), nullable=False),
    Column("key", exact_text(), nullable=False),
    Column("value_before", Prose, nullable=False),
    Column("value_after", Prose, nullable=False),
    Column("changed_at", UtcMoment, nullable=False),
    Column("changed_by", exact_text(), nullable=False),
)
Index("ix_page_setting_changes", page_setting_changes.c.section, page_setting_changes.c.id)

settings_version = Table(
    "settings_version",
    metadata,
    Column("singleton", SmallInteger, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
    CheckConstraint("singleton = 1", name="ck_settings_version_only_one"),
)
