"""Events of Stripe: stored before they are acknowledged, handled at our own pace, once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from splynx_stripe.domain.attempt import Attempt, AttemptState, News
from splynx_stripe.domain.case import Case, CaseKind
from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    NotPermittedError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
    StaleWriteError,
)
from splynx_stripe.domain.inbox import InboxEvent, InboxSource, InboxState, NewInboxEvent
from splynx_stripe.domain.metadata import ATTEMPT, INSTALLATION
from splynx_stripe.domain.stripe import (
    PaymentIntent,
    PaymentIntentStatus,
    StripeAccount,
    StripeEvent,
)
from splynx_stripe.flows.ask_stripe import StripeAsker
from splynx_stripe.flows.ports import Unit
from splynx_stripe.flows.rooms import Rooms
from splynx_stripe.flows.transition import Occasion, apply_news
from splynx_stripe.kit.backoff import Backoff

log = logging.getLogger(__name__)

_PRESSED = 16
"""Events that wait to be stored; Stripe's own pace of a busy day keeps it at one or two."""
_RETRIES = Backoff(first_s=1, ceiling_s=300)
_TRIES_BEFORE_PARKING = 12
"""About half an hour of back-off; then the event is parked with a case and the rest flows on."""


@dataclass(frozen=True, slots=True)
class ReceiveEvent:
    """Stores an event. In a burst the store does all that wait with one statement (`together`)."""

    event: NewInboxEvent

    def __call__(self, unit: Unit) -> bool:
        return unit.receive_event(self.event)

    @staticmethod
    def together(unit: Unit, works: Sequence[ReceiveEvent]) -> Sequence[bool]:
        """Gives what each of them would have given after the ones before it."""
        return unit.receive_events([work.event for work in works])


class Inbox:
    """Receives and handles events."""

    def __init__(self, rooms: Rooms, asker: StripeAsker) -> None:
        self._rooms = rooms
        self._asker = asker
        self._receiving = 0

    def is_pressed(self) -> bool:
        """Says whether so many events wait to be stored that handling them should wait."""
        return self._receiving >= _PRESSED

    async def receive(
        self, event: StripeEvent, account: StripeAccount, source: InboxSource
    ) -> bool:
        """Stores an event; when this returns, it survives a power cut (I7). False: known already."""
        received = NewInboxEvent(
            account=account,
            event_id=event.id,
            type=event.type,
            created=event.created,
            received_at=self._rooms.clock.now(),
            source=source,
            body=event.body,
        )
        self._receiving += 1
        try:
            new = await self._rooms.store.run(ReceiveEvent(received))
        finally:
            self._receiving -= 1
        if new:
            self._rooms.wake()
        return new

    async def claim(self, limit: int) -> Sequence[InboxEvent]:
        """Claims up to `limit` events that are to be handled now."""
        now = self._rooms.clock.now()
        until = now + self._rooms.timing.event_claim
        return await self._rooms.store.run(lambda unit: unit.claim_inbox(now, until, limit))

    async def handle(self, event: InboxEvent) -> None:
        """Handles a claimed event; whatever happens is written down. Only success ends it."""
        try:
            await self._handle(event)
        except StaleWriteError:
            log.warning("inbox.claim_lost", extra={"event": event.event_id})
        except (RetryableError, OutcomeUnknownError, NotPermittedError) as error:
            await self._later(event, error)
        except (RejectedError, BrokenInvariantError) as error:
            await self._park(event, str(error))

    async def _handle(self, event: InboxEvent) -> None:
        intent = self._rooms.stripe.parse_event(event.body).payment_intent
        if intent is None:
            await self._finish(event, InboxState.IGNORED, "It is not about a PaymentIntent.")
            return
        attempt_id = intent.metadata.get(ATTEMPT, "")
        installation, attempt = await self._rooms.store.read(
            lambda unit: (unit.installation(), unit.attempt(attempt_id))
        )
        if intent.metadata.get(INSTALLATION) != installation.id:
            await self._finish(event, InboxState.IGNORED, "It is not from this installation.")
            return
        if attempt is None:
            raise RetryableError(f"There is no attempt {attempt_id!r} yet.")
        if attempt.account != event.account or intent.livemode != event.account.livemode:
            await self._park(
                event, "It came through another Stripe account or mode than its payment."
            )
            return
        await self._apply(event, attempt, intent)

    async def _apply(self, event: InboxEvent, attempt: Attempt, intent: PaymentIntent) -> None:
        """A success is final and believed; everything else may be stale, so Stripe is asked."""
        if intent.status is not PaymentIntentStatus.SUCCEEDED:
            await self._ask(attempt, intent, event)
            await self._finish(event, InboxState.HANDLED, "")
            return
        news = News.observed(intent, event.created)
        occasion = Occasion(self._rooms.clock.now(), "stripe", self._rooms.timing)

        def work(unit: Unit) -> None:
            apply_news(unit, attempt.id, news, occasion)
            unit.finish_inbox(event, state=InboxState.HANDLED, note="")

        await self._rooms.store.run(work)
        self._rooms.wake()

    async def _ask(self, attempt: Attempt, intent: PaymentIntent, event: InboxEvent) -> None:
        if attempt.state is AttemptState.SUCCEEDED:
            return
        observed = await self._rooms.stripe.retrieve_payment_intent(attempt.account, intent.id)
        await self._asker.tell(
            attempt.id, News.observed(observed.intent, observed.as_of), f"stripe:{event.event_id}"
        )

    async def _later(self, event: InboxEvent, error: Exception) -> None:
        tries = event.tries + 1
        if tries >= _TRIES_BEFORE_PARKING:
            await self._park(event, str(error))
            return
        wait_s = _RETRIES.delay_s(tries, self._rooms.dice)
        log.warning("inbox.retry", extra={"event": event.event_id, "error": str(error)})
        await self._finish(event, InboxState.RECEIVED, str(error), again_after_s=wait_s)

    async def _park(self, event: InboxEvent, reason: str) -> None:
        log.error("inbox.parked", extra={"event": event.event_id, "error": reason})
        case = Case(
            kind=CaseKind.EVENT_NOT_UNDERSTOOD,
            subject=f"{event.account.key}/{event.event_id}",
            opened_at=self._rooms.clock.now(),
            summary=f"Stripe's event {event.event_id} ({event.type}) could not be handled: {reason}"
            " Nothing was booked because of it; compare its payment in the Stripe dashboard.",
        )

        def work(unit: Unit) -> None:
            unit.open_case(case)
            unit.finish_inbox(event, state=InboxState.PARKED, note=reason)

        await self._rooms.store.run(work)

    async def _finish(
        self, event: InboxEvent, state: InboxState, note: str, *, again_after_s: float | None = None
    ) -> None:
        now = self._rooms.clock.now()
        next_at = None if again_after_s is None else now + timedelta(seconds=again_after_s)
        await self._rooms.store.run(
            lambda unit: unit.finish_inbox(event, state=state, note=note, next_at=next_at)
        )
