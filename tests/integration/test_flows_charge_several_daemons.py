"""Two daemons charge the same customers at once: each debt is collected once (I1)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import prepaid
from splynx_stripe.flows.charge import ChargeResult, ChargeStanding
from splynx_stripe.flows.pay import Standing
from tests.integration.charge_house import ChargeHouse, open_charges
from tests.integration.flow_town import MINUTE, Town, open_town

S = ChargeStanding
ORIGIN = "run/run_9/1"
NOTHING_CHARGED = {S.BUSY, S.PAID, S.PENDING, S.TRY_LATER, S.UNKNOWN}


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as opened:
        yield opened


@pytest.fixture
async def house(town: Town, postgres_url: str) -> AsyncIterator[ChargeHouse]:
    async with open_charges(town, postgres_url) as opened:
        yield opened


@pytest.fixture
async def other(town: Town, postgres_url: str, house: ChargeHouse) -> AsyncIterator[ChargeHouse]:
    """Gives a second daemon on the same database."""
    async with open_charges(town, postgres_url) as opened:
        yield opened


def assert_one_charged(results: list[ChargeResult]) -> None:
    standings = [result.standing for result in results]
    assert standings.count(S.SUCCEEDED) == 1
    assert {standing for standing in standings if standing is not S.SUCCEEDED} <= NOTHING_CHARGED


async def test_one_effort_on_two_daemons_is_one_charge(
    town: Town, house: ChargeHouse, other: ChargeHouse
) -> None:
    await house.credentials.save_card()
    payable = await house.payable()

    results = await asyncio.gather(
        *(one.charge(payable, origin=ORIGIN) for one in (house, other) * 3)
    )

    assert {result.standing for result in results} <= {S.SUCCEEDED, S.TRY_LATER, S.BUSY}
    assert (await other.charge(payable, origin=ORIGIN)).standing is S.SUCCEEDED
    assert town.statuses() == ["succeeded"]
    assert len(house.remembered + other.remembered) == 1


async def test_a_run_and_a_rule_in_the_same_second_charge_an_invoice_once(
    town: Town, house: ChargeHouse, other: ChargeHouse
) -> None:
    """Faults 17 and 18."""
    await house.credentials.save_card()
    payable = await house.payable()

    results = await asyncio.gather(house.charge(payable), other.charge(payable))

    assert_one_charged(list(results))
    assert town.statuses() == ["succeeded"]


async def test_balance_and_invoice_at_once_are_one_charge(
    town: Town, house: ChargeHouse, other: ChargeHouse
) -> None:
    await house.credentials.save_card()
    payable, owed = await house.payable(), house.owes("172.50")

    results = await asyncio.gather(
        house.charge(payable), other.charge(owed), house.charge(owed), other.charge(payable)
    )

    assert_one_charged(list(results))
    assert town.statuses() == ["succeeded"]
    await house.house.pump.drain()
    assert len(town.bookings()) == 1


async def test_two_prepaid_periods_at_once_are_one_charge(
    town: Town, house: ChargeHouse, other: ChargeHouse
) -> None:
    await house.credentials.save_card()
    owed = prepaid(1, 17, Money(2500, "EUR"))

    results = await asyncio.gather(house.charge(owed), other.charge(owed))

    assert_one_charged(list(results))
    assert town.statuses() == ["succeeded"]


async def test_a_customer_at_the_page_and_a_charge_of_the_balance_at_once_are_one_payment(
    town: Town, house: ChargeHouse, other: ChargeHouse
) -> None:
    await house.credentials.save_card()
    owed = house.owes("172.50")

    start, result = await asyncio.gather(house.house.press_pay(), other.charge(owed))
    if start.standing is Standing.PAYABLE:
        assert await town.enter_card(start.client_secret) == "succeeded"
    await house.house.deliver_webhooks()
    await other.house.pass_time(5 * MINUTE, step=MINUTE)

    assert (start.standing is Standing.PAYABLE) != (result.standing is S.SUCCEEDED)
    assert town.statuses() == ["succeeded"]
    assert len(town.bookings()) == 1
