"""Stand-in for the customer portal: enough to click on a card button as a real customer does."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import aiohttp_jinja2
from aiohttp import web

from splynx_stripe.domain.money import currency_exponent
from splynx_stripe.sandbox.splynx.login import Login
from splynx_stripe.sandbox.splynx.rows import Customer, Invoice, Payment, Proforma
from splynx_stripe.sandbox.splynx.state import SplynxState

MODULE = "splynx_stripe_addon"
STATUS_WORDS = {"not_paid": "Unpaid", "paid": "Paid", "pending": "Pending", "deleted": "Deleted"}
CURRENCIES = {1: "EUR", 2: "JPY"}
"""What the prices of each partner mean. A real Splynx keeps no currency with a document."""

MENU = (
    ("Dashboard", "/portal/"),
    ("Invoices", "/portal/finance/invoices"),
    ("Proforma invoices", "/portal/finance/requests"),
    ("Payments", "/portal/finance/payments/list"),
    ("Pay online", f"/portal/add-on?module={MODULE}&point=11"),
    ("Saved cards", f"/portal/add-on?module={MODULE}&point=13"),
    ("Widget", f"/portal/add-on?module={MODULE}&point=14"),
    ("Log out", "/portal/logout"),
)


def pay_url(model: str, number: str) -> str:
    """Gives what the modal's iframe opens: `item_id` is the NUMBER (reference 4.4)."""
    page = "pay-invoice" if model == "Invoices" else "pay-request"
    query = urlencode({"module": MODULE, "model": model, "item_id": number})
    return f"/stripe/{page}?{query}"


def shown_sum(amount: Decimal, partner_id: int) -> str:
    """Writes an amount with the places of the partner's currency."""
    currency = CURRENCIES[partner_id]
    return f"{amount:.{currency_exponent(currency)}f} {currency}"


class PortalPages:
    """Pages below `/portal/`."""

    def __init__(self, state: SplynxState) -> None:
        self._state = state
        self._login = Login(state, "customer")

    def add_routes(self, app: web.Application) -> None:
        self._login.add_routes(app)
        app.router.add_get("/", _to_portal)
        app.router.add_get("/portal", _to_portal)
        app.router.add_get("/portal/", self._dashboard)
        app.router.add_get("/portal/finance/invoices", self._invoices)
        app.router.add_get("/portal/finance/requests", self._requests)
        app.router.add_get("/portal/finance/payments/list", self._payments)
        app.router.add_get("/portal/add-on", self._add_on)

    def _customer(self, request: web.Request) -> Customer:
        return self._state.customers[self._login.user_id(request)]

    def _render(
        self, request: web.Request, template: str, customer: Customer, **context: Any
    ) -> web.Response:
        company = self._state.company_infos[customer.partner_id].values
        everywhere = {
            "brand": company["company_name"],
            "who": customer.name,
            "menu": MENU,
            "path": request.path_qs,
        }
        return aiohttp_jinja2.render_template(template, request, {**everywhere, **context})

    async def _dashboard(self, request: web.Request) -> web.Response:
        customer = self._customer(request)
        rows = [
            row
            for row in self._invoice_rows(customer) + self._proforma_rows(customer)
            if row["pay"]
        ]
        deposit = self._state.billings[customer.id].deposit
        return self._render(
            request,
            "splynx_dashboard.html",
            customer,
            title="Dashboard",
            rows=rows,
            balance=shown_sum(deposit, customer.partner_id),
            top_up=customer.billing_type == "prepaid",
        )

    async def _invoices(self, request: web.Request) -> web.Response:
        customer = self._customer(request)
        rows = self._invoice_rows(customer)
        return self._render(request, "splynx_documents.html", customer, title="Invoices", rows=rows)

    async def _requests(self, request: web.Request) -> web.Response:
        customer = self._customer(request)
        rows = self._proforma_rows(customer)
        return self._render(
            request, "splynx_documents.html", customer, title="Proforma invoices", rows=rows
        )

    async def _payments(self, request: web.Request) -> web.Response:
        customer = self._customer(request)
        payments: list[Payment] = self._state.payments.of_customer(customer.id)
        rows = [
            (row.date, row.receipt_number, shown_sum(row.amount, customer.partner_id), row.comment)
            for row in reversed(payments)
        ]
        headers = ("Date", "Receipt number", "Sum", "Comment")
        return self._render(
            request, "splynx_table.html", customer, title="Payments", headers=headers, rows=rows
        )

    async def _add_on(self, request: web.Request) -> web.Response:
        customer = self._customer(request)
        point_id = request.query.get("point", "")
        point = self._state.entry_points.get(int(point_id)) if point_id.isdigit() else None
        if point is None or point.place != "portal" or point.type != "menu_link":
            raise web.HTTPNotFound
        return self._render(
            request, "splynx_frame.html", customer, title=point.title, url=point.url
        )

    def _invoice_rows(self, customer: Customer) -> list[dict[str, Any]]:
        invoices = self._state.invoices.of_customer(customer.id)
        return [
            {
                **_document(row, "Invoices"),
                "sum": shown_sum(row.due or row.total, customer.partner_id),
            }
            for row in reversed(invoices)
            if row.status != "deleted"
        ]

    def _proforma_rows(self, customer: Customer) -> list[dict[str, Any]]:
        proformas = self._state.proformas.of_customer(customer.id)
        return [
            {**_document(row, "Requests"), "sum": shown_sum(row.total, customer.partner_id)}
            for row in reversed(proformas)
        ]


def _document(row: Invoice | Proforma, model: str) -> dict[str, Any]:
    return {
        "key": f"{model.lower()}-{row.id}",
        "number": row.number,
        "date": row.date_created,
        "till": row.date_till,
        "status": _status(row),
        "state": row.status,
        "pay": pay_url(model, row.number) if row.status == "not_paid" else "",
    }


def _status(row: Invoice | Proforma) -> str:
    """Words the status as the portal does; a partly paid invoice has no status of its own."""
    if isinstance(row, Invoice) and row.status == "not_paid" and 0 < row.due < row.total:
        return "Partially paid"
    return STATUS_WORDS.get(row.status, row.status)


async def _to_portal(_request: web.Request) -> web.Response:
    raise web.HTTPFound("/portal/")
