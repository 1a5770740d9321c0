"""Events that were claimed together: each handled as if it had come alone, in far fewer commits."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from splynx_stripe.domain.attempt import AttemptState
from splynx_stripe.domain.metadata import INSTALLATION
from tests.integration.flow_house import FlowHouse, open_house
from tests.integration.flow_town import CREATE, MINUTE, SECOND, Town, open_town


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as opened:
        yield opened


@pytest.fixture
async def house(town: Town, sqlite_url: str) -> AsyncIterator[FlowHouse]:
    async with open_house(town, sqlite_url) as opened:
        yield opened


def foreign(body: bytes, number: int) -> bytes:
    """Gives the same event as another installation would get it."""
    event = json.loads(body)
    event["id"] = f"evt_foreign_{number}"
    event["data"]["object"]["metadata"][INSTALLATION] = "ins_another"
    return json.dumps(event).encode()


async def paid(town: Town, house: FlowHouse) -> bytes:
    """Somebody pays; gives the event, which nobody has delivered."""
    start = await house.press_pay()
    await town.enter_card(start.client_secret)
    return town.event_bodies()[-1]


async def test_among_foreign_events_ours_is_handled_and_all_are_done_with(
    town: Town, house: FlowHouse
) -> None:
    ours = await paid(town, house)
    await house.receive(*(foreign(ours, number) for number in range(5)), ours)

    await house.inbox.handle_all(await house.inbox.claim(10))
    await house.pass_time(10 * MINUTE)

    assert len(town.bookings()) == 1
    assert await house.inbox.claim(10) == []
    assert await house.case_kinds() == []


async def test_one_lost_claim_does_not_undo_the_ends_of_the_others(
    town: Town, house: FlowHouse, caplog: pytest.LogCaptureFixture
) -> None:
    """Fault 9: what was claimed together need not be lost together."""
    ours = await paid(town, house)
    await house.receive(*(foreign(ours, number) for number in range(3)))
    first, *others = await house.inbox.claim(10)
    await house.inbox.handle(first)

    await house.inbox.handle_all([first, *others])
    await house.pass_time(3 * MINUTE)

    assert [record.getMessage() for record in caplog.records].count("inbox.claim_lost") == 1
    assert await house.inbox.claim(10) == []


async def test_stripe_is_not_asked_about_a_payment_that_was_only_created(
    town: Town, house: FlowHouse
) -> None:
    """Whatever we saw of it was seen after its creation, so the news says nothing new."""
    await house.press_pay()
    town.spoil_stripe(f"{CREATE}/.*", status=503, times=-1)

    await house.receive(*town.event_bodies())
    await house.pump.drain()
    await house.pass_time(10 * SECOND)

    [attempt] = await house.attempts()
    assert attempt.state is AttemptState.AWAITING_CUSTOMER
    assert await house.inbox.claim(10) == []


async def test_an_event_that_waits_for_stripe_holds_up_none_of_those_claimed_with_it(
    town: Town, house: FlowHouse
) -> None:
    ours = await paid(town, house)
    failed = json.loads(ours)
    failed["id"], failed["type"] = "evt_stale", "payment_intent.processing"
    failed["data"]["object"]["status"] = "processing"
    town.spoil_stripe(f"{CREATE}/.*", status=503, times=-1)
    await house.receive(json.dumps(failed).encode(), ours)

    await house.inbox.handle_all(await house.inbox.claim(10))
    await house.pump.drain()

    assert len(town.bookings()) == 1
