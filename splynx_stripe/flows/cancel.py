"""Cancels PaymentIntents that are not wanted any more, and confirms it."""

from __future__ import annotations

from splynx_stripe.domain.attempt import AttemptState
from splynx_stripe.domain.effect import StoredEffect
from splynx_stripe.domain.errors import RetryableError
from splynx_stripe.flows.ask_stripe import StripeAsker
from splynx_stripe.flows.rooms import Rooms
from splynx_stripe.flows.transition import Occasion, end_effect, require_attempt

_UNWANTED = frozenset({AttemptState.CANCELING, AttemptState.ORPHANED})


class CancelPaymentIntent:
    """Carries out the effect `cancel_payment_intent`."""

    def __init__(self, rooms: Rooms, asker: StripeAsker) -> None:
        self._rooms = rooms
        self._asker = asker

    async def carry_out(self, effect: StoredEffect) -> None:
        """Cancels, or learns that the money moved before; either way the answer is recorded.

        Raises:
            RetryableError: Stripe still shows it as payable (it was being confirmed, or answers
                overtook each other); call again later, or it would stay so for ever.
        """
        attempt = await self._rooms.store.read(
            lambda unit: require_attempt(unit, effect.attempt_id)
        )
        if attempt.state in _UNWANTED:
            attempt = await self._asker.cancel(attempt, "daemon")
        if attempt.state in _UNWANTED:
            raise RetryableError(f"Stripe has not canceled {attempt.intent_id} yet.")
        occasion = Occasion(self._rooms.clock.now(), "daemon", self._rooms.timing)
        await self._rooms.store.run(lambda unit: end_effect(unit, effect, occasion))
