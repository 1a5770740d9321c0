"""The machine of a collection: one effort to collect one payable, by whatever route.

Theory. OPEN and SETTLED are *live*: at most one live collection exists per payable, which is the
lease (I1), repeated in the database as a partial unique index. The lease outlasts the success of
the charge until the money is booked, because until then Splynx still shows the debt as open.

RETURNED is a collection whose money the bank took back after it was booked; the debt is open again.

LATE is a collection that was closed, its attempt proven dead, and then money moved all the same.
It cannot hold the lease again, since another collection may be live; its money is booked like any
other, after a look at the document, and goes to the balance with a case where the debt is paid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import Payable


class CollectionState(StrEnum):
    """Where a collection is."""

    OPEN = "open"
    SETTLED = "settled"
    BOOKED = "booked"
    CLOSED = "closed"
    LATE = "late"
    RETURNED = "returned"


class CollectionNews(StrEnum):
    """What can become known about a collection."""

    ATTEMPT_SUCCEEDED = "attempt_succeeded"
    ATTEMPT_ENDED = "attempt_ended"
    PAYMENT_BOOKED = "payment_booked"
    ABANDONED = "abandoned"
    PAYMENT_REVERSED = "payment_reversed"


LIVE_COLLECTION_STATES = frozenset({CollectionState.OPEN, CollectionState.SETTLED})
"""The states that hold the lease of the payable."""

_S, _N = CollectionState, CollectionNews

COLLECTION_TRANSITIONS: Mapping[tuple[CollectionState, CollectionNews], CollectionState] = (
    MappingProxyType(
        {(state, news): state for state in CollectionState for news in CollectionNews}
        | {
            (_S.OPEN, _N.ATTEMPT_SUCCEEDED): _S.SETTLED,
            (_S.OPEN, _N.ATTEMPT_ENDED): _S.CLOSED,
            (_S.OPEN, _N.ABANDONED): _S.CLOSED,
            (_S.OPEN, _N.PAYMENT_BOOKED): _S.BOOKED,
            (_S.SETTLED, _N.PAYMENT_BOOKED): _S.BOOKED,
            (_S.CLOSED, _N.ATTEMPT_SUCCEEDED): _S.LATE,
            (_S.CLOSED, _N.PAYMENT_BOOKED): _S.BOOKED,
            (_S.LATE, _N.PAYMENT_BOOKED): _S.BOOKED,
            (_S.BOOKED, _N.PAYMENT_REVERSED): _S.RETURNED,
        }
    )
)
"""The changes; every other pair leaves the state as it is."""


class Route(StrEnum):
    """By which way a collection was started."""

    PORTAL = "portal"
    DIRECT_LINK = "direct_link"
    SIGNED_LINK = "signed_link"
    CHARGE_RUN = "charge_run"
    AUTO_CHARGE = "auto_charge"
    RETRY = "retry"
    OFFICE = "office"

    @property
    def is_unattended(self) -> bool:
        """Says whether a saved credential is charged and nobody waits at a payment page."""
        return self in _UNATTENDED


_UNATTENDED = frozenset({Route.CHARGE_RUN, Route.AUTO_CHARGE, Route.RETRY, Route.OFFICE})


@dataclass(frozen=True, slots=True)
class Collection:
    """One effort to collect one payable. `version` guards against lost updates.

    Where several documents are paid at once, each has a collection of its own, which holds the
    document's lease, follows the one in `whole_id` that has the attempt, and is booked by itself
    with `splynx_payment_id`. `part` counts them from 1.

    `origin` names the effort that an unattended charge belongs to ("run/<id>/<number>"), "" for
    what a person began at a page.
    """

    id: str
    payable: Payable
    route: Route
    state: CollectionState
    opened_at: datetime
    version: int = 0
    whole_id: str = ""
    part: int = 0
    splynx_payment_id: int = 0
    origin: str = ""

    def share_of(self, charged: Money) -> Money:
        """Gives what of the charged money belongs to it: all, or the share of one of its documents."""
        share = self.payable.set_amount
        return share if self.part and share is not None else charged

    @property
    def is_live(self) -> bool:
        """Says whether it holds the lease."""
        return self.state in LIVE_COLLECTION_STATES
