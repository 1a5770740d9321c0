"""The payment pages: what each state shows, to whom, and what nobody gets to see."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import unquote, urlsplit

import pytest

from splynx_stripe.domain.errors import (
    RetryableError,
)
from splynx_stripe.domain.splynx import Company, DocumentKind, Viewer
from splynx_stripe.flows.pay import PaymentView, Standing
from splynx_stripe.web.customer.payment_page import ENTRANCES
from tests.integration.web_stage import (
    ANNA,
    BEN,
    CLIENT_SECRET,
    INVOICE,
    PAYABLE_VIEW,
    Stage,
    check_page,
    open_stage,
)

KEY = (DocumentKind.INVOICE, "202611000042", False)
PORTAL = "/stripe/pay-invoice?item_id=202611000042"
DIRECT = "/stripe/direct-pay-invoice?item_id=202611000042"
OTHER_STANDINGS = [
    (Standing.PAID, 200, "Paid"),
    (Standing.PROCESSING, 200, "Being processed by the bank"),
    (Standing.RECEIVED, 200, "Payment received"),
    (Standing.REMOVED, 410, "This document was removed"),
    (Standing.NOT_FOUND, 404, "We could not find this document"),
    (Standing.NOT_ALLOWED, 403, "Please sign in to pay"),
    (Standing.NOT_CHARGEABLE, 200, "This cannot be paid online"),
    (Standing.TRY_AGAIN, 200, "Not paid"),
]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with open_stage() as stage:
        yield stage


# Every entrance, every state


@pytest.mark.parametrize("entrance", [entrance.name for entrance in ENTRANCES])
async def test_each_entrance_shows_document_amount_and_isp(stage: Stage, entrance: str) -> None:
    is_invoice = "invoice" in entrance
    number = "202611000042" if is_invoice else "202611000007"
    item = ("42" if is_invoice else "7") if entrance.endswith("-by-id") else number
    session = "" if entrance.startswith("direct") else ANNA

    answer = await stage.page(f"/stripe/{entrance}?item_id={item}", session=session)

    assert answer.status == 200
    text = check_page(answer)
    assert f"{'Invoice' if is_invoice else 'Proforma invoice'} {number}" in text
    assert ("€172.50" if is_invoice else "¥5,000") in text
    assert "Nordic Fibre" in text
    assert "Your payment details go directly to Stripe. We never see them." in text
    assert "Test mode" in text


async def test_the_form_carries_what_stripe_needs_and_starts_disabled(stage: Stage) -> None:
    answer = await stage.page(DIRECT)

    document = answer.document
    assert document.attribute("payment", "data-publishable-key") == "pk_test_1"
    assert document.attribute("payment", "data-amount") == "17250"
    assert document.attribute("payment", "data-currency") == "eur"
    assert document.attribute("payment", "data-stripe-js") == "https://js.stripe.com/v3/"
    assert "disabled" in next(a for a in document.all("button") if a["id"] == "pay")
    assert document.attribute("problem", "role") == "alert"
    assert CLIENT_SECRET not in answer.text
    assert stage.pay.started == []


@pytest.mark.parametrize(("standing", "status", "title"), OTHER_STANDINGS)
async def test_a_document_that_is_not_payable_says_why(
    stage: Stage, standing: Standing, status: int, title: str
) -> None:
    stage.pay.views[KEY] = replace(PAYABLE_VIEW, standing=standing)

    answer = await stage.page(PORTAL, session=ANNA)

    assert answer.status == status
    assert title in check_page(answer)
    assert "payment-element" not in answer.text


async def test_a_document_that_cannot_be_charged_names_whom_to_contact(stage: Stage) -> None:
    stage.pay.views[KEY] = replace(PAYABLE_VIEW, standing=Standing.NOT_CHARGEABLE)

    text = check_page(await stage.page(PORTAL, session=ANNA))

    assert "help@nordicfibre.example" in text
    assert "+420 555 123 456" in text


async def test_a_view_without_company_or_terms_is_still_a_page(stage: Stage) -> None:
    stage.pay.views[KEY] = PaymentView(Standing.NOT_CHARGEABLE)

    assert "This cannot be paid online" in check_page(await stage.page(PORTAL, session=ANNA))


async def test_what_others_wrote_cannot_become_part_of_the_page(stage: Stage) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    payable = replace(INVOICE, document_number=evil)
    company = Company(evil, evil, evil, "CZ")
    stage.pay.views[KEY] = replace(PAYABLE_VIEW, payable=payable, company=company)

    answer = await stage.page(DIRECT)

    check_page(answer)
    assert not answer.document.all("img")
    assert "<script>alert" not in answer.text


@pytest.mark.parametrize("item", ["", "x" * 65, "%00", "1%0a2"])
async def test_an_impossible_item_is_not_found_and_splynx_is_not_asked(
    stage: Stage, item: str
) -> None:
    answer = await stage.page(f"/stripe/direct-pay-invoice?item_id={item}")

    assert answer.status == 404
    check_page(answer)
    assert stage.pay.asked == []


async def test_the_base_path_leads_to_the_base_page(stage: Stage) -> None:
    bare = await stage.page("/stripe")

    assert (bare.status, bare.headers["Location"]) == (302, "/stripe/")
    assert "Open documents" in check_page(await stage.page("/stripe/", session=ANNA))


# Who may see what


async def test_without_a_session_the_portal_pages_lead_to_the_login_and_back(stage: Stage) -> None:
    answer = await stage.page(PORTAL)

    assert answer.status == 302
    location = urlsplit(answer.headers["Location"])
    assert location.netloc == "isp.example.net"
    assert location.path == "/portal/login/"
    assert unquote(location.query) == f"return={PORTAL}"


@pytest.mark.parametrize("item", ["//evil.example", "https://evil.example/", "a&return=//evil"])
async def test_the_way_back_from_the_login_never_leads_elsewhere(stage: Stage, item: str) -> None:
    path = f"/stripe/pay-invoice?item_id={item.replace('&', '%26')}&return=//evil.example"
    answer = await stage.page(path)

    location = urlsplit(answer.headers["Location"])
    assert location.netloc == "isp.example.net"
    assert location.query.count("=") == 1
    assert unquote(location.query).startswith("return=/stripe/pay-invoice?item_id=")


async def test_an_administrator_is_not_a_customer(stage: Stage) -> None:
    stage.viewers.sessions[ANNA] = Viewer(administrator_id=1)

    assert (await stage.page(PORTAL, session=ANNA)).status == 302


async def test_another_customer_sees_not_found_instead_of_the_invoice(stage: Stage) -> None:
    """I8: changing `item_id` shows nothing of anybody else."""
    answer = await stage.page(PORTAL, session=BEN)

    assert answer.status == 404
    assert "172.50" not in answer.text
    assert stage.pay.asked[0][1] == 18


async def test_a_silent_splynx_is_no_login_loop(stage: Stage) -> None:
    stage.viewers.error = RetryableError("connection refused")

    answer = await stage.page(PORTAL, session=ANNA)

    assert answer.status == 503
    text = check_page(answer)
    assert "We cannot check who you are right now" in text
    assert "No money was taken." in text


async def test_a_link_page_shows_no_personal_data(stage: Stage) -> None:
    text = check_page(await stage.page(DIRECT))

    assert "17" not in text.replace("172.50", "")


async def test_links_that_are_not_granted_lead_to_the_portal(stage: Stage) -> None:
    stage.pay.grants_links = False

    known, unknown = await stage.page(DIRECT), await stage.page(DIRECT + "9")

    assert known.status == unknown.status == 404
    assert check_page(known) == check_page(unknown)
    assert "please sign in to pay" in check_page(known)


async def test_plain_links_are_limited_per_address_and_not_per_proxy(stage: Stage) -> None:
    for _ in range(30):
        assert (await stage.page(DIRECT, X_Forwarded_For="203.0.113.9")).status == 200

    refused = await stage.page(DIRECT, X_Forwarded_For="203.0.113.9")
    assert refused.status == 429
    assert "Please wait a minute" in check_page(refused)
    assert refused.headers["Retry-After"] == "60"
    assert (await stage.page(DIRECT, X_Forwarded_For="203.0.113.10")).status == 200
    stage.clock.move(60)
    assert (await stage.page(DIRECT, X_Forwarded_For="203.0.113.9")).status == 200


async def test_a_flood_of_invented_sessions_does_not_reach_splynx(stage: Stage) -> None:
    answers = [await stage.page(PORTAL, session=f"{number:026}") for number in range(301)]

    assert [answer.status for answer in answers[-2:]] == [302, 429]
    assert len(stage.viewers.asked) == 300
