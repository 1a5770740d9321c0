"""A retry of a prepaid amount looks once more: what was paid by another way is not charged (I1)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from splynx_stripe.domain.charge_run import BY_OFFICE, ChargeRun, RunState
from splynx_stripe.domain.charge_selection import ChargeKind, Selection
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import Payable, prepaid
from splynx_stripe.domain.recovery import RecoveryState
from splynx_stripe.flows.charge import ChargeStanding
from splynx_stripe.gateways.splynx import SplynxHttpGateway
from tests.integration.charge_house import POOR_CARD
from tests.integration.failure_house import DAY, FailureHouse, open_failures
from tests.integration.flow_town import Town, open_town
from tests.integration.test_flows_charge_run_plans import MONTHLY

OWED = Money(2500, "EUR")


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as opened:
        yield opened


@pytest.fixture
async def home(town: Town, sqlite_url: str) -> AsyncIterator[FailureHouse]:
    async with open_failures(town, sqlite_url) as opened:
        yield opened


async def fail(home: FailureHouse, *, uses_balance: bool) -> Payable:
    """A run charges a prepaid period with a card that declines; another card would work."""
    selection = Selection(ChargeKind.PREPAID, uses_balance=uses_balance)
    now, payable = home.town.clock.now(), prepaid(1, MONTHLY, OWED)
    run = ChargeRun("run_1", selection, BY_OFFICE, RunState.PLANNING, "admin:1", now)
    await home.house.store.run(lambda unit: unit.add_charge_run(run))
    await home.charges.credentials.save_card(POOR_CARD, MONTHLY)
    result = await home.charges.charge(payable, origin="run/run_1/1")
    assert result.standing is ChargeStanding.FAILED
    await home.house.pump.drain()
    await home.charges.credentials.save_card(customer=MONTHLY)
    return payable


@pytest.mark.parametrize(
    ("uses_balance", "deposit", "charged"),
    [
        (True, "100.0000", []),
        (True, "-1.0000", [2500]),
        (False, "100.0000", [2500]),
    ],
)
async def test_a_prepaid_amount_that_was_paid_since_it_failed_is_not_tried_again(
    town: Town, home: FailureHouse, uses_balance: bool, deposit: str, charged: list[int]
) -> None:
    payable = await fail(home, uses_balance=uses_balance)
    town.splynx.state.billings[MONTHLY].deposit = Decimal(deposit)

    await home.pass_time(DAY)

    taken = [each["amount"] for each in town.intents() if each["status"] == "succeeded"]
    assert taken == charged
    assert (await home.recovery(payable.key)).state is RecoveryState.RECOVERED


async def test_of_a_price_that_fell_only_that_is_tried_again(
    town: Town, home: FailureHouse
) -> None:
    await fail(home, uses_balance=True)
    splynx = home.house.rooms.splynx
    assert isinstance(splynx, SplynxHttpGateway)
    found = await splynx.charge_listings.prepaid_price(MONTHLY)
    assert found is not None
    town.splynx.state.billings[MONTHLY].deposit = found.price - Decimal(10)

    await home.pass_time(DAY)

    taken = [each["amount"] for each in town.intents() if each["status"] == "succeeded"]
    assert taken == [1000]
