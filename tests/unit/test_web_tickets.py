"""Tickets: only ours, only unchanged, only in time, only for their purpose."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from splynx_stripe.domain.collection import Route
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import PARTS_AT_MOST, Payable, PayableKind, several, top_up
from splynx_stripe.kit.secret import Secret
from splynx_stripe.web.tickets import (
    LIFETIME,
    Purpose,
    Ticket,
    TicketError,
    TicketExpiredError,
    Tickets,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TICKET = Ticket(
    payable=Payable(1, 17, PayableKind.INVOICE, 42, "2026/Ä-42", "EUR"),
    route=Route.PORTAL,
    actor="customer:17",
    entrance="pay-invoice",
    item="2026/Ä-42",
    amount=Money(17250, "EUR"),
    company="Nordic Fibre",
    language="en",
    session="mark",
)


def tickets(key: str = "a key for tests") -> Tickets:
    return Tickets(Secret(key))


def documents(count: int) -> Payable:
    return several(
        tuple(
            replace(
                TICKET.payable,
                document_id=10**12 + number,
                document_number=f"{number:064}",
                set_amount=TICKET.amount,
            )
            for number in range(count)
        )
    )


@pytest.mark.parametrize(
    "payable",
    [
        TICKET.payable,
        top_up(1, 17, Money(5000, "EUR"), token="t1"),
        documents(2),
        documents(PARTS_AT_MOST),
    ],
    ids=["document", "top-up", "two", "many"],
)
def test_a_ticket_says_afterwards_what_was_put_into_it(payable: Payable) -> None:
    ticket = replace(TICKET, payable=payable)
    text = tickets().write(ticket, Purpose.PAY, NOW)

    assert tickets().read(text, Purpose.PAY, NOW) == ticket


def test_a_ticket_is_good_for_two_hours_and_not_a_second_longer() -> None:
    text = tickets().write(TICKET, Purpose.PAY, NOW)

    tickets().read(text, Purpose.PAY, NOW + LIFETIME - timedelta(seconds=1))
    with pytest.raises(TicketExpiredError):
        tickets().read(text, Purpose.PAY, NOW + LIFETIME)


def test_a_ticket_of_a_result_page_pays_nothing() -> None:
    text = tickets().write(TICKET, Purpose.RESULT, NOW)

    with pytest.raises(TicketError):
        tickets().read(text, Purpose.PAY, NOW)


def test_a_ticket_of_another_key_is_refused() -> None:
    text = tickets("another key").write(TICKET, Purpose.PAY, NOW)

    with pytest.raises(TicketError):
        tickets().read(text, Purpose.PAY, NOW)


@pytest.mark.parametrize("change", [{"m": 1}, {"c": 18}, {"d": 43}, {"x": 9_999_999_999}])
def test_a_ticket_whose_content_was_changed_is_refused(change: dict[str, int]) -> None:
    body, _, mac = tickets().write(TICKET, Purpose.PAY, NOW).partition(".")
    payload = json.loads(base64.urlsafe_b64decode(body + "=="))
    forged = base64.urlsafe_b64encode(json.dumps(payload | change).encode()).rstrip(b"=").decode()

    with pytest.raises(TicketError):
        tickets().read(f"{forged}.{mac}", Purpose.PAY, NOW)


@pytest.mark.parametrize("text", ["", ".", "a.b", "é.é", "x" * 10_000, "!!!.???", "e30.e30"])
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(TicketError):
        tickets().read(text, Purpose.PAY, NOW)


def test_an_empty_key_signs_nothing() -> None:
    with pytest.raises(ValueError, match="empty"):
        tickets("")


def test_the_mark_of_a_session_does_not_show_the_session() -> None:
    mark = tickets().session_mark("annassessionannassession17")

    assert "anna" not in mark
    assert mark == tickets().session_mark("annassessionannassession17")
    assert mark != tickets("another key").session_mark("annassessionannassession17")
