"""Events of Stripe: stored before they are acknowledged, handled at our own pace, once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

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
from splynx_stripe.domain.inbox import InboxEnd, InboxEvent, InboxSource, InboxState, NewInboxEvent
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
_CREATED = "payment_intent.created"
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


@dataclass(slots=True)
class _Judged:
    """An event and what is to be done about it: its end, or the trouble, or neither: apply it."""

    event: InboxEvent
    intent: PaymentIntent | None = None
    attempt: Attempt | None = None
    ending: tuple[InboxState, str] | None = None
    trouble: Exception | None = None

    @property
    def installation(self) -> str:
        """Gives the installation that it says it is from."""
        return self._metadata(INSTALLATION)

    @property
    def attempt_id(self) -> str:
        """Gives the attempt that it says it is about."""
        return self._metadata(ATTEMPT)

    def judge(self, installation_id: str) -> None:
        """Decides, once the attempt is known."""
        event, intent, attempt = self.event, self.intent, self.attempt
        if intent is None or self.installation != installation_id:
            self.ending = (InboxState.IGNORED, "It is not from this installation.")
        elif attempt is None:
            self.trouble = RetryableError(f"There is no attempt {self.attempt_id!r} yet.")
        elif attempt.account != event.account or intent.livemode != event.account.livemode:
            self.trouble = RejectedError(
                "It came through another Stripe account or mode than its payment."
            )
        elif _says_nothing_new(event, intent, attempt):
            self.ending = (InboxState.HANDLED, "")

    def _metadata(self, name: str) -> str:
        return "" if self.intent is None else self.intent.metadata.get(name, "")


def _says_nothing_new(event: InboxEvent, intent: PaymentIntent, attempt: Attempt) -> bool:
    """Says whether an event cannot tell more than is known, whatever the clocks say.

    A success absorbs what is older and what is later. Whatever we have seen of a PaymentIntent was
    seen after its creation.
    """
    if intent.status is PaymentIntentStatus.SUCCEEDED:
        return False
    if attempt.state is AttemptState.SUCCEEDED:
        return True
    return event.type == _CREATED and attempt.intent_id == intent.id


def _find_attempts(unit: Unit, judged: Sequence[_Judged]) -> str:
    """Finds what the events are about, and gives the id of this installation."""
    installation = unit.installation()
    for each in judged:
        if each.installation == installation.id:
            each.attempt = unit.attempt(each.attempt_id)
    return installation.id


def _finish_all(unit: Unit, ended: Sequence[_Judged]) -> None:
    unit.finish_inbox_events(
        [InboxEnd(each.event, *each.ending) for each in ended if each.ending is not None]
    )


class OtherEvents(Protocol):
    """Handles events that are about no PaymentIntent (`credential_events.py`)."""

    async def handle(self, event: InboxEvent) -> str | None:
        """Gives "" when done, a note when it is nothing to us, None when it is not for this one."""
        ...


class Inbox:
    """Receives and handles events; `others` are asked about those of no PaymentIntent."""

    def __init__(
        self, rooms: Rooms, asker: StripeAsker, others: Sequence[OtherEvents] = ()
    ) -> None:
        self._rooms = rooms
        self._asker = asker
        self._others = others
        self._receiving = 0
        self._installation_id = ""  # known after the first look; it never changes

    def is_pressed(self) -> bool:
        """Says whether so many events wait to be stored that handling them should wait."""
        return self._receiving >= _PRESSED

    async def receive(
        self, event: StripeEvent, account: StripeAccount, source: InboxSource
    ) -> bool:
        """Stores an event; when this returns, it survives a power cut (I7). False: known already."""
        received = self._received(event, account, source)
        self._receiving += 1
        try:
            new = await self._rooms.store.run(ReceiveEvent(received))
        finally:
            self._receiving -= 1
        if new:
            self._rooms.wake()
        return new

    async def receive_page(self, events: Sequence[StripeEvent], account: StripeAccount) -> int:
        """Stores a page of polled events in one commit and says how many were not known yet."""
        received = [self._received(event, account, InboxSource.POLL) for event in events]
        if not received:
            return 0
        new = sum(await self._rooms.store.run(lambda unit: unit.receive_events(received)))
        if new:
            self._rooms.wake()
        return new

    def _received(
        self, event: StripeEvent, account: StripeAccount, source: InboxSource
    ) -> NewInboxEvent:
        return NewInboxEvent(
            account=account,
            event_id=event.id,
            type=event.type,
            created=event.created,
            received_at=self._rooms.clock.now(),
            source=source,
            body=event.body,
        )

    async def claim(self, limit: int) -> Sequence[InboxEvent]:
        """Claims up to `limit` events that are to be handled now."""
        return await self._rooms.store.run(self.claiming(limit))

    def claiming(self, limit: int) -> Callable[[Unit], Sequence[InboxEvent]]:
        """Gives the unit of work that claims, so that it can be part of a larger one."""
        now = self._rooms.clock.now()
        until = now + self._rooms.timing.event_claim
        return lambda unit: unit.claim_inbox(now, until, limit)

    async def handle(self, event: InboxEvent) -> None:
        """Handles a claimed event; whatever happens is written down. Only success ends it."""
        await self.handle_all([event])

    async def handle_all(self, events: Sequence[InboxEvent]) -> None:
        """Handles claimed events as `handle` does; those that change nothing end in one commit.

        Raises:
            StoreUnavailableError: some could not be written down; their claims end by time.
        """
        judged = [self._judged_by_itself(event) for event in events]
        await self._judge_by_attempt([each for each in judged if self._may_be_ours(each)])
        await self._end([each for each in judged if each.ending is not None])
        left = [each for each in judged if each.ending is None]
        if len(left) == 1:
            await self._act(left[0])
            return
        outcomes = await asyncio.gather(*map(self._act, left), return_exceptions=True)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome

    def _may_be_ours(self, judged: _Judged) -> bool:
        """Says whether the store has to be asked; an event of another installation ends here."""
        if judged.intent is None:
            return False
        if self._installation_id and judged.installation != self._installation_id:
            judged.judge(self._installation_id)
            return False
        return True

    def _judged_by_itself(self, event: InboxEvent) -> _Judged:
        """Says what is to be done about an event as far as that needs no look into the store."""
        try:
            intent = self._rooms.stripe.parse_event(event.body).payment_intent
        except RejectedError as error:
            return _Judged(event, trouble=error)
        if intent is None and not self._others:
            return _Judged(event, ending=(InboxState.IGNORED, "It is not about a PaymentIntent."))
        return _Judged(event, intent)

    async def _judge_by_attempt(self, judged: Sequence[_Judged]) -> None:
        """Finds the attempts that events are about, all in one look into the store."""
        if not judged:
            return

        try:
            ours = await self._rooms.store.read(lambda unit: _find_attempts(unit, judged))
        except BrokenInvariantError as error:
            if len(judged) == 1:
                judged[0].trouble = error
                return
            for each in judged:  # one that cannot be looked at must not hold up the others
                await self._judge_by_attempt([each])
            return
        self._installation_id = ours
        for each in judged:
            each.judge(ours)

    async def _end(self, ended: Sequence[_Judged]) -> None:
        """Writes the ends of events that change nothing else: together, or one by one if one fails."""
        if not ended:
            return
        try:
            await self._rooms.store.run(lambda unit: _finish_all(unit, ended))
        except (StaleWriteError, BrokenInvariantError) as error:
            if len(ended) > 1:
                for each in ended:
                    await self._end([each])
            elif isinstance(error, StaleWriteError):
                log.warning("inbox.claim_lost", extra={"event": ended[0].event.event_id})
            else:
                await self._park(ended[0].event, str(error))

    async def _act(self, judged: _Judged) -> None:
        event = judged.event
        try:
            await self._apply(judged)
        except StaleWriteError:
            log.warning("inbox.claim_lost", extra={"event": event.event_id})
        except (RetryableError, OutcomeUnknownError, NotPermittedError) as error:
            await self._later(event, error)
        except (RejectedError, BrokenInvariantError) as error:
            await self._park(event, str(error))

    async def _apply(self, judged: _Judged) -> None:
        """A success is final and believed; everything else may be stale, so Stripe is asked."""
        if judged.trouble is not None:
            raise judged.trouble
        event, attempt, intent = judged.event, judged.attempt, judged.intent
        if intent is None:
            await self._hand_over(event)
            return
        if attempt is None:
            raise BrokenInvariantError(f"Event {event.event_id} was not judged.")
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

    async def _hand_over(self, event: InboxEvent) -> None:
        """Lets those handle an event who know what it is about."""
        note = "It is not about a PaymentIntent."
        for other in self._others:
            answer = await other.handle(event)
            if answer == "":
                await self._finish(event, InboxState.HANDLED, "")
                return
            note = answer or note
        await self._finish(event, InboxState.IGNORED, note)

    async def _ask(self, attempt: Attempt, intent: PaymentIntent, event: InboxEvent) -> None:
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
        level = logging.ERROR if isinstance(error, NotPermittedError) else logging.WARNING
        log.log(level, "inbox.retry", extra={"event": event.event_id, "error": str(error)})
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
