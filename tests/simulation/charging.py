"""Charges without the customer in one run of the daemon: runs, rules, retries, notices, as its jobs."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from typing_extensions import override

from splynx_stripe.domain.charge_rule import (
    ChargeRule,
    MissedPolicy,
    RuleCalendar,
    RuleTiming,
)
from splynx_stripe.domain.charge_selection import ChargeKind, Selection
from splynx_stripe.domain.errors import StaleWriteError
from splynx_stripe.domain.notice import Message, Notice, NoticeRules
from splynx_stripe.domain.retry_policy import RetryPolicy
from splynx_stripe.flows.ask_stripe import StripeAsker
from splynx_stripe.flows.charge import ChargeFlow
from splynx_stripe.flows.charge_last_look import PrepaidLook, RetryLook
from splynx_stripe.flows.charge_rule_days import ChargeRuleDays
from splynx_stripe.flows.charge_run_engine import ChargeRunEngine
from splynx_stripe.flows.charge_run_lane import LaneWorker, Tempo
from splynx_stripe.flows.charge_run_rooms import ChargeRunRooms
from splynx_stripe.flows.charge_run_summary import RunSummary
from splynx_stripe.flows.charge_runs import ChargeRuns
from splynx_stripe.flows.failure_ports import NoticeContext
from splynx_stripe.flows.links import Links
from splynx_stripe.flows.notices import Notices
from splynx_stripe.flows.retries import Retries
from splynx_stripe.flows.rooms import Rooms
from splynx_stripe.flows.send_notices import NoticeSender
from splynx_stripe.store.errors import StoreUnavailableError
from tests.simulation.clockwork import SimClock, Stamp, until
from tests.simulation.disk import Disk
from tests.simulation.office_plan import OfficePlan, Rule
from tests.simulation.plan import Plan
from tests.simulation.side_by_side import together, use_simulated_tasks

PRAGUE = ZoneInfo("Europe/Prague")
_DAY_S = 24 * 3600.0
_FOLLOWED_S = 5 * _DAY_S
"""For so long the story waits for retries; what is planned for later is looked at no more."""

_AFTERWARDS_S = 1800.0
_BEGINS_AFTER_S = (0.0, 2.0, 12.0)
"""When the schedule of a new leader begins: effects and events are at work before."""

_LAST_S = 11 * 3600.0
"""Without webhooks, what a bank does is learned by the next poll, which may be nine hours away."""
_BUSY_S, _SOON_S, _LATER_S = 20.0, 600.0, 4 * 3600.0
_HOURS = (time(9), time(17))
_RETRY_DAYS = (1, 2)
_AT_ONCE = 2

_DUE = """
SELECT
  EXISTS (SELECT 1 FROM charge_runs WHERE state IN ('planning', 'running')),
  EXISTS (SELECT 1 FROM charge_runs WHERE state IN ('ready', 'awaiting_second')),
  (SELECT min(next_at) FROM recoveries WHERE state IN ('waiting', 'trying')),
  EXISTS (SELECT 1 FROM recoveries WHERE state <> 'recovered'),
  (SELECT min(due_at) FROM notices WHERE state = 'waiting'),
  (SELECT min(changed_at) FROM notices WHERE state = 'sending'),
  EXISTS (SELECT 1 FROM charge_rule_days WHERE state = 'planning')
"""
HEARD = frozenset({"charge_runs", "recoveries", "notices", "charge_rule_days", "charging_stops"})
"""The tables whose changes may make something due at once."""


class FailureRules:
    """What the settings say about failed payments; the same for every partner."""

    def retry_policy(self, _partner_id: int) -> RetryPolicy:
        """Gives when failed charges are tried again."""
        return RetryPolicy(_RETRY_DAYS, *_HOURS, PRAGUE)

    def notice_rules(self, _partner_id: int) -> NoticeRules:
        """Gives who is told what."""
        return NoticeRules(language="en", tells_failures=True)

    def timezone_of(self, _partner_id: int) -> ZoneInfo:
        """Gives the clock by which days are counted."""
        return PRAGUE


def selection_of(word: str, plan: Plan) -> Selection:
    """Gives the selection that a word of the plan stands for."""
    match word:
        case "balances":
            return Selection(ChargeKind.BALANCES)
        case "prepaid":
            return Selection(ChargeKind.PREPAID, uses_balance=True)
        case "mine":
            return Selection(ChargeKind.INVOICES, customer_ids=(plan.debts[0].customer_id,))
        case "rule":
            return charge_rules(plan)[0].selection_on(plan.start.astimezone(PRAGUE).date())
        case _:
            return Selection(ChargeKind.INVOICES)


def charge_rules(plan: Plan) -> Sequence[ChargeRule]:
    """Gives the rules of the plan as the files would set them."""
    day = plan.start.astimezone(PRAGUE).day
    return [_charge_rule(rule, day) for rule in plan.office.rules] if plan.office else []


def _charge_rule(rule: Rule, day_of_month: int) -> ChargeRule:
    is_of_invoices = rule.selection == "invoices"
    at = time(rule.hour, rule.minute)
    calendar = (
        RuleCalendar(RuleTiming.ISSUE_DAY, at, days_back=20)
        if is_of_invoices
        else RuleCalendar(RuleTiming.DAY_OF_MONTH, at, days=day_of_month)
    )
    return ChargeRule(
        id=f"rule-{rule.name}",
        name=rule.name,
        selection=Selection(ChargeKind.INVOICES if is_of_invoices else ChargeKind.BALANCES),
        calendar=calendar,
        missed=MissedPolicy.LATE if rule.is_made_up_for else MissedPolicy.SKIP,
        late_hours=3,
        place="config.yaml:1",
    )


class _RuleSettings:
    """What the files say about auto charge."""

    def __init__(self, rules: Sequence[ChargeRule]) -> None:
        self._rules = rules

    def charge_rules(self) -> Sequence[ChargeRule]:
        return self._rules

    def timezone_of_partners(self, _partner_ids: Sequence[int]) -> ZoneInfo:
        return PRAGUE


class _Words:
    """Writes texts that say which notice they are, for the oracle."""

    def compose(self, notice: Notice, _context: NoticeContext) -> Message:
        said = f"{notice.kind}|{notice.key}|{notice.payable_key}"
        return Message(said, said, said)

    def url_of(self, token: str) -> str:
        return f"https://isp.invalid/stripe/pay/{token}"


class Place(Protocol):
    """What charging needs of the world around it."""

    rng: random.Random
    clock: SimClock
    disk: Disk
    plan: Plan
    is_calm: bool
    is_over: bool
    ends_s: float
    story_ends_s: float


@dataclass(frozen=True, slots=True)
class _Due:
    """What is due, and when; None for never."""

    is_at_work: bool
    has_plans: bool
    retry_at: datetime | None
    has_recoveries: bool
    notice_at: datetime | None
    lost_at: datetime | None
    has_rule_days: bool


class _Engine(ChargeRunEngine):
    """The product's engine; only its waiting for the next look is simulated."""

    @override
    async def tick(self) -> None:
        await together([self._work(run) for run in await self._due()])

    def rests_until_s(self) -> float | None:
        """Says when the first run that rests goes on."""
        return min((rest.until_s for rest in self._rests.values()), default=None)


class Charging:
    """The flows of charges without the customer, and the job that drives them."""

    def __init__(self, place: Place, rooms: Rooms, splynx: Any, office: OfficePlan) -> None:
        use_simulated_tasks()
        self._place = place
        rules = FailureRules()
        notices = Notices(rules, rooms.ids)
        # The engine has locks of its own: people at pages do not wait for a run's item.
        charging = ChargeFlow(rooms, StripeAsker(rooms))
        of_runs = ChargeRunRooms(
            store=rooms.store,
            splynx=splynx.charge_listings,
            notices=notices,
            terms=rooms.terms,
            clock=rooms.clock,
            ids=rooms.ids,
        )
        tempo = Tempo(at_once=_AT_ONCE, unbooked_at_most=office.unbooked_at_most)
        worker = LaneWorker(of_runs, charging, PrepaidLook(of_runs), tempo)
        self.runs = ChargeRuns(of_runs)
        self._engine = _Engine(of_runs, worker, RunSummary(of_runs), rooms.dice)
        self._retries = Retries(
            rooms, charging, RetryLook(rooms.store, splynx.charge_listings), rules
        )
        links = Links(rooms.store, splynx, rooms.clock, rooms.ids)
        self._sender = NoticeSender(rooms, splynx, links, rules, _Words())
        self._rules = charge_rules(place.plan)
        settings = _RuleSettings(self._rules)
        self._days = ChargeRuleDays(rooms.store, settings, self.runs, notices, rooms.clock)
        self._bell, self._is_woken, self._money_moved = Stamp(), False, False
        self._not_before_s: dict[str, float] = {}
        self._rules_looked_s = -1e9

    def committed(self, changed: frozenset[str]) -> None:
        """Hears that something was committed."""
        self._money_moved |= "collections" in changed
        if not HEARD.isdisjoint(changed):
            self._is_woken = True
            self._bell.set()

    async def work(
        self, quietly: Callable[[Callable[[], Awaitable[object]]], Awaitable[bool]]
    ) -> None:
        """Does what is due, as the leader's schedule does, but mostly asks only for what is due."""
        clock = self._place.clock
        await until(clock.elapsed_s + self._place.rng.choice(_BEGINS_AFTER_S))
        while not self._place.is_over:
            self._is_woken, self._bell = False, Stamp()
            for name, job in self._jobs():
                self._not_before_s[name] = clock.elapsed_s + _BUSY_S
                try:
                    await quietly(job)
                except (StaleWriteError, StoreUnavailableError):
                    continue
            pause_s = self._pause_s()
            if not self._is_woken:
                await until(clock.elapsed_s + pause_s, self._bell)
            await until(clock.elapsed_s + 1.0)

    def _jobs(self) -> list[tuple[str, Callable[[], Awaitable[object]]]]:
        due, now, now_s = self._due(), self._place.clock.now(), self._place.clock.elapsed_s
        is_ending = (
            now_s > self._place.ends_s - _LAST_S
        )  # what begins now would not come to its end
        jobs: list[tuple[str, Callable[[], Awaitable[object]]]] = []
        if (
            self._rules
            and not self._place.is_calm
            and (due.has_rule_days or self._a_moment_has_come())
        ):
            jobs.append(("rules", self._days.tick))
        if due.is_at_work or due.has_plans:
            jobs.append(("runs", self._engine.tick))
        is_due = due.retry_at is not None and due.retry_at <= now
        if not is_ending and (is_due or (due.has_recoveries and self._money_moved)):
            self._money_moved = False
            jobs.append(("retries", self._retries.tick))
        is_told = due.notice_at is not None and due.notice_at <= now
        is_lost = due.lost_at is not None and due.lost_at <= now - timedelta(minutes=5)
        if is_told or is_lost:
            jobs.append(("notices", self._sender.tick))
        return [each for each in jobs if self._not_before_s.get(each[0], 0.0) <= now_s]

    def _a_moment_has_come(self) -> bool:
        """Says whether a rule may have to act: its moment has come, or nobody has looked for long."""
        clock = self._place.clock
        since_s = clock.elapsed_s - self._rules_looked_s
        if since_s >= _LATER_S or self._next_moment_s(-since_s) <= 0:
            self._rules_looked_s = clock.elapsed_s
            return True
        return False

    def _next_moment_s(self, from_s: float = 0.001) -> float:
        """Gives in how many seconds the next moment of a rule comes, by the daemon's clock."""
        now = self._place.clock.now()
        first, last = now + timedelta(seconds=from_s), now + timedelta(days=1)
        moments = [
            moment for rule in self._rules for _, moment in rule.days_between(first, last, PRAGUE)
        ]
        return min(((each - now).total_seconds() for each in moments), default=_DAY_S)

    def _pause_s(self) -> float:
        """Says how long nothing will be due, and lets the story wait for retries."""
        due, clock = self._due(), self._place.clock
        seconds = _SOON_S if clock.elapsed_s < 2 * 3600.0 else _LATER_S
        if due.is_at_work:
            rests_until_s = self._engine.rests_until_s()
            rest_s = _BUSY_S if rests_until_s is None else rests_until_s - clock.elapsed_s
            seconds = min(seconds, max(rest_s, _BUSY_S))
        if due.has_rule_days:
            seconds = min(seconds, _BUSY_S)
        if self._rules:
            seconds = min(seconds, self._next_moment_s())
        for moment in (due.retry_at, due.notice_at):
            if moment is not None:
                seconds = min(seconds, max((moment - clock.now()).total_seconds(), _BUSY_S))
        if due.lost_at is not None:
            seconds = min(seconds, 5 * 60.0)
        self._wait_for(due.retry_at)
        return max(seconds, 1.0)

    def _wait_for(self, retry_at: datetime | None) -> None:
        place = self._place
        if retry_at is None or place.is_calm:
            return
        at_s = place.clock.elapsed_s + (retry_at - place.clock.now()).total_seconds()
        if place.clock.elapsed_s <= at_s < _FOLLOWED_S:
            place.story_ends_s = max(place.story_ends_s, at_s + _AFTERWARDS_S)

    def _due(self) -> _Due:
        at_work, plans, retry, recoveries, notice, lost, days = self._place.disk.raw.execute(
            _DUE
        ).fetchone()
        return _Due(
            bool(at_work),
            bool(plans),
            _moment(retry),
            bool(recoveries),
            _moment(notice),
            _moment(lost),
            bool(days),
        )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
