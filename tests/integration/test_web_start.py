"""Pressing "Pay": who may, what it hands out, and what it says otherwise."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from splynx_stripe.domain.collection import Route
from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    NotPermittedError,
    OutcomeUnknownError,
    RetryableError,
)
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.splynx import Viewer
from splynx_stripe.flows.pay import PaymentStart, Standing
from tests.integration.web_stage import (
    ANNA,
    BEN,
    CLIENT_SECRET,
    INVOICE,
    Stage,
    open_stage,
)

PORTAL = "/stripe/pay-invoice?item_id=202611000042"
SAME_ORIGIN = {"Origin": "https://isp.example.net", "Sec-Fetch-Site": "same-origin"}
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


async def test_pay_hands_out_the_client_secret_of_the_one_payment(stage: Stage) -> None:
    ticket = await stage.pay_ticket(session=ANNA)

    answer = await stage.start(ticket, session=ANNA, headers=SAME_ORIGIN)

    assert answer.status == 200
    assert answer.field("state") == "payable"
    assert answer.field("client_secret") == CLIENT_SECRET
    assert answer.field("result_url").startswith("/stripe/result?ticket=")
    assert stage.pay.started == [(INVOICE, Route.PORTAL, "customer:17")]


async def test_pay_by_link_is_noted_as_by_link(stage: Stage) -> None:
    await stage.start(await stage.pay_ticket())

    assert stage.pay.started == [(INVOICE, Route.DIRECT_LINK, "link")]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://isp.example.net"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_another_site_cannot_press_pay(stage: Stage, headers: dict[str, str]) -> None:
    ticket = await stage.pay_ticket(session=ANNA)

    answer = await stage.start(ticket, session=ANNA, headers=headers)

    assert answer.status == 403
    assert "No money was taken." in answer.field("message")
    assert stage.pay.started == []


async def test_a_ticket_works_in_its_own_session_only(stage: Stage) -> None:
    ticket = await stage.pay_ticket(session=ANNA)

    for session in (BEN, ""):
        assert (await stage.start(ticket, session=session)).status == 403
    assert stage.pay.started == []


async def test_a_session_that_ended_pays_nothing(stage: Stage) -> None:
    ticket = await stage.pay_ticket(session=ANNA)
    del stage.viewers.sessions[ANNA]
    stage.clock.move(61)

    assert (await stage.start(ticket, session=ANNA)).status == 403
    assert stage.pay.started == []


async def test_a_session_that_became_somebody_elses_pays_nothing(stage: Stage) -> None:
    ticket = await stage.pay_ticket(session=ANNA)
    stage.viewers.sessions[ANNA] = Viewer(customer_id=18)
    stage.clock.move(61)

    assert (await stage.start(ticket, session=ANNA)).status == 403
    assert stage.pay.started == []


async def test_a_ticket_that_was_changed_is_refused(stage: Stage) -> None:
    ticket = await stage.pay_ticket()
    changed = ticket[:10] + ("A" if ticket[10] != "A" else "B") + ticket[11:]

    answer = await stage.start(changed)

    assert (answer.status, answer.field("state")) == (403, "not_yours")


async def test_a_page_that_was_open_for_too_long_says_so(stage: Stage) -> None:
    ticket = await stage.pay_ticket()
    stage.clock.move(2 * 60 * 60 + 1)

    answer = await stage.start(ticket)

    assert (answer.status, answer.field("state")) == (410, "expired")
    assert "No money was taken" in answer.field("message")


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{}", "application/json", 400),
        (b"not json", "application/json", 400),
        (b'{"ticket": 5}', "application/json", 400),
        (b"ticket=x", "application/x-www-form-urlencoded", 415),
        (b"x" * 20_000, "application/json", 413),
    ],
)
async def test_a_body_that_no_page_of_ours_sends_is_refused(
    stage: Stage, body: bytes, content_type: str, status: int
) -> None:
    headers = {"Content-Type": content_type}
    async with stage.client.post("/stripe/pay/start", data=body, headers=headers) as response:
        assert response.status == status
        assert "No money was taken." in (await response.json())["message"]


async def test_nobody_pays_an_amount_that_the_page_did_not_show(stage: Stage) -> None:
    ticket = await stage.pay_ticket()
    stage.pay.start_answer = PaymentStart(Standing.PAYABLE, Money(9900, "EUR"), CLIENT_SECRET)

    answer = await stage.start(ticket)

    assert answer.field("state") == "amount_changed"
    assert "€99.00" in answer.field("message")
    assert CLIENT_SECRET not in answer.text


@pytest.mark.parametrize(
    ("standing", "_status", "title"),
    [row for row in OTHER_STANDINGS if row[0] is not Standing.PAYABLE],
)
async def test_a_debt_that_is_not_payable_any_more_says_why(
    stage: Stage, standing: Standing, _status: int, title: str
) -> None:
    ticket = await stage.pay_ticket()
    stage.pay.start_answer = PaymentStart(standing)

    answer = await stage.start(ticket)

    assert (answer.status, answer.field("state")) == (200, standing.value)
    assert title in answer.field("message")
    assert "client_secret" not in answer.text


async def test_pressing_pay_over_and_over_is_slowed_down(stage: Stage) -> None:
    ticket, portal_ticket = await stage.pay_ticket(), await stage.pay_ticket(session=ANNA)

    statuses = [(await stage.start(ticket)).status for _ in range(11)]

    assert statuses == [200] * 10 + [429]
    assert (await stage.start(portal_ticket, session=ANNA)).status == 200


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (OutcomeUnknownError("timeout sk_test_1"), 503, "No card has been charged"),
        (RetryableError("down sk_test_1"), 503, "No money was taken."),
        (NotPermittedError("key sk_test_1"), 503, "No money was taken."),
        (BrokenInvariantError("bug sk_test_1"), 500, "No card was charged by this page."),
        (ZeroDivisionError("bug sk_test_1"), 500, "No card was charged by this page."),
    ],
)
async def test_an_error_at_pay_says_what_happened_to_the_money_and_has_a_number(
    stage: Stage,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    status: int,
    sentence: str,
) -> None:
    ticket = await stage.pay_ticket()
    stage.pay.error = error

    answer = await stage.start(ticket)

    assert answer.status == status
    assert sentence in answer.field("message")
    assert "sk_test_1" not in answer.text
    assert "Traceback" not in answer.text
    error_id = answer.field("error_id")
    logged = [record for record in caplog.records if getattr(record, "error_id", "") == error_id]
    assert len(logged) == 1
