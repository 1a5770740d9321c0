"""Saved cards and bank accounts in a browser: by phone, by keyboard, in the dark, and honestly."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest
from playwright.async_api import Page, expect

from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.flows.setup_credential import SetupOutcome, SetupStanding
from tests.browser.axe import barriers, barriers_in_both_schemes
from tests.browser.conftest import NewCustomer
from tests.browser.customer import (
    ASKING_CARD,
    DESKTOP,
    GOOD_CARD,
    PHONE,
    POOR_CARD,
    Customer,
    enters,
    walks_to,
)
from tests.integration.credential_stage import FakeCredentials
from tests.integration.web_stage import ANNA, OLGA, TERMS, open_stage

pytestmark = pytest.mark.asyncio(loop_scope="session")

MASTERCARD = "5555555555554444"
_NUMBERS = count(20)
_SIDEWAYS = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
_OFFICE = "admin/customers/17/credentials"


async def saves(page: Page, card: str) -> None:
    """Types a card into Stripe's form and presses Save."""
    button = page.get_by_role("button", name="Save", exact=True)
    await expect(button).to_be_enabled()
    await enters(page, card)
    await button.click()


async def clears(customer: Customer, customer_id: int) -> None:
    """Logs in and removes whatever an earlier test has saved."""
    await customer.logs_in(customer_id)
    await customer.opens("credentials")
    while await customer.page.get_by_role("link", name="Remove").count():
        await customer.page.get_by_role("link", name="Remove").first.click()
        await customer.page.get_by_role("button", name="Remove", exact=True).click()


async def test_a_customer_saves_cards_orders_them_and_removes_one(
    sized_customer: Customer,
) -> None:
    page = sized_customer.page
    await clears(sized_customer, 18)
    await expect(page.get_by_text("Nothing is saved yet")).to_be_visible()

    for card in (GOOD_CARD, MASTERCARD):
        await sized_customer.opens("credentials")
        await page.get_by_role("link", name="Add a card").click()
        await saves(page, card)
        await expect(page.get_by_role("heading", level=1)).to_have_text("Saved")
        assert await barriers_in_both_schemes(page) == []
        await page.get_by_role("link", name="Back to the list").click()

    items = page.get_by_role("listitem")
    await expect(items).to_have_count(2)
    await expect(items.nth(0)).to_contain_text("Visa")
    await expect(items.nth(0)).to_contain_text("Default")
    await page.get_by_role("button", name="Make default Mastercard").click()
    await expect(page.get_by_role("status")).to_contain_text("The order was changed")
    await expect(items.nth(0)).to_contain_text("Mastercard")
    await sized_customer.shoots("credentials-two-cards")

    await page.get_by_role("link", name="Remove Visa").click()
    await expect(page.get_by_text("Your default stays as it is")).to_be_visible()
    assert await barriers_in_both_schemes(page) == []
    await sized_customer.shoots("credentials-remove")
    await page.get_by_role("button", name="Remove", exact=True).click()
    await expect(page.get_by_role("status")).to_contain_text("It was removed")
    await expect(items).to_have_count(1)


async def test_a_card_is_saved_with_the_keyboard_alone(customer: Customer) -> None:
    page = customer.page
    await clears(customer, 18)
    add = page.get_by_role("link", name="Add a card")

    await walks_to(page, add, at_most=20)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Save", exact=True)).to_be_enabled()
    await page.get_by_label("Card number").focus()
    await page.keyboard.type(GOOD_CARD)
    await page.keyboard.press("Tab")
    await page.keyboard.type("1234")
    await page.keyboard.press("Tab")
    await page.keyboard.type("123")
    await page.keyboard.press("Enter")

    await expect(page.get_by_role("heading", level=1)).to_have_text("Saved")


async def test_the_bank_may_ask_and_a_refused_card_is_said_in_a_sentence(
    customer: Customer,
) -> None:
    page = customer.page
    await clears(customer, 18)
    await customer.opens("credentials/add?kind=card")

    await saves(page, POOR_CARD)
    await expect(page.get_by_role("alert")).to_be_visible()
    assert await barriers(page) == []
    await customer.shoots("credentials-refused")

    await saves(page, ASKING_CARD)
    await page.get_by_role("button", name="Complete authentication").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Saved")


async def test_without_scripts_the_list_works_and_the_form_says_what_it_needs(
    new_customer: NewCustomer,
) -> None:
    who = await new_customer(java_script_enabled=False)
    await clears(who, 18)

    await who.opens("credentials/add?kind=card")

    # Playwright switches scripts off too late for the parser to take <noscript> for shown.
    assert "JavaScript switched off" in await who.page.content()
    await expect(who.page.get_by_role("button", name="Save", exact=True)).to_be_hidden()


async def test_the_office_saves_a_card_for_a_customer_with_permission_only(
    new_customer: NewCustomer,
) -> None:
    who = await new_customer(DESKTOP)
    page = who.page
    await page.goto(f"{who.town.splynx_url}/admin/login")
    await page.get_by_label("Login").fill("admin")
    await page.get_by_label("Password").fill("sandbox")
    await page.get_by_role("button", name="Log in").click()
    await page.get_by_role("heading", name="Customers").wait_for()
    await who.opens(_OFFICE)
    await page.get_by_role("link", name="Add a card").click()

    await saves(page, MASTERCARD)
    await expect(page.get_by_role("alert")).to_contain_text("confirm the permission first")
    assert await barriers(page) == []
    await who.shoots("credentials-office-add")
    await page.get_by_role("checkbox").check()
    await page.get_by_role("button", name="Save", exact=True).click()

    await expect(page.get_by_role("heading", level=1)).to_have_text("Saved")
    await page.get_by_role("link", name="Back to the list").click()
    await expect(page.get_by_role("listitem").filter(has_text="Mastercard")).to_be_visible()


@pytest.mark.parametrize(
    ("path", "session"),
    [
        ("credentials", ANNA),
        ("credentials/cred_1/remove", ANNA),
        ("credentials/result?setup=set_9", ANNA),
        ("admin/credentials?id=x", OLGA),
        (_OFFICE, OLGA),
        (f"{_OFFICE}/cred_1/remove", OLGA),
        (f"{_OFFICE}/result?setup=set_9", OLGA),
    ],
)
@pytest.mark.parametrize("size", [PHONE, DESKTOP])
async def test_every_state_is_readable_for_everybody(
    new_customer: NewCustomer, path: str, session: str, size: str
) -> None:
    saved = FakeCredentials(TERMS)
    saved.outcome_answer = SetupOutcome(SetupStanding.VERIFYING, PaymentKind.ACH)
    who = await new_customer(size)
    async with open_stage(lambda deps: replace(deps, credentials=saved.desk)) as stage:
        base = str(stage.client.make_url("/"))
        await who.context.add_cookies([{"name": "PHPSESSID", "value": session, "url": base}])

        await who.page.goto(f"{base}stripe/{path}")

        assert await barriers_in_both_schemes(who.page) == []
        assert await who.page.evaluate(_SIDEWAYS) == 0
        name = path.partition("?")[0].replace("/", "-")
        await who.shoots(f"credentials-{session[:4]}-{name}-{next(_NUMBERS)}")
