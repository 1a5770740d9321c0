"""Signs events and delivers them to the endpoints, again and again until one says 2xx."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Coroutine

from aiohttp import ClientError, ClientSession, ClientTimeout

from splynx_stripe.kit.tasks import Supervisor
from splynx_stripe.sandbox.stripe.events import matches
from splynx_stripe.sandbox.stripe.state import Book, Delivery, Json, StoredEvent, StripeState

_SUCCESS = range(200, 300)


def signature_header(body: bytes, secret: str, timestamp: int) -> str:
    """Gives the value of `Stripe-Signature` (stripe-api.md, section 2, Webhooks)."""
    signed = f"{timestamp}.".encode() + body
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


class Outside:
    """What the sandbox does by itself: deliveries and delayed outcomes, as named tasks."""

    def __init__(self, state: StripeState, tasks: Supervisor, session: ClientSession) -> None:
        self._state = state
        self._tasks = tasks
        self._session = session

    def later(self, delay_s: float, work: Callable[[], None]) -> None:
        """Does `work` after a while."""

        async def wait() -> None:
            await self._state.clock.sleep(delay_s)
            work()

        self._start("stripe-sandbox-later", wait())

    def _start(self, name: str, work: Coroutine[None, None, None]) -> None:
        _ = self._tasks.start(name, work)

    def deliver(self, book: Book, event: StoredEvent) -> None:
        """Starts the delivery of a new event to every endpoint that wants its type."""
        self.address(book, event)
        event.body["pending_webhooks"] = len(event.deliveries)
        for delivery in event.deliveries.values():
            self._start("stripe-sandbox-webhook", self._until_taken(book, event, delivery))

    def address(self, book: Book, event: StoredEvent) -> None:
        """Makes a delivery of the event for every endpoint that wants it and has none yet."""
        for endpoint in self._listening(book):
            wanted = any(matches(one, event.body["type"]) for one in endpoint["enabled_events"])
            if wanted and endpoint["status"] == "enabled":
                event.deliveries.setdefault(endpoint["id"], Delivery(endpoint["id"]))

    def _listening(self, book: Book) -> list[Json]:
        """Gives the account's own endpoints, and the connect endpoints of its platforms."""
        found = [
            it for it in book.webhook_endpoints.values() if it["id"] not in book.connect_endpoints
        ]
        for platform in self._state.books:
            connected = self._state.connected.get((platform.key.account_id, platform.livemode), ())
            if platform.livemode == book.livemode and book.key.account_id in connected:
                found += [platform.webhook_endpoints[it] for it in platform.connect_endpoints]
        return found

    def _found(self, endpoint_id: str) -> tuple[Book, Json] | None:
        for book in self._state.books:
            if endpoint_id in book.webhook_endpoints:
                return book, book.webhook_endpoints[endpoint_id]
        return None

    async def _until_taken(self, book: Book, event: StoredEvent, delivery: Delivery) -> None:
        if self._state.switches.webhooks_lost:
            return
        for wait_s in (0.0, *self._state.options.webhook_retries_s):
            if wait_s:
                await self._state.clock.sleep(wait_s)
            found = self._found(delivery.endpoint_id)
            if found is None or found[1]["status"] != "enabled" or delivery.delivered:
                return
            await self.try_once(book, event, delivery)

    async def try_once(self, book: Book, event: StoredEvent, delivery: Delivery) -> int:
        """Sends the event once and gives the status, 0 for no answer."""
        found = self._found(delivery.endpoint_id)
        if found is None:
            return 0
        holder, endpoint = found
        delivery.tries += 1
        secret = holder.webhook_secrets[delivery.endpoint_id]
        body = event.body
        if delivery.endpoint_id in holder.connect_endpoints:
            body = {**body, "account": book.key.account_id}
        status = await self._post(endpoint, body, secret)
        delivery.statuses.append(status)
        delivery.delivered = delivery.delivered or status in _SUCCESS
        return status

    async def _post(self, endpoint: Json, event: Json, secret: str) -> int:
        shaped = {**event, "api_version": endpoint["api_version"] or event["api_version"]}
        body = json.dumps(shaped, indent=2).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature_header(body, secret, self._state.seconds()),
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        timeout = ClientTimeout(total=self._state.options.webhook_timeout_s)
        try:
            async with self._session.post(
                endpoint["url"],
                data=body,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
            ) as answer:
                return answer.status
        except (ClientError, TimeoutError, OSError):
            return 0
