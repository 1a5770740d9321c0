"""Proves to Splynx who we are: by a token, or by a signature with a rising nonce.

An API key signs `nonce + key`; with "check nonce" on, Splynx wants each nonce higher than the
one before, in order of arrival (`reference/splynx-api.md` 1.2). A token login needs one nonce
and then none for half an hour (1.3), so requests may overtake each other: it is the default.
Without tokens, requests go out one by one.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from splynx_stripe.domain.errors import (
    NotPermittedError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
)
from splynx_stripe.gateways.splynx import errors, wire
from splynx_stripe.gateways.splynx.client import Credential, SplynxClient
from splynx_stripe.gateways.splynx.connection import NonceReserve, SplynxConnection
from splynx_stripe.gateways.splynx.errors import Answer
from splynx_stripe.gateways.splynx.resources import TOKENS, Call
from splynx_stripe.gateways.splynx.wire import Grant
from splynx_stripe.kit.clock import Clock

log = logging.getLogger(__name__)

Send = Callable[[Credential], Awaitable[Answer]]

NONCE_BLOCK = 100
"""Nonces reserved at once: the store is asked once per so many signatures."""

RENEW_BEFORE_S = 5
"""Splynx's own clients renew a token so early (reference 1.3)."""

LOGIN_PAUSE_S = 30.0
"""After a refused login we do not ask again so soon: Splynx locks out who keeps trying."""

_NOT_FOUND, _METHOD_NOT_ALLOWED = 404, 405
_CENTISECONDS = 100


def signature(secret: str, nonce: int, key: str) -> str:
    """Signs as Splynx's own client does: upper-case hex (reference 1.2)."""
    return hmac.new(secret.encode(), f"{nonce}{key}".encode(), hashlib.sha256).hexdigest().upper()


def token_credential(access_token: str) -> Credential:
    """Presents an access token."""
    return Credential(f"Splynx-EA (access_token={access_token})", (access_token,))


class Nonces:
    """Strictly rising nonces out of durably reserved blocks. Used by one task at a time."""

    def __init__(self, clock: Clock, reserve: NonceReserve) -> None:
        self._clock = clock
        self._reserve = reserve
        self._next = 0
        self._left = 0

    async def take(self) -> int:
        """Gives the next nonce."""
        if self._left == 0:
            floor = round(self._clock.now().timestamp() * _CENTISECONDS)
            self._next = await self._reserve(floor, NONCE_BLOCK)
            self._left = NONCE_BLOCK
        nonce = self._next
        self._next, self._left = self._next + 1, self._left - 1
        return nonce

    def skip_ahead(self) -> None:
        """Drops the block, so that the next nonce is not below the present centisecond."""
        self._left = 0


class Signer:
    """Signs with the API key."""

    def __init__(self, connection: SplynxConnection, nonces: Nonces) -> None:
        self._key = connection.api_key
        self._secret = connection.api_secret
        self._nonces = nonces
        self._turn = asyncio.Lock()

    @property
    def confidential(self) -> tuple[str, ...]:
        return (self._key, self._secret.reveal())

    async def using(self, send: Send) -> Answer:
        """Sends one signed request; the next one waits for the answer, so that none overtakes."""
        async with self._turn:
            answer = await send(await self._credential())
            if answer.is_stale_credential:
                log.warning("splynx.retry", extra={"reason": answer.internal_code or "401"})
                self._nonces.skip_ahead()
                answer = await send(await self._credential())
            return answer

    async def _credential(self) -> Credential:
        nonce = await self._nonces.take()
        signed = signature(self._secret.reveal(), nonce, self._key)
        inside = urlencode({"key": self._key, "nonce": nonce, "signature": signed})
        return Credential(f"Splynx-EA ({inside})", (signed, *self.confidential))

    async def log_in(self, client: SplynxClient) -> Answer:
        """Asks for a token with one signed nonce; a refused nonce is followed by one fresh one.

        The nonce is always from a new block: other daemons may sign with the same key, and what
        is left of an old block may be below what they have used since.
        """
        async with self._turn:
            self._nonces.skip_ahead()
            answer = await client.exchange(await self._login(), None)
            if answer.is_stale_credential:
                log.warning("splynx.retry", extra={"reason": answer.internal_code or "401"})
                self._nonces.skip_ahead()
                answer = await client.exchange(await self._login(), None)
            return answer

    async def _login(self) -> Call:
        nonce = await self._nonces.take()
        signed = signature(self._secret.reveal(), nonce, self._key)
        body = {"auth_type": "api_key", "key": self._key, "nonce": nonce, "signature": signed}
        return Call(TOKENS, "add", body=body)


class SplynxAuth:
    """Gives each request its credential and renews what has become stale.

    A request that is answered 401 did nothing and is repeated once with a fresh credential,
    never more often: repeated failures lock an API key out.
    """

    def __init__(
        self,
        connection: SplynxConnection,
        client: SplynxClient,
        clock: Clock,
        reserve: NonceReserve,
    ) -> None:
        self._client = client
        self._clock = clock
        self._signer = Signer(connection, Nonces(clock, reserve))
        self._signs_only = connection.authentication == "signature"
        self._one_login = asyncio.Lock()
        self._grant: Grant | None = None
        self._refused: NotPermittedError | None = None
        self._login_not_before = 0.0

    @property
    def confidential(self) -> tuple[str, ...]:
        """Everything secret that an answer could echo."""
        if self._grant is None:
            return self._signer.confidential
        tokens = (self._grant.access_token, self._grant.refresh_token)
        return (*self._signer.confidential, *tokens)

    async def using(self, send: Send) -> Answer:
        """Sends a request with a valid credential.

        Raises:
            NotPermittedError: Splynx does not accept the API key. The request was not sent.
            RetryableError: The login did not get through. The request was not sent.
        """
        grant = await self._valid_grant()
        if grant is None:
            return await self._signer.using(send)
        answer = await send(token_credential(grant.access_token))
        if not answer.is_stale_credential:
            return answer
        log.warning("splynx.retry", extra={"reason": answer.internal_code or "401"})
        self._forget(grant)
        fresh = await self._valid_grant()
        if fresh is None:
            return await self._signer.using(send)
        return await send(token_credential(fresh.access_token))

    def _forget(self, grant: Grant) -> None:
        if self._grant == grant:
            self._grant = None

    async def _valid_grant(self) -> Grant | None:
        """Gives a token, by at most one login at a time; None when signatures are to be used."""
        if self._needs_login():
            async with self._one_login:
                if self._needs_login():
                    await self._log_in_or_renew()
        return self._grant

    def _needs_login(self) -> bool:
        return not self._signs_only and not self._is_fresh(self._grant)

    async def _log_in_or_renew(self) -> None:
        try:
            self._grant = await self._renewed(self._grant) or await self._logged_in()
        except OutcomeUnknownError as error:
            raise RetryableError(
                "Splynx did not answer the login of the API key. Nothing was written;"
                " it will be tried again."
            ) from error

    def _is_fresh(self, grant: Grant | None) -> bool:
        return grant is not None and self._now() + RENEW_BEFORE_S < grant.access_expires_at

    def _now(self) -> float:
        return self._clock.now().timestamp()

    async def _renewed(self, grant: Grant | None) -> Grant | None:
        """Exchanges the refresh token; None when a new login is needed."""
        if grant is None or not grant.refresh_token or self._now() >= grant.refresh_expires_at:
            return None
        self._grant = None
        answer = await self._client.exchange(Call(TOKENS, "view", item=grant.refresh_token), None)
        if not answer.is_success:
            return None
        renewed = _grant(answer)
        return renewed if renewed.refresh_token else None

    async def _logged_in(self) -> Grant | None:
        if self._refused is not None and self._clock.monotonic() < self._login_not_before:
            raise NotPermittedError(str(self._refused), code=self._refused.code)
        answer = await self._signer.log_in(self._client)
        if answer.is_success:
            self._refused = None
            return _grant(answer)
        if _lacks_token_login(answer):
            log.warning("splynx.token_login_missing", extra={"status": answer.status})
            self._signs_only = True
            return None
        raise self._login_error(answer)

    def _login_error(self, answer: Answer) -> Exception:
        error = errors.refusal(Call(TOKENS, "add"), answer, self.confidential)
        if not isinstance(error, RejectedError):
            return error
        refused = NotPermittedError(str(error), code=error.code)
        self._refused = refused
        self._login_not_before = self._clock.monotonic() + LOGIN_PAUSE_S
        return refused


def _lacks_token_login(answer: Answer) -> bool:
    is_unknown_route = answer.status in {_NOT_FOUND, _METHOD_NOT_ALLOWED}
    return (is_unknown_route and answer.is_splynx_error) or (
        answer.internal_code == "INVALID_AUTH_TYPE"
    )


def _grant(answer: Answer) -> Grant:
    try:
        return wire.grant(answer.json())
    except (errors.NotJsonError, wire.WireError) as error:
        raise RetryableError(
            f"Splynx's answer to a login cannot be understood: {error}. Nothing was written."
        ) from error
