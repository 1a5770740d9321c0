"""The page of Stripe accounts in a browser: both windows, keyboard only, no scripts, there and back."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.axe import barriers_in_both_schemes
from tests.browser.conftest import NewCustomer
from tests.browser.customer import DESKTOP, PHONE, SIZES, Customer, walks_to
from tests.browser.test_browser_settings import signs_in

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGE = "admin/accounts"
SECOND = "acct_1SandboxSecond00"


async def takes_up(page: Page, section: Locator, text: str) -> None:
    """Opens the page again until the daemon has taken a change up."""
    for _ in range(100):
        if await section.count() and text in await section.inner_text():
            return
        await page.wait_for_timeout(100)
        await page.reload()
    raise AssertionError(f"{text!r} was never seen")


async def disconnects(page: Page, number: int) -> None:
    section = page.locator(f"#account-{number}")
    await section.get_by_role("button", name="Disconnect").click()
    await page.get_by_role("button", name="Disconnect").click()
    await expect(page.get_by_role("status")).to_contain_text("is disconnected")


async def test_the_page_has_no_barriers_and_fits_its_window(sized_customer: Customer) -> None:
    page = await signs_in(sized_customer, PAGE)

    await expect(page.get_by_role("heading", level=1)).to_have_text("Stripe accounts")
    await takes_up(page, page.locator("#account-default"), "Takes payments")
    assert await barriers_in_both_schemes(page) == []
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= SIZES[sized_customer.size]["width"]
    await sized_customer.shoots("accounts")


async def test_an_account_is_connected_in_stripe_and_disconnected_again(
    new_customer: NewCustomer,
) -> None:
    person = await new_customer(DESKTOP)
    page = await signs_in(person, PAGE)

    await page.get_by_label("Number of the partner in Splynx").fill("9")
    await page.get_by_role("button", name="Connect an account").click()
    assert await barriers_in_both_schemes(page) == []
    await person.shoots("accounts-connect")
    await page.get_by_role("link", name="Go to Stripe").click()
    await page.get_by_label("Account").select_option(SECOND)
    await page.get_by_role("button", name="Connect this account").click()

    await expect(page.get_by_role("status")).to_contain_text("is connected")
    await takes_up(page, page.locator("#account-9"), "Takes payments")
    await expect(page.locator("#account-9")).to_contain_text(SECOND)
    await person.shoots("accounts-connected")
    assert await barriers_in_both_schemes(page) == []
    await disconnects(page, 9)
    await takes_up(page, page.locator("#account-9"), "Disconnected")


async def test_declining_in_stripe_is_said_and_nothing_is_connected(
    new_customer: NewCustomer,
) -> None:
    person = await new_customer(PHONE)
    person.watch.expect("409 (Conflict)")
    page = await signs_in(person, PAGE)

    await page.get_by_label("Number of the partner in Splynx").fill("8")
    await page.get_by_role("button", name="Connect an account").click()
    await page.get_by_role("link", name="Go to Stripe").click()
    await page.get_by_role("button", name="Do not connect").click()

    await expect(page.get_by_role("alert")).to_contain_text("declined in Stripe")
    await expect(page.locator("#account-8")).to_have_count(0)
    assert await barriers_in_both_schemes(page) == []


async def test_what_is_left_over_is_shown_with_the_keyboard_only(new_customer: NewCustomer) -> None:
    person = await new_customer(DESKTOP)
    page = await signs_in(person, PAGE)
    section = page.locator("#account-default")

    outlines = await walks_to(page, section.get_by_role("button", name="Endpoints"), at_most=30)
    assert "none" not in outlines
    await page.keyboard.press("Enter")

    await expect(page.get_by_role("heading", level=1)).to_have_text("Webhook endpoints")
    await expect(page.locator("main")).to_contain_text(re.compile(r"1 of 16 endpoints"))
    assert await barriers_in_both_schemes(page) == []
    await person.shoots("accounts-endpoints")


async def test_everything_works_without_scripts(new_customer: NewCustomer) -> None:
    person = await new_customer(PHONE, java_script_enabled=False)
    page = await signs_in(person, PAGE)

    await page.locator("#account-default").get_by_role("button", name="Test").click()

    await expect(page.get_by_role("status")).to_contain_text("Stripe was asked")
