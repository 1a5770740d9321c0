"""Stored cards and mandates of customers, whose ids look like `17--1` (reference 3.2)."""

from __future__ import annotations

import re

from splynx_stripe.sandbox.splynx import wire
from splynx_stripe.sandbox.splynx.call import ApiAnswer, ApiCall, Principal
from splynx_stripe.sandbox.splynx.errors import (
    forbidden,
    method_disabled,
    missing_id,
    not_found,
    not_own,
    other_partner,
)
from splynx_stripe.sandbox.splynx.permissions import allows
from splynx_stripe.sandbox.splynx.rows import PaymentAccountData
from splynx_stripe.sandbox.splynx.state import SplynxState

CONTROLLER = "admin\\customers\\CustomerPaymentAccounts"

_ID = re.compile(r"(\d+)(?:--(\d+))?")
_ACTIONS = {"GET": "index", "PUT": "update", "DELETE": "delete"}


class PaymentAccountEndpoints:
    """`customer-payment-accounts` and `customer-payment-account-data`. There is no POST."""

    def __init__(self, state: SplynxState) -> None:
        self._state = state

    def all_data(self, call: ApiCall, principal: Principal, row_id: str | None) -> ApiAnswer:
        """Gives the rows of all customers."""
        if call.method != "GET" or row_id is not None:
            raise method_disabled()
        self._require(principal, "index")
        rows = [row for row in self._state.payment_account_data if self._visible(row, principal)]
        return ApiAnswer(200, [wire.as_json(row, self._state.options) for row in rows])

    def answer(self, call: ApiCall, principal: Principal, path_id: str | None) -> ApiAnswer:
        """Gives the definitions, or reads and writes the rows of `?id=customer[--account]`."""
        if path_id is not None and not self._state.options.payment_account_path_ids:
            raise method_disabled()
        given = path_id if path_id is not None else call.query.get("id")
        action = _ACTIONS.get(call.method)
        if action is None:
            raise method_disabled()
        self._require(principal, action)
        if given is None:
            return self._definitions(call)
        match = _ID.fullmatch(str(given))
        if match is None or int(match[1]) not in self._known_customers(int(match[1])):
            raise not_found()
        customer_id, account_id = int(match[1]), int(match[2] or 0)
        self._check_reach(customer_id, principal, action)
        if action == "index":
            return self._rows(customer_id, account_id)
        if self._state.payment_accounts.get(account_id) is None:
            raise not_found()
        if action == "update":
            return self._write(customer_id, account_id, call)
        self._state.payment_account_data.remove(self._row(customer_id, account_id))
        return ApiAnswer(204)

    def _known_customers(self, customer_id: int) -> set[int]:
        return {customer_id} if self._state.customers.get(customer_id) else set()

    def _definitions(self, call: ApiCall) -> ApiAnswer:
        if call.method != "GET":
            raise missing_id()
        accounts = self._state.payment_accounts
        return ApiAnswer(200, [wire.as_json(row, self._state.options) for row in accounts])

    def _require(self, principal: Principal, action: str) -> None:
        if not allows(principal.permissions, CONTROLLER, action):
            raise forbidden()

    def _check_reach(self, customer_id: int, principal: Principal, action: str) -> None:
        loose = action == "update" and self._state.options.customer_may_write_others_accounts
        if principal.customer_id not in (None, customer_id) and not loose:
            raise not_own()
        if principal.partner_id not in (0, self._state.customers[customer_id].partner_id):
            raise other_partner()

    def _visible(self, row: PaymentAccountData, principal: Principal) -> bool:
        own = principal.customer_id in (None, int(row.customer_id))
        return own and principal.partner_id in (0, self._state.partner_of(row))

    def _found(self, customer_id: int, account_id: int) -> list[PaymentAccountData]:
        return [
            row
            for row in self._state.payment_account_data.of_customer(customer_id)
            if account_id in (0, row.account_id)
        ]

    def _rows(self, customer_id: int, account_id: int) -> ApiAnswer:
        rows = self._found(customer_id, account_id)
        return ApiAnswer(200, [wire.as_json(row, self._state.options) for row in rows])

    def _row(self, customer_id: int, account_id: int) -> PaymentAccountData:
        rows = self._found(customer_id, account_id)
        if not rows:
            raise not_found()
        return rows[0]

    def _write(self, customer_id: int, account_id: int, call: ApiCall) -> ApiAnswer:
        if self._state.options.put_creates_payment_account and not self._found(
            customer_id, account_id
        ):
            self._state.payment_account_data.add(
                PaymentAccountData(account_id=account_id, customer_id=str(customer_id))
            )
        row = self._row(customer_id, account_id)
        if not self._state.options.put_ignored:
            wire.apply(row, wire.writable_fields(row, call.body))
        return ApiAnswer(202)
