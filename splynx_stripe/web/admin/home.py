"""The first page of the office."""

from __future__ import annotations

from aiohttp import web

from splynx_stripe.web.admin.guard import require_office
from splynx_stripe.web.admin.layout import render_office


async def admin_home(request: web.Request) -> web.Response:
    """Shows where everything is."""
    office = await require_office(request)
    return render_office(request, office, "admin/home.html", {})
