"""Balances and prepaid periods: the customer's account is charged for what it owes, once (I1, I4)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import pytest

from splynx_stripe.domain.attempt import AttemptState
from splynx_stripe.domain.collection import CollectionState, Route
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import balance, prepaid, top_up
from splynx_stripe.flows.charge import ChargeStanding
from splynx_stripe.flows.overview import CustomerOverview
from splynx_stripe.flows.pay import Standing
from tests.integration.charge_house import POOR_CARD, ChargeHouse, open_charges
from tests.integration.flow_town import CREATE, GOOD_BANK, HOUR, MINUTE, Town, open_town

S = ChargeStanding
BILLING = "/api/2.0/admin/customers/customer-billing/17"


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as opened:
        yield opened


@pytest.fixture
async def house(town: Town, sqlite_url: str) -> AsyncIterator[ChargeHouse]:
    async with open_charges(town, sqlite_url) as opened:
        yield opened


def euro(amount: str) -> Money:
    return Money.from_decimal(Decimal(amount), "EUR")


async def test_a_balance_is_charged_and_booked_as_a_payment_without_a_document(
    town: Town, house: ChargeHouse
) -> None:
    await house.credentials.save_card()
    debt = house.owes("49.90")

    result = await house.charge(debt)
    await house.house.pump.drain()

    assert (result.standing, result.amount) == (S.SUCCEEDED, euro("49.90"))
    [booking] = town.bookings()
    assert (booking.amount, booking.customer_id) == (Decimal("49.90"), 17)
    assert booking.comment == "Stripe: Outstanding balance"
    assert town.splynx.state.billings[17].deposit == 0
    [intent] = town.intents()
    assert intent["metadata"]["splynx_document_kind"] == "balance"
    assert [record.amount for record in town.splynx.state.records] == [Decimal("49.90")]
    assert await house.house.case_kinds() == []


async def test_what_is_owed_less_by_then_is_all_that_is_taken(
    town: Town, house: ChargeHouse
) -> None:
    await house.credentials.save_card()
    planned = house.owes("49.90")
    house.owes("20.00")

    result = await house.charge(planned)
    await house.house.pump.drain()

    assert result.amount == euro("20.00")
    overview = CustomerOverview(house.house.rooms, house.house.pay)
    history = await overview.history(17, before="", limit=5)
    assert [payment.amount for payment in history.payments] == [euro("20.00")]
    assert [record.amount for record in town.splynx.state.records] == [Decimal("20.00")]


async def test_of_a_balance_that_has_grown_only_what_was_agreed_to_is_taken(
    house: ChargeHouse,
) -> None:
    await house.credentials.save_card()
    planned = house.owes("49.90")
    house.owes("80.00")

    assert (await house.charge(planned)).amount == euro("49.90")
    by_hand = await house.charge(house.owes("80.00"), at_most=euro("10.00"))

    assert by_hand.standing is S.PAID  # the first charge is not booked yet
    await house.house.pump.drain()
    third = await house.charge(house.owes("80.00"), at_most=euro("10.00"))
    assert third.amount == euro("10.00")


async def test_credit_is_no_debt(town: Town, house: ChargeHouse) -> None:
    await house.credentials.save_card()
    debt = house.owes("49.90")
    house.owes("-5.00")

    assert (await house.charge(debt)).standing is S.PAID
    assert town.intents() == []


async def test_money_that_is_on_its_way_is_not_asked_for_again(
    town: Town, house: ChargeHouse
) -> None:
    """A top-up by bank debit is in nobody's balance for days."""
    house.use_dollars()
    await house.credentials.save_card()
    debt = house.owes("50.00")
    wish = top_up(1, 17, Money(3000, "USD"), token="first")
    start = await house.house.pay.start(wish, Route.PORTAL, "customer:17")
    assert await town.enter_bank(start.client_secret, GOOD_BANK) == "processing"
    await house.house.deliver_webhooks()

    rest = await house.charge(debt)
    await house.house.pump.drain()
    house.owes("30.00")
    nothing = await house.charge(debt)

    assert (rest.standing, rest.amount) == (S.SUCCEEDED, Money(2000, "USD"))
    assert nothing.standing is S.PENDING
    assert "on their way" in nothing.reason


async def test_a_balance_is_not_charged_while_somebody_pays_one_of_its_invoices(
    town: Town, house: ChargeHouse
) -> None:
    await house.credentials.save_card()
    start = await house.house.press_pay()

    result = await house.charge(house.owes("172.50"))

    assert result.standing is S.BUSY
    assert await town.enter_card(start.client_secret) == "succeeded"
    assert (await house.charge(house.owes("172.50"))).standing is S.BUSY
    assert town.statuses() == ["succeeded"]


async def test_an_invoice_page_that_nobody_has_touched_for_an_hour_makes_way(
    town: Town, house: ChargeHouse
) -> None:
    await house.credentials.save_card()
    await house.house.press_pay()
    town.clock.advance(HOUR)

    result = await house.charge(house.owes("172.50"))

    assert result.standing is S.SUCCEEDED
    assert town.statuses() == ["canceled", "succeeded"]


async def test_an_invoice_cannot_be_paid_while_the_balance_is_being_charged(
    town: Town, house: ChargeHouse
) -> None:
    """I1: the same money by two routes."""
    await house.credentials.save_card()
    town.spoil_stripe(CREATE, "POST", action="drop", when="after")
    assert (await house.charge(house.owes("172.50"))).standing is S.UNKNOWN

    view, start = await house.house.view(), await house.house.press_pay()
    invoice = await house.charge()

    assert (view.standing, start.standing) == (Standing.PROCESSING, Standing.PROCESSING)
    assert invoice.standing is S.BUSY
    await house.house.pass_time(5 * MINUTE, step=MINUTE)
    assert len(town.bookings()) == 1


async def test_a_customer_may_pay_at_once_when_the_charge_of_the_balance_has_failed(
    town: Town, house: ChargeHouse
) -> None:
    await house.credentials.save_card(POOR_CARD)
    assert (await house.charge(house.owes("172.50"))).standing is S.FAILED

    start = await house.house.press_pay()

    assert start.standing is Standing.PAYABLE
    assert await town.enter_card(start.client_secret) == "succeeded"
    assert town.statuses() == ["canceled", "succeeded"]


async def test_another_customer_is_not_kept_from_paying(house: ChargeHouse) -> None:
    await house.credentials.save_card()
    start = await house.house.press_pay("202611000044")
    assert start.standing is Standing.PAYABLE

    assert (await house.charge(house.owes("10.00"))).standing is S.SUCCEEDED


async def test_a_top_up_is_nobodys_debt_and_excludes_nothing(house: ChargeHouse) -> None:
    await house.credentials.save_card()
    wish = top_up(1, 17, euro("30.00"), token="first")
    await house.house.pay.start(wish, Route.PORTAL, "customer:17")

    assert (await house.charge(house.owes("10.00"))).standing is S.SUCCEEDED


async def test_a_prepaid_period_is_charged_as_planned_and_again_next_month(
    town: Town, house: ChargeHouse
) -> None:
    await house.credentials.save_card()
    period = prepaid(1, 17, euro("25.00"))

    first = await house.charge(period)
    meanwhile = await house.charge(period)
    await house.house.pump.drain()
    second = await house.charge(period)
    await house.house.pump.drain()

    assert [first.standing, meanwhile.standing, second.standing] == [
        S.SUCCEEDED,
        S.PAID,
        S.SUCCEEDED,
    ]
    assert [booking.amount for booking in town.bookings()] == [Decimal(25)] * 2
    assert {booking.comment for booking in town.bookings()} == {"Stripe: Prepaid period"}


async def test_while_splynx_does_not_tell_the_balance_nothing_is_charged(
    town: Town, house: ChargeHouse
) -> None:
    await house.credentials.save_card()
    debt = house.owes("49.90")
    town.spoil_splynx(BILLING, "GET", times=5)

    assert (await house.charge(debt)).standing is S.TRY_LATER
    assert town.intents() == []


async def test_a_balance_that_came_back_from_the_bank_is_reversed(
    town: Town, house: ChargeHouse
) -> None:
    house.use_dollars()
    await house.credentials.save_bank()
    town.stripe.state.switches.bank_debit_delay_s = town.bank_delay.total_seconds()
    await house.charge(house.owes("50.00"))
    await town.until_settled()
    await house.house.deliver_webhooks()
    assert town.splynx.state.billings[17].deposit == 0

    [intent] = town.intents()
    town.stripe.control.take_back(intent["id"], "insufficient_funds", 5000)
    await house.house.receive(*town.event_bodies(kinds="charge.dispute."))
    await house.house.pump.drain()

    assert [payment.amount for payment in town.splynx.state.payments][-1] == Decimal(-50)
    assert town.splynx.state.billings[17].deposit == -50
    states = [one.state for one in await house.house.collections(_collection_of(house))]
    assert states == [CollectionState.RETURNED]


def _collection_of(house: ChargeHouse) -> str:
    return house.remembered[-1]


async def test_a_balance_below_what_stripe_takes_waits_for_more(house: ChargeHouse) -> None:
    await house.credentials.save_card()

    result = await house.charge(house.owes("0.49"))

    assert result.standing is S.NOT_CHARGEABLE
    assert "carried to the next time" in result.reason


async def test_a_balance_of_another_currency_than_the_partner_has_now_is_gone(
    house: ChargeHouse,
) -> None:
    await house.credentials.save_card()
    debt = house.owes("49.90")
    terms = house.house.terms.by_partner[1]
    house.house.terms.by_partner[1] = replace(terms, currency="CZK")

    assert (await house.charge(debt)).standing is S.GONE


async def test_the_attempt_of_a_balance_tells_stripe_what_it_is_for(house: ChargeHouse) -> None:
    await house.credentials.save_card()

    result = await house.charge(house.owes("49.90"))

    attempt = await house.house.store.read(lambda unit: unit.attempt(result.attempt_id))
    assert attempt is not None
    assert attempt.state is AttemptState.SUCCEEDED
    assert "pay balance" in attempt.description
    assert balance(1, 17, euro("49.90")).key == "balance/17"
