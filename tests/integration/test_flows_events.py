"""Events of Stripe by webhook and by polling: any order, any number, from anybody, or never."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from copy import deepcopy
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from splynx_stripe.domain.attempt import AttemptState
from splynx_stripe.domain.collection import CollectionState
from splynx_stripe.domain.errors import RetryableError
from splynx_stripe.domain.inbox import InboxSource
from splynx_stripe.flows.pay import Standing
from splynx_stripe.sandbox.stripe.state import StoredEvent
from tests.integration.flow_house import FlowHouse, open_house
from tests.integration.flow_town import (
    CREATE,
    DECLINED_CARD,
    EUR_ACCOUNT,
    HOUR,
    JPY_ACCOUNT,
    MINUTE,
    SECOND,
    Town,
    open_town,
)


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as opened:
        yield opened


@pytest.fixture
async def house(town: Town, sqlite_url: str) -> AsyncIterator[FlowHouse]:
    async with open_house(town, sqlite_url) as opened:
        yield opened


async def pay_with_a_detour(town: Town, house: FlowHouse) -> list[bytes]:
    """A declined card, then a good one; gives the events, which nobody has delivered."""
    start = await house.press_pay()
    await town.enter_card(start.client_secret, DECLINED_CARD)
    await town.enter_card(start.client_secret)
    return town.event_bodies()


def changed(body: bytes, **intent: Any) -> bytes:
    """Gives an event whose PaymentIntent has other fields, under another event id."""
    event = json.loads(body)
    event["id"] += "x"
    event["data"]["object"] |= intent
    return json.dumps(event).encode()


async def test_any_order_of_events_ends_in_the_same_state_with_one_booking(
    town: Town, house: FlowHouse
) -> None:
    """I6, fault 39: created, failed and succeeded in four wrong orders."""
    for number, order in zip(
        ("202611000042", "202611000043", "202611000044", "202609000039"),
        list(permutations(range(3)))[1:5],
        strict=True,
    ):
        seen = len(town.event_bodies())
        start = await house.press_pay(number)
        await town.enter_card(start.client_secret, DECLINED_CARD)
        await town.enter_card(start.client_secret)
        bodies = town.event_bodies()[seen:]
        assert len(bodies) == 3
        for place in order:
            await house.receive(bodies[place])
            await house.pump.drain()

        assert await house.collection_states(number) == [CollectionState.BOOKED]
    assert len(town.bookings()) == 4


async def test_a_thousand_equal_events_at_once_are_one_booking(
    town: Town, house: FlowHouse
) -> None:
    """I6, fault 38."""
    bodies = await pay_with_a_detour(town, house)

    await asyncio.gather(*(house.receive(bodies[-1]) for _ in range(1000)))
    await house.pump.drain()

    assert len(town.bookings()) == 1
    assert len(town.splynx.state.records) == 1


async def test_the_same_events_by_webhook_and_by_poll_are_one_booking(
    town: Town, house: FlowHouse
) -> None:
    bodies = await pay_with_a_detour(town, house)

    await asyncio.gather(house.receive(*bodies), house.poll.run(EUR_ACCOUNT))
    await house.pump.drain()
    new = await house.poll.run(EUR_ACCOUNT)

    assert new == 0
    assert len(town.bookings()) == 1


async def test_without_webhooks_the_poll_brings_the_payment_home(
    town: Town, house: FlowHouse
) -> None:
    """I2, fault 45: webhooks are a convenience and not a need."""
    await pay_with_a_detour(town, house)

    await house.poll.run(EUR_ACCOUNT)
    await house.pump.drain()

    assert town.invoice_status(1042) == "paid"
    assert await house.collection_states() == [CollectionState.BOOKED]


async def test_a_page_of_polled_events_is_one_unit_and_a_quiet_poll_writes_nothing(
    town: Town, house: FlowHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = len(await pay_with_a_detour(town, house))
    units: list[object] = []
    run = house.store.run

    async def counted(work: Any) -> Any:
        units.append(work)
        return await run(work)

    monkeypatch.setattr(house.store, "run", counted)
    found = await house.poll.run(EUR_ACCOUNT)
    writes_of_first = len(units)
    again = await house.poll.run(EUR_ACCOUNT)

    assert events > 2
    assert (found, writes_of_first) == (events, 2)  # the page and the cursor
    assert (again, len(units) - writes_of_first) == (0, 1)  # what overlaps is recognised


async def test_without_any_event_looking_after_brings_the_payment_home(
    town: Town, house: FlowHouse
) -> None:
    await pay_with_a_detour(town, house)

    await house.pass_time(5 * MINUTE)

    assert await house.collection_states() == [CollectionState.BOOKED]


async def test_an_event_that_overtakes_the_answer_is_matched_by_metadata(
    town: Town, house: FlowHouse
) -> None:
    """I2, fault 40."""
    town.spoil_stripe(CREATE, "POST", action="drop", when="after")
    await house.press_pay()
    [attempt] = await house.attempts()
    assert (attempt.state, attempt.intent_id) == (AttemptState.UNKNOWN, "")

    await house.deliver_webhooks()

    [attempt] = await house.attempts()
    assert attempt.state is AttemptState.AWAITING_CUSTOMER
    assert attempt.intent_id == town.intents()[0]["id"]


async def test_an_event_that_comes_before_our_row_is_retried_until_it_is_there_or_parked(
    town: Town, house: FlowHouse
) -> None:
    """P7, I10: an attempt that never appears is for a person, after half an hour."""
    [*_, succeeded] = await pay_with_a_detour(town, house)
    metadata = json.loads(succeeded)["data"]["object"]["metadata"]
    lost = changed(succeeded, metadata={**metadata, "splynx_stripe_attempt": "att_lost"})

    await house.receive(lost)
    await house.pass_time(10 * MINUTE, step=MINUTE)
    assert await house.case_kinds() == []
    await house.pass_time(HOUR, step=5 * MINUTE)

    assert await house.case_kinds() == ["event_not_understood"]


async def test_what_another_installation_or_program_did_is_ignored(
    town: Town, house: FlowHouse
) -> None:
    """I8, fault 41."""
    [*_, succeeded] = await pay_with_a_detour(town, house)
    metadata = json.loads(succeeded)["data"]["object"]["metadata"]
    foreign = {**metadata, "splynx_stripe_installation": "ins_other"}

    await house.receive(changed(succeeded, metadata=foreign))
    await house.receive(changed(changed(succeeded), metadata={}))
    await house.pump.drain()

    assert town.bookings() == []
    assert await house.case_kinds() == []


async def test_an_event_through_the_wrong_account_or_mode_is_parked_with_a_case(
    town: Town, house: FlowHouse
) -> None:
    """I8, fault 42."""
    [*_, succeeded] = await pay_with_a_detour(town, house)

    await house.receive(succeeded, account=JPY_ACCOUNT)
    await house.receive(changed(succeeded, livemode=True))
    await house.pump.drain()

    assert town.bookings() == []
    assert await house.case_kinds() == ["event_not_understood"] * 2


async def test_an_event_that_is_not_understood_is_parked_and_holds_up_nobody(
    town: Town, house: FlowHouse
) -> None:
    """P9, fault 47."""
    bodies = await pay_with_a_detour(town, house)
    broken = house.rooms.stripe.parse_event(bodies[-1])
    for number, body in enumerate((b"{", changed(bodies[-1], status="teleported"))):
        await house.inbox.receive(
            replace(broken, id=f"evt_{number}", body=body), EUR_ACCOUNT, InboxSource.WEBHOOK
        )

    await house.receive(*bodies)
    await house.pump.drain()

    assert await house.case_kinds() == ["event_not_understood"] * 2
    assert len(town.bookings()) == 1


async def test_events_about_other_things_are_ignored(town: Town, house: FlowHouse) -> None:
    await pay_with_a_detour(town, house)

    await house.receive(*town.event_bodies(kinds="customer."))
    await house.pump.drain()

    assert await house.case_kinds() == []
    assert town.bookings() == []


async def test_while_stripe_is_down_an_event_waits_and_is_handled_afterwards(
    town: Town, house: FlowHouse
) -> None:
    bodies = await pay_with_a_detour(town, house)
    town.spoil_stripe(f"{CREATE}/.*", status=503, times=-1)
    await house.receive(bodies[1])
    await house.pass_time(5 * MINUTE, step=MINUTE)
    assert town.bookings() == []

    town.mend()
    await house.pass_time(5 * MINUTE, step=MINUTE)

    assert len(town.bookings()) == 1
    assert await house.case_kinds() == []


async def test_events_claimed_by_a_worker_that_died_are_handled_by_the_next(
    town: Town, store_url: str
) -> None:
    """I2, I7: acknowledged means handled some day."""
    async with open_house(town, store_url) as house:
        await house.receive(*(await pay_with_a_detour(town, house)))
        assert len(await house.inbox.claim(10)) == 3

    async with open_house(town, store_url) as house:
        await house.pump.drain()
        assert town.bookings() == []
        await house.pass_time(2 * MINUTE + SECOND)
        assert len(town.bookings()) == 1


async def test_a_worker_that_was_paused_past_its_claim_changes_nothing_any_more(
    town: Town, house: FlowHouse, caplog: pytest.LogCaptureFixture
) -> None:
    """Fault 9: fencing rejects its writes."""
    await house.receive((await pay_with_a_detour(town, house))[-1])
    [paused] = await house.inbox.claim(10)
    await house.pass_time(2 * MINUTE + SECOND)

    await house.inbox.handle(paused)

    assert "inbox.claim_lost" in [record.getMessage() for record in caplog.records]
    assert len(town.bookings()) == 1


async def test_the_poll_begins_with_the_installation_and_reads_every_page(
    town: Town, house: FlowHouse
) -> None:
    """I2: more than a page, all of one second; what was before us is not our business."""
    await pay_with_a_detour(town, house)
    _add_events(town, 250)
    _add_events(town, 7, created=town.stripe.state.seconds() - 3600)

    new = await house.poll.run(EUR_ACCOUNT)

    assert new == 3 + 250


async def test_a_poll_that_was_interrupted_loses_nothing(town: Town, house: FlowHouse) -> None:
    """I2, fault 36: the cursor moves only when all pages were stored."""
    await pay_with_a_detour(town, house)
    _add_events(town, 250)
    town.spoil_stripe("/v1/events", skip=1, times=-1)

    with pytest.raises(RetryableError):
        await house.poll.run(EUR_ACCOUNT)
    town.mend()
    new = await house.poll.run(EUR_ACCOUNT)
    await house.pump.drain()

    assert new == 3 + 250 - 100
    assert len(town.bookings()) == 1


async def test_an_event_that_appears_late_behind_the_cursor_is_still_found(
    town: Town, house: FlowHouse
) -> None:
    await pay_with_a_detour(town, house)
    town.clock.advance(HOUR)
    _add_events(town, 1)
    await house.poll.run(EUR_ACCOUNT)

    _add_events(town, 2, created=town.stripe.state.seconds())
    _add_events(town, 3, created=town.stripe.state.seconds() - 110)

    assert await house.poll.run(EUR_ACCOUNT) == 5
    assert await house.poll.run(EUR_ACCOUNT) == 0


async def test_after_three_days_without_a_daemon_everything_is_found(
    town: Town, store_url: str
) -> None:
    """I2, fault 46."""
    async with open_house(town, store_url) as house:
        await pay_with_a_detour(town, house)
    town.clock.advance(72 * HOUR)

    async with open_house(town, store_url) as house:
        assert await house.poll.run(EUR_ACCOUNT) == 3
        await house.pump.drain()
        assert town.invoice_status(1042) == "paid"
        assert (await house.press_pay()).standing is Standing.PAID


def _add_events(town: Town, how_many: int, created: int | None = None) -> None:
    """Lets other things happen in the account: PaymentIntents that are not ours."""
    book = town.stripe_book()
    pattern = json.loads(town.event_bodies()[0])
    for _ in range(how_many):
        body = deepcopy(pattern)
        body["id"] = town.stripe.state.new_id("evt")
        body["created"] = created or town.stripe.state.seconds()
        body["data"]["object"]["metadata"] = {}
        book.events[body["id"]] = StoredEvent(body)
