"""The retries of debts, as the office and other flows see them: list, try now, stop, take over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.payable import Payable
from splynx_stripe.domain.recovery import (
    Recovery,
    RecoveryNews,
    RecoveryPlace,
    RecoveryQuery,
    RecoveryReason,
    RecoveryState,
    recovery_step,
)
from splynx_stripe.flows.ports import Store, Unit
from splynx_stripe.kit.clock import Clock


def recovery_of(unit: Unit, payable: Payable) -> Recovery | None:
    """Gives the live recovery that owns the retries of a debt; whoever else charges it keeps away."""
    found = unit.recovery_of_key(payable.key)
    return found if found is not None and found.is_live else None


def take_over_recovery(unit: Unit, payable: Payable, *, now: datetime, actor: str) -> bool:
    """Ends the waiting recovery of a debt, because the caller charges it now.

    False, and nothing, where there is none or its own try is going on. Should the caller's charge fail,
    the recovery is opened anew, and the tries of before count.
    """
    found = recovery_of(unit, payable)
    if found is None or found.state is not RecoveryState.WAITING:
        return False
    after = recovery_step(found, RecoveryNews.STOPPED, now, reason=RecoveryReason.TAKEN_OVER)
    unit.save_recovery(after)
    record_recovery(unit, "recovery.taken_over", after, now, actor)
    return True


def record_recovery(
    unit: Unit, event: str, recovery: Recovery, now: datetime, actor: str, **facts: str
) -> None:
    """Writes what happened to a recovery into the audit log."""
    known = {
        "recovery": recovery.id,
        "payable": recovery.payable.key,
        "customer": str(recovery.payable.customer_id),
        "amount": str(recovery.amount),
        "reason_code": recovery.reason.value,
        "next": f"{recovery.next_at:%Y-%m-%d %H:%M}Z" if recovery.next_at else "",
        "code": recovery.failure.code,
        "decline_code": recovery.failure.decline_code,
    }
    unit.record(
        AuditEntry(
            at=now,
            event=event,
            actor=actor,
            collection_id=recovery.collection_id,
            facts={name: value for name, value in (known | facts).items() if value},
        )
    )


@dataclass(frozen=True, slots=True)
class RecoveryDesk:
    """Who looks: the name for the audit log, and the only partner, 0 for all."""

    actor: str
    partner_id: int = 0

    def may_touch(self, recovery: Recovery) -> bool:
        """Says whether a recovery is theirs to touch."""
        return self.partner_id in {0, recovery.payable.partner_id}


class Recoveries:
    """Lists recoveries, and does with one what a person wants. The daemon's round does the rest."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def page(
        self, query: RecoveryQuery, *, before: RecoveryPlace | None = None, limit: int
    ) -> Sequence[Recovery]:
        """Gives the next recoveries after a place, newest change first."""
        return await self._store.read(
            lambda unit: unit.recoveries(query, before=before, limit=limit)
        )

    async def counts(self, query: RecoveryQuery, *, limit: int) -> Mapping[RecoveryState, int]:
        """Counts by state, up to `limit` in all."""
        found = await self.page(query, limit=limit)
        return {state: sum(one.state is state for one in found) for state in RecoveryState}

    async def try_now(self, recovery_id: str, desk: RecoveryDesk) -> bool:
        """Lets the debt be tried at once; False when there is nothing to try.

        That is so for an unknown one, another partner's, one whose try is going on, or one that is
        recovered. Which saved method is charged is decided then; one that a bank has refused for
        good is not. The time of day and the days of the policy do not matter.
        """
        now = self._clock.now()

        def work(unit: Unit) -> bool:
            found = unit.recovery(recovery_id)
            if found is None or not desk.may_touch(found):
                return False
            if found.state is RecoveryState.WAITING:
                after = replace(found, next_at=now, changed_at=now)
            else:
                after = recovery_step(found, RecoveryNews.TRY_WANTED, now, next_at=now)
                after = replace(after, credential_id="")
            if after.state is not RecoveryState.WAITING:
                return False
            record_recovery(unit, "recovery.try_wanted", unit.save_recovery(after), now, desk.actor)
            return True

        return await self._store.run(work)

    async def stop(self, recovery_id: str, desk: RecoveryDesk) -> bool:
        """Stops the retries of a debt; False when there is nothing to stop.

        A try that is going on comes to its end, and money that it takes is booked as always.
        """
        now = self._clock.now()

        def work(unit: Unit) -> bool:
            found = unit.recovery(recovery_id)
            if found is None or not desk.may_touch(found):
                return False
            after = recovery_step(found, RecoveryNews.STOPPED, now, reason=RecoveryReason.BY_PERSON)
            if after is found:
                return False
            record_recovery(unit, "recovery.stopped", unit.save_recovery(after), now, desk.actor)
            return True

        return await self._store.run(work)
