"""The forecast of auto charge: which rules act in the next days, and how much is open for them now.

It asks Splynx a bounded number of questions and remembers the answer for some minutes; balances are
not asked for at all, because each would be a question of its own: the last run of the rule stands
in for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from splynx_stripe.domain.charge_forecast import (
    FORECAST_DAYS,
    Expectation,
    ForecastBasis,
    OpenInvoice,
    expected,
    selection_of_days,
    sums_of,
)
from splynx_stripe.domain.charge_rule import ChargeRule
from splynx_stripe.domain.charge_selection import ChargeKind, Selection
from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    MoneyError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
)
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.splynx import Document
from splynx_stripe.domain.splynx_billing import ListedCustomer
from splynx_stripe.flows.charge_rule_ports import RuleSettings
from splynx_stripe.flows.charge_rules import Editor, rules_in_force
from splynx_stripe.flows.ports import Store, TermsSource, Unit
from splynx_stripe.kit.clock import Clock

MOST_INVOICES = 1000
"""Open invoices that one forecast looks at, of all rules together."""

GOOD_FOR_S = 300.0
"""How long a forecast is shown again instead of being made anew."""

PATIENCE_S = 20.0
"""How long the page waits for Splynx."""

_DAYS_LOOKED_AT = 400
"""Of how many rule days the last run of each rule is searched among."""

_TROUBLES = (RejectedError, RetryableError, OutcomeUnknownError, BrokenInvariantError, TimeoutError)


class ForecastSplynx(Protocol):
    """What a forecast asks of Splynx (`flows.charge_run_ports.ChargeSplynx`)."""

    def invoice_pages(
        self, selection: Selection, *, after: int
    ) -> AsyncIterator[Sequence[Document]]:
        """Lists invoices that fit, by rising id, from above the id `after`, page by page."""
        ...

    async def listed_customers(self, ids: Sequence[int]) -> Mapping[int, ListedCustomer]:
        """Fetches customers by id; whom Splynx does not have is left out."""
        ...


@dataclass(frozen=True, slots=True)
class Forecast:
    """The coming rule days in order of time. `zones` are by the rule's id.

    `is_cut` says that there are more open invoices than one forecast looks at; `is_without_splynx`,
    that Splynx did not answer, so that only the days are known.
    """

    made_at: datetime
    days: Sequence[Expectation]
    zones: Mapping[str, ZoneInfo]
    is_cut: bool = False
    is_without_splynx: bool = False


@dataclass(frozen=True, slots=True)
class _Made:
    rules: Sequence[ChargeRule]
    at_s: float
    forecast: Forecast


class ChargeForecast:
    """Makes forecasts. One at a time: several pages that open at once share the answer."""

    def __init__(
        self,
        store: Store,
        settings: RuleSettings,
        splynx: ForecastSplynx,
        terms: TermsSource,
        clock: Clock,
    ) -> None:
        self._store = store
        self._settings = settings
        self._splynx = splynx
        self._terms = terms
        self._clock = clock
        self._lock = asyncio.Lock()
        self._made: dict[int, _Made] = {}

    async def next_days(self, editor: Editor) -> Forecast:
        """Tells what the rules that somebody may see do in the next `FORECAST_DAYS` days."""
        async with self._lock:
            rules = await self._store.read(lambda unit: self._rules(unit, editor))
            now_s = self._clock.monotonic()
            made = self._made.get(editor.partner_id)
            if made is not None and made.rules == rules and now_s - made.at_s < GOOD_FOR_S:
                return made.forecast
            forecast = await self._make(rules)
            if not forecast.is_without_splynx:
                self._made[editor.partner_id] = _Made(rules, now_s, forecast)
            return forecast

    def _rules(self, unit: Unit, editor: Editor) -> Sequence[ChargeRule]:
        rules = rules_in_force(unit, self._settings)
        return [one for one in rules if one.is_enabled and one.may_be_seen_by(editor.partner_id)]

    async def _make(self, rules: Sequence[ChargeRule]) -> Forecast:
        now = self._clock.now()
        zones = {
            rule.id: self._settings.timezone_of_partners(rule.selection.partner_ids)
            for rule in rules
        }
        coming = [
            Expectation(rule, day, moment)
            for rule in rules
            for day, moment in rule.days_between(
                now, now + timedelta(days=FORECAST_DAYS), zones[rule.id]
            )
        ]
        coming = await self._store.read(lambda unit: _as_last_time(unit, coming))
        try:
            async with asyncio.timeout(PATIENCE_S):
                invoices, is_cut = await self._open_invoices(rules, coming)
        except _TROUBLES:
            in_order = expected(coming, {})
            return Forecast(now, in_order, zones, is_without_splynx=True)
        return Forecast(now, expected(coming, invoices), zones, is_cut=is_cut)

    async def _open_invoices(
        self, rules: Sequence[ChargeRule], coming: Sequence[Expectation]
    ) -> tuple[Mapping[str, Sequence[OpenInvoice]], bool]:
        """Gives the open invoices of each rule of invoices, and whether there are more."""
        found: dict[str, list[Document]] = {}
        room = MOST_INVOICES
        for rule in rules:
            if rule.selection.kind is not ChargeKind.INVOICES:
                continue
            selection = selection_of_days(rule, (one.day for one in coming if one.rule == rule))
            found[rule.id] = await self._listed(selection, room + 1) if selection else []
            room -= len(found[rule.id])
            if room < 0:
                break
        customers = await self._splynx.listed_customers(
            sorted({document.customer_id for each in found.values() for document in each})
        )
        by_id = {rule.id: rule for rule in rules}
        priced = {
            rule_id: self._priced(by_id[rule_id].selection, documents, customers)
            for rule_id, documents in found.items()
        }
        return priced, room < 0

    async def _listed(self, selection: Selection, limit: int) -> list[Document]:
        found: list[Document] = []
        async for page in self._splynx.invoice_pages(selection, after=0):
            found += [one for one in page if one.is_open and selection.takes_document(one)]
            if len(found) >= limit:
                break
        return found[:limit]

    def _priced(
        self,
        selection: Selection,
        documents: Sequence[Document],
        customers: Mapping[int, ListedCustomer],
    ) -> Sequence[OpenInvoice]:
        """Leaves out what no run of the rule would charge: other customers', or not chargeable."""
        found = []
        for document in documents:
            customer = customers.get(document.customer_id)
            if customer is None or not selection.takes_customer(customer):
                continue
            terms = self._terms.terms(customer.partner_id)
            if terms is None:
                continue
            try:
                due = Money.from_decimal(document.due, terms.currency)
            except MoneyError:
                continue
            found.append(OpenInvoice(document, due))
        return found


def _as_last_time(unit: Unit, coming: Sequence[Expectation]) -> list[Expectation]:
    """Expects of rules for balances what their last run came to."""
    wanted = {one.rule.id for one in coming if one.rule.selection.kind is not ChargeKind.INVOICES}
    last_runs: dict[str, str] = {}
    if wanted:
        for rule_day in unit.newest_rule_days(partner_id=0, limit=_DAYS_LOOKED_AT):
            if rule_day.run_id and rule_day.rule_id in wanted:
                last_runs.setdefault(rule_day.rule_id, rule_day.run_id)
    return [_as_in(unit, one, last_runs.get(one.rule.id, "")) for one in coming]


def _as_in(unit: Unit, one: Expectation, run_id: str) -> Expectation:
    totals = unit.run_totals(run_id) if run_id else ()
    if not totals:
        return one
    return replace(
        one,
        basis=ForecastBasis.LAST_RUN,
        count=sum(total.charged for total in totals),
        sums=sums_of(total.amount for total in totals),
    )
