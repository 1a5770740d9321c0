"""The figures of failed payments that Prometheus gets."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry

from splynx_stripe.daemon.failures_wing import FailureFigures
from splynx_stripe.flows.links import Links
from splynx_stripe.flows.send_notices import NoticeSender
from splynx_stripe.gateways.splynx import SplynxHttpGateway
from splynx_stripe.web.notice_words import WrittenNotices
from tests.integration.charge_house import POOR_CARD
from tests.integration.failure_house import DAY, SITE, FailureHouse, open_failures
from tests.integration.flow_town import Town, open_town


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as opened:
        yield opened


@pytest.fixture
async def home(town: Town, store_url: str) -> AsyncIterator[FailureHouse]:
    async with open_failures(town, store_url) as opened:
        yield opened


async def test_recoveries_are_shown_by_state_and_notices_are_counted_by_way_and_outcome(
    home: FailureHouse,
) -> None:
    registry = CollectorRegistry()
    rooms = home.house.rooms
    figures = FailureFigures(registry, rooms.store)
    splynx = rooms.splynx
    assert isinstance(splynx, SplynxHttpGateway)
    links = Links(rooms.store, splynx, rooms.clock, rooms.ids)
    words = WrittenNotices(SITE)
    sender = NoticeSender(rooms, splynx, links, home.rules, words, on_end=figures.count_notice)

    def recoveries(state: str) -> float | None:
        return registry.get_sample_value("splynx_stripe_recoveries", {"state": state})

    await home.charges.credentials.save_card(POOR_CARD)
    await home.charges.charge()
    await home.house.pump.drain()
    await figures.tick()
    assert (recoveries("waiting"), recoveries("recovered")) == (1, 0)

    await sender.tick()
    await home.charges.credentials.save_card()
    await home.pass_time(DAY)
    await figures.tick()

    assert (recoveries("waiting"), recoveries("recovered")) == (0, 1)
    sent = registry.get_sample_value(
        "splynx_stripe_notices_total", {"way": "mail", "outcome": "sent"}
    )
    assert sent == len(home.mails()) == 1
