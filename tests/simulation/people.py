"""People in a history: customers who pay, an office that interferes, a curious stranger."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Protocol, TypeVar

from splynx_stripe.domain.collection import Route
from splynx_stripe.domain.consent import Consent, ConsentWay
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.splynx import DocumentKind
from splynx_stripe.flows.pay import DocumentQuery, PaymentStart, PaymentView, Standing
from splynx_stripe.flows.setup_credential import SetupStanding
from tests.simulation.clockwork import SimClock, until
from tests.simulation.connected import CONNECTED
from tests.simulation.oracle import Oracle
from tests.simulation.plan import STRANGER, Act, Debt, Plan
from tests.simulation.process import ACCOUNTS, Flows, Process
from tests.simulation.promises import Violation
from tests.simulation.saved_side import RIGHT_AMOUNTS
from tests.simulation.splynx_side import SplynxSide
from tests.simulation.stripe_side import StripeSide

T = TypeVar("T")


class Town(Protocol):
    """Where the people live."""

    rng: random.Random
    plan: Plan
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


@dataclass(slots=True)
class Wish:
    """What somebody wants to pay, and how its page is opened. `names` is what the page showed."""

    route: Route
    see: Callable[[Flows], Awaitable[PaymentView]]
    saves: bool = False
    names: Sequence[str] = ()


class People:
    """Does what the plan's acts say."""

    def __init__(self, town: Town) -> None:
        self._town = town

    async def act(self, act: Act, debt: Debt) -> None:
        """Waits for the moment of an act and does it."""
        await until(act.at_s)
        match act.kind:
            case "pay":
                await self._pay(self._wish_for_documents(act, debt), act)
            case "top_up":
                await self._pay(self._wish_for_top_up(act, debt), act)
            case "save":
                await self._save(debt, act.detail)
            case "remove":
                await self._remove(debt)
            case "snoop":
                await self._snoop(debt)
            case _:
                self._interfere(act, debt)

    def _interfere(self, act: Act, debt: Debt) -> None:
        """The office, or another program, does something meanwhile."""
        town = self._town
        match act.kind:
            case "cash":
                town.splynx.pay_by_cash(debt.key)
            case "delete":
                town.splynx.delete(debt.key)
            case "less" | "more":
                factor = Decimal("0.5") if act.kind == "less" else Decimal("1.5")
                town.splynx.change_due(debt.key, factor)
            case "withdraw":
                town.stripe.withdraw(debt.customer_id)
            case "revoke":
                town.stripe.revoke(CONNECTED.name)
            case "foreign":
                town.stripe.foreign_payment(ACCOUNTS[debt.partner_id].name)
            case _:
                raise AssertionError(act.kind)

    async def _pay(self, wish: Wish, act: Act) -> None:
        """Opens the page, presses Pay, enters cards; reloads when something did not work."""
        town = self._town
        for card in act.detail.rpartition(":")[2].split(","):
            start = await self._press_pay(wish)
            if start is None or start.standing is not Standing.PAYABLE:
                continue
            intent_id = start.client_secret.partition("_secret_")[0]
            slowest_s = town.rng.choice((90, 90, 90, 90, 90, 90, 1300))
            await until(town.clock.elapsed_s + town.rng.randrange(2, slowest_s))
            if card == "leave":
                return
            await self._enter(intent_id, card)
            await self._look_at_result(wish)

    async def _enter(self, intent_id: str, card: str) -> None:
        """Enters a card or bank account, and waits where it is worth it until the bank has spoken."""
        town = self._town
        status = town.stripe.confirm(intent_id, card)
        if status == "requires_action":
            await until(town.clock.elapsed_s + town.rng.randrange(5, 60))
            town.stripe.confirm(intent_id, card)
        elif status == "succeeded" and card == "disputed":
            await until(town.clock.elapsed_s + town.rng.choice((0, 3, 900)))
            town.stripe.dispute(town.stripe.intents[intent_id])
        elif status == "processing" and card == "bank_fail":
            await until(town.clock.elapsed_s + town.rng.choice((20, 400, 2400)))

    async def _press_pay(self, wish: Wish) -> PaymentStart | None:
        town = self._town
        for _ in range(4):
            process = town.some_process()
            if process is not None:
                start = await self._try_to_pay(process, wish)
                if start is not None:
                    if start.standing is Standing.PAYABLE and start.amount is not None:
                        town.oracle.offered(wish.names, start.amount)
                    return start
            await until(town.clock.elapsed_s + town.rng.randrange(5, 60))
        return None

    async def _try_to_pay(self, process: Process, wish: Wish) -> PaymentStart | None:
        town = self._town
        view = await town.ask(process, lambda: wish.see(process.flows))
        if view is None or view.payable is None:
            return None
        parts = view.payable.parts or (view.payable,)
        wish.names = [part.document_number or part.key for part in parts]
        if town.rng.randrange(5) == 0:  # the page stays open for a while before it is pressed
            await until(town.clock.elapsed_s + town.rng.choice((1, 30, 300)))
        payable, pay = view.payable, process.flows.pay
        return await town.ask(
            process,
            lambda: pay.start(payable, wish.route, f"sim:{wish.route}", saves_method=wish.saves),
        )

    def _wish_for_documents(self, act: Act, debt: Debt) -> Wish:
        route = Route.PORTAL if act.detail.startswith("portal") else Route.DIRECT_LINK
        debts = [debt, *(self._town.plan.debts[other] for other in act.others)]

        def see(flows: Flows) -> Awaitable[PaymentView]:
            if act.others:
                choice = ".".join(f"{each.kind}-{each.document_id}" for each in debts)
                return flows.overview.several(debt.customer_id, choice)
            if route is Route.PORTAL:
                return flows.pay.view_for_customer(_query(debt), debt.customer_id)
            return flows.pay.view_for_link(_query(debt))

        return Wish(route, see, saves=act.saves)

    def _wish_for_top_up(self, act: Act, debt: Debt) -> Wish:
        token, amount, _ = act.detail.split(":")
        self._town.oracle.wishes_top_up(debt.customer_id, token, Decimal(amount))

        def see(flows: Flows) -> Awaitable[PaymentView]:
            return flows.overview.top_up(debt.customer_id, amount, token)

        return Wish(Route.PORTAL, see, saves=act.saves)

    async def _look_at_result(self, wish: Wish) -> None:
        process = self._town.some_process()
        if process is None or self._town.rng.randrange(2):
            return
        view = await self._town.ask(process, lambda: wish.see(process.flows))
        if view is not None and view.payable is not None:
            pay, payable = process.flows.pay, view.payable
            await self._town.ask(process, lambda: pay.outcome(payable, "sim"))

    async def _save(self, debt: Debt, word: str) -> None:
        """Keeps a card or bank account for later charges, without paying."""
        town, process = self._town, self._town.some_process()
        if process is None:
            return
        setup, customer_id = process.flows.setup, debt.customer_id
        word, _, typed = word.partition(":")
        kind = PaymentKind.ACH if word in {"bank", "deposits"} else PaymentKind.CARD
        consent = Consent(town.clock.now(), ConsentWay.ONLINE, f"customer:{customer_id}")
        start = await town.ask(process, lambda: setup.start(customer_id, kind, consent))
        if start is None or start.standing is not SetupStanding.READY:
            return
        await until(town.clock.elapsed_s + town.rng.randrange(2, 90))
        if word == "leave":
            return
        town.stripe.confirm_setup(start.client_secret.partition("_secret_")[0], word)
        if town.rng.randrange(2):
            setup_id = start.setup_id
            await town.ask(process, lambda: setup.outcome(setup_id, customer_id, "sim"))
        for each in typed.split(","):
            await self._prove(start.setup_id, customer_id, each)

    async def _prove(self, setup_id: str, customer_id: int, typed: str) -> None:
        """Types the two small amounts that the bank shows, after a while."""
        town = self._town
        await until(town.clock.elapsed_s + town.rng.choice((30, 600, 1500)))
        process = town.some_process()
        if process is None or not typed:
            return
        setup, amounts = process.flows.setup, RIGHT_AMOUNTS if typed == "right" else [1, 2]
        prove = partial(setup.prove, amounts=amounts, code="", actor="sim")
        await town.ask(process, lambda: prove(setup_id, customer_id))

    async def _remove(self, debt: Debt) -> None:
        """Removes the first of what is kept."""
        town, process = self._town, self._town.some_process()
        if process is None:
            return
        saved, customer_id = process.flows.saved, debt.customer_id
        view = await town.ask(process, lambda: saved.view(customer_id))
        if view is not None and view.items:
            which = view.items[0].credential.id
            await town.ask(process, lambda: saved.remove(customer_id, which, "sim"))

    async def _snoop(self, debt: Debt) -> None:
        """Somebody else, logged in, changes the number in the address."""
        process = self._town.some_process()
        if process is None:
            return
        pay, query = process.flows.pay, _query(debt)
        view = await self._town.ask(process, lambda: pay.view_for_customer(query, STRANGER))
        if view is not None and view.standing is not Standing.NOT_FOUND:
            raise Violation("I8", f"customer {STRANGER} sees {debt.number} of {debt.customer_id}")


def _query(debt: Debt) -> DocumentQuery:
    return DocumentQuery(DocumentKind(debt.kind), debt.number)
