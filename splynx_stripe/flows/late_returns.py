"""Takes note of disputes: those of bank debits reverse their booking, those of cards need a person."""

from __future__ import annotations

from splynx_stripe.domain.attempt import Attempt, AttemptState
from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.case import Case, CaseKind
from splynx_stripe.domain.effect import Effect, EffectKind
from splynx_stripe.domain.errors import RejectedError, RetryableError
from splynx_stripe.domain.inbox import InboxEvent
from splynx_stripe.domain.late_return import Dispute, LateReturn
from splynx_stripe.flows.ask_stripe import StripeAsker
from splynx_stripe.flows.late_return_ports import StripeDisputes
from splynx_stripe.flows.ports import Unit
from splynx_stripe.flows.rooms import Rooms
from splynx_stripe.flows.transition import Occasion, add_effects

_NOT_OURS = "It is about no payment of this installation."


class LateReturns:
    """Handles the events `charge.dispute.*` (`flows.inbox.OtherEvents`)."""

    def __init__(self, rooms: Rooms, disputes: StripeDisputes) -> None:
        self._rooms = rooms
        self._disputes = disputes
        self._asker = StripeAsker(rooms)

    async def handle(self, event: InboxEvent) -> str | None:
        """Handles an event. Gives "" when done, a note when it is nothing to us, None when it is not ours.

        What an event says is asked for again, so that a forged or stale one reverses nothing.

        Raises:
            RetryableError, OutcomeUnknownError, NotPermittedError: handle it later.
            RejectedError, BrokenInvariantError: a person has to look.
        """
        about = self._disputes.dispute_of_event(event.body)
        if about is None:
            return None
        attempt = await self._rooms.store.read(
            lambda unit: unit.attempt_of_intent(event.account, about.payment_intent)
        )
        if attempt is None:
            return _NOT_OURS
        dispute = await self._disputes.retrieve_dispute(event.account, about.id)
        if (dispute.payment_intent, dispute.livemode) != (
            attempt.intent_id,
            event.account.livemode,
        ):
            raise RejectedError(
                f"Dispute {dispute.id} is about another payment than its event says.",
                code="dispute",
            )
        if attempt.state is not AttemptState.SUCCEEDED:  # its own event is late, or lost
            attempt, _ = await self._asker.ask(attempt, f"stripe:{event.event_id}")
        if attempt.state is not AttemptState.SUCCEEDED:
            raise RetryableError(f"{attempt.intent_id} is not known to have succeeded yet.")
        await self._take_note(attempt, dispute)
        return ""

    async def _take_note(self, attempt: Attempt, dispute: Dispute) -> None:
        occasion = Occasion(self._rooms.clock.now(), "stripe", self._rooms.timing)
        kind = attempt.chosen_kind
        if kind is None:  # a debit can come back before it is booked, which is when we ask
            raise RetryableError(f"It is not known yet what {attempt.intent_id} was paid with.")
        is_late_return = kind.is_bank and dispute.amount == attempt.amount
        late = LateReturn(
            dispute_id=dispute.id,
            account=attempt.account,
            attempt_id=attempt.id,
            amount=dispute.amount,
            reason=dispute.reason,
            returned_at=dispute.created,
        )

        def work(unit: Unit) -> None:
            if is_late_return:
                if not unit.add_late_return(late):
                    return
                effect = Effect(EffectKind.REVERSE_BOOKING, key=f"reverse:{dispute.id}")
                add_effects(unit, attempt, (effect,), occasion)
            unit.open_case(_case(attempt, dispute, occasion, is_late_return=is_late_return))
            unit.record(
                AuditEntry(
                    at=occasion.now,
                    event="payment.returned" if is_late_return else "payment.disputed",
                    actor=occasion.actor,
                    collection_id=attempt.collection_id,
                    attempt_id=attempt.id,
                    facts={
                        "dispute": dispute.id,
                        "amount": str(dispute.amount),
                        "reason": dispute.reason,
                    },
                )
            )

        await self._rooms.store.run(work)
        self._rooms.wake()


def _case(attempt: Attempt, dispute: Dispute, occasion: Occasion, *, is_late_return: bool) -> Case:
    said = dispute.reason.replace("_", " ") or "no reason"
    if is_late_return:
        summary = (
            f"The bank has taken {dispute.amount} of {attempt.intent_id} back ({said}). The booking is"
            " reversed and the document is open again by itself. The mandate is not valid any more:"
            " agree with the customer on another way to pay."
        )
    else:
        summary = (
            f"{dispute.amount} of {attempt.intent_id} are disputed ({said}). Nothing was changed in"
            " Splynx. Answer the dispute in the Stripe dashboard before its deadline; if it is lost,"
            " add a negative payment."
        )
    return Case(
        kind=CaseKind.LATE_RETURN if is_late_return else CaseKind.DISPUTED,
        subject=dispute.id,
        summary=summary,
        opened_at=occasion.now,
        collection_id=attempt.collection_id,
    )
