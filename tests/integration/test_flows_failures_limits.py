"""The limits of the schemes hold for every route, and end with the debt that they are about."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from splynx_stripe.domain.decline import Treatment
from splynx_stripe.domain.recovery import RecoveryReason, RecoveryState
from splynx_stripe.domain.retry_policy import FailedTry
from splynx_stripe.flows.charge import ChargeStanding
from splynx_stripe.flows.ports import Unit
from tests.integration.charge_house import POOR_CARD
from tests.integration.failure_house import DAY, FailureHouse, open_failures
from tests.integration.flow_town import Town, open_town

S = ChargeStanding


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as opened:
        yield opened


@pytest.fixture
async def home(town: Town, sqlite_url: str) -> AsyncIterator[FailureHouse]:
    async with open_failures(town, sqlite_url) as opened:
        yield opened


async def test_runs_day_after_day_charge_a_card_no_more_often_than_the_schemes_allow(
    town: Town, home: FailureHouse
) -> None:
    await home.charges.credentials.save_card(POOR_CARD)
    home.rules.policy = replace(home.rules.policy, days=())

    standings = []
    for _ in range(17):
        standings.append((await home.charges.charge()).standing)
        await home.house.pump.drain()
        town.clock.advance(DAY)

    assert standings == [S.FAILED] * 15 + [S.NO_CREDENTIAL] * 2
    town.clock.advance(20 * DAY)
    assert (await home.charges.charge()).standing is S.FAILED


async def test_a_card_that_its_bank_refused_for_good_is_not_charged_for_that_debt_by_a_run(
    town: Town, home: FailureHouse
) -> None:
    card = await home.charges.credentials.save_card(POOR_CARD)
    payable = await home.charges.payable()
    failed = await home.charges.charge(payable)

    def for_good(unit: Unit) -> None:
        unit.add_failed_try(
            payable.key,
            FailedTry(
                failed.attempt_id,
                card.payment_method_id,
                card.kind,
                town.clock.now(),
                Treatment.NEVER,
            ),
        )

    await home.house.store.run(for_good)
    await home.house.pump.drain()

    assert (await home.charges.charge(payable)).standing is S.NO_CREDENTIAL
    assert len(town.intents()) == 1


async def test_what_a_balance_failed_a_year_ago_does_not_keep_it_from_being_tried_again(
    town: Town, home: FailureHouse
) -> None:
    await home.charges.credentials.save_card(POOR_CARD)
    home.rules.policy = replace(home.rules.policy, card_tries=1)
    owed = home.charges.owes("20.00")
    assert (await home.charges.charge(owed)).standing is S.FAILED
    await home.house.pump.drain()
    assert (await home.recovery("balance/17")).state is RecoveryState.EXHAUSTED

    town.clock.advance(365 * DAY)
    home.rules.policy = replace(home.rules.policy, card_tries=2)
    assert (await home.charges.charge(owed)).standing is S.FAILED
    await home.house.pump.drain()

    assert (await home.recovery("balance/17")).state is RecoveryState.WAITING


async def test_a_try_is_not_put_off_for_ever_where_a_document_stays_pending(
    town: Town, home: FailureHouse
) -> None:
    """I10."""
    await home.charges.credentials.save_card(POOR_CARD)
    await home.charges.charge()
    await home.house.pump.drain()
    [invoice] = [one for one in town.splynx.state.invoices if one.id == 1042]
    invoice.status = "pending"

    await home.pass_time(45 * DAY, step=DAY)

    recovery = await home.recovery()
    assert (recovery.state, recovery.reason) == (
        RecoveryState.EXHAUSTED,
        RecoveryReason.NO_MORE_DAYS,
    )
    assert len(town.intents()) == 1
