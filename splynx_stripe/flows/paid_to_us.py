"""Knows a debt that was paid to us although Splynx still shows all of it as due."""

from __future__ import annotations

from functools import partial

from splynx_stripe.domain.case import CaseKind
from splynx_stripe.domain.collection import Collection, CollectionState
from splynx_stripe.domain.payable import Payable, PayableKind
from splynx_stripe.flows.look import Look, Looker, Verdict
from splynx_stripe.flows.ports import Unit
from splynx_stripe.flows.rooms import Rooms


class PaidToUs:
    """Says what must not be collected a second time (I1).

    Some servers do not set a proforma paid, nor let us do it (`reference/splynx-api.md` 7, #6 and
    #7). And where somebody else has entered our payment without pairing it, what is due does not
    know of it. There is a case about either.
    """

    def __init__(self, rooms: Rooms, looker: Looker) -> None:
        self._rooms = rooms
        self._looker = looker

    async def is_paid(self, payable: Payable) -> bool:
        """Says whether we have booked a payment of the debt although Splynx still shows it as due."""
        last = await self._rooms.store.read(lambda unit: unit.latest_collection(payable))
        if last is None or last.state is not CollectionState.BOOKED or payable.kind.is_of_account:
            return False
        return await self.is_paid_by(last, await self._looker.again(payable))

    async def is_paid_by(self, last: Collection, look: Look) -> bool:
        """Says whether Splynx has our payment of a document and still shows what it paid as due."""
        if last.payable.kind is PayableKind.TOP_UP:
            return True
        document = look.document
        if document is None or look.verdict is not Verdict.PAYABLE:
            return False
        payment = await self._rooms.splynx.payment(last.splynx_payment_id)
        if payment is None:
            return False
        if document.id in {payment.invoice_id, payment.request_id}:
            return document.due == document.total
        return await self._rooms.store.read(partial(_waits_for_pairing, last=last))


def _waits_for_pairing(unit: Unit, last: Collection) -> bool:
    """Says whether a person is asked to bring our payment and its document together."""
    return any(
        unit.is_case_open(CaseKind.BOOKED_ELSEWHERE, attempt.id)
        for attempt in unit.attempts_of(last.whole_id or last.id)
    )
