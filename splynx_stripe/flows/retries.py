"""Tries debts again whose recovery is due, each as a charge like any other, with the lease.

Only the leader's schedule runs this. A crash between two commits is harmless: the try has an origin
(`recovery/<id>/<number>`) by which a second call joins its own collection.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from splynx_stripe.domain.collection import LIVE_COLLECTION_STATES, Collection, Route
from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
    StaleWriteError,
)
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.recovery import (
    LIVE_RECOVERY_STATES,
    Course,
    Recovery,
    RecoveryNews,
    RecoveryReason,
    RecoveryState,
    choose,
    recovery_step,
)
from splynx_stripe.domain.retry_policy import within_hours
from splynx_stripe.flows.charge import ChargeOrder, ChargeResult, ChargeStanding
from splynx_stripe.flows.failure_ports import FailureRules
from splynx_stripe.flows.failures import failed_tries_of, methods_of, write_tries_ended
from splynx_stripe.flows.notices import Notices
from splynx_stripe.flows.ports import Unit
from splynx_stripe.flows.recoveries import record_recovery
from splynx_stripe.flows.rooms import Rooms
from splynx_stripe.flows.safe_stop import unattended_stop

log = logging.getLogger(__name__)

TICK = timedelta(seconds=30)
"""How often the schedule looks what is due."""

_AT_ONCE = 20
_ACTOR = "daemon"
_LOOK_AGAIN = timedelta(minutes=10)
_BANKS_TAKE = timedelta(hours=6)
_PUT_OFF = timedelta(minutes=15)
_BUSY = timedelta(hours=1)
_PENDING = timedelta(days=1)
_PUT_OFF_FOR = timedelta(days=30)
"""So long after the last day of the policy a try may be put off; then it is given up (I10)."""
_ENDED_EVERY = timedelta(minutes=5)
_ENDED_FOR = timedelta(days=60)
"""For so long an ended recovery is looked at for money that came after all."""

_TROUBLES = (RejectedError, RetryableError, OutcomeUnknownError, BrokenInvariantError)

_ENDS = {
    ChargeStanding.NO_CREDENTIAL: RecoveryReason.NO_METHOD,
    ChargeStanding.CHANGED: RecoveryReason.CHANGED,
    ChargeStanding.NOT_CHARGEABLE: RecoveryReason.NOT_CHARGEABLE,
    ChargeStanding.GONE: RecoveryReason.REMOVED,
}
_WAITS = {
    ChargeStanding.BUSY: _BUSY,
    ChargeStanding.PENDING: _PENDING,
    ChargeStanding.STOPPED: _PUT_OFF,
    ChargeStanding.TRY_LATER: _PUT_OFF,
}


class Charging(Protocol):
    """Charges one debt (`flows.charge.ChargeFlow`)."""

    async def charge(
        self, order: ChargeOrder, *, on_lease: Callable[[Unit, Collection], None]
    ) -> ChargeResult:
        """Charges it, or says why not. Calling again with the same origin never charges twice."""
        ...


class LastLook(Protocol):
    """Looks once more how much may be charged, where no document says it (`RetryLook`)."""

    async def at_most(self, recovery: Recovery) -> Money | None:
        """Gives the most that may be charged now; None when nothing is owed any more."""
        ...


class Retries:
    """One round of everything that is due about recoveries."""

    def __init__(
        self, rooms: Rooms, charging: Charging, last_look: LastLook, rules: FailureRules
    ) -> None:
        self._rooms = rooms
        self._charging = charging
        self._last_look = last_look
        self._rules = rules
        self._notices = Notices(rules, rooms.ids)
        self._ended_looked_at: datetime | None = None

    async def tick(self) -> None:
        """Notes what was paid, and tries what is due; nothing is tried while charging is stopped."""
        await self._note_paid()
        now = self._rooms.clock.now()

        def due(unit: Unit) -> list[Recovery]:
            if unattended_stop(unit):
                return []
            return list(unit.recoveries_due(now, _AT_ONCE))

        for recovery in await self._rooms.store.read(due):
            try:
                await self._take_up(recovery)
            except StaleWriteError:
                log.info("recovery.moved_on", extra={"recovery": recovery.id})
            except _TROUBLES as error:
                log.warning(
                    "recovery.try_interrupted",
                    extra={"recovery": recovery.id, "error": str(error)},
                )

    async def _note_paid(self) -> None:
        """Ends recoveries whose debt was paid by whatever way through us."""
        now = self._rooms.clock.now()
        states = list(LIVE_RECOVERY_STATES)
        last = self._ended_looked_at
        if last is None or now - last >= _ENDED_EVERY:
            states += [RecoveryState.EXHAUSTED, RecoveryState.CANCELED]
            self._ended_looked_at = now
        paid = await self._rooms.store.read(
            lambda unit: unit.recoveries_paid(states, now - _ENDED_FOR, _AT_ONCE)
        )
        if not paid:
            return

        def work(unit: Unit) -> None:
            for one in paid:
                current = unit.recovery(one.id)
                if current is not None and current.version == one.version:
                    self._end_as_paid(unit, current, now)

        await self._rooms.store.run(work)

    async def _take_up(self, recovery: Recovery) -> None:
        trying = await self._rooms.store.run(lambda unit: self._begun(unit, recovery.id))
        if trying is None:
            return
        result = await self._try(trying)
        await self._rooms.store.run(lambda unit: self._conclude(unit, trying, result))
        self._rooms.wake()

    async def _try(self, trying: Recovery) -> ChargeResult:
        at_most: Money | None = trying.amount
        if not trying.try_collection_id:  # else it is decided already how much is charged
            at_most = await self._last_look.at_most(trying)
        if at_most is None:
            return ChargeResult(ChargeStanding.PAID)
        order = ChargeOrder(
            payable=trying.payable,
            route=Route.RETRY,
            actor=_ACTOR,
            credential_id=trying.credential_id,
            at_most=at_most,
            origin=trying.origin,
            still_wanted=lambda unit: _is_going_on(unit, trying),
        )
        return await self._charging.charge(
            order, on_lease=lambda unit, collection: _remember(unit, trying, collection)
        )

    def _begun(self, unit: Unit, recovery_id: str) -> Recovery | None:
        """Commits that a try is going on; None where there is nothing to charge now."""
        now, current = self._rooms.clock.now(), unit.recovery(recovery_id)
        if current is None or current.next_at is None or current.next_at > now:
            return None
        if current.state is RecoveryState.TRYING:
            return self._still_trying(unit, current, now)
        credential_id = self._credential(unit, current, now)
        if not credential_id:
            self._give_up(unit, current, RecoveryReason.NO_METHOD, now)
            return None
        begun = recovery_step(current, RecoveryNews.TRY_BEGAN, now, next_at=now + _LOOK_AGAIN)
        begun = unit.save_recovery(replace(begun, credential_id=credential_id))
        record_recovery(unit, "recovery.try_began", begun, now, _ACTOR)
        return begun

    def _still_trying(self, unit: Unit, current: Recovery, now: datetime) -> Recovery | None:
        """Looks at a try whose end nobody has told: it may never have got its lease."""
        if not current.try_collection_id:
            return unit.save_recovery(replace(current, next_at=now + _LOOK_AGAIN))
        collection = unit.collection(current.try_collection_id)
        if collection is not None and collection.state in LIVE_COLLECTION_STATES:
            unit.save_recovery(replace(current, next_at=now + _LOOK_AGAIN))
            return None
        if _follow_up_is_coming(unit, current):
            unit.save_recovery(replace(current, next_at=now + _LOOK_AGAIN))
        else:  # it ended without money and without a bank's refusal
            self._put_off(unit, current, _BUSY, now)
        return None

    def _credential(self, unit: Unit, recovery: Recovery, now: datetime) -> str:
        """Gives what is charged, by what is saved and has failed by now; "" where nothing may be."""
        payable = recovery.payable
        course = Course(
            opened_at=recovery.opened_at,
            step=recovery.step,
            failed=failed_tries_of(unit, payable, now),
            methods=methods_of(unit, recovery.account, payable.customer_id),
        )
        chosen = choose(self._rules.retry_policy(payable.partner_id), course, now)
        return chosen.credential_id if chosen is not None else ""

    def _conclude(self, unit: Unit, trying: Recovery, result: ChargeResult) -> None:
        """Notes what became of a try; a failure is followed up by its effect, money by its booking."""
        now, current = self._rooms.clock.now(), unit.recovery(trying.id)
        if (
            current is None
            or current.state is not RecoveryState.TRYING
            or current.tries != trying.tries
        ):
            return
        if result.standing is ChargeStanding.PAID:
            self._end_as_paid(unit, current, now)
        elif result.attempt_id:  # it is decided and goes on by itself, whatever is known of it now
            patience = _BANKS_TAKE if result.standing is ChargeStanding.PROCESSING else _LOOK_AGAIN
            unit.save_recovery(replace(current, next_at=now + patience))
        elif result.standing in _ENDS:
            self._give_up(unit, current, _ENDS[result.standing], now)
        elif result.standing in _WAITS:
            self._put_off(unit, current, _WAITS[result.standing], now)

    def _put_off(self, unit: Unit, recovery: Recovery, wait: timedelta, now: datetime) -> None:
        policy = self._rules.retry_policy(recovery.payable.partner_id)
        planned = timedelta(days=max(policy.days, default=0))
        if now - recovery.opened_at > planned + _PUT_OFF_FOR:
            self._give_up(unit, recovery, RecoveryReason.NO_MORE_DAYS, now)
            return
        after = recovery_step(
            recovery, RecoveryNews.TRY_PUT_OFF, now, next_at=within_hours(policy, now + wait)
        )
        record_recovery(unit, "recovery.put_off", unit.save_recovery(after), now, _ACTOR)

    def _give_up(
        self, unit: Unit, recovery: Recovery, reason: RecoveryReason, now: datetime
    ) -> None:
        after = recovery_step(recovery, RecoveryNews.GAVE_UP, now, reason=reason)
        record_recovery(unit, "recovery.exhausted", unit.save_recovery(after), now, _ACTOR)
        if reason is not RecoveryReason.REMOVED:
            write_tries_ended(unit, self._notices, after, now)

    def _end_as_paid(self, unit: Unit, recovery: Recovery, now: datetime) -> None:
        after = recovery_step(recovery, RecoveryNews.MONEY_CAME, now)
        if after is not recovery:
            record_recovery(unit, "recovery.recovered", unit.save_recovery(after), now, _ACTOR)


def _remember(unit: Unit, trying: Recovery, collection: Collection) -> None:
    """Ties a try to its collection in the commit of the lease; refuses where it is not ours any more.

    Raises:
        StaleWriteError: somebody has stopped or taken over the recovery. Nothing is charged.
    """
    current = unit.recovery(trying.id)
    if current is None or not _is_going_on(unit, trying):
        raise StaleWriteError(
            f"The retries of {trying.payable.key} were stopped meanwhile. Nothing was charged."
        )
    if current.try_collection_id != collection.id:
        unit.save_recovery(
            replace(current, try_collection_id=collection.id, collection_id=collection.id)
        )


def _is_going_on(unit: Unit, trying: Recovery) -> bool:
    """Says whether a try is still the one that goes on: nobody has stopped or taken it over."""
    current = unit.recovery(trying.id)
    return (
        current is not None
        and current.state is RecoveryState.TRYING
        and current.tries == trying.tries
    )


def _follow_up_is_coming(unit: Unit, recovery: Recovery) -> bool:
    """Says whether the failure of the try is known and its effect has not been carried out yet."""
    attempts = unit.attempts_of(recovery.try_collection_id)
    return any(unit.effect(f"failure:{one.id}") is not None for one in attempts) and all(
        one.id != recovery.attempt_id for one in attempts
    )
