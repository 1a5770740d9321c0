"""The page of a charge run while it charges and afterwards: buttons, progress, debts, result."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from splynx_stripe.domain.charge_plan import Reason, Verdict
from splynx_stripe.domain.charge_run import (
    ItemOutcome,
    RunRefusal,
    RunState,
)
from splynx_stripe.domain.guardrails import GuardrailKind
from splynx_stripe.flows.charge import ChargeStanding
from splynx_stripe.flows.charge_run_plan import _NOTHING as NOTHING, _REHEARSED as REHEARSED
from splynx_stripe.flows.charge_runs import OUTDATED, STALE
from splynx_stripe.web.admin import charge_words, run_items
from tests.integration.charge_house import POOR_CARD
from tests.integration.charge_stage import (
    RUNS,
    ChargeStage,
    open_charge_stage,
)
from tests.integration.flow_town import Town, open_town
from tests.integration.web_stage import PAUL, check_page

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


@pytest.mark.parametrize(
    ("action", "question", "state"),
    [
        ("pause", "Pause this charge run?", RunState.PAUSED),
        ("cancel", "Cancel this charge run for good?", RunState.CANCELED),
    ],
)
async def test_pause_and_cancel_ask_first_and_act_once(
    office: ChargeStage, town: Town, action: str, question: str, state: RunState
) -> None:
    await office.house.save_card()
    run = await office.plans(ONE)
    await office.sends(f"{RUNS}/{run.id}/confirm")

    asked = await office.sends(f"{RUNS}/{run.id}/{action}")
    between = (await office.house.view(run.id)).run.state
    done = await office.acts(run, action)
    again = await office.acts(run, action)
    await office.works()

    text = check_page(asked)
    assert question in text
    assert "Plan: €172.50 · Charged so far: nothing" in text
    assert (between, (await office.house.view(run.id)).run.state) == (RunState.RUNNING, state)
    assert done.headers["Location"] == f"{RUNS}/{run.id}?done={action}"
    assert again.headers["Location"] == f"{RUNS}/{run.id}?done=already"
    assert town.intents() == []


async def test_a_paused_run_goes_on_and_a_plan_is_discarded_in_other_words(
    office: ChargeStage, town: Town
) -> None:
    await office.house.save_card()
    run = await office.plans(ONE)

    discard = check_page(await office.sends(f"{RUNS}/{run.id}/cancel"))
    await office.sends(f"{RUNS}/{run.id}/confirm")
    await office.acts(run, "pause")
    paused = check_page(await office.shows(f"{RUNS}/{run.id}"))
    resumed = check_page(await office.follows(await office.acts(run, "resume")))
    await office.works()
    done = check_page(await office.shows(f"{RUNS}/{run.id}?done=resume"))

    assert "Discard this plan?" in discard
    assert "Nothing was charged. The plan stays in the history" in discard
    assert "Paused" in paused
    assert "Go on …" in paused
    assert "The run goes on." in resumed
    assert "The run goes on." not in done
    assert len(town.intents()) == 1


async def test_a_page_that_is_out_of_date_says_so_and_changes_nothing(
    office: ChargeStage,
) -> None:
    await office.house.save_card()
    run = await office.plans(ONE)
    await office.acts(run, "cancel")

    for action, fields in (("confirm", {"seen": "ready"}), ("pause", {}), ("resume", {})):
        answer = await office.sends(f"{RUNS}/{run.id}/{action}", fields)

        assert answer.status == 409, action
        assert "This page was out of date" in check_page(answer)
    assert (await office.house.view(run.id)).run.state is RunState.CANCELED


async def test_progress_is_told_to_the_script_as_the_page_shows_it(
    office: ChargeStage,
) -> None:
    await office.house.save_card(POOR_CARD)
    run = await office.plans({"partner.1": "yes"})
    await office.sends(f"{RUNS}/{run.id}/confirm")

    page = await office.shows(f"{RUNS}/{run.id}?q=17")
    before = json.loads((await office.shows(f"{RUNS}/{run.id}/progress")).text)
    await office.works()
    after = json.loads((await office.shows(f"{RUNS}/{run.id}/progress?q=17")).text)

    watched = page.document.attribute("progress", "data-url")
    assert watched == f"{RUNS}/{run.id}/progress?q=17"
    assert page.document.attribute("progress", "data-state") == before["state"] == "running"
    assert (after["state"], after["percent"]) == ("done", 100)
    assert "There was not enough money on the account." in after["progress"]
    assert "insufficient_funds" in after["progress"]
    assert "Waits for its turn" in before["list"]
    assert "Failed, no money was taken" in after["list"]
    assert "customers/view?id=17" in after["list"]
    assert "customers/view?id=18" not in after["list"]


async def test_the_script_is_told_in_json_when_there_is_nothing_to_watch(
    office: ChargeStage,
) -> None:
    run = await office.plans(ONE)

    unknown = await office.shows(f"{RUNS}/run_0/progress")
    foreign = await office.shows(f"{RUNS}/{run.id}/progress", PAUL)

    for answer in (unknown, foreign):
        assert answer.status == 404
        assert json.loads(answer.text)


async def test_items_are_filtered_searched_and_shown_page_by_page(
    office: ChargeStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_items, "PAGE_ROWS", 2)
    await office.house.save_card()
    for number in range(5):
        office.house.issue(f"20261100100{number}")
    run = await office.plans({"customers": "17", "condition": "=", "total": "20"})
    page = f"{RUNS}/{run.id}"

    first = await office.shows(page)
    next_url = next(
        one["href"] for one in first.document.all("a") if "after=2" in one.get("href", "")
    )
    second = check_page(await office.shows(next_url.partition("#")[0]))
    found = check_page(await office.shows(f"{page}?q=202611001003"))
    skipped = check_page(await office.shows(f"{page}?only=skipped"))
    nobody = check_page(await office.shows(f"{page}?q=18"))

    assert "202611001000" in check_page(first)
    assert "202611001002" in second
    assert "202611001000" not in second
    assert "From the beginning" in second
    assert "202611001003" in found
    assert "202611001004" not in found
    assert "No debt was found." in skipped
    assert "No debt was found." in nobody


async def test_a_reason_in_the_plan_leads_to_its_items(office: ChargeStage) -> None:
    await office.house.save_card()
    run = await office.plans({"partner.1": "yes"})

    page = await office.shows(f"{RUNS}/{run.id}")
    link = next(
        one["href"] for one in page.document.all("a") if "reason=no_credential" in one["href"]
    )
    text = check_page(await office.shows(link.partition("#")[0]))

    assert "Only: The customer has no saved card or bank account." in text
    assert "202611000042" not in text


async def test_the_result_is_a_file_with_a_line_for_each_debt(office: ChargeStage) -> None:
    await office.house.save_card()
    run = await office.plans({"partner.1": "yes"})
    await office.sends(f"{RUNS}/{run.id}/confirm")
    await office.works()

    answer = await office.shows(f"{RUNS}/{run.id}/result.csv")

    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert f"charge-run-{run.id}.csv" in answer.headers["Content-Disposition"]
    assert len(rows) == (await office.house.view(run.id)).items
    (anna,) = [row for row in rows if row["document"] == "202611000042"]
    assert (anna["outcome"], anna["charged"]) == ("succeeded", "172.50")


async def test_links_that_were_sent_instead_of_charges_are_counted(office: ChargeStage) -> None:
    terms = office.house.charges.house.terms
    terms.by_partner[1] = replace(terms.by_partner[1], sends_payment_links=True)
    run = await office.plans(ONE)

    planned = check_page(await office.shows(f"{RUNS}/{run.id}"))
    await office.sends(f"{RUNS}/{run.id}/confirm")
    await office.works()
    done = check_page(await office.shows(f"{RUNS}/{run.id}"))

    assert "Gets a link by e-mail" in planned
    assert "Confirm charge: links only" in planned
    assert "Link sent by e-mail" in done


async def test_a_run_that_is_not_there_is_said_so(office: ChargeStage) -> None:
    for name in ("run_0", "%00", "a" * 65, "<script>"):
        answer = await office.shows(f"{RUNS}/{name}")
        assert answer.status == 404


async def test_a_run_that_was_paused_for_too_long_does_not_go_on(
    office: ChargeStage, town: Town
) -> None:
    await office.house.save_card()
    run = await office.plans(ONE)
    await office.sends(f"{RUNS}/{run.id}/confirm")
    await office.acts(run, "pause")
    town.clock.advance(timedelta(days=8))

    answer = await office.acts(run, "resume")
    await office.works()

    assert answer.status == 409
    assert "The run was confirmed more than a week ago" in check_page(answer)
    assert town.intents() == []
    ended = check_page(await office.shows(f"{RUNS}/{run.id}"))
    assert "Plan it anew" in ended


def test_what_the_program_itself_says_of_a_run_can_be_said_in_every_language() -> None:
    assert {STALE, OUTDATED, NOTHING, REHEARSED} == set(charge_words.KNOWN_REASONS)


def test_every_word_of_a_run_has_a_text() -> None:
    assert set(charge_words.REASONS) == set(Reason)
    assert set(charge_words.VERDICTS) == set(Verdict)
    assert set(charge_words.OUTCOMES) == set(ItemOutcome)
    assert set(charge_words.STATES) == set(RunState)
    assert set(charge_words.REFUSALS) == set(RunRefusal)
    assert set(charge_words._FINDINGS) == set(GuardrailKind)
    ended = {
        ChargeStanding.PAID,
        ChargeStanding.PENDING,
        ChargeStanding.BUSY,
        ChargeStanding.NO_CREDENTIAL,
        ChargeStanding.CHANGED,
        ChargeStanding.NOT_CHARGEABLE,
        ChargeStanding.GONE,
    }
    assert {standing.value for standing in ended} <= set(charge_words.NOTES)
