"""The last look at a prepaid amount, just before it is charged: is it still owed, and how much?

A document and a balance are looked at by the charge itself. What a prepaid period costs is said by
no document: it was planned from the price and, where it was wanted, the balance. Either may have
changed since, and less may be owed by now; more than was planned is never charged.
"""

from __future__ import annotations

from splynx_stripe.domain.charge_run import ChargeRun, RunItem
from splynx_stripe.domain.errors import MoneyError
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import PayableKind
from splynx_stripe.flows.charge_run_rooms import ChargeRunRooms


class PrepaidLook:
    """Looks at prepaid amounts; others are as they were planned."""

    def __init__(self, rooms: ChargeRunRooms) -> None:
        self._rooms = rooms

    async def at_most(self, run: ChargeRun, item: RunItem) -> Money | None:
        """Gives the most that may be charged now; None when nothing is owed any more.

        Raises:
            RetryableError, OutcomeUnknownError, RejectedError: Splynx could not be asked.
        """
        payable = item.payable
        if payable.kind is not PayableKind.PREPAID:
            return item.amount
        price = await self._rooms.splynx.prepaid_price(payable.customer_id)
        if price is None:
            return None
        try:
            owed = Money.from_decimal(
                price.to_pay(uses_balance=run.selection.uses_balance), payable.currency
            )
        except MoneyError:
            return None
        if run.selection.uses_balance:
            owed = owed - await self._rooms.store.read(
                lambda unit: unit.money_on_its_way(payable.customer_id, payable.currency)
            )
        return min(owed, item.amount) if owed.minor_units > 0 else None
