"""What a charge finds when it begins: its own earlier effort, a stop, and who else is at work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from splynx_stripe.domain.attempt import Attempt, AttemptState
from splynx_stripe.domain.collection import Collection
from splynx_stripe.domain.payable import Payable
from splynx_stripe.flows.lease import holder, others_in_the_way
from splynx_stripe.flows.ports import Unit
from splynx_stripe.flows.safe_stop import unattended_stop


@dataclass(frozen=True, slots=True)
class Effort:
    """What an origin has begun. Without `attempt` it holds the lease and has charged nothing yet."""

    collection: Collection
    attempt: Attempt | None


@dataclass(frozen=True, slots=True)
class Ground:
    """What is known when a round begins, read at once.

    `stop` says why nothing may be charged, `last` is the newest collection of the debt, `others`
    are the live ones of the same money.
    """

    own: Effort | None
    stop: str
    last: Collection | None
    others: Sequence[Collection]


def ground_of(unit: Unit, *, payable: Payable, origin: str) -> Ground:
    """Reads the ground of a charge."""
    own = effort_of(unit, origin)
    if own is not None:
        return Ground(own, "", None, ())
    stop, last = unattended_stop(unit), unit.latest_collection(payable)
    return Ground(None, stop, last, others_of(unit, payable))


def effort_of(unit: Unit, origin: str) -> Effort | None:
    """Finds what is under way, or at an end, for an origin. None: it may begin (anew)."""
    collection = unit.latest_of_origin(origin) if origin else None
    if collection is None:
        return None
    attempts = unit.attempts_of(collection.id)
    if collection.is_live or any(_has_an_end(attempt) for attempt in attempts):
        return Effort(collection, attempts[-1] if attempts else None)
    return None


def _has_an_end(attempt: Attempt) -> bool:
    """Says whether an attempt took money, or was refused it; one that came to nothing is neither."""
    if not attempt.off_session:
        return attempt.state is AttemptState.SUCCEEDED
    return attempt.state is AttemptState.SUCCEEDED or attempt.failure is not None


def others_of(unit: Unit, payable: Payable) -> list[Collection]:
    """Finds the live collections of the same money: of the same debt, and of rivals."""
    live = holder(unit, payable)
    return [*([live] if live is not None else ()), *others_in_the_way(unit, payable)]
