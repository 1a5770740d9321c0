"""What people read about a debt afterwards, in whole stories."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.integration.flow_house import FlowHouse, open_house
from tests.integration.flow_town import (
    CREATE,
    DECLINED_CARD,
    HOUR,
    MINUTE,
    Town,
    open_town,
)

WRITTEN_DOWN = "A charge of 172.50 EUR on Stripe account default:test was written down."
LOST = "Stripe's answer was lost; it is not known yet whether it has the payment."


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as opened:
        yield opened


@pytest.fixture
async def house(town: Town, sqlite_url: str) -> AsyncIterator[FlowHouse]:
    async with open_house(town, sqlite_url) as opened:
        yield opened


async def story(house: FlowHouse) -> list[str]:
    """Gives the story's lines with `pi_…` and `col_…` for the ids."""
    told = re.sub(r"\b(pi|col|att)_\w+", r"\1_…", await house.timeline())
    return [line.strip() for line in told.splitlines() if line]


async def test_a_payment_with_a_detour_reads_well(town: Town, house: FlowHouse) -> None:
    town.spoil_stripe(CREATE, "POST", action="drop", when="after")
    await house.press_pay()
    await house.pass_time(MINUTE)
    start = await house.press_pay()
    await town.enter_card(start.client_secret, DECLINED_CARD)
    await house.deliver_webhooks()
    town.clock.advance(timedelta(seconds=9))
    await town.enter_card(start.client_secret)
    await house.deliver_webhooks()

    assert await story(house) == [
        "Invoice 202611000042, 172.50 EUR",
        "Customer 17, partner 1.",
        "Now: paid and booked.  [col_…]",
        "2026-11-24 09:00:00Z  Somebody began to pay (portal).",
        f"2026-11-24 09:00:00Z  {WRITTEN_DOWN}",
        f"2026-11-24 09:00:00Z  {LOST}",
        "2026-11-24 09:01:00Z  Stripe waits for the customer's payment details (pi_…).",
        "2026-11-24 09:01:01Z  A try to pay was declined: insufficient funds. No money was taken by it.",
        "2026-11-24 09:01:11Z  Stripe took 172.50 EUR (pi_…).",
        "2026-11-24 09:01:11Z  The debt is settled; no other way can collect it now.",
        "2026-11-24 09:01:11Z  The debt is paid and booked.",
        "2026-11-24 09:01:11Z  Splynx payment 333 of 172.50 EUR was booked.",
        '2026-11-24 09:01:11Z  It was entered into the payment statement "Stripe 11/2026".',
    ]


async def test_an_abandoned_payment_reads_well(town: Town, house: FlowHouse) -> None:
    await house.press_pay()
    await house.pass_time(HOUR + 5 * MINUTE, step=5 * MINUTE)

    assert await story(house) == [
        "Invoice 202611000042, 172.50 EUR",
        "Customer 17, partner 1.",
        "Now: ended without money.  [col_…]",
        "2026-11-24 09:00:00Z  Somebody began to pay (portal).",
        f"2026-11-24 09:00:00Z  {WRITTEN_DOWN}",
        "2026-11-24 09:00:00Z  Stripe waits for the customer's payment details (pi_…).",
        "2026-11-24 10:00:00Z  The payment is being withdrawn at Stripe.",
        "2026-11-24 10:00:00Z  Stripe confirmed that it will take no money with pi_….",
        "2026-11-24 10:00:00Z  The effort ended without money; the debt can be paid again.",
    ]


async def test_a_case_stands_at_the_end_of_the_story(town: Town, house: FlowHouse) -> None:
    start = await house.press_pay()
    town.pay_by_cash(1042)
    await town.enter_card(start.client_secret)
    await house.deliver_webhooks()

    assert (await story(house))[-1] == (
        "Needs a person (paid_meanwhile): Invoice 202611000042 was paid by another way while it"
        " was being paid through Stripe. 172.50 EUR went to the balance of customer 17. Refund one"
        " of the two, or leave it as credit."
    )
