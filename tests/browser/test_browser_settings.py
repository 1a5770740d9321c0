"""The settings page in a browser: on a phone, with the keyboard only, and without scripts."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.axe import barriers_in_both_schemes
from tests.browser.conftest import NewCustomer
from tests.browser.customer import DESKTOP, PHONE, SIZES, Customer, walks_to

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def signs_in(person: Customer, page: str = "admin/settings") -> Page:
    """Logs in at Splynx's administration and opens a page of the office."""
    window = person.page
    await window.goto(f"{person.town.splynx_url}/admin/login")
    await window.get_by_label("Login").fill("admin")
    await window.get_by_label("Password").fill("sandbox")
    await window.get_by_role("button", name="Log in").click()
    await window.get_by_role("heading", name="Customers").wait_for()
    await person.opens(page)
    return window


async def test_the_page_has_no_barriers_and_fits_its_window(sized_customer: Customer) -> None:
    page = await signs_in(sized_customer)

    await expect(page.get_by_role("heading", level=1)).to_have_text("Settings")
    assert await barriers_in_both_schemes(page) == []
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= SIZES[sized_customer.size]["width"]
    await sized_customer.shoots("settings")


async def test_a_value_is_chosen_saved_and_in_the_history(new_customer: NewCustomer) -> None:
    page = await signs_in(await new_customer(DESKTOP), "admin/settings?partner=2")
    setting = page.get_by_role("group", name="Payment statement grouping")

    await setting.get_by_role("combobox").select_option("Day")
    await expect(setting.get_by_label("Own value")).to_be_checked()
    await page.get_by_role("button", name="Save", exact=True).click()

    await expect(page.get_by_role("status")).to_contain_text("Changed settings: 1.")
    history = page.get_by_role("row", name=re.compile("Payment statement grouping"))
    await expect(history.first).to_contain_text("Day")
    await expect(setting.get_by_label("Own value")).to_be_checked()


async def test_a_mistake_is_said_as_the_field_is_left(new_customer: NewCustomer) -> None:
    page = await signs_in(await new_customer(PHONE), "admin/settings?partner=2")
    field = page.get_by_role("textbox", name="Message to Stripe template")

    await field.fill("{{ name }}")
    await field.press("Tab")

    await expect(page.locator("#wrong-message_template")).to_contain_text("not a placeholder")
    await expect(field).to_have_attribute("aria-invalid", "true")
    assert await barriers_in_both_schemes(page) == []
    await field.fill("{{ type }} {{ id }}")
    await field.press("Tab")
    await expect(page.locator("#wrong-message_template")).to_be_hidden()


async def test_who_goes_back_to_the_inherited_value_leaves_what_was_typed_behind(
    new_customer: NewCustomer,
) -> None:
    page = await signs_in(await new_customer(DESKTOP), "admin/settings?partner=2")
    setting = page.get_by_role("group", name="Credit card payment method")

    await setting.get_by_role("textbox").fill("Plastic")
    await setting.get_by_label("As the Default partner").check()
    await page.get_by_role("button", name="Save", exact=True).click()

    await expect(page.get_by_role("status")).to_contain_text("Nothing was different")
    await expect(setting.get_by_role("textbox")).to_have_value("Credit card")


async def test_trials_answer_on_the_page_and_keep_what_was_entered(
    new_customer: NewCustomer,
) -> None:
    page = await signs_in(await new_customer(DESKTOP))

    await page.get_by_role("textbox", name="Payment account", exact=True).fill("Nowhere")
    await page.get_by_role("button", name="Test the connection to Splynx").click()
    await expect(page.locator("#trial-splynx")).to_contain_text("Splynx answers at")
    await expect(page.locator("#trial-splynx")).to_contain_text("“Nowhere” does not exist")
    await page.get_by_role("button", name="Test Stripe").click()
    await expect(page.locator("#trial-stripe")).to_contain_text("The secret key works")
    await page.get_by_role("button", name="Show an example message").click()
    await expect(page.locator("#trial-message")).to_contain_text("202611000042")

    account = page.get_by_role("textbox", name="Payment account", exact=True)
    await expect(account).to_have_value("Nowhere")


async def test_everything_can_be_done_with_the_keyboard(new_customer: NewCustomer) -> None:
    page = await signs_in(await new_customer(DESKTOP), "admin/settings?partner=2")

    setting = page.get_by_role("group", name="Bank payment account")
    outlines = await walks_to(page, setting.get_by_role("textbox"), at_most=20)
    assert "none" not in outlines
    await page.keyboard.type(" X")
    await page.keyboard.press("Enter")

    await expect(page.get_by_role("status")).to_contain_text("Changed settings: 1.")
    await expect(setting.get_by_role("textbox")).to_have_value(re.compile("X"))


async def test_it_works_without_scripts(new_customer: NewCustomer) -> None:
    person = await new_customer(PHONE, java_script_enabled=False)
    person.watch.expect("422 (Unprocessable")
    page = await signs_in(person, "admin/settings?partner=2")
    setting = page.get_by_role("group", name="Bank Account payment method")

    await setting.get_by_role("textbox").fill("Direct debit")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_role("alert")).to_contain_text("Nothing was saved yet")
    await setting.get_by_label("Own value").check()
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_role("status")).to_contain_text("Changed settings: 1.")

    await page.get_by_role("button", name="Show an example message").click()
    await expect(page.locator("#trial-message")).to_contain_text("invoice")
    await page.get_by_label("Partner", exact=True).select_option("Default partner")
    await page.get_by_role("button", name="Show", exact=True).click()
    await expect(page.get_by_label("Splynx URL")).to_be_disabled()
    await person.shoots("settings-without-scripts")


async def test_what_a_file_sets_is_locked(new_customer: NewCustomer) -> None:
    page = await signs_in(await new_customer(PHONE))
    setting = page.get_by_role("group", name="Grant access to unauthorized customers")

    await expect(setting.get_by_role("combobox")).to_be_disabled()
    await expect(setting).to_contain_text("Set in config.yaml:")
