"""The result page: honest in every state, and only for those whom it concerns."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import unquote

import pytest

from splynx_stripe.domain.errors import (
    OutcomeUnknownError,
    RetryableError,
)
from splynx_stripe.domain.stripe import PaymentFailure
from splynx_stripe.flows.pay import PaymentView, Standing
from tests.integration.web_stage import (
    ANNA,
    BEN,
    COMPANY,
    DUE,
    INVOICE,
    TERMS,
    Stage,
    check_page,
    open_stage,
)

PORTAL = "/stripe/pay-invoice?item_id=202611000042"


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with open_stage() as stage:
        yield stage


@pytest.mark.parametrize(
    ("standing", "title", "watches", "again"),
    [
        (Standing.PAID, "Paid", False, False),
        (Standing.RECEIVED, "Payment received", True, False),
        (Standing.PROCESSING, "Being processed by the bank", True, False),
        (Standing.FAILED, "Not paid", True, True),
        (Standing.TRY_AGAIN, "Not paid", True, True),
        (Standing.PAYABLE, "Not paid yet", True, True),
        (Standing.REMOVED, "This document was removed", False, False),
        (Standing.NOT_FOUND, "We could not find this document", False, False),
        (Standing.NOT_CHARGEABLE, "This cannot be paid online", False, False),
    ],
)
async def test_the_result_is_told_as_it_is(
    stage: Stage, standing: Standing, title: str, *, watches: bool, again: bool
) -> None:
    url = await stage.result_url(session=ANNA)
    stage.pay.outcome_view = PaymentView(standing, INVOICE, DUE, TERMS, COMPANY)

    answer = await stage.page(url, session=ANNA)
    status = await stage.page(url.replace("/result?", "/result/status?"), session=ANNA)

    assert answer.status == 200
    text = check_page(answer)
    assert title in text
    assert "Invoice 202611000042 · €172.50" in text
    assert ("result.js" in answer.text) is watches
    assert ('http-equiv="refresh"' in answer.text) is watches
    assert (status.field("state"), f'"final": {str(not watches).lower()}' in status.text) == (
        standing.value,
        True,
    )
    links = answer.document.all("a")
    assert any(link["href"] == PORTAL for link in links) is again
    assert {
        "href": "https://isp.example.net/portal/finance/invoices",
        "target": "_top",
    }.items() <= (links[-1].items())


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (PaymentFailure("card_declined", "insufficient_funds", "raw"), "not enough money"),
        (PaymentFailure("expired_card", "", "raw"), "has expired"),
        (PaymentFailure("card_declined", "stolen_card", "raw"), "Your bank did not accept"),
        (PaymentFailure("payment_intent_authentication_failure", "", "raw"), "not confirmed"),
    ],
)
async def test_a_failed_payment_says_why_in_plain_words(
    stage: Stage, failure: PaymentFailure, reason: str
) -> None:
    url = await stage.result_url()
    stage.pay.outcome_view = PaymentView(Standing.FAILED, INVOICE, DUE, TERMS, failure=failure)

    text = check_page(await stage.page(url))

    assert reason in text
    assert "No money was taken." in text
    assert "stolen" not in text
    assert "raw" not in text


@pytest.mark.parametrize("error", [RetryableError("x"), OutcomeUnknownError("x")])
async def test_what_is_not_known_is_called_not_known(stage: Stage, error: Exception) -> None:
    url = await stage.result_url()
    stage.pay.error = error

    answer = await stage.page(url)

    assert answer.status == 200
    text = check_page(answer)
    assert "We do not know yet" in text
    assert "Please do not pay again." in text
    assert "result.js" in answer.text


async def test_what_stripe_appends_to_the_address_changes_nothing(stage: Stage) -> None:
    url = await stage.result_url()
    lie = "&payment_intent=pi_x&payment_intent_client_secret=pi_x_secret_y&redirect_status=failed"

    answer = await stage.page(url + lie)

    assert "Payment received" in check_page(answer)
    assert "pi_x_secret_y" not in answer.text


async def test_a_result_of_the_portal_is_shown_in_its_own_session_only(stage: Stage) -> None:
    url = await stage.result_url(session=ANNA)

    for session in (BEN, ""):
        answer = await stage.page(url, session=session)
        assert answer.status == 403
        assert "202611000042" not in check_page(answer)


async def test_the_address_of_a_result_cannot_press_pay(stage: Stage) -> None:
    url = await stage.result_url()

    answer = await stage.start(unquote(url.partition("ticket=")[2]))

    assert answer.status == 403
    assert len(stage.pay.started) == 1
