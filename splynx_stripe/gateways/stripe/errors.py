"""What an answer of Stripe, or its absence, means: one of the four families.

| answer                                    | writing request        | reading request |
|-------------------------------------------|------------------------|-----------------|
| 400, 402, 404 and other refusals          | `RejectedError`, `NotFoundError`   ||
| the same with the PaymentIntent in it     | an answer: it was made and declined ||
| 400 idempotency_error                     | `BrokenInvariantError`             ||
| 401, 403                                  | `NotPermittedError`                ||
| 409, 429 (rate limit, lock timeout)       | `RetryableError`                   ||
| never sent (refused, DNS, TLS)            | `RetryableError`                   ||
| 5xx, timeout, lost, halved or foreign answer | `OutcomeUnknownError` | `RetryableError` |

Sources: `reference/stripe-api.md`, section 2; `reference/faults.md`, part C.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
import stripe

from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    NotFoundError,
    NotPermittedError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
)
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.kit.rate_limit import Priority

UNEXPECTED_STATE = "payment_intent_unexpected_state"
RESOURCE_MISSING = "resource_missing"
INVALID_KEY = "invalid_api_key"
"""The code of our own for a key that Stripe does not know (any more)."""

_AGAIN_AFTER_S = 1.0
"""How long to wait when Stripe does not say; its buckets refill every second."""
_LONGEST_AGAIN_AFTER_S = 300.0
_SERVER_ERROR = 500
_TOO_MANY = 429
_CONFLICT = 409
_MISSING = 404
_BAD_REQUEST = 400
_UNAUTHORIZED = 401
_FORBIDDEN = 403

_NEVER_SENT = (
    aiohttp.ClientConnectorError,  # refused, DNS and TLS are its subclasses
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
    aiohttp.InvalidURL,
)

_SECRETS = re.compile(
    r"(?:[sr]k|whsec)_[\w*]+|\b\w+_secret_\w+|\b[0-9](?:[ -]?[0-9]){11,18}\b", re.ASCII
)
_PERMISSION = re.compile(r"'(rak_\w+)'", re.ASCII)
_MAX_SAID_CHARS = 500


@dataclass(frozen=True, slots=True)
class Operation:
    """One of Stripe's named operations: each has its own rate limit (section 3 of the reference).

    `does` completes the sentence "Stripe did not …". `writes` says whether it changes anything.
    `confirms`: it charges at once, so a decline is an answer about the PaymentIntent that it made.
    """

    endpoint: str
    does: str
    writes: bool
    priority: Priority = Priority.INTERACTIVE
    confirms: bool = False


def scrub(text: str) -> str:
    """Takes keys, client secrets and card numbers out of a text that is shown or logged."""
    return _SECRETS.sub("***", text)[:_MAX_SAID_CHARS]


def named(account: StripeAccount) -> str:
    """Gives an account the way its administrator knows it."""
    return f"partner section '{account.name}' ({'live' if account.livemode else 'test'} mode)"


def translate(error: Exception, operation: Operation, account: StripeAccount) -> Exception:
    """Gives the error of ours that an exception of the SDK means, to be raised without a cause.

    The SDK's exceptions carry whole answers, client secrets included, so they are not chained.
    """
    said = _said(error)
    if isinstance(error, stripe.StripeError) and said is not None:
        return _refusal(error, said, operation, account)
    if isinstance(error, stripe.oauth_error.OAuthError):
        said = _said_by_oauth(error)
    if isinstance(error, stripe.StripeError) and said is not None:
        return _refusal(error, said, operation, account)
    if isinstance(error.__cause__, _NEVER_SENT):
        return RetryableError(
            f"Stripe could not be reached to {operation.does} ({type(error.__cause__).__name__})."
            " Nothing was sent and no money was taken; it is tried again.",
            retry_after_s=_AGAIN_AFTER_S,
        )
    reason = type(error.__cause__ or error).__name__
    return no_answer(operation, f"no usable answer came ({reason})")


def carried_intent(error: stripe.StripeError) -> Mapping[str, object] | None:
    """Gives the PaymentIntent that a refusal of its confirmation carries; it exists (fault 29).

    Where the PaymentIntent itself does not say why it failed, the refusal does.
    """
    said = _said(error)
    intent = said.get("payment_intent") if said is not None else None
    status = error.http_status or 0
    if (
        said is None
        or not isinstance(intent, Mapping)
        or not _BAD_REQUEST <= status < _SERVER_ERROR
    ):
        return None
    if status in (_UNAUTHORIZED, _FORBIDDEN, _CONFLICT, _TOO_MANY):
        return None
    if _text(said, "type") == "idempotency_error":
        return None
    reason = {name: _text(said, name) for name in ("code", "decline_code", "message")}
    return {**intent, "last_payment_error": intent.get("last_payment_error") or reason}


def no_answer(operation: Operation, reason: str) -> Exception:
    """Gives the error for a request that may have been executed, but whose answer is of no use."""
    if operation.writes:
        return OutcomeUnknownError(
            f"Stripe was asked to {operation.does}, but {reason}. Whether it did is not known yet;"
            " it is found out by asking about the same thing, not by doing it again."
        )
    return RetryableError(
        f"Stripe was asked to {operation.does}, but {reason}. Nothing was changed by this; it is"
        " asked again.",
        retry_after_s=_AGAIN_AFTER_S,
    )


def _said(error: Exception) -> Mapping[str, object] | None:
    """Gives Stripe's error object, or None when the answer is not one of Stripe's API."""
    body = error.json_body if isinstance(error, stripe.StripeError) else None
    said = body.get("error") if isinstance(body, Mapping) else None
    return said if isinstance(said, Mapping) else None


def _said_by_oauth(error: stripe.StripeError) -> Mapping[str, object] | None:
    """Gives the error of Stripe's OAuth, which has words where the API has an object."""
    body = error.json_body
    if not isinstance(body, Mapping) or not isinstance(body.get("error"), str):
        return None
    return {"code": body["error"], "message": body.get("error_description")}


def _refusal(
    error: stripe.StripeError,
    said: Mapping[str, object],
    operation: Operation,
    account: StripeAccount,
) -> Exception:
    status = error.http_status or 0
    sentence = scrub(_text(said, "message") or "no reason was given")
    if status >= _SERVER_ERROR or status < _BAD_REQUEST:
        request = scrub(error.request_id or "without a number")
        return no_answer(operation, f"it answered with status {status} (request {request})")
    if status in (_TOO_MANY, _CONFLICT) or isinstance(error, stripe.RateLimitError):
        return RetryableError(
            f"Stripe did not {operation.does} just now: {sentence} Nothing was done and no money"
            " was taken; it is tried again.",
            retry_after_s=_retry_after_s(error.headers or {}),
        )
    if status in (_UNAUTHORIZED, _FORBIDDEN):
        return _not_permitted(status, sentence, said, operation, account)
    return _rejected(status, sentence, said, operation)


def _rejected(
    status: int, sentence: str, said: Mapping[str, object], operation: Operation
) -> Exception:
    code = _text(said, "decline_code") or _text(said, "code")
    if _text(said, "type") == "idempotency_error":
        return BrokenInvariantError(
            f"Stripe did not {operation.does}, because the idempotency key was used before with"
            f" other parameters: {sentence} This is a fault of this program. Nothing was done"
            " now; the payment is stopped until a person has looked at it."
        )
    message = f"Stripe did not {operation.does}: {sentence} No money was taken by this."
    if status == _MISSING and (code == RESOURCE_MISSING or not _is_wrong_url(sentence, code)):
        return NotFoundError(message, code=RESOURCE_MISSING)
    return RejectedError(message, code=code)


def _is_wrong_url(sentence: str, code: str) -> bool:
    """Says whether 404 is about the address of the API instead of the object asked for."""
    return bool(code) or sentence.startswith("Unrecognized request URL")


def _not_permitted(
    status: int,
    sentence: str,
    said: Mapping[str, object],
    operation: Operation,
    account: StripeAccount,
) -> NotPermittedError:
    code = _text(said, "code")
    permission = _PERMISSION.search(sentence)
    if permission is not None:
        what = (
            f"the restricted key lacks the permission {permission.group(1)}. Add it to the key in"
            " the Stripe dashboard"
        )
        code = code or permission.group(1)
    elif status == _UNAUTHORIZED:
        what = f"the secret key is wrong or revoked ({sentence}) Put a valid key there"
        code = code or INVALID_KEY
    else:
        what = f"the key may not do this ({sentence}) Check the key and the state of the account"
        code = code or "forbidden"
    return NotPermittedError(
        f"Stripe did not {operation.does} for {named(account)}: {what}. No money was taken.",
        code=code,
    )


def wrong_mode(operation: Operation, account: StripeAccount) -> NotPermittedError:
    """Gives the error for a key of the other mode, which is never used."""
    return NotPermittedError(
        f"Stripe was not asked to {operation.does} for {named(account)}, because its secret key is"
        " of the other mode. No money was taken. Put the key of the right mode there.",
        code="wrong_mode",
    )


def no_key(operation: Operation, account: StripeAccount) -> NotPermittedError:
    """Gives the error for an account that no key is configured for."""
    return NotPermittedError(
        f"Stripe was not asked to {operation.does}, because no secret key is configured for"
        f" {named(account)}. No money was taken.",
        code="no_key",
    )


def _text(said: Mapping[str, object], name: str) -> str:
    value = said.get(name)
    return value if isinstance(value, str) else ""


def _retry_after_s(headers: Mapping[str, str]) -> float:
    asked = headers.get("Retry-After", "")
    if re.fullmatch(r"[0-9]{1,9}", asked, re.ASCII):
        return min(max(float(asked), _AGAIN_AFTER_S), _LONGEST_AGAIN_AFTER_S)
    return _AGAIN_AFTER_S
