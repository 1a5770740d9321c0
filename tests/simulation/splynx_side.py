"""A simulated Splynx: documents, payments without idempotency, statements; and our gateway on it.

The gateway is the product's own (`SplynxHttpGateway`): paging, re-checked filters, reading of
answers and meaning of errors are real; only the HTTP client is simulated.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import aiohttp
from typing_extensions import override
from yarl import URL

from splynx_stripe.gateways.splynx import client as splynx_client
from splynx_stripe.gateways.splynx.api import SplynxApi
from splynx_stripe.gateways.splynx.errors import Answer
from splynx_stripe.gateways.splynx.gateway import SplynxHttpGateway
from splynx_stripe.gateways.splynx.remembered import Remembered
from splynx_stripe.gateways.splynx.resources import (
    BILLING_INFO,
    CUSTOMER_BILLING,
    CUSTOMER_PAYMENT_ACCOUNTS,
    MAIL,
    SEND_DOCUMENTS,
    SMS,
    Call,
    Resource,
)
from splynx_stripe.kit.clock import Clock
from tests.simulation.network import LostError, Network, RefusedError, Spoil
from tests.simulation.splynx_filters import filtered

TIMEOUT_S = 30.0
_LOOK_IS_FRESH_S = 240.0
_NOWHERE = URL("http://splynx.invalid")

Row = dict[str, Any]


@dataclass(slots=True)
class Switches:
    """The unknowns of the reference, as this server has them."""

    marks_invoice_paid: bool = True
    marks_proforma_paid: bool = False
    ignores_filters: bool = False
    ignores_put: bool = False
    reopens_by_reversal: bool = True
    page_cap: int = 100


@dataclass(slots=True)
class SplynxSide:
    """The ledger. Money is in ten-thousandths, as Splynx stores it."""

    switches: Switches
    documents: dict[str, Row] = field(default_factory=dict)
    customers: dict[str, Row] = field(default_factory=dict)
    payments: list[Row] = field(default_factory=list)
    statements: list[Row] = field(default_factory=list)
    records: list[Row] = field(default_factory=list)
    deposits: dict[int, Decimal] = field(default_factory=dict)
    account_rows: dict[str, Row] = field(default_factory=dict)
    prepaid_prices: dict[int, Decimal] = field(default_factory=dict)
    pairs_alone: bool = False
    messages: list[Row] = field(default_factory=list)
    on_message: Callable[[Row], None] = lambda _message: None
    on_change: Callable[[], None] = lambda: None
    on_marked_paid: Callable[[Row], None] = lambda _row: None
    on_marked: Callable[[Row, str], None] = lambda _row, _status: None
    now_s: Callable[[], float] = lambda: 0.0
    key_works: bool = True

    def add_customer(self, customer_id: int, partner_id: int) -> None:
        """Adds a customer without debts."""
        self.customers[f"admin/customers/customer/{customer_id}"] = {
            "id": customer_id,
            "partner_id": partner_id,
            "name": f"Customer {customer_id}",
            "email": f"c{customer_id}@example.com",
            "phone": "",
            "status": "active",
            "location_id": 1,
            "billing_type": "recurring",
        }
        self.deposits.setdefault(customer_id, Decimal(0))

    def make_prepaid(self, customer_id: int, price: Decimal) -> None:
        """Makes a customer one who pays a period before it begins, in currency units."""
        row = self.customers[f"admin/customers/customer/{customer_id}"]
        row["billing_type"] = "prepaid_monthly"
        self.prepaid_prices[customer_id] = price

    def add_document(
        self, kind: str, document_id: int, customer_id: int, total: Decimal, due: Decimal
    ) -> None:
        """Adds an unpaid invoice or proforma invoice; an invoice may be partly paid already."""
        path = "admin/finance/invoices" if kind == "invoice" else "admin/finance/proforma-invoices"
        self.documents[f"{path}/{document_id}"] = {
            "id": document_id,
            "number": f"20261100{document_id:04d}",
            "customer_id": customer_id,
            "status": "not_paid",
            "total": f"{total:.4f}",
            "due": f"{due:.4f}",
            "paid_before": total - due,
            "payment_id": 0,
            "date_created": "2026-11-01",
            "date_till": "2026-11-15",
        }
        if kind == "proforma":
            del self.documents[f"{path}/{document_id}"]["due"]
        else:
            self.deposits[customer_id] -= due

    def execute(self, call: Call, spoil: Spoil | None) -> Answer:
        """Executes a request as Splynx does."""
        if spoil is Spoil.UNAUTHORIZED or not self.key_works:
            return _error(403, "FORBIDDEN", "You don't have permission to do this action")
        if spoil is Spoil.RATE_LIMIT:
            return _error(429, "TOO_MANY", "Slow down")
        if spoil is Spoil.ERROR_BEFORE:
            return _error(502, "SERVER_ERROR", "Bad gateway")
        answer = self._handle(call)
        if spoil is Spoil.ERROR_AFTER:
            return _error(500, "SERVER_ERROR", "Internal error")
        if spoil in {Spoil.HALF_ANSWER, Spoil.NOT_JSON}:
            return Answer(answer.status, b"<html>maintenance", {})
        return answer

    def _handle(self, call: Call) -> Answer:
        if call.resource is CUSTOMER_PAYMENT_ACCOUNTS:
            return self._payment_accounts(call)
        if call.resource in {CUSTOMER_BILLING, BILLING_INFO}:
            return self._account(call.resource, int(call.item))
        if call.action == "view":
            return self._view(call.path)
        if call.action == "index":
            return _json(200, [_shown(row) for row in self._search(call)])
        if call.action == "update":
            return self._update(call.path, dict(call.body or {}))
        return self._add(call.resource.path, dict(call.body or {}))

    def _payment_accounts(self, call: Call) -> Answer:
        """The rows of customers in the payment accounts; a PUT makes one."""
        key = dict(call.query).get("id", call.item)
        if not key:
            return _json(200, [{"id": 1, "title": "Stripe"}, {"id": 2, "title": "Stripe Bank"}])
        customer_id, _, account_id = key.partition("--")
        row = self.account_rows.get(key)
        if call.action == "update":
            blank = {"customer_id": int(customer_id), "account_id": int(account_id)}
            self.account_rows[key] = {**(row or blank), **dict(call.body or {})}
            return Answer(202, b"", {})
        if row is None:
            return _error(404, "NOT_FOUND", "Not found")
        if call.action == "delete":
            del self.account_rows[key]
            return Answer(204, b"", {})
        return _json(200, row)

    def _account(self, resource: Resource, customer_id: int) -> Answer:
        """The money of one customer: the balance, and what the next prepaid period costs."""
        if customer_id not in self.deposits:
            return _error(404, "NOT_FOUND", "Not found")
        shown: Row = {"customer_id": customer_id, "deposit": f"{self.deposits[customer_id]:.4f}"}
        if resource is BILLING_INFO and customer_id in self.prepaid_prices:
            shown["paymentPerMonth"] = f"{self.prepaid_prices[customer_id]:.4f}"
        return _json(200, shown)

    def _view(self, path: str) -> Answer:
        if path.startswith("admin/config/company-info"):
            return _json(200, {"company_name": "Northwind", "iso_country_code": "CZ"})
        if path.startswith("admin/finance/payments/"):
            wanted = int(path.rpartition("/")[2])
            found = next((row for row in self.payments if row["id"] == wanted), None)
        else:
            found = self.documents.get(path) or self.customers.get(path)
        if found is None:
            return _error(404, "NOT_FOUND", "Not found")
        return _json(200, _shown(found))

    def _search(self, call: Call) -> list[Row]:
        query = dict(call.query)
        rows = self._collection(call.resource.path)
        if not self.switches.ignores_filters:
            rows = filtered(rows, query)
        is_rising = query.get("order[id]") == "ASC"
        rows = sorted(rows, key=lambda row: int(row["id"]), reverse=not is_rising)
        offset, limit = int(query.get("offset", 0)), int(query.get("limit", 100))
        # A settings list is a few rows: no server caps it, and no client pages through it.
        is_of_settings = call.resource.path.endswith("payment-methods")
        cap = limit if is_of_settings else self.switches.page_cap
        return rows[offset : offset + min(limit, cap)]

    def _collection(self, path: str) -> list[Row]:
        match path:
            case "admin/finance/payments":
                return self.payments
            case "admin/finance/bank-statements":
                return self.statements
            case "admin/finance/bank-statements-records":
                return self.records
            case "admin/finance/payment-methods":
                return _METHODS
            case "admin/customers/customer":
                return list(self.customers.values())
            case _:
                return [row for key, row in self.documents.items() if key.startswith(path)]

    def _update(self, path: str, body: Row) -> Answer:
        if path not in self.documents:
            return _error(404, "NOT_FOUND", "Not found")
        if not self.switches.ignores_put:
            self._change(self.documents[path], body)
            self.on_change()
        return Answer(202, b"", {})

    def _change(self, document: Row, body: Row) -> None:
        status, before = body.get("status"), document["status"]
        if status == "paid":
            self.on_marked_paid(document)
        elif status is not None:
            self.on_marked(document, status)
        document.update(body)
        if "due" not in document:
            return
        if status == "paid":
            document["due"] = "0.0000"
        elif before == "paid":
            document["due"] = f"{self._unpaid_part(document):.4f}"

    def _unpaid_part(self, invoice: Row) -> Decimal:
        """Gives what is due of an invoice after all that was paid and taken back."""
        paired = [
            Decimal(row["amount"]) for row in self.payments if row["invoice_id"] == invoice["id"]
        ]
        paired += [invoice["paid_before"], invoice.get("paired_alone", Decimal(0))]
        left: Decimal = Decimal(invoice["total"]) - sum(paired, Decimal(0))
        return max(left, Decimal(0))

    def _add(self, path: str, body: Row) -> Answer:
        if path == "admin/finance/payments":
            return self._add_payment(body)
        if path in _MESSAGES:
            self.messages.append(body)
            self.on_message(body)
            return _json(201, {"id": len(self.messages)})
        rows = self.statements if path.endswith("statements") else self.records
        rows.append({**body, "id": len(rows) + 1})
        self.on_change()
        return _json(201, {"id": len(rows)})

    def _add_payment(self, body: Row) -> Answer:
        if len(str(body["receipt_number"])) > 32 or Decimal(str(body["amount"])) == 0:
            return _error(422, "INVALID_INPUT_DATA", "receipt_number or amount is wrong")
        payment = {"invoice_id": None, "request_id": None, **body, "id": 330 + len(self.payments)}
        self.payments.append(payment)
        self.deposits[body["customer_id"]] += Decimal(str(body["amount"]))
        self._pair(payment)
        if self.pairs_alone and payment["invoice_id"] is None and payment["request_id"] is None:
            self._pair_alone(payment, Decimal(str(payment["amount"])))
        self.on_change()
        return _json(201, {"id": payment["id"]})

    def enter_beside(self, payment: Row) -> None:
        """Somebody else enters a payment without its document; where Splynx pairs alone, it does."""
        self.payments.append(payment)
        if self.pairs_alone:
            amount = Decimal(str(payment["amount"]))
            self.deposits[payment["customer_id"]] += amount
            self._pair_alone(payment, amount)

    def _pair(self, payment: Row) -> None:
        amount = Decimal(str(payment["amount"]))
        invoice = self.documents.get(f"admin/finance/invoices/{payment['invoice_id']}")
        proforma = self.documents.get(f"admin/finance/proforma-invoices/{payment['request_id']}")
        if amount < 0:
            self._take_back(invoice or proforma)
            return
        if invoice is not None:
            self._judge_fit(payment, invoice, Decimal(invoice["due"]))
            if invoice["status"] != "deleted":
                self._pay_invoice(invoice, payment, amount)
        if proforma is not None:
            self._judge_fit(payment, proforma, Decimal(proforma["total"]))
            if self.switches.marks_proforma_paid and proforma["status"] in _UNPAID:
                proforma.update(status="paid", payment_id=payment["id"])

    def _pair_alone(self, payment: Row, left: Decimal) -> None:
        """Money for no document pays the customer's open invoices; what goes back opens them."""
        for row in self.documents.values():
            if row["customer_id"] != payment["customer_id"] or "due" not in row:
                continue
            due, alone = Decimal(row["due"]), row.get("paired_alone", Decimal(0))
            moved = min(left, due) if left > 0 else max(left, -alone)
            if not moved or row["status"] == "deleted":
                continue
            left -= moved
            row.update(paired_alone=alone + moved, due=f"{due - moved:.4f}", changed_s=self.now_s())
            if due == moved:
                row.update(status="paid", payment_id=payment["id"])
            elif moved < 0 and row["status"] == "paid":
                row.update(status="not_paid", payment_id=0)

    def _take_back(self, document: Row | None) -> None:
        """A negative payment opens its document again, on some servers (reference 7, #10)."""
        if document is None or not self.switches.reopens_by_reversal:
            return
        if document["status"] == "deleted":
            return
        document["status"] = "not_paid"
        if "due" in document:
            document["due"] = f"{self._unpaid_part(document):.4f}"

    def _pay_invoice(self, invoice: Row, payment: Row, amount: Decimal) -> None:
        due = max(Decimal(invoice["due"]) - amount, Decimal(0))
        invoice["due"] = f"{due:.4f}"
        if due == 0 and self.switches.marks_invoice_paid:
            invoice.update(status="paid", payment_id=payment["id"])

    def _judge_fit(self, payment: Row, document: Row, due: Decimal) -> None:
        """Notes for the oracle whether a document could take this money."""
        fits = document["status"] in _UNPAID and due >= Decimal(str(payment["amount"]))
        payment["did_not_fit"] = not fits and not self._in_hand(document)

    def _in_hand(self, document: Row) -> bool:
        """Says whether the office has just changed it, after anybody could have looked."""
        return self.now_s() - float(document.get("changed_s", -1e9)) < _LOOK_IS_FRESH_S

    # --- what the office does meanwhile ------------------------------------------------------

    def pay_by_cash(self, key: str) -> None:
        """Somebody pays the document at the counter."""
        row = self.documents[key]
        if row["status"] in _UNPAID:
            self._pays_off(row)
            row.update(paid_before=row["paid_before"] + Decimal(str(row.get("due", row["total"]))))
            row.update(status="paid", payment_id=1, changed_s=self.now_s())
            if "due" in row:
                row["due"] = "0.0000"
            self.on_change()

    def pay_off(self, customer_id: int) -> None:
        """A customer pays a debt at the counter, for no document."""
        self.deposits[customer_id] = max(self.deposits[customer_id], Decimal(0))
        self.on_change()

    def _pays_off(self, document: Row) -> None:
        """An invoice that is paid or gone is no debt of its customer any more."""
        self.deposits[document["customer_id"]] += Decimal(document.get("due", "0"))

    def change_due(self, key: str, factor: Decimal) -> None:
        """The office edits the document: less or more is due."""
        row = self.documents[key]
        if row["status"] != "not_paid":
            return
        name = "due" if "due" in row else "total"
        changed = (Decimal(str(row[name])) * factor).quantize(Decimal(1))
        changed = max(changed, Decimal(1))
        if name == "due":
            self.deposits[row["customer_id"]] -= changed - Decimal(row["due"])
        row["total"] = f"{Decimal(row['total']) + changed - Decimal(row[name]):.4f}"
        row[name] = f"{changed:.4f}"
        row.update(edited_by_office=True, changed_s=self.now_s())
        self.on_change()

    def delete(self, key: str) -> None:
        """The office deletes the document."""
        row = self.documents[key]
        if row["status"] == "not_paid":
            self._pays_off(row)
            row.update(status="deleted", changed_s=self.now_s())
            self.on_change()


_MESSAGES = frozenset(resource.path for resource in (MAIL, SMS, SEND_DOCUMENTS))
_UNPAID = frozenset({"not_paid", "pending"})
_METHODS = [
    {"id": 3, "name": "Credit card", "is_active": "1"},
    {"id": 4, "name": "Bank transfer", "is_active": "1"},
]


def _shown(row: Row) -> Row:
    """Leaves out what only the simulation knows."""
    return {name: value for name, value in row.items() if name not in _OUR_NOTES}


_OUR_NOTES = frozenset(
    {"paid_before", "changed_s", "did_not_fit", "beside", "edited_by_office", "paired_alone"}
)


_NO_HEADERS: dict[str, str] = {}


def _json(status: int, value: object) -> Answer:
    return Answer(status, json.dumps(value).encode(), _NO_HEADERS)


def _error(status: int, code: str, message: str) -> Answer:
    return _json(status, {"error": {"message": message, "code": status, "internal_code": code}})


class _Client:
    """Takes the HTTP client's place."""

    def __init__(self, side: SplynxSide, network: Network) -> None:
        self._side = side
        self._network = network

    def address(self, _call: Call) -> URL:
        return _NOWHERE

    async def exchange(self, call: Call) -> Answer:
        try:
            return await self._network.request(
                f"Splynx {call.method} {call.resource.path}",
                lambda spoil: self._side.execute(call, spoil),
                TIMEOUT_S,
            )
        except RefusedError:
            key: Any = ("splynx", 443, True)
            refused = aiohttp.ClientConnectorError(key, OSError("refused"))
            raise splynx_client._meaning(call, refused) from None
        except LostError:
            raise splynx_client._meaning(call, TimeoutError()) from None


class _Auth:
    """Takes the login's place: every request is let through."""

    confidential = ()

    async def using(self, send: Callable[[None], Awaitable[Answer]]) -> Answer:
        return await send(None)


class _Api(SplynxApi):
    """The product's API layer; only the sending is simulated."""

    def __init__(self, client: _Client) -> None:
        self._client = client  # type: ignore[assignment]  # it has what is used
        self._auth = _Auth()  # type: ignore[assignment]  # it has what is used
        self._own_client = client

    @override
    async def _send(self, call: Call, address: URL) -> Answer:
        return await self._own_client.exchange(call)


class SimSplynxGateway(SplynxHttpGateway):
    """The product's gateway; only the way to the server is simulated."""

    def __init__(self, side: SplynxSide, network: Network, clock: Clock) -> None:
        self._api = _Api(_Client(side, network))
        self._companies = Remembered(clock)
        self._methods = Remembered(clock)
