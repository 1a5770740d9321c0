"""However people click, reload and come back: one charge (I1)."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import NewCustomer
from tests.browser.customer import (
    ASKING_CARD,
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


async def test_of_two_tabs_the_second_sees_that_it_is_paid_and_does_not_charge(
    customer: Customer,
) -> None:
    bill = await customer.gets_bill()
    await customer.opens_link(bill)
    first, second = customer.page, await customer.context.new_page()
    await second.goto(first.url)
    await form_is_ready(second)

    await pays(first)
    await sees_paid(first)
    await pays(second)

    await sees_paid(second)
    assert (customer.charged(bill), customer.intents(bill)) == ([2350], 1)


async def test_the_portal_and_the_link_at_once_charge_once(new_customer: NewCustomer) -> None:
    john, passer_by = await new_customer(), await new_customer(DESKTOP)
    for who in (john, passer_by):  # Stripe may tell the slower one that it is paid already
        who.watch.expect("400 (Bad Request)")
    bill = await john.gets_bill()
    await john.logs_in()
    await john.opens(bill.page)
    await form_is_ready(john.page)
    await passer_by.opens_link(bill)
    await enters(john.page, "4242424242424242")
    await enters(passer_by.page, "5555555555554444")

    await pay_button(john.page).click(no_wait_after=True)
    await pay_button(passer_by.page).click(no_wait_after=True)

    await sees_paid(john.page)
    await sees_paid(passer_by.page)
    assert (john.charged(bill), john.intents(bill)) == ([2350], 1)


async def test_a_double_click_on_pay_charges_once(customer: Customer) -> None:
    bill = await customer.gets_bill()
    await customer.opens_link(bill)
    await enters(customer.page, "4242424242424242")

    await pay_button(customer.page).dblclick()

    await sees_paid(customer.page)
    assert (customer.charged(bill), customer.intents(bill)) == ([2350], 1)


async def test_a_reload_in_the_middle_goes_on_with_the_same_attempt(customer: Customer) -> None:
    bill = await customer.gets_bill()
    await customer.opens_link(bill)
    await pays(customer.page, ASKING_CARD)
    await customer.page.get_by_role("dialog").wait_for()

    await customer.page.reload()
    await form_is_ready(customer.page)
    await pays(customer.page)

    await sees_paid(customer.page)
    assert (customer.charged(bill), customer.intents(bill)) == ([2350], 1)


async def test_a_card_charged_while_its_page_is_reloaded_is_not_charged_again(
    customer: Customer,
) -> None:
    bill = await customer.gets_bill()
    await customer.opens_link(bill)
    charged = asyncio.Event()

    async def charge_without_an_answer(route: Route) -> None:
        await route.fetch()
        charged.set()

    stripe = customer.town.stripe
    stripe.switches.webhooks_lost = True  # so we do not know of the charge when the page comes back
    await customer.context.route("**/confirm", charge_without_an_answer, times=1)
    try:
        await pays(customer.page)
        await charged.wait()
        await customer.page.reload()
        await form_is_ready(customer.page)
        await pays(customer.page)
    finally:
        stripe.switches.webhooks_lost = False

    await sees_paid(customer.page)
    assert (customer.charged(bill), customer.intents(bill)) == ([2350], 1)


async def test_the_way_back_after_success_shows_that_it_is_paid(customer: Customer) -> None:
    bill = await customer.gets_bill()
    await customer.opens_link(bill)
    await pays(customer.page)
    await sees_paid(customer.page)

    await customer.page.go_back()

    await sees(customer.page, "Paid", "There is nothing left to pay.")
    await expect(pay_button(customer.page)).to_have_count(0)
    assert customer.charged(bill) == [2350]
