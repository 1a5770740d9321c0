"""The page that plans a charge run: its filters, who may choose what, and the run it leads to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from splynx_stripe.domain.charge_run import RunState
from splynx_stripe.domain.charge_selection import (
    CHARGEABLE_STATUSES,
    LISTED_AT_MOST,
    ChargeKind,
    PeriodOf,
    Selection,
    TotalCondition,
)
from splynx_stripe.web.charge_desk import FilterNames
from tests.integration.charge_stage import FORM, RUNS, ChargeStage, open_charge_stage
from tests.integration.flow_town import Town, open_town
from tests.integration.web_stage import ANNA, OLGA, PAUL, Answer, check_page

EVERYTHING = {
    "kind": "invoices",
    "first": "2026-11-01",
    "last": "2026-11-30",
    "period_of": "due",
    "condition": ">",
    "total": "49,90",
    "partner.1": "yes",
    "location.2": "yes",
    "method.1": "yes",
    "status.active": "yes",
    "with_pending": "yes",
    "customers": "18, 17 17",
    "numbers": "202611000042\n202611000043",
}
ALL_OF_IT = Selection(
    ChargeKind.INVOICES,
    first_day=date(2026, 11, 1),
    last_day=date(2026, 11, 30),
    period_of=PeriodOf.DUE,
    partner_ids=(1,),
    location_ids=(2,),
    payment_method_ids=(1,),
    statuses=CHARGEABLE_STATUSES,
    customer_statuses=("active",),
    total_condition=TotalCondition.MORE,
    total=Decimal("49.90"),
    customer_ids=(17, 18),
    document_numbers=("202611000042", "202611000043"),
)


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as opened:
        yield opened


@pytest.fixture
async def office(town: Town, sqlite_url: str) -> AsyncIterator[ChargeStage]:
    async with open_charge_stage(town, sqlite_url) as opened:
        yield opened


def fields_of(answer: Answer) -> dict[str, str]:
    """Takes what a browser would send from the form."""
    found = {}
    for one in answer.document.all("input"):
        is_box = one.get("type") == "checkbox"
        if "name" in one and "disabled" not in one and (not is_box or "checked" in one):
            found[one["name"]] = one.get("value", "")
    return found


async def test_the_page_has_three_tabs_with_the_filters_that_each_can_have(
    office: ChargeStage,
) -> None:
    pages = {kind: await office.shows(f"{FORM}?kind={kind}") for kind in ChargeKind}

    for kind, title in (("invoices", "Invoices"), ("balances", "Balances"), ("prepaid", "Prepaid")):
        text = check_page(pages[ChargeKind(kind)])
        assert f"Charge: {title}" in text
        assert "A preview charges nothing." in text
    names = {kind: set(fields_of(page)) for kind, page in pages.items()}
    assert {"first", "last", "total"} <= names[ChargeKind.INVOICES]
    assert "first" not in names[ChargeKind.BALANCES] | names[ChargeKind.PREPAID]
    balance = {kind for kind, page in pages.items() if 'name="uses_balance"' in page.text}
    numbers = {kind for kind, page in pages.items() if 'name="numbers"' in page.text}
    assert (balance, numbers) == ({ChargeKind.PREPAID}, {ChargeKind.INVOICES})


async def test_every_filter_of_the_form_becomes_part_of_the_selection(
    office: ChargeStage,
) -> None:
    run = await office.begins(EVERYTHING)

    assert run.selection == ALL_OF_IT
    assert (run.made_by, run.state, run.is_rehearsal) == ("admin:1", RunState.PLANNING, False)


async def test_the_filters_of_a_run_can_be_changed_and_are_all_in_the_form_again(
    office: ChargeStage,
) -> None:
    first = await office.begins(EVERYTHING)

    page = await office.shows(f"{FORM}?of={first.id}")

    sent = fields_of(page)
    areas = {"customers": "17, 18", "numbers": "202611000042, 202611000043"}
    assert all(text in page.text for text in areas.values())
    again = await office.begins(sent | areas | {"condition": ">", "period_of": "due"})
    assert again.id == first.id


async def test_prepaid_can_use_the_available_balance_and_has_no_period(
    office: ChargeStage,
) -> None:
    run = await office.begins({**EVERYTHING, "kind": "prepaid", "uses_balance": "yes"})

    assert (run.selection.kind, run.selection.uses_balance) == (ChargeKind.PREPAID, True)
    assert (run.selection.first_day, run.selection.document_numbers) == (None, ())


async def test_the_same_selection_leads_to_the_run_that_is_there_and_says_so(
    office: ChargeStage, town: Town
) -> None:
    first = await office.begins({"partner.1": "yes"})
    town.clock.advance(timedelta(seconds=3))

    answer = await office.sends(f"{FORM}/plan", {"kind": "invoices", "partner.1": "yes"})

    assert answer.headers["Location"] == f"{RUNS}/{first.id}?done=joined"
    assert "has a run already" in check_page(await office.follows(answer))
    assert len(await office.house.runs.runs(before="", limit=10)) == 1


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("first", "yesterday", "Please enter a date"),
        ("last", "1890-01-01", "Please enter a date"),
        ("customers", "17, Anna", "Please enter ids"),
        ("total", "much", "Please enter an amount"),
        ("partner", "1; DROP", "Please enter ids"),
        ("numbers", "9" * 65, "Please enter numbers of invoices"),
        ("customers", " ".join(map(str, range(1, LISTED_AT_MOST + 2))), "At most 2000"),
    ],
)
async def test_what_is_not_understood_is_said_beside_its_field_and_plans_nothing(
    office: ChargeStage, field: str, text: str, sentence: str
) -> None:
    condition = {"condition": ">"} if field == "total" else {}

    answer = await office.sends(f"{FORM}/plan", {"kind": "invoices", field: text, **condition})

    assert answer.status == 422
    assert sentence in check_page(answer)
    assert "No plan was made" in answer.text
    assert await office.house.runs.runs(before="", limit=10) == []


async def test_a_period_that_ends_before_it_begins_and_a_total_without_comparison_are_mistakes(
    office: ChargeStage,
) -> None:
    wrong = {"first": "2026-11-30", "last": "2026-11-01", "total": "5"}

    text = check_page(await office.sends(f"{FORM}/plan", {"kind": "invoices", **wrong}))

    assert "The first day is after the last one." in text
    assert "Please choose how the total is compared" in text


async def test_an_administrator_of_one_partner_charges_that_partner_whatever_is_sent(
    office: ChargeStage,
) -> None:
    page = await office.shows(FORM, PAUL)

    run = await office.begins({"partner.1": "yes", "partner": "1"}, PAUL)

    assert "Partners" not in check_page(page)
    assert run.selection.partner_ids == (2,)
    assert run.partner_id == 2


async def test_runs_of_other_partners_cannot_be_seen_planned_anew_or_named(
    office: ChargeStage,
) -> None:
    run = await office.begins({"partner.1": "yes"})

    for path in (f"{FORM}?of={run.id}", f"{RUNS}/{run.id}", f"{RUNS}/{run.id}/result.csv"):
        assert (await office.shows(path, PAUL)).status == 404
    assert (await office.sends(f"{FORM}/plan", {"again": run.id}, PAUL)).status == 404
    assert run.id not in (await office.shows(RUNS, PAUL)).text


async def test_where_splynx_does_not_tell_names_ids_can_be_typed(office: ChargeStage) -> None:
    office.names.known = FilterNames()

    page = await office.shows(FORM)
    run = await office.begins({"partner": "1, 2", "location": "2"})

    assert "Splynx does not tell the names just now" in check_page(page)
    assert (run.selection.partner_ids, run.selection.location_ids) == ((1, 2), (2,))


async def test_a_ticked_filter_that_has_no_name_any_more_is_still_shown(
    office: ChargeStage,
) -> None:
    run = await office.begins({"location.2": "yes"})
    office.names.known = replace(office.names.known, locations={1: "Prague"})

    page = await office.shows(f"{FORM}?of={run.id}")

    assert fields_of(page)["location.2"] == "yes"


async def test_customers_and_strangers_are_led_to_the_sign_in(office: ChargeStage) -> None:
    for path in (FORM, RUNS, f"{RUNS}/run_1"):
        for session in ("", ANNA):
            answer = await office.shows(path, session)
            assert answer.status == 302
            assert "/admin/login/?return=" in answer.headers["Location"]


async def test_while_splynx_is_down_the_plan_waits_and_says_why(
    office: ChargeStage, town: Town
) -> None:
    run = await office.begins()
    town.spoil_splynx("/api/2.0/admin/finance/invoices.*", times=50)

    await office.house.engine.tick()
    page = await office.shows(f"{RUNS}/{run.id}")

    text = check_page(page)
    assert "Being planned" in text
    assert "It had to wait, and goes on by itself:" in text
    assert 'http-equiv="refresh"' in page.text
    assert OLGA not in page.text
