"""An administrator of Splynx at the office's pages, without a browser."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape
from typing import Self

import aiohttp

_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


class OfficePerson:
    """Somebody with a cookie jar, who logs in at Splynx's administration."""

    def __init__(self, splynx_url: str) -> None:
        self._url = splynx_url
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True), timeout=aiohttp.ClientTimeout(total=20)
        )

    async def __aenter__(self) -> Self:
        form = {"login": "admin", "password": "sandbox"}
        url = f"{self._url}/admin/login/"
        async with self._session.post(url, data=form, allow_redirects=False) as answer:
            assert answer.status == 302
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def saves(self, changes: Mapping[str, str], partner: str = "default") -> int:
        """Opens the settings page, enters own values and presses Save; gives the status."""
        page = f"{self._url}/stripe/admin/settings"
        async with self._session.get(page, params={"partner": partner}) as answer:
            assert answer.status == 200, await answer.text()
            hidden = {name: unescape(value) for name, value in _HIDDEN.findall(await answer.text())}
        own = {f"own.{key}": "yes" for key in changes}
        async with self._session.post(
            f"{page}/save", data={**hidden, **changes, **own}, allow_redirects=False
        ) as answer:
            return answer.status
