"""The page of failed payments in a browser: both windows, keyboard, what its buttons do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import expect

from splynx_stripe.domain.collection import CollectionState
from splynx_stripe.domain.payable import Payable, PayableKind
from splynx_stripe.domain.recovery import Recovery, RecoveryReason, RecoveryState
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.store import open_store
from splynx_stripe.store.unit import SqlUnit
from tests.acceptance.ledgers import Debt
from tests.acceptance.town import Town
from tests.browser.axe import barriers_in_both_schemes
from tests.browser.customer import Customer, walks_to
from tests.browser.test_browser_settings import signs_in
from tests.integration.store_builders import collection
from tests.integration.test_store_failures import recovery

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def _fails(town: Town, bill: Debt, **changes: object) -> Recovery:
    """A run has charged an invoice in vain."""
    ids, now = RandomIds(), datetime.now(tz=UTC)
    store = open_store(town.settings["database"]["url"], clock=SystemClock(), ids=ids)
    number = bill.number
    payable = Payable(1, bill.customer_id, PayableKind.INVOICE, int(number[-9:]), number, "USD")
    col_id = ids.new("col", now)
    failed = replace(
        recovery(ids.new("rcv", now), of=payable),
        collection_id=col_id,
        failed_at=now,
        changed_at=now,
        **({"next_at": now + timedelta(days=2)} | changes),  # type: ignore[arg-type]  # a builder names only what matters
    )

    def work(unit: SqlUnit) -> None:
        closed = collection(col_id, of=payable, state=CollectionState.CLOSED)
        unit.add_collection(closed)
        unit.add_recovery(failed)

    await store.run(work)
    await store.close()
    return failed


async def test_the_office_sees_why_and_stops_the_tries(sized_customer: Customer) -> None:
    who = sized_customer
    bill, given_up = await who.gets_bill(), await who.gets_bill("199.00")
    await _fails(who.town, bill)
    ended = {"state": RecoveryState.EXHAUSTED, "reason": RecoveryReason.NEW_METHOD}
    await _fails(who.town, given_up, next_at=None, **ended)
    page = await signs_in(who, "admin/recoveries")
    row = page.get_by_role("row").filter(has_text=bill.number)

    await expect(row).to_contain_text("There was not enough money on the account.")
    await expect(row).to_contain_text("Waits for the next try")
    assert await barriers_in_both_schemes(page) == []
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= page.viewport_size["width"]  # type: ignore[index]  # every window has a size
    await who.shoots("recoveries")

    await row.get_by_role("button", name="Stop trying").click()
    await expect(page.get_by_role("status")).to_contain_text("not tried again by itself")
    await expect(row).to_contain_text("Stopped by a person.")
    await expect(row.get_by_role("button", name="Stop trying")).to_have_count(0)


async def test_a_new_try_is_ordered_with_the_keyboard_and_its_story_is_one_click_away(
    sized_customer: Customer,
) -> None:
    who = sized_customer
    bill = await who.gets_bill()
    await _fails(who.town, bill)
    page = await signs_in(who, f"admin/recoveries?number={bill.number}")
    button = page.get_by_role("button", name="Try Invoice").first

    outlines = await walks_to(page, button, at_most=40)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("in the next half minute")
    await page.goto(f"{who.town.addon_url}/admin/recoveries?number={bill.number}")
    await page.get_by_role("link", name=f"Invoice {bill.number}").click()

    assert "none" not in outlines
    await expect(page.get_by_role("heading", level=1)).to_have_text(f"Invoice {bill.number}")
    await expect(page.get_by_text("A new try at once was ordered.")).to_be_visible()
