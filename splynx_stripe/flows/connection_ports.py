"""What the flows of Stripe accounts need from the store and from Stripe."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from splynx_stripe.domain.connection import (
    AccountProfile,
    AccountStatus,
    Connection,
    Deliveries,
    EndpointAtStripe,
    Grant,
    OAuthState,
    OurEndpoint,
)
from splynx_stripe.domain.stripe import StripeAccount


class ConnectionUnit(Protocol):
    """The part of a unit of work that knows Stripe accounts, connections and endpoints."""

    def connections(self) -> Sequence[Connection]:
        """Lists all connections there ever were, the oldest first."""
        ...

    def save_connection(self, connection: Connection) -> None:
        """Adds it, or writes over the one of that id. Two current ones of a section are an error."""
        ...

    def add_oauth_state(self, state: OAuthState) -> None:
        """Remembers that somebody goes to Stripe; forgets those that are long over."""
        ...

    def take_oauth_state(self, digest: str, now: datetime) -> OAuthState | None:
        """Uses it up, and gives it as it was before: `used_at` is set when it was used already."""
        ...

    def our_endpoints(self) -> Sequence[OurEndpoint]:
        """Lists the webhook endpoints that we made and still know, the oldest first."""
        ...

    def save_endpoint(self, endpoint: OurEndpoint) -> None:
        """Adds it, or writes over the one of that id."""
        ...

    def forget_endpoint(self, endpoint_id: str) -> None:
        """Forgets it and its secret."""
        ...

    def endpoint_delivered(self, endpoint_id: str, now: datetime) -> bool:
        """Notes its first delivery. False (and nothing) when that was noted before."""
        ...

    def account_profiles(self) -> Sequence[AccountProfile]:
        """Lists what was last heard of every account."""
        ...

    def save_account_profile(self, profile: AccountProfile) -> None:
        """Writes it; `pinned_id` stays what it was first, unless it was empty."""
        ...

    def repin_account(self, account: StripeAccount, stripe_account_id: str) -> None:
        """Takes another account for these keys, and forgets the Stripe customers of the old one."""
        ...

    def live_attempts_of(self, account: StripeAccount) -> int:
        """Counts the payments of an account whose outcome is not known yet."""
        ...

    def deliveries(self, account: StripeAccount, *, since: datetime, until: datetime) -> Deliveries:
        """Tells of the account's events; those between `since` and `until` are judged."""
        ...

    def delivered_by_webhook(self, account: StripeAccount, event_id: str) -> None:
        """Notes that an event which polling had found came by webhook too."""
        ...


class StripeAccounts(Protocol):
    """The door to Stripe, as far as accounts go. Errors are those of the four families."""

    async def account_status(self, account: StripeAccount) -> AccountStatus:
        """Asks who the account is. `NotPermittedError`: the key is not accepted any more."""
        ...

    async def missing_permissions(self, account: StripeAccount) -> Sequence[str]:
        """Gives a line for each permission that the key lacks, and what does not work without."""
        ...


class ConnectGateway(Protocol):
    """The door to Stripe's OAuth."""

    def authorize_url(self, *, livemode: bool, state: str, redirect_uri: str) -> str:
        """Gives the address of Stripe's consent page."""
        ...

    async def exchange(self, code: str, *, livemode: bool) -> Grant:
        """Exchanges the code. `RejectedError`: Stripe does not accept it (used, expired, foreign)."""
        ...

    async def deauthorize(self, stripe_account_id: str, *, livemode: bool) -> None:
        """Ends the connection. Returns as well when Stripe knows of none."""
        ...


class EndpointGateway(Protocol):
    """The door to Stripe's webhook endpoints; `connect` for those of connected accounts."""

    async def all_endpoints(
        self, account: StripeAccount, *, connect: bool
    ) -> Sequence[EndpointAtStripe]:
        """Lists every endpoint of the account, also those of others."""
        ...

    async def add_endpoint(
        self, account: StripeAccount, url: str, *, connect: bool
    ) -> EndpointAtStripe:
        """Makes one with our events and our API version; its secret is told only now."""
        ...

    async def mend_endpoint(
        self, account: StripeAccount, endpoint_id: str, *, connect: bool
    ) -> None:
        """Switches it on and subscribes to all events of ours."""
        ...

    async def remove_endpoint(self, account: StripeAccount, endpoint_id: str) -> None:
        """Deletes it. Returns as well when Stripe does not know it."""
        ...
