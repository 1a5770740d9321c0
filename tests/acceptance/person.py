"""A customer who wants to pay: presses, confirms, reloads, and never gives up too early."""

from __future__ import annotations

import aiohttp

from splynx_stripe.sandbox.visitor import SeenPage, Visitor
from tests.acceptance.ledgers import Debt
from tests.acceptance.town import Town
from tests.acceptance.waiting import until_so

GOOD_CARD = "4242424242424242"
DECLINED_CARD = "4000000000009995"


class Person:
    """One customer with one browser and one debt, who pays by the portal."""

    def __init__(self, town: Town, visitor: Visitor, debt: Debt) -> None:
        self._town = town
        self._visitor = visitor
        self._debt = debt
        self.confirmations: list[str] = []

    async def open(self) -> SeenPage:
        """Reloads the page until there is one."""
        seen: list[SeenPage] = []

        async def answered() -> bool:
            seen.append(await self._visitor.open(self._debt.page))
            return seen[-1].status == 200

        await until_so(answered, lambda: f"the page does not come: {seen[-1]}")
        return seen[-1]

    async def log_in(self) -> None:
        """Logs in at the portal."""
        await self._visitor.log_in(self._debt.customer_id)

    async def try_to_pay(self, page: SeenPage, card: str = GOOD_CARD) -> str:
        """Presses Pay and confirms if that is offered. Gives the state that the button answered."""
        try:
            state, secret = await self._visitor.press_pay(page)
        except aiohttp.ClientError:
            return "no answer"
        if state == "payable":
            confirmed = await self._visitor.confirm(page, secret, card)
            self.confirmations.append(confirmed.code or confirmed.status)
        return state

    async def pay(self, card: str = GOOD_CARD) -> str:
        """Opens the page, presses, confirms."""
        return await self.try_to_pay(await self.open(), card)

    async def go_on(self) -> None:
        """Does what a person does who does not know what happened: reload, and pay if offered.

        They even enter the card again when the page asks for it.
        """
        page = await self.open()
        if page.ticket:
            await self.try_to_pay(page)

    async def go_on_until_paid(self) -> None:
        """Goes on until Stripe has the money; whether it has it once is for the ledgers to say."""

        async def paid() -> bool:
            if self._has_paid():
                return True
            await self.go_on()
            return self._has_paid()

        await until_so(paid, lambda: f"cannot pay: {self._town.foreign.intents(self._debt)}")

    def _has_paid(self) -> bool:
        return any(one.status == "succeeded" for one in self._town.foreign.intents(self._debt))
