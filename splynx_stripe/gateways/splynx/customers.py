"""Splynx's customers, many at once."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from splynx_stripe.domain.customer_sync import CustomerDetails
from splynx_stripe.gateways.splynx import wire
from splynx_stripe.gateways.splynx.api import SplynxApi, understood
from splynx_stripe.gateways.splynx.resources import CUSTOMERS, Call
from splynx_stripe.gateways.splynx.wire import Row

log = logging.getLogger(__name__)

AT_ONCE = 50
"""How many ids one search names: the address of the request must not grow too long (2.2)."""


class CustomerCalls:
    """The part of the door to Splynx that knows many customers at once."""

    def __init__(self, api: SplynxApi) -> None:
        self._api = api

    async def customers_by_id(self, ids: Sequence[int]) -> Mapping[int, CustomerDetails | None]:
        """Fetches customers; whom the search does not show is asked for alone.

        So None is only given where Splynx says that there is no such customer, and a server that
        ignores the filter or caps its pages costs time and nothing else.
        """
        wanted = sorted(set(ids))
        found: dict[int, CustomerDetails | None] = {}
        for first in range(0, len(wanted), AT_ONCE):
            found |= await self._search(wanted[first : first + AT_ONCE])
        for each in wanted:
            if each not in found:
                found[each] = await self._api.item(CUSTOMERS, each, _details)
        return found

    async def _search(self, ids: Sequence[int]) -> dict[int, CustomerDetails | None]:
        call = Call(CUSTOMERS, "index", query=_query(ids))
        rows = understood(call, await self._api.ask(call), _all_details)
        if not rows.keys() <= set(ids):
            log.warning(
                "splynx.filter_ignored", extra={"resource": CUSTOMERS.path, "filters": "id"}
            )
        return {each: rows[each] for each in ids if each in rows}


def _query(ids: Sequence[int]) -> tuple[tuple[str, str], ...]:
    return (
        ("main_attributes[id][0]", "IN"),
        *((f"main_attributes[id][1][{place}]", str(each)) for place, each in enumerate(ids)),
        ("order[id]", "ASC"),
        ("limit", str(len(ids))),
        ("offset", "0"),
    )


def _all_details(answer: object) -> dict[int, CustomerDetails]:
    found = [_details(row) for row in wire.rows(answer)]
    return {each.customer.id: each for each in found}


def _details(source: Row) -> CustomerDetails:
    return CustomerDetails(
        customer=wire.customer(source),
        street=wire.text(source, "street_1"),
        zip_code=wire.text(source, "zip_code"),
        city=wire.text(source, "city"),
    )
