"""What a plan says before money moves, and who may let it charge: guardrails and second persons."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from splynx_stripe.domain.charge_run import (
    BY_OFFICE,
)
from splynx_stripe.domain.charge_selection import ChargeKind, Selection
from splynx_stripe.domain.money import Money
from tests.integration.charge_house import POOR_CARD
from tests.integration.charge_stage import (
    FORM,
    NOBODY,
    OTTO,
    RUNS,
    ChargeStage,
    open_charge_stage,
)
from tests.integration.flow_town import Town, open_town
from tests.integration.web_stage import check_page

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


async def test_a_plan_says_how_much_is_charged_who_is_skipped_and_why_before_anything_is_charged(
    office: ChargeStage, town: Town
) -> None:
    await office.house.save_card()
    await office.house.save_card(POOR_CARD, customer=18)
    office.house.issue("202611000777", customer=17, total="0.1000")
    run = await office.plans({"partner.1": "yes"})

    page = await office.shows(f"{RUNS}/{run.id}")

    text = check_page(page)
    view = await office.house.view(run.id)
    (total,) = view.totals
    assert f"Confirm charge: €{total.amount.to_decimal():,.2f}" in text
    for said in (
        "Ready to be confirmed",
        "Begun: 24 Nov 2026",
        "· Administrator 1",
        "The customer has no saved card or bank account.",
        "Stripe does not take so small an amount.",
        "There are too few past runs like this one to compare with.",
        "Visa •••• 4242",
        "nobody can take back what was charged",
    ):
        assert said in text, said
    assert town.intents() == []


async def test_the_confirmed_run_charges_once_and_the_page_shows_the_result_and_each_story(
    office: ChargeStage, town: Town
) -> None:
    await office.house.save_card()
    run = await office.plans(ONE)

    confirmed = await office.sends(f"{RUNS}/{run.id}/confirm", {"seen": "ready"})
    running = check_page(await office.follows(confirmed))
    await office.works()
    page = await office.shows(f"{RUNS}/{run.id}")

    assert "The run is confirmed. It charges now." in running
    assert "Progress: 0 % of all debts had their turn" in running
    text = check_page(page)
    assert "Finished" in text
    assert "Charged €172.50" in text
    assert "Download the result (CSV)" in text
    (item,) = await office.house.items(run.id)
    assert f'href="/stripe/admin/timeline/{item.item.collection_id}"' in page.text
    story = await office.shows(f"/stripe/admin/timeline/{item.item.collection_id}")
    assert "Now: paid and booked." in check_page(story)
    assert [intent["amount"] for intent in town.intents()] == [17250]


async def test_pressing_confirm_twice_charges_once_and_is_no_mistake(
    office: ChargeStage, town: Town
) -> None:
    await office.house.save_card()
    run = await office.plans(ONE)
    path = f"{RUNS}/{run.id}/confirm"

    answers = await asyncio.gather(*(office.sends(path, {"seen": "ready"}) for _ in range(3)))
    await office.works()
    late = await office.sends(path, {"seen": "ready"})

    assert {answer.status for answer in (*answers, late)} == {303}
    assert len(town.intents()) == 1


async def test_above_the_limit_a_second_administrator_has_to_confirm_and_sees_who_was_first(
    office: ChargeStage, town: Town
) -> None:
    await office.house.save_card()
    office.guard(second_above=Money(10000, "EUR"))
    run = await office.plans(ONE)
    path = f"{RUNS}/{run.id}"
    before = check_page(await office.shows(path))

    first = await office.follows(await office.sends(f"{path}/confirm", {"seen": "ready"}))
    twice = await office.follows(await office.sends(f"{path}/confirm", {"seen": "ready"}))
    alone = await office.sends(f"{path}/confirm", {"seen": "awaiting_second"})
    await office.works()
    seen_by_second = check_page(await office.shows(path, OTTO))
    assert town.intents() == []
    second = await office.sends(f"{path}/confirm", {"seen": "awaiting_second"}, OTTO)
    await office.works()

    assert "which is above €100.00. A second administrator has to confirm." in before
    assert "Confirm as the first of two: €172.50" in before
    assert "Nothing is charged before a second one." in check_page(first)
    assert "That was you: another administrator has to confirm now." in check_page(twice)
    assert "Confirm charge" not in check_page(twice)
    assert alone.status == 409
    assert "You have confirmed this run already" in check_page(alone)
    assert "First confirmation: Administrator 1, 24 Nov 2026" in seen_by_second
    assert "Confirm charge: €172.50" in seen_by_second
    assert second.status == 303
    assert len(town.intents()) == 1


async def test_two_people_whom_splynx_does_not_tell_apart_are_not_two_confirmations(
    office: ChargeStage, town: Town
) -> None:
    await office.house.save_card()
    office.guard(second_above=Money(1, "EUR"))
    run = await office.plans(ONE, NOBODY)
    path = f"{RUNS}/{run.id}/confirm"
    await office.sends(path, {"seen": "ready"}, NOBODY)

    answer = await office.sends(path, {"seen": "awaiting_second"}, NOBODY)
    await office.works()

    assert answer.status == 409
    assert "Splynx does not tell which administrator you are" in check_page(answer)
    assert town.intents() == []


async def test_over_the_largest_total_there_is_no_button_and_a_forged_press_changes_nothing(
    office: ChargeStage, town: Town
) -> None:
    await office.house.save_card()
    office.guard(run_maximum=Money(10000, "EUR"))
    run = await office.plans(ONE)

    page = check_page(await office.shows(f"{RUNS}/{run.id}"))
    forged = await office.sends(f"{RUNS}/{run.id}/confirm", {"seen": "ready"})
    await office.works()

    sentence = "would charge €172.50, and the most that one run may charge is €100.00."
    assert sentence in page
    assert "Confirm charge" not in page
    assert forged.status == 409
    assert sentence in check_page(forged)
    assert town.intents() == []


async def test_the_sum_is_compared_with_past_runs(office: ChargeStage) -> None:
    await office.house.save_card()
    for number in range(3):
        office.house.issue(f"20261100080{number}", total="100.0000")
        run = await office.plans({"customers": "17", "total": "100", "condition": "="})
        await office.sends(f"{RUNS}/{run.id}/confirm")
        await office.works()
    office.house.issue("202611000900", total="100.0000")
    office.house.issue("202611000901", total="100.0000")

    run = await office.plans({"customers": "17", "total": "100", "condition": "="})

    text = check_page(await office.shows(f"{RUNS}/{run.id}"))
    assert "100 % more than past runs came to (€100.00)." in text


async def test_a_plan_of_yesterday_cannot_be_confirmed_and_is_planned_anew_with_one_press(
    office: ChargeStage, town: Town
) -> None:
    await office.house.save_card()
    run = await office.plans(ONE)
    town.clock.advance(timedelta(hours=25))

    page = check_page(await office.shows(f"{RUNS}/{run.id}"))
    pressed = await office.sends(f"{RUNS}/{run.id}/confirm", {"seen": "ready"})
    anew = await office.sends(f"{FORM}/plan", {"again": run.id})

    assert "more than a day ago" in page
    assert "Confirm charge" not in page
    assert pressed.status == 409
    assert "Plan it anew." in check_page(pressed)
    assert anew.status == 303
    assert run.id not in anew.headers["Location"]
    old = check_page(await office.shows(f"{RUNS}/{run.id}"))
    assert "The plan was made more than a day ago and nobody confirmed it." in old


async def test_a_run_with_nothing_to_charge_and_a_dry_run_have_no_button(
    office: ChargeStage,
) -> None:
    empty = await office.plans({"numbers": "nothing"})
    await office.house.save_card()
    selection = Selection(ChargeKind.INVOICES, partner_ids=(1,))
    dry = await office.house.runs.plan(selection, actor="admin:1", origin=BY_OFFICE, dry_run=True)
    await office.house.engine.tick()

    texts = [check_page(await office.shows(f"{RUNS}/{one.id}")) for one in (empty, dry)]

    assert "There is nothing to charge" in texts[0]
    assert "This was a dry run: nothing is charged by it." in texts[1]
    assert not any("Confirm charge" in text for text in texts)
    assert (await office.sends(f"{RUNS}/{dry.id}/confirm")).status == 409
