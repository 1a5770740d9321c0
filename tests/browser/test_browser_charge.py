"""Charge runs in a browser: the plan, the decision, live progress, pause, result, history, the stop."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from splynx_stripe.sandbox.faults import FaultRule
from tests.acceptance.ledgers import Debt
from tests.acceptance.town import Town
from tests.browser.axe import barriers_in_both_schemes
from tests.browser.conftest import NewCustomer
from tests.browser.customer import DESKTOP, PHONE, SCREENSHOTS, SIZES, Customer, walks_to
from tests.browser.test_browser_credentials import clears, saves
from tests.browser.test_browser_settings import signs_in

pytestmark = pytest.mark.asyncio(loop_scope="session")

_PAYER, _POOR, _WITHOUT_CARD = 17, 19, 20
_CARDS = {_PAYER: "4242424242424242", _POOR: "4000000000019994"}
_SIDEWAYS = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest_asyncio.fixture(loop_scope="session")
async def cards(new_customer: NewCustomer) -> None:
    """Two customers have saved a card each, one of which is refused when it is charged."""
    for customer_id, card in _CARDS.items():
        who = await new_customer(DESKTOP)
        await clears(who, customer_id)
        await who.page.get_by_role("link", name="Add a card").click()
        await saves(who.page, card)
        await expect(who.page.get_by_role("heading", level=1)).to_have_text("Saved")


@asynccontextmanager
async def slow_stripe(town: Town, delay_s: float, *, after: int = 0) -> AsyncIterator[None]:
    """Stripe takes its time over one new charge, after so many others: there is time to look."""
    town.stripe.faults.add(
        FaultRule(
            method="POST",
            path="/v1/payment_intents",
            action="delay",
            when="before",
            delay_s=delay_s,
            skip=after,
        )
    )
    try:
        yield
    finally:
        town.stripe.faults.clear()


async def _opens_plan(who: Customer, bills: Sequence[Debt]) -> Page:
    """Signs in, chooses these invoices, and presses Preview."""
    page = await signs_in(who, "admin/charge")
    await page.get_by_label("Numbers of invoices").fill(", ".join(bill.number for bill in bills))
    for day in ("From", "To"):
        await page.get_by_label(day, exact=True).fill("")
    await page.get_by_role("button", name="Preview").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Charge run: Invoices")
    await expect(page.get_by_text("Ready to be confirmed")).to_be_visible()
    return page


async def _is_good(page: Page) -> None:
    assert await barriers_in_both_schemes(page) == []
    assert await page.evaluate(_SIDEWAYS) == 0


async def _shoots(who: Customer, name: str) -> None:
    """Saves the whole page at both sizes: what is decided here must be readable to its end."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for size, viewport in SIZES.items():
        await who.page.set_viewport_size(viewport)
        path = SCREENSHOTS / f"{name}-{size}.png"
        await who.page.screenshot(path=path, animations="disabled", full_page=True)
    await who.page.set_viewport_size(SIZES[who.size])


async def _says_yes(page: Page, button: str, answer: str) -> None:
    """Presses a button of a run, reads the question, and says yes."""
    await page.get_by_role("button", name=button).click()
    await page.get_by_role("button", name=answer, exact=True).click()


@pytest.mark.usefixtures("cards")
async def test_the_office_reads_the_plan_confirms_it_and_sees_what_became_of_each_debt(
    sized_customer: Customer,
) -> None:
    who = sized_customer
    bills = [await who.gets_bill(total, _PAYER) for total in ("23.50", "1234.00", "8.00")]
    poor = await who.gets_bill("99.00", _POOR)
    others = [await who.gets_bill("0.10", _PAYER), await who.gets_bill("60.00", _WITHOUT_CARD)]

    page = await _opens_plan(who, [*bills, poor, *others])
    await expect(page.get_by_role("button", name="Confirm charge: €1,364.50")).to_be_visible()
    await _is_good(page)
    await _shoots(who, "charge-plan")
    await page.get_by_role("link", name="Skipped").first.click()
    await expect(page.get_by_role("cell", name=re.compile(bills[0].number))).to_have_count(0)
    assert [who.intents(bill) for bill in bills] == [0, 0, 0]

    await page.get_by_role("button", name="Confirm charge: €1,364.50").click()
    await expect(page.get_by_text("Finished")).to_be_visible()

    await expect(
        page.get_by_text("There was not enough money on the account.").first
    ).to_be_visible()
    assert [who.charged(bill) for bill in bills] == [[2350], [123400], [800]]
    assert [who.charged(bill) for bill in (poor, *others)] == [[], [], []]
    await _is_good(page)
    await _shoots(who, "charge-done")
    await page.get_by_role("link", name=f"Invoice {bills[1].number}").click()
    await expect(page.get_by_text("Now: paid and booked.")).to_be_visible()


@pytest.mark.usefixtures("cards")
async def test_progress_is_live_and_a_paused_run_goes_on_where_it_was(
    sized_customer: Customer,
) -> None:
    who = sized_customer
    bills = [await who.gets_bill(f"{number}.00", _PAYER) for number in range(10, 22)]
    page = await _opens_plan(who, bills)

    async with slow_stripe(who.town, 15.0, after=2):
        await page.get_by_role("button", name=re.compile("Confirm charge")).click()
        await expect(page.get_by_text("Charging", exact=True)).to_be_visible()
        await expect(page.get_by_label(re.compile("Progress: [1-9]"))).to_be_visible()
        await expect(page.get_by_role("link", name=f"Invoice {bills[0].number}")).to_be_visible()
        await _shoots(who, "charge-running")
        await _says_yes(page, "Pause …", "Pause")
        await expect(page.get_by_text("Paused", exact=True)).to_be_visible()

    assert 0 < sum(bool(who.intents(bill)) for bill in bills) < len(bills)
    await _is_good(page)
    await _shoots(who, "charge-paused")
    await page.get_by_role("button", name="Cancel the run …").click()
    question = "Cancel this charge run for good?"
    await expect(page.get_by_role("heading", level=1)).to_have_text(question)
    await _is_good(page)
    await _shoots(who, "charge-question")
    await page.get_by_role("link", name="Back, change nothing").click()

    await _says_yes(page, "Go on …", "Go on charging")
    await expect(page.get_by_text("Finished")).to_be_visible(timeout=60_000)
    assert [len(who.charged(bill)) for bill in bills] == [1] * len(bills)


@pytest.mark.usefixtures("cards")
async def test_a_run_is_planned_and_confirmed_with_the_keyboard_alone(
    new_customer: NewCustomer,
) -> None:
    who = await new_customer(DESKTOP)
    bill = await who.gets_bill("31.00", _PAYER)
    page = await signs_in(who, "admin/charge")
    await page.get_by_label("From", exact=True).fill("")
    await page.get_by_label("To", exact=True).fill("")
    await page.get_by_label("Amount").focus()

    outlines = await walks_to(page, page.get_by_label("Numbers of invoices"), at_most=30)
    await page.keyboard.type(bill.number)
    outlines += await walks_to(page, page.get_by_role("button", name="Preview"), at_most=3)
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Ready to be confirmed")).to_be_visible()
    confirm = page.get_by_role("button", name="Confirm charge: €31.00")
    outlines += await walks_to(page, confirm, at_most=40)
    await page.keyboard.press("Enter")

    await expect(page.get_by_text("Finished")).to_be_visible()
    assert "none" not in outlines
    assert who.charged(bill) == [3100]


@pytest.mark.usefixtures("cards")
async def test_a_run_can_be_followed_without_scripts(new_customer: NewCustomer) -> None:
    who = await new_customer(PHONE, java_script_enabled=False)
    bill = await who.gets_bill("32.00", _PAYER)

    page = await _opens_plan(who, [bill])
    await page.get_by_role("button", name="Confirm charge: €32.00").click()

    await expect(page.get_by_text("Finished")).to_be_visible(timeout=30_000)
    assert who.charged(bill) == [3200]


async def test_every_tab_of_the_form_is_good_and_says_what_is_wrong(
    sized_customer: Customer,
) -> None:
    who = sized_customer
    who.watch.expect("422 (Unprocessable")
    page = await signs_in(who, "admin/charge")

    for tab in ("Balances", "Prepaid", "Invoices"):
        await page.get_by_label("What is charged").get_by_role("link", name=tab).click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(f"Charge: {tab}")
        await _is_good(page)
        await _shoots(who, f"charge-form-{tab.lower()}")
    await page.get_by_label("Customer ids").fill("Anna")
    await page.get_by_role("button", name="Preview").click()

    await expect(page.locator("#wrong-customers")).to_contain_text("Please enter ids")
    await expect(page.get_by_label("Customer ids")).to_have_value("Anna")
    await _is_good(page)


@pytest.mark.usefixtures("cards")
async def test_the_history_shows_each_run_and_gives_its_result_as_a_file(
    sized_customer: Customer,
) -> None:
    who = sized_customer
    bill = await who.gets_bill("33.00", _PAYER)
    page = await _opens_plan(who, [bill])
    await _says_yes(page, "Discard the plan …", "Discard the plan")
    await expect(page.get_by_text("Canceled", exact=True)).to_be_visible()
    await page.get_by_role("button", name="Plan it anew").click()
    await page.get_by_role("button", name="Confirm charge: €33.00").click()
    await expect(page.get_by_text("Finished")).to_be_visible()

    async with page.expect_download() as download:
        await page.get_by_role("link", name="Download the result (CSV)").click()
    file = await (await download.value).path()
    await page.get_by_role("link", name="Charge history").click()

    assert f"{bill.number},33.00,EUR,charge,,succeeded,33.00" in file.read_text(encoding="utf-8")
    table = page.get_by_role("table")
    await expect(table.get_by_text("Finished").first).to_be_visible()
    await expect(table.get_by_text("Canceled").first).to_be_visible()
    await _is_good(page)
    await _shoots(who, "charge-history")
    await page.get_by_label("Show", exact=True).select_option("Canceled")
    await page.get_by_role("button", name="Show", exact=True).click()
    await expect(table.get_by_text("Finished")).to_have_count(0)


@pytest.mark.usefixtures("cards")
async def test_the_emergency_stop_is_clear_on_every_page_until_it_is_ended(
    sized_customer: Customer,
) -> None:
    who = sized_customer
    bill = await who.gets_bill("34.00", _PAYER)
    page = await _opens_plan(who, [bill])

    await page.get_by_text("Emergency stop", exact=True).click()
    await page.get_by_label("Reason", exact=True).fill("Wrong prices in tariff 7")
    await page.get_by_role("button", name="Stop all charging now").click()
    try:
        banner = page.get_by_role(
            "region", name="All charging of saved cards and bank accounts is stopped"
        )
        await expect(banner).to_contain_text("Wrong prices in tariff 7")
        await expect(page.get_by_role("button", name=re.compile("Confirm charge"))).to_have_count(0)
        await _is_good(page)
        await _shoots(who, "charge-stopped")
        await who.opens("admin/")
        await expect(banner).to_be_visible()
        await _is_good(page)
    finally:
        await page.get_by_label(re.compile("^Note")).fill("Prices corrected")
        await page.get_by_role("button", name="Let charging go on").click()
    await expect(page.get_by_role("status")).to_contain_text("Charging may go on.")
    assert who.intents(bill) == 0


@pytest.mark.usefixtures("cards")
async def test_a_page_that_cannot_be_kept_up_to_date_says_so(new_customer: NewCustomer) -> None:
    who = await new_customer(DESKTOP)
    who.watch.expect("ERR_INTERNET_DISCONNECTED", "ERR_FAILED", "Failed to load resource")
    bill = await who.gets_bill("35.00", _PAYER)
    page = await _opens_plan(who, [bill])

    async with slow_stripe(who.town, 6.0):
        await page.get_by_role("button", name="Confirm charge: €35.00").click()
        await expect(page.get_by_text("Charging", exact=True)).to_be_visible()
        await who.context.set_offline(offline=True)
        await expect(page.get_by_text("cannot be kept up to date")).to_be_visible()
        await who.context.set_offline(offline=False)

    await expect(page.get_by_text("Finished")).to_be_visible(timeout=40_000)
    assert who.charged(bill) == [3500]
