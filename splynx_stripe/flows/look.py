"""The look at Splynx that comes before anything is shown or charged: still due, how much, whose?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from splynx_stripe.domain.attempt import Attempt, AttemptState
from splynx_stripe.domain.errors import MoneyError
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import Payable, PayableKind
from splynx_stripe.domain.splynx import Document, DocumentKind, DocumentStatus, SplynxCustomer
from splynx_stripe.domain.terms import Terms
from splynx_stripe.flows.ports import SplynxGateway, TermsSource


class Verdict(StrEnum):
    """What a look at a document found."""

    PAYABLE = "payable"
    PAID = "paid"
    PENDING = "pending"
    REMOVED = "removed"
    NOT_FOUND = "not_found"
    NOT_ALLOWED = "not_allowed"
    NOT_CHARGEABLE = "not_chargeable"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Look:
    """The result. The fields after `verdict` are set as far as the look came."""

    verdict: Verdict
    document: Document | None = None
    customer: SplynxCustomer | None = None
    terms: Terms | None = None
    payable: Payable | None = None
    amount: Money | None = None


class Looker:
    """Looks documents up and judges them. Every answer is fresh from Splynx."""

    def __init__(self, splynx: SplynxGateway, terms: TermsSource) -> None:
        self._splynx = splynx
        self._terms = terms

    async def by_number(self, kind: DocumentKind, number: str) -> Look:
        """Looks a document up by its printed number."""
        return await self._judge(await self._splynx.find_document(kind, number))

    async def by_id(self, kind: DocumentKind, document_id: int) -> Look:
        """Looks a document up by Splynx's id."""
        return await self._judge(await self._splynx.document(kind, document_id))

    async def again(self, payable: Payable) -> Look:
        """Looks at a debt once more, just before money may move (the "last look").

        A document that belongs to somebody else by now, or that is charged in another currency
        or by another partner, counts as not found: its page has to be loaded again. One whose
        price is not what it was when several were chosen has changed.
        """
        if payable.parts:
            return await self._several(payable)
        kind = payable.kind.document_kind
        if kind is None:
            return await self._without_document(payable)
        look = await self.by_id(kind, payable.document_id)
        if look.payable is None:
            return look
        if replace(look.payable, set_amount=payable.set_amount) != payable:
            return Look(Verdict.NOT_FOUND)
        look = replace(look, payable=payable)
        if payable.set_amount in {None, look.amount} or look.verdict is not Verdict.PAYABLE:
            return look
        return replace(look, verdict=Verdict.CHANGED)

    async def _several(self, payable: Payable) -> Look:
        """Looks at each of the documents; the first that cannot be paid speaks for all."""
        looks = [await self.again(part) for part in payable.parts]
        for look in looks:
            if look.verdict is not Verdict.PAYABLE:
                return replace(look, payable=payable, amount=payable.set_amount)
        return replace(looks[0], document=None, payable=payable, amount=payable.set_amount)

    async def _without_document(self, payable: Payable) -> Look:
        """Looks at what needs no document: whether its customer may still pay it like this."""
        customer = await self._splynx.customer(payable.customer_id)
        if customer is None or customer.partner_id != payable.partner_id:
            return Look(Verdict.NOT_FOUND)
        terms = self._terms.terms(customer.partner_id)
        if terms is None:
            return Look(Verdict.NOT_CHARGEABLE, customer=customer)
        if terms.currency != payable.currency:
            return Look(Verdict.NOT_FOUND)
        if payable.kind is PayableKind.BALANCE:
            return await self._balance(Look(Verdict.PAYABLE, None, customer, terms, payable))
        amount = payable.set_amount
        chargeable = amount is not None and amount.is_chargeable and bool(terms.payment_kinds)
        verdict = Verdict.PAYABLE if chargeable else Verdict.NOT_CHARGEABLE
        return Look(verdict, None, customer, terms, payable, amount)

    async def _balance(self, look: Look) -> Look:
        """Looks at what a customer owes in all; money that is not booked yet is not in it."""
        if look.customer is None or look.terms is None:
            return Look(Verdict.NOT_FOUND)
        deposit = await self._splynx.deposit(look.customer.id)
        if deposit is None or deposit >= 0:
            return replace(look, verdict=Verdict.NOT_FOUND if deposit is None else Verdict.PAID)
        try:
            amount = Money.from_decimal(-deposit, look.terms.currency)
        except MoneyError:
            return replace(look, verdict=Verdict.NOT_CHARGEABLE)
        chargeable = amount.is_chargeable and bool(look.terms.payment_kinds)
        verdict = Verdict.PAYABLE if chargeable else Verdict.NOT_CHARGEABLE
        return replace(look, verdict=verdict, amount=amount)

    async def _judge(self, document: Document | None) -> Look:
        if document is None:
            return Look(Verdict.NOT_FOUND)
        customer = await self._splynx.customer(document.customer_id)
        return Look(Verdict.NOT_FOUND) if customer is None else self.judge(document, customer)

    def judge(self, document: Document, customer: SplynxCustomer) -> Look:
        """Judges a document that has just been read, of a customer who has just been read."""
        terms = self._terms.terms(customer.partner_id)
        if terms is None:
            return Look(Verdict.NOT_CHARGEABLE, document, customer)
        payable = Payable(
            partner_id=customer.partner_id,
            customer_id=customer.id,
            kind=PayableKind(document.kind.value),
            document_id=document.id,
            document_number=document.number,
            currency=terms.currency,
        )
        verdict, amount = _price(document, terms.currency)
        if verdict is Verdict.PAYABLE and not terms.payment_kinds:
            verdict = Verdict.NOT_CHARGEABLE
        return Look(verdict, document, customer, terms, payable, amount)


def _price(document: Document, currency: str) -> tuple[Verdict, Money | None]:
    try:
        amount = Money.from_decimal(document.due if document.is_open else document.total, currency)
    except MoneyError:
        amount = None
    if document.status is DocumentStatus.DELETED:
        return Verdict.REMOVED, amount
    if document.status is DocumentStatus.PENDING:
        return Verdict.PENDING, amount
    if not document.is_open:
        return Verdict.PAID, amount
    if amount is None or not amount.is_chargeable:
        return Verdict.NOT_CHARGEABLE, amount
    return Verdict.PAYABLE, amount


def is_pending_by_us(attempt: Attempt, look: Look) -> bool:
    """Says whether a document is pending only because our own debit, which failed, made it so."""
    has_failed = attempt.may_be_bank_debit and attempt.state is AttemptState.AWAITING_CUSTOMER
    return look.verdict is Verdict.PENDING and has_failed
