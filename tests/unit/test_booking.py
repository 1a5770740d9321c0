"""Money that Stripe took always gets a place in Splynx, whatever happened to the document."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from splynx_stripe.domain.booking import must_be_marked_paid, plan_booking
from splynx_stripe.domain.case import CaseKind
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import Payable, PayableKind
from splynx_stripe.domain.splynx import Document, DocumentKind, DocumentStatus
from splynx_stripe.domain.statement import StatementGrouping, statement_title

PAYABLE = Payable(1, 17, PayableKind.INVOICE, 1042, "202611000042", "EUR")
AMOUNT = Money(17250, "EUR")


def document(
    status: DocumentStatus = DocumentStatus.NOT_PAID,
    due: str = "172.5000",
    customer_id: int = 17,
    total: str = "172.5000",
) -> Document:
    return Document(
        kind=DocumentKind.INVOICE,
        id=1042,
        number="202611000042",
        customer_id=customer_id,
        status=status,
        total=Decimal(total),
        due=Decimal(due),
        payment_id=0,
        date_created=None,
        date_till=None,
    )


@pytest.mark.parametrize("status", [DocumentStatus.NOT_PAID, DocumentStatus.PENDING])
def test_an_open_document_gets_the_money_without_a_case(status: DocumentStatus) -> None:
    plan = plan_booking(PAYABLE, AMOUNT, document(status))

    assert plan.pairs_document
    assert plan.case is None


@pytest.mark.parametrize(
    ("found", "case"),
    [
        (None, CaseKind.DOCUMENT_GONE),
        (document(DocumentStatus.DELETED), CaseKind.DOCUMENT_GONE),
        (document(customer_id=18), CaseKind.DOCUMENT_GONE),
        (document(DocumentStatus.PAID, due="0"), CaseKind.PAID_MEANWHILE),
        (document(due="0"), CaseKind.PAID_MEANWHILE),
    ],
)
def test_money_that_the_document_cannot_take_goes_to_the_balance_with_a_case(
    found: Document | None, case: CaseKind
) -> None:
    plan = plan_booking(PAYABLE, AMOUNT, found)

    assert not plan.pairs_document
    assert plan.case is case
    assert "172.50 EUR went to the balance of customer 17" in plan.summary
    assert "Refund" in plan.summary


def test_a_document_that_became_smaller_takes_its_part_and_a_case_tells_of_the_rest() -> None:
    plan = plan_booking(PAYABLE, AMOUNT, document(due="72.5"))

    assert plan.pairs_document
    assert plan.case is CaseKind.PAID_MORE_THAN_DUE


def test_a_document_that_became_larger_is_paid_in_part_and_stays_open() -> None:
    plan = plan_booking(PAYABLE, AMOUNT, document(due="200"))

    assert plan.pairs_document
    assert plan.case is None


@given(
    status=st.sampled_from(DocumentStatus),
    due=st.decimals("0", "1000", places=4),
    total=st.decimals("0", "1000", places=4),
)
def test_only_an_open_document_that_is_covered_whole_is_set_paid(
    status: DocumentStatus, due: Decimal, total: Decimal
) -> None:
    shown = document(status, due=str(due), total=str(total))

    marked = must_be_marked_paid(AMOUNT, shown)

    is_open = status in {DocumentStatus.NOT_PAID, DocumentStatus.PENDING}
    assert marked == (is_open and (due == 0 or total == Decimal("172.5")))


@pytest.mark.parametrize(
    ("grouping", "title"),
    [(StatementGrouping.MONTH, "Stripe 11/2026"), (StatementGrouping.DAY, "Stripe 03/11/2026")],
)
def test_payments_are_grouped_under_the_titles_that_splynx_add_ons_use(
    grouping: StatementGrouping, title: str
) -> None:
    assert statement_title("Stripe", grouping, date(2026, 11, 3)) == title


def test_what_somebody_else_entered_without_pairing_it_closes_what_it_covers() -> None:
    """I1: left open, the customer would be asked for the same money again."""
    partly_paid = document(due="172.5", total="200")

    assert must_be_marked_paid(AMOUNT, partly_paid, is_paired=False)
    assert not must_be_marked_paid(AMOUNT, partly_paid)
    assert not must_be_marked_paid(AMOUNT, document(due="180", total="200"), is_paired=False)


def test_a_rest_is_left_open_where_splynx_has_allocated_an_unpaired_payment_by_itself() -> None:
    """I4: an older document, or this one, has a part of it; setting it paid would lose the rest."""
    assert not must_be_marked_paid(AMOUNT, document(due="86.25", total="258.75"), is_paired=False)
    assert not must_be_marked_paid(AMOUNT, document(due="60"), is_paired=False)
    assert must_be_marked_paid(AMOUNT, document(due="0"), is_paired=False)
