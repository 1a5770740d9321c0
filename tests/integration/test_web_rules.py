"""The pages of auto charge: rules are made, changed and switched by whom they concern, once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest

from splynx_stripe.domain.charge_rule import (
    ChargeRule,
    MissedPolicy,
    RuleCalendar,
    RuleTiming,
)
from splynx_stripe.domain.charge_selection import ChargeKind, Selection, TotalCondition
from splynx_stripe.domain.errors import RetryableError
from splynx_stripe.flows.emergency_stop import EmergencyStop
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.store import open_store
from splynx_stripe.web.admin.guard import FORM_TOKEN
from splynx_stripe.web.rules_desk import RulesDesk
from tests.integration.rule_house import (
    DAILY,
    INVOICES,
    OFFICE,
    OVER_THE_LIMIT,
    RuleHouse,
    new_rule,
    open_invoice,
)
from tests.integration.web_stage import ANNA, OLGA, PAUL, Answer, Stage, check_page, open_stage

LIST = "/stripe/admin/auto-charge"
MOMENT = datetime(2026, 11, 24, 5, 30, tzinfo=UTC)
FORM = {
    "name": "Invoices before they are due",
    "kind": "invoices",
    "when": "days_before_due",
    "number": "3",
    "at": "07:15",
    "days_back": "1",
    "enabled": "yes",
    "missed": "late",
    "late_hours": "12",
    "partners": "1, 2",
    "status_active": "yes",
    "condition": ">",
    "total": "9.90",
}


@dataclass
class Desk:
    """The stage, with rules in a real database."""

    stage: Stage
    house: RuleHouse

    async def page(self, path: str = "", session: str = OLGA) -> Answer:
        return await self.stage.page(f"{LIST}{path}", session=session)

    async def send(self, path: str, session: str = OLGA, **fields: str) -> Answer:
        """Sends a form of one of the pages."""
        page = await self.page("/rule", session)
        tokens = [each for each in page.document.all("input") if each.get("name") == FORM_TOKEN]
        data = fields | {FORM_TOKEN: tokens[0]["value"]}
        headers = {"Cookie": f"PHPSESSID={session}"}
        async with self.stage.client.post(
            f"{LIST}/{path}", data=data, headers=headers, allow_redirects=False
        ) as answer:
            return Answer(answer.status, await answer.text(), dict(answer.headers))

    async def rules(self) -> list[ChargeRule]:
        return [each.rule for each in await self.house.rules.standings(OFFICE)]


@pytest.fixture
async def desk(sqlite_url: str) -> AsyncIterator[Desk]:
    store = open_store(sqlite_url, clock=SystemClock(), ids=RandomIds())
    house = RuleHouse(store)
    rules = RulesDesk(house.rules, house.forecast)
    async with open_stage(lambda deps: replace(deps, rules=lambda: rules)) as stage:
        yield Desk(stage, house)
    await store.close()


async def test_a_rule_is_made_as_the_form_says(desk: Desk) -> None:
    answer = await desk.send("save", **FORM)

    (rule,) = await desk.rules()
    assert (answer.status, answer.headers["Location"]) == (303, f"{LIST}?done=saved")
    assert rule == ChargeRule(
        id=rule.id,
        name="Invoices before they are due",
        selection=Selection(
            ChargeKind.INVOICES,
            partner_ids=(1, 2),
            customer_statuses=("active",),
            total_condition=TotalCondition.MORE,
            total=Decimal("9.9"),
        ),
        calendar=RuleCalendar(RuleTiming.DAYS_BEFORE_DUE, time(7, 15), 3, 1),
        late_hours=12,
        version=1,
        changed_at=rule.changed_at,
        changed_by="admin:1",
    )


async def test_the_form_of_a_rule_sent_back_as_it_is_changes_nothing(desk: Desk) -> None:
    await desk.send("save", **FORM)
    (before,) = await desk.rules()
    page = await desk.page(f"/rule?rule={before.id}")
    shown = {
        each["name"]: each["value"]
        for each in page.document.all("input")
        if each.get("type") != "checkbox" or "checked" in each
    }
    shown |= {"kind": "invoices", "when": "days_before_due", "missed": "late", "condition": ">"}

    answer = await desk.send("save", **shown)

    (after,) = await desk.rules()
    assert answer.status == 303
    assert replace(after, version=1, changed_at=before.changed_at) == before
    check_page(page)


async def test_a_new_rule_begins_as_a_dry_run(desk: Desk) -> None:
    page = await desk.page("/rule")

    (box,) = [each for each in page.document.all("input") if each.get("name") == "dry_run"]
    assert "checked" in box


async def test_a_rule_for_balances_needs_only_what_concerns_it(desk: Desk) -> None:
    fields = {"name": "Balances", "kind": "balances", "when": "day_of_month", "number": "31"}

    answer = await desk.send("save", **fields, at="02:30", missed="skip", late_hours="")

    (rule,) = await desk.rules()
    assert answer.status == 303
    assert rule.calendar == RuleCalendar(RuleTiming.DAY_OF_MONTH, time(2, 30), 31)
    assert (rule.missed, rule.is_enabled) == (MissedPolicy.SKIP, False)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", "", "Please enter a name"),
        ("at", "6:30", "Please enter a time"),
        ("at", "24:00", "Please enter a time"),
        ("number", "", "number from 1 to 90"),
        ("number", "91", "number from 1 to 90"),
        ("number", "9" * 5000, "number from 1 to 90"),
        ("days_back", "-1", "number from 0 to 31"),
        ("late_hours", "0", "number from 1 to 72"),
        ("partners", "one", "Please enter ids"),
        ("customers", "1, -2", "Please enter ids"),
        ("total", "ten", "Please enter an amount"),
        ("when", "day_of_month", "Invoices are charged by their day of issue"),
    ],
)
async def test_a_wrong_field_is_marked_and_nothing_is_saved(
    desk: Desk, field: str, value: str, sentence: str
) -> None:
    answer = await desk.send("save", **(FORM | {field: value}))

    marked = [
        each["id"]
        for name in ("input", "select")
        for each in answer.document.all(name)
        if each.get("aria-invalid") == "true"
    ]
    assert answer.status == 422
    assert marked == [field]
    assert sentence in check_page(answer)
    assert await desk.rules() == []


async def test_balances_on_a_day_of_issue_are_refused(desk: Desk) -> None:
    answer = await desk.send("save", **(FORM | {"kind": "balances"}))

    assert answer.status == 422
    assert "are charged on a day of the month" in answer.document.text


async def test_a_rule_that_somebody_else_has_changed_is_not_overwritten(desk: Desk) -> None:
    rule = await desk.house.rules.save(new_rule(), OFFICE)
    await desk.house.rules.save(replace(rule, name="Theirs"), OFFICE)

    answer = await desk.send("save", **(FORM | {"id": rule.id, "version": "1"}))

    assert answer.status == 409
    assert "somebody else has changed" in check_page(answer)
    assert [each.name for each in await desk.rules()] == ["Theirs"]


async def test_two_rules_of_one_name_are_refused_in_words(desk: Desk) -> None:
    await desk.send("save", **FORM)

    answer = await desk.send("save", **FORM)

    assert answer.status == 422
    assert "another name" in answer.document.text
    assert len(await desk.rules()) == 1


async def test_a_rule_is_switched_off_on_and_deleted(desk: Desk) -> None:
    await desk.send("save", **FORM)
    (rule,) = await desk.rules()

    off = await desk.send("switch", rule=rule.id, enabled="")
    (switched_off,) = await desk.rules()
    on = await desk.send("switch", rule=rule.id, enabled="yes")
    (switched_on,) = await desk.rules()
    gone = await desk.send("delete", rule=rule.id)

    assert [each.headers["Location"] for each in (off, on, gone)] == [
        f"{LIST}?done={done}" for done in ("disabled", "enabled", "deleted")
    ]
    assert (switched_off.is_enabled, switched_on.is_enabled) == (False, True)
    assert await desk.rules() == []
    assert "The rule was deleted." in check_page(await desk.page("?done=deleted"))


async def test_a_rule_of_the_files_is_shown_locked(desk: Desk) -> None:
    desk.house.settings.rules = [replace(new_rule(), id="file_1", place="config.yaml:12")]

    listed = await desk.page()
    form = await desk.page("/rule?rule=file_1")
    answers = [
        await desk.send("switch", rule="file_1", enabled=""),
        await desk.send("delete", rule="file_1"),
    ]

    assert "Set in config.yaml:12" in check_page(listed)
    assert "can only be changed there" in check_page(form)
    assert any("disabled" in each for each in form.document.all("fieldset"))
    assert not [each for each in form.document.all("button") if "disabled" not in each]
    assert {answer.status for answer in answers} == {404}


async def test_the_history_leads_to_the_runs_and_says_what_needs_a_person(desk: Desk) -> None:
    house = desk.house
    await house.rules.save(new_rule(), OFFICE)
    house.runs.refusal = OVER_THE_LIMIT
    await house.tick_at(MOMENT)
    house.runs.planned()
    await house.days.tick()
    await house.tick_at(MOMENT + timedelta(days=2, hours=1))

    page = await desk.page()

    text = check_page(page)
    links = [each["href"] for each in page.document.all("a")]
    assert "Needs a person" in text
    assert str(OVER_THE_LIMIT) in text
    assert "Missed" in text
    assert f"{LIST.removesuffix('auto-charge')}runs/run_1" in links


async def test_the_page_says_when_no_rule_acts(desk: Desk) -> None:
    before = check_page(await desk.page())
    stop = EmergencyStop(desk.house.store, desk.house.clock)
    await stop.stop_charging(actor="admin:1", reason="wrong prices")

    after = check_page(await desk.page())

    assert "no rule acts" not in before
    assert "no rule acts" in after


async def test_the_forecast_is_a_table_with_bars_that_need_no_script(desk: Desk) -> None:
    calendar = replace(DAILY, timing=RuleTiming.DUE_DATE)
    await desk.house.rules.save(new_rule(calendar=calendar), OFFICE)
    desk.house.splynx.invoices = [
        open_invoice(number, due_on=date(2026, 11, 26) + timedelta(days=number // 3))
        for number in range(1, 5)
    ]

    page = await desk.page("/forecast")

    text = check_page(page)
    bars = [each["width"] for each in page.document.all("rect")]
    assert "Open now: 2" in text
    assert "€25.00" in text
    assert bars == ["100", "100"]
    assert not page.document.all("script")


async def test_the_forecast_without_splynx_says_so(desk: Desk) -> None:
    calendar = replace(DAILY, timing=RuleTiming.DUE_DATE)
    await desk.house.rules.save(new_rule(calendar=calendar), OFFICE)
    desk.house.splynx.trouble = RetryableError("Splynx is away.")

    page = await desk.page("/forecast")

    assert page.status == 200
    assert "Splynx did not answer" in check_page(page)


async def test_an_administrator_of_one_partner_makes_rules_for_that_one_only(desk: Desk) -> None:
    everybody = await desk.house.rules.save(new_rule("For everybody"), OFFICE)

    saved = await desk.send("save", PAUL, **(FORM | {"partners": "1"}))
    listed = await desk.page(session=PAUL)
    refused = [
        await desk.send("switch", PAUL, rule=everybody.id, enabled=""),
        await desk.send("delete", PAUL, rule=everybody.id),
        await desk.send("save", PAUL, **(FORM | {"id": everybody.id, "version": "1"})),
        await desk.page(f"/rule?rule={everybody.id}", PAUL),
    ]

    mine = [each for each in await desk.rules() if each.id != everybody.id]
    assert saved.status == 303
    assert [each.selection.partner_ids for each in mine] == [(2,)]
    assert "For everybody" not in listed.document.text
    assert [answer.status for answer in refused] == [404] * 4
    assert everybody in await desk.rules()


@pytest.mark.parametrize("path", ["save", "switch", "delete"])
async def test_a_form_of_another_session_does_nothing(desk: Desk, path: str) -> None:
    rule = await desk.house.rules.save(new_rule(), OFFICE)
    headers = {"Cookie": f"PHPSESSID={OLGA}"}
    fields = FORM | {"rule": rule.id, "id": rule.id, "version": "1", FORM_TOKEN: "stolen"}

    async with desk.stage.client.post(f"{LIST}/{path}", data=fields, headers=headers) as answer:
        status = answer.status

    assert status == 403
    assert await desk.rules() == [rule]


@pytest.mark.parametrize("path", ["", "/rule", "/forecast"])
async def test_nobody_but_the_office_sees_the_pages(desk: Desk, path: str) -> None:
    for session in ("", ANNA):
        answer = await desk.page(path, session)
        assert answer.status == 302
        assert "/admin/login/" in answer.headers["Location"]


async def test_what_a_rule_leaves_out_is_said_in_words(desk: Desk) -> None:
    selection = replace(
        INVOICES, partner_ids=(2,), location_ids=(4, 5), customer_statuses=("active", "blocked")
    )
    rule = replace(new_rule(), selection=selection, is_dry_run=True)
    await desk.house.rules.save(rule, OFFICE)

    text = check_page(await desk.page())

    for expected in (
        "Invoices: On the day of issue, 06:30",
        "Europe/Prague",
        "Partners: 2",
        "Locations: 4, 5",
        "Customer status: Active, Blocked",
        "Dry run",
        "Tue 24 Nov 2026 06:30",
    ):
        assert expected in text, expected
