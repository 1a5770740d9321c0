"""Opens what commands about Stripe accounts need: the database, the settings in force, Stripe."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from splynx_stripe.config import Settings
from splynx_stripe.daemon.accounts_wing import AccountsGround, account_rooms
from splynx_stripe.daemon.gateways import client_session, stripe_gateway
from splynx_stripe.daemon.settings_in_force import read_settings_in_force
from splynx_stripe.flows.account_overview import AccountOverview
from splynx_stripe.flows.account_rooms import AccountRooms
from splynx_stripe.flows.account_watch import AccountWatch
from splynx_stripe.flows.connections import Connections
from splynx_stripe.flows.webhook_endpoints import WebhookEndpointsFlow
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.migrate import migrate
from splynx_stripe.store.store import open_store

ACTOR = "console"


@dataclass(frozen=True, slots=True)
class AccountFlows:
    """The flows, and the rooms they work with. A running daemon takes changes up within seconds."""

    rooms: AccountRooms
    overview: AccountOverview
    watch: AccountWatch
    endpoints: WebhookEndpointsFlow


@asynccontextmanager
async def account_flows(written: Settings) -> AsyncIterator[AccountFlows]:
    """Opens them, and closes what they stand on."""
    clock = SystemClock()
    migrate(written.database.url, clock=clock)
    store = open_store(written.database.url, clock=clock, ids=RandomIds())
    try:
        settings, _ = await read_settings_in_force(store, written)
        installation = await store.read(lambda unit: unit.installation())
        async with client_session() as session:
            ground = AccountsGround(
                settings=settings,
                store=store,
                installation=installation,
                gateway=stripe_gateway(settings, session, clock),
                clock=clock,
                ids=RandomIds(),
                changed=_nobody_here,
            )
            yield of_ground(ground)
    finally:
        await store.close()


def of_ground(ground: AccountsGround) -> AccountFlows:
    """Makes the flows."""
    rooms = account_rooms(ground)
    return AccountFlows(
        rooms=rooms,
        overview=AccountOverview(rooms),
        watch=AccountWatch(rooms, Connections(rooms)),
        endpoints=WebhookEndpointsFlow(rooms),
    )


def _nobody_here() -> None:
    """The daemon looks at the database every few seconds."""
