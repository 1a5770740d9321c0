"""Finds or creates the Stripe customer of a Splynx customer; never by e-mail (pain P18, 3.4)."""

from __future__ import annotations

from splynx_stripe.domain.errors import BrokenInvariantError
from splynx_stripe.domain.metadata import CUSTOMER, INSTALLATION, PARTNER
from splynx_stripe.domain.splynx import SplynxCustomer
from splynx_stripe.domain.stripe import StripeAccount, StripeCustomerOrder
from splynx_stripe.flows.look import Look
from splynx_stripe.flows.rooms import Rooms


class StripeCustomers:
    """The mapping (Stripe account, Splynx customer) → Stripe customer."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def ensure(self, look: Look) -> str:
        """Gives the Stripe customer id, creating it on first use.

        No money is involved: should two be made, one of them stays unused.
        """
        if look.customer is None or look.terms is None:
            raise BrokenInvariantError("A Stripe customer needs a Splynx customer and an account.")
        account, customer = look.terms.account, look.customer
        known = await self._rooms.store.read(
            lambda unit: unit.stripe_customer(account, customer.id)
        )
        return known or await self._create(account, customer)

    async def _create(self, account: StripeAccount, customer: SplynxCustomer) -> str:
        installation = await self._rooms.store.read(lambda unit: unit.installation())
        order = StripeCustomerOrder(
            name=customer.name,
            email=customer.email,
            phone=customer.phone,
            metadata={
                INSTALLATION: installation.id,
                PARTNER: str(customer.partner_id),
                CUSTOMER: str(customer.id),
            },
        )
        # Random on purpose: a changed name under the same key would be refused as a conflict.
        key = f"splynx-stripe:customer:{self._rooms.ids.token()}"
        created = await self._rooms.stripe.create_customer(account, order, idempotency_key=key)
        await self._rooms.store.run(
            lambda unit: unit.save_stripe_customer(account, customer.id, created)
        )
        return created
