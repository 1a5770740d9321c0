"""Bank debits: days in which the money is on its way, and what is shown and refused meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from splynx_stripe.domain.attempt import AttemptState
from splynx_stripe.domain.collection import CollectionState
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.flows.pay import Standing
from splynx_stripe.sandbox.splynx import books
from tests.integration.flow_house import FlowHouse, open_house
from tests.integration.flow_town import (
    EMPTY_BANK,
    GOOD_BANK,
    HOUR,
    MINUTE,
    SECOND,
    Town,
    open_town,
)

CARD, ACH = PaymentKind.CARD, PaymentKind.ACH
INVOICE_PATH = "/api/2.0/admin/finance/invoices/1042"


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as opened:
        yield opened


@pytest.fixture
async def house(town: Town, sqlite_url: str) -> AsyncIterator[FlowHouse]:
    async with open_house(town, sqlite_url) as opened:
        offer(opened, CARD, ACH)
        yield opened


def offer(house: FlowHouse, *kinds: PaymentKind) -> None:
    terms = house.terms.by_partner[1]
    house.terms.by_partner[1] = replace(terms, currency="USD", country="US", payment_kinds=kinds)


async def begin(town: Town, house: FlowHouse, number: str = GOOD_BANK) -> None:
    start = await house.press_pay()
    assert await town.enter_bank(start.client_secret, number) == "processing"
    await house.deliver_webhooks()


async def test_an_invoice_is_pending_while_the_debit_is_on_its_way(
    town: Town, house: FlowHouse
) -> None:
    await begin(town, house)

    assert town.invoice_status(1042) == "pending"
    assert (await house.view()).standing is Standing.PROCESSING
    assert town.bookings() == []
    assert await house.case_kinds() == []


async def test_a_second_payment_is_refused_while_the_debit_is_on_its_way(
    town: Town, house: FlowHouse
) -> None:
    """I1: neither by another route nor by another kind of payment."""
    await begin(town, house)

    again = await house.press_pay()

    assert (again.standing, again.client_secret) == (Standing.PROCESSING, "")
    assert town.statuses() == ["processing"]
    assert await house.collection_states() == [CollectionState.OPEN]


async def test_success_after_days_books_once_with_the_payment_method_of_bank_accounts(
    town: Town, house: FlowHouse
) -> None:
    await begin(town, house)
    await town.until_settled()

    await house.deliver_webhooks()

    [booking] = town.bookings()
    assert town.invoice_status(1042) == "paid"
    assert booking.payment_type == await house.rooms.splynx.payment_method_id("Bank transfer")
    [attempt] = await house.attempts()
    assert (attempt.state, attempt.chosen_kind) == (AttemptState.SUCCEEDED, ACH)
    assert [statement.title for statement in town.splynx.state.statements] == [
        "Stripe Bank 11/2026"
    ]
    assert await house.case_kinds() == []


async def test_a_card_is_booked_with_the_payment_method_of_cards_where_both_are_offered(
    town: Town, house: FlowHouse
) -> None:
    start = await house.press_pay()
    await town.enter_card(start.client_secret)

    await house.deliver_webhooks()

    [booking] = town.bookings()
    assert booking.payment_type == await house.rooms.splynx.payment_method_id("Credit card")


async def test_a_debit_that_fails_after_days_reopens_the_invoice(
    town: Town, house: FlowHouse
) -> None:
    await begin(town, house, EMPTY_BANK)
    await town.until_settled()

    await house.deliver_webhooks()

    assert town.invoice_status(1042) == "not_paid"
    assert town.bookings() == []
    [attempt] = await house.attempts()
    assert attempt.failure is not None
    assert "insufficient_funds" in {attempt.failure.code, attempt.failure.decline_code}
    assert (await house.view()).standing is Standing.PAYABLE


async def test_after_a_failure_the_same_payment_goes_on_even_before_splynx_shows_it_as_open(
    town: Town, house: FlowHouse
) -> None:
    town.bank_delay = 20 * MINUTE
    await begin(town, house, EMPTY_BANK)
    await town.until_settled()
    town.spoil_splynx(INVOICE_PATH, "PUT", times=1)
    await house.deliver_webhooks()
    assert town.invoice_status(1042) == "pending"

    view = await house.view()
    again = await house.press_pay()
    status = await town.enter_card(again.client_secret)
    await house.deliver_webhooks()
    await house.pass_time(HOUR, step=MINUTE)

    assert (view.standing, again.standing, status) == (
        Standing.PAYABLE,
        Standing.PAYABLE,
        "succeeded",
    )
    assert len(town.intents()) == 1
    assert town.invoice_status(1042) == "paid"
    assert len(town.bookings()) == 1


async def test_a_failure_after_days_begins_anew_once_splynx_shows_the_invoice_as_open(
    town: Town, house: FlowHouse
) -> None:
    await begin(town, house, EMPTY_BANK)
    await town.until_settled()
    await house.deliver_webhooks()

    again = await house.press_pay()

    assert again.standing is Standing.PAYABLE
    assert town.statuses() == ["canceled", "requires_payment_method"]


async def lose_next_change(town: Town, house: FlowHouse) -> None:
    """The next change of the invoice's status leaves, and nobody hears what became of it."""
    town.spoil_splynx(INVOICE_PATH, "PUT", status=504)
    await house.deliver_webhooks()
    assert town.splynx.faults.struck == 1


async def let_it_arrive(town: Town, house: FlowHouse, status: str) -> None:
    """The lost change arrives after all, when everything else is done."""
    books.set_invoice_status(town.splynx.state, town.splynx.state.invoices[1042], status)
    await house.pass_time(5 * MINUTE, step=MINUTE)


async def test_a_late_change_to_pending_is_undone_when_its_debit_has_failed_meanwhile(
    town: Town, house: FlowHouse
) -> None:
    """I2: found by the simulation.

    The effect of the failure had found the invoice unpaid, and then it was pending for ever.
    """
    town.bank_delay = 30 * SECOND
    start = await house.press_pay()
    await town.enter_bank(start.client_secret, EMPTY_BANK)
    await lose_next_change(town, house)
    await town.until_settled()
    await house.deliver_webhooks()
    assert town.invoice_status(1042) == "not_paid"

    await let_it_arrive(town, house, "pending")

    assert town.invoice_status(1042) == "not_paid"
    assert (await house.view()).standing is Standing.PAYABLE


async def test_a_late_change_to_unpaid_is_undone_when_a_debit_is_on_its_way_again(
    town: Town, house: FlowHouse
) -> None:
    """I1: found by the simulation. Splynx's own charge would have taken the money once more."""
    town.bank_delay = 20 * MINUTE
    await begin(town, house, EMPTY_BANK)
    await town.until_settled()
    await lose_next_change(town, house)
    again = await house.press_pay()
    town.bank_delay = timedelta(days=4)
    assert await town.enter_bank(again.client_secret) == "processing"
    await house.deliver_webhooks()
    assert town.invoice_status(1042) == "pending"

    await let_it_arrive(town, house, "not_paid")

    assert town.invoice_status(1042) == "pending"
    assert (await house.press_pay()).standing is Standing.PROCESSING


async def test_a_late_change_of_an_invoice_that_was_paid_meanwhile_is_undone(
    town: Town, house: FlowHouse
) -> None:
    """I2: it was set to pending when it was paid and booked already."""
    town.bank_delay = 30 * SECOND
    start = await house.press_pay()
    await town.enter_bank(start.client_secret)
    await lose_next_change(town, house)
    await town.until_settled()
    await house.deliver_webhooks()
    assert town.invoice_status(1042) == "paid"

    await let_it_arrive(town, house, "pending")

    assert town.invoice_status(1042) == "paid"
    assert len(town.bookings()) == 1


async def test_a_late_change_of_an_invoice_that_was_paid_by_cash_meanwhile_is_undone(
    town: Town, house: FlowHouse
) -> None:
    """I2: found by the simulation. It stayed pending for ever, though nothing was due."""
    town.bank_delay = 30 * SECOND
    start = await house.press_pay()
    await town.enter_bank(start.client_secret, EMPTY_BANK)
    await lose_next_change(town, house)
    await town.until_settled()
    await house.deliver_webhooks()
    town.pay_by_cash(1042)

    await let_it_arrive(town, house, "pending")

    assert town.invoice_status(1042) == "paid"


async def test_an_invoice_that_somebody_paid_meanwhile_is_not_touched(
    town: Town, house: FlowHouse
) -> None:
    await begin(town, house, EMPTY_BANK)
    town.pay_by_cash(1042)
    await town.until_settled()

    await house.deliver_webhooks()

    assert town.invoice_status(1042) == "paid"


async def test_an_invoice_that_was_raised_meanwhile_is_open_for_its_rest(
    town: Town, house: FlowHouse
) -> None:
    """Found by the simulation: it stayed pending for ever, and nobody could pay the rest."""
    await begin(town, house)
    invoice = town.splynx.state.invoices[1042]
    invoice.total, invoice.due = Decimal("200.00"), Decimal("200.00")
    await town.until_settled()

    await house.deliver_webhooks()

    assert (invoice.status, invoice.due) == ("not_paid", Decimal("27.50"))
    assert (await house.view()).standing is Standing.PAYABLE


async def test_a_splynx_that_ignores_the_change_becomes_a_case_and_the_debit_goes_on(
    town: Town, house: FlowHouse
) -> None:
    """I10: nobody waits for ever, and the money is not touched by it."""
    town.spoil_splynx(INVOICE_PATH, "PUT", status=202, body="", times=10_000)
    await begin(town, house)

    await house.pass_time(26 * HOUR, step=HOUR)

    assert "effect_overdue" in await house.case_kinds()
    assert town.statuses() == ["processing"]


@pytest.mark.parametrize("kinds", [(CARD,), (ACH,), (ACH, CARD)])
async def test_the_offered_kinds_reach_stripe_and_a_change_of_them_begins_anew(
    town: Town, house: FlowHouse, kinds: tuple[PaymentKind, ...]
) -> None:
    await house.press_pay()
    offer(house, *kinds)

    await house.press_pay()
    await house.pump.drain()

    last = town.intents()[-1]
    assert last["payment_method_types"] == [kind.stripe_type for kind in kinds]
    assert town.statuses() == ["canceled", "requires_payment_method"]


async def test_nothing_can_be_paid_where_no_kind_exists(town: Town, house: FlowHouse) -> None:
    offer(house)

    assert (await house.press_pay()).standing is Standing.NOT_CHARGEABLE
    assert town.intents() == []
