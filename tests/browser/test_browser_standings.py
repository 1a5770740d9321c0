"""What people see when there is nothing to pay, and when something is missing in their browser."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from playwright.async_api import expect

from splynx_stripe.sandbox.faults import FaultRule
from splynx_stripe.sandbox.splynx import books
from tests.browser.axe import barriers_in_both_schemes
from tests.browser.conftest import NewCustomer
from tests.browser.customer import (
    DESKTOP,
    Customer,
    enters,
    form_is_ready,
    pay_button,
    pays,
    sees,
    sees_paid,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

SPLYNX_IS_DOWN = FaultRule("*", r"/api/.*", "status", "before", status=503, times=-1)


async def _pending(who: Customer) -> str:
    bill = await who.gets_bill()
    state = who.town.splynx.state
    invoice = next(one for one in state.invoices if one.number == bill.number)
    books.set_invoice_status(state, invoice, "pending")
    return f"direct-pay-invoice?item_id={bill.number}"


async def _without_a_login(_who: Customer) -> str:
    return "direct-pay-invoice?item_id=202611000051"


async def _someone_elses(who: Customer) -> str:
    await who.logs_in(17)
    return "pay-invoice?item_id=202611000044"


def _always(path: str) -> Callable[[Customer], Awaitable[str]]:
    async def path_of(_who: Customer) -> str:
        return path

    return path_of


@dataclass(frozen=True, slots=True)
class Case:
    """One page without anything to pay: how to get there, and what it says."""

    name: str
    path: Callable[[Customer], Awaitable[str]]
    title: str
    sentence: str
    complaint: str = "no complaint"
    """What the browser says about the status of the page; people do not see it."""


CASES = (
    Case(
        "paid",
        _always("direct-pay-invoice?item_id=202610000041"),
        "Paid",
        "There is nothing left to pay.",
    ),
    Case("processing", _pending, "Being processed by the bank", "Please do not pay again."),
    Case(
        "not-found",
        _always("direct-pay-invoice?item_id=999"),
        "We could not find this document",
        "No money was taken.",
        "404",
    ),
    Case(
        "someone-elses",
        _someone_elses,
        "We could not find this document",
        "No money was taken.",
        "404",
    ),
    Case(
        "removed",
        _always("direct-pay-invoice?item_id=202610000040"),
        "This document was removed",
        "No money was taken.",
        "410",
    ),
    Case(
        "not-granted",
        _without_a_login,
        "We could not find this document",
        "If it is right, please sign in to pay.",
        "404",
    ),
    Case("no-page", _always("nothing-here"), "There is no such page", "No money was taken.", "404"),
    Case(
        "not-yours",
        _always("result?ticket=invented"),
        "This page is not valid any more",
        "Please open your invoice again.",
        "403",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
async def test_a_page_without_anything_to_pay_says_why_to_everybody_and_shows_no_form(
    customer: Customer, case: Case
) -> None:
    who = customer
    who.watch.expect(case.complaint)

    await who.opens(await case.path(who))

    await sees(who.page, case.title, case.sentence)
    await expect(pay_button(who.page)).to_have_count(0)
    await who.shoots(f"page-{case.name}")
    assert await barriers_in_both_schemes(who.page) == []


async def test_the_page_says_so_when_splynx_cannot_be_reached(customer: Customer) -> None:
    who = customer
    who.watch.expect("503")
    who.town.splynx.faults.add(SPLYNX_IS_DOWN)
    try:
        await who.opens("direct-pay-invoice?item_id=202611000043")
    finally:
        who.town.splynx.faults.clear()

    await sees(who.page, "This is not possible right now", "No money was taken.")
    await who.shoots("page-unreachable")
    assert await barriers_in_both_schemes(who.page) == []
    await who.page.get_by_role("link", name="Try again").click()
    await form_is_ready(who.page)


async def test_somebody_who_is_not_logged_in_is_led_to_the_login_and_back(
    customer: Customer,
) -> None:
    bill = await customer.gets_bill()

    await customer.opens(bill.page)
    await customer.shoots("portal-login")
    await customer.page.get_by_label("Login").fill("customer17")
    await customer.page.get_by_label("Password").fill("sandbox")
    await customer.page.get_by_role("button", name="Log in").click()

    await form_is_ready(customer.page)
    await expect(customer.page.get_by_role("heading", level=1)).to_contain_text(bill.number)


async def test_without_javascript_the_page_says_what_is_missing(
    new_customer: NewCustomer,
) -> None:
    who = await new_customer(java_script_enabled=False)
    bill = await who.gets_bill()

    await who.opens(f"direct-pay-invoice?item_id={bill.number}")

    sentence = who.page.locator("noscript p")
    await expect(sentence).to_be_visible()
    await expect(sentence).to_contain_text("Your browser has JavaScript switched off.")
    await expect(sentence).to_contain_text("No money was taken.")
    await expect(pay_button(who.page)).to_be_hidden()
    await who.shoots("link-no-javascript")


async def test_when_stripe_is_blocked_the_page_says_that_no_money_was_taken(
    customer: Customer,
) -> None:
    who = customer
    who.watch.expect("net::ERR_FAILED")
    bill = await who.gets_bill()
    await who.context.route("**/v3/**", lambda route: route.abort())

    await who.opens(f"direct-pay-invoice?item_id={bill.number}")

    alert = who.page.get_by_role("alert")
    await expect(alert).to_contain_text("The payment form could not be loaded. No money was taken.")
    await expect(pay_button(who.page)).to_be_hidden()
    await who.shoots("link-stripe-blocked")
    await who.context.unroute("**/v3/**")
    await who.page.get_by_role("link", name="Load this page again").click()
    await form_is_ready(who.page)


async def test_when_the_network_goes_away_at_pay_the_page_says_so_and_the_next_press_pays(
    customer: Customer,
) -> None:
    customer.watch.expect("net::ERR_FAILED")
    bill = await customer.gets_bill()
    await customer.opens_link(bill)
    await customer.context.route("**/pay/start", lambda route: route.abort())

    await pays(customer.page)

    alert = customer.page.get_by_role("alert")
    await expect(alert).to_contain_text("could not be started. No money was taken.")
    await customer.shoots("link-not-started")
    await customer.context.unroute("**/pay/start")
    await pay_button(customer.page).click()
    await sees_paid(customer.page)
    assert customer.charged(bill) == [2350]


async def test_a_price_that_has_changed_meanwhile_is_shown_and_not_charged(
    new_customer: NewCustomer,
) -> None:
    who = await new_customer(DESKTOP)
    bill = await who.gets_bill()
    await who.opens_link(bill)
    state = who.town.splynx.state
    invoice = next(one for one in state.invoices if one.number == bill.number)
    invoice.total = invoice.due = invoice.total + 10

    await pays(who.page)

    alert = who.page.get_by_role("alert")
    await expect(alert).to_contain_text("The amount has changed to €33.50. No money was taken.")
    await who.shoots("link-amount-changed")
    assert who.charged(bill) == []
    await expect(pay_button(who.page)).to_be_hidden()
    await who.page.get_by_role("link", name="Load this page again").click()
    await form_is_ready(who.page)
    await enters(who.page, "4242424242424242")
    await pay_button(who.page).click()
    await sees_paid(who.page)
    assert who.charged(bill) == [3350]
