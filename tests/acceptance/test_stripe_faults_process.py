"""Stripe fails in the ways that cannot be told apart from success (faults 22, 23, 38, 45; I1, I6)."""

from __future__ import annotations

from typing import Any

import pytest

from splynx_stripe.sandbox.faults import FaultRule
from tests.acceptance.conftest import Adjust
from tests.acceptance.ledgers import INVOICE
from tests.acceptance.person import Person
from tests.acceptance.town import Town

CREATE = r"/v1/payment_intents"


@pytest.fixture
def adjust() -> Adjust:
    """Leaves it to events alone to bring the news of a success."""

    def patient(settings: dict[str, Any]) -> None:
        settings["timing"] |= {"look_after_first_s": 600, "look_every_s": 600}

    return patient


@pytest.mark.parametrize(
    ("fault", "replayed"),
    [
        (FaultRule("POST", CREATE, "status", "after", status=500), False),
        (FaultRule("POST", CREATE, "status", "after", status=500), True),
        (FaultRule("POST", CREATE, "truncate", "after"), False),
        (FaultRule("POST", CREATE, "drop", "after"), False),
        (FaultRule("POST", CREATE, "drop", "before"), False),
    ],
    ids=["500", "500-replayed-by-the-key", "half-a-body", "no-answer", "not-arrived"],
)
async def test_one_paymentintent_takes_the_money_when_stripe_fails_while_it_creates_it(
    town: Town, fault: FaultRule, replayed: bool
) -> None:
    town.stripe.switches.cache_faulted_answers = replayed
    town.stripe.faults.add(fault)
    async with town.visitor() as visitor:
        person = Person(town, visitor, INVOICE)
        await person.log_in()

        assert await person.pay() != "payable", "nobody pays what we do not know"
        await person.go_on_until_paid()

    await town.assert_agree(INVOICE)
    assert town.stripe.faults.struck == 1
    assert len(town.foreign.intents(INVOICE)) == 1


async def test_an_invoice_is_booked_within_the_polling_interval_when_all_webhooks_are_lost(
    town: Town,
) -> None:
    town.stripe.switches.webhooks_lost = True
    async with town.visitor() as visitor:
        person = Person(town, visitor, INVOICE)
        await person.log_in()
        await person.pay()

    await town.assert_agree(INVOICE)
    deliveries = [
        delivery
        for event in town.stripe.state.book().events.values()
        for delivery in event.deliveries.values()
    ]
    assert sum(delivery.tries for delivery in deliveries) == 0


async def test_the_same_webhook_a_thousand_times_at_once_is_one_booking(any_town: Town) -> None:
    any_town.stripe.switches.webhooks_lost = True
    async with any_town.visitor() as visitor:
        person = Person(any_town, visitor, INVOICE)
        await person.log_in()
        await person.pay()
    book = any_town.stripe.state.book()
    news = next(
        event for event in book.events.values() if event.body["type"] == "payment_intent.succeeded"
    )
    for endpoint in book.webhook_endpoints.values():
        endpoint["url"] = endpoint["url"].replace(any_town.splynx_url, any_town.daemon.url)

    statuses = await any_town.stripe.control.send_again(book, news, 1000, parallel=True)

    assert statuses == [200] * 1000
    await any_town.assert_agree(INVOICE)


async def test_a_declined_card_books_nothing_and_the_next_card_is_charged_once(
    town: Town,
) -> None:
    async with town.visitor() as visitor:
        person = Person(town, visitor, INVOICE)
        await person.log_in()
        await person.pay("4000000000009995")
        assert town.foreign.payments() == []

        await person.pay()

    assert person.confirmations == ["insufficient_funds", "succeeded"]
    await town.assert_agree(INVOICE)
    assert len(town.foreign.intents(INVOICE)) == 1
