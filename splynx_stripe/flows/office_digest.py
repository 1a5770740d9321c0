"""Tells the office each morning what failed on the day before, one e-mail per partner."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from itertools import groupby

from splynx_stripe.domain.notice import NoticeKind
from splynx_stripe.domain.recovery import Recovery, RecoveryState
from splynx_stripe.flows.failure_ports import FailureRules
from splynx_stripe.flows.notices import Fact, Notices
from splynx_stripe.flows.ports import Store, Unit
from splynx_stripe.kit.clock import Clock
from splynx_stripe.kit.ids import IdSource

EVERY = timedelta(minutes=15)
"""How often it looks whether a morning has come somewhere. What is written is written once."""

_AT = time(7, 0)
_LOOKED_BACK = timedelta(days=3)
_AT_MOST = 10_000
_LISTED = 100
"""So many debts are named in one e-mail; the rest is counted, and on the page."""


class OfficeDigest:
    """Writes the digests that are due."""

    def __init__(self, store: Store, rules: FailureRules, clock: Clock, ids: IdSource) -> None:
        self._store = store
        self._rules = rules
        self._clock = clock
        self._notices = Notices(rules, ids)

    async def tick(self) -> None:
        """Writes one for each partner that had failures yesterday and whose morning has come."""
        now = self._clock.now()
        found = await self._store.read(
            lambda unit: unit.recoveries_changed(now - _LOOKED_BACK, now, _AT_MOST)
        )
        by_partner = groupby(
            sorted(found, key=lambda one: one.payable.partner_id),
            key=lambda one: one.payable.partner_id,
        )
        due = [
            fact
            for partner_id, ones in by_partner
            if (fact := self._digest(partner_id, list(ones), now)) is not None
        ]
        if due:
            await self._store.run(lambda unit: self._write(unit, due, now))

    def _digest(self, partner_id: int, found: Sequence[Recovery], now: datetime) -> Fact | None:
        zone = self._rules.timezone_of(partner_id)
        local = now.astimezone(zone)
        if local.time() < _AT or not self._rules.notice_rules(partner_id).digest:
            return None
        day = local.date() - timedelta(days=1)
        start = datetime.combine(day, time(0), zone)
        end = datetime.combine(local.date(), time(0), zone)
        of_day = [one for one in found if start <= one.changed_at < end]
        if not any(one.state is not RecoveryState.RECOVERED for one in of_day):
            return None
        states = {state: [one for one in of_day if one.state is state] for state in RecoveryState}
        live = [*states[RecoveryState.WAITING], *states[RecoveryState.TRYING]]
        ended = [*states[RecoveryState.EXHAUSTED], *states[RecoveryState.CANCELED]]
        return Fact(
            key=f"digest:{partner_id}:{day}",
            kind=NoticeKind.DIGEST,
            partner_id=partner_id,
            facts={
                "day": day.isoformat(),
                "retried": str(len(live)),
                "ended": str(len(ended)),
                "recovered": str(len(states[RecoveryState.RECOVERED])),
                "list": "\n".join(_line(one) for one in (ended + live)[:_LISTED]),
                "more": str(max(len(ended + live) - _LISTED, 0)),
            },
        )

    def _write(self, unit: Unit, facts: Sequence[Fact], now: datetime) -> None:
        for fact in facts:
            self._notices.write(unit, fact, now=now, due_at=now)


def _line(recovery: Recovery) -> str:
    """Writes what a text says of a recovery: kind, number, customer, amount, state, reason, code."""
    payable, failure = recovery.payable, recovery.failure
    return "\t".join(
        (
            payable.kind.value,
            payable.document_number,
            str(payable.customer_id),
            str(recovery.amount.minor_units),
            recovery.amount.currency,
            recovery.state.value,
            recovery.reason.value,
            failure.code,
            failure.decline_code,
        )
    )
