"""Which language a page speaks: the partner's in the portal, the browser's behind a link."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from splynx_stripe.config.vocabulary import LANGUAGES
from splynx_stripe.domain.splynx import DocumentKind
from splynx_stripe.domain.terms import Terms
from splynx_stripe.flows.overview import Overview
from splynx_stripe.web.deps import WebDeps
from tests.integration.credential_stage import FakeCredentials
from tests.integration.web_stage import (
    ANNA,
    COMPANY,
    PAYABLE_VIEW,
    TERMS,
    Stage,
    open_stage,
)

INVOICE_PAGE = "/stripe/{entrance}?item_id=202611000042"
PAY = {
    "cs": "Zaplatit",
    "de": "Bezahlen",
    "en": "Pay",
    "es": "Pagar",
    "fr": "Payer",
    "pl": "Zapłać",
    "pt": "Pagar",
    "uk": "Сплатити",
}


def speaking(stage: Stage, terms: Terms) -> None:
    """Has the documents belong to a partner of these terms."""
    view = replace(PAYABLE_VIEW, terms=terms)
    stage.pay.views[DocumentKind.INVOICE, "202611000042", False] = view
    stage.overview.seen = Overview([view], terms, COMPANY)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with open_stage() as stage:
        yield stage


@pytest.mark.parametrize("name", LANGUAGES)
async def test_portal_pages_speak_the_partners_language(stage: Stage, name: str) -> None:
    speaking(stage, replace(TERMS, language=name))

    for path in (INVOICE_PAGE.format(entrance="pay-invoice"), "/stripe/"):
        answer = await stage.page(path, session=ANNA, Accept_Language="it, en")

        assert f'<html lang="{name}" dir="ltr">' in answer.text
        assert answer.headers["Content-Language"] == name
        assert PAY[name].casefold() in answer.document.text.casefold()


@pytest.mark.parametrize("name", LANGUAGES)
async def test_saved_cards_are_shown_in_the_partners_language(name: str) -> None:
    def speaks(deps: WebDeps) -> WebDeps:
        return replace(deps, credentials=FakeCredentials(replace(TERMS, language=name)).desk)

    async with open_stage(speaks) as stage:
        answer = await stage.page("/stripe/credentials", session=ANNA, Accept_Language="it")

    assert f'<html lang="{name}" dir="ltr">' in answer.text


@pytest.mark.parametrize(
    ("header", "partner", "name"),
    [
        ("uk-UA, en;q=0.5", "en", "uk"),
        ("nl, pl;q=0.9", "de", "pl"),
        ("nl", "de", "de"),
        ("", "cs", "cs"),
        ("nl", "", "en"),
    ],
)
async def test_links_speak_the_browsers_language_then_the_partners_then_english(
    stage: Stage, header: str, partner: str, name: str
) -> None:
    speaking(stage, replace(TERMS, language=partner))

    path = INVOICE_PAGE.format(entrance="direct-pay-invoice")
    answer = await stage.page(path, Accept_Language=header)

    assert f'<html lang="{name}" dir="ltr">' in answer.text
    assert PAY[name].casefold() in answer.document.text.casefold()


async def test_stripe_js_is_asked_for_the_language_of_the_page(stage: Stage) -> None:
    speaking(stage, replace(TERMS, language="cs"))

    answer = await stage.page(INVOICE_PAGE.format(entrance="pay-invoice"), session=ANNA)

    assert answer.document.attribute("payment", "data-locale") == "cs"


async def test_what_went_wrong_is_said_in_the_browsers_language(stage: Stage) -> None:
    answer = await stage.page("/stripe/no-such-page", Accept_Language="de")

    assert answer.status == 404
    assert "Diese Seite gibt es nicht" in answer.text
