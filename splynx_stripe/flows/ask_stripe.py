"""Asks Stripe about an attempt and writes down what it says, whatever it says."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from functools import partial

from splynx_stripe.domain.attempt import UNSURE_STATES, Attempt, AttemptState, News, NewsKind
from splynx_stripe.domain.case import Case, CaseKind
from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    NotPermittedError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
    StaleWriteError,
)
from splynx_stripe.domain.metadata import ATTEMPT
from splynx_stripe.domain.stripe import Observed, PaymentFailure, PaymentIntent
from splynx_stripe.flows.ports import Unit
from splynx_stripe.flows.rooms import Rooms
from splynx_stripe.flows.safe_stop import money_stop, told_of_case, unattended_stop
from splynx_stripe.flows.transition import Occasion, apply_news, require_attempt

log = logging.getLogger(__name__)

_CLOCK_MARGIN = timedelta(days=2)
"""How far Stripe's clock may be from ours when a PaymentIntent is looked for by time. Generous,
because the list is of one customer, and a clock that was a day off must not hide one (fault 15)."""


class StripeAsker:
    """One question about one attempt at a time, by the way that its state allows.

    - PREPARED or UNKNOWN: the list of the customer's PaymentIntents of that time; where it is not
      there and the key still protects, the same request with the same key.
    - known to Stripe: the PaymentIntent itself.

    The list comes first because an age is only what clocks say. A clock that was a day off when the
    attempt was prepared makes an expired key look young, and Stripe would make a second one (fault
    15 with 27). The other way round, absence is believed only when it is seen twice, with so much
    time between that no request can be on its way.
    """

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._missing_since_s: dict[str, float] = {}

    async def ask(
        self, attempt: Attempt, actor: str, *, is_new: bool = False
    ) -> tuple[Attempt, PaymentIntent | None]:
        """Asks and records. Gives the attempt afterwards and what Stripe showed, if anything.

        `is_new` says that the caller has just committed the attempt: nobody has asked before.

        Raises:
            RejectedError: Stripe refused to create it; recorded as REFUSED, no money moved.
            RetryableError: Stripe could not be asked; nothing changed.
            OutcomeUnknownError: recorded as UNKNOWN; it will be asked again.
            BrokenInvariantError: recorded as a case; this attempt is not touched any more.
        """
        if attempt.state in UNSURE_STATES and attempt.next_look_at is None:
            raise BrokenInvariantError(f"Attempt {attempt.id} was stopped; see its case.")
        observed = await self._observe(attempt, actor, is_new=is_new)
        if observed is None:
            return await self.tell(attempt.id, News(NewsKind.PROVEN_ABSENT), actor), None
        news = News.observed(observed.intent, observed.as_of)
        return await self.tell(attempt.id, news, actor), observed.intent

    async def _observe(self, attempt: Attempt, actor: str, *, is_new: bool) -> Observed | None:
        """Looks at the PaymentIntent of an attempt, or makes it. None: it is proven absent."""
        if attempt.intent_id:
            return await self._rooms.stripe.retrieve_payment_intent(
                attempt.account, attempt.intent_id
            )
        found = None if is_new else await self._search(attempt)
        if found is not None:
            return found
        if self._key_protects(attempt):
            return await self._create(attempt, actor)
        if attempt.state is AttemptState.PREPARED:
            await self.tell(attempt.id, News(NewsKind.OUTCOME_UNKNOWN), actor)
        if not self._is_missing_for_long(attempt):
            raise RetryableError(
                f"Stripe does not list {attempt.id}, but a request may still be on its way."
            )
        return None

    def _is_missing_for_long(self, attempt: Attempt) -> bool:
        """Says whether what this process has missed before would have arrived meanwhile.

        It goes by the clock that only counts, and by nobody else's: whoever sent the last request
        may have another clock, or had another one then.
        """
        now_s = self._rooms.clock.monotonic()
        since_s = self._missing_since_s.setdefault(attempt.id, now_s)
        if now_s - since_s < self._rooms.timing.verify_booking_after.total_seconds():
            return False
        del self._missing_since_s[attempt.id]
        return True

    async def cancel(self, attempt: Attempt, actor: str) -> Attempt:
        """Cancels the PaymentIntent of an attempt, or learns what became of it instead."""
        observed = await self._rooms.stripe.cancel_payment_intent(
            attempt.account, attempt.intent_id
        )
        return await self.tell(attempt.id, News.observed(observed.intent, observed.as_of), actor)

    async def withdraw(self, attempt: Attempt, actor: str) -> Attempt:
        """Asks for the end of an attempt, and gives what it is afterwards.

        The lease stays until Stripe has confirmed it; where Stripe cannot be asked now, the effect
        goes on trying.
        """
        after = await self.tell(attempt.id, News(NewsKind.CANCEL_REQUESTED), actor)
        if after.state is not AttemptState.CANCELING:
            return after
        try:
            return await self.cancel(after, actor)
        except (RetryableError, OutcomeUnknownError):
            return after

    async def tell(self, attempt_id: str, news: News, actor: str) -> Attempt:
        """Records news in one commit and wakes the pump for the effects."""
        occasion = Occasion(self._rooms.clock.now(), actor, self._rooms.timing)

        def work(unit: Unit) -> Attempt:
            return apply_news(unit, attempt_id, news, occasion)

        try:
            after = await self._rooms.store.run(work)
        except StaleWriteError:  # another daemon wrote between our read and our write
            after = await self._rooms.store.run(work)
        self._rooms.wake()
        return after

    def _key_protects(self, attempt: Attempt) -> bool:
        age = self._rooms.clock.now() - attempt.prepared_at
        return age < self._rooms.timing.key_protects_for

    async def _create(self, attempt: Attempt, actor: str) -> Observed:
        stop = await self._rooms.store.read(partial(_stop_for, attempt=attempt))
        if stop:
            raise RetryableError(stop)
        try:
            return await self._rooms.stripe.create_payment_intent(
                attempt.account, attempt.order, idempotency_key=attempt.idempotency_key
            )
        except NotPermittedError:
            # The key may have been revoked after an earlier request with it went through, so
            # this says nothing about whether the PaymentIntent exists.
            raise
        except RejectedError as error:
            reason = PaymentFailure(code=error.code, decline_code="", message=str(error))
            await self.tell(attempt.id, News(NewsKind.REFUSED, reason=reason), actor)
            raise
        except OutcomeUnknownError:
            # Stripe may repeat a saved 500 for a day; the next look finds it in the list (fault 23).
            await self.tell(attempt.id, News(NewsKind.OUTCOME_UNKNOWN), actor)
            raise
        except BrokenInvariantError as error:
            await self._freeze(attempt, str(error))
            raise

    async def _search(self, attempt: Attempt) -> Observed | None:
        """Looks for it among the customer's PaymentIntents. The list is read to its end."""
        found = await self._rooms.stripe.find_payment_intents(
            attempt.account,
            customer=attempt.stripe_customer_id,
            created_from=attempt.prepared_at - _CLOCK_MARGIN,
            created_to=attempt.prepared_at + self._rooms.timing.key_protects_for + _CLOCK_MARGIN,
        )
        ours = [seen for seen in found if seen.intent.metadata.get(ATTEMPT) == attempt.id]
        if len(ours) > 1:
            text = f"Stripe has {len(ours)} PaymentIntents for attempt {attempt.id}."
            await self._freeze(attempt, text)
            raise BrokenInvariantError(text)
        return ours[0] if ours else None

    async def _freeze(self, attempt: Attempt, reason: str) -> None:
        """Stops touching an attempt that contradicts itself, and says so to the office."""
        log.critical("money.stopped", extra={"attempt": attempt.id, "error": reason})
        now = self._rooms.clock.now()
        case = Case(
            kind=CaseKind.REQUEST_CONFLICT,
            subject=attempt.id,
            collection_id=attempt.collection_id,
            opened_at=now,
            summary=f"{reason} Nothing more is charged until somebody has looked at it in the Stripe"
            f" dashboard (search for {attempt.id}) and closed this case.",
        )

        def work(unit: Unit) -> None:
            unit.open_case(case)
            current = require_attempt(unit, attempt.id)
            unit.save_attempt(replace(current, next_look_at=None))

        await self._rooms.store.run(work)


def _stop_for(unit: Unit, attempt: Attempt) -> str:
    """Says why this attempt may not be sent now; "" when it may."""
    if attempt.off_session:
        return unattended_stop(unit)
    case = money_stop(unit)
    return "" if case is None else told_of_case(case)
