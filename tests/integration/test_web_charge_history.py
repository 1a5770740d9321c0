"""The history of charge runs: found by what they are, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.integration.charge_stage import (
    RUNS,
    ChargeStage,
    open_charge_stage,
)
from tests.integration.flow_town import Town, open_town

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


async def test_the_history_lists_runs_by_what_is_asked_for(office: ChargeStage) -> None:
    await office.house.save_card()
    invoices = await office.plans(ONE)
    balances = await office.plans({"kind": "balances", "customers": "17"})
    await office.acts(invoices, "cancel")

    lists = {
        query: (await office.shows(f"{RUNS}?{query}")).text
        for query in ("", "only=canceled", "kind=balances", "starter=rule", "only=dry_runs")
    }

    shown = {
        query: [run.id for run in (invoices, balances) if run.id in text]
        for query, text in lists.items()
    }
    assert shown == {
        "": [invoices.id, balances.id],
        "only=canceled": [invoices.id],
        "kind=balances": [balances.id],
        "starter=rule": [],
        "only=dry_runs": [],
    }
    assert "No charge run was found." in lists["starter=rule"]


async def test_the_history_goes_on_page_by_page(
    office: ChargeStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("splynx_stripe.web.admin.runs.PAGE_ROWS", 2)
    runs = [await office.begins({"customers": str(number)}) for number in (17, 18, 19)]

    first = await office.shows(RUNS)
    older = next(one["href"] for one in first.document.all("a") if "before=" in one.get("href", ""))
    second = await office.shows(older)

    assert runs[0].id not in first.text
    assert runs[0].id in second.text
    assert runs[2].id not in second.text
