"""The comparison of customers with the real store and gateways, in front of both sandboxes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import time
from typing import Any
from zoneinfo import ZoneInfo

from splynx_stripe.domain.consent import Consent, ConsentWay
from splynx_stripe.domain.credential import Credential, CredentialOwner, CredentialState
from splynx_stripe.domain.customer_sync import Origin, SyncRound
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.payment_method import CardFace
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.flows.customer_sync import CustomerSync, SyncStatus
from splynx_stripe.flows.customer_sync_rooms import CustomerSyncRooms
from splynx_stripe.gateways.splynx import SplynxHttpGateway
from splynx_stripe.gateways.stripe import StripeSdkGateway
from splynx_stripe.sandbox.splynx.rows import Customer
from tests.fake_clock import START, ImpatientClock
from tests.integration.flow_house import FlowHouse, open_house
from tests.integration.flow_town import EUR_ACCOUNT, JPY_ACCOUNT, Town

ANNA, BEN = 17, 18
CUSTOMERS = "/v1/customers"
A_CUSTOMER = "/v1/customers/cus_.*"
SPLYNX_CUSTOMERS = "/api/2.0/admin/customers/customer"


def saved_card(number: int, customer_id: int, mark: str) -> Credential:
    """Makes a saved card; `mark` stands for Stripe's fingerprint of it."""
    return Credential(
        id=f"crd_{number}",
        owner=CredentialOwner(EUR_ACCOUNT, 1, customer_id, f"cus_{customer_id}"),
        payment_method_id=f"pm_{number}",
        kind=PaymentKind.CARD,
        state=CredentialState.USABLE,
        position=number,
        consent=Consent(START, ConsentWay.ONLINE, f"customer:{customer_id}"),
        saved_at=START,
        card=CardFace("visa", "4242", 2034, 12),
        mark=mark,
    )


@dataclass
class SyncHouse:
    """A house, and what compares its customers."""

    house: FlowHouse
    sync: CustomerSync
    installation_id: str

    @property
    def town(self) -> Town:
        return self.house.town

    def in_splynx(self, customer_id: int) -> Customer:
        """Gives a customer's row in Splynx, which the office may change."""
        row = self.town.splynx.state.customers[customer_id]
        assert isinstance(row, Customer)
        return row

    async def first_use(self, customer_id: int = ANNA, account: StripeAccount = EUR_ACCOUNT) -> str:
        """Makes the Stripe customer as the first payment does, without what a payment adds."""
        return await self.made_by_hand(customer_id, account, is_mapped=True)

    async def made_by_hand(
        self, customer_id: int, account: StripeAccount = EUR_ACCOUNT, *, is_mapped: bool = False
    ) -> str:
        """Makes a Stripe customer with the metadata of this installation."""
        form = {
            "splynx_stripe_installation": self.installation_id,
            "splynx_customer_id": str(customer_id),
        }
        made = await self._made({"metadata": form}, account)
        if is_mapped:
            await self.house.store.run(
                lambda unit: unit.save_stripe_customer(account, customer_id, made)
            )
        return made

    async def made_by_others(self, email: str, account: StripeAccount = EUR_ACCOUNT) -> str:
        """Somebody else makes a customer in the same Stripe account."""
        return await self._made({"email": email}, account)

    async def _made(self, params: Mapping[str, Any], account: StripeAccount) -> str:
        flat = {name: text for name, text in params.items() if isinstance(text, str)}
        flat |= {f"metadata[{key}]": text for key, text in params.get("metadata", {}).items()}
        return await self._ask("POST", CUSTOMERS, flat, account)

    async def delete_in_stripe(self, stripe_id: str, account: StripeAccount = EUR_ACCOUNT) -> None:
        await self._ask("DELETE", f"{CUSTOMERS}/{stripe_id}", {}, account)

    async def _ask(
        self, method: str, path: str, form: Mapping[str, str], account: StripeAccount
    ) -> str:
        key = {
            EUR_ACCOUNT: "sk_test_sandbox_default",
            JPY_ACCOUNT: "sk_test_sandbox_second",
        }[account]
        async with self.town.browser.request(
            method,
            f"{self.town.stripe_url}{path}",
            data=form,
            headers={"Authorization": f"Bearer {key}"},
        ) as answer:
            return str((await answer.json())["id"])

    def in_stripe(self, stripe_id: str, account: StripeAccount = EUR_ACCOUNT) -> dict[str, Any]:
        """Gives a customer as Stripe has it."""
        return self.town.stripe_book(account).customers[stripe_id]

    def updates(self, account: StripeAccount = EUR_ACCOUNT) -> int:
        """Counts the changes of customers that Stripe has seen."""
        events = self.town.stripe_book(account).events.values()
        return sum(event.body["type"] == "customer.updated" for event in events)

    async def mapped(self, customer_id: int, account: StripeAccount = EUR_ACCOUNT) -> str:
        """Gives the Stripe customer that the next payment uses."""
        return await self.house.store.read(lambda unit: unit.stripe_customer(account, customer_id))

    async def compare_all(self) -> SyncRound:
        """Brings a round to its end."""
        return await self.sync.run_to_end(lambda _: None)

    async def status(self) -> SyncStatus:
        return await self.sync.status()

    async def audited(self) -> list[str]:
        """Gives the events about customers in the audit log, oldest first."""
        entries = await self.house.store.read(lambda unit: unit.recent_audit(limit=100))
        return [each.event for each in reversed(entries) if each.event.startswith("customer.")]


@asynccontextmanager
async def open_sync_house(
    town: Town, store_url: str, *, at: time | None = time(3, 30)
) -> AsyncIterator[SyncHouse]:
    """Opens a house; a second one on the same database is what a restart is."""
    async with open_house(town, store_url) as house:
        installation = await house.store.read(lambda unit: unit.installation())
        splynx, stripe = house.rooms.splynx, house.rooms.stripe
        assert isinstance(splynx, SplynxHttpGateway)
        assert isinstance(stripe, StripeSdkGateway)
        rooms = CustomerSyncRooms(
            store=house.store,
            splynx=splynx.customers,
            companies=splynx,
            stripe=stripe.customers,
            terms=house.terms,
            accounts=lambda: [EUR_ACCOUNT, JPY_ACCOUNT],
            origin=Origin(installation.id, "https://isp.example.net/"),
            at=at,
            timezone=ZoneInfo("Europe/Prague"),
            clock=ImpatientClock(town.clock),
        )
        yield SyncHouse(house, CustomerSync(rooms), installation.id)
