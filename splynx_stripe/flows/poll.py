"""Reads Stripe's events list with a cursor, so that webhooks are a convenience and not a need."""

from __future__ import annotations

from datetime import datetime, timedelta

from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.flows.inbox import Inbox
from splynx_stripe.flows.ports import Unit
from splynx_stripe.flows.rooms import Rooms

_OVERLAP = timedelta(minutes=2)
"""Events can appear in the list a little late; known ones are recognised by their id."""

_LIST_REACHES = timedelta(days=30)
"""Stripe keeps events for 30 days (`reference/stripe-api.md` 3)."""


class Poll:
    """Fetches what happened since the last time."""

    def __init__(self, rooms: Rooms, inbox: Inbox) -> None:
        self._rooms = rooms
        self._inbox = inbox

    async def run(self, account: StripeAccount) -> int:
        """Stores all events of the account that are not known yet and says how many there were.

        The cursor moves only when all events before it are stored, so an interruption repeats
        some and loses none.

        Raises:
            RetryableError, OutcomeUnknownError, NotPermittedError: Stripe could not be read; what
                was stored so far stays.
        """
        new = 0
        cursor = newest = await self._cursor(account)
        pages = self._rooms.stripe.event_pages(account, created_from=cursor - _OVERLAP)
        async for page in pages:
            newest = max([newest, *(event.created for event in page)])
            new += await self._inbox.receive_page(page, account)
        if newest > cursor:
            await self._move(account, newest)
        return new

    async def _cursor(self, account: StripeAccount) -> datetime:
        oldest = self._rooms.clock.now() - _LIST_REACHES

        def work(unit: Unit) -> datetime:
            return unit.poll_cursor(account) or unit.installation().created_at

        return max(await self._rooms.store.read(work), oldest)

    async def _move(self, account: StripeAccount, cursor: datetime) -> None:
        await self._rooms.store.run(lambda unit: unit.set_poll_cursor(account, cursor))
