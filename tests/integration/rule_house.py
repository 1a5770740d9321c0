"""Rules of auto charge on a real database, with settings, a clock and charge runs to steer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.charge_progress import RunView
from splynx_stripe.domain.charge_rule import ChargeRule, RuleCalendar, RuleTiming
from splynx_stripe.domain.charge_rule_day import RuleDay
from splynx_stripe.domain.charge_run import (
    ChargeRun,
    RunOrigin,
    RunRefusal,
    RunRefusedError,
    RunState,
)
from splynx_stripe.domain.charge_selection import ChargeKind, Selection
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.splynx import Document, DocumentKind, DocumentStatus
from splynx_stripe.domain.splynx_billing import CustomerBilling, ListedCustomer
from splynx_stripe.domain.terms import Terms
from splynx_stripe.flows.charge_forecast import ChargeForecast
from splynx_stripe.flows.charge_rule_days import ChargeRuleDays
from splynx_stripe.flows.charge_rules import ChargeRules, Editor
from splynx_stripe.flows.charge_runs import OnPlan
from splynx_stripe.flows.notices import Notices
from splynx_stripe.flows.ports import Store, Unit
from tests.fake_clock import FakeClock
from tests.fixed_failure_rules import FixedFailureRules
from tests.integration.web_stage import TERMS, CountingIds

BEFORE = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
"""Half an hour before the moment of a rule for 06:30 in Prague."""

PRAGUE = ZoneInfo("Europe/Prague")
INVOICES = Selection(ChargeKind.INVOICES)
OFFICE = Editor("admin:1")
DAILY = RuleCalendar(RuleTiming.ISSUE_DAY, time(6, 30))


def new_rule(name: str = "Invoices", calendar: RuleCalendar = DAILY) -> ChargeRule:
    return ChargeRule(id="", name=name, selection=INVOICES, calendar=calendar)


@dataclass
class SteeredSettings:
    """What the files say: rules, and the time zones of everybody and of partners."""

    rules: list[ChargeRule] = field(default_factory=list)
    zone: ZoneInfo = PRAGUE
    zones: dict[int, ZoneInfo] = field(default_factory=dict)

    def charge_rules(self) -> Sequence[ChargeRule]:
        return self.rules

    def timezone_of_partners(self, partner_ids: Sequence[int]) -> ZoneInfo:
        zones = {self.zones.get(each, self.zone) for each in partner_ids}
        return zones.pop() if len(zones) == 1 else self.zone


class SteeredRuns:
    """Charge runs whose plans and guardrails a test decides; the commit is the store's own."""

    def __init__(self, store: Store, clock: FakeClock) -> None:
        self._store = store
        self._clock = clock
        self.runs: dict[str, ChargeRun] = {}
        self.confirmed: list[tuple[str, str]] = []
        self.refusal: RunRefusedError | None = None
        self.wants_second = False
        self.trouble: Exception | None = None
        self.meanwhile: Callable[[], Awaitable[object]] = _nothing

    async def plan(
        self,
        selection: Selection,
        *,
        actor: str,
        origin: RunOrigin,
        dry_run: bool = False,
        on_plan: OnPlan | None = None,
    ) -> ChargeRun:
        if self.trouble is not None:
            raise self.trouble
        await self.meanwhile()
        run = self._live(selection) or ChargeRun(
            id=f"run_{len(self.runs) + 1}",
            selection=selection,
            origin=origin,
            state=RunState.PLANNING,
            made_by=actor,
            made_at=self._clock.now(),
            is_rehearsal=dry_run,
        )

        def work(unit: Unit) -> None:
            if on_plan is not None:
                on_plan(unit, run)

        await self._store.run(work)
        self.runs[run.id] = run
        return run

    async def confirm(self, run_id: str, *, actor: str) -> ChargeRun:
        if self.refusal is not None:
            raise self.refusal
        self.confirmed.append((run_id, actor))
        self.move(run_id, RunState.AWAITING_SECOND if self.wants_second else RunState.RUNNING)
        return self.runs[run_id]

    async def run(self, run_id: str) -> RunView | None:
        run = self.runs.get(run_id)
        return RunView(run) if run else None

    def move(self, run_id: str, state: RunState) -> None:
        self.runs[run_id] = replace(self.runs[run_id], state=state)

    def planned(self) -> None:
        """Brings all plans to their end."""
        for run in list(self.runs.values()):
            if run.state is RunState.PLANNING:
                self.move(run.id, RunState.DONE if run.is_rehearsal else RunState.READY)

    def _live(self, selection: Selection) -> ChargeRun | None:
        live = [run for run in self.runs.values() if run.is_live and not run.is_rehearsal]
        return next((run for run in live if run.selection == selection), None)


async def _nothing() -> None:
    """Happens while a run is begun, unless a test says otherwise."""


OVER_THE_LIMIT = RunRefusedError(
    RunRefusal.GUARDRAIL, "It charges 9000.00 EUR, more than 5000.00 EUR. Confirm it yourself."
)


class RuleHouse:
    """The flows joined; a second one on the same store is a second daemon."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = FakeClock(BEFORE)
        self.settings = SteeredSettings()
        self.runs = SteeredRuns(store, self.clock)
        self.office = Notices(FixedFailureRules(), CountingIds())
        self.rules = ChargeRules(store, self.settings, self.clock, CountingIds())
        self.days = self.another_daemon()
        self.splynx = SteeredInvoices()
        self.forecast = ChargeForecast(
            store, self.settings, self.splynx, SteeredTerms(), self.clock
        )

    def another_daemon(self) -> ChargeRuleDays:
        return ChargeRuleDays(self.store, self.settings, self.runs, self.office, self.clock)

    async def tick_at(self, moment: datetime) -> None:
        """Lets time pass until a moment, and the job run."""
        self.clock.advance(moment - self.clock.now())
        await self.days.tick()

    async def tick_through(self, until: datetime, every: timedelta) -> None:
        """Lets the job run again and again; plans come to their end in between."""
        while self.clock.now() < until:
            await self.tick_at(min(self.clock.now() + every, until))
            self.runs.planned()
        await self.days.tick()

    async def history(self) -> Sequence[RuleDay]:
        return await self.rules.days(OFFICE, limit=100)

    async def audit(self) -> list[AuditEntry]:
        """Gives what was recorded, oldest first."""
        return [*reversed(await self.store.read(lambda unit: unit.recent_audit(limit=200)))]

    async def mails(self) -> list[Mapping[str, str]]:
        """Gives subject and text of what the office is sent."""
        due = self.clock.now() + timedelta(days=1)
        found = await self.store.run(lambda unit: unit.notices_due(due, 100))
        return [notice.facts for notice in found]

    async def events(self) -> list[str]:
        return [entry.event for entry in await self.audit()]


@dataclass
class SteeredInvoices:
    """Splynx, as far as a forecast asks: open invoices, and customers of partner 1 and 2."""

    invoices: list[Document] = field(default_factory=list)
    partners: dict[int, int] = field(default_factory=dict)
    asked: list[Selection] = field(default_factory=list)
    payment_methods: dict[int, int] = field(default_factory=dict)
    page_rows: int = 100
    trouble: Exception | None = None

    async def invoice_pages(
        self, selection: Selection, *, after: int
    ) -> AsyncIterator[Sequence[Document]]:
        self.asked.append(selection)
        if self.trouble is not None:
            raise self.trouble
        fitting = [one for one in self.invoices if one.id > after]  # it ignores all filters
        for first in range(0, len(fitting), self.page_rows):
            yield fitting[first : first + self.page_rows]

    async def listed_customers(self, ids: Sequence[int]) -> Mapping[int, ListedCustomer]:
        return {
            each: ListedCustomer(each, self.partners.get(each, 1), 1, "Anna", "", "active", "")
            for each in ids
        }

    async def billing(self, customer_id: int) -> CustomerBilling | None:
        return CustomerBilling(customer_id, Decimal(0), self.payment_methods.get(customer_id, 0))


class SteeredTerms:
    """Partner 1 charges in EUR, partner 2 in USD; nobody else can be charged."""

    def terms(self, partner_id: int) -> Terms | None:
        currency = {1: "EUR", 2: "USD"}.get(partner_id)
        if currency is None:
            return None
        kinds = (PaymentKind.CARD, PaymentKind.BECS, PaymentKind.ACH)
        return replace(TERMS, partner_id=partner_id, currency=currency, payment_kinds=kinds)


def open_invoice(number: int, *, due_on: date, customer_id: int = 17) -> Document:
    return Document(
        kind=DocumentKind.INVOICE,
        id=number,
        number=f"2026{number:08}",
        customer_id=customer_id,
        status=DocumentStatus.NOT_PAID,
        total=Decimal("12.50"),
        due=Decimal("12.50"),
        payment_id=0,
        date_created=date(2026, 11, 20),
        date_till=due_on,
    )
