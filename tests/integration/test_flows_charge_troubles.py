"""Charges without the customer when something breaks, is stopped, or somebody else charges too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from splynx_stripe.domain.collection import CollectionState, Route
from splynx_stripe.flows.charge import ChargeFlow, ChargeStanding
from splynx_stripe.flows.pay import Standing
from tests.integration.charge_house import ChargeHouse, open_charges
from tests.integration.flow_town import CREATE, HOUR, MINUTE, Town, open_town

S = ChargeStanding
ORIGIN = "run/run_9/1"


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as opened:
        yield opened


@pytest.fixture
async def house(town: Town, sqlite_url: str) -> AsyncIterator[ChargeHouse]:
    async with open_charges(town, sqlite_url) as opened:
        yield opened


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_lost_answer_is_unknown_and_is_found_out_without_a_second_charge(
    town: Town, house: ChargeHouse, when: str
) -> None:
    """Faults 3, 4 and 21."""
    await house.credentials.save_card()
    town.spoil_stripe(CREATE, "POST", action="drop", when=when)  # type: ignore[arg-type]  # both are moments

    result = await house.charge(origin=ORIGIN)
    assert result.standing is S.UNKNOWN
    await house.house.pass_time(5 * MINUTE, step=MINUTE)

    assert town.statuses() == ["succeeded"]
    assert len(town.bookings()) == 1
    assert (
        await house.charge(origin=ORIGIN, payable=await house.debt_of_invoice())
    ).standing is S.SUCCEEDED


async def test_a_customer_sees_processing_while_it_is_not_known_yet(
    town: Town, house: ChargeHouse
) -> None:
    await house.credentials.save_card()
    town.spoil_stripe(CREATE, "POST", action="drop", when="after")
    await house.charge()

    view = await house.house.view()
    start = await house.house.press_pay()

    assert (view.standing, start.standing) == (Standing.PROCESSING, Standing.PROCESSING)
    assert len(town.intents()) == 1


async def test_too_many_requests_leave_the_charge_to_the_next_call(
    town: Town, house: ChargeHouse
) -> None:
    """Fault 24: a throttled charge is not done and not lost."""
    await house.credentials.save_card()
    town.spoil_stripe(CREATE, "POST", action="status", status=429)

    first = await house.charge(origin=ORIGIN)
    again = await house.charge(origin=ORIGIN)

    assert (first.standing, again.standing) == (S.TRY_LATER, S.SUCCEEDED)
    assert first.attempt_id == again.attempt_id
    assert town.statuses() == ["succeeded"]


async def test_while_splynx_is_down_nothing_is_charged_and_the_lease_is_free(
    town: Town, house: ChargeHouse
) -> None:
    """Fault 49."""
    await house.credentials.save_card()
    payable = await house.payable()
    town.spoil_splynx("/api/2.0/admin/finance/invoices/1042", "GET", times=3)

    first = await house.charge(payable, origin=ORIGIN)
    town.mend()

    assert (first.standing, first.attempt_id) == (S.TRY_LATER, "")
    assert town.intents() == []
    assert await house.house.collection_states() == [CollectionState.CLOSED]
    assert (await house.charge(payable, origin=ORIGIN)).standing is S.SUCCEEDED


async def test_a_process_that_died_holding_the_lease_goes_on_with_the_same_collection(
    town: Town, house: ChargeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.credentials.save_card()
    payable = await house.payable()

    async def died(*_: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(ChargeFlow, "_commit_attempt", died)
        with pytest.raises(asyncio.CancelledError):
            await house.charge(payable, origin=ORIGIN)
    result = await house.charge(payable, origin=ORIGIN)

    assert result.standing is S.SUCCEEDED
    assert house.remembered == [result.collection_id]


async def test_a_method_that_stripe_does_not_have_any_more_is_a_failure_that_says_so(
    town: Town, house: ChargeHouse
) -> None:
    """Fault 33."""
    card = await house.credentials.save_card()
    del town.stripe_book().payment_methods[card.payment_method_id]

    result = await house.charge()
    await house.house.pump.drain()

    assert result.standing is S.FAILED
    assert result.failure is not None
    assert result.failure.code == "resource_missing"
    assert house.house.failures.attempt_ids == [result.attempt_id]


async def test_a_contradiction_stops_all_charging(town: Town, house: ChargeHouse) -> None:
    """Fault 26, I14."""
    await house.credentials.save_card()
    town.spoil_stripe(
        CREATE,
        "POST",
        action="status",
        status=400,
        body='{"error": {"type": "idempotency_error", "message": "Keys may only be used once."}}',
    )

    result = await house.charge()
    town.mend()

    assert result.standing is S.STOPPED
    assert await house.house.case_kinds() == ["request_conflict"]
    other = await house.charge(await house.payable("202611000043"))
    assert other.standing is S.STOPPED
    assert "until case" in other.reason
    assert town.intents() == []


async def stop_charging(house: ChargeHouse) -> None:
    now = house.town.clock.now()
    await house.house.store.run(
        lambda unit: unit.add_charging_stop(reason="Wrong prices.", by="admin:1", now=now)
    )


async def test_the_emergency_stop_holds_every_charge_and_nobody_at_a_page(
    town: Town, house: ChargeHouse
) -> None:
    await house.credentials.save_card()
    await stop_charging(house)

    stopped = await house.charge()
    start = await house.house.press_pay()

    assert stopped.standing is S.STOPPED
    assert "Wrong prices." in stopped.reason
    assert await town.enter_card(start.client_secret) == "succeeded"


async def test_a_stop_that_comes_during_the_last_look_is_not_overlooked(
    town: Town, house: ChargeHouse
) -> None:
    await house.credentials.save_card()
    payable = await house.payable()
    ask = house.house.rooms.splynx.document

    async def stopped_meanwhile(*given: Any) -> Any:
        await stop_charging(house)
        return await ask(*given)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(house.house.rooms.splynx, "document", stopped_meanwhile)
        result = await house.charge(payable)

    assert result.standing is S.STOPPED
    assert town.intents() == []
    assert await house.house.collection_states() == [CollectionState.CLOSED]


async def test_under_a_stop_a_lost_charge_is_looked_for_and_not_sent_again(
    town: Town, house: ChargeHouse
) -> None:
    await house.credentials.save_card()
    town.spoil_stripe(CREATE, "POST", action="drop", when="after")
    assert (await house.charge()).standing is S.UNKNOWN
    await stop_charging(house)

    await house.house.pass_time(5 * MINUTE, step=MINUTE)

    assert town.statuses() == ["succeeded"]
    assert await house.house.collection_states() == [CollectionState.BOOKED]


async def test_a_charge_that_stays_unknown_is_a_case_that_does_not_promise_too_much(
    town: Town, house: ChargeHouse
) -> None:
    """I10: nobody may charge it by other means while money may have moved."""
    await house.credentials.save_card()
    town.spoil_stripe("/v1/payment_intents", action="drop", when="before", times=-1)
    await house.charge()

    await house.house.pass_time(HOUR, step=5 * MINUTE)

    [case] = await house.house.cases()
    assert case.kind.value == "unknown_too_long"
    assert "Money may have been taken" in case.summary


async def charged_by_another_program(house: ChargeHouse, town: Town, amount: str) -> str:
    """The closed add-on debits the same saved bank account; that takes days."""
    [bank] = await house.credentials.present()
    town.stripe.state.switches.bank_debit_delay_s = town.bank_delay.total_seconds()
    return await town.foreign_payment(
        {
            "amount": amount,
            "currency": "usd",
            "customer": bank.owner.stripe_customer_id,
            "payment_method": bank.payment_method_id,
            "confirm": "true",
            "off_session": "true",
        }
    )


async def test_a_retry_finds_another_program_that_is_charging_the_same_debt(
    town: Town, house: ChargeHouse
) -> None:
    """Fault 61: a debt has one owner."""
    house.use_dollars()
    await house.credentials.save_bank()
    foreign = await charged_by_another_program(house, town, "17250")

    result = await house.charge(route=Route.RETRY)

    assert result.standing is S.BUSY
    assert foreign in result.reason
    assert len(town.intents()) == 1
    assert await house.house.case_kinds() == ["foreign_charge"]

    await town.until_settled()
    assert (await house.charge(route=Route.RETRY)).standing is S.PROCESSING
    assert await house.house.case_kinds() == []


async def test_another_program_that_charges_something_else_is_in_nobodys_way(
    town: Town, house: ChargeHouse
) -> None:
    house.use_dollars()
    await house.credentials.save_bank()
    await charged_by_another_program(house, town, "999")

    assert (await house.charge(route=Route.RETRY)).standing is S.PROCESSING
