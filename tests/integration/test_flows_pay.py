"""Paying a document: the good way, twice at once, and everything that must not be paid."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

import pytest

from splynx_stripe.domain.attempt import AttemptState
from splynx_stripe.domain.collection import CollectionNews, CollectionState, Route
from splynx_stripe.domain.errors import RetryableError, StaleWriteError
from splynx_stripe.domain.splynx import DocumentKind
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.flows.pay import DocumentQuery, Standing
from splynx_stripe.flows.transition import Occasion, move_collection
from splynx_stripe.sandbox.splynx.rows import Invoice, Proforma
from tests.integration.flow_house import INVOICE, PROFORMA, FlowHouse, open_house
from tests.integration.flow_town import (
    CARD_WITH_3DS,
    CREATE,
    DECLINED_CARD,
    EUR_ACCOUNT,
    HOUR,
    JPY_ACCOUNT,
    MINUTE,
    Town,
    open_town,
)

LAST_LOOK = "/api/2.0/admin/finance/invoices/1042"
NOT_CANCELABLE = (
    '{"error": {"type": "invalid_request_error", "code": "payment_intent_unexpected_state",'
    ' "message": "You cannot cancel this PaymentIntent now."}}'
)


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as opened:
        yield opened


@pytest.fixture
async def house(town: Town, sqlite_url: str) -> AsyncIterator[FlowHouse]:
    async with open_house(town, sqlite_url) as opened:
        yield opened


@dataclass(frozen=True)
class PaperToPay:
    number: str
    kind: DocumentKind
    account: StripeAccount
    row_id: int
    customer: int

    def row(self, town: Town) -> Invoice | Proforma:
        state = town.splynx.state
        return (state.invoices if self.kind is INVOICE else state.proformas)[self.row_id]


@pytest.mark.parametrize(
    "paper",
    [
        PaperToPay("202611000042", INVOICE, EUR_ACCOUNT, 1042, customer=17),
        PaperToPay("202611000001", PROFORMA, EUR_ACCOUNT, 61, customer=17),
        PaperToPay("202611000003", PROFORMA, JPY_ACCOUNT, 63, customer=21),
    ],
    ids=["invoice", "proforma", "yen"],
)
async def test_a_document_that_is_paid_by_card_is_paid_and_booked_once(
    town: Town, house: FlowHouse, paper: PaperToPay
) -> None:
    """I2, I3, I9: also where Splynx does not set a proforma paid by itself, and for yen."""
    start = await house.press_pay(paper.number, paper.kind, customer=paper.customer)
    status = await town.enter_card(start.client_secret, account=paper.account)
    await house.deliver_webhooks(paper.account)

    assert (start.standing, status) == (Standing.PAYABLE, "succeeded")
    assert paper.row(town).status == "paid"
    [booking] = town.bookings()
    [intent] = town.intents(paper.account)
    assert (booking.amount, booking.receipt_number) == (paper.row(town).total, intent["id"])
    assert booking.field_1 == intent["latest_charge"]
    assert await house.collection_states(paper.number) == [CollectionState.BOOKED]
    after = await house.view(paper.number, paper.kind, paper.customer)
    assert after.standing is Standing.PAID
    assert await house.case_kinds() == []


async def test_pressing_twice_at_once_and_by_two_routes_reaches_one_payment_intent(
    town: Town, house: FlowHouse
) -> None:
    """I1: however often and by whatever way, there is one client secret."""
    starts = await asyncio.gather(
        *(house.press_pay(route=route) for route in (*Route, *Route, *Route))
    )

    assert len(town.intents()) == 1
    assert {start.client_secret for start in starts} == {town.intents()[0]["client_secret"]}


async def test_two_daemons_on_one_database_reach_one_payment_intent(
    town: Town, store_url: str
) -> None:
    """I1 where no lock in memory helps: who is not handed the secret is told to try again."""
    async with open_house(town, store_url) as one, open_house(town, store_url) as other:
        starts = await asyncio.gather(
            *(house.press_pay() for house in (one, other, one, other, one, other))
        )
        again = await other.press_pay()

    assert len(town.intents()) == 1
    secret = town.intents()[0]["client_secret"]
    assert {start.client_secret for start in starts} <= {secret, ""}
    assert {start.standing for start in starts} <= {Standing.PAYABLE, Standing.TRY_AGAIN}
    assert again.client_secret == secret


async def test_what_is_not_payable_starts_nothing(town: Town, house: FlowHouse) -> None:
    town.splynx.state.invoices[1043].status = "pending"
    town.delete_invoice(1044)

    standings = [
        (await house.press_pay(number)).standing
        for number in ("202610000041", "202611000043", "202611000044", "999")
    ]

    assert standings == [
        Standing.PAID,
        Standing.PROCESSING,
        Standing.REMOVED,
        Standing.NOT_FOUND,
    ]
    assert town.intents() == []
    assert await house.collection_states("202610000041") == [CollectionState.CLOSED]


async def test_a_customer_can_neither_see_nor_pay_the_document_of_another(
    town: Town, house: FlowHouse
) -> None:
    """I8: an invoice of somebody else is as unknown as one that does not exist."""
    start = await house.press_pay("202611000042", customer=18)
    view = await house.view("202611000042", customer=18)

    assert (start.standing, view.standing, view.payable) == (
        Standing.NOT_FOUND,
        Standing.NOT_FOUND,
        None,
    )


async def test_a_payment_stops_when_its_document_went_to_another_customer(
    town: Town, house: FlowHouse
) -> None:
    view = await house.view()
    assert view.payable is not None
    town.splynx.state.invoices[1042].customer_id = 18

    start = await house.pay.start(view.payable, Route.PORTAL, "customer:17")

    assert start.standing is Standing.NOT_FOUND
    assert town.intents() == []
    assert await house.collection_states() == [CollectionState.CLOSED]


@pytest.mark.parametrize("due", ["0.001", "123456789.00", "172.505"])
async def test_an_amount_that_stripe_cannot_take_exactly_is_not_charged(
    town: Town, house: FlowHouse, due: str
) -> None:
    """I9: refused, never rounded."""
    town.set_due(1042, due)

    assert (await house.press_pay()).standing is Standing.NOT_CHARGEABLE
    assert town.intents() == []


async def test_an_amount_below_stripes_minimum_is_refused_and_may_be_tried_again_later(
    town: Town, house: FlowHouse
) -> None:
    town.set_due(1042, "0.10")
    refused = await house.press_pay()
    town.set_due(1042, "10.00")
    start = await house.press_pay()

    assert (refused.standing, start.standing) == (Standing.NOT_CHARGEABLE, Standing.PAYABLE)
    states = [attempt.state for attempt in await house.attempts()]
    assert states == [AttemptState.REFUSED, AttemptState.AWAITING_CUSTOMER]


async def test_a_partner_without_settings_is_not_charged(town: Town, house: FlowHouse) -> None:
    del house.terms.by_partner[1]

    assert (await house.press_pay()).standing is Standing.NOT_CHARGEABLE
    assert town.intents() == []


async def test_plain_links_show_documents_only_where_the_partner_grants_it(
    town: Town, house: FlowHouse
) -> None:
    ours = await house.pay.view_for_link(DocumentQuery(INVOICE, "1042", by_id=True))
    kaze = await house.pay.view_for_link(DocumentQuery(INVOICE, "1050", by_id=True))
    house.terms.by_partner[0] = replace(
        house.terms.by_partner[0], grants_access_to_unauthorized=False
    )
    unknown = await house.pay.view_for_link(DocumentQuery(INVOICE, "x", by_id=True))

    assert (ours.standing, kaze.standing) == (Standing.PAYABLE, Standing.NOT_ALLOWED)
    assert unknown.standing is Standing.NOT_ALLOWED


async def test_after_a_declined_card_a_good_one_pays_the_same_payment_intent(
    town: Town, house: FlowHouse
) -> None:
    start = await house.press_pay()
    declined = await town.enter_card(start.client_secret, DECLINED_CARD)
    await house.deliver_webhooks()
    view = await house.view()
    assert view.payable is not None
    outcome = await house.pay.outcome(view.payable, "customer:17")
    again = await house.press_pay()
    paid = await town.enter_card(again.client_secret)
    await house.deliver_webhooks()

    assert (declined, paid) == ("error insufficient_funds", "succeeded")
    assert outcome.standing is Standing.FAILED
    assert outcome.failure is not None
    assert outcome.failure.decline_code == "insufficient_funds"
    assert again.client_secret == start.client_secret
    assert len(town.bookings()) == 1


async def test_after_a_failed_3d_secure_a_successful_one_pays(town: Town, house: FlowHouse) -> None:
    start = await house.press_pay()
    view = await house.view()
    assert view.payable is not None

    asked = await town.enter_card(start.client_secret, CARD_WITH_3DS)
    meanwhile = await house.pay.outcome(view.payable, "customer:17")
    await town.answer_bank(start.client_secret, "fail")
    failed = await house.pay.outcome(view.payable, "customer:17")
    await town.enter_card(start.client_secret, CARD_WITH_3DS)
    paid = await town.answer_bank(start.client_secret, "success")
    received = await house.pay.outcome(view.payable, "customer:17")
    await house.pump.drain()
    booked = await house.pay.outcome(view.payable, "customer:17")

    assert (asked, paid) == ("requires_action", "succeeded")
    assert [meanwhile.standing, failed.standing, received.standing, booked.standing] == [
        Standing.TRY_AGAIN,
        Standing.FAILED,
        Standing.RECEIVED,
        Standing.PAID,
    ]
    assert len(town.bookings()) == 1


async def test_an_abandoned_payment_intent_is_canceled_and_the_debt_payable_again(
    town: Town, house: FlowHouse
) -> None:
    """P12: every open PaymentIntent has an owner and an end."""
    await house.press_pay()
    await house.pass_time(HOUR + 10 * MINUTE, step=5 * MINUTE)

    assert town.statuses() == ["canceled"]
    assert await house.collection_states() == [CollectionState.CLOSED]
    again = await house.press_pay()
    assert await town.enter_card(again.client_secret) == "succeeded"
    await house.deliver_webhooks()
    assert await house.collection_states() == [CollectionState.CLOSED, CollectionState.BOOKED]
    assert await house.case_kinds() == []


async def test_a_success_that_overtakes_the_cancel_is_booked(town: Town, house: FlowHouse) -> None:
    start = await house.press_pay()
    town.clock.advance(HOUR + MINUTE)
    for attempt in await house.look_after.due(10):
        await house.look_after.look_at(attempt)
    assert [attempt.state for attempt in await house.attempts()] == [AttemptState.CANCELING]

    assert await town.enter_card(start.client_secret) == "succeeded"
    await house.pump.drain()

    assert await house.collection_states() == [CollectionState.BOOKED]
    assert len(town.bookings()) == 1


async def test_a_cancel_that_stripe_refuses_for_the_moment_is_tried_until_it_is_confirmed(
    town: Town, house: FlowHouse
) -> None:
    """I10: a PaymentIntent that is being confirmed cannot be canceled, and is payable afterwards."""
    await house.press_pay()
    town.spoil_stripe(f"{CREATE}/.*/cancel", status=400, body=NOT_CANCELABLE, times=2)

    await house.pass_time(HOUR + 30 * MINUTE, step=5 * MINUTE)

    assert town.statuses() == ["canceled"]
    assert await house.collection_states() == [CollectionState.CLOSED]
    assert await house.case_kinds() == []


async def test_a_changed_price_ends_the_old_payment_intent_before_there_is_a_new_one(
    town: Town, house: FlowHouse
) -> None:
    """I1: at no time can both take money."""
    old = await house.press_pay()
    town.set_due(1042, "99.00")
    new = await house.press_pay()

    assert town.statuses() == ["canceled", "requires_payment_method"]
    assert town.intents()[1]["amount"] == 9900
    assert await town.enter_card(old.client_secret) == "error payment_intent_unexpected_state"
    assert await town.enter_card(new.client_secret) == "succeeded"
    await house.deliver_webhooks()
    assert [payment.amount for payment in town.bookings()] == [Decimal("99.0000")]
    assert town.invoice_status(1042) == "paid"


async def test_while_the_old_price_cannot_be_canceled_nothing_new_can_be_started(
    town: Town, house: FlowHouse
) -> None:
    await house.press_pay()
    town.set_due(1042, "99.00")
    town.spoil_stripe(f"{CREATE}/.*/cancel", action="drop", times=-1)

    blocked = await house.press_pay()
    town.mend()
    await house.pass_time(5 * MINUTE)

    assert (blocked.standing, blocked.client_secret) == (Standing.TRY_AGAIN, "")
    assert town.statuses() == ["canceled"]
    assert (await house.press_pay()).standing is Standing.PAYABLE


async def test_a_document_paid_by_cash_ends_its_payment_intent_before_the_hour(
    town: Town, house: FlowHouse
) -> None:
    """P1: settlement by another way withdraws what could still take money."""
    await house.press_pay()
    town.pay_by_cash(1042)

    await house.pass_time(10 * MINUTE, step=5 * MINUTE)

    assert town.statuses() == ["canceled"]
    assert await house.collection_states() == [CollectionState.CLOSED]


async def test_a_success_during_the_last_look_does_not_open_a_second_way_to_pay(
    town: Town, house: FlowHouse
) -> None:
    """I1: two tabs; the first pays while the second's last look is still on its way."""
    first = await house.press_pay()
    view = await house.view()
    assert view.payable is not None
    town.spoil_splynx(LAST_LOOK, action="delay", when="after", delay_s=5)
    second = asyncio.ensure_future(house.pay.start(view.payable, Route.PORTAL, "customer:17"))
    await town.clock.until_sleeping()

    await town.enter_card(first.client_secret)
    await house.deliver_webhooks()
    town.clock.advance(timedelta(seconds=5))
    start = await second

    assert start.standing in {Standing.PAID, Standing.RECEIVED}
    assert town.statuses() == ["succeeded"]
    assert len(town.bookings()) == 1


async def test_a_lease_that_ended_during_the_last_look_is_taken_anew(
    town: Town, house: FlowHouse
) -> None:
    """I1: no attempt without a live lease, or two tabs would get two PaymentIntents."""
    await house.press_pay()
    view = await house.view()
    assert view.payable is not None
    town.clock.advance(HOUR + MINUTE)
    town.spoil_splynx(LAST_LOOK, action="delay", when="after", delay_s=5)
    second = asyncio.ensure_future(house.pay.start(view.payable, Route.PORTAL, "customer:17"))
    await town.clock.until_sleeping()

    await house.pump.drain()
    assert town.statuses() == ["canceled"]
    town.clock.advance(timedelta(seconds=5))
    start = await second
    third = await house.press_pay()

    assert town.statuses() == ["canceled", "requires_payment_method"]
    assert start.client_secret == third.client_secret
    assert await house.collection_states() == [CollectionState.CLOSED, CollectionState.OPEN]


async def test_a_proforma_that_splynx_keeps_showing_as_unpaid_is_not_charged_again(
    town: Town, house: FlowHouse
) -> None:
    """I1: there is a case for the office, and the customer is told that it is paid."""
    town.splynx.options.put_ignored = True
    start = await house.press_pay("202611000001", PROFORMA)
    await town.enter_card(start.client_secret)
    await house.deliver_webhooks()
    assert town.splynx.state.proformas[61].status == "not_paid"

    again = await house.press_pay("202611000001", PROFORMA)
    view = await house.view("202611000001", PROFORMA)

    assert (again.standing, view.standing) == (Standing.PAID, Standing.PAID)
    assert town.statuses() == ["succeeded"]
    assert await house.case_kinds() == ["booking_differs"]


async def test_a_stripe_customer_deleted_in_the_dashboard_is_made_anew(
    town: Town, house: FlowHouse
) -> None:
    """Fault 33."""
    first = await house.press_pay()
    await town.enter_card(first.client_secret)
    await house.deliver_webhooks()
    for gone in town.stripe_book().customers.values():
        gone["deleted"] = True

    start = await house.press_pay("202611000043")

    assert start.standing is Standing.PAYABLE
    assert len(town.stripe_book().customers) == 2


async def test_a_lease_whose_request_died_before_its_attempt_is_released(
    town: Town, house: FlowHouse
) -> None:
    """I10: nothing waits for ever."""
    town.spoil_stripe("/v1/customers", status=429)
    with pytest.raises(RetryableError):
        await house.press_pay()
    assert await house.collection_states() == [CollectionState.OPEN]

    town.clock.advance(9 * MINUTE)
    early = await house.look_after.release_idle_leases()
    town.clock.advance(2 * MINUTE)
    released = await house.look_after.release_idle_leases()

    assert (early, released) == (0, 1)
    assert await house.collection_states() == [CollectionState.CLOSED]
    assert (await house.press_pay()).standing is Standing.PAYABLE


async def test_a_release_that_was_decided_before_the_attempt_was_committed_is_refused(
    town: Town, store_url: str
) -> None:
    """I1 between two daemons: no attempt may stay behind without a live lease."""
    async with open_house(town, store_url) as house:
        town.spoil_stripe("/v1/customers", status=429)
        with pytest.raises(RetryableError):
            await house.press_pay()
        [idle] = await house.collections()
        await house.press_pay()
        occasion = Occasion(town.clock.now(), "daemon", house.rooms.timing)

        with pytest.raises(StaleWriteError):
            await house.store.run(
                lambda unit: move_collection(unit, idle, CollectionNews.ABANDONED, occasion)
            )

        assert await house.collection_states() == [CollectionState.OPEN]
