"""The smoke run is a proof only if it notices what is wrong with the books."""

from __future__ import annotations

from typing import Any

import pytest

from splynx_stripe.cli.smoke import _differences

INTENT = {
    "id": "pi_3a",
    "metadata": {"splynx_document_number": "42", "splynx_document_kind": "invoice"},
}
BOOKING = {"receipt_number": "pi_3a"}


def books(*payments: dict[str, str], status: str = "paid") -> dict[str, Any]:
    return {"payments": list(payments), "invoices": [{"number": "42", "status": status}]}


def test_books_that_agree_are_let_pass() -> None:
    assert _differences([INTENT], books(), books(BOOKING)) == []


@pytest.mark.parametrize(
    ("after", "problem"),
    [
        (books(), "pi_3a is booked 0 times"),
        (books(BOOKING, BOOKING), "pi_3a is booked 2 times"),
        (books(BOOKING, status="not_paid"), "invoice 42 is not_paid, not paid"),
        (books(BOOKING, {"receipt_number": ""}), "1 charges, but 2 new payments"),
    ],
)
def test_a_difference_is_told(after: dict[str, Any], problem: str) -> None:
    assert problem in _differences([INTENT], books(), after)
