"""The real daemon: a rule whose moment has come acts by itself, once, and also after a restart."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

from splynx_stripe.domain.charge_rule import (
    ChargeRule,
    RuleCalendar,
    RuleTiming,
    RuleWatch,
    watched_calendar,
)
from splynx_stripe.domain.charge_rule_day import RuleDay, RuleDayState
from splynx_stripe.domain.charge_selection import ChargeKind, Selection
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.store import SqlStore, open_store
from splynx_stripe.store.unit import SqlUnit
from tests.acceptance.daemon_process import command
from tests.acceptance.town import Town
from tests.acceptance.waiting import until_so

PRAGUE = ZoneInfo("Europe/Prague")
"""The town's Splynx."""


def _opened(town: Town) -> SqlStore:
    return open_store(town.settings["database"]["url"], clock=SystemClock(), ids=RandomIds())


async def _remember_rule(town: Town) -> ChargeRule:
    """Remembers a rule that only plans, of which a moment has come while no daemon ran."""
    now = SystemClock().now()
    moment = (now - timedelta(minutes=30)).astimezone(PRAGUE)
    rule = ChargeRule(
        id="rul_1",
        name="Invoices",
        selection=Selection(ChargeKind.INVOICES),
        calendar=RuleCalendar(
            RuleTiming.ISSUE_DAY, moment.time().replace(second=0, microsecond=0), days_back=31
        ),
        is_dry_run=True,
        version=1,
        changed_at=now,
        changed_by="admin:1",
    )
    watch = RuleWatch(rule.id, watched_calendar(rule, PRAGUE), now - timedelta(hours=1))

    def work(unit: SqlUnit) -> None:
        unit.add_charge_rule(rule)
        unit.watch_rule(watch)

    store = _opened(town)
    await store.run(work)
    await store.close()
    return rule


async def _history(town: Town) -> Sequence[RuleDay]:
    store = _opened(town)
    try:
        return await store.read(lambda unit: unit.newest_rule_days(partner_id=0, limit=10))
    finally:
        await store.close()


async def test_a_rule_acts_once_although_the_daemon_was_down_at_its_moment(town: Town) -> None:
    await town.daemon.stop()
    await _remember_rule(town)
    await town.start()

    async def is_planned() -> bool:
        return [each.state for each in await _history(town)] == [RuleDayState.PLANNED_ONLY]

    await until_so(is_planned, lambda: town.daemon.output, within_s=60)
    (before,) = await _history(town)
    output = town.daemon.output
    await town.restart()
    code, listed = await command("rules", "list", "--config", str(town.config_path))

    assert list(await _history(town)) == [before]
    assert before.is_dry_run
    assert "rule.acted" in output
    assert (code, "rul_1  on   dry run  Invoices" in listed) == (0, True), listed
