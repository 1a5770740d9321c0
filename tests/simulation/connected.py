"""The second partner's Stripe account is connected by OAuth, until its owner takes it back at Stripe."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from splynx_stripe.domain.connection import Connection, ConnectionState
from splynx_stripe.domain.errors import BrokenInvariantError
from splynx_stripe.domain.installation import Installation
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.flows.account_rooms import AccountRooms
from splynx_stripe.flows.account_watch import AccountWatch
from splynx_stripe.flows.connections import Connections
from splynx_stripe.flows.event_door import EventDoor
from splynx_stripe.flows.inbox import Inbox
from splynx_stripe.flows.rooms import Rooms
from tests.simulation.disk import Disk

_SECTION, STRIPE_ACCOUNT = "2", "acct_two"
CONNECTED = StripeAccount(f"{_SECTION}-{STRIPE_ACCOUNT}", livemode=False)


class _Settings:
    """As much of the settings as the watch looks at once a connection has ended."""

    section_accounts: Mapping[str, object] = {}

    def accounts(self) -> Mapping[StripeAccount, object]:
        return {}


class ConnectedAccount:
    """The product's flows of a connection, and whether it stands."""

    def __init__(self, rooms: Rooms, inbox: Inbox, disk: Disk) -> None:
        self._disk = disk
        nothing: Any = None
        settings: Any = _Settings()
        stripe: Any = rooms.stripe
        account_rooms = AccountRooms(
            store=rooms.store,
            settings=settings,
            installation=disk.look(_installation),
            stripe=stripe,
            oauth=nothing,
            endpoints=nothing,
            sealer=nothing,
            clock=rooms.clock,
            ids=rooms.ids,
            locks=rooms.locks,
            changed=rooms.wake,
        )
        connections = Connections(account_rooms)
        self.watch = AccountWatch(account_rooms, connections)
        self.door = EventDoor(inbox, connections, rooms.store)


def _installation(unit: Any) -> Installation:
    found: Installation = unit.installation()
    return found


def connect(disk: Disk, now: datetime) -> None:
    """Connects the account before the story begins."""
    connection = Connection(
        id="con_sim",
        section=_SECTION,
        livemode=False,
        stripe_account_id=STRIPE_ACCOUNT,
        publishable_key="pk_test_sim",
        access_token="",
        refresh_token="",
        state=ConnectionState.CONNECTED,
        connected_at=now,
        connected_by="sim",
    )
    disk.execute(lambda unit: unit.save_connection(connection))


def is_connected(disk: Disk) -> bool:
    """Says whether the database lets the account be used."""
    found = disk.look(lambda unit: unit.connections())
    if len(found) != 1:
        raise BrokenInvariantError(f"There are {len(found)} connections.")
    return bool(found[0].is_usable)
