"""A customer without a browser: does over HTTP what a person and stripe.js do together.

Used by `make smoke` and by the acceptance tests.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from html import unescape
from typing import Self

import aiohttp

_TICKET = re.compile(r'data-ticket="([^"]+)"')
_KEY = re.compile(r'data-publishable-key="([^"]+)"')


@dataclass(frozen=True, slots=True)
class SeenPage:
    """A payment page as the visitor got it. `ticket` is "" when there is nothing to pay."""

    status: int
    html: str

    @property
    def ticket(self) -> str:
        """Gives the ticket that the page's script would send."""
        match = _TICKET.search(self.html)
        return unescape(match[1]) if match else ""

    @property
    def publishable_key(self) -> str:
        """Gives the key with which stripe.js would speak to Stripe."""
        match = _KEY.search(self.html)
        return unescape(match[1]) if match else ""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What Stripe said to the card: the PaymentIntent's status, or the error's code."""

    status: str
    code: str = ""


class Visitor:
    """One person with one cookie jar."""

    def __init__(self, *, splynx_url: str, addon_url: str, stripe_url: str) -> None:
        self._splynx_url = splynx_url.rstrip("/")
        self._addon_url = addon_url.rstrip("/")
        self._stripe_url = stripe_url.rstrip("/")
        self._result_url = ""
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True), timeout=aiohttp.ClientTimeout(total=20)
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def log_in(self, customer_id: int) -> None:
        """Logs in at the sandbox's portal."""
        form = {"login": f"customer{customer_id}", "password": "sandbox"}
        url = f"{self._splynx_url}/portal/login/"
        async with self._session.post(url, data=form, allow_redirects=False) as answer:
            if answer.status not in {302, 303}:
                raise RuntimeError(f"The portal refused customer {customer_id}: {answer.status}.")

    async def open(self, path: str) -> SeenPage:
        """Opens a page of ours, such as `pay-invoice?item_id=202611000042`."""
        url = f"{self._addon_url}/{path}"
        async with self._session.get(url, allow_redirects=False) as answer:
            return SeenPage(answer.status, await answer.text())

    async def press_pay(self, page: SeenPage) -> tuple[str, str]:
        """Presses Pay; gives the state and the client secret that the page's script would get."""
        async with self._session.post(
            f"{self._addon_url}/pay/start", json={"ticket": page.ticket}
        ) as answer:
            text = await answer.text()
        try:
            body = json.loads(text)
        except ValueError:
            return "error", ""
        self._result_url = str(body.get("result_url") or "")
        return str(body.get("state", "error")), str(body.get("client_secret") or "")

    async def confirm(self, page: SeenPage, client_secret: str, card: str) -> Confirmed:
        """Enters a card and confirms, as stripe.js does; passes 3-D Secure when asked."""
        intent = client_secret.partition("_secret_")[0]
        form = {
            "payment_method_data[type]": "card",
            "payment_method_data[card][number]": card,
            "payment_method_data[card][exp_month]": "12",
            "payment_method_data[card][exp_year]": "2034",
            "payment_method_data[card][cvc]": "123",
        }
        base = f"{self._stripe_url}/v1/payment_intents/{intent}"
        answer = await self._post_to_stripe(f"{base}/confirm", page, client_secret, form)
        if answer.status == "requires_action":
            url = f"{base}/_authenticate?outcome=success"
            return await self._post_to_stripe(url, page, client_secret, {})
        return answer

    async def result(self) -> str:
        """Asks the result page of the last payment how it stands."""
        url = self._result_url.replace("/result?", "/result/status?")
        async with self._session.get(url) as answer:
            if answer.content_type != "application/json":
                return f"error {answer.status}"
            return str((await answer.json()).get("state"))

    async def _post_to_stripe(
        self, url: str, page: SeenPage, client_secret: str, form: dict[str, str]
    ) -> Confirmed:
        data = {"client_secret": client_secret, **form}
        headers = {"Authorization": f"Bearer {page.publishable_key}"}
        async with self._session.post(url, data=data, headers=headers) as answer:
            body = await answer.json()
        error = body.get("error")
        if error:
            return Confirmed("error", str(error.get("decline_code") or error.get("code")))
        return Confirmed(str(body["status"]))
