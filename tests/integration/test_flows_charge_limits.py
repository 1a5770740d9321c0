"""What a charge must not do whatever order things come in: late money, a cancel in its middle, limits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from splynx_stripe.domain.attempt import AttemptState
from splynx_stripe.domain.case import Case, CaseKind
from splynx_stripe.domain.collection import CollectionState, Route
from splynx_stripe.flows.charge import ChargeOrder, ChargeStanding
from splynx_stripe.flows.ports import Unit
from tests.integration.charge_house import POOR_CARD, ChargeHouse, open_charges
from tests.integration.flow_town import MINUTE, Town, open_town

S = ChargeStanding


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as opened:
        yield opened


@pytest.fixture
async def house(town: Town, sqlite_url: str) -> AsyncIterator[ChargeHouse]:
    async with open_charges(town, sqlite_url) as opened:
        yield opened


async def test_a_debt_whose_money_came_late_and_is_not_booked_yet_is_not_charged_again(
    town: Town, house: ChargeHouse
) -> None:
    await house.credentials.save_card(POOR_CARD)
    await house.credentials.save_card()
    [poor, _good] = await house.credentials.present()
    failed = await house.charge(credential_id=poor.id)
    assert failed.standing is S.FAILED

    def money_came(unit: Unit) -> None:
        collection = unit.collection(failed.collection_id)
        attempt = unit.attempt(failed.attempt_id)
        assert collection is not None
        assert attempt is not None
        unit.save_collection(replace(collection, state=CollectionState.LATE))
        unit.save_attempt(replace(attempt, state=AttemptState.SUCCEEDED, failure=None))

    await house.house.store.run(money_came)
    again = await house.charge()

    assert again.standing is S.PAID
    assert "succeeded" not in town.statuses()


async def test_a_cancel_between_the_lease_and_the_charge_keeps_it_from_being_made(
    town: Town, house: ChargeHouse
) -> None:
    await house.credentials.save_card()
    payable, ask = await house.payable(), house.house.rooms.splynx.document
    is_wanted = True

    async def canceled_meanwhile(*given: Any) -> Any:
        nonlocal is_wanted
        is_wanted = False
        return await ask(*given)

    order = ChargeOrder(
        payable,
        Route.CHARGE_RUN,
        "admin:1",
        origin="run/run_1/1",
        still_wanted=lambda _unit: is_wanted,
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(house.house.rooms.splynx, "document", canceled_meanwhile)
        result = await house.flow.charge(order, on_lease=house.remember)

    assert result.standing is S.STOPPED
    assert town.intents() == []
    assert await house.house.collection_states() == [CollectionState.CLOSED]


async def test_money_stops_also_behind_a_thousand_other_cases(
    town: Town, house: ChargeHouse
) -> None:
    await house.credentials.save_card()
    now = town.clock.now()

    def open_cases(unit: Unit) -> None:
        for number in range(1_001):
            unit.open_case(
                Case(CaseKind.UNKNOWN_TOO_LONG, f"att_{number}", "It is not known.", now)
            )
        unit.open_case(Case(CaseKind.AMOUNT_DIFFERS, "att_x", "Another amount.", now + MINUTE))

    await house.house.store.run(open_cases)

    assert (await house.charge()).standing is S.STOPPED
    assert town.intents() == []
