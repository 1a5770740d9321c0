"""The longest languages fit on a phone, and sound as they should."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.async_api import Page

from splynx_stripe.config.vocabulary import LANGUAGES
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.splynx import DocumentKind
from splynx_stripe.domain.terms import Terms, TopUpTerms
from splynx_stripe.flows.overview import Overview
from splynx_stripe.web.deps import WebDeps
from tests.browser.axe import barriers
from tests.browser.conftest import NewCustomer
from tests.browser.customer import DESKTOP, PHONE, Customer, form_is_ready
from tests.integration.credential_stage import FakeCredentials
from tests.integration.web_stage import (
    ANNA,
    COMPANY,
    INVOICE,
    PAYABLE_VIEW,
    TERMS,
    Stage,
    open_stage,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

_NEEDED_AND_THERE = (
    "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
)
_TOP_UP = TopUpTerms(
    Money(500, "EUR"), Money(50000, "EUR"), (Money(2000, "EUR"), Money(5000, "EUR"))
)
_TRANSLATED = [name for name in LANGUAGES if name != "en"]
_LONGEST = ["de", "uk"]
"""The ones that are looked at on screenshots too, and searched for barriers."""
_PAGES = {
    "overview": "stripe/",
    "history": "stripe/history",
    "credentials": "stripe/credentials",
    "remove": "stripe/credentials/cred_1/remove",
}


async def fits(page: Page) -> None:
    needed, there = await page.evaluate(_NEEDED_AND_THERE)
    assert needed <= there


def has_open_documents(stage: Stage, terms: Terms) -> None:
    """Gives Anna two invoices to choose from, and a top-up."""
    view = replace(PAYABLE_VIEW, terms=terms)
    second = replace(INVOICE, document_id=43, document_number="202611000043")
    other = replace(view, payable=second, amount=Money(4990, "EUR"))
    stage.overview.seen = Overview([view, other], terms, COMPANY)
    stage.pay.views[DocumentKind.INVOICE, "202611000042", False] = view


@pytest.mark.parametrize("name", _TRANSLATED)
@pytest.mark.parametrize("size", [PHONE, DESKTOP])
async def test_customers_pages_fit_in_every_language(
    new_customer: NewCustomer, name: str, size: str
) -> None:
    terms = replace(TERMS, language=name, top_up=_TOP_UP)
    saved = FakeCredentials(terms)

    def speaks(deps: WebDeps) -> WebDeps:
        return replace(deps, credentials=saved.desk)

    who = await new_customer(size, locale=name)
    async with open_stage(speaks) as stage:
        has_open_documents(stage, terms)
        base = str(stage.client.make_url("/"))
        await who.context.add_cookies([{"name": "PHPSESSID", "value": ANNA, "url": base}])
        for title, path in _PAGES.items():
            await who.page.goto(f"{base}{path}")
            await fits(who.page)
            if name in _LONGEST:
                assert await barriers(who.page) == []
                await who.shoots_as_it_is(f"language-{name}-{title}-{size}")


@pytest.mark.parametrize("name", _LONGEST)
async def test_a_payment_link_fits_and_the_form_loads_in_the_browsers_language(
    new_customer: NewCustomer, name: str
) -> None:
    who: Customer = await new_customer(PHONE, locale=name)
    bill = await who.gets_bill("1234.50")

    await who.opens(f"direct-pay-invoice?item_id={bill.number}")
    await form_is_ready(who.page)

    assert await who.page.locator("html").get_attribute("lang") == name
    await fits(who.page)
    assert await barriers(who.page) == []
    await who.shoots(f"language-{name}-payment")
