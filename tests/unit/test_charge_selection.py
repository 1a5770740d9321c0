"""Selections: the same wish is the same fingerprint, and what a server lets through is filtered again."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from splynx_stripe.domain.charge_selection import (
    CHARGEABLE_STATUSES,
    ChargeKind,
    PeriodOf,
    Selection,
    SelectionError,
    TotalCondition,
    selection_of_text,
    selection_text,
)
from splynx_stripe.domain.splynx import Document, DocumentKind, DocumentStatus
from splynx_stripe.domain.splynx_billing import ListedCustomer

INVOICE = Document(
    kind=DocumentKind.INVOICE,
    id=1042,
    number="202611000042",
    customer_id=17,
    status=DocumentStatus.NOT_PAID,
    total=Decimal("172.5000"),
    due=Decimal("100.0000"),
    payment_id=0,
    date_created=date(2026, 11, 1),
    date_till=date(2026, 11, 15),
)
ANNA = ListedCustomer(17, 1, 3, "Anna", "anna@example.com", "active", "recurring")

ids = st.lists(st.integers(1, 10_000), max_size=5).map(tuple)
days = st.dates(date(2020, 1, 1), date(2030, 1, 1))


@st.composite
def selections(draw: st.DrawFn) -> Selection:
    kind = draw(st.sampled_from(ChargeKind))
    of_invoices = kind is ChargeKind.INVOICES
    first, last = sorted([draw(days), draw(days)])
    has_days = of_invoices and draw(st.booleans())
    condition = draw(st.none() | st.sampled_from(TotalCondition))
    totals = st.decimals(0, 10_000, places=2)
    return Selection(
        kind=kind,
        first_day=first if has_days else None,
        last_day=last if has_days and draw(st.booleans()) else None,
        period_of=draw(st.sampled_from(PeriodOf)),
        partner_ids=draw(ids),
        location_ids=draw(ids),
        payment_method_ids=draw(ids),
        statuses=draw(
            st.sets(st.sampled_from(CHARGEABLE_STATUSES), min_size=1).map(tuple)
            if of_invoices
            else st.just((DocumentStatus.NOT_PAID,))
        ),
        customer_statuses=draw(st.lists(st.text(max_size=8), max_size=3).map(tuple)),
        total_condition=condition,
        total=draw(totals) if condition else None,
        customer_ids=draw(ids),
        document_numbers=draw(st.lists(st.text(max_size=8), max_size=3).map(tuple))
        if of_invoices
        else (),
        uses_balance=kind is ChargeKind.PREPAID and draw(st.booleans()),
    )


@given(selection=selections())
def test_a_selection_comes_back_from_its_text_as_it_was(selection: Selection) -> None:
    again = selection_of_text(selection_text(selection))

    assert again == selection
    assert again.fingerprint == selection.fingerprint


@given(one=selections(), other=selections())
def test_only_equal_selections_have_the_same_fingerprint(one: Selection, other: Selection) -> None:
    assert (one.fingerprint == other.fingerprint) == (one == other)


def test_the_order_and_repetition_of_a_list_change_nothing() -> None:
    one = Selection(ChargeKind.INVOICES, partner_ids=(2, 1), document_numbers=("b", "a", "b"))
    other = Selection(ChargeKind.INVOICES, partner_ids=(1, 2), document_numbers=("a", "b"))

    assert one.fingerprint == other.fingerprint


def test_a_total_of_zero_is_a_filter() -> None:
    above = Selection(
        ChargeKind.BALANCES, total_condition=TotalCondition.MORE, total=Decimal("0.00")
    )

    assert selection_of_text(selection_text(above)).total == 0
    assert not above.takes_total(Decimal(0))


def test_selections_of_other_days_are_of_one_family() -> None:
    november = Selection(ChargeKind.INVOICES, first_day=date(2026, 11, 1))
    december = Selection(ChargeKind.INVOICES, first_day=date(2026, 12, 1))
    of_partner = Selection(ChargeKind.INVOICES, first_day=date(2026, 12, 1), partner_ids=(2,))

    assert november.family == december.family != of_partner.family
    assert november.fingerprint != december.fingerprint


@pytest.mark.parametrize(
    "filters",
    [
        {"first_day": date(2026, 11, 2), "last_day": date(2026, 11, 1)},
        {"total": Decimal(1)},
        {"total_condition": TotalCondition.MORE},
        {"statuses": ()},
        {"statuses": (DocumentStatus.PAID,)},
        {"kind": ChargeKind.BALANCES, "document_numbers": ("1",)},
        {"kind": ChargeKind.PREPAID, "first_day": date(2026, 11, 2)},
        {"uses_balance": True},
        {"kind": ChargeKind.BALANCES, "uses_balance": True},
        {"customer_ids": tuple(range(1, 3000))},
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused_with_a_sentence(filters: dict[str, object]) -> None:
    with pytest.raises(SelectionError, match=r"\.$"):
        Selection(**({"kind": ChargeKind.INVOICES} | filters))  # type: ignore[arg-type]  # a test


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"kind":"cash"}', '{"kind":"invoices","x":1}'])
def test_a_foreign_text_is_no_selection(text: str) -> None:
    with pytest.raises(SelectionError):
        selection_of_text(text)


@pytest.mark.parametrize(
    ("filters", "is_taken"),
    [
        ({}, True),
        ({"statuses": (DocumentStatus.PENDING,)}, False),
        ({"first_day": date(2026, 11, 1), "last_day": date(2026, 11, 1)}, True),
        ({"first_day": date(2026, 11, 2)}, False),
        ({"last_day": date(2026, 10, 31)}, False),
        ({"first_day": date(2026, 11, 15), "period_of": PeriodOf.DUE}, True),
        ({"customer_ids": (18,)}, False),
        ({"document_numbers": ("202611000042",)}, True),
        ({"document_numbers": ("202611000043",)}, False),
        ({"total_condition": TotalCondition.EQUAL, "total": Decimal("172.5")}, True),
        ({"total_condition": TotalCondition.LESS, "total": Decimal("172.5")}, False),
        ({"total_condition": TotalCondition.MORE, "total": Decimal("172.49")}, True),
    ],
    ids=str,
)
def test_an_invoice_is_filtered_again(filters: dict[str, object], is_taken: bool) -> None:
    selection = Selection(ChargeKind.INVOICES, **filters)  # type: ignore[arg-type]  # a test

    assert selection.takes_document(INVOICE) is is_taken


@pytest.mark.parametrize(
    ("condition", "taken"),
    [
        (TotalCondition.LESS, ["99.99"]),
        (TotalCondition.EQUAL, ["100"]),
        (TotalCondition.MORE, ["100.01"]),
    ],
)
def test_each_condition_takes_totals_on_its_own_side_of_the_limit_only(
    condition: TotalCondition, taken: list[str]
) -> None:
    selection = Selection(ChargeKind.BALANCES, total_condition=condition, total=Decimal("100.00"))

    totals = ["99.99", "100", "100.01"]
    assert [total for total in totals if selection.takes_total(Decimal(total))] == taken


@pytest.mark.parametrize(
    ("filters", "is_taken"),
    [
        ({}, True),
        ({"partner_ids": (1, 2)}, True),
        ({"partner_ids": (2,)}, False),
        ({"location_ids": (3,)}, True),
        ({"location_ids": (1,)}, False),
        ({"customer_statuses": ("blocked",)}, False),
        ({"customer_ids": (17,)}, True),
    ],
    ids=str,
)
def test_a_customer_is_filtered_again(filters: dict[str, object], is_taken: bool) -> None:
    selection = Selection(ChargeKind.BALANCES, **filters)  # type: ignore[arg-type]  # a test

    assert selection.takes_customer(ANNA) is is_taken


def test_an_invoice_without_a_day_is_in_no_period() -> None:
    undated = Selection(ChargeKind.INVOICES, first_day=date(2026, 1, 1), period_of=PeriodOf.DUE)
    invoice = Document(
        **{name: getattr(INVOICE, name) for name in INVOICE.__slots__} | {"date_till": None}
    )

    assert not undated.takes_document(invoice)
    assert Selection(ChargeKind.INVOICES).takes_document(invoice)
