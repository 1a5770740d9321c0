"""kill -9 in the middle of a charge run: the end is as if nobody had been killed (faults 1-7, 13, 18).

`KILL_RUN_ITEMS=1000 KILL_RUN_KILLS=20 pytest …`, or `make kill-runs`, does it at length. The seed of the
moments is printed at each run; `KILL_SEED=…` repeats them.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from splynx_stripe.domain.charge_rule import (
    ChargeRule,
    RuleCalendar,
    RuleTiming,
    RuleWatch,
    watched_calendar,
)
from splynx_stripe.domain.charge_selection import Selection
from splynx_stripe.store.store import SqlStore
from splynx_stripe.store.unit import SqlUnit
from tests.acceptance.charged_street import (
    CLOCK,
    charge,
    is_done,
    move_in,
    opened,
    selection_of,
)
from tests.acceptance.conftest import Adjust, remember_secrets
from tests.acceptance.daemon_process import UNMEASURED, DaemonProcess
from tests.acceptance.ledgers import Debt
from tests.acceptance.secrets_search import SecretsSearch
from tests.acceptance.several_daemons import several
from tests.acceptance.test_several_daemons import short_claims
from tests.acceptance.town import PreparedStore, Town, running_town
from tests.acceptance.waiting import until_so

ITEMS = int(os.environ.get("KILL_RUN_ITEMS") or 100)
KILLS = int(os.environ.get("KILL_RUN_KILLS") or 4)
PEOPLE = max(ITEMS // 5, 1)
_LIVES_S = (0.3, 2.5)
_STRIPE_TAKES_S = 0.15
_ITEM_TAKES_S = 0.3
"""On a busy machine, restarts apart."""

PATIENCE_S = 90 + ITEMS * _ITEM_TAKES_S + KILLS * 5
PRAGUE = ZoneInfo("Europe/Prague")

pytestmark = pytest.mark.timeout(2 * PATIENCE_S + 60)


@pytest.fixture
def adjust() -> Adjust:
    return short_claims


@pytest.fixture
def dice(capsys: pytest.CaptureFixture[str]) -> random.Random:
    seed = int(os.environ.get("KILL_SEED") or random.SystemRandom().randrange(1_000_000))
    with capsys.disabled():
        print(f"\nkilled charge runs: KILL_SEED={seed}")  # noqa: T201 - to repeat it
    return random.Random(seed)  # noqa: S311 - it is printed, so that it can be repeated


@pytest.fixture
async def street(
    postgres_store: PreparedStore, tmp_path: Path, outputs: Path, secrets_search: SecretsSearch
) -> AsyncIterator[Town]:
    """Gives a town on PostgreSQL; its daemons come from `several`."""
    async with running_town(tmp_path, outputs, postgres_store, short_claims) as town:
        yield town
        remember_secrets(secrets_search, town)


async def kill_while(run: asyncio.Future[None], victim: DaemonProcess, dice: random.Random) -> int:
    """Kills a daemon at random moments and starts it again, so often, or until the run is done."""
    killed = 0
    while not run.done() and killed < KILLS:
        await CLOCK.sleep(dice.uniform(*_LIVES_S))
        await victim.kill()
        killed += 1
        await victim.start(environment=UNMEASURED)
    return killed


async def _charge_all(store: SqlStore, selection: Selection, town: Town) -> None:
    run = await charge(store, selection)

    async def has_ended() -> bool:
        return await is_done(store, run.id)

    await until_so(has_ended, lambda: town.daemon.output[-3000:], within_s=PATIENCE_S)


async def assert_as_if_undisturbed(town: Town, debts: Sequence[Debt]) -> None:
    """Each invoice has one charge of what was due, one payment, and is paid; nothing else happened."""
    await town.assert_agree(*debts, within_s=PATIENCE_S)
    paid = Counter(
        (intent.document_number, intent.money.minor_units)
        for debt in debts
        for intent in town.foreign.intents(debt)
        if intent.status == "succeeded"
    )
    wanted = Counter((debt.number, (10 + number % 90) * 100) for number, debt in enumerate(debts))
    assert paid == wanted


async def test_a_run_whose_daemon_is_killed_again_and_again_ends_like_one_that_is_not(
    quiet_town: Town, dice: random.Random
) -> None:
    town = quiet_town
    debts = await move_in(town, PEOPLE, ITEMS)
    town.stripe.switches.latency_s = _STRIPE_TAKES_S
    await town.start(environment=UNMEASURED)
    store = opened(town)

    charging = asyncio.ensure_future(_charge_all(store, selection_of(debts), town))
    killed = await kill_while(charging, town.daemon, dice)
    await charging
    await store.close()

    assert killed >= min(KILLS, 2), "the run was not over before anybody was killed"
    await assert_as_if_undisturbed(town, debts)


@pytest.mark.xdist_group("acceptance-postgres")
async def test_a_run_ends_as_if_undisturbed_when_either_of_two_daemons_is_killed(
    street: Town, outputs: Path, dice: random.Random
) -> None:
    town = street
    debts = await move_in(town, PEOPLE, ITEMS)
    town.stripe.switches.latency_s = _STRIPE_TAKES_S
    store = opened(town)
    async with several(town, outputs, number=2) as daemons:
        await asyncio.gather(*(daemon.start(environment=UNMEASURED) for daemon in daemons))
        charging = asyncio.ensure_future(_charge_all(store, selection_of(debts), town))
        kills = await asyncio.gather(*(kill_while(charging, one, dice) for one in daemons))
        await charging
        await assert_as_if_undisturbed(town, debts)
    await store.close()

    assert sum(kills) >= min(KILLS, 2), "the run was not over before anybody was killed"


async def test_a_button_and_a_rule_in_the_same_second_collect_each_debt_once(
    quiet_town: Town,
) -> None:
    town = quiet_town
    debts = await move_in(town, people=4, invoices=12)
    store = opened(town)
    rule = await _rule_for_now(store, debts)
    await town.start(environment=UNMEASURED)

    await _charge_all(store, selection_of(debts), town)

    await assert_as_if_undisturbed(town, debts)
    days = await store.read(lambda unit: unit.newest_rule_days(partner_id=0, limit=10))
    await store.close()
    assert [day.rule_id for day in days] == [rule.id], "the rule has acted, too"


async def _rule_for_now(store: SqlStore, debts: Sequence[Debt]) -> ChargeRule:
    """A rule of the page whose moment has just come while no daemon ran."""
    now = CLOCK.now()
    moment = now.astimezone(PRAGUE) - timedelta(minutes=1)
    rule = ChargeRule(
        id="rule_1",
        name="All",
        selection=selection_of(debts),
        calendar=RuleCalendar(
            RuleTiming.ISSUE_DAY, moment.time().replace(second=0, microsecond=0), days_back=31
        ),
        changed_at=now,
        changed_by="admin:1",
        version=1,
    )
    watch = RuleWatch(rule.id, watched_calendar(rule, PRAGUE), now - timedelta(hours=1))

    def work(unit: SqlUnit) -> None:
        unit.add_charge_rule(rule)
        unit.watch_rule(watch)

    await store.run(work)
    return rule
