"""Who holds the lease of a debt, also where several documents are paid at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from splynx_stripe.domain.collection import Collection
from splynx_stripe.domain.payable import Payable
from splynx_stripe.flows.ports import Unit


def holder(unit: Unit, payable: Payable) -> Collection | None:
    """Finds who holds the lease: of several documents paid at once, the collection of all."""
    live = unit.live_collection(payable)
    return unit.collection(live.whole_id) if live is not None and live.whole_id else live


def parts_of(whole: Collection) -> Sequence[Collection]:
    """Makes the collections that hold the lease of each document; none for a single debt."""
    return [
        replace(whole, id=f"{whole.id}.{part}", payable=payable, whole_id=whole.id, part=part)
        for part, payable in enumerate(whole.payable.parts, 1)
    ]
