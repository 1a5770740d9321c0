"""What an event means before it is handled: a connection that ended, and which way it came."""

from __future__ import annotations

from typing import Protocol

from splynx_stripe.domain.inbox import InboxSource
from splynx_stripe.domain.stripe import StripeAccount, StripeEvent
from splynx_stripe.flows.connections import Connections
from splynx_stripe.flows.ports import Store

DEAUTHORIZED = "account.application.deauthorized"


class Receiver(Protocol):
    """Where events are stored (`flows.inbox.Inbox`)."""

    async def receive(
        self, event: StripeEvent, account: StripeAccount, source: InboxSource
    ) -> bool:
        """Stores an event durably; False: known already."""
        ...


class EventDoor:
    """Stands before the inbox where webhooks come in."""

    def __init__(self, inbox: Receiver, connections: Connections, store: Store) -> None:
        self._inbox = inbox
        self._connections = connections
        self._store = store

    async def receive(
        self, event: StripeEvent, account: StripeAccount, source: InboxSource
    ) -> bool:
        """Stores it. The end of a connection is in force when this returns; Stripe repeats it else."""
        new = await self._inbox.receive(event, account, source)
        if event.type == DEAUTHORIZED:
            await self._connections.ended(account, "the account's owner took it back in Stripe")
        if not new and source is InboxSource.WEBHOOK:
            # Polling was faster; nothing is lost, so the office is not told that it was.
            await self._store.run(lambda unit: unit.delivered_by_webhook(account, event.id))
        return new
