"""Charges without the customer: each debt once, whatever happens in between (I1, I2, I5)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from splynx_stripe.domain.attempt import AttemptState
from splynx_stripe.domain.collection import CollectionState, Route
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import top_up
from splynx_stripe.flows.charge import ChargeStanding
from splynx_stripe.flows.pay import Standing
from tests.integration.charge_house import (
    CARD_TO_CONFIRM,
    LOST_CARD,
    POOR_CARD,
    ChargeHouse,
    open_charges,
)
from tests.integration.flow_town import EMPTY_BANK, HOUR, Town, open_town

S = ChargeStanding
ORIGIN = "run/run_9/1"
DUE = Money(17250, "EUR")


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as opened:
        yield opened


@pytest.fixture
async def house(town: Town, sqlite_url: str) -> AsyncIterator[ChargeHouse]:
    async with open_charges(town, sqlite_url) as opened:
        yield opened


async def test_a_saved_card_is_charged_and_the_invoice_is_paid(
    town: Town, house: ChargeHouse
) -> None:
    card = await house.credentials.save_card()

    result = await house.charge(origin=ORIGIN)
    await house.house.pump.drain()

    assert (result.standing, result.amount) == (S.SUCCEEDED, DUE)
    assert house.remembered == [result.collection_id]
    [attempt] = await house.house.attempts()
    assert (attempt.off_session, attempt.credential_id) == (True, card.id)
    assert attempt.charged_method_id == card.payment_method_id
    [intent] = town.intents()
    assert intent["metadata"]["splynx_stripe_origin"] == ORIGIN
    assert town.invoice_status(1042) == "paid"
    assert len(town.bookings()) == 1
    assert await house.house.collection_states() == [CollectionState.BOOKED]
    assert await house.house.case_kinds() == []


async def test_the_same_origin_is_the_same_effort_also_when_it_is_over(
    town: Town, house: ChargeHouse
) -> None:
    await house.credentials.save_card(POOR_CARD)
    payable = await house.payable()
    first = await house.charge(payable, origin=ORIGIN)
    await house.house.pump.drain()

    again = await house.charge(payable, origin=ORIGIN)

    assert first.standing is again.standing is S.FAILED
    assert again.failure is not None
    assert again.failure.decline_code == "insufficient_funds"
    assert first.attempt_id == again.attempt_id
    assert town.statuses() == ["canceled"]
    assert len(house.remembered) == 1


async def test_calls_at_once_with_one_origin_make_one_charge(
    town: Town, house: ChargeHouse
) -> None:
    await house.credentials.save_card()
    payable = await house.payable()

    results = await asyncio.gather(*(house.charge(payable, origin=ORIGIN) for _ in range(5)))

    assert {result.standing for result in results} == {S.SUCCEEDED}
    assert town.statuses() == ["succeeded"]


async def test_two_efforts_for_one_debt_charge_it_once(town: Town, house: ChargeHouse) -> None:
    await house.credentials.save_card()
    payable = await house.payable()

    one, other = await asyncio.gather(house.charge(payable), house.charge(payable))

    assert {one.standing, other.standing} == {S.SUCCEEDED, S.PAID}
    assert town.statuses() == ["succeeded"]


async def test_a_decline_is_withdrawn_and_followed_up_once_it_is_proven_dead(
    town: Town, house: ChargeHouse
) -> None:
    await house.credentials.save_card(POOR_CARD)

    result = await house.charge()
    assert house.house.failures.attempt_ids == []
    await house.house.deliver_webhooks()

    assert town.statuses() == ["canceled"]
    assert house.house.failures.attempt_ids == [result.attempt_id]
    [attempt] = await house.house.attempts()
    assert attempt.state is AttemptState.CANCELED
    assert attempt.failure is not None
    assert await house.house.collection_states() == [CollectionState.CLOSED]


async def test_after_a_decline_another_effort_may_charge_another_card(
    town: Town, house: ChargeHouse
) -> None:
    await house.credentials.save_card(LOST_CARD)
    good = await house.credentials.save_card()
    assert (await house.charge()).standing is S.FAILED
    await house.house.pump.drain()

    second = await house.charge(credential_id=good.id)

    assert second.standing is S.SUCCEEDED
    assert town.statuses() == ["canceled", "succeeded"]


async def test_a_bank_that_wants_the_customer_gets_no_challenge_but_an_end(
    town: Town, house: ChargeHouse
) -> None:
    """Fault 30: the debt is kept, nothing waits for somebody who is not there."""
    await house.credentials.save_card(CARD_TO_CONFIRM)

    result = await house.charge()
    await house.house.pump.drain()

    assert result.failure is not None
    assert result.failure.code == "authentication_required"
    assert town.statuses() == ["canceled"]
    assert (await house.house.view()).standing is Standing.PAYABLE


async def test_who_ordered_the_charge_can_refuse_it_and_nothing_is_begun(
    town: Town, house: ChargeHouse
) -> None:
    await house.credentials.save_card()

    def refuse(*_: object) -> None:
        raise RuntimeError("another worker has this item")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ChargeHouse, "remember", refuse)
        with pytest.raises(RuntimeError, match="another worker"):
            await house.charge()

    assert await house.house.collections() == []
    assert town.intents() == []


async def test_somebody_at_the_payment_page_is_not_disturbed(
    town: Town, house: ChargeHouse
) -> None:
    await house.credentials.save_card()
    start = await house.house.press_pay()

    result = await house.charge()

    assert result.standing is S.BUSY
    assert await town.enter_card(start.client_secret) == "succeeded"
    await house.house.deliver_webhooks()
    assert len(town.bookings()) == 1


async def test_a_page_that_nobody_has_touched_for_an_hour_makes_way(
    town: Town, house: ChargeHouse
) -> None:
    await house.credentials.save_card()
    await house.house.press_pay()
    town.clock.advance(HOUR)

    result = await house.charge()

    assert result.standing is S.SUCCEEDED
    assert town.statuses() == ["canceled", "succeeded"]


async def test_a_customer_pays_by_another_card_while_the_failed_charge_is_being_withdrawn(
    town: Town, house: ChargeHouse
) -> None:
    await house.credentials.save_card(POOR_CARD)
    await house.charge()  # nothing has carried the withdrawal out yet

    start = await house.house.press_pay()

    assert start.standing is Standing.PAYABLE
    assert await town.enter_card(start.client_secret) == "succeeded"
    await house.house.deliver_webhooks()
    assert town.statuses() == ["canceled", "succeeded"]
    assert len(town.bookings()) == 1


async def test_more_than_was_agreed_to_is_never_charged(town: Town, house: ChargeHouse) -> None:
    await house.credentials.save_card()
    payable = await house.payable()
    town.set_due(1042, "172.51")

    result = await house.charge(payable, at_most=DUE)

    assert (result.standing, town.intents()) == (S.CHANGED, [])
    assert "172.51" in result.reason


async def test_a_smaller_due_is_charged_as_it_is(town: Town, house: ChargeHouse) -> None:
    await house.credentials.save_card()
    payable = await house.payable()
    town.set_due(1042, "100.00")

    result = await house.charge(payable, at_most=DUE)

    assert (result.standing, result.amount) == (S.SUCCEEDED, Money(10000, "EUR"))


async def test_what_stripe_would_not_take_is_carried_to_the_next_time(
    town: Town, house: ChargeHouse
) -> None:
    """Fault 32: it is not a decline."""
    await house.credentials.save_card()
    town.set_due(1042, "0.30")

    result = await house.charge()

    assert (result.standing, town.intents()) == (S.NOT_CHARGEABLE, [])
    assert house.house.failures.attempt_ids == []


async def test_without_a_usable_credential_nothing_is_charged(
    town: Town, house: ChargeHouse
) -> None:
    card = await house.credentials.save_card()
    await house.credentials.saved.remove(17, card.id, "customer:17")

    by_default = await house.charge()
    by_name = await house.charge(credential_id=card.id)

    assert by_default.standing is by_name.standing is S.NO_CREDENTIAL
    assert town.intents() == []


async def test_a_paid_invoice_is_not_charged(town: Town, house: ChargeHouse) -> None:
    await house.credentials.save_card()
    payable = await house.payable()
    town.pay_by_cash(1042)

    assert (await house.charge(payable)).standing is S.PAID
    assert town.intents() == []


async def test_a_customer_who_has_moved_to_another_partner_is_not_charged(
    town: Town, house: ChargeHouse
) -> None:
    """Fault 55, I8."""
    await house.credentials.save_card()
    payable = await house.payable()
    town.splynx.state.customers[17].partner_id = 2

    assert (await house.charge(payable)).standing is S.GONE
    assert town.intents() == []


async def test_a_bank_debit_is_processing_for_days_and_its_failure_is_followed_up(
    town: Town, house: ChargeHouse
) -> None:
    house.use_dollars()
    await house.credentials.save_bank(EMPTY_BANK)
    town.stripe.state.switches.bank_debit_delay_s = town.bank_delay.total_seconds()

    result = await house.charge()
    await house.house.deliver_webhooks()
    assert result.standing is S.PROCESSING
    assert town.invoice_status(1042) == "pending"
    assert (await house.charge(await house.debt_of_invoice())).standing is S.PENDING

    await town.until_settled()
    await house.house.deliver_webhooks()

    assert town.invoice_status(1042) == "not_paid"
    assert town.statuses() == ["canceled"]
    assert house.house.failures.attempt_ids == [result.attempt_id]
    [attempt] = await house.house.attempts()
    assert attempt.failure is not None
    assert attempt.failure.code == "insufficient_funds"
    assert attempt.mandate_id


async def test_what_is_paid_at_a_page_only_is_refused_as_an_order(house: ChargeHouse) -> None:
    with pytest.raises(ValueError, match="without its customer"):
        await house.charge(top_up(1, 17, DUE, token="token"))


async def test_the_route_and_the_origin_stay_with_the_collection(house: ChargeHouse) -> None:
    await house.credentials.save_card()

    await house.charge(origin=ORIGIN)

    [collection] = await house.house.collections()
    assert (collection.route, collection.origin) == (Route.CHARGE_RUN, ORIGIN)
    assert collection == replace(collection, origin=ORIGIN)
    assert ORIGIN in await house.house.timeline()
