"""The customer's own pages in a browser: several documents at once, top-ups, history, receipts."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.axe import barriers
from tests.browser.customer import (
    Customer,
    form_is_ready,
    pays,
    sees,
    sees_paid,
    walks_to,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

_WIDTHS = "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
_CUSTOMER = 19
"""Somebody whose bills no other test makes."""


async def only(page: Page, *numbers: str) -> None:
    """Ticks these documents and no others."""
    for box in await page.get_by_role("checkbox").all():
        await box.uncheck()
    for number in numbers:
        await page.get_by_role("checkbox", name=re.compile(number)).check()


async def fits(page: Page) -> None:
    needed, there = await page.evaluate(_WIDTHS)
    assert needed <= there


async def test_two_invoices_are_chosen_paid_at_once_and_found_in_the_history(
    sized_customer: Customer,
) -> None:
    who = sized_customer
    bills = [await who.gets_bill(total, _CUSTOMER) for total in ("23.50", "10.00")]
    await who.logs_in(_CUSTOMER)
    await who.opens("")
    await only(who.page, *(bill.number for bill in bills))
    await expect(who.page.get_by_role("button", name="Pay selected")).to_contain_text("€33.50")
    await who.shoots("overview")
    await fits(who.page)
    assert await barriers(who.page) == []

    await who.page.get_by_role("button", name="Pay selected").click()
    await form_is_ready(who.page)
    await expect(who.page.get_by_text("€33.50").first).to_be_visible()
    await who.shoots("several")
    assert await barriers(who.page) == []
    await pays(who.page)
    await sees_paid(who.page)

    await who.opens("history")
    for bill in bills:
        await expect(who.page.get_by_text(f"Invoice {bill.number}")).to_be_visible()
    await who.shoots("history")
    await fits(who.page)
    assert await barriers(who.page) == []
    async with who.page.expect_download() as download:
        await who.page.get_by_role("link", name=f"Receipt for Invoice {bills[0].number}").click()
    assert (await download.value).suggested_filename.startswith("receipt-")


async def test_a_customer_tops_up_with_the_keyboard_only(sized_customer: Customer) -> None:
    who = sized_customer
    who.watch.expect("422")
    await who.logs_in(_CUSTOMER)
    await who.opens("")
    amount = who.page.get_by_label("Another amount in EUR")
    outlines = await walks_to(who.page, amount, at_most=80)
    assert "none" not in outlines

    await who.page.keyboard.type("0.5")
    await who.page.keyboard.press("Enter")
    await expect(who.page.get_by_text("Please enter an amount from")).to_be_visible()
    await expect(amount).to_be_focused()
    await who.shoots("overview-wrong-amount")
    assert await barriers(who.page) == []

    await amount.fill("12,50")
    await who.page.keyboard.press("Enter")
    await form_is_ready(who.page)
    await sees(who.page, "Top-up")
    await pays(who.page)
    await sees_paid(who.page)
    await who.page.go_back()
    await expect(who.page.get_by_role("heading", level=1)).to_have_text("Paid")


async def test_the_overview_works_without_javascript(sized_customer: Customer) -> None:
    """Choosing and topping up lead to the payment page, which says what it needs."""
    who = sized_customer
    bills = [await who.gets_bill("5.00", _CUSTOMER) for _ in range(2)]
    await who.logs_in(_CUSTOMER)
    await who.page.route("**/overview.js", lambda route: route.fulfill(body="", status=200))
    await who.opens("")
    await only(who.page, *(bill.number for bill in bills))

    await who.page.get_by_role("button", name="Pay selected").click()

    await form_is_ready(who.page)
    await expect(who.page.get_by_text("€10.00").first).to_be_visible()


async def test_the_widget_of_the_dashboard_leads_to_the_payment(sized_customer: Customer) -> None:
    who = sized_customer
    bill = await who.gets_bill("7.00", _CUSTOMER)
    await who.logs_in(_CUSTOMER)
    await who.opens("widget")
    await who.shoots("widget")
    await fits(who.page)
    assert await barriers(who.page) == []

    await who.page.get_by_role("link", name=f"Pay Invoice {bill.number}").click()
    await form_is_ready(who.page)
