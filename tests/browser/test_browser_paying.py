"""People pay in a browser: in the portal's window, from a link, with bad cards and good ones."""

from __future__ import annotations

import pytest
from playwright.async_api import FrameLocator, expect

from splynx_stripe.sandbox.faults import FaultRule
from tests.acceptance.ledgers import Debt
from tests.browser.conftest import NewCustomer
from tests.browser.customer import (
    ASKING_CARD,
    GOOD_CARD,
    POOR_CARD,
    Customer,
    enters,
    form_is_ready,
    pay_button,
    pays,
    sees,
    sees_paid,
    walks_to,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

NO_BOOKING = FaultRule(
    "POST", r"/api/2\.0/admin/finance/payments", "status", "before", status=503, times=-1
)
STRIPE_IS_SILENT = FaultRule(
    "GET", r"/v1/payment_intents/\w+", "status", "before", status=500, times=-1
)


async def _opens_modal(who: Customer, bill: Debt) -> FrameLocator:
    """Opens the list of invoices and clicks the card icon; gives the frame of the window."""
    await who.page.goto(f"{who.town.splynx_url}/portal/finance/invoices")
    await who.page.get_by_role("button", name=f"Pay {bill.number} by card").click()
    return who.page.frame_locator(f'iframe[title="Pay {bill.number}"]')


async def test_a_customer_pays_in_the_portals_window_and_sees_paid_there_and_in_the_list(
    sized_customer: Customer,
) -> None:
    who = sized_customer
    bill = await who.gets_bill("172.50")
    await who.logs_in()
    await who.shoots("portal-dashboard")
    modal = await _opens_modal(who, bill)
    await form_is_ready(modal)
    await expect(modal.get_by_text("€172.50").first).to_be_visible()
    await who.shoots("portal-modal-form")

    await pays(modal)
    await sees_paid(modal)
    await who.shoots("portal-modal-paid")
    await who.page.get_by_role("button", name="Close").click()

    row = who.page.get_by_role("row").filter(has_text=bill.number)
    await expect(row.get_by_text("Paid", exact=True)).to_be_visible()
    await expect(row.get_by_role("button")).to_have_count(0)
    await who.shoots("portal-list-paid")
    await who.town.assert_agree(bill)


async def test_the_way_back_of_the_portals_window_leads_to_the_list_itself(
    customer: Customer,
) -> None:
    bill = await customer.gets_bill()
    await customer.logs_in()
    modal = await _opens_modal(customer, bill)
    await pays(modal)
    await sees_paid(modal)

    await modal.get_by_role("link", name="Back to my invoices").click()

    await customer.page.wait_for_url("**/portal/finance/invoices")
    await expect(customer.page.get_by_role("dialog")).to_have_count(0)


async def test_whoever_has_the_link_pays_without_a_login(sized_customer: Customer) -> None:
    who = sized_customer
    bill = await who.gets_bill("1234.56")

    await who.opens_link(bill)
    await who.shoots("link-form")
    await enters(who.page, GOOD_CARD)
    await who.shoots("link-form-filled")
    await pay_button(who.page).click()

    await sees_paid(who.page)
    await who.shoots("link-paid")
    await who.town.assert_agree(bill)
    assert who.charged(bill) == [123456]


async def test_a_yen_proforma_invoice_is_paid_in_the_portal(customer: Customer) -> None:
    bill = Debt(21, "202611000003", is_proforma=True)
    await customer.logs_in(21)
    await customer.opens(bill.page)
    await form_is_ready(customer.page)
    await customer.shoots("portal-yen-proforma")

    await pays(customer.page)

    await sees_paid(customer.page)
    await customer.town.assert_agree(bill)


async def test_after_a_declined_card_a_good_one_pays_on_the_same_page(
    sized_customer: Customer,
) -> None:
    who = sized_customer
    bill = await who.gets_bill()
    await who.opens_link(bill)

    await pays(who.page, POOR_CARD)

    problem = who.page.get_by_role("alert")
    await expect(problem).to_have_text("Your card has insufficient funds. No money was taken.")
    await expect(problem).to_be_focused()
    await expect(problem).to_be_in_viewport()
    await expect(pay_button(who.page)).to_be_enabled()
    await expect(pay_button(who.page)).to_have_text("Pay €23.50")
    await who.shoots("link-declined")
    await pays(who.page, GOOD_CARD)
    await sees_paid(who.page)
    assert (who.charged(bill), who.intents(bill)) == ([2350], 1)


async def test_a_mistyped_card_is_named_at_its_field_and_nothing_is_sent(
    customer: Customer,
) -> None:
    who = customer
    bill = await who.gets_bill()
    await who.opens_link(bill)

    await enters(who.page, "4242424242424241")
    await pay_button(who.page).click()

    await expect(who.page.get_by_role("alert")).to_have_text(
        "Your card number is invalid. No money was taken."
    )
    await expect(who.page.get_by_label("Card number")).to_be_focused()
    await who.shoots("link-mistyped")
    assert who.intents(bill) == 0


async def test_the_bank_asks_and_the_customer_agrees(customer: Customer) -> None:
    who = customer
    bill = await who.gets_bill()
    await who.opens_link(bill)

    await pays(who.page, ASKING_CARD)
    await who.page.get_by_role("dialog").wait_for()
    await expect(pay_button(who.page)).to_be_disabled()
    await who.shoots("link-3ds")
    await who.page.get_by_role("button", name="Complete authentication").click()

    await sees_paid(who.page)
    assert who.charged(bill) == [2350]


async def test_the_bank_asks_and_the_customer_refuses(customer: Customer) -> None:
    who = customer
    bill = await who.gets_bill()
    await who.opens_link(bill)

    await pays(who.page, ASKING_CARD)
    await who.page.get_by_role("button", name="Fail authentication").click()

    await expect(who.page.get_by_role("alert")).to_contain_text("No money was taken.")
    await who.shoots("link-3ds-refused")
    assert who.charged(bill) == []
    await pays(who.page)
    await sees_paid(who.page)
    assert (who.charged(bill), who.intents(bill)) == ([2350], 1)


async def test_the_whole_payment_works_by_keyboard_with_the_focus_visible(
    new_customer: NewCustomer,
) -> None:
    who = await new_customer("desktop")
    page, bill = who.page, await who.gets_bill()
    await who.opens_link(bill)

    outlines = await walks_to(page, page.get_by_label("Card number"))
    await page.keyboard.type(GOOD_CARD)
    outlines += await walks_to(page, page.get_by_label("Expiration date"))
    await page.keyboard.type("1234")
    outlines += await walks_to(page, page.get_by_label("Security code"))
    await page.keyboard.type("123")
    outlines += await walks_to(page, pay_button(page))
    await who.shoots("link-keyboard")
    await page.keyboard.press("Enter")

    await sees_paid(page)
    outlines += await walks_to(page, page.get_by_role("link", name="Back to my invoices"))
    assert all(outline not in {"none", "0px", "1px"} for outline in outlines)


async def test_enter_in_the_last_field_pays(customer: Customer) -> None:
    bill = await customer.gets_bill()
    await customer.opens_link(bill)

    await enters(customer.page, GOOD_CARD)
    await customer.page.keyboard.press("Enter")

    await sees_paid(customer.page)


async def test_a_payment_that_is_not_booked_yet_is_received_and_becomes_paid_by_itself(
    customer: Customer,
) -> None:
    who = customer
    bill = await who.gets_bill()
    await who.opens_link(bill)
    faults = who.town.splynx.faults
    faults.add(NO_BOOKING)
    try:
        await pays(who.page)
        await sees(who.page, "Payment received", "You do not need to do anything else.")
        await who.shoots("result-received")
    finally:
        faults.clear()

    await sees_paid(who.page)
    await who.town.assert_agree(bill)


async def test_the_result_is_honest_while_stripe_cannot_be_asked(
    customer: Customer,
) -> None:
    who = customer
    bill = await who.gets_bill()
    await who.opens_link(bill)
    stripe = who.town.stripe
    stripe.switches.webhooks_lost = True
    stripe.faults.add(STRIPE_IS_SILENT)
    try:
        await pays(who.page)
        await sees(who.page, "We do not know yet", "Please do not pay again.")
        await who.shoots("result-unknown")
    finally:
        stripe.faults.clear()
        stripe.switches.webhooks_lost = False

    await sees_paid(who.page)
    assert (who.charged(bill), who.intents(bill)) == ([2350], 1)
