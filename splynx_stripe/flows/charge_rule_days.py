"""Lets the rules of auto charge act: each on each of its days once, late or not at all as it says.

Theory. Every few seconds the leader looks which moments have come since each rule acted last. A
moment becomes a run in the commit that also writes the rule's day, so that no crash and no second
daemon makes two of it. The engine plans the run; then it is confirmed like any other, under the same
guardrails. Where one objects, the run waits for a person, and the office is told.

While charging is stopped nothing begins. The moments that pass meanwhile are treated like those
that pass while no daemon runs: made up for within the rule's hours, or told to be missed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.charge_progress import RunView
from splynx_stripe.domain.charge_rule import (
    LOOKED_BACK,
    ChargeRule,
    Punctuality,
    RuleWatch,
    watched_calendar,
)
from splynx_stripe.domain.charge_rule_day import RuleDay, RuleDayState
from splynx_stripe.domain.charge_run import (
    ChargeRun,
    RunOrigin,
    RunRefusal,
    RunRefusedError,
    RunState,
    Starter,
)
from splynx_stripe.domain.charge_selection import Selection
from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
)
from splynx_stripe.flows.charge_rule_ports import RuleSettings
from splynx_stripe.flows.charge_rules import rules_in_force, watch_from_now
from splynx_stripe.flows.charge_runs import OnPlan
from splynx_stripe.flows.ports import Store, Unit
from splynx_stripe.flows.safe_stop import unattended_stop
from splynx_stripe.kit.clock import Clock
from splynx_stripe.kit.sentence import sentence

log = logging.getLogger(__name__)

TICK = timedelta(seconds=15)
"""How often the scheduler calls `tick`; so late a rule acts at most in the ordinary course."""

_JUST_AFTER = timedelta(microseconds=1)
_AT_ONCE = 50
_TROUBLES = (RejectedError, RetryableError, OutcomeUnknownError, BrokenInvariantError)

_RULE_IS_OFF = sentence(
    "The rule was switched off or changed before its run was planned. Nothing is charged."
)
_RUN_IS_GONE = sentence("The run was canceled before it was confirmed. Nothing is charged by it.")
_NEEDS_SECOND = sentence("The run needs the confirmation of a second administrator.")
_ABOUT_STOPPED = "Nothing is charged by it until somebody decides: see the page Auto charge."
_ABOUT_MISSED = (
    "No daemon ran, or charging was stopped, for longer than the rule makes up for. Nothing was charged"
    " for that day. To charge it all the same, plan a run on the page Charge."
)


class RuleRuns(Protocol):
    """Charge runs, as far as rules use them (`flows.charge_runs.ChargeRuns`)."""

    async def plan(
        self,
        selection: Selection,
        *,
        actor: str,
        origin: RunOrigin,
        dry_run: bool = False,
        on_plan: OnPlan | None = None,
    ) -> ChargeRun:
        """Begins a run, or gives the live run of the same selection; nothing is charged."""
        ...

    async def confirm(self, run_id: str, *, actor: str) -> ChargeRun:
        """Lets a planned run charge. Raises `RunRefusedError`."""
        ...

    async def run(self, run_id: str) -> RunView | None:
        """Shows a run with its numbers; None when there is none."""
        ...


class OfficeTeller(Protocol):
    """Sends the office an e-mail, in the commit of the fact (`flows.notices.Notices`)."""

    def tell_office(
        self,
        unit: Unit,
        key: str,
        *,
        partner_id: int,
        subject: str,
        lines: Sequence[str],
        now: datetime,
    ) -> bool:
        """Writes one line per sentence; once per key."""
        ...


class _HasActedError(Exception):
    """The rule has acted on this day already; the run is not made a second time."""


class _RuleHasChangedError(Exception):
    """The rule is not what it was when its moment was found; the next tick looks again."""


class ChargeRuleDays:
    """The scheduled job. Killed at any moment it goes on where it was, and no day acts twice."""

    def __init__(
        self,
        store: Store,
        settings: RuleSettings,
        runs: RuleRuns,
        office: OfficeTeller,
        clock: Clock,
    ) -> None:
        self._store = store
        self._settings = settings
        self._runs = runs
        self._office = office
        self._clock = clock

    async def tick(self) -> None:
        """Lets rules act whose moment has come, and confirms what was planned for them.

        Raises:
            StaleWriteError: this daemon does not lead any more. Call again later.
            StoreUnavailableError: the database does not take anything. Call again later.
        """
        is_stopped, rules = await self._store.read(self._look)
        if is_stopped:
            return
        await self._watch(rules)
        for rule in rules:
            try:
                await self._act(rule)
            except _TROUBLES as error:
                log.warning("rule.waits", extra={"rule": rule.id, "error": str(error)})
        await self._confirm_planned(rules)

    def _look(self, unit: Unit) -> tuple[bool, Sequence[ChargeRule]]:
        return bool(unattended_stop(unit)), rules_in_force(unit, self._settings)

    async def _watch(self, rules: Sequence[ChargeRule]) -> None:
        """Begins to watch rules that are new in the files, or whose time zone has changed.

        So do those that wait for a moment ahead of now, which a clock that ran ahead has left.
        """
        watches = await self._store.read(lambda unit: unit.rule_watches())
        wanted = {
            rule.id: watched_calendar(rule, self._zone(rule)) for rule in rules if rule.is_enabled
        }
        known = {watch.rule_id: watch.calendar for watch in watches.values()}
        now = self._clock.now()
        if wanted == known and all(watch.acts_from <= now for watch in watches.values()):
            return

        def work(unit: Unit) -> None:
            # Read again: a page may have changed a rule since.
            present = rules_in_force(unit, self._settings)
            for gone in unit.rule_watches().keys() - {rule.id for rule in present}:
                unit.unwatch_rule(gone)
            for rule in present:
                watch_from_now(unit, rule, self._zone(rule), self._clock.now())

        await self._store.run(work)

    async def _act(self, rule: ChargeRule) -> None:
        """Deals with the moments that have come since the rule acted last, oldest first."""
        watches = await self._store.read(lambda unit: unit.rule_watches())
        watch, now = watches.get(rule.id), self._clock.now()
        if watch is None or not rule.is_enabled:
            return
        zone = self._zone(rule)
        since = max(watch.acts_from, now - LOOKED_BACK)
        missed: list[tuple[date, datetime]] = []
        for day, moment in rule.days_between(since, now, zone):
            if rule.punctuality(moment, now) is Punctuality.MISSED:
                missed.append((day, moment))
        if missed:  # they are older than those that can be made up for
            await self._miss(rule, missed)
        for day, moment in rule.days_between(since, now, zone):
            if rule.punctuality(moment, now) is not Punctuality.MISSED:
                await self._plan(rule, day, moment)

    async def _plan(self, rule: ChargeRule, day: date, moment: datetime) -> None:
        def remember(unit: Unit, run: ChargeRun) -> None:
            if rule not in rules_in_force(unit, self._settings):
                raise _RuleHasChangedError
            planned = self._rule_day(rule, day, moment)
            planned = replace(planned, state=RuleDayState.PLANNING, run_id=run.id)
            if not unit.add_rule_day(planned):
                raise _HasActedError
            self._acted_until(unit, rule, moment)
            facts = {
                "run": run.id,
                "lateness_s": str(int((planned.acted_at - moment).total_seconds())),
            }
            _record(unit, "rule.acted", planned, planned.acted_at, facts)

        try:
            await self._runs.plan(
                rule.selection_on(day),
                actor=rule.actor,
                origin=RunOrigin(Starter.RULE, rule.id),
                dry_run=rule.is_dry_run,
                on_plan=remember,
            )
        except _RuleHasChangedError:
            return
        except _HasActedError:
            # Only a clock that was set back or a calendar that was changed and changed back leads
            # here: the moment comes again, and has been dealt with.
            await self._store.run(lambda unit: self._acted_until(unit, rule, moment))

    async def _miss(self, rule: ChargeRule, missed: Sequence[tuple[date, datetime]]) -> None:
        """Says that days were missed: each on the page and in the audit log, all in one e-mail."""

        def work(unit: Unit) -> Sequence[RuleDay]:
            told = []
            for day, moment in missed:
                rule_day = self._rule_day(rule, day, moment)
                if unit.add_rule_day(rule_day):
                    told.append(rule_day)
                    facts = {"moment": moment.isoformat()}
                    _record(unit, "rule.missed", rule_day, rule_day.acted_at, facts)
            self._acted_until(unit, rule, missed[-1][1])
            if told:
                self._tell(unit, told, "missed its day", _ABOUT_MISSED)
            return told

        for rule_day in await self._store.run(work):
            fields = {"rule": rule.id, "rule_name": rule.name, "day": str(rule_day.day)}
            log.warning("rule.day_lost", extra=fields)

    def _rule_day(self, rule: ChargeRule, day: date, moment: datetime) -> RuleDay:
        partners = rule.selection.partner_ids
        return RuleDay(
            rule_id=rule.id,
            day=day,
            rule_name=rule.name,
            partner_id=partners[0] if len(partners) == 1 else 0,
            moment=moment,
            acted_at=self._clock.now(),
            state=RuleDayState.MISSED,
            is_dry_run=rule.is_dry_run,
        )

    def _acted_until(self, unit: Unit, rule: ChargeRule, moment: datetime) -> None:
        watch = RuleWatch(rule.id, watched_calendar(rule, self._zone(rule)), moment + _JUST_AFTER)
        unit.watch_rule(watch)

    async def _confirm_planned(self, rules: Sequence[ChargeRule]) -> None:
        enabled = {rule.id: rule for rule in rules if rule.is_enabled}
        days = await self._store.read(lambda unit: unit.rule_days_in_planning(_AT_ONCE))
        for rule_day in days:
            view = await self._runs.run(rule_day.run_id)
            after = await self._judged(rule_day, view.run if view else None, enabled)
            if after is not rule_day:
                await self._settle(after)

    async def _judged(
        self, rule_day: RuleDay, run: ChargeRun | None, enabled: dict[str, ChargeRule]
    ) -> RuleDay:
        """Says how a day stands by how its run stands; confirms the run where that is due."""
        if run is None or run.state is RunState.CANCELED:
            return _stopped(rule_day, _RUN_IS_GONE)
        match run.state:
            case RunState.PLANNING:
                return rule_day
            case RunState.READY:
                return await self._confirmed(rule_day, enabled.get(rule_day.rule_id))
            case RunState.AWAITING_SECOND:  # a rule is nobody's second pair of eyes
                return _stopped(rule_day, _NEEDS_SECOND)
            case _:
                is_only_planned = run.is_rehearsal
        state = RuleDayState.PLANNED_ONLY if is_only_planned else RuleDayState.CONFIRMED
        return replace(rule_day, state=state)

    async def _confirmed(self, rule_day: RuleDay, rule: ChargeRule | None) -> RuleDay:
        if rule is None or rule.is_dry_run:
            return _stopped(rule_day, _RULE_IS_OFF)
        try:
            run = await self._runs.confirm(rule_day.run_id, actor=rule.actor)
        except RunRefusedError as refused:
            if refused.refusal is RunRefusal.STOPPED:  # just now: it is confirmed after the stop
                return rule_day
            if refused.refusal is RunRefusal.NOTHING_TO_CHARGE:
                return replace(rule_day, state=RuleDayState.CONFIRMED, note=str(refused))
            return _stopped(rule_day, str(refused))
        if run.state is RunState.AWAITING_SECOND:
            return _stopped(rule_day, _NEEDS_SECOND)
        return replace(rule_day, state=RuleDayState.CONFIRMED)

    async def _settle(self, rule_day: RuleDay) -> None:
        now = self._clock.now()
        facts = {"run": rule_day.run_id} | ({"why": rule_day.note} if rule_day.note else {})

        def work(unit: Unit) -> None:
            unit.save_rule_day(rule_day)
            match rule_day.state:
                case RuleDayState.STOPPED:
                    _record(unit, "rule.stopped", rule_day, now, facts)
                    self._tell(unit, [rule_day], "needs a person", _ABOUT_STOPPED)
                case RuleDayState.PLANNED_ONLY:
                    _record(unit, "rule.planned_only", rule_day, now, facts)
                case _:
                    _record(unit, "rule.confirmed", rule_day, now, facts)

        await self._store.run(work)
        if rule_day.state is RuleDayState.STOPPED:
            fields = {"rule": rule_day.rule_id, "run": rule_day.run_id, "why": rule_day.note}
            log.error("rule.needs_person", extra=fields)

    def _tell(self, unit: Unit, days: Sequence[RuleDay], what: str, about: str) -> None:
        """Tells the office by e-mail what a person should know of days of one rule, once."""
        last = days[-1]
        named = ", ".join(str(rule_day.day) for rule_day in days)
        lines = [f"The rule “{last.rule_name}” {what}: {named}."]
        lines += [last.note] if last.note else []
        lines += [f"The run is {last.run_id}."] if last.run_id else []
        self._office.tell_office(
            unit,
            f"rule:{last.rule_id}:{last.day}:{last.state}",
            partner_id=last.partner_id,
            subject=f"Auto charge: “{last.rule_name}” {what}",
            lines=[*lines, about],
            now=self._clock.now(),
        )

    def _zone(self, rule: ChargeRule) -> ZoneInfo:
        return self._settings.timezone_of_partners(rule.selection.partner_ids)


def _stopped(rule_day: RuleDay, why: str) -> RuleDay:
    return replace(rule_day, state=RuleDayState.STOPPED, note=why)


def _record(
    unit: Unit, event: str, rule_day: RuleDay, now: datetime, facts: dict[str, str]
) -> None:
    named = {"rule": rule_day.rule_id, "rule_name": rule_day.rule_name, "day": str(rule_day.day)}
    if rule_day.partner_id:
        named["partner"] = str(rule_day.partner_id)
    unit.record(AuditEntry(now, event, f"rule:{rule_day.rule_id}", facts=named | facts))
