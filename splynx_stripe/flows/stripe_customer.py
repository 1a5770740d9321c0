"""Finds or creates the Stripe customer of a Splynx customer; never by e-mail (pain P18, 3.4)."""

from __future__ import annotations

from dataclasses import replace

from splynx_stripe.domain.attempt import Attempt
from splynx_stripe.domain.customer_sync import (
    BAD_EMAIL,
    CustomerDetails,
    Origin,
    PartnerFacts,
    customer_order,
)
from splynx_stripe.domain.errors import BrokenInvariantError, RejectedError
from splynx_stripe.domain.splynx import SplynxCustomer
from splynx_stripe.domain.terms import Terms
from splynx_stripe.flows.look import Look
from splynx_stripe.flows.rooms import Rooms

_MISSING = "resource_missing"
"""Stripe's code where an id is not of its account; of a PaymentIntent's order only the customer's."""


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
        return known or await self._create(look.terms, customer)

    async def is_gone(self, look: Look, attempt: Attempt, error: RejectedError) -> bool:
        """Says whether a refusal means that somebody deleted the customer in Stripe (fault 33).

        Then a new one is made and remembered, for an attempt that begins anew.
        """
        if error.code != _MISSING or attempt.intent_id:
            return False
        if look.customer is None or look.terms is None:
            return False
        await self._create(look.terms, look.customer)
        return True

    async def begin_anew(self, look: Look) -> str:
        """Makes another Stripe customer, because somebody deleted the known one in Stripe."""
        if look.customer is None or look.terms is None:
            raise BrokenInvariantError("A Stripe customer needs a Splynx customer and an account.")
        return await self._create(look.terms, look.customer)

    async def _create(self, terms: Terms, customer: SplynxCustomer) -> str:
        installation = await self._rooms.store.read(lambda unit: unit.installation())
        order = customer_order(
            CustomerDetails(customer),  # the address follows with the next comparison of customers
            PartnerFacts(country="", language=terms.language),
            Origin(installation.id, self._rooms.splynx_url),
        )
        # Random on purpose: a changed name under the same key would be refused as a conflict.
        key = f"splynx-stripe:customer:{self._rooms.ids.token()}"
        account = terms.account
        try:
            created = await self._rooms.stripe.create_customer(account, order, idempotency_key=key)
        except RejectedError as error:
            if error.code != BAD_EMAIL or not order.email:
                raise
            # An address that Stripe does not take must not keep anybody from paying.
            without, key = replace(order, email=""), f"{key}:without-email"
            created = await self._rooms.stripe.create_customer(
                account, without, idempotency_key=key
            )
        await self._rooms.store.run(
            lambda unit: unit.save_stripe_customer(account, customer.id, created)
        )
        return created
