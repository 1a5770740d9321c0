"""Whose saved cards and bank accounts an address of the office names, and who may see them."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from splynx_stripe.flows.credentials import CredentialsView
from splynx_stripe.web.admin.guard import require_form, require_office
from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.errors import NOT_FOUND, PageError
from splynx_stripe.web.identity import Office

MOST_DIGITS = 12
"""Of a customer's number."""


async def office_view(request: web.Request, office: Office) -> CredentialsView:
    """Gives what a customer has saved, if the administrator may see customers of that partner."""
    text = request.match_info["customer"]
    if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS):
        raise PageError(NOT_FOUND)
    view = await request.app[EDGE].deps.credentials().saved.view(int(text))
    if view is None or not office.may_see(view.customer.partner_id):
        raise PageError(NOT_FOUND)
    return view


async def office_form(
    request: web.Request,
) -> tuple[Office, CredentialsView, Mapping[str, str]]:
    """Gives who has sent a form of ours, about whom, and its fields."""
    office = await require_office(request)
    fields = await require_form(request, office)
    return office, await office_view(request, office), fields


def here_of(request: web.Request, view: CredentialsView) -> str:
    """Gives the path of the customer's list."""
    return f"{request.app[EDGE].site.base}/admin/customers/{view.customer.id}/credentials"
