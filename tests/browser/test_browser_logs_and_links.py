"""The log, the story of a debt and payment links in a browser: both windows, keyboard, no scripts."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.axe import barriers_in_both_schemes
from tests.browser.conftest import NewCustomer
from tests.browser.customer import DESKTOP, Customer, form_is_ready, pays, sees_paid, walks_to
from tests.browser.test_browser_settings import signs_in

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def _has_no_barriers(page: Page) -> None:
    assert await barriers_in_both_schemes(page) == []
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= page.viewport_size["width"]  # type: ignore[index]  # every window has a size


async def _makes_link(page: Page, scope: str, which: str) -> str:
    await page.get_by_label("What it opens").select_option(scope)
    await page.get_by_label("Number or id").fill(which)
    await page.get_by_role("button", name="Make the link").click()
    await expect(page.get_by_role("status")).to_contain_text("Copy it now")
    return await page.locator("#made").input_value()


async def test_a_payment_is_found_in_the_log_and_its_story_is_told(
    sized_customer: Customer,
) -> None:
    bill = await sized_customer.gets_bill()
    await sized_customer.opens_link(bill)
    await pays(sized_customer.page)
    await sees_paid(sized_customer.page)
    page = await signs_in(sized_customer, "admin/logs")
    await page.get_by_label("Document, customer id or other id").fill(bill.number)
    await page.get_by_role("button", name="Show").click()

    await expect(page.get_by_role("cell", name=re.compile("Stripe took 23.50 EUR"))).to_be_visible()
    await _has_no_barriers(page)
    await sized_customer.shoots("logs")

    await page.get_by_role("link", name=re.compile("Stripe took 23.50 EUR")).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(f"Invoice {bill.number}")
    await expect(page.get_by_text("Now: paid and booked.")).to_be_visible()
    await _has_no_barriers(page)
    await sized_customer.shoots("timeline")


async def test_the_log_is_exported_as_a_file(new_customer: NewCustomer) -> None:
    person = await new_customer(DESKTOP)
    bill = await person.gets_bill()
    await person.opens_link(bill)
    await pays(person.page)
    await sees_paid(person.page)
    page = await signs_in(person, f"admin/logs?q={bill.number}")

    async with page.expect_download() as download:
        await page.get_by_role("link", name="Export all of these as CSV").click()

    file = await (await download.value).path()
    assert bill.number in file.read_text(encoding="utf-8")


async def test_the_log_is_filtered_with_the_keyboard_only(new_customer: NewCustomer) -> None:
    page = await signs_in(await new_customer(DESKTOP), "admin/logs")

    await walks_to(page, page.get_by_label("Document, customer id or other id"), at_most=30)
    await page.keyboard.type("nothing")
    await page.keyboard.press("Enter")

    await expect(page.get_by_text("Nothing was found.")).to_be_visible()


async def test_the_office_makes_a_link_by_which_somebody_pays_without_signing_in(
    sized_customer: Customer, new_customer: NewCustomer
) -> None:
    bill = await sized_customer.gets_bill()
    page = await signs_in(sized_customer, "admin/links")
    await _has_no_barriers(page)

    address = await _makes_link(page, "invoice", bill.number)
    await _has_no_barriers(page)
    await sized_customer.shoots("links")
    payer = await new_customer(sized_customer.size)
    await payer.page.goto(address)
    await form_is_ready(payer.page)
    await pays(payer.page)
    await sees_paid(payer.page)

    assert payer.charged(bill) == [2350]


async def test_a_link_to_a_customer_of_a_partner_that_grants_no_plain_links_lists_what_is_open(
    sized_customer: Customer, new_customer: NewCustomer
) -> None:
    bill = await sized_customer.gets_bill("2350", customer_id=21)
    page = await signs_in(sized_customer, "admin/links")
    address = await _makes_link(page, "customer", "21")
    payer = await new_customer(sized_customer.size)
    await payer.page.goto(address)

    way = payer.page.get_by_role("link", name=f"Pay Invoice {bill.number}")
    await expect(way).to_be_visible()
    await _has_no_barriers(payer.page)
    await payer.shoots("link-documents")
    await way.click()
    await form_is_ready(payer.page)


async def test_a_revoked_link_says_so_to_everybody(
    sized_customer: Customer, new_customer: NewCustomer
) -> None:
    bill = await sized_customer.gets_bill()
    page = await signs_in(sized_customer, "admin/links")
    address = await _makes_link(page, "invoice", bill.number)

    await page.get_by_role("button", name=re.compile(f"Revoke.*{bill.number}")).first.click()
    await expect(page.get_by_role("status")).to_contain_text("The link was revoked.")
    payer = await new_customer(sized_customer.size)
    payer.watch.expect("404 (Not Found)")
    await payer.page.goto(address)

    title = payer.page.get_by_role("heading", level=1)
    await expect(title).to_have_text("This link is not valid any more")
    await _has_no_barriers(payer.page)
    await payer.shoots("link-not-valid")


async def test_links_are_made_and_copied_by_hand_without_scripts(new_customer: NewCustomer) -> None:
    person = await new_customer(DESKTOP, java_script_enabled=False)
    bill = await person.gets_bill()
    page = await signs_in(person, "admin/links")

    address = await _makes_link(page, "invoice", bill.number)

    assert "/pay/" in address
    await expect(page.get_by_role("button", name="Copy")).to_be_hidden()


async def test_a_link_is_copied_with_one_press(new_customer: NewCustomer) -> None:
    person = await new_customer(DESKTOP, permissions=["clipboard-read", "clipboard-write"])
    bill = await person.gets_bill()
    page = await signs_in(person, "admin/links")
    address = await _makes_link(page, "invoice", bill.number)

    await page.get_by_role("button", name="Copy").click()

    await expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == address
