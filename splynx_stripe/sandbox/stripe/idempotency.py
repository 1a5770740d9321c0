"""Idempotency keys: replay, conflict, in progress, expiry (docs.stripe.com/api/idempotent_requests)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

from splynx_stripe.sandbox.stripe.errors import StripeError, bad_parameter

MAX_KEY_LENGTH = 255


@dataclass(slots=True)
class Remembered:
    """The first request under a key, and its answer once there is one."""

    path: str
    fingerprint: str
    since: datetime
    status: int = 0
    body: bytes = b""

    @property
    def in_progress(self) -> bool:
        return self.status == 0


class IdempotencyKeys:
    """The keys of all accounts; an account and mode of its own is part of each key."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Remembered] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def known(self, scope: str, key: str) -> Remembered | None:
        """Gives what is remembered under a key, for tests."""
        return self._kept.get((scope, key))

    def expire(self, now: datetime, ttl_s: float) -> None:
        """Forgets the finished keys older than `ttl_s`; they make new objects afterwards."""
        oldest = now - timedelta(seconds=ttl_s)
        expired = [
            place
            for place, it in takewhile(lambda kept: kept[1].since <= oldest, self._kept.items())
            if not it.in_progress
        ]
        for place in expired:
            del self._kept[place]

    def begin(self, scope: str, key: str, request: Remembered) -> Remembered | None:
        """Claims the key for a request; gives the earlier one whose answer is to be replayed.

        Raises:
            StripeError: the key is in use, or was used with something else.
        """
        if len(key) > MAX_KEY_LENGTH:
            raise bad_parameter(
                f"Idempotency keys may be up to {MAX_KEY_LENGTH} characters long.", param=None
            )
        earlier = self._kept.get((scope, key))
        if earlier is None:
            self._kept[scope, key] = request
            return None
        if earlier.path != request.path:
            raise _conflict(
                "Keys for idempotent requests can only be used for the same endpoint they were"
                f" first used for ('{earlier.path}'). Try using a key other than '{key}' if you"
                " meant to execute a different request."
            )
        if earlier.fingerprint != request.fingerprint:
            raise _conflict(
                "Keys for idempotent requests can only be used with the same parameters they were"
                f" first used with. Try using a key other than '{key}' if you meant to execute a"
                " different request."
            )
        if earlier.in_progress:
            raise _in_use(key)
        return earlier

    def drop(self, scope: str, key: str) -> None:
        """Forgets a key whose request was refused before execution."""
        self._kept.pop((scope, key), None)


def _conflict(message: str) -> StripeError:
    return StripeError(400, message, kind="idempotency_error", execution_begun=False)


def _in_use(key: str) -> StripeError:
    return StripeError(
        409,
        "There is currently another in-progress request using this Stripe-Account and Idempotency"
        f" Key: {key}. This probably means you submitted twice, and the other request is still"
        " going through. Please try again once the first request finishes.",
        execution_begun=False,
        fields={"code": "idempotency_key_in_use"},
        headers={"Stripe-Should-Retry": "true"},
    )
