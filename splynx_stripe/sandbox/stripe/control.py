"""The sandbox's own routes below `/_sandbox/`: ledger, switches, redelivery, 3-D Secure page."""

from __future__ import annotations

import asyncio
from html import escape
from urllib.parse import urlencode

from aiohttp import web

from splynx_stripe.sandbox.faults import CONTROL_PREFIX
from splynx_stripe.sandbox.stripe import payments, setup_intents
from splynx_stripe.sandbox.stripe.call import Call
from splynx_stripe.sandbox.stripe.disputes import open_dispute
from splynx_stripe.sandbox.stripe.idempotency import IdempotencyKeys
from splynx_stripe.sandbox.stripe.intents import of_secret
from splynx_stripe.sandbox.stripe.state import Book, Json, StoredEvent, StripeState
from splynx_stripe.sandbox.stripe.webhooks import Outside

_INTENT_FIELDS = (
    "id",
    "status",
    "amount",
    "amount_received",
    "currency",
    "metadata",
    "customer",
    "latest_charge",
)
_CHARGE_FIELDS = (
    "id",
    "status",
    "amount",
    "amount_captured",
    "amount_refunded",
    "currency",
    "metadata",
    "customer",
    "payment_intent",
)
_REFUND_FIELDS = ("id", "status", "amount", "currency", "metadata", "charge", "payment_intent")
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sandbox bank</title><main><h1>3-D Secure</h1>
<p>The sandbox's bank asks: is it you who is paying?</p>
<form method="post"><button name="outcome" value="success">Complete authentication</button>
<button name="outcome" value="fail">Fail authentication</button>
<input type="hidden" name="secret" value="{secret}"></form></main></html>"""


class Control:
    """The routes; `outside` is there while the sandbox runs."""

    def __init__(self, state: StripeState, keys: IdempotencyKeys) -> None:
        self._state = state
        self._keys = keys
        self.outside: Outside | None = None

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get(f"{CONTROL_PREFIX}ledger", self.ledger)
        app.router.add_post(f"{CONTROL_PREFIX}switches", self.switch)
        app.router.add_post(f"{CONTROL_PREFIX}redeliver", self.redeliver)
        app.router.add_post(f"{CONTROL_PREFIX}dispute", self.dispute)
        app.router.add_get(f"{CONTROL_PREFIX}authenticate/{{id}}", self.ask)
        app.router.add_post(f"{CONTROL_PREFIX}authenticate/{{id}}", self.answer)

    def books(self, account: str | None = None) -> list[Book]:
        return [it for it in self._state.books if account in (None, it.key.account_id)]

    def totals(self, account: str | None = None) -> Json:
        """Gives all payment objects, oldest first, and the counts of events and keys."""
        books = self.books(account)
        return {
            "payment_intents": [
                _only(it, _INTENT_FIELDS) for book in books for it in book.payment_intents.values()
            ],
            "charges": [
                _only(it, _CHARGE_FIELDS) for book in books for it in book.charges.values()
            ],
            "refunds": [
                _only(it, _REFUND_FIELDS) for book in books for it in book.refunds.values()
            ],
            "events": sum(len(book.events) for book in books),
            "keys": len(self._keys),
        }

    async def ledger(self, request: web.Request) -> web.Response:
        return web.json_response(self.totals(request.query.get("account")))

    async def switch(self, request: web.Request) -> web.Response:
        switches = self._state.switches
        wanted: Json = await request.json()
        for name, value in wanted.items():
            present = getattr(switches, name, None)
            fits = isinstance(value, type(present)) or (
                isinstance(present, float) and type(value) is int
            )
            if present is None or not fits:
                return web.json_response({"error": f"No such switch: {name}={value!r}"}, status=400)
        for name, value in wanted.items():
            setattr(switches, name, value)
        names = type(switches).__dataclass_fields__
        return web.json_response({name: getattr(switches, name) for name in names})

    async def redeliver(self, request: web.Request) -> web.Response:
        """Sends an event again: `{"event": "evt_…", "times": 1, "parallel": false}`."""
        wanted: Json = await request.json()
        for book in self._state.books:
            if (event := book.events.get(str(wanted.get("event")))) is not None:
                times, parallel = int(wanted.get("times", 1)), bool(wanted.get("parallel", False))
                statuses = await self.send_again(book, event, times, parallel=parallel)
                return web.json_response({"statuses": statuses})
        return web.json_response({"error": "No such event."}, status=404)

    async def dispute(self, request: web.Request) -> web.Response:
        """Lets a bank take a payment back: `{"payment_intent": "pi_…", "reason": "debit_not_authorized"}`."""
        wanted: Json = await request.json()
        reason = str(wanted.get("reason", "general"))
        made = self.take_back(str(wanted.get("payment_intent")), reason)
        if made is None:
            return web.json_response({"error": "No such payment."}, status=404)
        return web.json_response({"dispute": made["id"]})

    def take_back(self, intent_id: str, reason: str, amount: int | None = None) -> Json | None:
        """Opens a dispute about a succeeded payment; None when there is no such payment."""
        for book in self._state.books:
            intent = book.payment_intents.get(intent_id)
            if intent is not None and intent["status"] == "succeeded":
                charge = book.charges[intent["latest_charge"]]
                return open_dispute(Call(self._state, book), charge, reason, amount)
        return None

    async def send_again(
        self, book: Book, event: StoredEvent, times: int, *, parallel: bool
    ) -> list[int]:
        """Sends an event `times` more to each endpoint that wants it, also while webhooks are lost."""
        if self.outside is None:
            return []
        self.outside.address(book, event)
        tries = [
            self.outside.try_once(book, event, delivery)
            for delivery in event.deliveries.values()
            for _ in range(times)
        ]
        if parallel:
            return list(await asyncio.gather(*tries))
        return [await one for one in tries]

    async def ask(self, request: web.Request) -> web.Response:
        self._found(request.match_info["id"], request.query.get("secret", ""))
        secret = escape(request.query["secret"])
        return web.Response(text=_PAGE.format(secret=secret), content_type="text/html")

    async def answer(self, request: web.Request) -> web.Response:
        form = await request.post()
        secret = str(form.get("secret", ""))
        book, intent = self._found(request.match_info["id"], secret)
        action: Json = (intent["next_action"] or {}).get("redirect_to_url") or {}
        call = Call(self._state, book)
        succeeded = form.get("outcome") == "success"
        kind = intent["object"]
        if intent["status"] == "requires_action":
            finish = payments if kind == "payment_intent" else setup_intents
            finish.authenticated(call, intent, success=succeeded)
        back = {
            kind: intent["id"],
            f"{kind}_client_secret": secret,
            "redirect_status": "succeeded" if intent["status"] == "succeeded" else "failed",
        }
        url = str(action.get("return_url") or "/")
        raise web.HTTPSeeOther(f"{url}{'&' if '?' in url else '?'}{urlencode(back)}")

    def _found(self, intent_id: str, secret: str) -> tuple[Book, Json]:
        for book in self._state.books:
            if (intent := of_secret(book, intent_id, secret)) is not None:
                return book, intent
        raise web.HTTPNotFound(text="No such payment.")


def _only(thing: Json, names: tuple[str, ...]) -> Json:
    return {name: thing[name] for name in names}
