"""Splynx's payment accounts and the payment method of a customer, over the authenticated API.

`?id=customer--account` is the documented form and comes first; a server that does not know it gets
the path form (`reference/splynx-api.md` 3.2). There is no POST: PUT makes the row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from splynx_stripe.domain.errors import BrokenInvariantError, NotFoundError
from splynx_stripe.domain.payment_account import FIELDS, PaymentAccount, PaymentAccountRow
from splynx_stripe.gateways.splynx import wire
from splynx_stripe.gateways.splynx.api import SplynxApi, understood
from splynx_stripe.gateways.splynx.errors import Answer
from splynx_stripe.gateways.splynx.resources import (
    CUSTOMER_BILLING,
    CUSTOMER_PAYMENT_ACCOUNTS,
    Call,
    Resource,
)

_DATA = Resource(
    "admin/customers/customer-payment-account-data", CUSTOMER_PAYMENT_ACCOUNTS.controller
)
_OTHER_FORM = frozenset({404, 405})
"""The statuses after which the path form is tried."""


class PaymentAccountCalls:
    """The part of the door to Splynx that knows payment accounts."""

    def __init__(self, api: SplynxApi) -> None:
        self._api = api

    async def payment_accounts(self) -> Sequence[PaymentAccount]:
        """Lists the payment accounts that are defined."""
        call = Call(CUSTOMER_PAYMENT_ACCOUNTS, "index")
        answer = await self._api.ask(call)
        return understood(call, answer, lambda value: [_account(row) for row in wire.rows(value)])

    async def payment_account_row(self, customer_id: int, account_id: int) -> Mapping[str, str]:
        """Reads a customer's row; empty where there is none."""
        call = Call(CUSTOMER_PAYMENT_ACCOUNTS, "index")
        try:
            answer = await self._in_either_form(call, customer_id, account_id)
        except NotFoundError:
            return {}
        found = understood(call, answer, _row_or_rows)
        for row in found:
            if (row.customer_id, row.account_id) == (customer_id, account_id):
                return row.fields
        if found and len({(row.customer_id, row.account_id) for row in found}) > 1:
            raise BrokenInvariantError(
                "Splynx's answer about one payment account holds rows of others only. Nothing was"
                " written."
            )
        return {}

    async def all_payment_account_rows(self, account_id: int) -> Sequence[PaymentAccountRow]:
        """Lists the rows of all customers in one payment account, by customer."""
        call = Call(_DATA, "index")
        answer = await self._api.ask(call)
        rows = understood(call, answer, _row_or_rows)
        mine = [row for row in rows if row.account_id == account_id and row.customer_id]
        return sorted(mine, key=lambda row: row.customer_id)

    async def set_payment_account_row(
        self, customer_id: int, account_id: int, row: Mapping[str, str]
    ) -> None:
        """Writes the given fields; `""` empties one. The caller reads back."""
        call = Call(CUSTOMER_PAYMENT_ACCOUNTS, "update", body=dict(row))
        await self._in_either_form(call, customer_id, account_id)

    async def clear_payment_account_row(self, customer_id: int, account_id: int) -> None:
        """Deletes the row; one that is gone already counts as done."""
        call = Call(CUSTOMER_PAYMENT_ACCOUNTS, "delete")
        try:
            await self._in_either_form(call, customer_id, account_id)
        except NotFoundError:
            return

    async def customer_payment_method_id(self, customer_id: int) -> int:
        """Gives the id of the payment method in a customer's billing settings; 0 for none."""
        call = Call(CUSTOMER_BILLING, "view", item=str(customer_id))
        answer = await self._api.ask(call)
        return understood(
            call, answer, lambda value: wire.optional_identifier(wire.row(value), "payment_method")
        )

    async def set_customer_payment_method(self, customer_id: int, method_id: int) -> None:
        """Changes it. The caller reads back."""
        await self._api.update(CUSTOMER_BILLING, customer_id, {"payment_method": method_id})

    async def _in_either_form(self, call: Call, customer_id: int, account_id: int) -> Answer:
        item = f"{customer_id}--{account_id}"
        documented = replace(call, query=(("id", item),))
        answer = await self._api.answer(documented)
        if answer.is_success:
            return answer
        if answer.status in _OTHER_FORM:
            other = await self._api.answer(replace(call, item=item))
            if other.is_success:
                return other
        raise self._api.refusal(documented, answer)


def _account(row: wire.Row) -> PaymentAccount:
    return PaymentAccount(id=wire.identifier(row, "id"), title=wire.text(row, "title").strip())


def _row_or_rows(value: object) -> list[PaymentAccountRow]:
    rows = wire.rows(value) if isinstance(value, list) else [wire.row(value)]
    return [_row(row) for row in rows]


def _row(row: wire.Row) -> PaymentAccountRow:
    names = [f"field_{number}" for number in range(1, FIELDS + 1)]
    fields = {name: wire.text(row, name).strip() for name in names}
    return PaymentAccountRow(
        account_id=wire.optional_identifier(row, "account_id"),
        customer_id=wire.optional_identifier(row, "customer_id"),
        fields={name: value for name, value in fields.items() if value},
    )
