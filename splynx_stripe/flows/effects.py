"""Carries out stored effects, each at least once, and bounds every doubt about them (I10)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

from splynx_stripe.domain.case import Case, CaseKind
from splynx_stripe.domain.effect import EffectKind, EffectState, StoredEffect
from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    NotPermittedError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
    StaleWriteError,
)
from splynx_stripe.flows.ports import Unit
from splynx_stripe.flows.rooms import Rooms
from splynx_stripe.kit.backoff import Backoff

log = logging.getLogger(__name__)

_RETRIES = Backoff(first_s=1, ceiling_s=300)

_WHAT = {
    EffectKind.BOOK_PAYMENT: "booking the payment in Splynx",
    EffectKind.RECORD_STATEMENT: "entering the payment into the payment statement",
    EffectKind.CANCEL_PAYMENT_INTENT: "canceling the PaymentIntent at Stripe",
    EffectKind.MARK_PENDING: "showing the document as pending in Splynx",
    EffectKind.MARK_UNPAID: "showing the document as unpaid again in Splynx",
    EffectKind.REVERSE_BOOKING: "booking in Splynx that the bank took a payment back",
    EffectKind.SAVE_CREDENTIAL: "saving the payment method for future charges",
    EffectKind.FOLLOW_UP_FAILURE: "deciding what follows a failed payment",
}
_MONEY = {
    EffectKind.BOOK_PAYMENT: "The money was taken and is safe; only the entry is missing.",
    EffectKind.RECORD_STATEMENT: "The payment itself is booked.",
    EffectKind.CANCEL_PAYMENT_INTENT: "No money was taken by it so far.",
    EffectKind.MARK_PENDING: "The bank debit goes on; take care that nobody pays a second time.",
    EffectKind.MARK_UNPAID: "The bank debit has failed; no money was taken.",
    EffectKind.REVERSE_BOOKING: "The bank has the money; only Splynx still shows it as paid.",
    EffectKind.SAVE_CREDENTIAL: "The payment itself is not touched by it.",
    EffectKind.FOLLOW_UP_FAILURE: "No money was taken; nobody was told and nothing is retried.",
}


UnitWork = Callable[[Unit], None]


class EffectHandler(Protocol):
    """Does one kind of effect and marks it done in the commit that records what it did."""

    async def carry_out(self, effect: StoredEffect) -> None:
        """Does it, or raises one of the four families."""
        ...


class Effects:
    """Claims due effects and carries them out."""

    def __init__(self, rooms: Rooms, handlers: Mapping[EffectKind, EffectHandler]) -> None:
        self._rooms = rooms
        self._handlers = handlers

    async def claim(self, limit: int) -> Sequence[StoredEffect]:
        """Claims up to `limit` due effects for this process."""
        return await self._rooms.store.run(self.claiming(limit))

    def claiming(self, limit: int) -> Callable[[Unit], Sequence[StoredEffect]]:
        """Gives the unit of work that claims, so that it can be part of a larger one."""
        now = self._rooms.clock.now()
        until = now + self._rooms.timing.effect_claim
        return lambda unit: unit.claim_effects(now, until, limit)

    async def carry_out(self, effect: StoredEffect) -> None:
        """Carries a claimed effect out; whatever happens is written down for the next try."""
        try:
            await self._handlers[effect.kind].carry_out(effect)
        except StaleWriteError:
            log.warning("effect.claim_lost", extra={"effect": effect.key})
        except NotPermittedError as error:
            await self._later(effect, error, after_s=_RETRIES.ceiling_s)
        except RetryableError as error:
            await self._later(effect, error, after_s=error.retry_after_s)
        except OutcomeUnknownError as error:
            wait = self._rooms.timing.verify_booking_after
            await self._later(effect, error, after_s=wait.total_seconds())
        except (RejectedError, BrokenInvariantError) as error:
            await self._give_to_a_person(effect, error)

    async def _later(self, effect: StoredEffect, error: Exception, *, after_s: float) -> None:
        now = self._rooms.clock.now()
        tries = effect.tries + 1
        wait_s = max(after_s, _RETRIES.delay_s(tries, self._rooms.dice))
        # A missing permission is tried again like the rest; but only a person can give it.
        level = logging.ERROR if isinstance(error, NotPermittedError) else logging.WARNING
        log.log(
            level,
            "effect.retry",
            extra={
                "effect": effect.key,
                "tries": tries,
                "wait_s": round(wait_s),
                "error": str(error),
            },
        )
        overdue = Case(
            kind=CaseKind.EFFECT_OVERDUE,
            subject=effect.key,
            opened_at=now,
            summary=f"{_WHAT[effect.kind].capitalize()} has not succeeded for too long: {error}"
            f" {_MONEY[effect.kind]} It is tried again until it succeeds.",
        )

        def work(unit: Unit) -> None:
            current = unit.effect(effect.key) or effect
            unit.save_effect(
                replace(
                    current,
                    claim=effect.claim,
                    tries=tries,
                    next_at=now + timedelta(seconds=wait_s),
                    claimed_until=None,
                    last_error=str(error),
                )
            )
            if now >= effect.deadline_at:
                attempt = unit.attempt(effect.attempt_id)
                unit.open_case(
                    replace(overdue, collection_id=attempt.collection_id if attempt else "")
                )

        await self._write(effect, work)

    async def _give_to_a_person(self, effect: StoredEffect, error: Exception) -> None:
        now = self._rooms.clock.now()
        log.error("effect.refused", extra={"effect": effect.key, "error": str(error)})
        refused = Case(
            kind=CaseKind.EFFECT_REFUSED,
            subject=effect.key,
            opened_at=now,
            summary=f"{_WHAT[effect.kind].capitalize()} was refused: {error} {_MONEY[effect.kind]}"
            " It is not tried again by itself.",
        )

        def work(unit: Unit) -> None:
            current = unit.effect(effect.key) or effect
            unit.save_effect(
                replace(
                    current,
                    claim=effect.claim,
                    state=EffectState.FAILED,
                    tries=effect.tries + 1,
                    claimed_until=None,
                    last_error=str(error),
                )
            )
            attempt = unit.attempt(effect.attempt_id)
            unit.open_case(replace(refused, collection_id=attempt.collection_id if attempt else ""))

        await self._write(effect, work)

    async def _write(self, effect: StoredEffect, work: UnitWork) -> None:
        try:
            await self._rooms.store.run(work)
        except StaleWriteError:
            log.warning("effect.claim_lost", extra={"effect": effect.key})
