"""The door to invoices and customers for charge runs: complete whatever the server does with filters."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from splynx_stripe.domain.charge_selection import ChargeKind, PeriodOf, Selection
from splynx_stripe.domain.errors import RetryableError
from splynx_stripe.domain.splynx import Document
from splynx_stripe.domain.splynx_billing import ListedCustomer
from splynx_stripe.sandbox.splynx import SplynxSandboxOptions, seed_data
from tests.contract.splynx_gateway_rig import SplynxRig, splynx_rig

T = TypeVar("T")

INVOICES, CUSTOMERS = "admin/finance/invoices", "admin/customers/customer"
ANNA, BAKERY, MONTHLY = 17, 19, 23
DIALECTS: list[dict[str, Any]] = [
    {},
    {"ids_as_strings": True},
    {"max_page_size": 3},
    {"ignored_filters": frozenset({(INVOICES, "id"), (CUSTOMERS, "id")})},
    {
        "max_page_size": 3,
        "ignored_filters": frozenset({(INVOICES, "id"), (INVOICES, "status"), (CUSTOMERS, "id")}),
    },
]
DIALECT_NAMES = ("usual", "ids as text", "small pages", "ids unheeded", "status unheeded")
"""Sets have another order in every process; the names of tests must not."""


async def whole(pages: AsyncIterator[Sequence[T]]) -> list[T]:
    return [each async for page in pages for each in page]


async def invoices(running: SplynxRig, selection: Selection, after: int = 0) -> list[Document]:
    """Lists invoices as a plan does: each page is filtered again."""
    pages = running.gateway.charge_listings.invoice_pages(selection, after=after)
    return [one for one in await whole(pages) if selection.takes_document(one)]


async def customers(
    running: SplynxRig, selection: Selection, after: int = 0
) -> list[ListedCustomer]:
    pages = running.gateway.charge_listings.customer_pages(selection, after=after)
    return [one for one in await whole(pages) if selection.takes_customer(one)]


def unpaid(running: SplynxRig) -> list[int]:
    return [row.id for row in running.sandbox.state.invoices if row.status == "not_paid"]


@pytest.mark.parametrize("dialect", DIALECTS, ids=DIALECT_NAMES)
async def test_every_unpaid_invoice_comes_once_by_rising_id(dialect: dict[str, Any]) -> None:
    async with splynx_rig(options=SplynxSandboxOptions(**dialect)) as running:
        for number in range(7):
            seed_data.add_invoice(
                running.sandbox.state, 3000 + number, f"N{number}", customer_id=18, total="9.00"
            )

        found = await invoices(running, Selection(ChargeKind.INVOICES))

    assert [one.id for one in found] == sorted(unpaid(running))


@pytest.mark.parametrize("dialect", DIALECTS, ids=DIALECT_NAMES)
async def test_a_listing_goes_on_from_where_it_was(dialect: dict[str, Any]) -> None:
    async with splynx_rig(options=SplynxSandboxOptions(**dialect)) as running:
        selection = Selection(ChargeKind.INVOICES)
        all_of_them = [one.id for one in await invoices(running, selection)]

        rest = await invoices(running, selection, after=all_of_them[1])
        of_customers = await customers(running, Selection(ChargeKind.BALANCES), after=BAKERY)

    assert [one.id for one in rest] == all_of_them[2:]
    assert [one.id for one in of_customers] == [
        row.id for row in running.sandbox.state.customers if row.id > BAKERY
    ]


async def test_an_invoice_that_is_issued_meanwhile_hides_no_other() -> None:
    async with splynx_rig(options=SplynxSandboxOptions(max_page_size=2)) as running:
        before = sorted(unpaid(running))
        found: list[int] = []
        pages = running.gateway.charge_listings.invoice_pages(
            Selection(ChargeKind.INVOICES), after=0
        )
        async for page in pages:
            if not found:
                seed_data.add_invoice(
                    running.sandbox.state, 3000, "NEW", customer_id=18, total="9.00"
                )
            found += [one.id for one in page]

    assert found == [*before, 3000]


@pytest.mark.parametrize(
    "filters",
    [
        {"first_day": date(2026, 11, 1)},
        {"last_day": date(2026, 9, 30)},
        {"first_day": date(2026, 9, 1), "last_day": date(2026, 10, 31)},
        {"first_day": date(2026, 11, 15), "period_of": PeriodOf.DUE},
        {"customer_ids": (ANNA,)},
        {"customer_ids": (ANNA, 18)},
        {"document_numbers": ("202611000042", "202611000043")},
        {"document_numbers": (*tuple(f"{number}" for number in range(60)), "202611000042")},
    ],
    ids=lambda filters: str(filters)[:60],
)
async def test_splynx_filters_as_we_do(filters: dict[str, Any]) -> None:
    selection = Selection(ChargeKind.INVOICES, **filters)
    async with splynx_rig() as running:
        pages = running.gateway.charge_listings.invoice_pages(selection, after=0)
        sent = await whole(pages)
        everything = await invoices(running, Selection(ChargeKind.INVOICES))

    assert sorted(one.id for one in sent) == [
        one.id for one in everything if selection.takes_document(one)
    ]
    assert sent


@pytest.mark.parametrize(
    "filters",
    [{"partner_ids": (2,)}, {"location_ids": (1, 2)}, {"customer_statuses": ("blocked",)}],
    ids=str,
)
async def test_splynx_filters_customers_as_we_do(filters: dict[str, Any]) -> None:
    selection = Selection(ChargeKind.BALANCES, **filters)
    async with splynx_rig() as running:
        pages = running.gateway.charge_listings.customer_pages(selection, after=0)
        sent = await whole(pages)
        everything = await customers(running, Selection(ChargeKind.BALANCES))

    assert [one.id for one in sent] == [
        one.id for one in everything if selection.takes_customer(one)
    ]
    assert sent


async def test_customers_that_are_listed_by_id_come_as_far_as_they_are_there() -> None:
    async with splynx_rig() as running:
        selection = Selection(ChargeKind.BALANCES, customer_ids=(ANNA, BAKERY, 999_999))

        found = await customers(running, selection)

    assert [one.id for one in found] == [ANNA, BAKERY]


async def test_balance_payment_method_and_prepaid_price_are_read_exactly() -> None:
    async with splynx_rig() as running:
        state = running.sandbox.state
        state.billings[ANNA].deposit = Decimal("-172.5000")
        listings = running.gateway.charge_listings

        anna = await listings.billing(ANNA)
        nobody = await listings.billing(999_999)
        prices = {each: await listings.prepaid_price(each) for each in (ANNA, BAKERY, MONTHLY)}

    assert anna is not None
    assert (anna.deposit, anna.debt, anna.payment_method_id) == (
        Decimal("-172.5"),
        Decimal("172.5"),
        3,
    )
    assert nobody is None
    assert prices[ANNA] is None  # recurring customers pay invoices
    named = {each: price.price for each, price in prices.items() if price is not None}
    assert named == {BAKERY: Decimal("12.5"), MONTHLY: Decimal("29.9")}


@pytest.mark.parametrize(
    ("deposit", "uses_balance", "to_pay"),
    [
        ("10.0000", False, "29.9"),
        ("10.0000", True, "19.9"),
        ("-10.0000", True, "39.9"),
        ("40.0000", True, "0"),
    ],
)
async def test_with_use_available_balance_credit_lowers_and_debt_raises_the_charge(
    deposit: str,
    uses_balance: bool,
    to_pay: str,
) -> None:
    async with splynx_rig() as running:
        running.sandbox.state.billings[MONTHLY].deposit = Decimal(deposit)

        price = await running.gateway.charge_listings.prepaid_price(MONTHLY)

    assert price is not None
    assert price.to_pay(uses_balance=uses_balance) == Decimal(to_pay)


async def test_a_server_that_is_away_is_no_empty_list() -> None:
    async with splynx_rig() as running:
        running.spoil("GET", INVOICES, when="before", action="status")

        with pytest.raises(RetryableError):
            await invoices(running, Selection(ChargeKind.INVOICES))
