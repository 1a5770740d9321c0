"""The last look at a prepaid amount, just before it is charged: is it still owed, and how much?

A document and a balance are looked at by the charge itself. What a prepaid period costs is said by
no document: it was planned from the price and, where it was wanted, the balance. Either may have
changed since, and less may be owed by now; more than was planned is never charged. That is so for
the items of runs and, days later, for the retries of those that failed.
"""

from __future__ import annotations

from typing import Protocol

from splynx_stripe.domain.charge_run import ChargeRun, RunItem
from splynx_stripe.domain.errors import MoneyError
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import Payable, PayableKind
from splynx_stripe.domain.recovery import Recovery
from splynx_stripe.domain.splynx_billing import PrepaidPrice
from splynx_stripe.flows.charge_run_rooms import ChargeRunRooms
from splynx_stripe.flows.ports import Store, Unit


class PrepaidPrices(Protocol):
    """The door to Splynx, as far as prepaid amounts need it."""

    async def prepaid_price(self, customer_id: int) -> PrepaidPrice | None:
        """Fetches what a prepaid customer's next period costs; None for customers without one."""
        ...


class PrepaidLook:
    """Looks at prepaid amounts of runs; others are as they were planned."""

    def __init__(self, rooms: ChargeRunRooms) -> None:
        self._store = rooms.store
        self._prices = rooms.splynx

    async def at_most(self, run: ChargeRun, item: RunItem) -> Money | None:
        """Gives the most that may be charged now; None when nothing is owed any more.

        Raises:
            RetryableError, OutcomeUnknownError, RejectedError: Splynx could not be asked.
        """
        if item.payable.kind is not PayableKind.PREPAID:
            return item.amount
        uses_balance = run.selection.uses_balance
        return await _still_owed(
            self._store, self._prices, item.payable, item.amount, uses_balance=uses_balance
        )


class RetryLook:
    """Looks at prepaid amounts of recoveries, with the balance where their run was to use it."""

    def __init__(self, store: Store, prices: PrepaidPrices) -> None:
        self._store = store
        self._prices = prices

    async def at_most(self, recovery: Recovery) -> Money | None:
        """Gives the most that may be charged now; None when nothing is owed any more.

        Raises:
            RetryableError, OutcomeUnknownError, RejectedError: Splynx could not be asked.
        """
        if recovery.payable.kind is not PayableKind.PREPAID:
            return recovery.amount
        uses_balance = await self._store.read(lambda unit: _uses_balance(unit, recovery))
        return await _still_owed(
            self._store, self._prices, recovery.payable, recovery.amount, uses_balance=uses_balance
        )


def _uses_balance(unit: Unit, recovery: Recovery) -> bool:
    """Says whether the run whose charge has failed was to use the available balance."""
    attempt = unit.attempt(recovery.first_attempt_id)
    collection = unit.collection(attempt.collection_id) if attempt is not None else None
    first, _, rest = collection.origin.partition("/") if collection is not None else ("", "", "")
    run = unit.charge_run(rest.partition("/")[0]) if first == "run" else None
    return run is not None and run.selection.uses_balance


async def _still_owed(
    store: Store, prices: PrepaidPrices, payable: Payable, at_most: Money, *, uses_balance: bool
) -> Money | None:
    price = await prices.prepaid_price(payable.customer_id)
    if price is None:
        return None
    try:
        owed = Money.from_decimal(price.to_pay(uses_balance=uses_balance), payable.currency)
    except MoneyError:
        return None
    if uses_balance:
        owed = owed - await store.read(
            lambda unit: unit.money_on_its_way(payable.customer_id, payable.currency)
        )
    return min(owed, at_most) if owed.minor_units > 0 else None
