"""The customer's own pages: overview, several documents, top-ups, history, receipts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date

import pytest
from yarl import URL

from splynx_stripe.domain.errors import NotPermittedError
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import several, top_up
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.splynx import Receipt
from splynx_stripe.domain.terms import TopUpTerms
from splynx_stripe.flows.overview import Overview, PastPayment
from splynx_stripe.flows.pay import PaymentView, Standing
from tests.integration.web_stage import (
    ANNA,
    BEN,
    COMPANY,
    DUE,
    INVOICE,
    OLGA,
    PAYABLE_VIEW,
    TERMS,
    Answer,
    Stage,
    check_page,
    open_stage,
)

SECOND = replace(INVOICE, document_id=43, document_number="202611000043")
LIMITS = TopUpTerms(
    Money(500, "EUR"), Money(50000, "EUR"), (Money(2000, "EUR"), Money(5000, "EUR"))
)
TOPPED = replace(TERMS, top_up=LIMITS)
TOGETHER = several(
    (replace(INVOICE, set_amount=DUE), replace(SECOND, set_amount=Money(4990, "EUR")))
)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with open_stage() as stage:
        second = replace(PAYABLE_VIEW, payable=SECOND, amount=Money(4990, "EUR"))
        stage.overview.seen = Overview([PAYABLE_VIEW, second], TOPPED, COMPANY)
        view = replace(PAYABLE_VIEW, payable=TOGETHER, amount=TOGETHER.set_amount)
        stage.overview.choices["invoice-42.invoice-43"] = view
        amount = Money(5000, "EUR")
        topping = replace(
            PAYABLE_VIEW, payable=top_up(1, 17, amount, token="t"), amount=amount, terms=TOPPED
        )
        stage.overview.top_ups["50"] = topping
        yield stage


async def post_amount(stage: Stage, amount: str, session: str = ANNA) -> Answer:
    cookie = {"Cookie": f"PHPSESSID={session}"}
    async with stage.client.post(
        "/stripe/", data={"amount": amount}, headers=cookie, allow_redirects=False
    ) as response:
        return Answer(response.status, await response.text(), dict(response.headers))


async def test_the_overview_lists_what_is_open_to_be_paid_alone_or_together(stage: Stage) -> None:
    answer = await stage.page("/stripe/", session=ANNA)

    text = check_page(answer)
    assert "Invoice 202611000042" in text
    assert "€172.50" in text
    boxes = [box for box in answer.document.all("input") if box.get("type") == "checkbox"]
    assert [box["value"] for box in boxes] == ["invoice-42", "invoice-43"]
    links = [link["href"] for link in answer.document.all("a")]
    assert "/stripe/pay-several?item_id=invoice-42" in links
    assert stage.overview.asked == [(17, "")]


@pytest.mark.parametrize("session", ["", OLGA, "z" * 28])
@pytest.mark.parametrize(
    "path", ["/stripe/", "/stripe/widget", "/stripe/history", "/stripe/receipts/7"]
)
async def test_nobody_sees_a_customers_pages_without_signing_in(
    stage: Stage, session: str, path: str
) -> None:
    answer = await stage.page(path, session=session)

    assert answer.status == 302
    address = URL(answer.headers["Location"])
    assert str(address.with_query(None)) == "https://isp.example.net/portal/login/"
    assert address.query["return"] == path
    assert stage.overview.asked == []


async def test_a_document_that_is_on_its_way_cannot_be_chosen(stage: Stage) -> None:
    waiting = replace(PAYABLE_VIEW, standing=Standing.PROCESSING)
    stage.overview.seen = Overview([waiting, PAYABLE_VIEW], TOPPED, COMPANY)

    answer = await stage.page("/stripe/", session=ANNA)

    assert "Being processed by the bank" in check_page(answer)
    assert not [box for box in answer.document.all("input") if box.get("type") == "checkbox"]


async def test_where_nothing_is_due_the_page_says_so(stage: Stage) -> None:
    stage.overview.seen = Overview([], TERMS, COMPANY)

    text = check_page(await stage.page("/stripe/", session=ANNA))

    assert "Nothing is due." in text
    assert "Top up" not in text


async def test_the_chosen_documents_lead_to_one_payment_with_each_amount(stage: Stage) -> None:
    chosen = await stage.page(
        "/stripe/pay-chosen?document=invoice-42&document=invoice-43", session=ANNA
    )
    answer = await stage.page(chosen.headers["Location"], session=ANNA)

    assert chosen.status == 303
    text = check_page(answer)
    for part in ("2 documents", "Invoice 202611000043", "€49.90", "€222.40"):
        assert part in text
    ticket = answer.document.attribute("payment", "data-ticket")
    assert (await stage.start(ticket, session=ANNA)).status == 200
    assert [payable for payable, _, _ in stage.pay.started] == [TOGETHER]


async def test_choosing_nothing_leads_back(stage: Stage) -> None:
    answer = await stage.page("/stripe/pay-chosen", session=ANNA)

    assert (answer.status, answer.headers["Location"]) == (303, "/stripe/")


async def test_a_ticket_of_several_works_in_its_own_session_only(stage: Stage) -> None:
    page = await stage.page("/stripe/pay-several?item_id=invoice-42.invoice-43", session=ANNA)
    ticket = page.document.attribute("payment", "data-ticket")

    assert (await stage.start(ticket, session=BEN)).status == 403
    assert stage.pay.started == []


async def test_a_top_up_has_an_address_of_its_own_so_that_a_reload_is_the_same(
    stage: Stage,
) -> None:
    first, second = await post_amount(stage, "50"), await post_amount(stage, "50")
    answer = await stage.page(first.headers["Location"], session=ANNA)

    assert (first.status, second.status) == (303, 303)
    assert first.headers["Location"] != second.headers["Location"]
    text = check_page(answer)
    assert "Top-up" in text
    assert "€50.00" in text
    app_ticket = answer.document.attribute("payment", "data-ticket")
    assert (await stage.start(app_ticket, session=ANNA)).status == 200
    [(payable, _, _)] = stage.pay.started
    assert payable == top_up(1, 17, Money(5000, "EUR"), token="t")


@pytest.mark.parametrize("amount", ["", "abc", "-5", "1", "100000", "<b>7</b>"])
async def test_an_amount_that_is_none_or_too_much_is_said_beside_its_field(
    stage: Stage, amount: str
) -> None:
    sent = await post_amount(stage, amount)

    answer = await stage.page(sent.headers["Location"], session=ANNA)

    assert answer.status == 422
    assert "Please enter an amount from €5.00 to €500.00." in check_page(answer)
    field = next(each for each in answer.document.all("input") if each.get("id") == "amount")
    assert field["aria-describedby"] == "limits"
    assert stage.pay.started == []


async def test_the_toggle_to_save_is_offered_in_the_portal_where_the_settings_say_so(
    stage: Stage,
) -> None:
    offering = replace(PAYABLE_VIEW, terms=replace(TERMS, offers_to_save=True))
    for view in stage.pay.views:
        stage.pay.views[view] = offering

    portal = await stage.page("/stripe/pay-invoice?item_id=202611000042", session=ANNA)
    link = await stage.page("/stripe/direct-pay-invoice?item_id=202611000042")

    assert "Save and allow future charges" in check_page(portal)
    assert "Save and allow" not in check_page(link)
    ticket = portal.document.attribute("payment", "data-ticket")
    await stage.start(ticket, session=ANNA, save=True)
    await stage.start(ticket, session=ANNA)
    await stage.start(link.document.attribute("payment", "data-ticket"), save=True)
    assert stage.pay.saving == [True, False, False]


async def test_the_page_offers_the_kinds_of_payment_that_the_partner_has(stage: Stage) -> None:
    kinds = (PaymentKind.CARD, PaymentKind.ACH)
    view = replace(PAYABLE_VIEW, terms=replace(TERMS, payment_kinds=kinds))
    stage.overview.choices["invoice-42"] = view

    answer = await stage.page("/stripe/pay-several?item_id=invoice-42", session=ANNA)

    assert answer.document.attribute("payment", "data-types") == "card us_bank_account"
    assert "takes several working days" in check_page(answer)


async def test_past_payments_come_page_by_page_with_their_receipts(stage: Stage) -> None:
    stage.overview.past = [
        PastPayment(INVOICE, DUE, date(2026, 11, 3), number) for number in range(1, 26)
    ]

    first = await stage.page("/stripe/history", session=ANNA)
    older = [link["href"] for link in first.document.all("a") if link["href"].startswith("?")]
    second = await stage.page(f"/stripe/history{older[0]}", session=ANNA)

    assert "November 3, 2026" in check_page(first)
    receipts = [link["href"] for link in first.document.all("a") if "receipts" in link["href"]]
    assert receipts[0] == "/stripe/receipts/1"
    assert len(receipts) == 20
    assert check_page(second).count("Invoice 202611000042") == 5
    assert not [link for link in second.document.all("a") if link["href"].startswith("?")]


async def test_past_payments_are_in_the_partners_language_under_the_partners_name(
    stage: Stage,
) -> None:
    stage.overview.past = [PastPayment(INVOICE, DUE, date(2026, 11, 3), 1)]
    stage.overview.seen = replace(stage.overview.seen, terms=replace(TERMS, language="de"))

    answer = await stage.page("/stripe/history", session=ANNA, Accept_Language="fr")

    assert answer.headers["Content-Language"] == "de"
    assert "3. November 2026" in answer.text
    assert "Nordic Fibre" in answer.text


async def test_what_was_opened_from_the_overview_leads_back_to_it(stage: Stage) -> None:
    stage.overview.choices["invoice-42"] = PAYABLE_VIEW

    def ways_back(answer: Answer) -> list[str]:
        check_page(answer)
        return [link["href"] for link in answer.document.all("a") if link["href"] == "/stripe/"]

    for item in ("invoice-42", "invoice-9"):  # one that is payable, one that is not
        chosen = await stage.page(f"/stripe/pay-several?item_id={item}", session=ANNA)
        assert ways_back(chosen) == ["/stripe/"], item
    for entrance in ("pay-invoice", "direct-pay-invoice"):
        alone = await stage.page(f"/stripe/{entrance}?item_id=202611000042", session=ANNA)
        assert ways_back(alone) == [], entrance


async def test_a_receipt_is_handed_out_as_a_file_to_its_owner_only(stage: Stage) -> None:
    """I8, and nothing that Splynx sends can become a page of ours."""
    stage.overview.receipts[7] = Receipt("x.html", "text/html", b"%PDF-1.4 <script>")

    mine = await stage.page("/stripe/receipts/7", session=ANNA)
    others = await stage.page("/stripe/receipts/7", session=BEN)

    assert mine.headers["Content-Type"] == "application/pdf"
    assert mine.headers["Content-Disposition"] == 'attachment; filename="receipt-7.pdf"'
    assert others.status == 404
    assert "There is no receipt" in check_page(others)


async def test_a_receipt_that_splynx_does_not_give_is_explained(stage: Stage) -> None:
    stage.overview.error = NotPermittedError("The key may not.", code="FORBIDDEN")

    answer = await stage.page("/stripe/receipts/7", session=ANNA)

    assert answer.status == 404
    assert "Your payment is not affected" in check_page(answer)


async def test_the_widget_shows_the_same_in_short(stage: Stage) -> None:
    text = check_page(await stage.page("/stripe/widget", session=ANNA))

    assert "Invoice 202611000042" in text
    assert "Pay several at once · €222.40" in text


async def test_stored_markup_in_a_name_stays_text(stage: Stage) -> None:
    bad = replace(INVOICE, document_number='"><script>alert(1)</script>')
    stage.overview.seen = Overview([replace(PAYABLE_VIEW, payable=bad)], TOPPED, COMPANY)

    answer = await stage.page("/stripe/", session=ANNA)

    check_page(answer)
    assert "<script>alert" not in answer.text


async def test_a_choice_that_is_paid_meanwhile_says_so(stage: Stage) -> None:
    stage.overview.choices["invoice-42"] = PaymentView(Standing.PAID, INVOICE, DUE, TERMS)

    answer = await stage.page("/stripe/pay-several?item_id=invoice-42", session=ANNA)

    assert "There is nothing left to pay." in check_page(answer)


async def test_a_result_page_of_several_leads_back_to_the_same_choice(stage: Stage) -> None:
    page = await stage.page("/stripe/pay-several?item_id=invoice-42.invoice-43", session=ANNA)
    ticket = page.document.attribute("payment", "data-ticket")
    url = (await stage.start(ticket, session=ANNA)).field("result_url")
    stage.pay.outcome_view = PaymentView(Standing.FAILED, TOGETHER, TOGETHER.set_amount, TERMS)

    answer = await stage.page(url, session=ANNA)

    assert "2 documents" in check_page(answer)
    links = [link["href"] for link in answer.document.all("a")]
    assert "/stripe/pay-several?item_id=invoice-42.invoice-43" in links
