"""Splynx's JSON becomes our values exactly, or a named error."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from splynx_stripe.domain.errors import BrokenInvariantError
from splynx_stripe.domain.splynx import DocumentKind, DocumentStatus, NewSplynxPayment
from splynx_stripe.gateways.splynx import wire
from splynx_stripe.gateways.splynx.auth import signature
from splynx_stripe.gateways.splynx.errors import Answer, NotJsonError

MONEY = st.decimals(min_value=-(10**14), max_value=10**14, places=4)


@given(MONEY)
def test_money_survives_the_way_there_and_back_i9(amount: Decimal) -> None:
    assert wire.money({"amount": wire.amount_text(amount)}, "amount") == amount


@given(MONEY)
def test_money_as_a_json_number_stays_exact_i9(amount: Decimal) -> None:
    answer = Answer(200, b'{"amount":%s}' % str(amount).encode())

    assert wire.money(wire.row(answer.json()), "amount") == amount


@pytest.mark.parametrize(
    "value", ["", " ", "1,5", "1e3", "NaN", None, True, [], "12.3.4"], ids=repr
)
def test_what_is_no_amount_is_an_error(value: object) -> None:
    with pytest.raises(wire.WireError, match="amount"):
        wire.money({"amount": value}, "amount")


@pytest.mark.parametrize("amount", ["0.00001", "NaN", "Infinity"])
def test_an_amount_is_never_rounded_i9(amount: str) -> None:
    with pytest.raises(BrokenInvariantError):
        wire.amount_text(Decimal(amount))


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a":', b"\xff", b"NaN", b"[" * 100_000])
def test_what_is_not_json_is_said_so(body: bytes) -> None:
    with pytest.raises(NotJsonError):
        Answer(200, body).json()


@pytest.mark.parametrize(("value", "expected"), [(5, 5), ("6", 6), ("007", 7)])
def test_an_id_is_a_number_or_a_numeric_string(value: object, expected: int) -> None:
    assert wire.identifier({"id": value}, "id") == expected


@pytest.mark.parametrize(
    "value", [None, 0, "0", "", "x", -1, True, 1.5, "1" * 19, "\uff15"], ids=repr
)
def test_what_is_no_id_is_an_error(value: object) -> None:
    with pytest.raises(wire.WireError, match="id"):
        wire.identifier({"id": value}, "id")


@pytest.mark.parametrize("value", [None, "", "0000-00-00", "0000-00-00 00:00:00"])
def test_an_unset_date_is_none(value: object) -> None:
    assert wire.day({"date": value}, "date") is None


def test_a_date_is_read_without_its_time() -> None:
    assert wire.day({"date": "2026-11-24 10:21:44"}, "date") == date(2026, 11, 24)


def test_an_impossible_date_is_an_error() -> None:
    with pytest.raises(wire.WireError, match="date"):
        wire.day({"date": "2026-02-30"}, "date")


def invoice(**changes: object) -> dict[str, object]:
    return {
        "id": 1042,
        "customer_id": 17,
        "number": 202411000042,
        "status": "not_paid",
        "total": Decimal("172.5"),
        "due": "172.5000",
        "payment_id": None,
        "date_created": "2024-11-01",
        "date_till": "0000-00-00",
        **changes,
    }


def test_a_number_may_come_as_a_number() -> None:
    document = wire.document(DocumentKind.INVOICE, invoice())

    assert (document.number, document.total) == ("202411000042", Decimal("172.5"))


def test_an_unpaid_invoice_without_its_due_part_is_an_error_not_a_guess_i9() -> None:
    with pytest.raises(wire.WireError, match="due"):
        wire.document(DocumentKind.INVOICE, invoice(due=None))


def test_a_settled_invoice_may_come_without_its_due_part() -> None:
    document = wire.document(DocumentKind.INVOICE, invoice(due=None, status="paid"))

    assert (document.due, document.status) == (Decimal(0), DocumentStatus.PAID)


def test_an_unknown_status_is_an_error() -> None:
    with pytest.raises(wire.WireError, match="status"):
        wire.document(DocumentKind.INVOICE, invoice(status="overdue"))


def test_of_several_addresses_the_first_one_counts() -> None:
    row = {"id": 1, "partner_id": 1, "email": "", "billing_email": "a@example.com, b@example.com"}

    assert wire.customer(row).email == "a@example.com"


def test_a_row_that_differs_only_in_case_may_be_an_answer_but_is_not_the_one() -> None:
    row = {"number": "inv-1 "}

    assert wire.echoes(row, {"number": "INV-1"})
    assert not wire.equals(row, {"number": "INV-1"})
    assert not wire.echoes({}, {"number": "INV-1"})


def test_a_payment_is_written_as_the_api_wants_it() -> None:
    order = NewSplynxPayment(
        customer_id=17,
        document_kind=DocumentKind.PROFORMA,
        document_id=61,
        payment_method_id=3,
        receipt_number="pi_1",
        date=date(2026, 11, 4),
        amount=Decimal(5800),
        comment="x" * 300,
    )

    body = wire.new_payment(order)

    assert body == {
        "customer_id": 17,
        "request_id": 61,
        "payment_type": 3,
        "receipt_number": "pi_1",
        "date": "2026-11-04",
        "amount": "5800.0000",
        "comment": "x" * 256,
        "field_1": "",
        "field_2": "",
        "field_3": "",
        "field_4": "",
        "field_5": "",
    }


@pytest.mark.parametrize(
    ("permissions", "is_staff"),
    [
        ([], False),
        ({"admin\\customers\\Customer": {"index": "allow", "update": "allow"}}, False),
        ({"admin\\customers\\Customer": {"add": "deny"}}, False),
        ({"admin\\finance\\Payments": {"add": "allow"}}, True),
        ({"api\\admin\\administration\\Partners": {"index": "allow"}}, True),
    ],
)
def test_staff_is_known_by_what_only_staff_may_do(permissions: object, *, is_staff: bool) -> None:
    assert wire.has_staff_permissions({"permissions": permissions}) is is_staff


def test_the_signature_is_upper_case_hex_over_nonce_and_key() -> None:
    expected = "4E973706EB3D6FE2D6DDBF7F3D1DCCD7EF6B1D07AE93E7F39EAB65822F2DC759"

    assert signature("secret", 154249127600, "KEY") == expected
