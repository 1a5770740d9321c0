"""A customer at a browser: what they see and do on our pages and in Splynx's portal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import aiohttp
from playwright.async_api import BrowserContext, FrameLocator, Locator, Page, ViewportSize, expect

from tests.acceptance.ledgers import Debt
from tests.acceptance.town import Town
from tests.browser.watch import Watch

GOOD_CARD = "4242424242424242"
POOR_CARD = "4000000000009995"
ASKING_CARD = "4000002760003184"

PHONE, DESKTOP = "phone", "desktop"
SIZES: dict[str, ViewportSize] = {
    PHONE: {"width": 360, "height": 740},
    DESKTOP: {"width": 1280, "height": 800},
}
SCREENSHOTS = Path(__file__).parents[2] / "artefacts" / "screenshots"

Place = Page | FrameLocator


@dataclass(slots=True)
class Customer:
    """One person with one browser window and one cookie jar."""

    town: Town
    context: BrowserContext
    page: Page
    watch: Watch
    size: str

    async def gets_bill(self, total: str = "23.50", customer_id: int = 17) -> Debt:
        """Has Splynx issue an invoice."""
        row = {"customer_id": customer_id, "total": total, "date_till": "2026-12-15"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.town.splynx_url}/_sandbox/invoices", json=row) as answer,
        ):
            return Debt(customer_id, str((await answer.json())["number"]))

    async def logs_in(self, customer_id: int = 17) -> None:
        """Logs in at the portal as a person does."""
        await self.page.goto(f"{self.town.splynx_url}/portal/login")
        await self.page.get_by_label("Login").fill(f"customer{customer_id}")
        await self.page.get_by_label("Password").fill("sandbox")
        await self.page.get_by_role("button", name="Log in").click()
        await self.page.get_by_role("heading", name="Dashboard").wait_for()

    async def opens(self, path: str) -> None:
        """Opens a page of ours."""
        await self.page.goto(f"{self.town.addon_url}/{path}")

    async def opens_link(self, bill: Debt) -> None:
        """Opens the plain link to an invoice and waits for the card form."""
        await self.opens(f"direct-pay-invoice?item_id={bill.number}")
        await form_is_ready(self.page)

    async def shoots(self, name: str) -> None:
        """Saves what the window shows at both sizes, for people to look at."""
        for size, viewport in SIZES.items():
            await self.page.set_viewport_size(viewport)
            await self.shoots_as_it_is(f"{name}-{size}")
        await self.page.set_viewport_size(SIZES[self.size])

    async def shoots_as_it_is(self, name: str) -> None:
        """Saves what the window shows."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")

    def charged(self, bill: Debt) -> list[int]:
        """Gives the amounts that Stripe has taken for an invoice, in minor units."""
        intents = self.town.foreign.intents(bill)
        return [one.money.minor_units for one in intents if one.status == "succeeded"]

    def intents(self, bill: Debt) -> int:
        """Counts all PaymentIntents of an invoice, whatever became of them."""
        return len(self.town.foreign.intents(bill))


async def form_is_ready(place: Place) -> None:
    """Waits until the card form can be used."""
    await expect(pay_button(place)).to_be_enabled()


def pay_button(place: Place) -> Locator:
    """Finds the button that pays."""
    return place.locator("#pay")


async def enters(place: Place, card: str, expiry: str = "1234", cvc: str = "123") -> None:
    """Types a card into Stripe's form."""
    await place.get_by_label("Card number").fill(card)
    await place.get_by_label("Expiration date").fill(expiry)
    await place.get_by_label("Security code").fill(cvc)


async def pays(place: Place, card: str = GOOD_CARD) -> None:
    """Types a card and presses Pay."""
    await enters(place, card)
    await pay_button(place).click()


async def sees(place: Place, title: str, *sentences: str) -> None:
    """Waits until the page says something, in these words."""
    await expect(place.get_by_role("heading", level=1)).to_have_text(title)
    for sentence in sentences:
        await expect(place.get_by_text(sentence)).to_be_visible()


async def sees_paid(place: Place) -> None:
    """Waits until the result page says that it is paid and booked."""
    await expect(place.get_by_role("heading", level=1)).to_have_text("Paid", timeout=20_000)


async def walks_to(page: Page, target: Locator, *, at_most: int = 12) -> list[str]:
    """Presses Tab until `target` has the focus; gives the outlines of all stops on the way."""
    outlines = []
    for _ in range(at_most):
        await page.keyboard.press("Tab")
        outlines.append(await page.evaluate(_OUTLINE))
        if await target.evaluate("(node) => node === document.activeElement"):
            return outlines
    raise AssertionError(f"{target} was not reached with {at_most} presses of Tab: {outlines}")


_OUTLINE = """() => {
  const style = getComputedStyle(document.activeElement);
  return style.outlineStyle === "none" ? "none" : style.outlineWidth;
}"""
