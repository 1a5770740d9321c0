"""The sandbox's stripe.js pays in a real browser, under a strict Content-Security-Policy."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Page, async_playwright

from tests.contract.stripe_sandbox_running import PUBLISHABLE_KEY, Running, running, served

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Pay</title>
<form id="form"><div id="payment"></div><button>Pay</button></form><pre id="out"></pre>
<script src="{base}/v3/"></script><script src="/page.js"></script></html>"""
SCRIPT = """
const given = JSON.parse(decodeURIComponent(location.hash.slice(1)));
const out = document.querySelector('#out');
const say = (it) => { out.textContent = JSON.stringify(it); };
const stripe = Stripe(given.key, { locale: 'en' });
const elements = stripe.elements(given.secretFirst ? { clientSecret: given.secret }
  : { mode: 'payment', amount: 1000, currency: 'eur' });
const element = elements.create('payment', {});
element.on('ready', () => { document.body.dataset.ready = 'yes'; });
element.on('loaderror', (event) => say(event));
element.on('change', (event) => { document.body.dataset.complete = event.complete; });
element.mount('#payment');
document.querySelector('#form').addEventListener('submit', async (event) => {
  event.preventDefault();
  out.textContent = '';
  const checked = await elements.submit();
  if (checked.error) { say(checked); return; }
  const confirm = given.setup ? stripe.confirmSetup : stripe.confirmPayment;
  say(await confirm({ elements, clientSecret: given.secret, redirect: given.redirect,
    confirmParams: { return_url: location.origin + '/result' } }));
});
"""


@dataclass(slots=True)
class Shop:
    """A page with the Payment Element, in a phone-sized browser."""

    stage: Running
    page: Page
    url: str

    async def open(self, secret: str, **given: Any) -> None:
        shown = {"key": PUBLISHABLE_KEY, "secret": secret, "redirect": "if_required", **given}
        await self.page.goto(f"{self.url}/#{json.dumps(shown)}")

    async def pay(self, number: str, expiry: str = "1234", cvc: str = "123") -> None:
        await self.page.get_by_label("Card number").fill(number)
        await self.page.get_by_label("Expiration date").fill(expiry)
        await self.page.get_by_label("Security code").fill(cvc)
        await self.page.locator("#out").evaluate("(out) => { out.textContent = ''; }")
        await self.page.get_by_role("button", name="Pay").click()

    async def outcome(self) -> dict[str, Any]:
        await self.page.locator("#out:not(:empty)").wait_for()
        told: dict[str, Any] = json.loads(await self.page.locator("#out").inner_text())
        return told

    async def intent_secret(self) -> str:
        intent = await self.stage.client().v1.payment_intents.create_async(
            {"amount": 1000, "currency": "eur"}
        )
        return str(intent.client_secret)


@asynccontextmanager
async def shop() -> AsyncIterator[Shop]:
    async with running() as stage, served(_site(stage.base)) as url, async_playwright() as tool:
        browser = await tool.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        try:
            page = await browser.new_page(viewport={"width": 390, "height": 800})
            refused: list[str] = []
            page.on("console", lambda one: refused.append(one.text) if _is_csp(one.text) else None)
            page.on("pageerror", lambda error: refused.append(str(error)))
            yield Shop(stage, page, url)
            assert refused == []
        finally:
            await browser.close()


def _is_csp(text: str) -> bool:
    return "Content Security Policy" in text


def _site(base: str) -> web.Application:
    policy = (
        f"default-src 'none'; script-src 'self' {base}; style-src 'self'; connect-src {base};"
        " base-uri 'none'"
    )

    async def page(_request: web.Request) -> web.Response:
        return web.Response(
            text=PAGE.format(base=base),
            content_type="text/html",
            headers={"Content-Security-Policy": policy},
        )

    async def result(_request: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>Thanks</title>", content_type="text/html")

    async def script(_request: web.Request) -> web.Response:
        return web.Response(text=SCRIPT, content_type="text/javascript")

    app = web.Application()
    app.router.add_get("/", page)
    app.router.add_get("/result", result)
    app.router.add_get("/page.js", script)
    return app


async def test_a_good_card_pays_in_the_browser() -> None:
    async with shop() as at:
        await at.open(await at.intent_secret())
        await at.page.locator("body[data-ready=yes]").wait_for()
        await at.pay("4242424242424242")

        assert (await at.outcome())["paymentIntent"]["status"] == "succeeded"
        assert await at.page.get_attribute("body", "data-complete") == "true"
        assert await at.page.get_by_label("Card number").input_value() == "4242 4242 4242 4242"


async def test_a_refused_card_shows_why_and_another_card_then_pays() -> None:
    async with shop() as at:
        await at.open(await at.intent_secret(), secretFirst=True)
        await at.pay("4000000000009995")

        error = (await at.outcome())["error"]
        assert (error["type"], error["code"]) == ("card_error", "card_declined")
        assert error["decline_code"] == "insufficient_funds"
        assert error["payment_intent"]["status"] == "requires_payment_method"
        await at.pay("4242424242424242")
        assert (await at.outcome())["paymentIntent"]["status"] == "succeeded"


@pytest.mark.parametrize("button", ["Complete authentication", "Fail authentication"])
async def test_three_d_secure_asks_in_a_dialog(button: str) -> None:
    async with shop() as at:
        await at.open(await at.intent_secret())
        await at.pay("4000002760003184")

        await at.page.get_by_role("dialog").get_by_role("button", name=button).click()

        told = await at.outcome()
        if button.startswith("Complete"):
            assert told["paymentIntent"]["status"] == "succeeded"
        else:
            assert told["error"]["code"] == "payment_intent_authentication_failure"


async def test_an_incomplete_card_is_not_sent() -> None:
    async with shop() as at:
        await at.open(await at.intent_secret())
        for card, code in [
            (("4242",), "incomplete_number"),
            (("4242424242424241",), "invalid_number"),
            (("4242424242424242", "12"), "incomplete_expiry"),
            (("4242424242424242", "0120"), "invalid_expiry_month_past"),
            (("4242424242424242", "1234", "1"), "incomplete_cvc"),
        ]:
            await at.pay(*card)
            error = (await at.outcome())["error"]
            assert (error["type"], error["code"]) == ("validation_error", code)
            assert await at.page.get_by_text(error["message"], exact=True).is_visible()

        assert at.stage.sandbox.state.book().payment_methods == {}


async def test_a_redirect_carries_the_outcome() -> None:
    async with shop() as at:
        secret = await at.intent_secret()
        await at.open(secret, redirect="always")
        await at.pay("4242424242424242")

        await at.page.wait_for_url("**/result?*", wait_until="commit")

        assert "redirect_status=succeeded" in at.page.url
        assert f"payment_intent_client_secret={secret}" in at.page.url


async def test_a_card_is_saved_by_a_setup_intent() -> None:
    async with shop() as at:
        v1 = at.stage.client().v1
        customer = await v1.customers.create_async()
        setup = await v1.setup_intents.create_async({"customer": customer.id})
        await at.open(str(setup.client_secret), setup=True)
        await at.pay("5555555555554444")

        assert (await at.outcome())["setupIntent"]["status"] == "succeeded"
        saved = await v1.payment_methods.list_async({"customer": customer.id, "type": "card"})
        assert [one.card.brand for one in saved.data if one.card] == ["mastercard"]


async def test_a_wrong_secret_is_a_load_error() -> None:
    async with shop() as at:
        await at.open("pi_3none_secret_none", secretFirst=True)

        assert (await at.outcome())["error"]["code"] == "resource_missing"
