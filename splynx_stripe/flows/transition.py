"""Writes what became known: event, new state and effects of a debt, in one commit."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from splynx_stripe.domain.attempt import (
    DEAD_STATES,
    UNSURE_STATES,
    Attempt,
    AttemptState,
    News,
    Step,
    step,
)
from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.case import Case, CaseKind
from splynx_stripe.domain.collection import (
    COLLECTION_TRANSITIONS,
    Collection,
    CollectionNews,
)
from splynx_stripe.domain.effect import OF_EACH_DOCUMENT, Effect, EffectState, StoredEffect
from splynx_stripe.domain.errors import BrokenInvariantError
from splynx_stripe.domain.payable import PayableKind
from splynx_stripe.domain.timing import Timing
from splynx_stripe.flows.ports import Unit

log = logging.getLogger(__name__)

_FIRST_HOUR = timedelta(hours=1)
"""As long as a doubt is young, somebody may be waiting at a payment page."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """When a transition happens, who caused it, and the waiting times that apply."""

    now: datetime
    actor: str
    timing: Timing


def apply_news(unit: Unit, attempt_id: str, news: News, occasion: Occasion) -> Attempt:
    """Applies news to an attempt and its collection within one unit of work.

    Raises:
        BrokenInvariantError: there is no such attempt; nothing is written.
    """
    before = require_attempt(unit, attempt_id)
    result = step(before, news)
    after = result.attempt
    if after.state != before.state:
        after = replace(after, next_look_at=next_look(after, occasion))
    if after != before:
        after = unit.save_attempt(after)
    if after.state != before.state:
        _record(unit, f"attempt.{after.state}", before, after, occasion)
        _add_effects(unit, result, occasion)
        _tell_collection(unit, after, occasion)
        _settle_doubt(unit, after, occasion)
    elif _is_newly_declined(before, after):
        _record(unit, "attempt.declined", before, after, occasion)
    return after


def require_attempt(unit: Unit, attempt_id: str) -> Attempt:
    """Finds an attempt that has to exist."""
    attempt = unit.attempt(attempt_id)
    if attempt is None:
        raise BrokenInvariantError(f"There is no attempt {attempt_id}.")
    return attempt


def require_collection(unit: Unit, collection_id: str) -> Collection:
    """Finds a collection that has to exist."""
    collection = unit.collection(collection_id)
    if collection is None:
        raise BrokenInvariantError(f"There is no collection {collection_id}.")
    return collection


def move_collection(
    unit: Unit, collection: Collection, news: CollectionNews, occasion: Occasion
) -> Collection:
    """Applies news to a collection and records the change, if it is one."""
    state = COLLECTION_TRANSITIONS[collection.state, news]
    if state == collection.state:
        return collection
    unit.save_collection(replace(collection, state=state))
    unit.record(
        AuditEntry(
            at=occasion.now,
            event=f"collection.{state}",
            actor=occasion.actor,
            collection_id=collection.id,
            facts={"payable": collection.payable.key},
        )
    )
    if news is not CollectionNews.PAYMENT_BOOKED:  # each document is booked by itself
        for part in unit.parts_of(collection.id):
            move_collection(unit, part, news, occasion)
    return require_collection(unit, collection.id)


def next_look(attempt: Attempt, occasion: Occasion) -> datetime | None:
    """Says when we ask Stripe about an attempt of our own accord; None when there is no need.

    CANCELING and ORPHANED are looked after by their effect.
    """
    match attempt.state:
        case AttemptState.PREPARED | AttemptState.UNKNOWN:
            # After an hour a moment matters less: Stripe may repeat a saved 500 for a day (fault
            # 23), and thousands of questions would bring no other answer.
            patience = (occasion.now - attempt.prepared_at - _FIRST_HOUR) / 4
            wait = min(patience, occasion.timing.look_every)
            return occasion.now + max(wait, occasion.timing.look_after_first)
        case (
            AttemptState.AWAITING_CUSTOMER | AttemptState.REQUIRES_ACTION | AttemptState.PROCESSING
        ):
            return occasion.now + occasion.timing.look_every
        case _:
            return None


def _is_newly_declined(before: Attempt, after: Attempt) -> bool:
    """Says whether a card was refused; the PaymentIntent goes on waiting, so no state tells it."""
    last_try = (before.failure, before.charge_id)
    return after.failure is not None and (after.failure, after.charge_id) != last_try


def _record(unit: Unit, event: str, before: Attempt, after: Attempt, occasion: Occasion) -> None:
    facts = {
        "from": before.state.value,
        "amount": str(after.amount),
        "account": after.account.key,
        "payment_intent": after.intent_id,
        "charge": after.charge_id,
    }
    if after.failure is not None:
        facts |= {"code": after.failure.code, "decline_code": after.failure.decline_code}
    unit.record(
        AuditEntry(
            at=occasion.now,
            event=event,
            actor=occasion.actor,
            collection_id=after.collection_id,
            attempt_id=after.id,
            facts={name: value for name, value in facts.items() if value},
        )
    )


def add_effects(unit: Unit, attempt: Attempt, wanted: Sequence[Effect], occasion: Occasion) -> None:
    """Stores effects, those on documents once for each, where several were paid at once."""
    for effect in _for_each_document(unit, attempt, wanted):
        unit.add_effect(
            effect,
            attempt_id=attempt.id,
            now=occasion.now,
            deadline_at=occasion.now + occasion.timing.booking_deadline,
        )


def _add_effects(unit: Unit, result: Step, occasion: Occasion) -> None:
    attempt = result.attempt
    add_effects(unit, attempt, result.effects, occasion)
    if result.case is not None:
        log.critical("money.stopped", extra={"attempt": attempt.id, "case": result.case.value})
        unit.open_case(
            Case(
                kind=result.case,
                subject=attempt.id,
                collection_id=attempt.collection_id,
                opened_at=occasion.now,
                summary=f"Stripe took another amount than the {attempt.amount} that were asked for, in"
                f" {attempt.intent_id}. It is not booked in Splynx. Compare both and book by hand. Nothing"
                " more is charged until somebody has looked at it and closed this case.",
            )
        )


def _for_each_document(unit: Unit, attempt: Attempt, wanted: Sequence[Effect]) -> Sequence[Effect]:
    """Turns an effect on a document into one for each, where several are paid at once."""
    if not wanted:
        return wanted
    collection = require_collection(unit, attempt.collection_id)
    if collection.payable.kind is not PayableKind.SEVERAL:
        return wanted
    parts = unit.parts_of(collection.id)
    return [
        each
        for effect in wanted
        for each in (
            [
                replace(effect, key=f"{effect.key}:{part.part}", collection_id=part.id)
                for part in parts
            ]
            if effect.kind in OF_EACH_DOCUMENT
            else [effect]
        )
    ]


def _tell_collection(unit: Unit, attempt: Attempt, occasion: Occasion) -> None:
    collection = require_collection(unit, attempt.collection_id)
    if attempt.state is AttemptState.SUCCEEDED:
        move_collection(unit, collection, CollectionNews.ATTEMPT_SUCCEEDED, occasion)
    elif attempt.state in DEAD_STATES:
        others = [other for other in unit.attempts_of(collection.id) if other.is_live]
        if not others:
            move_collection(unit, collection, CollectionNews.ATTEMPT_ENDED, occasion)


def _settle_doubt(unit: Unit, after: Attempt, occasion: Occasion) -> None:
    if after.state not in UNSURE_STATES:
        unit.close_case(
            CaseKind.UNKNOWN_TOO_LONG,
            after.id,
            now=occasion.now,
            note=f"It is known now: {after.state}.",
        )


def end_effect(unit: Unit, effect: StoredEffect, occasion: Occasion) -> None:
    """Marks an effect done, in the commit that records what it did, and closes its case.

    Raises:
        StaleWriteError: somebody else has claimed it meanwhile; the whole unit is undone.
    """
    current = unit.effect(effect.key)
    if current is None:
        raise BrokenInvariantError(f"There is no effect {effect.key}.")
    done = replace(current, claim=effect.claim, state=EffectState.DONE, claimed_until=None)
    unit.save_effect(replace(done, last_error=""))
    unit.close_case(CaseKind.EFFECT_OVERDUE, effect.key, now=occasion.now, note="It is done now.")


def debt_of(unit: Unit, attempt_id: str, collection_id: str = "") -> tuple[Attempt, Collection]:
    """Finds an attempt and its collection, or that of one of its documents; they have to exist."""
    attempt = require_attempt(unit, attempt_id)
    return attempt, require_collection(unit, collection_id or attempt.collection_id)
