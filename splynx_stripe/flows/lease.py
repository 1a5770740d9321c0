"""Who holds the lease of a debt, also where several documents are paid at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from splynx_stripe.domain.attempt import UNSURE_STATES, Attempt, AttemptState
from splynx_stripe.domain.collection import Collection, CollectionState
from splynx_stripe.domain.payable import Payable
from splynx_stripe.flows.ports import Unit


def holder(unit: Unit, payable: Payable) -> Collection | None:
    """Finds who holds the lease: of several documents paid at once, the collection of all."""
    live = unit.live_collection(payable)
    return unit.collection(live.whole_id) if live is not None and live.whole_id else live


def others_in_the_way(unit: Unit, payable: Payable) -> Sequence[Collection]:
    """Finds the live efforts for the same money by another route.

    They are those for single ones of several documents, and rivals (`Unit.rivals_of`).
    """
    holders = [holder(unit, part) for part in payable.parts]
    others = [one for one in holders if one is not None and one.payable.key != payable.key]
    found = {one.id: one for one in (*others, *unit.rivals_of(payable))}
    return list(found.values())


def is_on_its_way(attempt: Attempt) -> bool:
    """Says whether money may be moving with nobody at a page who could still decide otherwise."""
    charged_unseen = attempt.off_session and attempt.state in UNSURE_STATES
    return charged_unseen or attempt.state is AttemptState.PROCESSING


def is_taken_by_rival(unit: Unit, payable: Payable) -> bool:
    """Says whether money for the same debt is on its way, or taken, by another route."""
    return any(
        rival.state is CollectionState.SETTLED
        or any(is_on_its_way(attempt) for attempt in unit.attempts_of(rival.id))
        for rival in unit.rivals_of(payable)
    )


def parts_of(whole: Collection) -> Sequence[Collection]:
    """Makes the collections that hold the lease of each document; none for a single debt."""
    return [
        replace(whole, id=f"{whole.id}.{part}", payable=payable, whole_id=whole.id, part=part)
        for part, payable in enumerate(whole.payable.parts, 1)
    ]
