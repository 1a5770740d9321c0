"""What an answer of Splynx that is not a success means, in the four families.

Statuses, bodies and `internal_code`s are those of `reference/splynx-api.md` section 2.3. Every
message says what happened, whether something was written, and what to do.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from splynx_stripe.domain.errors import (
    NotFoundError,
    NotPermittedError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
)
from splynx_stripe.gateways.splynx.resources import Call

SHOWN_CHARACTERS = 300
"""How much of a foreign text may enter an error or a log."""

_OK, _REDIRECT, _CLIENT_ERROR, _SERVER_ERROR = 200, 300, 400, 500
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404
_REQUEST_TIMEOUT, _TOO_MANY_REQUESTS = 408, 429
_DEFAULT_RETRY_AFTER_S = 5.0
_MAX_RETRY_AFTER_S = 3600.0
"""A longer Retry-After is nothing we can plan with; asking once an hour harms nobody."""

STALE_CREDENTIAL_CODES = frozenset(
    [
        "",
        "UNAUTHORIZED",
        "MISSED_AUTHORIZATION_HEADER",
        "EMPTY_ACCESS_TOKEN",
        "EXPIRED_ACCESS_TOKEN",
        "EXPIRED_REFRESH_TOKEN",
        "TOKEN_BANNED",
        "USER_AGENT_CHANGED",
        "IP_CHANGED",
    ]
)
"""Codes of a 401 that a new nonce or token may mend. Others (EXCEEDED_MAX_ATTEMPTS …) it cannot."""


_CREDENTIAL = re.compile(r"Splynx-EA \([^)]*\)?|\b[0-9A-Fa-f]{64}\b")
"""An `Authorization` header or a signature that an answer echoes."""


class NotJsonError(ValueError):
    """The body is not JSON: cut off, or not Splynx's answer at all."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over HTTP, whole. Header names are in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_success(self) -> bool:
        return _OK <= self.status < _REDIRECT

    @property
    def is_redirect(self) -> bool:
        return _REDIRECT <= self.status < _CLIENT_ERROR and "location" in self.headers

    @property
    def is_stale_credential(self) -> bool:
        """Says whether a new nonce or token may help. Nothing happened: a 401 precedes all work."""
        return self.status == _UNAUTHORIZED and self.internal_code in STALE_CREDENTIAL_CODES

    @property
    def is_denied(self) -> bool:
        return self.status in {_UNAUTHORIZED, _FORBIDDEN}

    @property
    def internal_code(self) -> str:
        """Gives Splynx's own word for the reason, or ""."""
        match self._json_or_none():
            case {"error": {"internal_code": str(code)}}:
                return code
            case _:
                return ""

    def json(self) -> object:
        """Reads the body; fractions become `Decimal`, so that money stays exact.

        Raises:
            NotJsonError: when it is not JSON.
        """
        try:
            value: object = _DECODER.decode(_text_of(self.body))
        except (ValueError, RecursionError) as error:
            raise NotJsonError(f"{len(self.body)} bytes that are not JSON") from error
        return value

    def words(self) -> str:
        """Says in words what an error body says, whichever of its shapes it has."""
        value = self._json_or_none()
        said = "; ".join(_sentences(value)) if value is not None else ""
        return said or self.body.decode("utf-8", "replace").strip()

    @property
    def is_splynx_error(self) -> bool:
        """Says whether the error was written by Splynx and not by a web server before it."""
        return isinstance(self._json_or_none(), dict)

    def _json_or_none(self) -> object:
        try:
            return self.json()
        except NotJsonError:
            return None


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse_constant)
"""Made once: `json.loads` would make one for each answer."""


def _text_of(body: bytes) -> str:
    """Decodes a body as `json.loads` does, which accepts UTF-16 and a byte order mark, too."""
    return body.decode(json.detect_encoding(body), "surrogatepass")


def _sentences(value: object) -> Iterator[str]:
    """Takes texts out of: the documented object, lists of (attribute, error), (field, message)."""
    match value:
        case str():
            yield value
        case list():
            yield from itertools.chain.from_iterable(map(_sentences, value))
        case {"error": dict(inner)}:
            yield from _sentences(inner.get("message", inner))
        case {"attribute": name, "error": said} | {"field": name, "message": said}:
            yield _about(name, said)
        case {"message": said}:
            yield from _sentences(said)
        case dict():
            yield from (_about(name, said) for name, said in value.items())
        case _:
            yield str(value)


def _about(name: object, said: object) -> str:
    return f"{name}: {', '.join(_sentences(said))}"


def scrubbed(text: str, confidential: Iterable[str]) -> str:
    """Masks the confidential values in a foreign text, puts it on one line and cuts it."""
    for value in sorted(filter(None, confidential), key=len, reverse=True):
        text = text.replace(value, "***")
    text = _CREDENTIAL.sub("***", text)
    return " ".join(text.split())[:SHOWN_CHARACTERS]


def not_sent(call: Call, why: str) -> RetryableError:
    """No byte of the request left: it may be repeated as it is."""
    return RetryableError(
        f"Splynx could not be reached for {call} ({why}). Nothing was written there."
    )


def answer_lost(
    call: Call, why: str, *, retry_after_s: float = 0.0
) -> RetryableError | OutcomeUnknownError:
    """The request left and no usable answer came: harmless for a reading, unknown for a write."""
    if call.writes:
        return OutcomeUnknownError(
            f"Splynx gave no usable answer to {call} ({why}). It may have been written or not:"
            " look in Splynx before it is repeated."
        )
    return RetryableError(
        f"Splynx gave no usable answer to {call} ({why}). Nothing was written; ask again later.",
        retry_after_s=retry_after_s,
    )


def refusal(call: Call, answer: Answer, confidential: Iterable[str]) -> Exception:
    """Gives the error that an answer other than a success means."""
    said = scrubbed(answer.words(), confidential) or f"status {answer.status}"
    if answer.is_denied:
        return _not_permitted(call, answer, said)
    if answer.status == _NOT_FOUND:
        return _not_found(call, answer, said)
    if answer.status == _TOO_MANY_REQUESTS:
        return RetryableError(
            f"Splynx is asked too often ({call}). Nothing was written; ask again later.",
            retry_after_s=retry_after_s(answer),
        )
    if _CLIENT_ERROR <= answer.status < _SERVER_ERROR and answer.status != _REQUEST_TIMEOUT:
        return RejectedError(
            f"Splynx refused {call}, nothing was written: {said}", code=_code(answer)
        )
    wait_s = retry_after_s(answer) if "retry-after" in answer.headers else 0.0
    return answer_lost(call, f"status {answer.status}: {said}", retry_after_s=wait_s)


def _not_found(call: Call, answer: Answer, said: str) -> Exception:
    """A web server's own 404 is no word of Splynx: nobody may conclude that something is gone."""
    if not answer.is_splynx_error:
        return not_sent(call, "the web server, not Splynx, answers 404; is splynx.url right?")
    return NotFoundError(f"Splynx does not have what {call} asks for: {said}", code=_code(answer))


def _not_permitted(call: Call, answer: Answer, said: str) -> NotPermittedError:
    if answer.status == _UNAUTHORIZED:
        cause = "check splynx.api_key, its secret, and the key's allowed list of addresses"
    else:
        cause = f'allow the API key "{call.permission}" in Administration → API keys'
    return NotPermittedError(
        f"Splynx does not let us {call}, nothing was written: {cause}. It said: {said}",
        code=_code(answer),
    )


def _code(answer: Answer) -> str:
    return answer.internal_code[:SHOWN_CHARACTERS]


def retry_after_s(answer: Answer) -> float:
    """Gives the seconds that the answer asks to wait."""
    asked = answer.headers.get("retry-after", "").strip()
    if not (asked.isascii() and asked.isdigit()):
        return _DEFAULT_RETRY_AFTER_S
    return min(float(asked), _MAX_RETRY_AFTER_S)
