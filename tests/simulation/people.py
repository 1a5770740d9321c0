"""People in a history: customers who pay, an office that interferes, a curious stranger."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Protocol, TypeVar

from splynx_stripe.domain.collection import Route
from splynx_stripe.domain.splynx import DocumentKind
from splynx_stripe.flows.pay import DocumentQuery, PaymentStart, PaymentView, Standing
from tests.simulation.clockwork import SimClock, until
from tests.simulation.oracle import Oracle, Violation
from tests.simulation.plan import STRANGER, Act, Debt
from tests.simulation.process import ACCOUNTS, Process
from tests.simulation.splynx_side import SplynxSide
from tests.simulation.stripe_side import StripeSide

T = TypeVar("T")


class Town(Protocol):
    """Where the people live."""

    rng: random.Random
    clock: SimClock
    stripe: StripeSide
    splynx: SplynxSide
    oracle: Oracle

    def some_process(self) -> Process | None:
        """Gives a daemon that lives, or None."""
        ...

    async def ask(self, process: Process, request: Callable[[], Awaitable[T]]) -> T | None:
        """Sends an HTTP request to a daemon; None when it fails, dies or takes too long."""
        ...


class People:
    """Does what the plan's acts say."""

    def __init__(self, town: Town) -> None:
        self._town = town

    async def act(self, act: Act, debt: Debt) -> None:
        """Waits for the moment of an act and does it."""
        town = self._town
        await until(act.at_s)
        match act.kind:
            case "pay":
                await self._pay(debt, act.detail)
            case "cash":
                town.splynx.pay_by_cash(debt.key)
            case "delete":
                town.splynx.delete(debt.key)
            case "less" | "more":
                factor = Decimal("0.5") if act.kind == "less" else Decimal("1.5")
                town.splynx.change_due(debt.key, factor)
            case "foreign":
                town.stripe.foreign_payment(ACCOUNTS[debt.partner_id].name)
            case "snoop":
                await self._snoop(debt)
            case _:
                raise AssertionError(act.kind)

    async def _pay(self, debt: Debt, detail: str) -> None:
        """Opens the page, presses Pay, enters cards; reloads when something did not work."""
        town = self._town
        route, _, cards = detail.partition(":")
        for card in cards.split(","):
            start = await self._press_pay(debt, route)
            if start is None or start.standing is not Standing.PAYABLE:
                continue
            intent_id = start.client_secret.partition("_secret_")[0]
            slowest_s = town.rng.choice((90, 90, 90, 90, 90, 90, 1300))
            await until(town.clock.elapsed_s + town.rng.randrange(2, slowest_s))
            if card == "leave":
                return
            status = town.stripe.confirm(intent_id, card)
            if status == "requires_action":
                await until(town.clock.elapsed_s + town.rng.randrange(5, 60))
                town.stripe.confirm(intent_id, card)
            await self._look_at_result(debt)

    async def _press_pay(self, debt: Debt, route: str) -> PaymentStart | None:
        town = self._town
        for _ in range(4):
            process = town.some_process()
            if process is not None:
                start = await self._try_to_pay(process, debt, route)
                if start is not None:
                    if start.standing is Standing.PAYABLE and start.amount is not None:
                        town.oracle.offered(debt.number, start.amount)
                    return start
            await until(town.clock.elapsed_s + town.rng.randrange(5, 60))
        return None

    async def _try_to_pay(self, process: Process, debt: Debt, route: str) -> PaymentStart | None:
        pay, query = process.flows.pay, _query(debt)
        if route == "portal":
            view = await self._view(process, debt, debt.customer_id)
        else:
            view = await self._town.ask(process, lambda: pay.view_for_link(query))
        if view is None or view.payable is None:
            return None
        payable, by = view.payable, Route.PORTAL if route == "portal" else Route.DIRECT_LINK
        return await self._town.ask(process, lambda: pay.start(payable, by, f"sim:{route}"))

    async def _view(self, process: Process, debt: Debt, viewer: int) -> PaymentView | None:
        pay, query = process.flows.pay, _query(debt)
        return await self._town.ask(process, lambda: pay.view_for_customer(query, viewer))

    async def _look_at_result(self, debt: Debt) -> None:
        process = self._town.some_process()
        if process is None or self._town.rng.randrange(2):
            return
        view = await self._view(process, debt, debt.customer_id)
        if view is not None and view.payable is not None:
            pay, payable = process.flows.pay, view.payable
            await self._town.ask(process, lambda: pay.outcome(payable, "sim"))

    async def _snoop(self, debt: Debt) -> None:
        """Somebody else, logged in, changes the number in the address."""
        process = self._town.some_process()
        if process is None:
            return
        view = await self._view(process, debt, STRANGER)
        if view is not None and view.standing is not Standing.NOT_FOUND:
            raise Violation("I8", f"customer {STRANGER} sees {debt.number} of {debt.customer_id}")


def _query(debt: Debt) -> DocumentQuery:
    return DocumentQuery(DocumentKind(debt.kind), debt.number)
