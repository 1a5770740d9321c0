"""Looks after attempts and leases that nobody brings news of: unknown, abandoned, overtaken."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from splynx_stripe.domain.attempt import UNSURE_STATES, Attempt, AttemptState, News, NewsKind
from splynx_stripe.domain.case import Case, CaseKind
from splynx_stripe.domain.collection import CollectionNews
from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    NotFoundError,
    NotPermittedError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
)
from splynx_stripe.flows.ask_stripe import StripeAsker
from splynx_stripe.flows.look import Looker, Verdict, is_pending_by_us
from splynx_stripe.flows.ports import Unit
from splynx_stripe.flows.rooms import Rooms
from splynx_stripe.flows.transition import (
    Occasion,
    debt_of,
    move_collection,
    next_look,
    require_attempt,
)

log = logging.getLogger(__name__)

_ACTOR = "daemon"
_IDLE_LEASE = timedelta(minutes=10)
"""A lease without an attempt is a request that died between two commits; it takes no longer."""

_WAITING = frozenset({AttemptState.AWAITING_CUSTOMER, AttemptState.REQUIRES_ACTION})


class LookAfter:
    """The resolver of unknown outcomes and the sweeper of abandoned PaymentIntents."""

    def __init__(self, rooms: Rooms, asker: StripeAsker) -> None:
        self._rooms = rooms
        self._asker = asker
        self._looker = Looker(rooms.splynx, rooms.terms)

    async def due(self, limit: int) -> Sequence[Attempt]:
        """Finds the attempts that have waited long enough."""
        return await self._rooms.store.read(self.finding(limit))

    def finding(self, limit: int) -> Callable[[Unit], Sequence[Attempt]]:
        """Gives the unit of work that finds them, so that it can be part of a larger one."""
        now = self._rooms.clock.now()
        return lambda unit: unit.attempts_to_look_at(now, limit)

    async def look_at(self, attempt: Attempt) -> None:
        """Asks Stripe about one attempt, ends it if nobody wants it, and plans the next look."""
        case: Case | None = None
        try:
            known, _ = await self._asker.ask(attempt, _ACTOR)
            await self._end_if_unwanted(known)
        except (RetryableError, OutcomeUnknownError, NotPermittedError) as error:
            level = logging.ERROR if isinstance(error, NotPermittedError) else logging.WARNING
            said = {"attempt": attempt.id, "error": str(error)}
            log.log(level, "attempt.look_failed", extra=said)
        except NotFoundError as error:
            # Stripe forgets no PaymentIntent: the keys are those of another account by now.
            case = _out_of_sight(attempt, self._occasion(), str(error))
        except (RejectedError, BrokenInvariantError) as error:
            log.error(  # noqa: TRY400 - a refusal is an answer; its trace says nothing
                "attempt.look_refused", extra={"attempt": attempt.id, "error": str(error)}
            )
        await self._plan_next(attempt, case)

    async def release_idle_leases(self) -> int:
        """Closes collections whose request died before it had an attempt."""
        occasion = self._occasion()

        def work(unit: Unit) -> int:
            idle = unit.idle_collections(occasion.now, _IDLE_LEASE, 100)
            for collection in idle:
                move_collection(unit, collection, CollectionNews.ABANDONED, occasion)
            return len(idle)

        return await self._rooms.store.run(work)

    async def _end_if_unwanted(self, attempt: Attempt) -> None:
        if attempt.state in _WAITING and await self._is_unwanted(attempt):
            await self._asker.tell(attempt.id, News(NewsKind.CANCEL_REQUESTED), _ACTOR)

    async def _is_unwanted(self, attempt: Attempt) -> bool:
        """Says whether a PaymentIntent must not take money any more: too old, or overtaken."""
        if self._rooms.clock.now() - attempt.prepared_at >= self._rooms.timing.abandoned_after:
            return True
        _, collection = await self._rooms.store.read(lambda unit: debt_of(unit, attempt.id))
        look = await self._looker.again(collection.payable)
        if is_pending_by_us(attempt, look):
            return False
        return look.verdict is not Verdict.PAYABLE or look.amount != attempt.amount

    async def _plan_next(self, attempt: Attempt, case: Case | None) -> None:
        """Moves `next_look_at` on and opens a case where waiting alone ends nothing (I10)."""
        occasion = self._occasion()

        def work(unit: Unit) -> None:
            current = require_attempt(unit, attempt.id)
            if current.next_look_at is None:
                return
            if current.next_look_at <= occasion.now:
                unit.save_attempt(replace(current, next_look_at=next_look(current, occasion)))
            if self._is_doubtful_for_too_long(current, occasion):
                unit.open_case(_doubt(current, occasion))
            if case is not None and current.is_live:
                unit.open_case(case)

        await self._rooms.store.run(work)

    def _is_doubtful_for_too_long(self, attempt: Attempt, occasion: Occasion) -> bool:
        unsure = attempt.state in UNSURE_STATES
        return unsure and occasion.now - attempt.prepared_at >= occasion.timing.booking_deadline

    def _occasion(self) -> Occasion:
        return Occasion(self._rooms.clock.now(), _ACTOR, self._rooms.timing)


def _doubt(attempt: Attempt, occasion: Occasion) -> Case:
    moved = (
        f"Money may have been taken from customer {attempt.stripe_customer_id} of Stripe; do not charge"
        " it by other means."
        if attempt.off_session
        else "No card was entered for it yet, so no money can have moved."
    )
    return Case(
        kind=CaseKind.UNKNOWN_TOO_LONG,
        subject=attempt.id,
        collection_id=attempt.collection_id,
        opened_at=occasion.now,
        summary=f"It is not known whether Stripe has a PaymentIntent for {attempt.amount} ({attempt.id})."
        f" {moved} It is asked for again until it is known.",
    )


def _out_of_sight(attempt: Attempt, occasion: Occasion, reason: str) -> Case:
    return Case(
        kind=CaseKind.UNKNOWN_TOO_LONG,
        subject=attempt.id,
        collection_id=attempt.collection_id,
        opened_at=occasion.now,
        summary=f"What became of a payment of {attempt.amount} cannot be found out: {reason} Money may have"
        f" been taken; look for {attempt.intent_id or attempt.id} in the dashboard of the Stripe account that"
        f" section {attempt.account.name} had before. It is asked for again until it is known.",
    )
