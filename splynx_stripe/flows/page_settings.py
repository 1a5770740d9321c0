"""What administrators set on the settings page: which settings are in force, and how they change.

A change is checked as a whole with everything else that is set, saved with who made it, and taken
up by all daemons (`settings_version`). Two administrators who change the same setting do not
overwrite each other: the later one is shown what the earlier one did.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from pydantic import JsonValue

from splynx_stripe.config import Settings, read_page_values, with_page_values
from splynx_stripe.config.page_layer import checked_page_values
from splynx_stripe.config.page_values import PAGE_KEYS
from splynx_stripe.config.problems import Problem
from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.page_setting import (
    SECRET_PAGE_KEYS,
    PageSetting,
    PageSettingChange,
    sealing_place,
)
from splynx_stripe.flows.authentication import KEY as AUTHENTICATION_TYPE
from splynx_stripe.flows.connected_accounts import with_connections
from splynx_stripe.flows.ports import Store, Unit
from splynx_stripe.kit.clock import Clock
from splynx_stripe.kit.sealing import NO_KEY, Sealer
from splynx_stripe.kit.secret import Secret
from splynx_stripe.kit.sentence import joined, sentence

HISTORY_SHOWN = 50
"""Changes that the page shows; all of them are kept."""

_CHANGED = "***"

Changes = Mapping[str, JsonValue | Secret]
"""New values by key; None takes a value back, so that it is inherited."""


@dataclass(frozen=True, slots=True)
class SectionStanding:
    """What the page shows of a section. `rows` are its own settings by key, `settings` all in force.

    `version` is the number of the last change that is seen here.
    """

    settings: Settings
    rows: Mapping[str, PageSetting]
    version: int
    history: Sequence[PageSettingChange]
    can_seal: bool


@dataclass(frozen=True, slots=True)
class SaveResult:
    """What became of a change: saved whole, or nothing of it.

    `wrong` says per key what is the matter. `overtaken` are settings that somebody else has
    changed after the page was shown.
    """

    saved: tuple[str, ...] = ()
    wrong: Mapping[str, str] = field(default_factory=dict)
    overtaken: tuple[PageSetting, ...] = ()


class _NothingSavedError(Exception):
    """The change is refused; the unit is undone and the page says why."""

    def __init__(self, result: SaveResult) -> None:
        super().__init__("nothing was saved")
        self.result = result


@dataclass(frozen=True, slots=True)
class PageSettings:
    """The flow. `written` is what the files say; `changed` is called after a commit."""

    store: Store
    written: Settings
    sealer: Sealer
    clock: Clock
    changed: Callable[[], None]

    async def standing(self, section: str) -> SectionStanding:
        """Tells what is set for a section and what is in force."""

        def work(unit: Unit) -> SectionStanding:
            rows = unit.page_settings()
            settings = with_page_values(self.written, read_page_values(rows, self.sealer))
            return SectionStanding(
                settings=with_connections(unit, settings, self.sealer),
                rows={row.key: row for row in rows if row.section == section},
                version=unit.settings_version(),
                history=unit.page_setting_changes(section, limit=HISTORY_SHOWN),
                can_seal=self.sealer.has_key,
            )

        return await self.store.read(work)

    async def wrong_with(self, section: str, changes: Changes) -> Mapping[str, str]:
        """Says per key what would be wrong with a change; nothing is saved."""
        return await self.store.read(lambda unit: self._judge_all(unit, section, changes))

    async def with_changes(self, section: str, changes: Changes) -> Settings:
        """Gives the settings that would be in force with a change, to try them out."""

        def work(unit: Unit) -> Settings:
            settings, _ = self._candidate(unit.page_settings(), section, changes)
            return with_connections(unit, settings, self.sealer)

        return await self.store.read(work)

    async def save(self, section: str, changes: Changes, *, seen: int, actor: str) -> SaveResult:
        """Saves a change whole or not at all.

        Args:
            section: "default" or a partner's number.
            changes: New values by key. What is as it was does not count as changed.
            seen: The `version` of the page that the change was made on.
            actor: Who makes it, for the audit log.
        """

        def work(unit: Unit) -> SaveResult:
            # First of all: it lets one change after the other through.
            version = unit.raise_settings_version()
            rows = unit.page_settings()
            real = self._real_changes(rows, section, changes)
            self._refuse_if_needed(unit, section, real, seen)
            now = self.clock.now()
            for key, value in real.items():
                setting = self._setting(section, key, value, version=version, now=now, actor=actor)
                _save(unit, _find(rows, section, key), setting)
            return SaveResult(saved=tuple(real))

        try:
            result = await self.store.run(work)
        except _NothingSavedError as refused:
            return refused.result
        self.changed()
        return result

    def _refuse_if_needed(self, unit: Unit, section: str, changes: Changes, seen: int) -> None:
        rows = unit.page_settings()
        found = [_find(rows, section, key) for key in changes]
        overtaken = tuple(row for row in found if row is not None and row.version > seen)
        wrong = {} if overtaken else self._judge_all(unit, section, changes)
        if overtaken or wrong or not changes:
            raise _NothingSavedError(SaveResult(wrong=wrong, overtaken=overtaken))

    def _judge_all(self, unit: Unit, section: str, changes: Changes) -> Mapping[str, str]:
        rows = unit.page_settings()
        return self._judge(rows, section, changes) or self._still_needed(unit, section, changes)

    def _still_needed(self, unit: Unit, section: str, changes: Changes) -> Mapping[str, str]:
        """Keeps the keys of an account with which payments are under way: we must ask about them."""
        rows = unit.page_settings()
        before, after = (
            with_connections(unit, self._candidate(rows, section, each)[0], self.sealer).accounts()
            for each in ({}, changes)
        )
        for account in before:
            count = unit.attempts_under_way(account) if account not in after else 0
            if count:
                key = AUTHENTICATION_TYPE if AUTHENTICATION_TYPE in changes else "publishable_key"
                return {key: _under_way(count)}
        return {}

    def _judge(
        self, rows: Sequence[PageSetting], section: str, changes: Changes
    ) -> Mapping[str, str]:
        wrong: dict[str, str] = {
            key: sentence("This is set in %(place)s; change it there.", place=place)
            for key in changes
            if (place := self.written.written_at(section, key))
        }
        wrong |= {
            key: sentence("There is no such setting.") for key in changes if key not in PAGE_KEYS
        }
        if not self.sealer.has_key:
            wrong |= {key: NO_KEY for key, value in changes.items() if isinstance(value, Secret)}
        if wrong:
            return wrong
        known = {str(one) for one in self._candidate(rows, section, {})[1]}
        for problem in self._candidate(rows, section, changes)[1]:
            _, whose, key = problem.key.split(".")
            # What was wrong before is not the fault of this change.
            if str(problem) not in known or (whose == section and key in changes):
                wrong.setdefault(key, _sentence(problem, whose if whose != section else ""))
        return wrong

    def _candidate(
        self, rows: Sequence[PageSetting], section: str, changes: Changes
    ) -> tuple[Settings, list[Problem]]:
        """Gives the settings with the changes made, and everything that is wrong with them."""
        kept = [row for row in rows if row.section != section or row.key not in changes]
        opened = read_page_values(kept, self.sealer)
        values, secrets = (
            dict(opened.values.get(section, {})),
            dict(opened.secrets.get(section, {})),
        )
        for key, value in changes.items():
            if isinstance(value, Secret):
                secrets[key] = value
            elif value is not None:
                values[key] = value
        changed = replace(
            opened,
            values={**opened.values, section: values},
            secrets={**opened.secrets, section: secrets},
        )
        return checked_page_values(self.written, changed)

    def _real_changes(self, rows: Sequence[PageSetting], section: str, changes: Changes) -> Changes:
        """Leaves out what is stored like that already. A secret that is entered is always news."""
        return {
            key: value
            for key, value in changes.items()
            if isinstance(value, Secret) or _stored(_find(rows, section, key)) != _as_json(value)
        }

    def _setting(
        self,
        section: str,
        key: str,
        value: JsonValue | Secret,
        *,
        version: int,
        now: datetime,
        actor: str,
    ) -> PageSetting:
        plain, sealed = "", ""
        if isinstance(value, Secret):
            sealed = self.sealer.seal(value.reveal(), sealing_place(section, key))
        else:
            plain = _as_json(value)
        return PageSetting(
            section=section,
            key=key,
            value=plain,
            sealed=sealed,
            version=version,
            changed_at=now,
            changed_by=actor,
        )


async def settings_in_force(
    store: Store, written: Settings, sealer: Sealer
) -> tuple[Settings, int]:
    """Gives the settings that the files and the database say together, and the change they know."""

    def work(unit: Unit) -> tuple[Settings, int]:
        version = unit.settings_version()
        values = read_page_values(unit.page_settings(), sealer)
        settings = with_page_values(written, values)
        return with_connections(unit, settings, sealer), version

    return await store.read(work)


def _under_way(count: int) -> str:
    return sentence(
        "%(count)s payments are under way with these keys, and their outcome would be lost. Wait"
        " until they are finished: cards take minutes, bank accounts days. Other keys of the same"
        " Stripe account and mode can be entered at any time.",
        count=str(count),
    )


def _sentence(problem: Problem, other_section: str) -> str:
    text = joined(problem.message, problem.fix)
    if not other_section:
        return text
    return sentence("Partner %(partner)s: %(problem)s", partner=other_section, problem=text)


def _find(rows: Sequence[PageSetting], section: str, key: str) -> PageSetting | None:
    return next((row for row in rows if (row.section, row.key) == (section, key)), None)


def _stored(row: PageSetting | None) -> str:
    """Gives what a change is compared with; a secret is like no value that could be entered."""
    return "" if row is None else row.value or row.sealed


def _as_json(value: JsonValue) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _shown(row: PageSetting | None) -> str:
    if row is None or not row.is_set:
        return ""
    return _CHANGED if row.key in SECRET_PAGE_KEYS else row.value


def _save(unit: Unit, before: PageSetting | None, after: PageSetting) -> None:
    change = PageSettingChange(
        section=after.section,
        key=after.key,
        before=_shown(before),
        after=_shown(after),
        changed_at=after.changed_at,
        changed_by=after.changed_by,
    )
    unit.save_page_setting(after)
    unit.note_page_setting_change(change)
    facts = {"section": after.section, "key": after.key}
    facts |= {"before": change.before, "after": change.after}
    unit.record(AuditEntry(after.changed_at, "settings.changed", after.changed_by, facts=facts))
