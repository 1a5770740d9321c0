"""The pump outlives a database that goes away: it waits, says so, and goes on (I10)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import pytest

from splynx_stripe.domain.attempt import Attempt
from splynx_stripe.domain.effect import StoredEffect
from splynx_stripe.domain.inbox import InboxEvent
from splynx_stripe.flows.due_work import DueWork, Limits
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.tasks import Supervisor
from splynx_stripe.schedule.pump import Flows, Pump
from splynx_stripe.store.errors import StoreUnavailableError
from tests.unit.test_pump import ATTEMPT


class FlowsWithoutDatabase:
    """All flows; the database is away at the first claim and during the first look."""

    def __init__(self) -> None:
        self.claims = 0
        self.looks = 0
        self.looked_twice = asyncio.Event()

    async def claim_due(self, limits: Limits) -> DueWork:
        self.claims += 1
        if self.claims == 1:
            raise StoreUnavailableError("away")
        return DueWork(attempts=[ATTEMPT][: limits.attempts] if self.looks < 2 else [])

    async def handle_all(self, events: Sequence[InboxEvent]) -> None:
        raise AssertionError(f"there are none, but {events}")

    async def carry_out(self, effect: StoredEffect) -> None:
        raise AssertionError(f"there is none, but {effect}")

    async def look_at(self, attempt: Attempt) -> None:
        assert attempt == ATTEMPT
        self.looks += 1
        if self.looks == 1:
            raise StoreUnavailableError("away")
        self.looked_twice.set()


async def test_the_pump_goes_on_by_itself_when_the_database_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    flows = FlowsWithoutDatabase()
    with caplog.at_level(logging.WARNING):
        async with Supervisor() as tasks:
            pump = Pump(Flows(flows, flows, flows, flows), tasks=tasks, clock=SystemClock())
            running = tasks.start("pump", pump.run())
            await asyncio.wait_for(flows.looked_twice.wait(), timeout=20)
            await pump.stop(timeout_s=5)
            await running

    assert [record.message for record in caplog.records] == ["pump.waits", "pump.interrupted"]
