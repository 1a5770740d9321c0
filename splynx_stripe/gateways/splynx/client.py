"""Sends one request to Splynx and brings the whole answer back, or says what became of it.

Knows nothing of logins and of what an answer means. Cookies are never sent: an answer's session
cookie would lend one customer's identity to the next request.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import aiohttp
from yarl import URL

from splynx_stripe.domain.errors import OutcomeUnknownError, RetryableError
from splynx_stripe.gateways.splynx import errors
from splynx_stripe.gateways.splynx.connection import SplynxConnection
from splynx_stripe.gateways.splynx.errors import Answer
from splynx_stripe.gateways.splynx.resources import Call
from splynx_stripe.kit.rate_limit import Priority
from splynx_stripe.kit.turns import Turns

USER_AGENT = "splynx-stripe"
"""Constant, because Splynx binds each token to it (reference 1.3)."""

MAX_ANSWER_BYTES = 10 * 1024 * 1024
"""A page of a hundred invoices is well below 1 MB; more than this is no answer to us."""

_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Credential:
    """What goes into `Authorization`; `confidential` are its parts that nobody may read."""

    header: str
    confidential: tuple[str, ...]


class SplynxClient:
    """One HTTP client for one connection; the session's owner closes the session."""

    def __init__(self, connection: SplynxConnection, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._base = URL(connection.url.rstrip("/") + "/api/2.0/")
        self._timeout = aiohttp.ClientTimeout(
            total=connection.timeout_s, sock_connect=connection.connect_timeout_s
        )
        self._turns = Turns(connection.max_parallel)
        self._priority = Priority.INTERACTIVE

    def with_priority(self, priority: Priority) -> SplynxClient:
        """Gives the same client, with the same limit of requests at once, of this priority."""
        view = object.__new__(SplynxClient)
        view._session, view._base, view._timeout = self._session, self._base, self._timeout
        view._turns, view._priority = self._turns, priority
        return view

    def address(self, call: Call) -> URL:
        """Gives the full address of a call."""
        return self._base.joinpath(call.path).with_query(list(call.query))

    async def exchange(
        self, call: Call, credential: Credential | None, address: URL | None = None
    ) -> Answer:
        """Sends one request; any HTTP status is an answer. Redirects are not followed.

        aiohttp sends a GET or PUT once more by itself when a kept connection turns out to be
        closed: both may be repeated. A POST is sent once.

        Raises:
            RetryableError: Nothing was sent, or nothing was to be written. Repeat later.
            OutcomeUnknownError: A write was sent and its answer got lost. Look before repeating.
        """
        try:
            async with self._turns.take(self._priority):
                return await self._exchange(call, credential, address or self.address(call))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            cause = None if call.resource.items_are_secret else error
            raise _meaning(call, error) from cause

    async def _exchange(self, call: Call, credential: Credential | None, address: URL) -> Answer:
        async with self._session.request(
            call.method,
            address,
            data=None if call.body is None else json.dumps(call.body).encode(),
            headers=_headers(call, credential),
            allow_redirects=False,
            timeout=self._timeout,
            middlewares=(_without_cookies,),
        ) as response:
            body = bytearray()
            async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    raise aiohttp.ClientPayloadError(f"more than {MAX_ANSWER_BYTES} bytes")
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, bytes(body), headers)


async def _without_cookies(
    request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    request.headers.pop("Cookie", None)
    return await send(request)


def _headers(call: Call, credential: Credential | None) -> dict[str, str]:
    headers = {"User-Agent": USER_AGENT, "Accept": "application/json"}
    if call.body is not None:
        headers["Content-Type"] = "application/json"
    if credential is not None:
        headers["Authorization"] = credential.header
    return headers


def _meaning(call: Call, error: Exception) -> RetryableError | OutcomeUnknownError:
    """Tells failures before the first byte left from those after it."""
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return errors.not_sent(call, _why(error))
    if isinstance(error, aiohttp.InvalidURL):
        return errors.not_sent(call, "splynx.url is no address")
    return errors.answer_lost(call, _why(error))


_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ClientConnectorCertificateError, "its TLS certificate is not accepted"),
    (aiohttp.ClientConnectorSSLError, "it does not speak TLS as we do"),
    (aiohttp.ClientConnectorDNSError, "its host name is not known"),
    (aiohttp.ConnectionTimeoutError, "no connection in time"),
    (aiohttp.ClientConnectorError, "no connection"),
    (TimeoutError, "no answer in time"),
    (aiohttp.ClientPayloadError, "the answer broke off or is too long"),
)


def _why(error: Exception) -> str:
    """Names the failure without the address, which may contain a token."""
    reasons = (reason for kind, reason in _REASONS if isinstance(error, kind))
    return next(reasons, "the connection broke")
