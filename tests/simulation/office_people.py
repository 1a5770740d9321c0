"""The office of a history: plans runs, confirms them, pauses, resumes, cancels, stops all charging."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from functools import partial
from typing import Protocol, TypeVar

from splynx_stripe.domain.charge_run import (
    BY_OFFICE,
    ChargeRun,
    RunRefusedError,
    RunState,
)
from splynx_stripe.flows.charge_runs import ChargeRuns
from tests.simulation.charging import selection_of
from tests.simulation.clockwork import Stamp, until
from tests.simulation.disk import Disk
from tests.simulation.office_plan import OfficeAct
from tests.simulation.people import Town

T = TypeVar("T")

_LOOKS = 12
_LEASE_WITHIN_S = 120.0
_LEASED = """
SELECT 1 FROM collections c WHERE c.state = 'open' AND c.origin <> ''
  AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.collection_id = c.id)
"""
_OTHER = {"admin:1": "admin:2", "admin:2": "admin:1"}


class OfficeTown(Town, Protocol):
    """Where the office is."""

    disk: Disk


class Office:
    """Does what the plan's acts of the office say."""

    def __init__(self, town: OfficeTown) -> None:
        self._town = town
        self._bell = Stamp()

    async def act(self, act: OfficeAct) -> None:
        """Waits for the moment of an act and does it."""
        await until(act.at_s)
        match act.kind:
            case "charge":
                await self._charge(act)
            case "stop":
                await self._say(lambda runs: runs.stop_charging(actor=act.who, reason="wrong"))
            case "stop at a lease":
                await self._until_a_lease()
                await self._say(lambda runs: runs.stop_charging(actor=act.who, reason="wrong"))
            case "go on":
                await self._say(lambda runs: runs.resume_charging(actor=act.who, note="right"))
            case "more" | "less":
                factor = Decimal("1.5") if act.kind == "more" else Decimal("0.5")
                self._town.splynx.change_due(self._town.plan.debts[0].key, factor)
            case "pay off":
                self._town.splynx.pay_off(self._town.plan.debts[0].customer_id)
            case _:
                await self._steer(act)

    def committed(self, changed: frozenset[str]) -> None:
        """Hears that something was committed."""
        if "collections" in changed and not self._bell.is_set:
            self._bell.set()

    async def _until_a_lease(self) -> None:
        """Waits until a charge without the customer has its lease, and nothing is decided yet."""
        town, ends_s = self._town, self._town.clock.elapsed_s + _LEASE_WITHIN_S
        while town.clock.elapsed_s < ends_s:
            if town.disk.raw.execute(_LEASED).fetchone() is not None:
                return
            self._bell = Stamp()
            await until(ends_s, self._bell)

    async def _charge(self, act: OfficeAct) -> None:
        """Plans, looks at the plan for a while, and confirms it."""
        town, selection = self._town, selection_of(act.selection, self._town.plan)
        begun = await self._say(lambda runs: runs.plan(selection, actor=act.who, origin=BY_OFFICE))
        if begun is None:
            return
        for _ in range(_LOOKS):
            await until(town.clock.elapsed_s + town.rng.randrange(3, 40))
            run = town.disk.look(lambda unit: unit.charge_run(begun.id))
            if run.state is RunState.READY:
                await self._say(lambda runs: runs.confirm(begun.id, actor=act.who))
            elif run.state is RunState.AWAITING_SECOND:
                # The same person tries it often enough, and is refused.
                who = act.who if town.rng.randrange(3) else _OTHER[act.who]
                await self._say(partial(_confirm, run_id=begun.id, who=who))
            elif run.state is not RunState.PLANNING:
                return

    async def _steer(self, act: OfficeAct) -> None:
        selection = selection_of(act.selection, self._town.plan)
        run: ChargeRun | None = self._town.disk.look(
            lambda unit: unit.live_charge_run(selection.fingerprint)
        )
        if run is None:
            return
        run_id = run.id
        match act.kind:
            case "pause":
                await self._say(lambda runs: runs.pause(run_id, actor=act.who))
            case "resume":
                await self._say(lambda runs: runs.resume(run_id, actor=act.who))
            case "cancel":
                await self._say(lambda runs: runs.cancel(run_id, actor=act.who))
            case _:
                raise AssertionError(act.kind)

    async def _say(self, wish: Callable[[ChargeRuns], Awaitable[T]]) -> T | None:
        """Asks a daemon; None when it is refused, or nobody is there."""
        process = self._town.some_process()
        charging = process.flows.charging if process is not None else None
        if process is None or charging is None:
            return None

        async def ask() -> T | None:
            try:
                return await wish(charging.runs)
            except RunRefusedError:
                return None

        return await self._town.ask(process, ask)


async def _confirm(runs: ChargeRuns, *, run_id: str, who: str) -> ChargeRun:
    return await runs.confirm(run_id, actor=who)
