"""Charge runs: begun, confirmed, paused, canceled and looked at, by pages, commands and rules.

This door changes rows only. The engine (`charge_run_engine`, on the leader) reads Splynx, writes the
plan, and charges. Whoever confirms need not wait: the engine looks every second or two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import NoReturn

from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.charge_progress import ChargingStop
from splynx_stripe.domain.charge_run import (
    ChargeRun,
    RunNews,
    RunOrigin,
    RunRefusal,
    RunRefusedError,
    RunState,
    run_step,
)
from splynx_stripe.domain.charge_selection import Selection
from splynx_stripe.flows.charge_run_rooms import RunDeskRooms
from splynx_stripe.flows.charge_run_views import ChargeRunViews, findings_of
from splynx_stripe.flows.emergency_stop import EmergencyStop
from splynx_stripe.flows.ports import Unit
from splynx_stripe.flows.safe_stop import unattended_stop

OnPlan = Callable[[Unit, ChargeRun], None]
"""Takes part in the commit of a new run, or of the one that is there already."""

STALE = "The plan was made more than a day ago and nobody confirmed it."
OUTDATED = (
    "The run was confirmed more than a week ago, so what is left of it is not charged any more. Plan it"
    " anew."
)
NOBODY_IN_PARTICULAR = "admin:0"
"""The actor of an administrator of whom Splynx does not say who it is: no one of two different persons."""
_HAS_ITS_CONFIRMATION = frozenset({RunState.RUNNING, RunState.PAUSED, RunState.DONE})


class ChargeRuns(ChargeRunViews):
    """All that can be done with charge runs."""

    def __init__(self, rooms: RunDeskRooms) -> None:
        super().__init__(rooms)
        self._emergency = EmergencyStop(rooms.store, rooms.clock)

    async def plan(
        self,
        selection: Selection,
        *,
        actor: str,
        origin: RunOrigin,
        dry_run: bool = False,
        on_plan: OnPlan | None = None,
    ) -> ChargeRun:
        """Begins a run of a selection, or gives the live run of the same selection.

        Nothing is charged. The engine makes the plan; the run is PLANNING until then and READY
        afterwards, or DONE where there is nothing to do. With `dry_run` it is a rehearsal: planned
        like any other, never charged, and it takes nobody's place. A plan of the same selection
        that has become too old is canceled and made anew.
        `on_plan` runs in the very unit that makes or finds the run, so that a rule remembers its
        day in that commit; it may raise to refuse.
        """
        now = self._rooms.clock.now()
        fresh = ChargeRun(
            id=self._rooms.ids.new("run", now),
            selection=selection,
            origin=origin,
            state=RunState.PLANNING,
            made_by=actor,
            made_at=now,
            is_rehearsal=dry_run,
        )

        def work(unit: Unit) -> ChargeRun:
            known = None if dry_run else unit.live_charge_run(selection.fingerprint)
            too_old = why_too_old(known, now) if known is not None else ""
            if known is not None and too_old:
                cancel_run(unit, known, actor, too_old, self._rooms)
                known = None
            if known is None:
                unit.add_charge_run(fresh)
                facts = {
                    "run": fresh.id,
                    "kind": selection.kind.value,
                    "starter": origin.starter.value,
                }
                unit.record(AuditEntry(now, "charge_run.begun", actor, facts=facts))
            run = known or fresh
            if on_plan is not None:
                on_plan(unit, run)
            return run

        return await self._rooms.store.run(work)

    async def confirm(self, run_id: str, *, actor: str) -> ChargeRun:
        """Lets a planned run charge, or notes the first of two confirmations.

        The answer is RUNNING, or AWAITING_SECOND when a guardrail wants another administrator.
        Confirming a run that has its confirmation already changes nothing.

        Raises:
            RunRefusedError: not planned yet, over a guardrail, too old, stopped, or the second
                confirmation comes from the person of the first. Nothing was changed.
        """

        def work(unit: Unit) -> ChargeRun:
            run = _required(unit, run_id)
            if run.state in _HAS_ITS_CONFIRMATION and not run.is_rehearsal:
                return run
            self._require_confirmable(unit, run)
            wants_second = self._wants_second(unit, run)
            if run.state is RunState.AWAITING_SECOND:
                return self._second(unit, run, actor)
            return self._first(unit, run, actor, wants_second=wants_second)

        return await self._rooms.store.run(work)

    async def pause(self, run_id: str, *, actor: str) -> ChargeRun:
        """Stops a running run before its next item; what is on its way comes to its end.

        Raises:
            RunRefusedError: there is no such run, or it is not running.
        """
        now = self._rooms.clock.now()
        entry = AuditEntry(now, "charge_run.paused", actor, facts={"run": run_id})
        return await self._move(run_id, RunNews.PAUSED, entry)

    async def resume(self, run_id: str, *, actor: str) -> ChargeRun:
        """Lets a paused run go on.

        Raises:
            RunRefusedError: there is no such run, it is not paused, or it is too old.
        """
        now = self._rooms.clock.now()
        entry = AuditEntry(now, "charge_run.resumed", actor, facts={"run": run_id})
        return await self._move(run_id, RunNews.RESUMED, entry)

    async def cancel(self, run_id: str, *, actor: str) -> ChargeRun:
        """Ends a run for good; items whose turn has not come are LEFT. What was charged stays.

        Raises:
            RunRefusedError: there is no such run, or it has ended.
        """

        def work(unit: Unit) -> ChargeRun:
            run = _required(unit, run_id)
            if not run.is_live:
                _refuse_state(run)
            return cancel_run(unit, run, actor, "", self._rooms)

        return await self._rooms.store.run(work)

    async def stop_charging(self, *, actor: str, reason: str) -> ChargingStop:
        """Stops all unattended charging at once; gives the stop that is in force already, if any."""
        return await self._emergency.stop_charging(actor=actor, reason=reason)

    async def resume_charging(self, *, actor: str, note: str) -> bool:
        """Ends the stop; False when there was none."""
        return await self._emergency.resume_charging(actor=actor, note=note)

    async def stop(self) -> ChargingStop | None:
        """Gives the stop that is in force, None when there is none."""
        return await self._emergency.stop()

    def _require_confirmable(self, unit: Unit, run: ChargeRun) -> None:
        if run.is_rehearsal:
            raise RunRefusedError(
                RunRefusal.REHEARSAL,
                "This run is a dry run: it is never charged. Plan it anew to charge it.",
            )
        if run.state not in {RunState.READY, RunState.AWAITING_SECOND}:
            _refuse_state(run)
        if run.is_stale(self._rooms.clock.now()):
            raise RunRefusedError(RunRefusal.TOO_OLD, f"{STALE} Plan it anew.")
        stop = unattended_stop(unit)
        if stop:
            raise RunRefusedError(RunRefusal.STOPPED, stop)

    def _wants_second(self, unit: Unit, run: ChargeRun) -> bool:
        """Says whether a second administrator has to confirm. Raises where nothing may start."""
        findings = findings_of(run, unit.run_totals(run.id), self._rooms.terms)
        forbidding = [finding.sentence for finding in findings if finding.kind.forbids]
        if forbidding:
            raise RunRefusedError(RunRefusal.GUARDRAIL, " ".join(forbidding))
        return bool(findings)

    def _first(self, unit: Unit, run: ChargeRun, actor: str, *, wants_second: bool) -> ChargeRun:
        news = RunNews.SECOND_WANTED if wants_second else RunNews.CONFIRMED
        now = self._rooms.clock.now()
        entry = AuditEntry(
            now,
            "charge_run.second_wanted" if wants_second else "charge_run.confirmed",
            actor,
            facts={"run": run.id},
        )
        return _written(
            unit, replace(run_step(run, news), confirmed_by=actor, confirmed_at=now), entry
        )

    def _second(self, unit: Unit, run: ChargeRun, actor: str) -> ChargeRun:
        if actor == run.confirmed_by or actor.startswith("rule:"):
            _refuse_person()
        if actor == NOBODY_IN_PARTICULAR:  # it may be the same person
            _refuse_person()
        now = self._rooms.clock.now()
        entry = AuditEntry(now, "charge_run.confirmed", actor, facts={"run": run.id})
        after = replace(run_step(run, RunNews.CONFIRMED), second_by=actor, second_at=now)
        return _written(unit, after, entry)

    async def _move(self, run_id: str, news: RunNews, entry: AuditEntry) -> ChargeRun:
        def work(unit: Unit) -> ChargeRun:
            run = _required(unit, run_id)
            if news is RunNews.RESUMED and run.is_outdated(entry.at):
                raise RunRefusedError(RunRefusal.TOO_OLD, OUTDATED)
            try:
                after = run_step(run, news)
            except ValueError:
                _refuse_state(run)
            return _written(unit, after, entry)

        return await self._rooms.store.run(work)


def why_too_old(run: ChargeRun, now: datetime) -> str:
    """Says in a sentence why a run must not be charged any more by its age; "" when it may."""
    if run.is_stale(now):
        return STALE
    return OUTDATED if run.is_outdated(now) else ""


def _written(unit: Unit, run: ChargeRun, entry: AuditEntry) -> ChargeRun:
    unit.save_charge_run(run)
    unit.record(entry)
    return replace(run, version=run.version + 1)


def cancel_run(
    unit: Unit, run: ChargeRun, actor: str, reason: str, rooms: RunDeskRooms
) -> ChargeRun:
    """Cancels a live run in the caller's unit, and lets its items be."""
    now = rooms.clock.now()
    after = replace(run_step(run, RunNews.CANCELED), ended_at=now, reason=reason)
    unit.save_charge_run(after)
    left = unit.leave_run_items(run.id, now=now)
    facts = {"run": run.id, "left": str(left)} | ({"why": reason} if reason else {})
    unit.record(AuditEntry(now, "charge_run.canceled", actor, facts=facts))
    return replace(after, version=after.version + 1)


def _required(unit: Unit, run_id: str) -> ChargeRun:
    run = unit.charge_run(run_id)
    if run is None:
        raise RunRefusedError(RunRefusal.NOT_FOUND, "There is no such charge run.")
    return run


def _refuse_person() -> NoReturn:
    raise RunRefusedError(
        RunRefusal.SAME_PERSON,
        "You have confirmed this run already, or it is not known who you are; another administrator"
        " has to. Nothing was charged.",
    )


def _refuse_state(run: ChargeRun) -> NoReturn:
    raise RunRefusedError(
        RunRefusal.NOT_READY,
        f"The charge run is {run.state.value.replace('_', ' ')}; this cannot be done with it now."
        " Nothing was changed.",
    )
