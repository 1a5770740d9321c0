"""The emergency stop on the office's pages: who may stop, what everybody sees, how it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.integration.charge_stage import (
    FORM,
    OTTO,
    RUNS,
    ChargeStage,
    open_charge_stage,
)
from tests.integration.flow_town import Town, open_town
from tests.integration.web_stage import OLGA, PAUL, check_page

ONE = {"numbers": "202611000042"}
"""Anna's invoice of 172.50 alone."""


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as opened:
        yield opened


@pytest.fixture
async def office(town: Town, sqlite_url: str) -> AsyncIterator[ChargeStage]:
    async with open_charge_stage(town, sqlite_url) as opened:
        yield opened


async def test_the_emergency_stop_is_on_every_page_says_who_and_why_and_ends_with_a_note(
    office: ChargeStage, town: Town
) -> None:
    await office.house.save_card()
    run = await office.plans(ONE)
    pages = ("/stripe/admin/", FORM, RUNS, f"{RUNS}/{run.id}")

    for page in pages:
        assert "Stop all charging now" in check_page(await office.shows(page))
    stopped = await office.sends(f"{FORM}/stop", {"reason": "  wrong\nprices \x00", "run": run.id})
    seen = [check_page(await office.shows(page, OTTO)) for page in pages]
    refused = await office.sends(f"{RUNS}/{run.id}/confirm", {"seen": "ready"})
    await office.works()
    resumed = await office.sends(f"{FORM}/resume", {"note": "corrected"}, OTTO)

    assert stopped.headers["Location"] == f"{RUNS}/{run.id}"
    for text in seen:
        assert "Reason: wrong prices Stopped: 24 Nov 2026" in text
        assert "· Administrator 1" in text
        assert "Stop all charging now" not in text
    assert refused.status == 409
    assert "because charging is stopped" in check_page(refused)
    assert town.intents() == []
    assert "Charging may go on." in check_page(await office.follows(resumed))
    assert await office.house.runs.stop() is None


async def test_a_stop_needs_a_reason_and_its_end_a_note(office: ChargeStage) -> None:
    nothing = await office.sends(f"{FORM}/stop", {"reason": " \t "})
    assert nothing.status == 422
    assert "Please say why" in check_page(nothing)
    assert await office.house.runs.stop() is None

    await office.sends(f"{FORM}/stop", {"reason": "wrong prices"})
    nothing = await office.sends(f"{FORM}/resume", {})
    assert nothing.status == 422
    assert "Please write a note" in check_page(nothing)
    assert await office.house.runs.stop() is not None


async def test_who_sees_one_partner_only_neither_stops_nor_starts_all_of_them(
    office: ChargeStage,
) -> None:
    page = check_page(await office.shows(FORM, PAUL))
    refused = await office.sends(f"{FORM}/stop", {"reason": "mine"}, PAUL)
    await office.sends(f"{FORM}/stop", {"reason": "wrong prices"}, OLGA)
    stopped = check_page(await office.shows(FORM, PAUL))
    resumed = await office.sends(f"{FORM}/resume", {"note": "mine"}, PAUL)

    assert "Stop all charging now" not in page
    assert {refused.status, resumed.status} == {403}
    assert "An administrator of all partners can let it go on." in stopped
    assert await office.house.runs.stop() is not None
