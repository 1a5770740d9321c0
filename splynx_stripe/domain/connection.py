"""Stripe accounts that were connected by OAuth, our webhook endpoints, and what is known of accounts.

A connected account has a `StripeAccount` name of its own, made of the section and Stripe's id, so
that reconnecting the same account goes on with its history and another one never sees it (I8).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from splynx_stripe.domain.stripe import StripeAccount

PLATFORM = "connect"
"""The name under which our own platform's key is kept; never the name of a partner section."""

MAX_ENDPOINTS = 16
"""How many webhook endpoints Stripe allows per account and mode (`reference/stripe-api.md` 3)."""

ENDPOINTS_TO_WARN_AT = 14


class ConnectionState(StrEnum):
    """How a connection stands. All but the first keep the partner from being charged at all."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    """An administrator of ours ended it."""
    ENDED = "ended"
    """Stripe ended it: taken back in the Stripe dashboard, or the account is closed."""
    REPLACED = "replaced"
    """History: another account took its place, or the section uses other keys now."""


CURRENT_STATES = frozenset(ConnectionState) - {ConnectionState.REPLACED}
"""States of which a section has at most one; they decide whose money account it uses."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A partner section's Stripe account, connected by OAuth. Tokens are sealed."""

    id: str
    section: str
    livemode: bool
    stripe_account_id: str
    publishable_key: str
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    state: ConnectionState
    connected_at: datetime
    connected_by: str
    ended_at: datetime | None = None
    ended_why: str = ""

    @property
    def account(self) -> StripeAccount:
        """Gives the account under which everything of it is remembered."""
        return StripeAccount(f"{self.section}-{self.stripe_account_id}", self.livemode)

    @property
    def is_usable(self) -> bool:
        """Says whether money may be taken with it."""
        return self.state is ConnectionState.CONNECTED


def platform_account(*, livemode: bool) -> StripeAccount:
    """Gives the name of our own platform in a mode."""
    return StripeAccount(PLATFORM, livemode)


def access_token_place(connection_id: str) -> str:
    """Names the place that an access token is sealed for."""
    return f"connections/{connection_id}/access_token"


def refresh_token_place(connection_id: str) -> str:
    """Names the place that a refresh token is sealed for."""
    return f"connections/{connection_id}/refresh_token"


@dataclass(frozen=True, slots=True)
class OAuthState:
    """A way to Stripe's consent page that somebody has begun: one time, one session, ten minutes.

    `digest` is the SHA-256 of the value that travels; `session_digest` that of the session.
    """

    digest: str
    section: str
    livemode: bool
    session_digest: str
    made_by: str
    made_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


class EndpointState(StrEnum):
    """How a webhook endpoint of ours stands."""

    ACTIVE = "active"
    RETIRING = "retiring"
    """A newer one stands beside it; both are believed until the newer one has delivered."""
    REMOVED = "removed"
    """Deleted at Stripe; its secret is believed a little longer, for what is on its way."""


@dataclass(frozen=True, slots=True)
class OurEndpoint:
    """A webhook endpoint that we made at Stripe. `secret` is sealed."""

    id: str
    account: StripeAccount
    url: str
    secret: str = field(repr=False)
    state: EndpointState
    made_at: datetime
    made_by: str
    delivered_at: datetime | None = None
    """When the first event arrived that was signed with its secret."""
    until: datetime | None = None
    """RETIRING: when it is removed at the latest. REMOVED: how long its secret is believed."""


def endpoint_secret_place(endpoint_id: str) -> str:
    """Names the place that the signing secret of an endpoint is sealed for."""
    return f"webhook_endpoints/{endpoint_id}"


@dataclass(frozen=True, slots=True)
class AccountProfile:
    """What Stripe said of an account the last time we asked.

    `pinned_id` is the account that these keys belonged to first. When Stripe names another one,
    nothing may be done with them: what is remembered belongs to the first (I8).
    `trouble` is a sentence, "" when all is well; `missing` are permissions that the key lacks.
    """

    account: StripeAccount
    pinned_id: str
    stripe_account_id: str
    name: str
    country: str
    currency: str
    charges_enabled: bool
    missing: tuple[str, ...]
    trouble: str
    checked_at: datetime

    @property
    def is_another(self) -> bool:
        """Says whether the keys have become those of another account."""
        return bool(self.stripe_account_id) and self.stripe_account_id != self.pinned_id


@dataclass(frozen=True, slots=True)
class Deliveries:
    """What came of an account's events.

    `lost` counts those of the last day that polling found and no webhook brought. `last_delay_s`
    is how long the newest delivery took from its event; None when there is none.
    """

    last_webhook_at: datetime | None
    last_delay_s: float | None
    last_poll_at: datetime | None
    lost: int


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """Who an account is, as Stripe says.

    `clock_skew_s` is how far our clock is ahead of Stripe's, by a Date header of whole seconds;
    None when there was none.
    """

    id: str
    country: str
    default_currency: str
    charges_enabled: bool
    livemode: bool
    clock_skew_s: float | None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """What Stripe hands over when a person has consented (`/oauth/token`)."""

    stripe_account_id: str
    livemode: bool
    publishable_key: str
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class EndpointAtStripe:
    """A webhook endpoint as Stripe lists it; `secret` is there only where it was just made."""

    id: str
    url: str
    is_enabled: bool
    is_of_version: bool
    """It sends events in the form of our API version."""
    has_all_events: bool
    secret: str = field(default="", repr=False)
