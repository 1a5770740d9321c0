"""Takes what is due out of the store: events, effects and attempts, in one unit of work.

The pump asks after everything that happens. One trip for all three kinds, and none for a kind that
has no room, is what made a collection cost a fifth of what it did (`docs/performance.md`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from splynx_stripe.domain.attempt import Attempt
from splynx_stripe.domain.effect import StoredEffect
from splynx_stripe.domain.inbox import InboxEvent
from splynx_stripe.flows.effects import Effects
from splynx_stripe.flows.inbox import Inbox
from splynx_stripe.flows.look_after import LookAfter
from splynx_stripe.flows.ports import Store, Unit


@dataclass(frozen=True, slots=True)
class Limits:
    """How many of each kind may be taken; of a kind with 0 nothing is asked."""

    events: int
    effects: int
    attempts: int


@dataclass(frozen=True, slots=True)
class DueWork:
    """What was taken: events and effects are claimed; attempts are only found to be due."""

    events: Sequence[InboxEvent] = ()
    effects: Sequence[StoredEffect] = ()
    attempts: Sequence[Attempt] = ()


class DueWorkFlow:
    """Claims for the pump, each kind as its own flow does."""

    def __init__(
        self, store: Store, *, inbox: Inbox, effects: Effects, look_after: LookAfter
    ) -> None:
        self._store = store
        self._inbox = inbox
        self._effects = effects
        self._look_after = look_after

    async def claim_due(self, limits: Limits) -> DueWork:
        """Takes what is due, within the limits, in one commit."""
        events = self._inbox.claiming(limits.events)
        effects = self._effects.claiming(limits.effects)
        attempts = self._look_after.finding(limits.attempts)

        def work(unit: Unit) -> DueWork:
            return DueWork(
                events(unit) if limits.events else (),
                effects(unit) if limits.effects else (),
                attempts(unit) if limits.attempts else (),
            )

        return await self._store.run(work)
