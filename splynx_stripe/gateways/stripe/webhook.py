"""Proves that a webhook body comes from Stripe, and reads it.

The header is `Stripe-Signature: t=<unix seconds>,v1=<hex of HMAC-SHA256(secret, "<t>.<body>")>`
with any number of `v1` (docs.stripe.com/webhooks/signature). The SDK's own check accepts
timestamps of the future (`reference/stripe-api.md`, section 2); this one does not.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from datetime import datetime

from splynx_stripe.domain.errors import RejectedError
from splynx_stripe.domain.stripe import StripeEvent
from splynx_stripe.gateways.stripe import wire
from splynx_stripe.kit.secret import Secret

TOLERANCE_S = 300
"""How far Stripe's clock and ours may be apart; Stripe's own default."""
_MAX_HEADER_CHARS = 4096
_PIECE_BYTES = 2047
"""For longer ones hashlib gives the interpreter's lock away, and getting it back from the thread that
writes takes many times the 10 µs of the sum itself."""
_SECONDS = re.compile(r"[0-9]{1,12}")

_SENTENCES = {
    "missing_header": "The request has no Stripe-Signature header.",
    "no_secret": "No webhook secret is configured for this address.",
    "malformed": "The Stripe-Signature header is not in Stripe's form.",
    "no_match": "The signature does not fit the body and the configured webhook secret.",
    "too_old": "The signature is right but too old: a replay, or the clock of this host is fast.",
    "in_the_future": "The signature is right but of the future: the clock of this host is slow.",
}


class BadSignatureError(Exception):
    """A webhook that is not proven to come from Stripe. Answer 400 and do not look at the body.

    `reason` is one of missing_header, no_secret, malformed, no_match, too_old, in_the_future.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(_SENTENCES[reason])
        self.reason = reason


def verify_webhook(
    body: bytes,
    header: str,
    secrets: Sequence[Secret],
    now: datetime,
    tolerance_s: int = TOLERANCE_S,
) -> Secret:
    """Gives the one of `secrets` that `body` was signed with, within `tolerance_s` of `now`.

    Several secrets are accepted while one is being rolled. The age is judged only after the
    signature is proven, so `too_old` and `in_the_future` speak of clocks and not of forgers.

    Raises:
        BadSignatureError: Refuse the request; `reason` says why.
    """
    usable = [secret for secret in secrets if secret]
    if not header:
        raise BadSignatureError("missing_header")
    if not usable:
        raise BadSignatureError("no_secret")
    timestamp, signatures = _parts(header)
    signed = f"{timestamp}.".encode() + body
    secret = _matching(signed, signatures, usable)
    if secret is None:
        raise BadSignatureError("no_match")
    age_s = now.timestamp() - int(timestamp)
    if age_s > tolerance_s:
        raise BadSignatureError("too_old")
    if age_s < -tolerance_s:
        raise BadSignatureError("in_the_future")
    return secret


def _parts(header: str) -> tuple[str, list[bytes]]:
    """Gives the one timestamp and the v1 signatures; other schemes, such as v0, are ignored."""
    if len(header) > _MAX_HEADER_CHARS:
        raise BadSignatureError("malformed")
    pairs = [item.strip().partition("=") for item in header.split(",")]
    timestamps = [value for name, _, value in pairs if name == "t"]
    signatures = [value.encode("utf-8", "replace") for name, _, value in pairs if name == "v1"]
    if len(timestamps) != 1 or not _SECONDS.fullmatch(timestamps[0]) or not signatures:
        raise BadSignatureError("malformed")
    return timestamps[0], signatures


def _matching(
    signed: bytes, signatures: Sequence[bytes], secrets: Sequence[Secret]
) -> Secret | None:
    """Compares every pair, so that the time taken does not tell which one matched."""
    matched = None
    for secret in secrets:
        expected = _signature(secret.reveal().encode(), signed)
        for signature in signatures:
            matched = secret if hmac.compare_digest(expected, signature) else matched
    return matched


def _signature(key: bytes, signed: bytes) -> bytes:
    """Computes the signature in pieces, which changes nothing but who waits for whom."""
    code = hmac.new(key, digestmod=hashlib.sha256)
    for start in range(0, len(signed), _PIECE_BYTES):
        code.update(signed[start : start + _PIECE_BYTES])
    return code.hexdigest().encode()


def parse_envelope(body: bytes) -> StripeEvent:
    """Reads who sent an event and of which type it is, not what it is about.

    This is all that storing it takes. A PaymentIntent in it that is not understood is found when
    the event is handled, and parked with a case: refusing it would only let Stripe give up on it.

    Raises:
        RejectedError: As `parse_event`.
    """
    return _understood(wire.event_envelope_of, body)


def parse_event(body: bytes) -> StripeEvent:
    """Reads an event body of the v1 API, whoever sent it: verify first.

    Raises:
        RejectedError: It is not understood. Park it and let a person look; it may be of another
            API version, or a thin event of the v2 API, which we do not subscribe to.
    """
    return _understood(wire.event_of, body)


def _understood(read: Callable[[bytes], StripeEvent], body: bytes) -> StripeEvent:
    try:
        return read(body)
    except wire.ShapeError as error:
        raise RejectedError(
            f"The event from Stripe is not understood: {error}. No money was moved by this; check"
            f" that the webhook endpoint has the API version {wire.API_VERSION}.",
            code="event_not_understood",
        ) from error
