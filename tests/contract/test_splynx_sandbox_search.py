"""The sandbox searches, pages, counts and describes as reference sections 2.1 and 2.2 say."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest

from splynx_stripe.sandbox.splynx import SplynxSandbox, SplynxSandboxOptions
from tests.contract.splynx_sandbox_run import RunningSplynx, SteppedClock, running_splynx

INVOICES = "admin/finance/invoices"


@pytest.fixture
async def splynx() -> AsyncIterator[RunningSplynx]:
    async with running_splynx() as running:
        yield running


async def ids(splynx: RunningSplynx, path: str = INVOICES, **query: str) -> list[int]:
    answer = await splynx.office("GET", path, query=query)
    assert answer.status == 200, answer.body
    return [row["id"] for row in answer.body]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"main_attributes[number]": "202611000042"}, [1042]),
        ({"main_attributes[id]": "1042"}, [1042]),
        (
            {"main_attributes[customer_id]": "17", "main_attributes[status]": "not_paid"},
            [1039, 1042, 1043],
        ),
        (
            {
                "main_attributes[status][0]": "IN",
                "main_attributes[status][1][0]": "deleted",
                "main_attributes[status][1][1]": "paid",
            },
            [1040, 1041, 1052],
        ),
        (
            {
                "main_attributes[id][0]": "BETWEEN",
                "main_attributes[id][1]": "1043",
                "main_attributes[id][2]": "1046",
            },
            [1043, 1044, 1046],
        ),
        (
            {"main_attributes[due][0]": ">=", "main_attributes[due][1]": "4980"},
            [1050, 1051],
        ),
        (
            {
                "main_attributes[date_created][0]": "<",
                "main_attributes[date_created][1]": "2026-10-01",
            },
            [1039],
        ),
        (
            {"main_attributes[number][0]": "LIKE", "main_attributes[number][1]": "%00004_"},
            [1040, 1041, 1042, 1043, 1044, 1046],
        ),
        (
            {"main_attributes[number][0]": "REGEXP", "main_attributes[number][1]": "5[01]$"},
            [1050, 1051],
        ),
        (
            {
                "main_attributes[customer_id][0]": "!=",
                "main_attributes[customer_id][1]": "17",
                "main_attributes[status]": "paid",
            },
            [1052],
        ),
    ],
)
async def test_main_attributes_filter(
    splynx: RunningSplynx, query: dict[str, str], expected: list[int]
) -> None:
    assert await ids(splynx, **query) == expected


async def test_null_is_searched_with_its_own_expression(splynx: RunningSplynx) -> None:
    await splynx.pay(invoice_id=None)

    found = await ids(
        splynx,
        "admin/finance/payments",
        **{
            "main_attributes[invoice_id][0]": "IS",
            "main_attributes[invoice_id][1]": "__EXPRESSION_NULL__",
        },
    )

    assert len(found) == 1


async def test_a_plain_parameter_is_no_filter_and_gives_everything() -> None:
    async with running_splynx(check_requests=False) as splynx:
        everything = await ids(splynx)

        assert await ids(splynx, customer_id="17") == everything
        assert len(everything) == len(splynx.sandbox.state.invoices)


async def test_an_unknown_attribute_is_no_filter_and_gives_everything(
    splynx: RunningSplynx,
) -> None:
    assert await ids(splynx, **{"main_attributes[customer]": "17"}) == await ids(splynx)


async def test_a_filter_can_be_ignored_by_switch(splynx: RunningSplynx) -> None:
    splynx.sandbox.options.ignored_filters.add((INVOICES, "customer_id"))

    found = await ids(
        splynx, **{"main_attributes[customer_id]": "17", "main_attributes[status]": "paid"}
    )

    assert found == [1041, 1052]


async def test_pages_follow_each_other_in_order_without_gap(splynx: RunningSplynx) -> None:
    pages = [
        await ids(splynx, **{"order[id]": "DESC", "limit": "4", "offset": str(offset)})
        for offset in (0, 4, 8, 12)
    ]

    assert [len(page) for page in pages] == [4, 4, 2, 0]
    assert list(itertools.chain(*pages)) == sorted(await ids(splynx), reverse=True)


async def test_a_page_has_a_hundred_rows_when_no_limit_is_given() -> None:
    sandbox = SplynxSandbox(clock=SteppedClock(), data="medium")

    assert len(sandbox.state.customers) == 500
    async with running_splynx() as splynx:
        splynx.sandbox.state.customers = sandbox.state.customers
        splynx.sandbox.options.default_page_size = 3
        splynx.sandbox.options.max_page_size = 5

        assert len(await ids(splynx)) == 3
        assert len(await ids(splynx, limit="9")) == 5


async def test_head_counts_what_matches(splynx: RunningSplynx) -> None:
    answer = await splynx.call("HEAD", INVOICES, query={"main_attributes[status]": "not_paid"})

    assert (answer.status, answer.headers["X-total-count"]) == (204, "7")


async def test_options_describes_attributes(splynx: RunningSplynx) -> None:
    answer = await splynx.call("OPTIONS", "admin/finance/payments")

    required = [row["name"] for row in answer.body["attributes"] if row["required"]]
    described = {row["name"]: (row["title"], row["type"]) for row in answer.body["attributes"]}
    assert required == ["customer_id"]
    assert described["amount"] == ("Sum", "float")
    assert described["invoice_id"] == ("Invoice", "integer")


async def test_options_tells_whether_payments_know_what_they_refund(
    splynx: RunningSplynx,
) -> None:
    splynx.sandbox.options.knows_refund_payment_id = False

    answer = await splynx.call("OPTIONS", "admin/finance/payments")
    made = await splynx.pay(amount="-1.0000", refund_payment_id=330)
    row = (await splynx.call("GET", f"admin/finance/payments/{made.body['id']}")).body

    assert "refund_payment_id" not in [item["name"] for item in answer.body["attributes"]]
    assert "refund_payment_id" not in row


@pytest.mark.parametrize(
    ("operator", "internal_code"), [("SOUNDS LIKE", "BAD_REQUEST"), ("REGEXP", "BAD_REQUEST")]
)
async def test_a_bad_operator_is_a_bad_request(operator: str, internal_code: str) -> None:
    async with running_splynx() as splynx:
        query = {"main_attributes[number][0]": operator, "main_attributes[number][1]": "("}
        answer = await splynx.call("GET", INVOICES, query=query)

        assert (answer.status, answer.internal_code) == (400, internal_code)


async def test_money_ids_flags_and_dates_look_like_a_real_servers(splynx: RunningSplynx) -> None:
    row: dict[str, Any] = (await splynx.call("GET", f"{INVOICES}/1042")).body

    assert row["id"] == 1042
    assert row["total"] == row["due"] == "172.5000"
    assert row["use_transactions"] == "1"
    assert row["date_payment"] == "0000-00-00"
    assert row["real_create_datetime"] == "2026-11-01 03:00:12"
    assert (row["customer_id"], row["number"], row["status"]) == (17, "202611000042", "not_paid")


async def test_ids_and_money_of_other_releases_are_switches() -> None:
    options = SplynxSandboxOptions(ids_as_strings=True, money_as_numbers=True)
    async with running_splynx(options) as splynx:
        row = (await splynx.call("GET", f"{INVOICES}/1042")).body

        assert (row["id"], row["customer_id"], row["due"]) == ("1042", "17", 172.5)


async def test_dates_are_local_to_the_server(splynx: RunningSplynx) -> None:
    await splynx.call(
        "POST", "admin/finance/bank-statements", body={"title": "Stripe", "status": "success"}
    )

    row = (await splynx.call("GET", "admin/finance/bank-statements/12")).body

    assert row["date_time"] == "2026-11-25 00:30:00"


async def test_the_large_data_set_has_twenty_thousand_customers() -> None:
    sandbox = await asyncio.to_thread(SplynxSandbox, clock=SteppedClock(), data="large")

    assert len(sandbox.state.customers) == 20_000
    assert {row.partner_id for row in sandbox.state.customers} == {1, 2}
