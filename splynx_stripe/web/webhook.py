"""The door for Stripe's events: prove, store, acknowledge; nothing is processed here (I7).

A refused request changes nothing and is logged once; a flood of the same refusals is summed up,
because anybody on the Internet can cause one.
"""

from __future__ import annotations

import logging
from collections import OrderedDict

from aiohttp import web

from splynx_stripe.domain.errors import RejectedError
from splynx_stripe.domain.inbox import InboxSource
from splynx_stripe.domain.stripe import StripeAccount, StripeEvent
from splynx_stripe.gateways.stripe.webhook import BadSignatureError, parse_envelope, verify_webhook
from splynx_stripe.kit.clock import Clock
from splynx_stripe.kit.secret import Secret
from splynx_stripe.web.deps import WebhookEndpoint
from splynx_stripe.web.edge import EDGE, Edge
from splynx_stripe.web.limits import client_address

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 512 * 1024
"""Stripe's events are below 256 kB; whoever sends more is not Stripe."""

_ONE_LINE_PER_S = 10.0
_SHOWN_OF_ENDPOINT = 6
_REMEMBERED_AT_MOST = 1_000
_UNKNOWN_ENDPOINT = "unknown_endpoint"
_RECEIVED = b'{"received": true}'


class RefusedError(Exception):
    """A webhook that is not taken: with which status it is answered, and why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class RefusalLog:
    """Logs refusals: the first at once, repetitions within ten seconds as one count."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._recent: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def refused(self, reason: str, endpoint: str, peer: str) -> None:
        """Notes a refusal and logs it, unless the same was logged just now."""
        now = self._clock.monotonic()
        shown = _shown(endpoint)
        # Names that do not exist are without number, so they share one line.
        key = (reason, "" if reason == _UNKNOWN_ENDPOINT else shown)
        logged_at, silent = self._recent.pop(key, (float("-inf"), 0))
        if now - logged_at < _ONE_LINE_PER_S:
            self._recent[key] = (logged_at, silent + 1)
            return
        self._recent[key] = (now, 0)
        if len(self._recent) > _REMEMBERED_AT_MOST:
            self._recent.popitem(last=False)
        facts = {"reason": reason, "endpoint": shown, "peer": peer, "repeated": silent}
        log.warning("webhook.refused", extra=facts)


def _shown(endpoint: str) -> str:
    """Shortens a name, which is a secret where it exists and may be anything where it does not."""
    return "".join(char if char.isalnum() else "?" for char in endpoint[:_SHOWN_OF_ENDPOINT])


REFUSALS = web.AppKey("refusals", RefusalLog)


async def webhook(request: web.Request) -> web.Response:
    """Answers 200 only after the event is stored; 503 (by `errors.py`) when it could not be."""
    edge = request.app[EDGE]
    name = request.match_info["endpoint"]
    arrived = edge.deps.clock.monotonic()
    try:
        endpoint = _endpoint(edge, name)
        event, secret = _proven_event(edge, endpoint, await _body(request), request)
    except RefusedError as refusal:
        request.app[REFUSALS].refused(refusal.reason, name, client_address(request))
        edge.metrics.webhook("", refusal.reason)
        return web.json_response({"error": refusal.reason}, status=refusal.status)
    account = _account_of(endpoint, event)
    if account is None:  # it was disconnected, or is another program's; Stripe need not repeat it
        edge.metrics.webhook(event.type, "foreign")
        return _received()
    result = "not_stored"
    try:
        is_new = await edge.deps.inbox.receive(event, account, InboxSource.WEBHOOK)
        result = "stored" if is_new else "known"
    finally:
        edge.metrics.webhook(event.type, result)
    if endpoint.delivered is not None:
        await endpoint.delivered(secret)
    edge.metrics.acknowledged(edge.deps.clock.monotonic() - arrived)
    return _received()


def _received() -> web.Response:
    return web.Response(body=_RECEIVED, content_type="application/json", charset="utf-8")


def _endpoint(edge: Edge, name: str) -> WebhookEndpoint:
    """Finds the endpoint. Without a secret it is closed: an empty key verifies anything."""
    endpoint = edge.deps.webhook_endpoint(name)
    if endpoint is None:
        raise RefusedError(404, _UNKNOWN_ENDPOINT)
    if not any(endpoint.secrets):
        raise RefusedError(404, "no_secret")
    return endpoint


async def _body(request: web.Request) -> bytes:
    """Reads the raw bytes, never more than the limit."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise RefusedError(415, "encoded_body")
    if request.content_length is not None and request.content_length > MAX_BODY_BYTES:
        raise RefusedError(413, "too_large")
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise RefusedError(413, "too_large") from error


def _proven_event(
    edge: Edge, endpoint: WebhookEndpoint, body: bytes, request: web.Request
) -> tuple[StripeEvent, Secret]:
    """Proves that Stripe sent it, for this account and mode (I8)."""
    header = request.headers.get("Stripe-Signature", "")
    try:
        secret = verify_webhook(body, header, endpoint.secrets, edge.deps.clock.now())
        event = parse_envelope(body)
    except BadSignatureError as error:
        raise RefusedError(400, error.reason) from error
    except RejectedError as error:
        raise RefusedError(400, "not_understood") from error
    if event.livemode != endpoint.account.livemode:
        raise RefusedError(400, "wrong_mode")
    if bool(event.account) != (endpoint.connected is not None):
        raise RefusedError(400, "wrong_account")
    return event, secret


def _account_of(endpoint: WebhookEndpoint, event: StripeEvent) -> StripeAccount | None:
    """Gives whose event it is; None for an account that is not connected to us (any more)."""
    if endpoint.connected is None:
        return endpoint.account
    return endpoint.connected.get(event.account)
