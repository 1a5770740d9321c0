"""The pages for people with other eyes, fingers and screens (WCAG 2.2 AA)."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.axe import barriers
from tests.browser.conftest import NewCustomer
from tests.browser.customer import (
    PHONE,
    POOR_CARD,
    Customer,
    enters,
    form_is_ready,
    pay_button,
    pays,
    sees_paid,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

_WIDTHS = "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
_MISTYPED_CARD = "4242424242424241"


_BACKGROUNDS = """() => ["main", "body", "[name=cardnumber]"].map((place) =>
  getComputedStyle(document.querySelector(place)).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number))"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_pages_of_a_payment_have_no_serious_barrier(
    new_customer: NewCustomer, scheme: str
) -> None:
    who = await new_customer(PHONE, color_scheme=scheme)
    bill = await who.gets_bill()
    await who.opens_link(bill)
    await who.shoots(f"{scheme}-form")
    brightest = max(max(colour) for colour in await who.page.evaluate(_BACKGROUNDS))
    assert (brightest < 90) is (scheme == "dark")
    assert await barriers(who.page) == []

    await pays(who.page, POOR_CARD)
    await expect(who.page.get_by_role("alert")).to_be_visible()
    await who.shoots(f"{scheme}-declined")
    assert await barriers(who.page) == []

    await enters(who.page, _MISTYPED_CARD)
    await pay_button(who.page).click()
    await expect(who.page.get_by_role("alert")).to_contain_text("invalid")
    await who.shoots(f"{scheme}-mistyped")
    assert await barriers(who.page) == []

    await pays(who.page)
    await sees_paid(who.page)
    await who.shoots(f"{scheme}-paid")
    assert await barriers(who.page) == []


async def test_the_portals_window_has_no_serious_barrier_with_our_page_in_it(
    customer: Customer,
) -> None:
    bill = await customer.gets_bill()
    await customer.logs_in()
    await customer.page.goto(f"{customer.town.splynx_url}/portal/finance/invoices")
    await customer.page.get_by_role("button", name=f"Pay {bill.number} by card").click()
    await form_is_ready(customer.page.frame_locator(f'iframe[title="Pay {bill.number}"]'))

    assert await barriers(customer.page) == []
    ours = next(one for one in customer.page.frames if bill.number in one.url)
    assert await barriers(ours) == []


@pytest.mark.parametrize("width", [320, 1280])
async def test_text_of_twice_the_size_needs_no_scrolling_sideways(
    new_customer: NewCustomer, width: int
) -> None:
    who = await new_customer(viewport={"width": width, "height": 740})
    bill = await who.gets_bill("12345.67")
    await who.opens_link(bill)
    await pays(who.page, POOR_CARD)
    await expect(who.page.get_by_role("alert")).to_be_visible()

    await who.page.evaluate("document.documentElement.style.fontSize = '200%'")

    scroll_width, client_width = await who.page.evaluate(_WIDTHS)
    assert scroll_width <= client_width
    await who.shoots_as_it_is(f"zoom-{width}-form")
    await pays(who.page)
    await sees_paid(who.page)
    await who.page.evaluate("document.documentElement.style.fontSize = '200%'")
    scroll_width, client_width = await who.page.evaluate(_WIDTHS)
    assert scroll_width <= client_width
    await who.shoots_as_it_is(f"zoom-{width}-paid")


async def test_buttons_and_links_are_large_enough_for_a_thumb(customer: Customer) -> None:
    bill = await customer.gets_bill()
    await customer.opens_link(bill)

    sizes = await customer.page.evaluate(_SIZES)

    assert all(height >= 24 for height in sizes)  # WCAG 2.2, 2.5.8
    box = await pay_button(customer.page).bounding_box()
    assert box is not None
    assert box["height"] >= 44


_SIZES = """() => [...document.querySelectorAll("a, button, input")]
  .map((node) => node.getBoundingClientRect().height).filter((height) => height > 0)"""


async def test_who_waits_hears_that_the_payment_is_going_on(customer: Customer) -> None:
    bill = await customer.gets_bill()
    await customer.opens_link(bill)
    status = customer.page.locator("#progress")
    await expect(status).to_have_role("status")

    await pays(customer.page, "4000002760003184")

    await expect(status).to_have_text("Paying…")
    await expect(customer.page.locator("#payment")).to_have_attribute("aria-busy", "true")
