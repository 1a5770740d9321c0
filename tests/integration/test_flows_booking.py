"""Booking money in Splynx: exactly once, whatever Splynx answers, loses, ignores or already has."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from splynx_stripe.domain.attempt import AttemptState
from splynx_stripe.domain.collection import CollectionState
from splynx_stripe.domain.splynx import DocumentKind
from splynx_stripe.flows.pay import Standing
from splynx_stripe.sandbox.splynx import books
from splynx_stripe.sandbox.splynx.rows import Payment
from tests.integration.flow_house import INVOICE, PROFORMA, FlowHouse, open_house
from tests.integration.flow_town import (
    ANY_SPLYNX_PATH,
    HOUR,
    MINUTE,
    PAYMENTS,
    SECOND,
    Town,
    open_town,
)

REFUSED = '{"error": {"code": 422, "message": "Validation failed", "internal_code": "VALIDATION"}}'
FORBIDDEN = '{"error": {"code": 403, "message": "Access denied", "internal_code": "FORBIDDEN"}}'


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as opened:
        yield opened


@pytest.fixture
async def house(town: Town, sqlite_url: str) -> AsyncIterator[FlowHouse]:
    async with open_house(town, sqlite_url) as opened:
        yield opened


async def pay(
    town: Town,
    house: FlowHouse,
    number: str = "202611000042",
    kind: DocumentKind = INVOICE,
) -> str:
    """Takes the customer's money; gives the PaymentIntent's id. Nothing is booked yet."""
    start = await house.press_pay(number, kind)
    assert await town.enter_card(start.client_secret) == "succeeded"
    return str(town.intents()[-1]["id"])


async def assert_booked_once(town: Town, house: FlowHouse) -> None:
    assert await house.collection_states() == [CollectionState.BOOKED]
    assert [payment.amount for payment in town.bookings()] == [Decimal("172.5000")]
    assert town.invoice_status(1042) == "paid"
    assert len(town.splynx.state.records) == 1
    assert await house.case_kinds() == []


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("fault", [{"status": 500}, {"action": "drop"}, {"action": "truncate"}])
async def test_a_lost_answer_to_the_booking_is_verified_and_never_simply_repeated(
    town: Town, house: FlowHouse, when: Any, fault: dict[str, Any]
) -> None:
    """I2, I3, fault 50: inserted or not, in the end there is one payment."""
    await pay(town, house)
    town.spoil_splynx(PAYMENTS, "POST", when=when, **fault)

    await house.deliver_webhooks()
    await house.pass_time(60 * SECOND)
    assert len(town.bookings()) == (1 if when == "after" else 0)
    await house.pass_time(5 * MINUTE, step=MINUTE)

    await assert_booked_once(town, house)


async def test_a_daemon_that_died_while_booking_is_followed_by_one_that_waits_and_verifies(
    town: Town, store_url: str
) -> None:
    """I2, I3, fault 6: the POST may still be on its way into Splynx."""
    town.spoil_splynx(PAYMENTS, "POST", action="delay", delay_s=30)
    async with open_house(town, store_url) as house:
        await pay(town, house)
        booking = asyncio.ensure_future(house.deliver_webhooks())
        await town.clock.until_sleeping()
        booking.cancel()
        await asyncio.gather(booking, return_exceptions=True)

    async with open_house(town, store_url) as house:
        await house.pass_time(10 * MINUTE, step=MINUTE)
        await assert_booked_once(town, house)


async def test_a_payment_that_may_be_on_its_way_is_not_posted_again_before_it_had_time_to_arrive(
    town: Town, house: FlowHouse
) -> None:
    """I3: absence is believed only when the lost POST must have arrived."""
    await pay(town, house)
    await _receive_without_booking(town, house)
    [claimed] = await house.effects.claim(10)
    await house.effects.carry_out(replace(claimed, posting_at=town.clock.now()))
    await house.pass_time(89 * SECOND)
    assert town.bookings() == []

    await house.pass_time(2 * SECOND)

    await assert_booked_once(town, house)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_lost_answer_about_a_statement_or_its_record_leaves_one_of_each(
    town: Town, house: FlowHouse, when: Any
) -> None:
    """Fault 7: the link is completed later, without a second payment."""
    await pay(town, house)
    for path in ("bank-statements", "bank-statements-records"):
        town.spoil_splynx(f"/api/2.0/admin/finance/{path}", "POST", action="drop", when=when)

    await house.deliver_webhooks()
    await house.pass_time(10 * MINUTE, step=MINUTE)

    assert town.splynx.faults.struck == 2
    assert len(town.splynx.state.statements) == 1
    await assert_booked_once(town, house)


async def test_a_booking_that_splynx_refuses_is_a_case_and_not_tried_again(
    town: Town, house: FlowHouse
) -> None:
    """I2: the money is safe, and a person is told."""
    await pay(town, house)
    town.spoil_splynx(PAYMENTS, "POST", status=422, body=REFUSED, times=-1)

    await house.deliver_webhooks()
    await house.pass_time(2 * HOUR, step=10 * MINUTE)

    assert await house.case_kinds() == ["effect_refused"]
    assert town.splynx.faults.struck == 1
    assert (await house.press_pay()).standing is Standing.RECEIVED


async def test_a_missing_permission_is_waited_for(town: Town, house: FlowHouse) -> None:
    """Fault 56: an administrator mends it, and the booking follows by itself."""
    await pay(town, house)
    town.spoil_splynx(PAYMENTS, "POST", status=403, body=FORBIDDEN, times=-1)
    await house.deliver_webhooks()
    await house.pass_time(20 * MINUTE, step=5 * MINUTE)
    assert await house.case_kinds() == ["effect_overdue"]

    town.mend()
    await house.pass_time(10 * MINUTE, step=MINUTE)

    await assert_booked_once(town, house)


async def test_a_payment_method_that_is_missing_in_splynx_is_waited_for(
    town: Town, house: FlowHouse
) -> None:
    await pay(town, house)
    terms = house.terms.by_partner[1]
    house.terms.by_partner[1] = replace(terms, credit_card_payment_method="Plastic")
    await house.deliver_webhooks()
    await house.pass_time(20 * MINUTE, step=5 * MINUTE)
    [case] = await house.cases()
    assert "Plastic" in case.summary

    house.terms.by_partner[1] = terms
    await house.pass_time(10 * MINUTE, step=MINUTE)

    await assert_booked_once(town, house)


async def test_settings_that_vanished_are_waited_for(town: Town, house: FlowHouse) -> None:
    await pay(town, house)
    terms = house.terms.by_partner.pop(1)
    await house.deliver_webhooks()
    assert town.bookings() == []

    house.terms.by_partner[1] = terms
    await house.pass_time(10 * MINUTE, step=MINUTE)

    await assert_booked_once(town, house)


async def test_an_hour_without_splynx_opens_a_case_that_closes_when_the_money_is_booked(
    town: Town, house: FlowHouse
) -> None:
    """I2, I10, fault 49."""
    await pay(town, house)
    town.spoil_splynx(ANY_SPLYNX_PATH, status=502, body="<html>Bad gateway</html>", times=-1)
    await house.deliver_webhooks()
    await house.pass_time(10 * MINUTE, step=MINUTE)
    assert await house.case_kinds() == []
    await house.pass_time(50 * MINUTE, step=MINUTE)
    [case] = await house.cases()
    assert case.kind == "effect_overdue"
    assert "money was taken and is safe" in case.summary

    town.mend()
    await house.pass_time(10 * MINUTE, step=MINUTE)

    await assert_booked_once(town, house)
    assert [(c.kind.value, c.note) for c in await house.cases(only_open=False)] == [
        ("effect_overdue", "It is done now.")
    ]


@pytest.mark.parametrize("filters_ignored", [False, True])
async def test_payments_that_carry_the_marker_already_are_adopted(
    town: Town, house: FlowHouse, *, filters_ignored: bool
) -> None:
    """I3, faults 51 and 52: one is the booking, the rest is a case; none is added."""
    intent_id = await pay(town, house)
    for _ in range(2):
        books.add_payment(
            town.splynx.state,
            Payment(
                customer_id=17,
                invoice_id=1042,
                amount=Decimal("172.5000"),
                date="2026-11-24",
                receipt_number=intent_id,
            ),
        )
    if filters_ignored:
        resource = "admin/finance/payments"
        town.splynx.options.ignored_filters = {
            (resource, "receipt_number"),
            (resource, "customer_id"),
        }

    await house.deliver_webhooks()

    assert len(town.bookings()) == 2
    assert await house.case_kinds() == ["booked_twice"]
    assert await house.collection_states() == [CollectionState.BOOKED]
    [attempt] = await house.attempts()
    assert attempt.splynx_payment_id == town.bookings()[0].id


async def test_nothing_more_is_collected_while_our_payment_waits_to_be_paired(
    town: Town, house: FlowHouse
) -> None:
    """I1, fault 51: found by the simulation, where the price was raised meanwhile.

    What is due knows nothing of a payment that somebody else has entered without the invoice.
    """
    intent_id = await pay(town, house)
    town.set_due(1042, "258.75")
    entered = Payment(
        customer_id=17, amount=Decimal("172.5000"), date="2026-11-24", receipt_number=intent_id
    )
    books.add_payment(town.splynx.state, entered)
    await house.deliver_webhooks()

    again = await house.press_pay()

    assert await house.case_kinds() == ["booked_elsewhere"]
    assert again.standing is Standing.PAID
    assert (await house.view()).standing is Standing.PAID
    assert town.statuses() == ["succeeded"]

    [case] = await house.cases()
    await house.store.run(
        lambda unit: unit.close_case(case.kind, case.subject, now=town.clock.now(), note="paired")
    )
    assert (await house.press_pay()).standing is Standing.PAYABLE


async def test_ignored_filters_lead_to_one_booking_all_the_same(
    town: Town, house: FlowHouse
) -> None:
    """I3, fault 52: what other payments there are is none of our business."""
    town.splynx.options.ignored_filters = {
        ("admin/finance/payments", "receipt_number"),
        ("admin/finance/payments", "customer_id"),
        ("admin/finance/bank-statements", "title"),
    }
    await pay(town, house)
    town.spoil_splynx(PAYMENTS, "POST", action="drop", when="after")

    await house.deliver_webhooks()
    await house.pass_time(5 * MINUTE, step=MINUTE)

    await assert_booked_once(town, house)


async def test_money_for_a_document_that_was_paid_meanwhile_goes_to_the_balance_with_a_case(
    town: Town, house: FlowHouse
) -> None:
    """I2, fault 53."""
    start = await house.press_pay()
    town.pay_by_cash(1042)
    await town.enter_card(start.client_secret)
    await house.deliver_webhooks()

    [booking] = town.bookings()
    assert (booking.invoice_id, booking.amount) == (None, Decimal("172.5000"))
    assert await house.case_kinds() == ["paid_meanwhile"]
    assert await house.collection_states() == [CollectionState.BOOKED]


async def test_money_for_a_document_that_was_deleted_meanwhile_goes_to_the_balance_with_a_case(
    town: Town, house: FlowHouse
) -> None:
    start = await house.press_pay()
    town.delete_invoice(1042)
    await town.enter_card(start.client_secret)
    await house.deliver_webhooks()

    [booking] = town.bookings()
    assert booking.invoice_id is None
    assert await house.case_kinds() == ["document_gone"]


async def test_money_beyond_what_is_still_due_is_booked_with_a_case(
    town: Town, house: FlowHouse
) -> None:
    start = await house.press_pay()
    town.set_due(1042, "100.00")
    await town.enter_card(start.client_secret)
    await house.deliver_webhooks()

    [booking] = town.bookings()
    assert (booking.invoice_id, booking.remind_amount) == (1042, Decimal("72.5000"))
    assert town.invoice_status(1042) == "paid"
    assert await house.case_kinds() == ["paid_more_than_due"]


@pytest.mark.parametrize("by_itself", [True, False])
async def test_the_invoice_shows_paid_whether_or_not_splynx_does_that_by_itself(
    town: Town, house: FlowHouse, *, by_itself: bool
) -> None:
    """Reference 7, row 5."""
    town.splynx.options.named_invoice_becomes_paid = by_itself
    await pay(town, house)
    await house.deliver_webhooks()

    await assert_booked_once(town, house)


@pytest.mark.parametrize("refuses", [False, True])
async def test_a_document_that_splynx_does_not_set_paid_is_booked_with_a_case(
    town: Town, house: FlowHouse, *, refuses: bool
) -> None:
    """The change is ignored or refused: the money is booked, the rest is for the office."""
    town.splynx.options.put_ignored = True
    if refuses:
        town.spoil_splynx(
            "/api/2.0/admin/finance/proforma-invoices/61", "PUT", status=422, body=REFUSED, times=-1
        )
    await pay(town, house, "202611000001", PROFORMA)
    await house.deliver_webhooks()

    assert town.splynx.faults.struck == int(refuses)
    assert len(town.bookings()) == 1
    assert await house.case_kinds() == ["booking_differs"]
    assert await house.collection_states("202611000001") == [CollectionState.BOOKED]


async def test_many_payments_at_once_share_one_statement_with_one_record_each(
    town: Town, house: FlowHouse
) -> None:
    for number in ("202611000042", "202611000043", "202611000044", "202609000039"):
        await pay(town, house, number)

    await house.deliver_webhooks()

    titles = [statement.title for statement in town.splynx.state.statements]
    assert titles == ["Stripe 11/2026"]
    assert len(town.bookings()) == len(town.splynx.state.records) == 4
    assert {record.payment_id for record in town.splynx.state.records} == {
        payment.id for payment in town.bookings()
    }


async def test_another_amount_than_asked_for_is_a_case_and_not_booked(
    town: Town, house: FlowHouse
) -> None:
    """I9, I14, fault 34."""
    await pay(town, house)
    town.intents()[0]["amount_received"] = 17000

    await house.pass_time(5 * MINUTE)

    assert town.bookings() == []
    assert await house.case_kinds() == ["amount_differs"]
    assert (await house.press_pay()).standing is Standing.RECEIVED


async def test_a_worker_that_was_paused_past_its_claim_books_nothing_any_more(
    town: Town, house: FlowHouse, caplog: pytest.LogCaptureFixture
) -> None:
    """I3, fault 9: its claim is checked in the commit before the POST."""
    intent_id = await pay(town, house)
    await _receive_without_booking(town, house)
    [paused] = await house.effects.claim(10)
    await house.pass_time(6 * MINUTE)
    [booking] = town.bookings()
    town.splynx.state.payments.remove(booking)  # what the paused worker saw when it looked

    await house.effects.carry_out(paused)

    assert "effect.claim_lost" in [record.getMessage() for record in caplog.records]
    assert town.bookings() == []
    assert booking.receipt_number == intent_id


async def test_money_that_arrives_after_the_end_is_booked_all_the_same(
    town: Town, house: FlowHouse
) -> None:
    """I2: an attempt that was proven dead and succeeds nevertheless is recorded, and not lost."""
    await house.press_pay()
    town.pay_by_cash(1042)
    await house.pass_time(10 * MINUTE, step=5 * MINUTE)
    assert await house.collection_states() == [CollectionState.CLOSED]
    intent = town.intents()[0]
    intent |= {"status": "succeeded", "amount_received": intent["amount"]}
    event = json.loads(town.event_bodies()[-1])
    event |= {"id": "evt_late", "type": "payment_intent.succeeded", "data": {"object": intent}}

    await house.receive(json.dumps(event).encode())
    await house.pump.drain()

    assert await house.collection_states() == [CollectionState.BOOKED]
    assert [attempt.state for attempt in await house.attempts()] == [AttemptState.SUCCEEDED]
    assert len(town.bookings()) == 1
    assert await house.case_kinds() == ["paid_meanwhile"]
    assert "Money arrived although the effort had been closed." in await house.timeline()


async def _receive_without_booking(town: Town, house: FlowHouse) -> None:
    await house.receive(*town.event_bodies())
    for event in await house.inbox.claim(10):
        await house.inbox.handle(event)
