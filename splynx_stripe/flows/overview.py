"""What a portal customer can pay: open documents, several at once, a top-up; and what was paid."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation

from splynx_stripe.domain.errors import (
    MoneyError,
    NotFoundError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
)
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import PARTS_AT_LEAST, PARTS_AT_MOST, Payable, several, top_up
from splynx_stripe.domain.splynx import Company, DocumentKind, Receipt
from splynx_stripe.domain.terms import Terms
from splynx_stripe.flows.look import Looker
from splynx_stripe.flows.pay import DocumentQuery, PayFlow, PaymentView, Standing
from splynx_stripe.flows.rooms import Rooms

_DOCUMENT = re.compile(r"(invoice|proforma)-([1-9][0-9]{0,17})")
_TOKEN = re.compile(r"[A-Za-z0-9]{8,64}")


@dataclass(frozen=True, slots=True)
class Overview:
    """What a customer sees first. `terms` is None where nothing can be paid online."""

    documents: Sequence[PaymentView]
    terms: Terms | None
    company: Company | None


@dataclass(frozen=True, slots=True)
class PastPayment:
    """Money that was booked: what for, how much, when, and Splynx's payment."""

    payable: Payable
    amount: Money
    paid_on: date
    splynx_payment_id: int


@dataclass(frozen=True, slots=True)
class History:
    """What was paid through us, newest first. `after` is the cursor of the next page, "" at the end.

    `terms` and `company` are None where they are not known, also while Splynx does not answer: what
    was paid is ours to tell.
    """

    payments: Sequence[PastPayment]
    after: str = ""
    terms: Terms | None = None
    company: Company | None = None


class CustomerOverview:
    """Answers for the pages of one customer who is logged in; never with what is somebody else's."""

    def __init__(self, rooms: Rooms, pay: PayFlow) -> None:
        self._rooms = rooms
        self._pay = pay
        self._looker = Looker(rooms.splynx, rooms.terms)

    async def overview(self, customer_id: int) -> Overview:
        """Lists what is open, oldest due date first, with how each document stands."""
        customer = await self._rooms.splynx.customer(customer_id)
        if customer is None:
            return Overview((), None, None)
        terms = self._rooms.terms.terms(customer.partner_id)
        company = await self._company(customer.partner_id)
        documents = await self._rooms.splynx.open_documents(customer_id)
        views = [
            await self._pay.view_of_look(self._looker.judge(document, customer), company)
            for document in documents
            if document.customer_id == customer_id
        ]
        views.sort(key=lambda view: (view.due_on is None, view.due_on or date.max))
        return Overview(views, terms, company)

    async def several(self, customer_id: int, choice: str) -> PaymentView:
        """Shows the payment of the chosen documents, such as `invoice-1042.proforma-61`.

        A choice of one is that document; a document that cannot be paid any more speaks for all.
        """
        references = list(dict.fromkeys(choice.split(".")))
        found = [_DOCUMENT.fullmatch(reference) for reference in references]
        if not all(found) or not 1 <= len(found) <= PARTS_AT_MOST:
            return PaymentView(Standing.NOT_FOUND)
        views = [
            await self._pay.view_for_customer(
                DocumentQuery(DocumentKind(each[1]), each[2], by_id=True), customer_id
            )
            for each in found
            if each is not None
        ]
        parts = [
            replace(view.payable, set_amount=view.amount)
            for view in views
            if view.standing is Standing.PAYABLE and view.payable is not None
        ]
        if len(parts) < len(views):
            return next(view for view in views if view.standing is not Standing.PAYABLE)
        if len(parts) < PARTS_AT_LEAST:
            return views[0]
        payable = several(tuple(parts))
        return replace(views[0], payable=payable, amount=payable.set_amount, due_on=None)

    async def top_up(self, customer_id: int, amount_text: str, token: str) -> PaymentView:
        """Shows the payment of a top-up; the same `token` is the same top-up.

        Gives `Standing.NOT_FOUND` where the amount is none, or not within the limits.
        """
        customer = await self._rooms.splynx.customer(customer_id)
        terms = self._rooms.terms.terms(customer.partner_id) if customer else None
        if customer is None or terms is None or terms.top_up is None:
            return PaymentView(Standing.NOT_CHARGEABLE)
        amount = read_amount(amount_text, terms.currency)
        if amount is None or not terms.top_up.allows(amount) or not _TOKEN.fullmatch(token):
            return PaymentView(Standing.NOT_FOUND, terms=terms)
        payable = top_up(customer.partner_id, customer_id, amount, token=token)
        return await self._pay.view_of_look(await self._looker.again(payable))

    async def history(self, customer_id: int, *, before: str, limit: int) -> History:
        """Lists what was paid through us, from the cursor `before` on ("" is the beginning)."""
        found = await self._rooms.store.read(
            lambda unit: [
                (collection, [*unit.attempts_of(collection.whole_id or collection.id)])
                for collection in unit.booked_collections(
                    customer_id, before=before, limit=limit + 1
                )
            ]
        )
        payments = [
            PastPayment(
                collection.payable,
                collection.share_of(attempts[-1].amount),
                attempts[-1].day_seen(self._rooms.timezone),
                collection.splynx_payment_id,
            )
            for collection, attempts in found[:limit]
        ]
        after = found[limit - 1][0].id if len(found) > limit else ""
        return History(payments, after, *await self._whose(customer_id))

    async def receipt(self, customer_id: int, splynx_payment_id: int) -> Receipt | None:
        """Fetches the receipt of one of the customer's own payments; None for any other."""
        payment = await self._rooms.splynx.payment(splynx_payment_id)
        if payment is None or payment.customer_id != customer_id:
            return None
        return await self._rooms.splynx.receipt(splynx_payment_id)

    async def _whose(self, customer_id: int) -> tuple[Terms | None, Company | None]:
        """Gives whom the customer pays, as far as Splynx tells now."""
        try:
            customer = await self._rooms.splynx.customer(customer_id)
            if customer is None:
                return None, None
            company = await self._company(customer.partner_id)
        except (RejectedError, RetryableError, OutcomeUnknownError):
            return None, None
        return self._rooms.terms.terms(customer.partner_id), company

    async def _company(self, partner_id: int) -> Company | None:
        try:
            return await self._rooms.splynx.company(partner_id)
        except NotFoundError:
            return None


def read_amount(text: str, currency: str) -> Money | None:
    """Reads an amount as people type it (`49.90`, `49,90`, `1 000`); None when it is none."""
    plain = re.sub(r"[\s\u00a0\u202f']", "", text).replace(",", ".")
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,3})?", plain):
        return None
    try:
        return Money.from_decimal(Decimal(plain), currency)
    except (MoneyError, InvalidOperation):
        return None
