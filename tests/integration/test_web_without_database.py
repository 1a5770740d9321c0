"""What a browser and Stripe are told while the database takes nothing (fault 10; I7)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from splynx_stripe.store.errors import StoreUnavailableError
from tests.integration.web_stage import Stage, open_stage

DIRECT = "/stripe/direct-pay-invoice?item_id=202611000042"


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with open_stage() as stage:
        yield stage


async def test_a_page_says_that_nothing_was_begun_and_offers_to_try_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise StoreUnavailableError("The database cannot be used now (database or disk is full).")

    monkeypatch.setattr(stage.pay, "view_for_link", refuse)

    answer = await stage.page(DIRECT)

    assert answer.status == 503
    assert answer.headers["Retry-After"] == "60"
    assert "We cannot write anything down at the moment, so we did not begin." in answer.text
    assert "No card was charged by this page." in answer.text
    assert "disk" not in answer.text, "that is for the journal"
    assert "Try again" in answer.text
