"""The rooms that the flows of Stripe accounts work with, and the ways in which they say no."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from splynx_stripe.config.settings import Settings
from splynx_stripe.domain.installation import Installation
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.flows.connection_ports import (
    ConnectGateway,
    EndpointGateway,
    StripeAccounts,
)
from splynx_stripe.flows.ports import Store
from splynx_stripe.kit.clock import Clock
from splynx_stripe.kit.ids import IdSource
from splynx_stripe.kit.keyed_lock import KeyedLock
from splynx_stripe.kit.sealing import Sealer


@dataclass(frozen=True, slots=True)
class AccountRooms:
    """What the composition root joins. `settings` are those in force.

    `changed` is rung after a commit that changes which accounts there are or what they accept.
    """

    store: Store
    settings: Settings
    installation: Installation
    stripe: StripeAccounts
    oauth: ConnectGateway
    endpoints: EndpointGateway
    sealer: Sealer
    clock: Clock
    ids: IdSource
    locks: KeyedLock
    changed: Callable[[], None]

    def webhook_url(self, account: StripeAccount) -> str:
        """Gives the address that Stripe sends the account's events to."""
        return f"{self.settings.public_url}/webhook/{self.installation.endpoint_name(account)}"


class Refusal(StrEnum):
    """Why something about a Stripe account was not done. The page has a sentence for each."""

    STATE_UNKNOWN = "state_unknown"
    STATE_USED = "state_used"
    STATE_EXPIRED = "state_expired"
    OTHER_SESSION = "other_session"
    DENIED = "denied"
    CODE_REFUSED = "code_refused"
    OTHER_MODE = "other_mode"
    TAKEN = "taken"
    WRITTEN = "written"
    KEYS_CHOSEN = "keys_chosen"
    NO_PLATFORM = "no_platform"
    NO_ENCRYPTION_KEY = "no_encryption_key"
    NOT_CONNECTED = "not_connected"
    UNDER_WAY = "under_way"
    NO_ACCOUNT = "no_account"
    TOO_MANY_ENDPOINTS = "too_many_endpoints"


class AccountRefusedError(Exception):
    """Nothing was changed; `reason` says why, `detail` is a name or number that belongs to it."""

    def __init__(self, reason: Refusal, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail
