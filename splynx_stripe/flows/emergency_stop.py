"""The emergency stop of a person: nothing is charged unattended until it is ended.

It is looked at in each unit that commits an unattended attempt (`safe_stop.unattended_stop`), so what
is committed afterwards is not charged. What Stripe has been asked before goes on: a charge cannot be
called back by closing one's eyes.
"""

from __future__ import annotations

from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.charge_progress import ChargingStop
from splynx_stripe.flows.ports import Store, Unit
from splynx_stripe.kit.clock import Clock


class EmergencyStop:
    """Stops and resumes all unattended charging."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def stop_charging(self, *, actor: str, reason: str) -> ChargingStop:
        """Stops all unattended charging at once; gives the stop that is in force already, if any."""
        now = self._clock.now()

        def work(unit: Unit) -> ChargingStop | None:
            if unit.add_charging_stop(reason=reason, by=actor, now=now):
                unit.record(AuditEntry(now, "charging.stopped", actor, facts={"reason": reason}))
            return unit.charging_stop()

        stop = await self._store.run(work)
        return stop or ChargingStop(0, reason, actor, now)

    async def resume_charging(self, *, actor: str, note: str) -> bool:
        """Ends the stop; False when there was none."""
        now = self._clock.now()

        def work(unit: Unit) -> bool:
            if not unit.end_charging_stop(by=actor, note=note, now=now):
                return False
            unit.record(AuditEntry(now, "charging.resumed", actor, facts={"note": note}))
            return True

        return await self._store.run(work)

    async def stop(self) -> ChargingStop | None:
        """Gives the stop that is in force, None when there is none."""
        return await self._store.read(lambda unit: unit.charging_stop())
