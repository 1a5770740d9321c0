"""Makes the plan of a charge run: reads Splynx page by page and gives each debt its verdict.

Pages are written as they come, with the place that was reached, so a plan needs little memory and one
that was interrupted goes on. Nothing is charged here. What Splynx filtered is filtered once more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.charge_plan import DebtFacts, Judgement, Reason, Verdict, judge
from splynx_stripe.domain.charge_run import (
    ChargeRun,
    ItemStanding,
    RunItem,
    RunNews,
    run_step,
)
from splynx_stripe.domain.charge_selection import ChargeKind
from splynx_stripe.domain.errors import MoneyError
from splynx_stripe.domain.guardrails import COMPARED_RUNS, median
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import Payable, PayableKind, balance, prepaid
from splynx_stripe.domain.recovery import LIVE_RECOVERY_STATES
from splynx_stripe.domain.splynx import Document, DocumentStatus
from splynx_stripe.domain.splynx_billing import CustomerBilling, ListedCustomer
from splynx_stripe.domain.terms import Terms
from splynx_stripe.flows.charge_run_rooms import ChargeRunRooms
from splynx_stripe.flows.ports import Unit

PLANNER = "daemon"
_NO_CURRENCY = "XXX"
"""ISO 4217's code for no currency: the customer's partner has none."""

_AT_ONCE = 4
"""Customers whose billing is asked for at the same time; Splynx has other work to do."""

_NOTHING = "There is nothing to charge: every debt is skipped, or there is none."
_REHEARSED = "This was a dry run: nothing is charged by it."


@dataclass(frozen=True, slots=True)
class _Debt:
    """A debt that fits the selection. `amount` is None where it cannot be charged exactly."""

    payable: Payable
    amount: Money | None
    customer: ListedCustomer
    terms: Terms | None
    obstacle: Reason = Reason.NONE
    less_what_is_on_its_way: bool = False


@dataclass(frozen=True, slots=True)
class _Page:
    """Debts, and how far Splynx has been read with them."""

    debts: Sequence[_Debt]
    cursor: int


class RunPlanner:
    """Plans runs. One daemon plans at a time: the leader."""

    def __init__(self, rooms: ChargeRunRooms) -> None:
        self._rooms = rooms

    async def plan(self, run: ChargeRun) -> ChargeRun:
        """Plans a run to its end and gives it as it is then.

        Raises:
            RetryableError, OutcomeUnknownError: Splynx does not answer; go on later.
            RejectedError, BrokenInvariantError: Splynx refuses; a person has to look.
            StaleWriteError: the run was canceled meanwhile, or another daemon leads.
        """
        async for page in self._pages(run):
            run = await self._write(run, page)
        return await self._finish(run)

    def _pages(self, run: ChargeRun) -> AsyncIterator[_Page]:
        match run.selection.kind:
            case ChargeKind.INVOICES:
                return self._invoices(run)
            case ChargeKind.BALANCES | ChargeKind.PREPAID:
                return self._accounts(run)

    async def _invoices(self, run: ChargeRun) -> AsyncIterator[_Page]:
        selection = run.selection
        is_listed = bool(selection.document_numbers or selection.customer_ids)
        # Several searches have no place in common; they are short, and nothing is planned twice.
        after = 0 if is_listed else int(run.cursor or 0)
        async for documents in self._rooms.splynx.invoice_pages(selection, after=after):
            fitting = [one for one in documents if selection.takes_document(one)]
            customers = await self._rooms.splynx.listed_customers(
                [document.customer_id for document in fitting]
            )
            owned = [
                (document, customers[document.customer_id])
                for document in fitting
                if document.customer_id in customers
                and selection.takes_customer(customers[document.customer_id])
            ]
            if selection.payment_method_ids:
                wanted = await self._with_payment_method(run, [one for _, one in owned])
                owned = [pair for pair in owned if pair[1].id in wanted]
            debts = [self._invoice(document, customer) for document, customer in owned]
            yield _Page(debts, max(document.id for document in documents))

    async def _with_payment_method(
        self, run: ChargeRun, customers: Sequence[ListedCustomer]
    ) -> set[int]:
        billings = await self._billings({customer.id for customer in customers})
        return {
            billing.customer_id
            for billing in billings
            if run.selection.takes_payment_method(billing.payment_method_id)
        }

    def _invoice(self, document: Document, customer: ListedCustomer) -> _Debt:
        terms = self._rooms.terms.terms(customer.partner_id)
        payable = Payable(
            partner_id=customer.partner_id,
            customer_id=customer.id,
            kind=PayableKind.INVOICE,
            document_id=document.id,
            document_number=document.number,
            currency=terms.currency if terms else _NO_CURRENCY,
        )
        is_pending = document.status is DocumentStatus.PENDING
        return _Debt(
            payable,
            _exact(document.due, payable.currency),
            customer,
            terms,
            obstacle=Reason.PENDING if is_pending else Reason.NONE,
        )

    async def _accounts(self, run: ChargeRun) -> AsyncIterator[_Page]:
        """Pages of balances or prepaid amounts, by customer."""
        selection = run.selection
        is_prepaid = selection.kind is ChargeKind.PREPAID
        pages = self._rooms.splynx.customer_pages(selection, after=int(run.cursor or 0))
        async for customers in pages:
            fitting = {
                customer.id: customer
                for customer in customers
                if selection.takes_customer(customer) and (customer.is_prepaid or not is_prepaid)
            }
            billings = [
                billing
                for billing in await self._billings(set(fitting))
                if selection.takes_payment_method(billing.payment_method_id)
            ]
            debts = [
                debt
                for billing in billings
                if (debt := await self._account(run, fitting[billing.customer_id], billing))
            ]
            yield _Page(debts, max(customer.id for customer in customers))

    async def _account(
        self, run: ChargeRun, customer: ListedCustomer, billing: CustomerBilling
    ) -> _Debt | None:
        """Gives what a customer's account owes; None where that is nothing, or does not fit."""
        selection = run.selection
        is_prepaid = selection.kind is ChargeKind.PREPAID
        owed = billing.debt
        if is_prepaid:
            price = await self._rooms.splynx.prepaid_price(customer.id)
            if price is None:
                return None
            price = replace(price, deposit=billing.deposit)
            owed = price.to_pay(uses_balance=selection.uses_balance)
        if not selection.takes_total(owed) or (not is_prepaid and owed <= 0):
            return None
        terms = self._rooms.terms.terms(customer.partner_id)
        currency = terms.currency if terms else _NO_CURRENCY
        amount = _exact(owed, currency)
        make = prepaid if is_prepaid else balance
        payable = make(customer.partner_id, customer.id, amount or Money(0, currency))
        return _Debt(
            payable,
            amount,
            customer,
            terms,
            less_what_is_on_its_way=not is_prepaid or selection.uses_balance,
        )

    async def _billings(self, customer_ids: set[int]) -> Sequence[CustomerBilling]:
        places = asyncio.Semaphore(_AT_ONCE)

        async def one(customer_id: int) -> CustomerBilling | None:
            async with places:
                return await self._rooms.splynx.billing(customer_id)

        found = await asyncio.gather(*(one(each) for each in sorted(customer_ids)))
        return [billing for billing in found if billing is not None]

    async def _write(self, run: ChargeRun, page: _Page) -> ChargeRun:
        """Judges a page on what we know, outside of the writer, and writes it in one commit."""
        items = await self._rooms.store.read(lambda unit: self._judged(unit, run, page.debts))

        def work(unit: Unit) -> ChargeRun:
            number = unit.last_item_number(run.id)
            for item in items:
                number += unit.add_run_item(replace(item, number=number + 1))
            after = replace(run, cursor=str(page.cursor))
            unit.save_charge_run(after)
            return replace(after, version=after.version + 1)

        return await self._rooms.store.run(work)

    def _judged(self, unit: Unit, run: ChargeRun, debts: Sequence[_Debt]) -> Sequence[RunItem]:
        planned: dict[int, Money] = {}
        items: list[RunItem] = []
        for each in debts:
            debt = _less(unit, each) if each.less_what_is_on_its_way else each
            facts = self._facts(unit, run, debt, planned.get(debt.customer.id))
            judgement = judge(facts)
            items.append(_item(run, debt, judgement))
            if judgement.verdict.is_charged and debt.amount is not None:
                before = facts.planned_for_customer or Money(0, debt.amount.currency)
                planned[debt.customer.id] = before + debt.amount
        return items

    def _facts(self, unit: Unit, run: ChargeRun, debt: _Debt, planned: Money | None) -> DebtFacts:
        """Gathers what we know of a debt; `planned` is what this page has for the customer so far."""
        now, payable, terms = self._rooms.clock.now(), debt.payable, debt.terms
        if terms is None:
            return DebtFacts(None, debt.amount, now)
        customer_id, rails = payable.customer_id, terms.guardrails
        saved = unit.credentials_of(terms.account, customer_id)
        since = now - timedelta(days=rails.not_twice_within_days)
        recovery = unit.recovery_of_key(payable.key)
        return DebtFacts(
            payable=payable,
            amount=debt.amount,
            now=now,
            kinds=terms.payment_kinds,
            obstacle=debt.obstacle,
            credentials=saved,
            has_foreign_credentials=not saved and unit.has_credentials_elsewhere(customer_id),
            is_collected_elsewhere=unit.live_collection(payable) is not None
            or bool(unit.rivals_of(payable)),
            is_in_recovery=recovery is not None and recovery.state in LIVE_RECOVERY_STATES,
            planned_for_customer=planned
            or unit.planned_for_customer(run.id, customer_id, payable.currency),
            charged_recently=rails.not_twice_within_days > 0
            and unit.charged_by_runs_since(customer_id, since, besides_run=run.id),
            declined=frozenset(
                one.id for one in saved if unit.last_charge_failed(customer_id, one.id)
            ),
            sends_link=terms.sends_payment_links and payable.kind is PayableKind.INVOICE,
            link_sent_before=unit.payment_link_was_sent(payable),
            has_address=bool(debt.customer.email),
            customer_maximum=rails.customer_maximum,
        )

    async def _finish(self, run: ChargeRun) -> ChargeRun:
        """Adds the plan up and fixes it."""
        now = self._rooms.clock.now()

        def work(unit: Unit) -> ChargeRun:
            sums = unit.sums_of_run(run.id)
            for total in sums:
                past = unit.past_run_totals(
                    run.selection.family,
                    partner_id=total.partner_id,
                    currency=total.amount.currency,
                    limit=COMPARED_RUNS,
                )
                unit.add_run_total(run.id, replace(total, median=median(past)))
            if run.is_rehearsal or not unit.open_run_accounts(run.id):
                reason = _REHEARSED if run.is_rehearsal else _NOTHING
                after = run_step(run, RunNews.PLANNED_ONLY)
                after = replace(after, planned_at=now, ended_at=now, reason=reason)
                unit.leave_run_items(run.id, now=now)
            else:
                after = replace(run_step(run, RunNews.PLANNED), planned_at=now, reason="")
            unit.save_charge_run(after)
            facts = {
                "run": run.id,
                "to_charge": str(sum(total.charged for total in sums)),
                "total": ", ".join(str(total.amount) for total in sums) or "0",
            }
            unit.record(AuditEntry(now, "charge_run.planned", PLANNER, facts=facts))
            return replace(after, version=after.version + 1)

        return await self._rooms.store.run(work)


def _exact(amount: Decimal, currency: str) -> Money | None:
    try:
        return Money.from_decimal(amount, currency)
    except MoneyError:
        return None


def _less(unit: Unit, debt: _Debt) -> _Debt:
    """Takes off what is on its way already: Splynx's balance does not know it yet."""
    if debt.amount is None:
        return debt
    on_its_way = unit.money_on_its_way(debt.payable.customer_id, debt.amount.currency)
    amount = debt.amount - on_its_way
    return replace(debt, amount=amount, payable=replace(debt.payable, set_amount=amount))


def _item(run: ChargeRun, debt: _Debt, judgement: Judgement) -> RunItem:
    is_skipped = judgement.verdict is Verdict.SKIP
    account = debt.terms.account if debt.terms and judgement.verdict.is_charged else None
    return RunItem(
        run_id=run.id,
        number=0,
        payable=debt.payable,
        amount=debt.amount or Money(0, debt.payable.currency),
        account=account,
        credential_id=judgement.credential_id,
        verdict=judgement.verdict,
        reason=judgement.reason,
        standing=ItemStanding.SKIPPED if is_skipped else ItemStanding.WAITING,
    )
