"""Control of the sandbox by tests and demos: its ledger, its switches, its invoices."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from aiohttp import web

from splynx_stripe.sandbox.splynx import books, wire
from splynx_stripe.sandbox.splynx.errors import InvalidInputError
from splynx_stripe.sandbox.splynx.rows import ZERO, Invoice, JsonObject, Row
from splynx_stripe.sandbox.splynx.seed_data import invoice_items
from splynx_stripe.sandbox.splynx.state import SplynxState, Table

LEDGER_FIELDS: dict[str, tuple[str, ...]] = {
    "invoices": ("id", "number", "customer_id", "status", "total", "due", "payment_id"),
    "proformas": ("id", "number", "customer_id", "status", "total", "payment_id"),
    "payments": (
        "id", "customer_id", "invoice_id", "request_id", "credit_note_id", "refund_payment_id",
        "amount", "remind_amount", "receipt_number", "payment_type", "date", "comment",
    ),
    "statements": ("id", "title", "status"),
    "records": (
        "id", "bank_statements_process_id", "customer_id", "payment_id", "status", "amount",
    ),
    "mails": ("id", "recipient", "customer_id", "subject", "status"),
    "text_messages": ("id", "recipient", "customer_id", "status"),
    "sent_documents": ("id", "type", "document_type", "document_id", "subject"),
    "notes": ("id", "customer_id", "type", "title", "comment"),
    "credit_notes": ("id", "number", "customer_id", "status", "total", "payment_id"),
}  # fmt: skip
"""Table → the fields the ledger shows of its rows."""


def ledger(state: SplynxState) -> JsonObject:
    """Gives the books in a form that is easy to compare: money as four-decimals strings."""
    customers = [
        {
            "id": customer.id,
            "partner_id": customer.partner_id,
            "deposit": f"{state.billings[customer.id].deposit:.4f}",
        }
        for customer in state.customers
    ]
    tables = {name: _rows(getattr(state, name), shown) for name, shown in LEDGER_FIELDS.items()}
    return {"customers": customers, **tables}


def _rows(table: Table[Any], names: tuple[str, ...]) -> list[JsonObject]:
    return [{name: _plain(row, name) for name in names} for row in table]


def _plain(row: Row, name: str) -> Any:
    value = getattr(row, name)
    return f"{value:.4f}" if isinstance(value, Decimal) else value


class SandboxControl:
    """Handlers below `/_sandbox/`."""

    def __init__(self, state: SplynxState) -> None:
        self._state = state

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/_sandbox/ledger", self._ledger)
        app.router.add_get("/_sandbox/switches", self._switches)
        app.router.add_post("/_sandbox/switches", self._switch)
        app.router.add_post("/_sandbox/invoices", self._add_invoice)
        app.router.add_post(r"/_sandbox/invoices/{id:\d+}", self._patch_invoice)

    async def _ledger(self, _request: web.Request) -> web.Response:
        return web.json_response(ledger(self._state))

    async def _switches(self, _request: web.Request) -> web.Response:
        return web.json_response(self._state.options.as_json())

    async def _switch(self, request: web.Request) -> web.Response:
        try:
            self._state.options.change(await request.json())
        except (ValueError, TypeError, AttributeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response(self._state.options.as_json())

    async def _add_invoice(self, request: web.Request) -> web.Response:
        """Issues an invoice: `customer_id` and `total` are enough."""
        row = Invoice(date_created=self._state.today(), date_updated=self._state.today())
        try:
            body = await request.json()
            wire.apply(row, wire.writable_fields(row, body))
        except (ValueError, InvalidInputError) as error:
            return web.json_response({"error": str(error)}, status=400)
        if self._state.customers.get(row.customer_id) is None:
            return web.json_response({"error": "There is no such customer."}, status=400)
        row.real_create_datetime = self._state.timestamp()
        row.items = row.items or invoice_items(row.total, 9000 + len(self._state.invoices))
        books.add_invoice(self._state, row)
        row.number = row.number or f"{row.date_created[:7].replace('-', '')}{row.id:06d}"
        return web.json_response(wire.as_json(row, self._state.options), status=201)

    async def _patch_invoice(self, request: web.Request) -> web.Response:
        """Sets fields of an invoice as somebody else would: a status with its effects first."""
        row = self._state.invoices.get(int(request.match_info["id"]))
        if row is None:
            return web.json_response({"error": "There is no such invoice."}, status=404)
        try:
            body: JsonObject = await request.json()
            values = wire.writable_fields(row, body)
            due = wire.parse_money(body["due"]) if "due" in body else None
        except (ValueError, InvalidInputError) as error:
            return web.json_response({"error": str(error)}, status=400)
        self._patch(row, values, due)
        return web.json_response(wire.as_json(row, self._state.options))

    def _patch(self, row: Invoice, values: JsonObject, due: Decimal | None) -> None:
        books.set_invoice_status(self._state, row, values.pop("status", row.status))
        if row.status == "paid" and row.date_payment.startswith("0000"):
            row.date_payment = self._state.today()
        wire.apply(row, values)
        if due is not None:
            row.due = max(due, ZERO)
