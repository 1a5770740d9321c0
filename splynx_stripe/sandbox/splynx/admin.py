"""Stand-in for the administration: read-only lists, and the add-on's own pages in a frame."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import aiohttp_jinja2
from aiohttp import web

from splynx_stripe.sandbox.splynx.catalogue import statement_counters
from splynx_stripe.sandbox.splynx.login import Login
from splynx_stripe.sandbox.splynx.portal import STATUS_WORDS
from splynx_stripe.sandbox.splynx.rows import Row
from splynx_stripe.sandbox.splynx.state import SplynxState, Table

ROWS_SHOWN = 200
"""The newest rows of a list; nobody scrolls further in a demo."""

MENU = (
    ("Customers", "/admin/"),
    ("Invoices", "/admin/invoices"),
    ("Payments", "/admin/payments"),
    ("Statements", "/admin/statements"),
    ("Mail", "/admin/mail"),
    ("Stripe", "/admin/add-on"),
    ("Stripe logs", "/admin/add-on?point=15"),
    ("Saved cards", "/admin/add-on?point=16"),
    ("Log out", "/admin/logout"),
)


class AdminPages:
    """Pages below `/admin/`."""

    def __init__(self, state: SplynxState) -> None:
        self._state = state
        self._login = Login(state, "administrator")

    def add_routes(self, app: web.Application) -> None:
        self._login.add_routes(app)
        app.router.add_get("/admin", _to_admin)
        app.router.add_get("/admin/", self._customers)
        app.router.add_get("/admin/customers", self._customers)
        app.router.add_get("/admin/customers/view", self._customer)
        app.router.add_get("/admin/invoices", self._invoices)
        app.router.add_get("/admin/payments", self._payments)
        app.router.add_get("/admin/statements", self._statements)
        app.router.add_get("/admin/mail", self._mail)
        app.router.add_get("/admin/add-on", self._add_on)

    def _render(self, request: web.Request, template: str, **context: Any) -> web.Response:
        administrator = self._state.administrators[self._login.user_id(request)]
        everywhere = {
            "brand": "Splynx sandbox",
            "who": administrator.name,
            "menu": MENU,
            "path": request.path_qs,
        }
        return aiohttp_jinja2.render_template(template, request, {**everywhere, **context})

    def _list(
        self, request: web.Request, title: str, headers: str, rows: Iterable[tuple[Any, ...]]
    ) -> web.Response:
        return self._render(
            request, "splynx_table.html", title=title, headers=headers.split(","), rows=list(rows)
        )

    async def _customers(self, request: web.Request) -> web.Response:
        rows = (
            (row.id, row.name, row.email, row.status, f"{self._state.billings[row.id].deposit:.2f}")
            for row in list(self._state.customers)[:ROWS_SHOWN]
        )
        return self._list(request, "Customers", "Id,Name,E-mail,Status,Balance", rows)

    async def _customer(self, request: web.Request) -> web.Response:
        number = request.query.get("id", "")
        row = self._state.customers.get(int(number)) if number.isdecimal() else None
        if row is None:
            raise web.HTTPNotFound
        balance = f"{self._state.billings[row.id].deposit:.2f}"
        rows = [(row.id, row.name, row.email, row.status, balance)]
        return self._render(
            request,
            "splynx_table.html",
            title="Customer",
            headers=("Id", "Name", "E-mail", "Status", "Balance"),
            rows=rows,
            entry=("Saved cards and bank accounts", f"/admin/add-on?point=16&id={row.id}"),
        )

    async def _invoices(self, request: web.Request) -> web.Response:
        rows = (
            (
                row.number,
                row.customer_id,
                row.date_created,
                f"{row.total:.2f}",
                f"{row.due:.2f}",
                STATUS_WORDS.get(row.status, row.status),
                row.payment_id or "",
            )
            for row in _newest(self._state.invoices)
        )
        headers = "Number,Customer,Date,Total,Due,Status,Payment"
        return self._list(request, "Invoices", headers, rows)

    async def _payments(self, request: web.Request) -> web.Response:
        rows = (
            (
                row.id,
                row.customer_id,
                row.date,
                f"{row.amount:.2f}",
                row.receipt_number,
                row.comment,
            )
            for row in _newest(self._state.payments)
        )
        return self._list(request, "Payments", "Id,Customer,Date,Sum,Receipt number,Comment", rows)

    async def _statements(self, request: web.Request) -> web.Response:
        rows = []
        for row in _newest(self._state.statements):
            counted = statement_counters(self._state, row)
            shown = (counted["records"], counted["processed"], counted["new"], counted["errors"])
            rows.append((row.id, row.title, row.date_time, row.status, *shown))
        headers = "Id,Title,Made,Status,Records,Processed,New,Errors"
        return self._list(request, "Payment statements", headers, rows)

    async def _mail(self, request: web.Request) -> web.Response:
        rows = (
            (row.id, row.recipient, row.subject, row.status, row.datetime_added)
            for row in _newest(self._state.mails)
        )
        return self._list(request, "Mail outbox", "Id,Recipient,Subject,Status,Added", rows)

    async def _add_on(self, request: web.Request) -> web.Response:
        """Shows an entry point of the add-on in a frame; a customer's page names the customer."""
        point_id, customer_id = request.query.get("point", "12"), request.query.get("id", "")
        point = self._state.entry_points.get(int(point_id)) if point_id.isdecimal() else None
        if point is None or point.place != "admin" or point.type != "menu_link":
            raise web.HTTPNotFound
        url = (
            f"{point.url}?customer_id={int(customer_id)}" if customer_id.isdecimal() else point.url
        )
        return self._render(request, "splynx_frame.html", title=point.title, url=url)


def _newest(table: Table[Any]) -> list[Any]:
    rows: list[Row] = list(table)
    return rows[-ROWS_SHOWN:][::-1]


async def _to_admin(_request: web.Request) -> web.Response:
    raise web.HTTPFound("/admin/")
