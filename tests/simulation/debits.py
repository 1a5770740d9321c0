"""The promises about bank debits that are on their way: watched when a document's status changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from tests.simulation.clockwork import SimClock
from tests.simulation.disk import Disk
from tests.simulation.plan import Plan
from tests.simulation.shares import Shares, ours
from tests.simulation.splynx_side import Row, SplynxSide
from tests.simulation.stripe_raw import Json
from tests.simulation.stripe_side import StripeSide

_IN_FLIGHT_S = 240.0
"""How long a request that was right when it was decided may be on its way."""

_DECIDED_S = 100.0
"""How long before a change the state of its debit was read: two slow requests are between."""

_SHOWN_WITHIN_S = 3600.0
"""How long a debit may be on its way before its documents are shown as pending."""

_NOT_AT_WORK = frozenset({8, 9, 10, 15, 28, 46, 49, 52, 53, 55, 56})
"""With these faults the daemon or Splynx may be away, or the document is not what it was."""


class Scene(Protocol):
    """What is looked at."""

    stripe: StripeSide
    splynx: SplynxSide
    disk: Disk
    clock: SimClock
    plan: Plan
    started_at_s: float


class DebitWatch:
    """Watches the statuses that we set; `break_promise` raises."""

    def __init__(
        self, scene: Scene, shares: Shares, break_promise: Callable[[str, str], None]
    ) -> None:
        self._scene = scene
        self._shares = shares
        self._break = break_promise

    def marked(self, document: Row, status: str) -> None:
        """Looks at a document just before our change of its status to pending or unpaid."""
        number = document["number"]
        if status == "pending" and not self._is_on_its_way(number, within_s=_IN_FLIGHT_S):
            self._break("I3", f"{number} is set pending, and no debit of ours is on its way")
        is_reopened = status == "not_paid" and document["status"] == "pending"
        if is_reopened and self._is_on_its_way(number, since_s=_DECIDED_S):
            self._break("I1", f"{number} is set unpaid while our debit is on its way")
        if status == "not_paid" and document["status"] == "paid":
            self._is_open_again(document)

    def _is_on_its_way(self, number: str, *, within_s: float = 0.0, since_s: float = 0.0) -> bool:
        """Says whether a debit is, or was a moment ago, on its way, and for how long already."""
        stripe, now_s = self._scene.stripe, self._scene.clock.elapsed_s
        for intent in ours(stripe):
            began_s = stripe.processing_since.get(intent["id"])
            if began_s is None or now_s - began_s < since_s:
                continue
            ended_s = (
                now_s
                if intent["status"] == "processing"
                else (stripe.processing_until.get(intent["id"], now_s))
            )
            if now_s - ended_s <= within_s and any(
                s.name == number for s in self._shares.of(intent)
            ):
                return True
        return False

    def _is_open_again(self, document: Row) -> None:
        """A paid document is opened only where the money that paid it went back to the bank."""
        for row in self._scene.splynx.payments:
            if row["id"] == document["payment_id"]:
                receipt = self._shares.receipt(row["receipt_number"])
                if receipt is not None and self._shares.returned(receipt.intent) is not None:
                    return
        self._break("I4", f"{document['number']} is opened again, and its money did not go back")

    def bank_speaks(self, intent: Json) -> None:
        """Looks at the documents of a debit that has been on its way for long (not always)."""
        scene, now_s = self._scene, self._scene.clock.elapsed_s
        since_s = scene.stripe.processing_since[intent["id"]]
        at_work_s = now_s - max(since_s, scene.started_at_s)
        if at_work_s < _SHOWN_WITHIN_S or not _NOT_AT_WORK.isdisjoint(scene.plan.faults):
            return
        documents = {row["number"]: row for row in scene.splynx.documents.values()}
        for share in self._shares.of(intent):
            row = documents.get(share.name)
            if row is not None and row["status"] == "not_paid":
                self._break("I1", f"{share.name} is shown as unpaid while its debit is on its way")
