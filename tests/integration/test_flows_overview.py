"""What a portal customer can pay and has paid: theirs only, and exactly."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import pytest

from splynx_stripe.domain.collection import Route
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import PARTS_AT_MOST, PayableKind
from splynx_stripe.domain.terms import TopUpTerms
from splynx_stripe.flows.overview import CustomerOverview, read_amount
from splynx_stripe.flows.pay import Standing
from tests.integration.flow_house import FlowHouse, open_house
from tests.integration.flow_town import Town, open_town

ANNA, BEN = 17, 18
BOTH = "invoice-1042.invoice-1043"


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as opened:
        yield opened


@pytest.fixture
async def house(town: Town, sqlite_url: str) -> AsyncIterator[FlowHouse]:
    async with open_house(town, sqlite_url) as opened:
        limits = TopUpTerms(Money(500, "EUR"), Money(50000, "EUR"), (Money(2000, "EUR"),))
        opened.terms.by_partner[1] = replace(opened.terms.by_partner[1], top_up=limits)
        yield opened


def overview_of(house: FlowHouse) -> CustomerOverview:
    return CustomerOverview(house.rooms, house.pay)


async def pay(town: Town, house: FlowHouse, choice: str) -> None:
    view = await overview_of(house).several(ANNA, choice)
    assert view.payable is not None
    start = await house.pay.start(view.payable, Route.PORTAL, "customer:17")
    assert await town.enter_card(start.client_secret) == "succeeded"
    await house.deliver_webhooks()


async def test_a_customer_sees_their_open_documents_and_nobody_elses(
    town: Town, house: FlowHouse
) -> None:
    seen = await overview_of(house).overview(ANNA)

    owners = {view.payable.customer_id for view in seen.documents if view.payable}
    numbers = [view.payable.document_number for view in seen.documents if view.payable]
    assert owners == {ANNA}
    assert {"202611000042", "202611000043", "202611000001"} <= set(numbers)
    assert "202610000041" not in numbers
    due = [view.due_on for view in seen.documents if view.due_on]
    assert due == sorted(due)


@pytest.mark.parametrize("filter_name", ["customer_id", "status"])
async def test_a_filter_that_splynx_ignores_shows_nobody_elses_documents(
    town: Town, house: FlowHouse, filter_name: str
) -> None:
    """I8: what Splynx answers is looked through again."""
    town.splynx.state.options.ignored_filters.add(("admin/finance/invoices", filter_name))

    seen = await overview_of(house).overview(BEN)

    assert {view.payable.customer_id for view in seen.documents if view.payable} == {BEN}


async def test_an_unknown_customer_has_nothing(house: FlowHouse) -> None:
    seen = await overview_of(house).overview(9_999)

    assert (seen.documents, seen.terms) == ((), None)


async def test_several_documents_have_the_sum_of_what_each_has_due(
    town: Town, house: FlowHouse
) -> None:
    town.set_due(1043, "40.00")

    view = await overview_of(house).several(ANNA, BOTH)

    assert view.payable is not None
    assert view.payable.kind is PayableKind.SEVERAL
    assert view.amount == Money(17250 + 4000, "EUR")


async def test_a_choice_of_one_or_of_the_same_twice_is_that_document(house: FlowHouse) -> None:
    for choice in ("invoice-1042", "invoice-1042.invoice-1042"):
        view = await overview_of(house).several(ANNA, choice)

        assert view.payable is not None
        assert (view.payable.key, view.payable.set_amount) == ("invoice/1042", None)


@pytest.mark.parametrize(
    ("choice", "standing"),
    [
        ("", Standing.NOT_FOUND),
        ("invoice-0", Standing.NOT_FOUND),
        ("invoice-1042.credit-1", Standing.NOT_FOUND),
        ("invoice-1042.invoice-1044", Standing.NOT_FOUND),
        ("invoice-1042.invoice-1041", Standing.PAID),
        (".".join(f"invoice-{n}" for n in range(1, PARTS_AT_MOST + 2)), Standing.NOT_FOUND),
    ],
    ids=["nothing", "no id", "unknown kind", "somebody elses", "paid", "too many"],
)
async def test_one_document_that_cannot_be_paid_speaks_for_all(
    house: FlowHouse, choice: str, standing: Standing
) -> None:
    view = await overview_of(house).several(ANNA, choice)

    assert view.standing is standing


@pytest.mark.parametrize(
    ("text", "standing"),
    [
        ("50", Standing.PAYABLE),
        ("5.00", Standing.PAYABLE),
        ("4.99", Standing.NOT_FOUND),
        ("500,01", Standing.NOT_FOUND),
        ("10.005", Standing.NOT_FOUND),
        ("nonsense", Standing.NOT_FOUND),
    ],
)
async def test_a_top_up_is_within_the_limits_and_exact(
    house: FlowHouse, text: str, standing: Standing
) -> None:
    """I9: an amount that Stripe cannot take exactly is refused, never rounded."""
    view = await overview_of(house).top_up(ANNA, text, "token123")

    assert view.standing is standing


async def test_where_the_settings_offer_none_there_are_no_top_ups(house: FlowHouse) -> None:
    house.terms.by_partner[1] = replace(house.terms.by_partner[1], top_up=None)

    view = await overview_of(house).top_up(ANNA, "50", "token123")

    assert view.standing is Standing.NOT_CHARGEABLE


@pytest.mark.parametrize(
    ("text", "minor_units"),
    [
        ("50", 5000),
        (" 49,90 ", 4990),
        ("1\N{NO-BREAK SPACE}000.5", 100050),
        ("1'000", 100000),
        ("1,000.00", None),
        ("5e3", None),
        ("-1", None),
        ("", None),
        ("9" * 40, None),
    ],
)
def test_amounts_are_read_as_people_type_them(text: str, minor_units: int | None) -> None:
    amount = read_amount(text, "EUR")

    assert (amount.minor_units if amount else None) == minor_units


async def test_what_was_paid_at_once_stands_in_the_history_one_by_one(
    town: Town, house: FlowHouse
) -> None:
    await pay(town, house, BOTH)
    await pay(town, house, "proforma-61")

    first = await overview_of(house).history(ANNA, before="", limit=2)
    rest = await overview_of(house).history(ANNA, before=first.after, limit=2)
    nobody = await overview_of(house).history(BEN, before="", limit=10)

    payments = [*first.payments, *rest.payments]
    paid = [(past.payable.document_number, past.amount) for past in payments]
    assert paid == [
        ("202611000001", Money(17250, "EUR")),
        ("202611000043", Money(4990, "EUR")),
        ("202611000042", Money(17250, "EUR")),
    ]
    assert first.after
    assert (rest.after, nobody.payments) == ("", [])
    assert first.company is not None
    assert first.terms is not None
    assert first.terms.partner_id == 1


async def test_what_was_paid_is_told_while_splynx_does_not_answer(
    town: Town, house: FlowHouse
) -> None:
    await pay(town, house, "proforma-61")
    town.spoil_splynx("/api/2.0/admin/customers/.*", status=503, times=-1)

    seen = await overview_of(house).history(ANNA, before="", limit=2)

    assert [past.payable.document_number for past in seen.payments] == ["202611000001"]
    assert (seen.terms, seen.company) == (None, None)


async def test_a_receipt_is_given_for_ones_own_payment_only(town: Town, house: FlowHouse) -> None:
    await pay(town, house, "invoice-1042")
    [booking] = town.bookings()

    mine = await overview_of(house).receipt(ANNA, booking.id)
    others = await overview_of(house).receipt(BEN, booking.id)
    none = await overview_of(house).receipt(ANNA, 999_999)

    assert mine is not None
    assert mine.content.startswith(b"%PDF")
    assert booking.amount == Decimal("172.50")
    assert (others, none) == (None, None)
