"""A house in which customers have saved cards and bank accounts, and somebody charges them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import count

from splynx_stripe.domain.collection import Collection, Route
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import Payable, balance
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.splynx import DocumentKind
from splynx_stripe.flows.charge import ChargeFlow, ChargeOrder, ChargeResult
from splynx_stripe.flows.pay import DocumentQuery
from splynx_stripe.flows.ports import Unit
from tests.integration.credential_house import ANNA, CredentialHouse, open_credentials
from tests.integration.flow_house import FlowHouse
from tests.integration.flow_town import Town

POOR_CARD = "4000000000019994"
LOST_CARD = "4000000000039992"
CARD_TO_CONFIRM = "4000000000059990"
_EFFORTS = count(1)


@dataclass
class ChargeHouse:
    """What the daemon joins for charges without the customer."""

    credentials: CredentialHouse
    flow: ChargeFlow
    remembered: list[str] = field(default_factory=list)

    @property
    def house(self) -> FlowHouse:
        return self.credentials.house

    @property
    def town(self) -> Town:
        return self.house.town

    def remember(self, unit: Unit, collection: Collection) -> None:
        """Whoever ordered the charge remembers its collection in the commit that takes the lease."""
        assert unit.collection(collection.id) == collection
        self.remembered.append(collection.id)

    async def payable(self, number: str = "202611000042", customer: int = ANNA) -> Payable:
        """Gives the debt of an invoice."""
        query = DocumentQuery(DocumentKind.INVOICE, number)
        view = await self.house.pay.view_for_customer(query, customer)
        assert view.payable is not None
        return view.payable

    async def debt_of_invoice(self) -> Payable:
        """Gives the same debt when Splynx shows it as paid or pending already."""
        collections = await self.house.collections()
        return collections[0].payable

    async def charge(
        self,
        payable: Payable | None = None,
        *,
        origin: str = "",
        at_most: Money | None = None,
        credential_id: str = "",
        route: Route = Route.CHARGE_RUN,
    ) -> ChargeResult:
        """A run charges a debt, by default Anna's invoice; each call is an effort of its own."""
        order = ChargeOrder(
            payable or await self.payable(),
            route,
            "admin:1",
            credential_id=credential_id,
            at_most=at_most,
            origin=origin or f"run/run_1/{next(_EFFORTS)}",
        )
        return await self.flow.charge(order, on_lease=self.remember)

    def owes(self, amount: str, customer: int = ANNA) -> Payable:
        """A customer's balance in Splynx is below zero by that much; gives it as a debt."""
        self.town.splynx.state.billings[customer].deposit = -Decimal(amount)
        currency = self.house.terms.by_partner[1].currency
        return balance(1, customer, Money.from_decimal(Decimal(amount), currency))

    def use_dollars(self) -> None:
        """The partner charges dollars, so that American bank accounts can be debited."""
        terms = self.house.terms.by_partner[1]
        kinds = (PaymentKind.CARD, PaymentKind.ACH)
        self.house.terms.by_partner[1] = replace(
            terms, currency="USD", country="US", payment_kinds=kinds
        )


@asynccontextmanager
async def open_charges(town: Town, store_url: str) -> AsyncIterator[ChargeHouse]:
    """Opens a house on a migrated database; leaving is a stop that finishes nothing."""
    async with open_credentials(town, store_url) as credentials:
        house = credentials.house
        yield ChargeHouse(credentials, ChargeFlow(house.rooms, house.asker))
