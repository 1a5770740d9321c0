"""Money that a bank takes back after days: the booking is reversed once, the debt is open again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import pytest

from splynx_stripe.domain.case import CaseKind
from splynx_stripe.domain.collection import CollectionState, Route
from splynx_stripe.domain.payable import several
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.flows.pay import Standing
from tests.integration.flow_house import FlowHouse, open_house
from tests.integration.flow_town import HOUR, MINUTE, Town, open_town

POST_PAYMENT = "/api/2.0/admin/finance/payments"


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as opened:
        yield opened


@pytest.fixture
async def house(town: Town, store_url: str) -> AsyncIterator[FlowHouse]:
    async with open_house(town, store_url) as opened:
        take_bank_accounts(opened)
        yield opened


def take_bank_accounts(house: FlowHouse) -> None:
    kinds = (PaymentKind.CARD, PaymentKind.ACH)
    terms = house.terms.by_partner[1]
    house.terms.by_partner[1] = replace(terms, currency="USD", country="US", payment_kinds=kinds)


async def pay_by_bank(town: Town, house: FlowHouse, secret: str) -> str:
    """Gives the PaymentIntent that was paid from a bank account, booked and all."""
    await town.enter_bank(secret)
    await house.deliver_webhooks()
    await town.until_settled()
    await house.deliver_webhooks()
    assert town.statuses()[-1] == "succeeded"
    return str(town.intents()[-1]["id"])


async def come_back(
    town: Town, house: FlowHouse, intent_id: str, *, amount: int | None = None
) -> str:
    """The bank takes the money back; Stripe tells us. Gives the dispute."""
    dispute = town.stripe.control.take_back(intent_id, "insufficient_funds", amount)
    assert dispute is not None
    await deliver(town, house)
    return str(dispute["id"])


async def deliver(town: Town, house: FlowHouse, *, times: int = 1) -> None:
    await house.receive(*town.event_bodies(kinds="charge.dispute."), times=times)
    await house.pump.drain()


def negative(town: Town) -> list[tuple[str, Decimal, int]]:
    return [
        (payment.receipt_number, payment.amount, payment.invoice_id or 0)
        for payment in town.splynx.state.payments
        if payment.amount < 0
    ]


async def test_a_return_reverses_the_booking_and_opens_the_invoice_again(
    town: Town, house: FlowHouse
) -> None:
    before = town.splynx.state.billings[17].deposit
    intent = await pay_by_bank(town, house, (await house.press_pay()).client_secret)
    assert town.invoice_status(1042) == "paid"

    dispute = await come_back(town, house, intent)

    assert negative(town) == [(dispute, Decimal("-172.50"), 1042)]
    assert town.invoice_status(1042) == "not_paid"
    assert town.splynx.state.billings[17].deposit == before
    assert await house.collection_states() == [CollectionState.RETURNED]
    assert await house.case_kinds() == ["late_return"]
    assert "The bank took 172.50 USD back after days" in await house.timeline()


async def test_the_debt_can_be_paid_again_after_it_came_back(town: Town, house: FlowHouse) -> None:
    intent = await pay_by_bank(town, house, (await house.press_pay()).client_secret)
    await come_back(town, house, intent)

    again = await house.press_pay()
    await town.enter_card(again.client_secret)
    await house.deliver_webhooks()

    assert again.standing is Standing.PAYABLE
    assert town.invoice_status(1042) == "paid"
    assert len(town.bookings()) == 2


async def test_the_same_news_over_and_over_reverses_once(town: Town, house: FlowHouse) -> None:
    """I3: two kinds of events, each many times, and a second dispute of the same payment."""
    intent = await pay_by_bank(town, house, (await house.press_pay()).client_secret)
    await come_back(town, house, intent)

    await deliver(town, house, times=20)
    await come_back(town, house, intent)

    assert len(negative(town)) == 1


async def test_a_return_that_arrives_before_the_booking_waits_for_it(
    town: Town, house: FlowHouse
) -> None:
    town.spoil_splynx(POST_PAYMENT, "POST", times=3)
    intent = await pay_by_bank(town, house, (await house.press_pay()).client_secret)
    dispute = await come_back(town, house, intent)
    assert negative(town) == []

    await house.pass_time(2 * HOUR, step=MINUTE)

    assert [receipt for receipt, _, _ in negative(town)] == [dispute]
    assert len(town.bookings()) == 1
    assert town.invoice_status(1042) == "not_paid"


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_lost_answer_to_the_reversal_is_looked_for_before_it_is_posted_again(
    town: Town, house: FlowHouse, when: str
) -> None:
    intent = await pay_by_bank(town, house, (await house.press_pay()).client_secret)
    town.spoil_splynx(POST_PAYMENT, "POST", when="after" if when == "after" else "before", times=1)
    await come_back(town, house, intent)

    await house.pass_time(2 * HOUR, step=MINUTE)

    assert len(negative(town)) == 1
    assert await house.collection_states() == [CollectionState.RETURNED]


async def test_a_reversal_that_stands_twice_in_splynx_is_told(town: Town, house: FlowHouse) -> None:
    """I3: whoever posted it, the customer owes it once; a person deletes the other."""
    town.spoil_splynx(POST_PAYMENT, "POST", when="after", skip=1, times=1)
    intent = await pay_by_bank(town, house, (await house.press_pay()).client_secret)
    dispute = await come_back(town, house, intent)
    [reversal] = [row for row in town.splynx.state.payments if row.amount < 0]
    town.splynx.state.payments.add(replace(reversal, id=reversal.id + 1))

    await house.pass_time(2 * HOUR, step=MINUTE)

    [told] = [case for case in await house.cases() if case.kind is CaseKind.BOOKED_TWICE]
    assert dispute in told.summary
    assert await house.collection_states() == [CollectionState.RETURNED]


async def test_a_splynx_that_does_not_open_the_invoice_becomes_a_case(
    town: Town, house: FlowHouse
) -> None:
    town.splynx.state.options.negative_payment_reopens = False
    intent = await pay_by_bank(town, house, (await house.press_pay()).client_secret)

    await come_back(town, house, intent)

    assert len(negative(town)) == 1
    assert sorted(await house.case_kinds()) == ["booking_differs", "late_return"]


async def test_each_of_several_documents_gets_its_share_back(town: Town, house: FlowHouse) -> None:
    """I4: the negative payments are the charge, document by document."""
    views = [await house.view(number) for number in ("202611000042", "202611000043")]
    payable = several(
        tuple(replace(view.payable, set_amount=view.amount) for view in views if view.payable)
    )
    start = await house.pay.start(payable, Route.PORTAL, "customer:17")
    intent = await pay_by_bank(town, house, start.client_secret)

    dispute = await come_back(town, house, intent)

    assert sorted(negative(town)) == [
        (f"{dispute}-1", Decimal("-172.50"), 1042),
        (f"{dispute}-2", Decimal("-49.90"), 1043),
    ]
    whole = await house.store.read(lambda unit: unit.latest_collection(payable))
    assert whole is not None
    assert whole.state is CollectionState.RETURNED


async def test_a_disputed_card_payment_changes_nothing_and_calls_a_person(
    town: Town, house: FlowHouse
) -> None:
    start = await house.press_pay()
    await town.enter_card(start.client_secret)
    await house.deliver_webhooks()

    await come_back(town, house, str(town.intents()[0]["id"]))

    assert negative(town) == []
    assert town.invoice_status(1042) == "paid"
    assert await house.case_kinds() == ["disputed"]


async def test_a_return_of_a_part_calls_a_person(town: Town, house: FlowHouse) -> None:
    intent = await pay_by_bank(town, house, (await house.press_pay()).client_secret)

    await come_back(town, house, intent, amount=100)

    assert negative(town) == []
    assert await house.case_kinds() == ["disputed"]


async def test_a_dispute_of_a_foreign_payment_is_nothing_to_us(
    town: Town, house: FlowHouse
) -> None:
    """I8: the Stripe account may be used by others, too."""
    form = {"amount": "500", "currency": "usd", "confirm": "true", "payment_method": "pm_card_visa"}
    intent = await town.foreign_payment(form)

    await come_back(town, house, intent)

    assert negative(town) == []
    assert await house.case_kinds() == []
