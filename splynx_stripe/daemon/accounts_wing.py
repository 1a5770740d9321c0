"""Joins what belongs to Stripe accounts: their flows, their page, their webhooks, their figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from splynx_stripe.config import Settings
from splynx_stripe.daemon.account_figures import AccountFigures
from splynx_stripe.daemon.gateways import oauth_clients
from splynx_stripe.domain.connection import platform_account
from splynx_stripe.domain.installation import Installation
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.flows.account_overview import AccountOverview
from splynx_stripe.flows.account_rooms import AccountRooms
from splynx_stripe.flows.account_watch import AccountWatch
from splynx_stripe.flows.connections import Connections
from splynx_stripe.flows.event_door import EventDoor, Receiver
from splynx_stripe.flows.ports import Store
from splynx_stripe.flows.webhook_endpoints import WebhookEndpointsFlow
from splynx_stripe.gateways.stripe.gateway import StripeSdkGateway
from splynx_stripe.kit.clock import Clock
from splynx_stripe.kit.ids import IdSource
from splynx_stripe.kit.keyed_lock import KeyedLock
from splynx_stripe.kit.secret import Secret
from splynx_stripe.schedule.account_keeper import AccountKeeper
from splynx_stripe.web.accounts_desk import AccountsDesk
from splynx_stripe.web.deps import WebhookEndpoint


@dataclass(frozen=True, slots=True)
class AccountsGround:
    """What the wing stands on."""

    settings: Settings
    store: Store
    installation: Installation
    gateway: StripeSdkGateway
    clock: Clock
    ids: IdSource
    changed: Callable[[], None]


class AccountsWing:
    """The part of the house that is about Stripe accounts."""

    def __init__(self, ground: AccountsGround) -> None:
        self._ground = ground
        rooms = account_rooms(ground)
        connections = Connections(rooms)
        self._rooms = rooms
        self.desk = AccountsDesk(
            overview=AccountOverview(rooms),
            connections=connections,
            watch=AccountWatch(rooms, connections),
            endpoints=WebhookEndpointsFlow(rooms),
        )

    def door(self, inbox: Receiver) -> EventDoor:
        """Gives what stands before the inbox where webhooks come in."""
        return EventDoor(inbox, self.desk.connections, self._rooms.store)

    def webhook_endpoints(self) -> dict[str, WebhookEndpoint]:
        """Gives our endpoints by the name in their address."""
        settings = self._ground.settings
        own = {
            account: WebhookEndpoint(account, keys.webhook_secrets, delivered=self._noting(account))
            for account, keys in settings.accounts().items()
            if not keys.stripe_account
        }
        name_of = self._ground.installation.endpoint_name
        found = {name_of(account): endpoint for account, endpoint in own.items()}
        for livemode, platform in settings.platforms.items():
            account = platform_account(livemode=livemode)
            found[name_of(account)] = WebhookEndpoint(
                account,
                platform.webhook_secrets,
                connected=self._connected(livemode=livemode),
                delivered=self._noting(account),
            )
        return found

    def keeper(
        self,
        *,
        registry: CollectorRegistry,
        troubled: Callable[[], Iterable[StripeAccount]],
        leads: Callable[[], bool],
    ) -> AccountKeeper:
        """Gives the periodic work."""
        return AccountKeeper(
            watch=self.desk.watch,
            endpoints=self.desk.endpoints,
            figures=AccountFigures(registry, self.desk.overview).refresh,
            troubled=troubled,
            leads=leads,
            clock=self._ground.clock,
        )

    def _connected(self, *, livemode: bool) -> dict[str, StripeAccount]:
        return {
            keys.stripe_account: account
            for account, keys in self._ground.settings.accounts().items()
            if keys.stripe_account and account.livemode == livemode
        }

    def _noting(self, account: StripeAccount) -> _FirstDeliveries:
        return _FirstDeliveries(self.desk.endpoints, account)


class _FirstDeliveries:
    """Tells the flow once of each secret that has signed a delivery."""

    def __init__(self, flow: WebhookEndpointsFlow, account: StripeAccount) -> None:
        self._flow = flow
        self._account = account
        self._seen: set[str] = set()

    async def __call__(self, secret: Secret) -> None:
        if secret.reveal() not in self._seen:
            await self._flow.delivered(self._account, secret.reveal())
            self._seen.add(secret.reveal())


def account_rooms(ground: AccountsGround) -> AccountRooms:
    """Gives the rooms that the flows of Stripe accounts work with; commands use them too."""
    settings = ground.settings
    return AccountRooms(
        store=ground.store,
        settings=settings,
        installation=ground.installation,
        stripe=ground.gateway,
        oauth=ground.gateway.oauth(oauth_clients(settings)),
        endpoints=ground.gateway.webhook_endpoints,
        sealer=settings.key_file.sealer(),
        clock=ground.clock,
        ids=ground.ids,
        locks=KeyedLock(),
        changed=ground.changed,
    )
