"""A desk of charge runs on a store, for tests of what must never be: without a Splynx to plan from."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from splynx_stripe.domain.charge_plan import Reason, Verdict
from splynx_stripe.domain.charge_run import (
    BY_OFFICE,
    ChargeRun,
    ItemStanding,
    RunItem,
    RunState,
)
from splynx_stripe.domain.charge_selection import ChargeKind, Selection
from splynx_stripe.domain.guardrails import RunTotal
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import Payable
from splynx_stripe.domain.splynx import Document
from splynx_stripe.domain.splynx_billing import CustomerBilling, ListedCustomer, PrepaidPrice
from splynx_stripe.domain.terms import Terms
from splynx_stripe.flows.charge_run_rooms import ChargeRunRooms
from splynx_stripe.flows.charge_runs import ChargeRuns
from splynx_stripe.flows.notices import Notices
from splynx_stripe.kit.clock import Clock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.store import SqlStore
from splynx_stripe.store.unit import SqlUnit
from splynx_stripe.web.charge_desk import ChargeDesk, FilterNames
from tests.fixed_failure_rules import FixedFailureRules
from tests.integration.store_builders import payable
from tests.integration.web_stage import ACCOUNT, TERMS


class EmptySplynx:
    """A Splynx in which nothing is due."""

    async def invoice_pages(
        self, selection: Selection, *, after: int
    ) -> AsyncIterator[Sequence[Document]]:
        for page in _no_pages(selection, after):
            yield page

    async def customer_pages(
        self, selection: Selection, *, after: int
    ) -> AsyncIterator[Sequence[ListedCustomer]]:
        for page in _no_pages(selection, after):
            yield page

    async def listed_customers(self, ids: Sequence[int]) -> Mapping[int, ListedCustomer]:
        del ids
        return {}

    async def billing(self, customer_id: int) -> CustomerBilling | None:
        del customer_id
        return None

    async def prepaid_price(self, customer_id: int) -> PrepaidPrice | None:
        del customer_id
        return None


def _no_pages(selection: Selection, after: int) -> Sequence[Sequence[Any]]:
    del selection, after
    return ()


class OneTerms:
    """The same terms for every partner."""

    def terms(self, partner_id: int) -> Terms | None:
        del partner_id
        return TERMS


class NoNames:
    """A Splynx that tells no names."""

    async def names(self) -> FilterNames:
        return FilterNames()


def charge_desk_on(store: SqlStore, clock: Clock) -> ChargeDesk:
    """Makes a desk at which runs can be looked at and decided on; nothing plans or charges."""
    ids = RandomIds()
    rooms = ChargeRunRooms(
        store=store,
        splynx=EmptySplynx(),
        notices=Notices(FixedFailureRules(), ids),
        terms=OneTerms(),
        clock=clock,
        ids=ids,
    )
    return ChargeDesk(ChargeRuns(rooms), NoNames())


def add_planned_run(
    unit: SqlUnit, now: datetime, *, run_id: str = "run_1", of: Payable | None = None
) -> None:
    """Adds a run of partner 1 that is ready to be confirmed, with one item that is charged."""
    selection = Selection(ChargeKind.INVOICES, partner_ids=(1,), document_numbers=(run_id,))
    run = ChargeRun(run_id, selection, BY_OFFICE, RunState.READY, "admin:1", now, planned_at=now)
    amount = Money(17250, "EUR")
    assert unit.add_charge_run(run)
    item = RunItem(
        run_id=run_id,
        number=1,
        payable=of or payable(),
        amount=amount,
        account=ACCOUNT,
        credential_id="cred_9",
        verdict=Verdict.CHARGE,
        reason=Reason.NONE,
        standing=ItemStanding.WAITING,
    )
    assert unit.add_run_item(item)
    unit.add_run_total(run_id, RunTotal(1, amount, 1))
