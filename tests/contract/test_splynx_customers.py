"""The door to many of Splynx's customers at once: complete whatever the server does with filters."""

from __future__ import annotations

from typing import Any

import pytest

from splynx_stripe.domain.errors import RetryableError
from splynx_stripe.sandbox.faults import FaultRule
from splynx_stripe.sandbox.splynx import SplynxSandboxOptions
from tests.contract.splynx_gateway_rig import splynx_rig

ANNA, BEN, NOBODY = 17, 18, 999_999
PATH = "admin/customers/customer"
DIALECTS: list[dict[str, Any]] = [
    {},
    {"ids_as_strings": True},
    {"max_page_size": 1},
    {"ignored_filters": frozenset({(PATH, "id")})},
]


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
async def test_customers_come_with_their_address_and_who_is_not_there_is_said_to_be_so(
    dialect: dict[str, Any],
) -> None:
    async with splynx_rig(options=SplynxSandboxOptions(**dialect)) as running:
        row = running.sandbox.state.customers[ANNA]
        row.street_1, row.zip_code, row.city = "Dlouhá 1", "110 00", "Praha"

        found = await running.gateway.customers.customers_by_id([BEN, ANNA, NOBODY, ANNA])

    anna = found[ANNA]
    assert sorted(found) == [ANNA, BEN, NOBODY]
    assert found[NOBODY] is None
    assert anna is not None
    assert (anna.customer.id, anna.street, anna.zip_code, anna.city) == (
        ANNA,
        "Dlouhá 1",
        "110 00",
        "Praha",
    )


async def test_many_customers_cost_few_questions() -> None:
    async with splynx_rig() as running:
        ids = [row.id for row in running.sandbox.state.customers][:120]

        found = await running.gateway.customers.customers_by_id(ids)

        asked = [path for _, path, _ in running.exchanges if path.startswith(PATH)]
    assert sorted(found) == sorted(ids)
    assert len(asked) <= 3


async def test_a_server_that_is_away_says_nothing_about_anybody() -> None:
    async with splynx_rig() as running:
        running.sandbox.faults.add(
            FaultRule(method="GET", path=f"/api/2.0/{PATH}", when="before", action="status")
        )

        with pytest.raises(RetryableError):
            await running.gateway.customers.customers_by_id([ANNA])


async def test_nobody_costs_nothing() -> None:
    async with splynx_rig() as running:
        assert await running.gateway.customers.customers_by_id([]) == {}
        assert running.exchanges == []
