"""Splynx's invoices and customers by the filters of a charge run, page by page, and their money.

Pages go by rising id from above the last one seen, so that a plan that was interrupted goes on where
it was, and rows added meanwhile hide none. A server that ignores the filter on the id shows it by
rows that were seen already; then pages are counted from the beginning, and what was seen is left out.
Whoever asks filters each row again: a server may ignore any filter (reference 2.2, fault 52).
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from typing import TypeVar

from splynx_stripe.domain.charge_selection import PeriodOf, Selection
from splynx_stripe.domain.errors import NotFoundError
from splynx_stripe.domain.splynx import Document, DocumentKind
from splynx_stripe.domain.splynx_billing import CustomerBilling, ListedCustomer, PrepaidPrice
from splynx_stripe.gateways.splynx import wire, wire_billing
from splynx_stripe.gateways.splynx.api import PAGE_ROWS, SplynxApi, understood
from splynx_stripe.gateways.splynx.resources import (
    BILLING_INFO,
    CUSTOMER_BILLING,
    CUSTOMERS,
    INVOICES,
    Call,
    Resource,
)

log = logging.getLogger(__name__)

T = TypeVar("T")

Query = tuple[tuple[str, str], ...]

AT_ONCE = 50
"""How many ids or numbers one search names: the address must not grow too long (reference 2.2)."""

PAGES_AT_MOST = 100_000
"""Ten million rows; a server that never comes to an end would otherwise hold us for ever."""

_DAY_FIELDS = {PeriodOf.ISSUE: "date_created", PeriodOf.DUE: "date_till"}


class ChargeListings:
    """The part of the door to Splynx that charge runs use."""

    def __init__(self, api: SplynxApi) -> None:
        self._api = api

    async def invoice_pages(
        self, selection: Selection, *, after: int
    ) -> AsyncIterator[Sequence[Document]]:
        """Lists invoices that fit, by rising id, from above the id `after`, page by page."""
        read = partial(wire.document, DocumentKind.INVOICE)
        filters = _invoice_filters(selection)
        for listed in _listings("number", selection.document_numbers, selection.customer_ids):
            query = (*filters, *listed)
            async for page in self._pages(INVOICES, query, read, _id_of_document, after):
                yield page

    async def customer_pages(
        self, selection: Selection, *, after: int
    ) -> AsyncIterator[Sequence[ListedCustomer]]:
        """Lists customers that fit, by rising id, from above the id `after`, page by page."""
        filters = (
            *_among("partner_id", selection.partner_ids),
            *_among("location_id", selection.location_ids),
            *_among("status", selection.customer_statuses),
        )
        if selection.customer_ids:
            for ids in _chunks([each for each in selection.customer_ids if each > after]):
                found = await self.listed_customers(ids)
                yield [found[each] for each in ids if each in found]
            return
        async for page in self._pages(
            CUSTOMERS, filters, wire_billing.listed_customer, _id_of_customer, after
        ):
            yield page

    async def listed_customers(self, ids: Sequence[int]) -> Mapping[int, ListedCustomer]:
        """Fetches customers by id; whom the search does not show is asked for alone."""
        wanted = sorted(set(ids))
        found: dict[int, ListedCustomer] = {}
        for chunk in _chunks(wanted):
            query = (*_among("id", chunk), *_place(len(chunk), 0))
            rows = await self._rows(CUSTOMERS, query, wire_billing.listed_customer)
            found |= {row.id: row for row in rows if row.id in chunk}
        for each in wanted:
            if each not in found:
                row = await self._api.item(CUSTOMERS, each, wire_billing.listed_customer)
                found |= {} if row is None else {each: row}
        return found

    async def billing(self, customer_id: int) -> CustomerBilling | None:
        """Fetches a customer's balance and payment method; None when there is no such customer."""
        return await self._of_customer(CUSTOMER_BILLING, customer_id, wire_billing.customer_billing)

    async def prepaid_price(self, customer_id: int) -> PrepaidPrice | None:
        """Fetches what a prepaid customer's next period costs; None for customers without one."""
        return await self._of_customer(BILLING_INFO, customer_id, wire_billing.prepaid_price)

    async def _of_customer(
        self, resource: Resource, customer_id: int, read: Callable[[int, wire.Row], T | None]
    ) -> T | None:
        call = Call(resource, "view", item=str(customer_id))
        try:
            answer = await self._api.ask(call)
        except NotFoundError:
            return None
        return understood(call, answer, lambda value: read(customer_id, wire.row(value)))

    async def _pages(
        self,
        resource: Resource,
        filters: Query,
        read: Callable[[wire.Row], T],
        id_of: Callable[[T], int],
        after: int,
    ) -> AsyncIterator[Sequence[T]]:
        """Reads a collection to its end; the end is an empty page, as a server may cap its pages."""
        offset, by_offset, last = 0, False, after
        for _ in range(PAGES_AT_MOST):
            behind = () if by_offset else _behind(last)
            query = (*filters, *behind, *_place(PAGE_ROWS, offset if by_offset else 0))
            rows = await self._rows(resource, query, read)
            if not rows:
                return
            new = [row for row in rows if id_of(row) > last]
            if len(new) < len(rows) and not by_offset:
                log.warning(
                    "splynx.filter_ignored", extra={"resource": resource.path, "filters": "id"}
                )
                by_offset, offset = True, 0
                continue
            offset += len(rows)
            if new:
                last = max(id_of(row) for row in new)
                yield sorted(new, key=id_of)

    async def _rows(
        self, resource: Resource, query: Query, read: Callable[[wire.Row], T]
    ) -> list[T]:
        call = Call(resource, "index", query=query)
        answer = await self._api.ask(call)
        return understood(call, answer, lambda value: [read(row) for row in wire.rows(value)])


def _id_of_document(document: Document) -> int:
    return document.id


def _id_of_customer(customer: ListedCustomer) -> int:
    return customer.id


def _invoice_filters(selection: Selection) -> Query:
    return (
        *_among("status", [status.value for status in selection.statuses]),
        *_within(_DAY_FIELDS[selection.period_of], selection.first_day, selection.last_day),
    )


def _listings(name: str, words: Sequence[str], customers: Sequence[int]) -> Iterator[Query]:
    """Splits what is listed by number or customer into searches of bearable length.

    Several searches are read one after the other; each goes by rising id by itself, and a debt that
    is found twice is planned once.
    """
    if words:
        yield from (_among(name, chunk) for chunk in _chunks(words))
    elif customers:
        yield from (_among("customer_id", chunk) for chunk in _chunks(customers))
    else:
        yield ()


def _chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    return (values[first : first + AT_ONCE] for first in range(0, len(values), AT_ONCE))


def _among(name: str, values: Sequence[object]) -> Query:
    if len(values) <= 1:
        return tuple((f"main_attributes[{name}]", str(each)) for each in values)
    return (
        (f"main_attributes[{name}][0]", "IN"),
        *((f"main_attributes[{name}][1][{place}]", str(each)) for place, each in enumerate(values)),
    )


def _within(name: str, first: date | None, last: date | None) -> Query:
    field = f"main_attributes[{name}]"
    if first and last:
        return (
            (f"{field}[0]", "BETWEEN"),
            (f"{field}[1]", first.isoformat()),
            (f"{field}[2]", last.isoformat()),
        )
    if first:
        return ((f"{field}[0]", ">="), (f"{field}[1]", first.isoformat()))
    if last:
        return ((f"{field}[0]", "<="), (f"{field}[1]", last.isoformat()))
    return ()


def _behind(last: int) -> Query:
    return (("main_attributes[id][0]", ">"), ("main_attributes[id][1]", str(last)))


def _place(limit: int, offset: int) -> Query:
    return (("order[id]", "ASC"), ("limit", str(limit)), ("offset", str(offset)))
