"""The rules of auto charge: those of the files and those of the page, and how the latter change.

A rule of the page is changed whole, on the version that was seen, with who did it. The commit that
changes when a rule acts also says from when on it does: moments that have passed do not come back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.charge_rule import ChargeRule, RuleError, RuleWatch, watched_calendar
from splynx_stripe.domain.charge_rule_day import RuleDay
from splynx_stripe.domain.charge_selection import selection_text
from splynx_stripe.domain.errors import StaleWriteError
from splynx_stripe.flows.charge_rule_ports import RuleSettings
from splynx_stripe.flows.ports import Store, Unit
from splynx_stripe.flows.safe_stop import unattended_stop
from splynx_stripe.kit.clock import Clock
from splynx_stripe.kit.ids import IdSource
from splynx_stripe.kit.sentence import sentence

MOST_RULES = 100
"""Rules of the page: as many as a person can keep apart, and few enough to look at each minute."""

_AHEAD = timedelta(days=63)
"""A rule for a day of the month acts at least once in this time."""


@dataclass(frozen=True, slots=True)
class RuleStanding:
    """A rule with the time zone it acts by, and its next day and moment (None: it is not enabled)."""

    rule: ChargeRule
    zone: ZoneInfo
    next_day: date | None = None
    next_moment: datetime | None = None


@dataclass(frozen=True, slots=True)
class Editor:
    """Who changes rules, and the only partner they may see (0: all)."""

    actor: str
    partner_id: int = 0


class RuleNotFoundError(Exception):
    """There is no such rule, or it is not this administrator's to see. Nothing was changed."""


class ChargeRules:
    """The flow of looking at rules and changing them."""

    def __init__(self, store: Store, settings: RuleSettings, clock: Clock, ids: IdSource) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._ids = ids

    async def standings(self, editor: Editor) -> Sequence[RuleStanding]:
        """Lists the rules that somebody may see: those of the files first."""
        rules = await self._store.read(lambda unit: rules_in_force(unit, self._settings))
        return [self._standing(rule) for rule in rules if rule.may_be_seen_by(editor.partner_id)]

    async def standing(self, rule_id: str, editor: Editor) -> RuleStanding:
        """Shows one rule.

        Raises:
            RuleNotFoundError: there is none that they may see.
        """
        for standing in await self.standings(editor):
            if standing.rule.id == rule_id:
                return standing
        raise RuleNotFoundError(rule_id)

    async def is_stopped(self) -> bool:
        """Says whether no rule acts, because a person or a case has stopped unattended charging."""
        return bool(await self._store.read(unattended_stop))

    async def days(self, editor: Editor, *, limit: int) -> Sequence[RuleDay]:
        """Lists what became of rules on their days, newest first."""
        return await self._store.read(
            lambda unit: unit.newest_rule_days(partner_id=editor.partner_id, limit=limit)
        )

    async def save(self, rule: ChargeRule, editor: Editor) -> ChargeRule:
        """Adds a rule (its `id` is ""), or changes one whose `version` is the one that was seen.

        Raises:
            RuleNotFoundError: it is not there any more, or not theirs.
            RuleError: it is set in a file, there are too many, or another has its name.
            StaleWriteError: somebody else has changed it meanwhile. Nothing was changed.
        """
        if not rule.may_be_seen_by(editor.partner_id):
            raise RuleNotFoundError(rule.id)

        def work(unit: Unit) -> ChargeRule:
            now = self._clock.now()
            before = self._of_the_page(unit, rule.id, editor) if rule.id else None
            if before is not None and before.version != rule.version:
                raise StaleWriteError(f"The rule {rule.id} has changed. Nothing was changed now.")
            self._require_room(unit, rule)
            saved = replace(
                rule,
                id=rule.id or self._ids.new("rul", now),
                version=rule.version + 1,
                changed_at=now,
                changed_by=editor.actor,
            )
            self._write(unit, before, saved)
            return saved

        return await self._store.run(work)

    async def set_enabled(self, rule_id: str, editor: Editor, *, is_enabled: bool) -> ChargeRule:
        """Switches a rule on or off; the same again changes nothing.

        Raises:
            RuleNotFoundError: there is none that they may see.
            RuleError: it is set in a file.
        """

        def work(unit: Unit) -> ChargeRule:
            before = self._of_the_page(unit, rule_id, editor)
            if before.is_enabled is is_enabled:
                return before
            saved = replace(
                before,
                is_enabled=is_enabled,
                version=before.version + 1,
                changed_at=self._clock.now(),
                changed_by=editor.actor,
            )
            self._write(unit, before, saved)
            return saved

        return await self._store.run(work)

    async def delete(self, rule_id: str, editor: Editor) -> None:
        """Deletes a rule of the page. What it has done stays in the history.

        Raises:
            RuleNotFoundError: there is none that they may see.
            RuleError: it is set in a file.
        """

        def work(unit: Unit) -> None:
            rule = self._of_the_page(unit, rule_id, editor)
            unit.delete_charge_rule(rule)
            unit.unwatch_rule(rule_id)
            _record(unit, "rule.deleted", rule, self._clock.now(), editor.actor)

        await self._store.run(work)

    def _of_the_page(self, unit: Unit, rule_id: str, editor: Editor) -> ChargeRule:
        for locked in self._settings.charge_rules():
            if locked.id == rule_id and locked.may_be_seen_by(editor.partner_id):
                raise RuleError(
                    sentence(
                        "The rule “%(name)s” is set in %(place)s; change it there. Nothing was"
                        " changed.",
                        name=locked.name,
                        place=locked.place,
                    )
                )
        rule = unit.charge_rule(rule_id)
        if rule is None or not rule.may_be_seen_by(editor.partner_id):
            raise RuleNotFoundError(rule_id)
        return rule

    def _require_room(self, unit: Unit, rule: ChargeRule) -> None:
        others = [one for one in rules_in_force(unit, self._settings) if one.id != rule.id]
        if any(one.name == rule.name for one in others):
            raise RuleError(
                sentence(
                    "There is a rule “%(name)s” already. Give this one another name.",
                    name=rule.name,
                )
            )
        if not rule.id and len(others) >= MOST_RULES:
            raise RuleError(
                sentence(
                    "There are %(most)s rules already. Delete one first.", most=str(MOST_RULES)
                )
            )

    def _write(self, unit: Unit, before: ChargeRule | None, after: ChargeRule) -> None:
        if before is None:
            unit.add_charge_rule(after)
        else:
            unit.save_charge_rule(after)
        now = self._clock.now()
        watch_from_now(unit, after, self._zone(after), now)
        if before is None or not _is_only_switched(before, after):
            _record(unit, "rule.saved", after, now, after.changed_by)
        elif after.is_enabled:
            _record(unit, "rule.enabled", after, now, after.changed_by)
        else:
            _record(unit, "rule.disabled", after, now, after.changed_by)

    def _standing(self, rule: ChargeRule) -> RuleStanding:
        zone = self._zone(rule)
        if not rule.is_enabled:
            return RuleStanding(rule, zone)
        now = self._clock.now()
        coming = rule.days_between(now, now + _AHEAD, zone)
        next_day, next_moment = next(coming, (None, None))
        return RuleStanding(rule, zone, next_day, next_moment)

    def _zone(self, rule: ChargeRule) -> ZoneInfo:
        return self._settings.timezone_of_partners(rule.selection.partner_ids)


def rules_in_force(unit: Unit, settings: RuleSettings) -> Sequence[ChargeRule]:
    """Gives all rules, those of the files first. A name that a file uses too is still another rule."""
    return [*settings.charge_rules(), *unit.charge_rules()]


def watch_from_now(unit: Unit, rule: ChargeRule, zone: ZoneInfo, now: datetime) -> None:
    """Sees to it that a rule acts from now on, where its calendar is new or has changed.

    A rule never waits for longer than that: what a clock that ran ahead has written is put right.
    """
    known = unit.rule_watches().get(rule.id)
    if not rule.is_enabled:
        if known is not None:
            unit.unwatch_rule(rule.id)
        return
    calendar = watched_calendar(rule, zone)
    if known is None or known.calendar != calendar or known.acts_from > now:
        unit.watch_rule(RuleWatch(rule.id, calendar, now))


def _is_only_switched(before: ChargeRule, after: ChargeRule) -> bool:
    """Says whether a change switches a rule on or off, and is nothing else."""
    switched = replace(
        before,
        is_enabled=not before.is_enabled,
        version=after.version,
        changed_at=after.changed_at,
        changed_by=after.changed_by,
    )
    return switched == after


def _record(unit: Unit, event: str, rule: ChargeRule, now: datetime, actor: str) -> None:
    facts = {"rule": rule.id, "rule_name": rule.name, **_partner(rule)}
    if event == "rule.saved":
        facts |= {
            "calendar": rule.calendar.text,
            "selection": selection_text(rule.selection),
            "enabled": "yes" if rule.is_enabled else "no",
            "dry_run": "yes" if rule.is_dry_run else "no",
            "missed": f"{rule.missed}/{rule.late_hours}",
        }
    unit.record(AuditEntry(now, event, actor, facts=facts))


def _partner(rule: ChargeRule) -> dict[str, str]:
    """Names the only partner of a rule: whose administrators may read the entry."""
    partners = rule.selection.partner_ids
    return {"partner": str(partners[0])} if len(partners) == 1 else {}
