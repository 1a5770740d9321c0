"""What browsers refuse on our pages, what they weigh, and who may put them into a frame."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from playwright.async_api import expect

from tests.browser.conftest import NewCustomer
from tests.browser.customer import (
    DESKTOP,
    Customer,
    form_is_ready,
    pays,
    sees_paid,
)
from tests.browser.watch import body_bytes

pytestmark = pytest.mark.asyncio(loop_scope="session")

MAX_PAGE_BYTES = 150_000
_INLINE = re.compile(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|javascript:")


@asynccontextmanager
async def _foreign_site(framed_url: str) -> AsyncIterator[str]:
    """Serves, from another port and so another origin, a page that frames one of ours."""

    async def page(_request: web.Request) -> web.Response:
        text = f'<!doctype html><title>Foreign</title><iframe src="{framed_url}"></iframe>'
        return web.Response(text=text, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def test_a_foreign_site_cannot_frame_a_payment_page(customer: Customer) -> None:
    bill = await customer.gets_bill()
    customer.watch.expect("frame-ancestors", "icon")
    url = f"{customer.town.addon_url}/direct-pay-invoice?item_id={bill.number}"

    async with _foreign_site(url) as foreign:
        await customer.page.goto(foreign)
        frame = customer.page.frame_locator("iframe")
        await expect(frame.locator("body")).to_be_attached()

    await expect(frame.get_by_text(bill.number)).to_have_count(0)
    assert any("frame-ancestors" in one for one in customer.watch.complaints)
    assert customer.page.frames[1].url.startswith("chrome-error:")


async def test_splynx_may_frame_a_payment_page(customer: Customer) -> None:
    bill = await customer.gets_bill()
    await customer.logs_in()
    await customer.page.goto(f"{customer.town.splynx_url}/portal/finance/invoices")

    await customer.page.get_by_role("button", name=f"Pay {bill.number} by card").click()

    await form_is_ready(customer.page.frame_locator(f'iframe[title="Pay {bill.number}"]'))


async def test_injected_scripts_styles_and_foreign_addresses_are_refused(
    customer: Customer,
) -> None:
    bill = await customer.gets_bill()
    customer.watch.expect("Content Security Policy", "CSP violation", "Content-Security-Policy")
    await customer.opens_link(bill)

    await customer.page.evaluate(_INJECT)

    await customer.page.wait_for_function("window.refused.length >= 4")
    refused = await customer.page.evaluate("window.refused.sort().join(' ')")
    assert refused == "connect-src img-src script-src-elem style-src-attr"
    assert await customer.page.evaluate("window.wasInjected") is None


_INJECT = """() => {
  window.refused = [];
  document.addEventListener("securitypolicyviolation", (e) => window.refused.push(e.effectiveDirective));
  const script = document.createElement("script");
  script.textContent = "window.wasInjected = true";
  const image = document.createElement("img");
  image.src = "https://thief.example/pixel.png";
  const div = document.createElement("div");
  div.setAttribute("style", "color: red");
  document.body.append(script, image, div);
  fetch("https://thief.example/").catch(() => {});
}"""


@pytest.mark.parametrize(
    "path", ["direct-pay-invoice?item_id=202611000043", "direct-pay-invoice?item_id=1", ""]
)
async def test_a_page_has_no_inline_script_style_or_handler(customer: Customer, path: str) -> None:
    customer.watch.expect("404")
    response = await customer.page.goto(f"{customer.town.addon_url}/{path}")

    assert response is not None
    assert _INLINE.findall(await response.text()) == []


async def test_a_payment_page_weighs_little_and_asks_nobody_but_stripe(
    customer: Customer,
) -> None:
    bill = await customer.gets_bill()
    await customer.opens_link(bill)

    own = await body_bytes(customer.page, customer.watch, customer.town.splynx_url)

    assert own <= MAX_PAGE_BYTES
    origins = {"/".join(request.url.split("/")[:3]) for request in customer.watch.requests}
    assert origins == {customer.town.splynx_url, customer.town.stripe_url}


async def test_no_card_number_and_no_client_secret_is_sent_to_us(customer: Customer) -> None:
    bill = await customer.gets_bill()
    await customer.opens_link(bill)

    await pays(customer.page)
    await sees_paid(customer.page)

    ours = [one for one in customer.watch.requests if one.url.startswith(customer.town.addon_url)]
    sent = " ".join(f"{request.url} {request.post_data or ''}" for request in ours)
    assert "4242" not in sent.replace(bill.number, "")
    assert "_secret_" not in sent


async def test_a_plain_link_shows_no_personal_data(new_customer: NewCustomer) -> None:
    who = await new_customer(DESKTOP)
    bill = await who.gets_bill()
    await who.opens_link(bill)

    shown = await who.page.content()

    john = who.town.splynx.state.customers[17]
    assert [it for it in (john.name, john.email, john.phone, john.street_1) if it in shown] == []
