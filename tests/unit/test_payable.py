"""What is paid and how it is recognised: documents, several at once, top-ups."""

from __future__ import annotations

from dataclasses import replace

import pytest

from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import (
    PARTS_AT_MOST,
    Payable,
    PayableKind,
    balance,
    prepaid,
    several,
    top_up,
)

INVOICE = Payable(1, 17, PayableKind.INVOICE, 42, "A-42", "EUR", Money(17250, "EUR"))
PROFORMA = Payable(1, 17, PayableKind.PROFORMA, 7, "P-7", "EUR", Money(4990, "EUR"))


def many(count: int) -> tuple[Payable, ...]:
    return tuple(replace(INVOICE, document_id=number) for number in range(1, count + 1))


def test_the_same_documents_are_the_same_debt_in_whatever_order() -> None:
    """I1."""
    assert several((INVOICE, PROFORMA)) == several((PROFORMA, INVOICE))
    cheaper = replace(PROFORMA, set_amount=Money(4000, "EUR"))
    assert several((INVOICE, PROFORMA)).key != several((INVOICE, cheaper)).key


def test_several_documents_cost_what_their_shares_are_together() -> None:
    """I4."""
    payable = several((INVOICE, PROFORMA))

    assert payable.set_amount == Money(22240, "EUR")
    assert [part.key for part in payable.parts] == ["invoice/42", "proforma/7"]


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (INVOICE,),
        (INVOICE, INVOICE),
        many(PARTS_AT_MOST + 1),
        (INVOICE, replace(PROFORMA, set_amount=None)),
        (INVOICE, replace(PROFORMA, customer_id=18)),
        (INVOICE, replace(PROFORMA, partner_id=2)),
    ],
    ids=["none", "one", "twice", "too many", "no amount", "other customer", "other partner"],
)
def test_what_is_no_one_payment_is_refused(parts: tuple[Payable, ...]) -> None:
    with pytest.raises(ValueError, match=r"(?i)documents"):
        several(parts)


def test_what_an_account_owes_is_one_debt_of_its_customer_whatever_was_planned() -> None:
    """I1."""
    assert balance(1, 17, Money(100, "EUR")).key == balance(1, 17, Money(200, "EUR")).key
    assert balance(1, 17, Money(100, "EUR")).key != balance(1, 18, Money(100, "EUR")).key
    assert prepaid(1, 17, Money(100, "EUR")).key != balance(1, 17, Money(100, "EUR")).key
    assert [kind for kind in PayableKind if kind.is_of_account] == [
        PayableKind.BALANCE,
        PayableKind.PREPAID,
    ]


def test_people_are_told_what_they_pay() -> None:
    topping = top_up(1, 17, Money(5000, "EUR"), token="t1")

    assert INVOICE.name == "Invoice A-42"
    assert PROFORMA.name == "Proforma P-7"
    assert several((INVOICE, PROFORMA)).name == "Documents A-42, P-7"
    assert topping.name == "Top-up"
    assert topping.key == "top_up/17-t1"
    assert balance(1, 17, Money(5000, "EUR")).name == "Outstanding balance"
    assert prepaid(1, 17, Money(5000, "EUR")).name == "Prepaid period"
