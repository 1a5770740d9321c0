"""What every door to Stripe does: one call, a whole list, and reading what was answered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import stripe

from splynx_stripe.domain.errors import OutcomeUnknownError
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.gateways.stripe import wire
from splynx_stripe.gateways.stripe.client import (
    READ_RETRIES,
    Answer,
    Send,
    Sent,
    StripeConnections,
)
from splynx_stripe.gateways.stripe.errors import Operation
from splynx_stripe.kit.rate_limit import Priority

T = TypeVar("T")
Fetch = Callable[[stripe.StripeClient, str], Awaitable[Sent]]

PAGE_SIZE = 100  # Stripe's maximum
READING: stripe.RequestOptions = {"max_network_retries": READ_RETRIES}


class StripeCalls:
    """Calls Stripe for an account; with a priority of its own when it is given one."""

    def __init__(self, connections: StripeConnections, priority: Priority | None = None) -> None:
        self._connections = connections
        self._priority = priority

    def with_priority(self, priority: Priority) -> StripeCalls:
        """Gives the same calls, with the same limits, of this priority."""
        return StripeCalls(self._connections, priority)

    async def call(self, account: StripeAccount, operation: Operation, send: Send) -> Answer:
        """Calls once. Raises one of the four families."""
        connection = self._connections.of(account, operation)
        return await connection.call(operation, send, self._priority or operation.priority)

    async def pages(
        self, account: StripeAccount, operation: Operation, fetch: Fetch
    ) -> AsyncIterator[tuple[Answer, wire.Page]]:
        """Fetches a list to its end. A list that goes round in circles is not understood."""
        after, visited = "", {""}
        while True:
            answer = await self.call(account, operation, _after(fetch, after))
            page = understood(wire.page, answer, operation)
            yield answer, page
            after = page.next_after
            if not after:
                return
            if after in visited:
                raise _not_understood(operation, "the list repeats itself")
            visited.add(after)


def _after(fetch: Fetch, after: str) -> Send:
    return lambda sdk: fetch(sdk, after)


def understood(read: Callable[[object], T], answer: Answer, operation: Operation) -> T:
    """Reads an answer. Raises `OutcomeUnknownError` when it is not as this API version has it."""
    return read_shape(read, answer.data, operation)


def read_shape(read: Callable[[object], T], raw: object, operation: Operation) -> T:
    """Reads a part of an answer, as `understood`."""
    try:
        return read(raw)
    except wire.ShapeError as error:
        raise _not_understood(operation, str(error)) from error


def _not_understood(operation: Operation, why: str) -> OutcomeUnknownError:
    """An answer of success that we cannot read proves nothing: neither that it happened nor not."""
    return OutcomeUnknownError(
        f"Stripe was asked to {operation.does}; its answer is {why}. What happened has to be found"
        " out by asking again; if this stays, this version of splynx-stripe does not fit Stripe's"
        " API."
    )
