"""A link that saves a payment method, in a browser: made by the office, used once, on a phone too."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from playwright.async_api import Page, expect
from typing_extensions import override

from splynx_stripe.domain.link import LinkScope, PaymentLink
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.flows.links import Links
from splynx_stripe.flows.saving_by_link import LinkView
from splynx_stripe.flows.setup_credential import SetupOutcome, SetupStanding
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.web.app import WebDeps
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
from tests.browser.test_browser_settings import signs_in
from tests.integration.credential_stage import NOW, FakeCredentials
from tests.integration.office_books import BareSplynx
from tests.integration.saving_link_stage import BOTH_KINDS, WAITING
from tests.integration.settings_stage import NoStore
from tests.integration.web_stage import TERMS, open_stage

pytestmark = pytest.mark.asyncio(loop_scope="session")

_OFFICE = "admin/customers/18/credentials"
_SIDEWAYS = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
_NUMBERS = count(20)


class OneLink(Links):
    """Links among which every token opens the same one."""

    @override
    async def open(self, token: str) -> PaymentLink | None:
        del token
        day = timedelta(days=1)
        return PaymentLink(
            "lnk_1", LinkScope.CREDENTIAL, 1, 17, 0, "", NOW, "admin:1", expires_at=NOW + day
        )

    @override
    async def count_use(self, link: PaymentLink) -> None:
        del link


async def _has_no_barriers(page: Page) -> None:
    assert await barriers_in_both_schemes(page) == []
    assert await page.evaluate(_SIDEWAYS) == 0


async def _gets_link(person: Customer, button: str = "Make a link to copy") -> str:
    page = await signs_in(person, _OFFICE)
    await page.get_by_role("button", name=button).click()
    await expect(page.get_by_role("status").first).to_contain_text("Copy it now")
    return await page.locator("#made").input_value()


async def _saves(page: Page, card: str) -> None:
    button = page.get_by_role("button", name="Save", exact=True)
    await expect(button).to_be_enabled()
    await enters(page, card)
    await button.click()


async def test_the_office_sends_a_link_and_a_customer_saves_a_card_with_it_once(
    sized_customer: Customer, new_customer: NewCustomer
) -> None:
    office = await signs_in(sized_customer, _OFFICE)
    await _has_no_barriers(office)
    await sized_customer.shoots("saving-link-office")
    address = await _gets_link(sized_customer, "Send a link to the customer")
    await expect(office.get_by_text("on its way to the customer")).to_be_visible()
    await _has_no_barriers(office)
    await sized_customer.shoots("saving-link-made")
    mails = list(sized_customer.town.splynx.state.mails)
    assert address in mails[-1].message

    person = await new_customer(sized_customer.size)
    page = person.page
    await page.goto(address)
    await expect(page.get_by_role("button", name="Save", exact=True)).to_be_enabled()
    assert await barriers(page) == []  # Stripe's form is painted for one scheme only
    assert await page.evaluate(_SIDEWAYS) == 0
    await person.shoots("saving-link-form")
    await _saves(page, POOR_CARD)
    await expect(page.get_by_role("alert")).to_be_visible()
    await _saves(page, GOOD_CARD)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Saved")
    await _has_no_barriers(page)
    await person.shoots("saving-link-saved")

    await page.goto(address)
    title = page.get_by_role("heading", level=1)
    await expect(title).to_have_text("A payment method was saved with this link")
    await _has_no_barriers(page)
    await person.shoots("saving-link-used")
    office = await signs_in(sized_customer, _OFFICE)
    await expect(office.get_by_role("listitem").filter(has_text="Visa").first).to_be_visible()


async def test_the_bank_asks_and_the_customer_comes_back_to_the_result(
    sized_customer: Customer, new_customer: NewCustomer
) -> None:
    address = await _gets_link(sized_customer)
    page = (await new_customer(sized_customer.size)).page
    await page.goto(address)

    await _saves(page, ASKING_CARD)
    await page.get_by_role("button", name="Complete authentication").click()

    await expect(page.get_by_role("heading", level=1)).to_have_text("Saved")


async def test_a_card_is_saved_by_a_link_with_the_keyboard_alone(
    sized_customer: Customer, new_customer: NewCustomer
) -> None:
    address = await _gets_link(sized_customer)
    page = (await new_customer(sized_customer.size)).page
    await page.goto(address)
    await expect(page.get_by_role("button", name="Save", exact=True)).to_be_enabled()

    await walks_to(page, page.get_by_label("Card number"))
    for part in (GOOD_CARD, "1234", "123"):
        await page.keyboard.type(part)
        await page.keyboard.press("Tab")
    await walks_to(page, page.get_by_role("button", name="Save", exact=True))
    await page.keyboard.press("Enter")

    await expect(page.get_by_role("heading", level=1)).to_have_text("Saved")


async def test_a_revoked_link_saves_nothing_in_a_page_that_is_open(
    customer: Customer, new_customer: NewCustomer
) -> None:
    address = await _gets_link(customer)
    person = await new_customer()
    await person.page.goto(address)
    await expect(person.page.get_by_role("button", name="Save", exact=True)).to_be_enabled()
    office = await signs_in(customer, "admin/links?customer=18")
    await office.get_by_role("button", name="Revoke all links of customer 18").click()
    await expect(office.get_by_role("status")).to_contain_text("revoked")
    person.watch.expect("403 (Forbidden)")

    await _saves(person.page, GOOD_CARD)

    await expect(person.page.get_by_role("alert")).to_be_visible()
    person.watch.expect("404 (Not Found)")
    await person.page.goto(address)
    title = person.page.get_by_role("heading", level=1)
    await expect(title).to_have_text("This link is not valid any more")


async def test_without_scripts_the_page_says_what_it_needs(
    sized_customer: Customer, new_customer: NewCustomer
) -> None:
    address = await _gets_link(sized_customer)
    person = await new_customer(sized_customer.size, java_script_enabled=False)
    page = person.page

    await page.goto(address)

    needs = page.locator("noscript p")
    await expect(needs).to_be_visible()
    await expect(needs).to_contain_text("Your browser has JavaScript switched off.")
    await expect(needs).to_contain_text("Nothing was saved.")
    await expect(page.get_by_role("button", name="Save", exact=True)).to_be_hidden()
    await person.shoots("saving-link-without-scripts")
    # With scripts the same link is as good as before: looking at it has used nothing up.
    other = await new_customer(sized_customer.size)
    await other.page.goto(address)
    await expect(other.page.get_by_role("button", name="Save", exact=True)).to_be_enabled()


@pytest.mark.parametrize(
    ("name", "seen", "rest"),
    [
        ("choice", BOTH_KINDS, ""),
        ("nothing", replace(BOTH_KINDS, terms=None, offered=()), ""),
        ("prove", replace(BOTH_KINDS, waiting=WAITING), "?done=proof-wrong"),
        ("verifying", BOTH_KINDS, "/result?setup=set_9"),
    ],
)
@pytest.mark.parametrize("size", [PHONE, DESKTOP])
async def test_every_state_of_the_link_is_readable_for_everybody(
    new_customer: NewCustomer, size: str, name: str, seen: LinkView, rest: str
) -> None:
    saved = FakeCredentials(TERMS)
    saved.by_link.seen = seen
    saved.by_link.outcome_answer = SetupOutcome(SetupStanding.VERIFYING, PaymentKind.ACH)
    who = await new_customer(size)

    def change(deps: WebDeps) -> WebDeps:
        links = OneLink(NoStore(), BareSplynx(), deps.clock, RandomIds())
        return replace(deps, links=links, credentials=saved.desk)

    async with open_stage(change) as stage:
        await who.page.goto(f"{stage.client.make_url('/')}stripe/pay/abc{rest}")

        await _has_no_barriers(who.page)
        await who.shoots(f"saving-link-{name}-{next(_NUMBERS)}")
