"""What the comparison of customers needs from the store, from Splynx and from Stripe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from splynx_stripe.domain.customer_sync import (
    CustomerDetails,
    MappedCustomer,
    SeenCustomer,
    SeenPage,
    SharedMethod,
    Standing,
    SyncRound,
    Twice,
)
from splynx_stripe.domain.splynx import Company
from splynx_stripe.domain.stripe import StripeAccount, StripeCustomerOrder


class CustomerSyncUnit(Protocol):
    """The part of a unit of work that knows the comparison of customers."""

    def mapped_customers(self, *, after: str, limit: int) -> Sequence[MappedCustomer]:
        """Lists our mappings by Splynx's id, then account, from behind the place `after`."""
        ...

    def untold_customers(self, *, tried_before: datetime, limit: int) -> Sequence[MappedCustomer]:
        """Finds mappings whose Stripe customer was told nothing yet, or was to wait until now."""
        ...

    def save_customer_sync(self, mapped: MappedCustomer, looked_at: datetime) -> None:
        """Writes what a Stripe customer was told; the newest wins."""
        ...

    def forget_stripe_customer(self, mapped: MappedCustomer) -> bool:
        """Deletes a mapping. False (and nothing) when it leads to another Stripe customer by now."""
        ...

    def adopt_stripe_customer(self, account: StripeAccount, customer_id: int, found: str) -> bool:
        """Adds a mapping. False (and nothing) when there is one."""
        ...

    def is_being_charged(self, account: StripeAccount, stripe_customer_id: str) -> bool:
        """Says whether this Stripe customer is paying; a bank debit on its way does not count."""
        ...

    def sync_round(self) -> SyncRound | None:
        """Gives the newest round; None before the first one."""
        ...

    def save_sync_round(self, sync_round: SyncRound) -> SyncRound:
        """Writes it, guarded by its version, and gives it with the next one.

        Raises:
            StaleWriteError: somebody else is at it. Nothing was written.
        """
        ...

    def save_sighting(
        self, account: StripeAccount, seen: SeenCustomer, customer_id: int, sync_round: SyncRound
    ) -> None:
        """Notes that a customer of this installation exists at Stripe."""
        ...

    def unseen_customers(
        self, account: StripeAccount, sync_round: SyncRound, limit: int
    ) -> Sequence[MappedCustomer]:
        """Finds mappings of an account whose Stripe customer was not seen in this round."""
        ...

    def forget_sightings_before(self, account: StripeAccount, sync_round: SyncRound) -> None:
        """Forgets what was not seen again in this round."""
        ...

    def customers_twice(self, limit: int) -> Sequence[Twice]:
        """Lists Splynx customers with several Stripe customers of ours in one account."""
        ...

    def shared_methods(self, limit: int) -> Sequence[SharedMethod]:
        """Lists cards and bank accounts that are saved for several customers of one account."""
        ...

    def sync_standings(self) -> Mapping[Standing, int]:
        """Counts the mappings by how they stand; those never told count as waiting."""
        ...

    def customers_standing(self, standing: Standing, limit: int) -> Sequence[MappedCustomer]:
        """Lists mappings that stand like this, lowest Splynx id first."""
        ...


class SyncSplynx(Protocol):
    """The door to Splynx's customers."""

    async def customers_by_id(self, ids: Sequence[int]) -> Mapping[int, CustomerDetails | None]:
        """Fetches customers; None is only given where Splynx says that there is none."""
        ...


class SyncCompanies(Protocol):
    """The door to what Splynx knows of the ISP."""

    async def company(self, partner_id: int) -> Company:
        """Fetches what customers see of the ISP. Raises `NotFoundError` for an unknown partner."""
        ...


class SyncStripe(Protocol):
    """The door to Stripe; everything here is background work."""

    async def update_customer(
        self, account: StripeAccount, customer_id: str, order: StripeCustomerOrder
    ) -> None:
        """Makes the customer as ordered; other people's metadata stays. Repeating does no harm.

        Raises:
            NotFoundError: it is deleted, or of another account.
        """
        ...

    async def customer_page(self, account: StripeAccount, *, after: str) -> SeenPage:
        """Gives one page of all customers of an account, newest first, from behind `after`."""
        ...

    async def find_customer(self, account: StripeAccount, customer_id: str) -> SeenCustomer | None:
        """Reads a customer; None when there is none, or it is deleted."""
        ...
