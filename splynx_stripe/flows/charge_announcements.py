"""Tells customers of debits by BECS and PAD that a rule of auto charge is going to make.

Only a rule knows before its day what it will charge, and only of invoices: what a balance will be is
not known. The days and the ways of telling are settings of the partner; each debit and day is told
once (`flows/notices`), however often this looks. A debt that is paid meanwhile is not told any more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

from splynx_stripe.domain.charge_calendar import day_at
from splynx_stripe.domain.charge_forecast import selection_of_days
from splynx_stripe.domain.charge_rule import ChargeRule
from splynx_stripe.domain.charge_selection import ChargeKind
from splynx_stripe.domain.credential import in_order
from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    MoneyError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
)
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import Payable, PayableKind
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.splynx import Document
from splynx_stripe.domain.splynx_billing import CustomerBilling, ListedCustomer
from splynx_stripe.domain.terms import Terms
from splynx_stripe.flows.charge_forecast import ForecastSplynx
from splynx_stripe.flows.charge_rule_ports import RuleSettings
from splynx_stripe.flows.charge_rules import rules_in_force
from splynx_stripe.flows.ports import Store, TermsSource, Unit
from splynx_stripe.flows.safe_stop import unattended_stop
from splynx_stripe.kit.clock import Clock

log = logging.getLogger(__name__)

EVERY = timedelta(hours=1)
"""How often the scheduler calls `tick`: notices are about days, so this is early enough."""

_TROUBLES = (RejectedError, RetryableError, OutcomeUnknownError, BrokenInvariantError)


class AnnouncementSplynx(ForecastSplynx, Protocol):
    """What announcements ask of Splynx (`flows.charge_run_ports.ChargeSplynx`)."""

    async def billing(self, customer_id: int) -> CustomerBilling | None:
        """Fetches a customer's balance and payment method; None when there is no such customer."""
        ...


class DebitNotices(Protocol):
    """Writes the notices, in the caller's commit (`flows.notices.Notices`)."""

    def days_ahead(self, partner_id: int, kind: PaymentKind) -> int:
        """Gives how many days before a debit of this kind it is told; 0: not at all."""
        ...

    def announce_debit(
        self,
        unit: Unit,
        payable: Payable,
        amount: Money,
        kind: PaymentKind,
        *,
        on: date,
        now: datetime,
    ) -> bool:
        """Tells a customer of a debit, once for each day; False when it was told before."""
        ...


@dataclass(frozen=True, slots=True)
class _Debit:
    """A debit that a rule is going to make."""

    payable: Payable
    amount: Money
    kind: PaymentKind
    day: date


@dataclass(frozen=True, slots=True)
class ChargeAnnouncements:
    """The scheduled job. `partner_ids` gives the partners that have settings of their own, and 0."""

    store: Store
    settings: RuleSettings
    splynx: AnnouncementSplynx
    terms: TermsSource
    notices: DebitNotices
    clock: Clock
    partner_ids: Callable[[], Sequence[int]]

    async def tick(self) -> None:
        """Writes what is to be told now; what Splynx does not answer is asked again next time."""
        stop, rules = await self.store.read(
            lambda unit: (unattended_stop(unit), rules_in_force(unit, self.settings))
        )
        for rule in () if stop else rules:
            charges = rule.is_enabled and not rule.is_dry_run
            if charges and rule.selection.kind is ChargeKind.INVOICES:
                try:
                    await self._announce(rule)
                except _TROUBLES as error:
                    log.warning("rule.not_announced", extra={"rule": rule.id, "error": str(error)})

    async def _announce(self, rule: ChargeRule) -> None:
        days = self._days(rule)
        selection = selection_of_days(rule, days)
        if selection is None:
            return
        async for page in self.splynx.invoice_pages(selection, after=0):
            documents = [one for one in page if one.is_open and selection.takes_document(one)]
            customers = await self.splynx.listed_customers(
                sorted({document.customer_id for document in documents})
            )
            debits = await self.store.read(
                lambda unit, documents=documents, customers=customers: [  # type: ignore[misc]  # defaults bind the loop's values
                    debit
                    for document in documents
                    if (debit := self._debit(unit, rule, document, customers, days))
                ]
            )
            await self._write([debit for debit in debits if await self._fits(rule, debit)])

    def _days(self, rule: ChargeRule) -> Sequence[date]:
        """Gives the rule's coming days of which somebody is told now."""
        partners = rule.selection.partner_ids or self.partner_ids()
        most = max(
            (self.notices.days_ahead(each, kind) for each in partners for kind in PaymentKind),
            default=0,
        )
        now = self.clock.now()
        zone = self.settings.timezone_of_partners(rule.selection.partner_ids)
        # One more: days are counted here, and the hour of the last one may be later than now.
        until = now + timedelta(days=most + 1)
        coming = rule.days_between(now, until, zone) if most else ()
        return [day for day, _ in coming]

    def _debit(
        self,
        unit: Unit,
        rule: ChargeRule,
        document: Document,
        customers: Mapping[int, ListedCustomer],
        days: Sequence[date],
    ) -> _Debit | None:
        """Gives the debit of an invoice; None where none is made, or it is not told (yet)."""
        customer = customers.get(document.customer_id)
        if customer is None or not rule.selection.takes_customer(customer):
            return None
        terms = self.terms.terms(customer.partner_id)
        kind = _kind_charged(unit, terms, customer.id) if terms else None
        day = next((one for one in days if rule.selection_on(one).takes_document(document)), None)
        if terms is None or kind is None or day is None:
            return None
        zone = self.settings.timezone_of_partners(rule.selection.partner_ids)
        ahead = (day - day_at(self.clock.now(), zone)).days
        if not 0 < ahead <= self.notices.days_ahead(customer.partner_id, kind):
            return None
        try:
            amount = Money.from_decimal(document.due, terms.currency)
        except MoneyError:
            return None  # no run can charge it either
        payable = Payable(
            partner_id=customer.partner_id,
            customer_id=customer.id,
            kind=PayableKind.INVOICE,
            document_id=document.id,
            document_number=document.number,
            currency=terms.currency,
        )
        return _Debit(payable, amount, kind, day)

    async def _fits(self, rule: ChargeRule, debit: _Debit) -> bool:
        """Says whether Splynx's payment method of the customer is one that the rule takes."""
        if not rule.selection.payment_method_ids:
            return True
        billing = await self.splynx.billing(debit.payable.customer_id)
        return billing is not None and rule.selection.takes_payment_method(
            billing.payment_method_id
        )

    async def _write(self, debits: Sequence[_Debit]) -> None:
        if not debits:
            return
        now = self.clock.now()

        def work(unit: Unit) -> int:
            return sum(
                self.notices.announce_debit(
                    unit, each.payable, each.amount, each.kind, on=each.day, now=now
                )
                for each in debits
            )

        told = await self.store.run(work)
        if told:
            log.info("rule.announced", extra={"count": told})


def _kind_charged(unit: Unit, terms: Terms, customer_id: int) -> PaymentKind | None:
    """Gives the kind of the saved method that a run would charge; None without one."""
    saved = in_order(unit.credentials_of(terms.account, customer_id))
    fitting = [one.kind for one in saved if one.is_usable and one.kind in terms.payment_kinds]
    return fitting[0] if fitting else None
