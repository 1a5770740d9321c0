"""Two daemons retry the same debts at once, as when one believes that it still leads (I1, I11)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from splynx_stripe.domain.notice import NoticeState
from splynx_stripe.domain.recovery import RecoveryState
from splynx_stripe.flows.charge import ChargeStanding
from tests.integration.charge_house import POOR_CARD
from tests.integration.failure_house import DAY, FailureHouse, open_failures
from tests.integration.flow_town import Town, open_town


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as opened:
        yield opened


@pytest.fixture
async def home(town: Town, postgres_url: str) -> AsyncIterator[FailureHouse]:
    async with open_failures(town, postgres_url) as opened:
        yield opened


@pytest.fixture
async def other(town: Town, postgres_url: str, home: FailureHouse) -> AsyncIterator[FailureHouse]:
    """Gives a second daemon on the same database."""
    async with open_failures(town, postgres_url) as opened:
        yield opened


async def fail(home: FailureHouse) -> None:
    await home.charges.credentials.save_card(POOR_CARD)
    assert (await home.charges.charge()).standing is ChargeStanding.FAILED
    await home.house.pump.drain()


async def test_a_try_that_is_due_on_two_daemons_is_one_charge(
    town: Town, home: FailureHouse, other: FailureHouse
) -> None:
    await fail(home)
    await home.charges.credentials.save_card()
    town.clock.advance(DAY)

    await asyncio.gather(*(one.retries.tick() for one in (home, other) * 3))
    await home.house.pump.drain()
    await other.retries.tick()

    assert town.statuses() == ["canceled", "succeeded"]
    recovery = await home.recovery()
    assert (recovery.state, recovery.tries) == (RecoveryState.RECOVERED, 1)
    assert len(town.bookings()) == 1


async def test_a_try_that_fails_on_two_daemons_counts_once(
    town: Town, home: FailureHouse, other: FailureHouse
) -> None:
    await fail(home)
    town.clock.advance(DAY)

    await asyncio.gather(*(one.retries.tick() for one in (home, other) * 3))
    await asyncio.gather(home.house.pump.drain(), other.house.pump.drain())
    await asyncio.gather(home.retries.tick(), other.retries.tick())

    recovery = await home.recovery()
    assert (recovery.state, recovery.tries, recovery.step) == (RecoveryState.WAITING, 1, 2)
    assert len(town.intents()) == 2


async def test_a_notice_that_is_due_on_two_daemons_is_sent_once(
    home: FailureHouse, other: FailureHouse
) -> None:
    await fail(home)

    await asyncio.gather(*(one.sender.tick() for one in (home, other) * 3))

    assert len(home.mails()) == 1
    assert [notice.state for notice in await home.written()] == [NoticeState.SENT]
