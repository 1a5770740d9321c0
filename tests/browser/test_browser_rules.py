"""The pages of auto charge in a browser: on a phone, with the keyboard only, and without scripts."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.axe import barriers_in_both_schemes
from tests.browser.conftest import NewCustomer
from tests.browser.customer import DESKTOP, SIZES, Customer, walks_to
from tests.browser.test_browser_settings import signs_in

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGE = "admin/auto-charge"


async def makes_rule(person: Customer, name: str, **choices: str) -> Page:
    """Fills the form of a new rule by its labels and saves it. It only plans: the town is shared."""
    page = await signs_in(person, f"{PAGE}/rule")
    await page.get_by_label("Name", exact=True).fill(name)
    for label, choice in choices.items():
        field = page.get_by_label(label.replace("_", " "), exact=True)
        is_choice = await field.evaluate("field => field.tagName === 'SELECT'")
        await (field.select_option(choice) if is_choice else field.fill(choice))
    await page.get_by_label("Dry run", exact=True).check()
    await page.get_by_role("button", name="Save the rule").click()
    return page


async def fits(person: Customer, page: Page) -> bool:
    width: int = await page.evaluate("document.documentElement.scrollWidth")
    return width <= SIZES[person.size]["width"]


async def test_a_rule_is_made_shown_switched_off_and_deleted(sized_customer: Customer) -> None:
    name = f"Before due ({sized_customer.size})"
    page = await makes_rule(
        sized_customer, name, Day="Some days before the due date", Number="3", Time_of_day="07:15"
    )

    await expect(page.get_by_role("status")).to_have_text("The rule was saved.")
    row = page.get_by_role("row").filter(has_text=name)
    await expect(row).to_contain_text("Days before the due date: 3, 07:15")
    await expect(row).to_contain_text("Dry run")
    assert await fits(sized_customer, page)
    assert await barriers_in_both_schemes(page) == []
    await sized_customer.shoots("rules")

    await page.get_by_role("button", name=f"Switch off the rule {name}").click()
    await expect(page.get_by_role("status")).to_contain_text("switched off")
    await expect(row).to_contain_text("Off")
    await page.get_by_role("link", name=name).click()
    await expect(page.get_by_label("Number", exact=True)).to_have_value("3")
    await page.get_by_role("button", name="Delete the rule").click()
    await expect(page.get_by_role("status")).to_have_text("The rule was deleted.")
    await expect(row).to_have_count(0)


async def test_the_form_says_what_is_wrong_beside_the_field(sized_customer: Customer) -> None:
    sized_customer.watch.expect("422 (Unprocessable")
    page = await makes_rule(
        sized_customer, "Wrong", What_is_charged="Balances", Customers="one", Within_hours="5"
    )

    alert = page.get_by_role("alert")
    await expect(alert).to_contain_text("Nothing was saved yet")
    await expect(page.locator("#wrong-customers")).to_contain_text("Please enter ids")
    await expect(page.locator("#wrong-when")).to_contain_text("on a day of the month")
    await expect(page.get_by_label("Customers", exact=True)).to_have_value("one")
    assert await fits(sized_customer, page)
    assert await barriers_in_both_schemes(page) == []
    await sized_customer.shoots("rules-wrong")


async def test_the_forecast_shows_open_invoices_on_their_days(sized_customer: Customer) -> None:
    name = f"After issue ({sized_customer.size})"
    page = await makes_rule(
        sized_customer,
        name,
        Day="Some days after issue",
        Number="90",
        Earlier_days_to_take_along="31",
    )

    await page.get_by_role("link", name="Forecast").click()

    await expect(page.get_by_role("heading", level=1)).to_have_text("Forecast of auto charge")
    await expect(page.get_by_role("row").filter(has_text=name)).not_to_have_count(0)
    assert await fits(sized_customer, page)
    assert await barriers_in_both_schemes(page) == []
    await sized_customer.shoots("rules-forecast")


async def test_a_rule_is_made_with_the_keyboard_and_without_scripts(
    new_customer: NewCustomer,
) -> None:
    page = await signs_in(await new_customer(DESKTOP, java_script_enabled=False), PAGE)

    outlines = await walks_to(page, page.get_by_role("link", name="New rule"), at_most=20)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Auto charge rule")
    outlines += await walks_to(page, page.get_by_label("Name", exact=True), at_most=20)
    await page.keyboard.type("By keyboard")
    save = page.get_by_role("button", name="Save the rule")
    outlines += await walks_to(page, save, at_most=40)
    await page.keyboard.press("Enter")

    assert "none" not in outlines
    row = page.get_by_role("row").filter(has_text="By keyboard")
    await expect(row).to_contain_text(re.compile("Invoices: On the day of issue, 06:00"))
