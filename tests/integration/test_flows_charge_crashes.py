"""The process dies after any commit, or on either side of the request: each debt is charged once.

Faults 1 to 5 for charges without the customer (I1, I2, I5). Death is cut short: whatever runs ends
there, and another house on the same database begins.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from splynx_stripe.domain.collection import CollectionState
from splynx_stripe.domain.stripe import Observed
from splynx_stripe.flows.ask_stripe import StripeAsker
from splynx_stripe.flows.charge import ChargeFlow, ChargeStanding
from splynx_stripe.flows.ports import Store, StripeGateway, Unit
from tests.integration.charge_house import POOR_CARD, ChargeHouse, open_charges
from tests.integration.flow_town import MINUTE, Town, open_town

T = TypeVar("T")
S = ChargeStanding
ORIGIN = "run/run_9/1"
COMMITS = 3
"""The lease, the attempt, what Stripe said."""


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as opened:
        yield opened


class MortalStore:
    """A store whose process dies after a number of commits."""

    def __init__(self, store: Store, commits: int) -> None:
        self._store = store
        self._left = commits

    async def run(self, work: Callable[[Unit], T]) -> T:
        result = await self._store.run(work)
        self._left -= 1
        if not self._left:
            raise asyncio.CancelledError
        return result

    async def read(self, work: Callable[[Unit], T]) -> T:
        return await self._store.read(work)


class MortalGateway:
    """A gateway whose process dies when it is about to ask, or when it has just heard the answer."""

    def __init__(self, stripe: StripeGateway, when: str) -> None:
        self._stripe = stripe
        self._when = when

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stripe, name)

    async def create_payment_intent(self, *given: Any, **named: Any) -> Observed:
        if self._when == "before":
            raise asyncio.CancelledError
        observed = await self._stripe.create_payment_intent(*given, **named)
        raise asyncio.CancelledError(observed.intent.id)


async def die(house: ChargeHouse, *, commits: int = 0, at_request: str = "") -> None:
    """Charges until death."""
    rooms = house.house.rooms
    if commits:
        rooms = replace(rooms, store=MortalStore(rooms.store, commits))
    if at_request:
        rooms = replace(rooms, stripe=MortalGateway(rooms.stripe, at_request))
    mortal = replace(house, flow=ChargeFlow(rooms, StripeAsker(rooms)))
    with pytest.raises(asyncio.CancelledError):
        await mortal.charge(origin=ORIGIN)


DEATHS: list[dict[str, Any]] = [
    *({"commits": number} for number in range(1, COMMITS + 1)),
    {"at_request": "before"},
    {"at_request": "after"},
]


@pytest.mark.parametrize("death", DEATHS, ids=str)
async def test_who_ordered_it_calls_again_and_it_is_one_charge(
    town: Town, store_url: str, death: dict[str, Any]
) -> None:
    async with open_charges(town, store_url) as house:
        await house.credentials.save_card()
        payable = await house.payable()
        await die(house, **death)

    async with open_charges(town, store_url) as restarted:
        result = await restarted.charge(payable, origin=ORIGIN)
        await restarted.house.pump.drain()

        assert result.standing is S.SUCCEEDED
        assert town.statuses() == ["succeeded"]
        assert len(town.bookings()) == 1
        assert await restarted.house.collection_states() == [CollectionState.BOOKED]
        assert restarted.remembered == []  # the lease of before goes on


@pytest.mark.parametrize("death", DEATHS, ids=str)
async def test_nobody_calls_again_and_it_is_one_charge_or_none(
    town: Town, sqlite_url: str, death: dict[str, Any]
) -> None:
    async with open_charges(town, sqlite_url) as house:
        await house.credentials.save_card()
        await die(house, **death)

    async with open_charges(town, sqlite_url) as restarted:
        await restarted.house.pass_time(20 * MINUTE, step=MINUTE)
        await restarted.house.look_after.release_idle_leases()

        was_written_down = death != {"commits": 1}
        assert town.statuses() == (["succeeded"] if was_written_down else [])
        assert len(town.bookings()) == len(town.intents())
        wanted = CollectionState.BOOKED if was_written_down else CollectionState.CLOSED
        assert await restarted.house.collection_states() == [wanted]
        assert await restarted.house.case_kinds() == []


@pytest.mark.parametrize("death", DEATHS, ids=str)
async def test_a_decline_is_followed_up_once_whenever_the_process_died(
    town: Town, sqlite_url: str, death: dict[str, Any]
) -> None:
    async with open_charges(town, sqlite_url) as house:
        await house.credentials.save_card(POOR_CARD)
        payable = await house.payable()
        await die(house, **death)
        before = house.house.failures.attempt_ids

    async with open_charges(town, sqlite_url) as restarted:
        result = await restarted.charge(payable, origin=ORIGIN)
        await restarted.house.deliver_webhooks()
        again = await restarted.charge(payable, origin=ORIGIN)

        assert (result.standing, again.standing) == (S.FAILED, S.FAILED)
        assert before + restarted.house.failures.attempt_ids == [result.attempt_id]
        assert town.statuses() == ["canceled"]
