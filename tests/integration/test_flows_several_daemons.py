"""Two daemons on one database book the same money once, also when one is held up (fault 9; I2, I3)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import pytest

from splynx_stripe.domain.collection import CollectionState
from splynx_stripe.domain.effect import EffectKind, StoredEffect
from splynx_stripe.flows.book import BookPayment
from splynx_stripe.flows.effects import EffectHandler, Effects
from splynx_stripe.flows.ports import Store, Unit
from splynx_stripe.flows.posting_window import PostingWindow
from splynx_stripe.flows.record_statement import RecordStatement
from tests.integration.flow_house import FlowHouse, open_house
from tests.integration.flow_town import HOUR, MINUTE, Town, open_town

T = TypeVar("T")

DAY = 24 * HOUR
STATEMENTS = "/api/2.0/admin/finance/bank-statements"


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as opened:
        yield opened


@pytest.fixture
async def house(town: Town, postgres_url: str) -> AsyncIterator[FlowHouse]:
    async with open_house(town, postgres_url) as opened:
        yield opened


@pytest.fixture
async def other(town: Town, postgres_url: str, house: FlowHouse) -> AsyncIterator[FlowHouse]:
    """Gives a second daemon on the same database."""
    async with open_house(town, postgres_url) as opened:
        yield opened


class StoreThatHoldsUp:
    """A store after whose commit of one unit, once, something else happens first."""

    def __init__(self, store: Store, after: str, meanwhile: Callable[[], Awaitable[None]]) -> None:
        self._store = store
        self._after = after
        self._meanwhile = meanwhile

    async def run(self, work: Callable[[Unit], T]) -> T:
        result = await self._store.run(work)
        if self._after and self._after in getattr(work, "__qualname__", ""):
            self._after = ""
            await self._meanwhile()
        return result

    async def read(self, work: Callable[[Unit], T]) -> T:
        return await self._store.read(work)


async def take_money(town: Town, house: FlowHouse, *numbers: str) -> list[StoredEffect]:
    """Takes the money of invoices; gives the claimed effects that are to book it."""
    for number in numbers or ("202611000042",):
        start = await house.press_pay(number)
        assert await town.enter_card(start.client_secret) == "succeeded"
    await house.receive(*town.event_bodies())
    while events := await house.inbox.claim(20):
        for event in events:
            await house.inbox.handle(event)
    return list(await house.effects.claim(20))


async def carry_out_held_up(
    house: FlowHouse,
    effect: StoredEffect,
    *,
    after: str,
    meanwhile: Callable[[], Awaitable[None]],
) -> None:
    """Carries an effect out with a pause after the commit of the unit named `after`."""
    held_up = replace(house.rooms, store=StoreThatHoldsUp(house.store, after, meanwhile))
    handlers: Mapping[EffectKind, EffectHandler] = {
        EffectKind.BOOK_PAYMENT: BookPayment(held_up),
        EffectKind.RECORD_STATEMENT: RecordStatement(held_up),
    }
    await Effects(held_up, handlers).carry_out(effect)


async def assert_booked_once(town: Town, house: FlowHouse) -> None:
    assert len(town.bookings()) == 1
    assert len(town.splynx.state.records) == 1
    assert await house.collection_states() == [CollectionState.BOOKED]


async def test_a_worker_that_slept_before_its_post_does_not_post_any_more(
    town: Town, house: FlowHouse, other: FlowHouse
) -> None:
    (effect,) = await take_money(town, house)

    async def other_daemon_takes_over() -> None:
        await other.pass_time(10 * MINUTE, step=MINUTE)
        await assert_booked_once(town, other)

    await carry_out_held_up(house, effect, after="_mark_posting", meanwhile=other_daemon_takes_over)
    await other.pass_time(HOUR, step=10 * MINUTE)

    await assert_booked_once(town, house)
    assert await house.case_kinds() == []


async def test_a_pause_that_no_check_can_see_is_told_as_booked_twice(
    town: Town, house: FlowHouse, other: FlowHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What remains (`posting_window.py`): asleep between the check and the first byte."""
    monkeypatch.setattr(PostingWindow, "require_open", lambda *_: None)
    (effect,) = await take_money(town, house)

    async def other_daemon_takes_over() -> None:
        await other.pass_time(10 * MINUTE, step=MINUTE)

    await carry_out_held_up(house, effect, after="_mark_posting", meanwhile=other_daemon_takes_over)

    assert len(town.bookings()) == 2
    assert await house.case_kinds() == ["booked_twice"]


async def test_a_worker_that_slept_after_its_post_leaves_the_rest_to_who_took_over(
    town: Town, house: FlowHouse, other: FlowHouse
) -> None:
    (effect,) = await take_money(town, house)
    town.spoil_splynx("/api/2.0/admin/finance/payments", "POST", action="drop", when="after")

    async def other_daemon_takes_over() -> None:
        await other.pass_time(10 * MINUTE, step=MINUTE)

    await house.effects.carry_out(effect)
    await other_daemon_takes_over()
    await house.effects.carry_out(effect)  # with a claim of ten minutes ago

    await assert_booked_once(town, house)
    assert await house.case_kinds() == []


async def test_two_daemons_that_both_miss_the_statement_add_it_once(
    town: Town, house: FlowHouse, other: FlowHouse
) -> None:
    bookings = await take_money(town, house, "202611000042", "202611000043")
    for effect in bookings:
        await house.effects.carry_out(effect)
    first, second = await house.effects.claim(20)

    async def other_daemon_records_too() -> None:
        await other.effects.carry_out(second)
        assert len(town.splynx.state.statements) == 0

    await carry_out_held_up(house, first, after="_take_lease", meanwhile=other_daemon_records_too)
    await other.pass_time(MINUTE)

    assert [row.title for row in town.splynx.state.statements] == ["Stripe 11/2026"]
    assert len(town.splynx.state.records) == 2


async def test_both_daemons_at_work_at_once_share_one_statement(
    town: Town, house: FlowHouse, other: FlowHouse
) -> None:
    numbers = ("202611000042", "202611000043", "202611000044", "202609000039")
    for effect in await take_money(town, house, *numbers):
        await house.effects.carry_out(effect)
    effects = await house.effects.claim(20)

    await asyncio.gather(
        *(house.effects.carry_out(effect) for effect in effects[::2]),
        *(other.effects.carry_out(effect) for effect in effects[1::2]),
    )
    await other.pass_time(5 * MINUTE, step=MINUTE)

    assert len(town.splynx.state.statements) == 1
    assert len(town.splynx.state.records) == 4


async def test_a_daemon_that_slept_before_it_added_a_statement_does_not_add_it_any_more(
    town: Town, house: FlowHouse, other: FlowHouse
) -> None:
    (booking,) = await take_money(town, house)
    await house.effects.carry_out(booking)
    (recording,) = await house.effects.claim(20)

    async def other_daemon_takes_over() -> None:
        await other.pass_time(10 * MINUTE, step=MINUTE)
        await assert_booked_once(town, other)

    await carry_out_held_up(
        house, recording, after="_take_lease", meanwhile=other_daemon_takes_over
    )

    assert len(town.splynx.state.statements) == 1
    await assert_booked_once(town, house)


async def test_a_daemon_that_slept_after_its_last_look_for_a_statement_does_not_add_it_any_more(
    town: Town, house: FlowHouse, other: FlowHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    (booking,) = await take_money(town, house)
    await house.effects.carry_out(booking)
    (recording,) = await house.effects.claim(20)
    find, looks = house.rooms.splynx.find_statements, []

    async def find_and_sleep_the_second_time(title: str) -> Sequence[int]:
        looks.append(title)
        found = await find(title)
        if len(looks) == 2:
            await other.pass_time(10 * MINUTE, step=MINUTE)
        return found

    monkeypatch.setattr(house.rooms.splynx, "find_statements", find_and_sleep_the_second_time)
    await house.effects.carry_out(recording)

    assert len(looks) == 2
    assert len(town.splynx.state.statements) == 1
    await assert_booked_once(town, house)


async def test_a_statement_whose_answer_was_lost_is_not_added_by_the_other_daemon_meanwhile(
    town: Town, house: FlowHouse, other: FlowHouse
) -> None:
    (booking,) = await take_money(town, house)
    await house.effects.carry_out(booking)
    (recording,) = await house.effects.claim(20)
    town.spoil_splynx(STATEMENTS, "POST", action="drop", when="before")

    await house.effects.carry_out(recording)
    lease = await other.store.read(lambda unit: unit.lease("statement:Stripe 11/2026"))

    assert lease is not None
    assert lease.held_until - town.clock.now() > house.rooms.timing.verify_booking_after
    await other.pass_time(10 * MINUTE, step=MINUTE)
    assert len(town.splynx.state.statements) == 1
    await assert_booked_once(town, other)


async def test_daemons_with_one_api_key_log_in_without_refusing_each_other(
    town: Town, house: FlowHouse, other: FlowHouse, caplog: pytest.LogCaptureFixture
) -> None:
    """Nonces are strict and shared: what is left of an old block is below the other's newest."""
    for _ in range(3):
        for each in (house, other):
            await each.rooms.splynx.company(1)
            assert await each.rooms.splynx.customer(17) is not None
        town.clock.advance(60 * DAY)  # no token lives so long

    assert not [record for record in caplog.records if record.message == "splynx.retry"]


async def test_a_login_that_another_daemon_overtook_is_tried_once_more(
    town: Town, house: FlowHouse, other: FlowHouse
) -> None:
    asked = [each.rooms.splynx.customer(17) for each in (house, other) for _ in range(3)]

    assert None not in await asyncio.gather(*asked)
