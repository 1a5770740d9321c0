"""Several documents paid at once, and top-ups: exact allocation, one lease each, nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import pytest

from splynx_stripe.domain.collection import CollectionState, Route
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import Payable, several, top_up
from splynx_stripe.flows.pay import PaymentStart, Standing
from tests.integration.flow_house import PROFORMA, FlowHouse, open_house
from tests.integration.flow_town import DECLINED_CARD, HOUR, MINUTE, Town, open_town

FIRST, SECOND, OTHERS = "202611000042", "202611000043", "202611000044"
POST_PAYMENT = "/api/2.0/admin/finance/payments"


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as opened:
        yield opened


@pytest.fixture
async def house(town: Town, sqlite_url: str) -> AsyncIterator[FlowHouse]:
    async with open_house(town, sqlite_url) as opened:
        yield opened


async def chosen(house: FlowHouse, *numbers: str, proforma: str = "") -> Payable:
    """What the overview makes of the documents that a customer ticks."""
    views = [await house.view(number) for number in numbers]
    if proforma:
        views.append(await house.view(proforma, PROFORMA))
    parts = [
        replace(view.payable, set_amount=view.amount) for view in views if view.payable is not None
    ]
    return several(tuple(parts))


async def press(house: FlowHouse, payable: Payable) -> PaymentStart:
    return await house.pay.start(payable, Route.PORTAL, "customer:17")


def allocation(town: Town) -> list[tuple[int | None, int | None, Decimal]]:
    """Gives invoice, proforma and amount of each booking."""
    return sorted(
        (booking.invoice_id or 0, booking.request_id or 0, booking.amount)
        for booking in town.bookings()
    )


async def test_each_document_gets_exactly_its_share_of_one_payment(
    town: Town, house: FlowHouse
) -> None:
    payable = await chosen(house, SECOND, FIRST, proforma="202611000001")
    start = await press(house, payable)
    await town.enter_card(start.client_secret)

    await house.deliver_webhooks()

    [intent] = town.intents()
    assert intent["amount"] == 17250 + 4990 + 17250
    assert allocation(town) == [
        (0, 61, Decimal("172.50")),
        (1042, 0, Decimal("172.50")),
        (1043, 0, Decimal("49.90")),
    ]
    markers = sorted(booking.receipt_number for booking in town.bookings())
    assert markers == [f"{intent['id']}-{part}" for part in (1, 2, 3)]
    assert [town.invoice_status(number) for number in (1042, 1043)] == ["paid", "paid"]
    assert town.splynx.state.proformas[61].status == "paid"
    assert len(town.splynx.state.records) == 3
    assert await house.collection_states(FIRST) == [CollectionState.BOOKED]
    whole = await house.store.read(lambda unit: unit.latest_collection(payable))
    assert whole is not None
    assert whole.state is CollectionState.BOOKED
    assert await house.case_kinds() == []


async def test_pressing_twice_and_in_another_order_reaches_one_payment_intent(
    town: Town, house: FlowHouse
) -> None:
    one, other = await chosen(house, FIRST, SECOND), await chosen(house, SECOND, FIRST)

    starts = await asyncio.gather(*(press(house, payable) for payable in (one, other, one)))

    assert len(town.intents()) == 1
    assert len({start.client_secret for start in starts}) == 1


async def test_a_document_that_is_paid_alone_ends_the_payment_of_several(
    town: Town, house: FlowHouse
) -> None:
    """I1: one of the two PaymentIntents is dead before the other one exists."""
    together = await press(house, await chosen(house, FIRST, SECOND))

    alone = await house.press_pay(FIRST)
    late = await town.enter_card(together.client_secret)
    paid = await town.enter_card(alone.client_secret)
    await house.deliver_webhooks()

    assert late.startswith("error")
    assert paid == "succeeded"
    assert allocation(town) == [(1042, 0, Decimal("172.50"))]
    assert town.invoice_status(1043) == "not_paid"
    assert await house.collection_states(SECOND) == [CollectionState.CLOSED]


async def test_the_payment_of_several_ends_those_of_single_ones(
    town: Town, house: FlowHouse
) -> None:
    alone = await house.press_pay(FIRST)

    together = await press(house, await chosen(house, FIRST, SECOND))
    late = await town.enter_card(alone.client_secret)
    await town.enter_card(together.client_secret)
    await house.deliver_webhooks()

    assert late.startswith("error")
    assert allocation(town) == [(1042, 0, Decimal("172.50")), (1043, 0, Decimal("49.90"))]


async def test_money_that_is_on_its_way_for_one_document_holds_up_all(
    town: Town, house: FlowHouse
) -> None:
    alone = await house.press_pay(FIRST)
    await town.enter_card(alone.client_secret)

    together = await press(house, await chosen(house, FIRST, SECOND))

    assert together.client_secret == ""
    assert town.statuses() == ["succeeded"]


async def test_a_price_that_changed_since_the_choice_starts_nothing(
    town: Town, house: FlowHouse
) -> None:
    payable = await chosen(house, FIRST, SECOND)
    town.set_due(1043, "50.00")

    start = await press(house, payable)

    assert (start.standing, start.client_secret) == (Standing.TRY_AGAIN, "")
    assert town.intents() == []


async def test_a_document_that_is_deleted_after_the_charge_sends_only_its_share_to_the_balance(
    town: Town, house: FlowHouse
) -> None:
    """I4: the sum of the bookings is the charge, whatever happens to a document."""
    start = await press(house, await chosen(house, FIRST, SECOND))
    await town.enter_card(start.client_secret)
    town.delete_invoice(1043)

    await house.deliver_webhooks()

    assert allocation(town) == [(0, 0, Decimal("49.90")), (1042, 0, Decimal("172.50"))]
    assert await house.case_kinds() == ["document_gone"]


@pytest.mark.parametrize("after", [0, 1, 2])
async def test_a_crash_between_the_bookings_loses_and_doubles_nothing(
    town: Town, store_url: str, after: int
) -> None:
    """I2, I3: each share is searched for by its own marker."""
    async with open_house(town, store_url) as house:
        start = await press(house, await chosen(house, FIRST, SECOND))
        await town.enter_card(start.client_secret)
        if after:
            town.spoil_splynx(POST_PAYMENT, "POST", when="after", skip=after - 1, times=1)
        await house.deliver_webhooks()
    async with open_house(town, store_url) as house:
        await house.store.run(lambda unit: unit.release_effects())
        await house.pass_time(2 * HOUR, step=MINUTE)

        assert allocation(town) == [(1042, 0, Decimal("172.50")), (1043, 0, Decimal("49.90"))]
        assert await house.collection_states(SECOND) == [CollectionState.BOOKED]


async def test_a_declined_card_keeps_all_documents_payable(town: Town, house: FlowHouse) -> None:
    payable = await chosen(house, FIRST, SECOND)
    start = await press(house, payable)

    await town.enter_card(start.client_secret, DECLINED_CARD)
    await house.deliver_webhooks()

    assert (await house.pay.outcome(payable, "customer:17")).standing is Standing.FAILED
    assert (await press(house, payable)).client_secret == start.client_secret


async def test_an_abandoned_payment_of_several_frees_each_document(
    town: Town, house: FlowHouse
) -> None:
    await press(house, await chosen(house, FIRST, SECOND))

    await house.pass_time(48 * HOUR, step=HOUR)

    assert town.statuses() == ["canceled"]
    for number in (FIRST, SECOND):
        assert await house.collection_states(number) == [CollectionState.CLOSED]


async def test_documents_of_two_customers_are_never_one_payment(house: FlowHouse) -> None:
    mine, others = await house.view(FIRST), await house.view(OTHERS, customer=18)
    assert mine.payable is not None
    assert others.payable is not None

    with pytest.raises(ValueError, match="owners"):
        several(
            (
                replace(mine.payable, set_amount=mine.amount),
                replace(others.payable, set_amount=others.amount),
            )
        )


async def test_a_top_up_goes_to_the_balance_once(town: Town, house: FlowHouse) -> None:
    payable = top_up(1, 17, Money(5000, "EUR"), token="t1")
    before = town.splynx.state.billings[17].deposit
    starts = [await press(house, payable) for _ in range(2)]
    await town.enter_card(starts[0].client_secret)

    await house.deliver_webhooks()
    again = await press(house, payable)

    assert starts[0] == starts[1]
    [booking] = town.bookings()
    assert (booking.amount, booking.customer_id) == (Decimal("50.00"), 17)
    assert town.splynx.state.billings[17].deposit == before + Decimal("50.00")
    assert (await house.pay.outcome(payable, "customer:17")).standing is Standing.PAID
    assert (again.standing, again.client_secret) == (Standing.PAID, "")
    assert await house.case_kinds() == []


async def test_two_top_ups_are_two_payments(town: Town, house: FlowHouse) -> None:
    for token in ("t1", "t2"):
        start = await press(house, top_up(1, 17, Money(5000, "EUR"), token=token))
        await town.enter_card(start.client_secret)

    await house.deliver_webhooks()

    assert [booking.amount for booking in town.bookings()] == [Decimal("50.00")] * 2


@pytest.mark.parametrize(
    "payable",
    [
        top_up(1, 99, Money(5000, "EUR"), token="t"),
        top_up(2, 17, Money(5000, "EUR"), token="t"),
        top_up(1, 17, Money(5000, "USD"), token="t"),
        top_up(1, 17, Money(0, "EUR"), token="t"),
    ],
    ids=["nobody", "other partner", "other currency", "nothing"],
)
async def test_a_top_up_that_fits_nobody_starts_nothing(
    town: Town, house: FlowHouse, payable: Payable
) -> None:
    start = await press(house, payable)

    assert start.client_secret == ""
    assert town.intents() == []
