"""Every page of the customer and of the office in one walk: readable, reachable, light, and no dead end."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from aiohttp.test_utils import make_mocked_request
from playwright.async_api import FrameLocator, Page, expect

from tests.browser.axe import barriers, hard_to_read
from tests.browser.conftest import NewCustomer
from tests.browser.customer import (
    DESKTOP,
    GOOD_CARD,
    PHONE,
    Customer,
    form_is_ready,
    pays,
    sees_paid,
    walks_to,
)
from tests.browser.test_browser_credentials import clears, saves
from tests.browser.test_browser_safety import MAX_PAGE_BYTES
from tests.browser.test_browser_settings import signs_in
from tests.integration.web_stage import open_stage

pytestmark = pytest.mark.asyncio(loop_scope="session")

_CUSTOMER = 18
CUSTOMER_PAGES = {
    "overview": "",
    "widget": "widget",
    "history": "history",
    "credentials": "credentials",
    "credentials-add": "credentials/add?kind=card",
    "pay": "pay-several?item_id=invoice-{invoice}",
    "top-up": "top-up?item_id=12.50-aaaaaaaaaaaaaaaaaaaaaaaa",
    "top-up-wrong": "top-up?item_id=0.5-aaaaaaaaaaaaaaaaaaaaaaaa",
    "not-found": "pay-invoice?item_id=nothing",
    "link-not-valid": "pay/abcdefabcdef",
    "no-such-page": "nothing/here",
}
OFFICE_PAGES = {
    "office-home": "admin/",
    "office-charge": "admin/charge",
    "office-charge-balances": "admin/charge?kind=balances",
    "office-charge-prepaid": "admin/charge?kind=prepaid",
    "office-runs": "admin/runs",
    "office-logs": "admin/logs",
    "office-logs-empty": "admin/logs?q=nothing",
    "office-links": "admin/links",
    "office-recoveries": "admin/recoveries",
    "office-rules": "admin/auto-charge",
    "office-rules-edit": "admin/auto-charge/rule",
    "office-rules-forecast": "admin/auto-charge/forecast",
    "office-find": "admin/credentials",
    "office-credentials": "admin/customers/18/credentials",
    "office-credentials-add": "admin/customers/18/credentials/add?kind=card",
    "office-settings": "admin/settings",
    "office-accounts": "admin/accounts",
}
_PAGES_ON_THE_WAY = (
    "direct-pay-invoice?item_id=1",
    "result?ticket=1",
    "admin/timeline/col_1",
    "credentials/result?setup=set_1",
    "credentials/cred_1/remove",
    "admin/customers/18/credentials/cred_1/remove",
)
"""Pages that only exist after a payment or a saved card; two walks open them."""

_LOOKED_AT_ELSEWHERE = {
    **dict.fromkeys(
        (
            *("pay-request", "pay-proforma", "direct-pay-request", "direct-pay-proforma"),
            *("direct-pay-invoice-by-id", "direct-pay-request-by-id", "direct-pay-proforma-by-id"),
        ),
        "the payment page, walked as pay-several and direct-pay-invoice",
    ),
    "link-credential-result": "test_browser_saving_by_link.py",
    "admin-credentials-result": "test_browser_credentials.py",
    "oauth-callback": "test_browser_accounts.py",
    "admin-run": "test_browser_charge.py",
}

_NO_PAGES = frozenset(
    {
        *("base", "admin-base", "pay-chosen", "receipt", "result-status", "admin-logs-export"),
        *("healthz", "readyz", "metrics", "static", "admin-run-progress", "admin-run-result"),
    }
)
"""What answers with a file, a redirect, or for a program."""

_WEIGHT = """() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
  .filter((entry) => entry.name.startsWith(location.origin))
  .reduce((total, entry) => total + entry.decodedBodySize, 0)"""
"""The bytes of the page and of all our files in it, uncompressed, also those from the cache."""
_SIDEWAYS = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
_TOO_SMALL = """(least) => [...document.querySelectorAll(
    "button, .button, .small-button, select, input[type=text], input[type=search], .menu a, .more-pages a")]
  .filter((node) => node.offsetParent && !node.classList.contains("visually-hidden"))
  .filter((node) => node.getBoundingClientRect().height < least)
  .map((node) => node.outerHTML.slice(0, 90))"""
_NOT_OUTLINED = """() => getComputedStyle(document.activeElement).outlineStyle === "none"
  ? document.activeElement.outerHTML.slice(0, 90) : null"""
_WAYS = """() => [...document.querySelectorAll("main a[href], nav a[href]")].length"""


async def _flaws(who: Customer, name: str, path: str) -> list[str]:
    """Opens a page and says what is wrong with it."""
    page = who.page
    await who.opens(path)
    weight = await page.evaluate(_WEIGHT)
    found = [f"weighs {weight} bytes"] if weight > MAX_PAGE_BYTES else []
    found += await barriers(page)
    await page.emulate_media(color_scheme="dark")
    if await page.locator("#payment-element").count():
        await who.opens(path)  # Stripe's form chooses its colours when it is loaded
    found += [f"in the dark {one}" for one in await hard_to_read(page)]
    await who.shoots_as_it_is(f"every-{name}-{who.size}-dark")
    await page.emulate_media(color_scheme="light")
    if await page.locator("#payment-element").count():
        await who.opens(path)
    if await page.evaluate(_SIDEWAYS) > 0:
        found.append("is wider than its window")
    found += [f"is too small: {one}" for one in await page.evaluate(_TOO_SMALL, _least(who))]
    await who.shoots_as_it_is(f"every-{name}-{who.size}")
    await page.keyboard.press("Tab")
    if (focused := await page.evaluate(_NOT_OUTLINED)) is not None:
        found.append(f"does not show the focus on {focused}")
    return [f"{name}: {one}" for one in found]


def _least(who: Customer) -> int:
    """Gives the least height of a control in pixels: a thumb needs more than a mouse."""
    return 44 if who.size == PHONE else 24


async def test_every_page_of_the_customer_is_good(sized_customer: Customer) -> None:
    who = sized_customer
    who.watch.expect("404", "422")
    bills = [await who.gets_bill(total, _CUSTOMER) for total in ("1234.50", "9.00")]
    invoices = who.town.splynx.state.invoices
    invoice = next(one.id for one in invoices if one.number == bills[0].number)
    await who.logs_in(_CUSTOMER)

    flaws = [
        flaw
        for name, path in CUSTOMER_PAGES.items()
        for flaw in await _flaws(who, name, path.format(invoice=invoice))
    ]

    assert "\n".join(flaws) == ""


async def test_every_page_of_the_office_is_good(sized_customer: Customer) -> None:
    who = sized_customer
    await signs_in(who, "admin/")

    flaws = [flaw for name, path in OFFICE_PAGES.items() for flaw in await _flaws(who, name, path)]

    assert "\n".join(flaws) == ""


async def test_every_page_around_a_payment_is_good(sized_customer: Customer) -> None:
    who = sized_customer
    bill = await who.gets_bill()
    flaws = await _flaws(who, "plain-link", f"direct-pay-invoice?item_id={bill.number}")
    await who.opens_link(bill)
    await pays(who.page)
    await sees_paid(who.page)
    flaws += await _flaws(who, "result", _path(who, who.page.url))

    page = await signs_in(who, f"admin/logs?from=&q={bill.number}")
    story = await page.locator("a[href*='/admin/timeline/']").first.get_attribute("href")
    flaws += await _flaws(who, "office-timeline", _path(who, story or ""))

    assert "\n".join(flaws) == ""


async def test_every_page_around_a_saved_card_is_good(sized_customer: Customer) -> None:
    who = sized_customer
    await clears(who, _CUSTOMER)
    await who.opens("credentials/add?kind=card")
    await saves(who.page, GOOD_CARD)
    await expect(who.page.get_by_role("heading", level=1)).to_have_text("Saved")
    flaws = await _flaws(who, "credentials-result", _path(who, who.page.url))
    await who.opens("credentials")
    flaws += await _flaws(who, "credentials-one", "credentials")
    removal = await who.page.get_by_role("link", name="Remove").first.get_attribute("href")
    flaws += await _flaws(who, "credentials-remove", _path(who, removal or ""))

    page = await signs_in(who, f"admin/customers/{_CUSTOMER}/credentials")
    removal = await page.get_by_role("link", name="Remove").first.get_attribute("href")
    flaws += await _flaws(who, "office-credentials-remove", _path(who, removal or ""))

    assert "\n".join(flaws) == ""


def _path(who: Customer, address: str) -> str:
    """Gives what comes after the address of the add-on, as `opens` takes it."""
    base = urlsplit(who.town.addon_url).path
    parts = urlsplit(address)
    return f"{parts.path.removeprefix(base).lstrip('/')}?{parts.query}"


async def test_no_page_is_left_out() -> None:
    """Whoever adds a page adds it to a walk here, or says which test looks at it at both sizes."""
    walked = [*CUSTOMER_PAGES.values(), *OFFICE_PAGES.values(), *_PAGES_ON_THE_WAY]
    async with open_stage() as stage:
        router = stage.client.app.router
        opened = set()
        for path in walked:
            asked = make_mocked_request("GET", f"/stripe/{path.format(invoice=1)}")
            opened.add(str((await router.resolve(asked)).route.name))
        pages = {str(route.name) for route in router.routes() if route.method == "GET"}

    assert sorted(pages - opened - _NO_PAGES - set(_LOOKED_AT_ELSEWHERE)) == []
    assert sorted((_NO_PAGES | set(_LOOKED_AT_ELSEWHERE)) - pages) == []


async def test_from_every_page_of_the_customer_there_is_a_way_on(new_customer: NewCustomer) -> None:
    who = await new_customer()
    await who.logs_in(_CUSTOMER)

    for path in ("", "widget", "history", "credentials", "credentials/add?kind=card"):
        await who.opens(path)
        assert await who.page.evaluate(_WAYS) > 0, path
    await who.opens("credentials")
    await who.page.get_by_role("link", name="Past payments").click()
    await expect(who.page.get_by_role("heading", level=1)).to_have_text("Past payments")
    await who.page.get_by_role("link", name="Payments", exact=True).click()
    await expect(who.page.get_by_role("heading", level=1)).to_have_text("Payments")


async def test_the_first_page_of_the_office_says_what_matters_in_the_morning(
    new_customer: NewCustomer,
) -> None:
    who = await new_customer(DESKTOP)
    bill = await who.gets_bill()
    await who.opens_link(bill)
    await pays(who.page, "4000000000009995")
    await expect(who.page.get_by_role("alert")).to_be_visible()
    await pays(who.page)
    await sees_paid(who.page)

    page = await signs_in(who, "admin/")

    failed = page.get_by_role("region", name="Failed in the last 7 days")
    await expect(page.get_by_role("region", name="Stripe accounts")).to_contain_text(
        "Default partner"
    )
    await walks_to(page, failed.get_by_role("link").first, at_most=20)
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("declined").first).to_be_visible()


async def test_splynxs_menu_leads_to_our_pages_in_its_frame(new_customer: NewCustomer) -> None:
    who = await new_customer(DESKTOP)
    await who.gets_bill("7.00", _CUSTOMER)
    await who.logs_in(_CUSTOMER)

    for link, title in (
        ("Pay online", "Payments"),
        ("Saved cards", "Saved cards and bank accounts"),
        ("Widget", "Open documents"),
    ):
        await who.page.get_by_role("link", name=link, exact=True).click()
        await expect(_framed(who.page).get_by_role("heading", level=1)).to_have_text(title)
    await _framed(who.page).get_by_role("link", name="Pay ").first.click()
    await form_is_ready(who.page)

    await signs_in(who)
    await who.page.goto(f"{who.town.splynx_url}/admin/customers/view?id={_CUSTOMER}")
    await who.page.get_by_role("link", name="Saved cards and bank accounts").click()
    await expect(_framed(who.page).get_by_role("heading", level=1)).to_contain_text("Saved cards")
    await who.page.get_by_role("link", name="Stripe logs").click()
    await expect(_framed(who.page).get_by_role("heading", level=1)).to_have_text("Logs")


def _framed(page: Page) -> FrameLocator:
    return page.frame_locator("iframe")
