"""Rules with real charge runs, a small Splynx and a small Stripe: nothing is charged twice (I1).

Splynx's invoices of the town are issued on 1 November; on 24 November they are 23 days old.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from splynx_stripe.domain.charge_rule import ChargeRule, RuleCalendar, RuleTiming
from splynx_stripe.domain.charge_rule_day import RuleDay, RuleDayState
from splynx_stripe.domain.charge_run import BY_OFFICE, RunRefusedError, RunState
from splynx_stripe.domain.collection import Route
from splynx_stripe.domain.guardrails import Guardrails
from splynx_stripe.domain.metadata import DOCUMENT_NUMBER
from splynx_stripe.domain.money import Money
from splynx_stripe.flows.charge_rule_days import ChargeRuleDays
from splynx_stripe.flows.charge_rules import ChargeRules
from splynx_stripe.flows.ports import Unit
from tests.integration.charge_run_house import INVOICES, OFFICE, ChargeRunHouse, open_runs
from tests.integration.flow_town import Town, open_town
from tests.integration.rule_house import OFFICE as EDITOR, SteeredSettings

DAY = date(2026, 11, 24)
AT = time(10, 0)
"""An hour after the town's clock begins, by the clocks of UTC."""

OF_THE_DAY = RuleCalendar(RuleTiming.DAYS_AFTER_ISSUE, AT, 23)


@dataclass
class RuleTown:
    """A house with charge runs, and the rules that begin some of them."""

    house: ChargeRunHouse
    rules: ChargeRules
    days: ChargeRuleDays

    async def rule(
        self, name: str, calendar: RuleCalendar = OF_THE_DAY, *, is_dry_run: bool = False
    ) -> ChargeRule:
        rule = ChargeRule("", name, INVOICES, calendar, is_dry_run=is_dry_run)
        return await self.rules.save(rule, EDITOR)

    def moment_comes(self) -> None:
        self.house.town.clock.advance(timedelta(hours=1))

    async def work(self) -> None:
        """The leader's jobs run until nothing is due, and what follows is done."""
        for _ in range(4):
            await self.days.tick()
            await self.house.engine.tick()
        await self.house.charges.house.pump.drain()

    async def history(self) -> list[RuleDay]:
        return list(await self.rules.days(EDITOR, limit=10))

    async def routes(self, run_id: str) -> list[Route]:
        """Gives the routes of the collections of a run."""
        ids = {view.item.collection_id for view in await self.house.items(run_id)} - {""}

        def work(unit: Unit) -> list[Route]:
            found = [unit.collection(each) for each in sorted(ids)]
            return [collection.route for collection in found if collection is not None]

        return await self.house.rooms.store.read(work)

    def charged_documents(self) -> Counter[str]:
        """Counts the successful charges by document, as Stripe has them."""
        return Counter(
            intent["metadata"][DOCUMENT_NUMBER]
            for intent in self.house.town.intents()
            if intent["status"] == "succeeded"
        )


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as opened:
        yield opened


@pytest.fixture
async def ruled(town: Town, sqlite_url: str) -> AsyncIterator[RuleTown]:
    async with open_runs(town, sqlite_url) as house:
        store, clock = house.rooms.store, house.rooms.clock
        settings = SteeredSettings(zone=ZoneInfo("UTC"))
        rules = ChargeRules(store, settings, clock, house.rooms.ids)
        yield RuleTown(
            house, rules, ChargeRuleDays(store, settings, house.runs, house.rooms.notices, clock)
        )


async def test_a_rule_charges_the_invoices_of_its_day_without_a_person(
    town: Town, ruled: RuleTown
) -> None:
    await ruled.house.save_card()
    rule = await ruled.rule("23 days old")
    await ruled.work()
    assert town.intents() == []

    ruled.moment_comes()
    await ruled.work()

    (day,) = await ruled.history()
    run = (await ruled.house.view(day.run_id)).run
    assert (day.state, day.day) == (RuleDayState.CONFIRMED, DAY)
    assert (run.state, run.confirmed_by) == (RunState.DONE, rule.actor)
    assert town.invoice_status(1042) == "paid"
    assert len(town.intents()) == len(town.bookings()) > 0
    assert set(await ruled.routes(run.id)) == {Route.AUTO_CHARGE}


async def test_a_run_by_button_and_a_rule_in_the_same_second_charge_each_debt_once(
    town: Town, ruled: RuleTown
) -> None:
    await ruled.house.save_card()
    await ruled.rule("23 days old")
    ruled.moment_comes()
    the_same = replace(INVOICES, first_day=date(2026, 11, 1), last_day=date(2026, 11, 1))
    wider = replace(INVOICES, last_day=DAY)

    button, other, _ = await asyncio.gather(
        ruled.house.runs.plan(the_same, actor=OFFICE, origin=BY_OFFICE),
        ruled.house.runs.plan(wider, actor=OFFICE, origin=BY_OFFICE),
        ruled.days.tick(),
    )
    await ruled.house.engine.tick()
    await asyncio.gather(
        ruled.house.runs.confirm(button.id, actor=OFFICE),
        ruled.house.runs.confirm(other.id, actor=OFFICE),
        ruled.days.tick(),
    )
    await ruled.work()

    (day,) = await ruled.history()
    assert day.run_id == button.id
    assert button.id != other.id
    assert set(ruled.charged_documents().values()) == {1}
    assert len(town.intents()) == len(town.bookings())
    assert town.invoice_status(1042) == "paid"


async def test_overlapping_rules_collect_once(town: Town, ruled: RuleTown) -> None:
    await ruled.house.save_card()
    await ruled.rule("23 days old")
    await ruled.rule("22 days old, and older", replace(OF_THE_DAY, days=22, days_back=5))
    await ruled.rule("the same again", OF_THE_DAY)
    ruled.moment_comes()

    await ruled.work()

    runs = {day.run_id for day in await ruled.history()}
    assert len(await ruled.history()) == 3
    assert len(runs) == 2  # two rules ask for the same
    assert set(ruled.charged_documents().values()) == {1}
    assert len(town.intents()) == len(town.bookings())


async def test_a_guardrail_stops_a_rule_and_leaves_the_run_to_a_person(
    town: Town, ruled: RuleTown
) -> None:
    await ruled.house.save_card()
    terms = ruled.house.charges.house.terms.by_partner
    terms[1] = replace(terms[1], guardrails=Guardrails(run_maximum=Money(100, "EUR")))
    await ruled.rule("23 days old")
    ruled.moment_comes()

    await ruled.work()

    (day,) = await ruled.history()
    assert day.state is RuleDayState.STOPPED
    assert day.note
    assert (await ruled.house.view(day.run_id)).run.state is RunState.READY
    assert town.intents() == []


async def test_above_the_limit_of_two_a_person_confirms_and_no_other_rule_is_the_second(
    town: Town, ruled: RuleTown
) -> None:
    await ruled.house.save_card()
    terms = ruled.house.charges.house.terms.by_partner
    terms[1] = replace(terms[1], guardrails=Guardrails(second_above=Money(100, "EUR")))
    await ruled.rule("23 days old")
    await ruled.rule("the same again")
    ruled.moment_comes()
    await ruled.work()
    assert town.intents() == []

    days = await ruled.history()
    (run_id,) = {day.run_id for day in days}
    with pytest.raises(RunRefusedError):
        await ruled.house.runs.confirm(run_id, actor="rule:rul_of_somebody_else")
    await ruled.house.runs.confirm(run_id, actor=OFFICE)
    await ruled.work()

    assert {day.state for day in days} == {RuleDayState.STOPPED}
    assert len(town.intents()) == len(town.bookings()) > 0


async def test_a_dry_run_rule_plans_and_charges_nothing(town: Town, ruled: RuleTown) -> None:
    await ruled.house.save_card()
    await ruled.rule("23 days old", is_dry_run=True)
    ruled.moment_comes()

    await ruled.work()

    (day,) = await ruled.history()
    view = await ruled.house.view(day.run_id)
    assert (day.state, view.run.is_rehearsal) == (RuleDayState.PLANNED_ONLY, True)
    assert view.to_charge > 0
    assert town.intents() == []


async def test_a_day_without_debts_is_settled_without_calling_anybody(ruled: RuleTown) -> None:
    await ruled.rule("400 days old", replace(OF_THE_DAY, days=80))
    ruled.moment_comes()

    await ruled.work()

    (day,) = await ruled.history()
    assert day.state is RuleDayState.CONFIRMED


async def test_a_crash_between_planning_and_the_commit_makes_neither_run_nor_day(
    ruled: RuleTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ruled.rule("23 days old")
    ruled.moment_comes()

    def crash(*_: object) -> bool:
        raise OSError("the machine is gone")

    with monkeypatch.context() as broken:
        broken.setattr("splynx_stripe.store.unit.SqlUnit.add_rule_day", crash)
        with pytest.raises(OSError, match="gone"):
            await ruled.days.tick()
    assert await ruled.house.runs.runs(before="", limit=5) == []

    await ruled.work()

    (day,) = await ruled.history()
    assert [view.run.id for view in await ruled.house.runs.runs(before="", limit=5)] == [day.run_id]
