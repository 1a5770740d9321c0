"""Passes `/stripe/…` on to the add-on, as the nginx of a Splynx server does (reference 4.1)."""

from __future__ import annotations

import html
import logging
from collections.abc import Iterable

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from splynx_stripe.sandbox.splynx.options import SplynxSandboxOptions

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 5
CHUNK_BYTES = 64 * 1024
HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)

_DOWN_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>502 Bad Gateway</title>
<body><h1>502 Bad Gateway</h1>
<p>The payment add-on does not answer. No money was taken. Please try again in a minute.</p>
</body></html>
"""


class AddonProxy:
    """One origin for Splynx and its add-on."""

    def __init__(self, options: SplynxSandboxOptions) -> None:
        self._options = options
        self._client: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Lets go of the connections to the add-on."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Sends a request on and streams the answer back; 502 when there is none."""
        if not self._options.addon_url:
            return _down("no add-on is connected")
        target = URL(
            self._options.addon_url.rstrip("/") + request.rel_url.raw_path_qs, encoded=True
        )
        try:
            answer = await self._open().request(
                request.method,
                target,
                headers=_forwarded(request),
                data=request.content.iter_chunked(CHUNK_BYTES) if request.can_read_body else None,
                allow_redirects=False,
            )
        except (aiohttp.ClientError, TimeoutError) as error:
            return _down(str(error))
        async with answer:
            return await _pass_back(request, answer)

    def _open(self) -> aiohttp.ClientSession:
        if self._client is None:
            self._client = aiohttp.ClientSession(
                # nginx opens a connection per request: a restarted add-on meets no stale one.
                connector=aiohttp.TCPConnector(force_close=True),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            )
        return self._client


def _down(reason: str) -> web.Response:
    log.warning("proxy.down", extra={"reason": html.escape(reason)})
    return web.Response(status=502, text=_DOWN_PAGE, content_type="text/html")


async def _pass_back(request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    headers = _end_to_end(answer.headers.items())
    response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)
    await response.prepare(request)
    try:
        async for chunk in answer.content.iter_any():
            await response.write(chunk)
    except aiohttp.ClientError as error:
        log.warning("proxy.broken", extra={"reason": str(error)})
        if request.transport is not None:
            request.transport.close()
        return response
    await response.write_eof()
    return response


def _forwarded(request: web.Request) -> CIMultiDict[str]:
    """Gives the request's headers with what nginx would add."""
    headers = _end_to_end(request.headers.items())
    known = request.headers.get("X-Forwarded-For")
    remote = request.remote or "127.0.0.1"
    headers["Host"] = request.host
    headers["X-Forwarded-Host"] = request.host
    headers["X-Forwarded-Proto"] = request.scheme
    headers["X-Forwarded-For"] = f"{known}, {remote}" if known else remote
    return headers


def _end_to_end(headers: Iterable[tuple[str, str]]) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in headers if name.lower() not in HOP_BY_HOP)
