"""The settings of the settings page in the database, their history, and the count of changes."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from sqlalchemy import bindparam, func, insert, select, text
from sqlalchemy.dialects import postgresql, sqlite

from splynx_stripe.domain.page_setting import PageSetting, PageSettingChange
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.store.page_setting_tables import (
    page_setting_changes,
    page_settings,
    settings_version,
)
from splynx_stripe.store.rows import PerDialect, UnitPart
from splynx_stripe.store.tables import ATTEMPT_IS_LIVE, attempts

_s, _c, _v = page_settings.c, page_setting_changes.c, settings_version.c
_ALL = select(page_settings).order_by(_s.section, _s.key)
_HISTORY = (
    select(page_setting_changes)
    .where(_c.section == bindparam("section"))
    .order_by(_c.id.desc())
    .limit(bindparam("limit"))
)
_NOTE = insert(page_setting_changes).inline()
_UNDER_WAY = (
    select(func.count())
    .select_from(attempts)
    .where(attempts.c.account == bindparam("account"), text(ATTEMPT_IS_LIVE))
)
_VERSION = select(_v.version)


def _save() -> PerDialect:
    lite, postgres = sqlite.insert(page_settings), postgresql.insert(page_settings)
    changed = ("value", "value_sealed", "version", "changed_at", "changed_by")
    return MappingProxyType(
        {
            "sqlite": lite.on_conflict_do_update(
                index_elements=[_s.section, _s.key],
                set_={name: lite.excluded[name] for name in changed},
            ),
            "postgresql": postgres.on_conflict_do_update(
                index_elements=[_s.section, _s.key],
                set_={name: postgres.excluded[name] for name in changed},
            ),
        }
    )


def _count() -> PerDialect:
    """Makes the upsert that counts on; its row lock lets one change after the other through."""
    one_more = {"version": _v.version + 1}
    return MappingProxyType(
        {
            "sqlite": sqlite.insert(settings_version)
            .on_conflict_do_update(index_elements=[_v.singleton], set_=one_more)
            .returning(_v.version),
            "postgresql": postgresql.insert(settings_version)
            .on_conflict_do_update(index_elements=[_v.singleton], set_=one_more)
            .returning(_v.version),
        }
    )


_SAVE = _save()
_COUNT = _count()


class PageSettingRows(UnitPart):
    """The part of a unit that knows the settings page."""

    def page_settings(self) -> Sequence[PageSetting]:
        return [
            PageSetting(
                section=row["section"],
                key=row["key"],
                value=row["value"],
                sealed=row["value_sealed"],
                version=row["version"],
                changed_at=row["changed_at"],
                changed_by=row["changed_by"],
            )
            for row in self._connection.execute(_ALL).mappings()
        ]

    def save_page_setting(self, setting: PageSetting) -> None:
        values = {
            "section": setting.section,
            "key": setting.key,
            "value": setting.value,
            "value_sealed": setting.sealed,
            "version": setting.version,
            "changed_at": setting.changed_at,
            "changed_by": setting.changed_by,
        }
        self._connection.execute(_SAVE[self._dialect], values)

    def note_page_setting_change(self, change: PageSettingChange) -> None:
        values = {
            "section": change.section,
            "key": change.key,
            "value_before": change.before,
            "value_after": change.after,
            "changed_at": change.changed_at,
            "changed_by": change.changed_by,
        }
        self._connection.execute(_NOTE, values)

    def page_setting_changes(self, section: str, *, limit: int) -> Sequence[PageSettingChange]:
        rows = self._connection.execute(_HISTORY, {"section": section, "limit": limit})
        return [
            PageSettingChange(
                section=row["section"],
                key=row["key"],
                before=row["value_before"],
                after=row["value_after"],
                changed_at=row["changed_at"],
                changed_by=row["changed_by"],
            )
            for row in rows.mappings()
        ]

    def settings_version(self) -> int:
        return int(self._connection.execute(_VERSION).scalar() or 0)

    def raise_settings_version(self) -> int:
        values = {"singleton": 1, "version": 1}
        return int(self._connection.execute(_COUNT[self._dialect], values).scalar_one())

    def attempts_under_way(self, account: StripeAccount) -> int:
        return int(self._connection.execute(_UNDER_WAY, {"account": account.key}).scalar() or 0)
