"""Whether a request may use the office's pages: an administrator's session, and forms of our own."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from aiohttp import web

from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.errors import NOT_YOURS, PageError
from splynx_stripe.web.identity import Office
from splynx_stripe.web.security import is_foreign
from splynx_stripe.web.visitors import office_of

FORM_TOKEN = "form_token"  # noqa: S105 - the name of a form's field


async def require_office(request: web.Request) -> Office:
    """Gives the administrator who is looking, or leads to Splynx's sign-in and back here.

    Raises:
        web.HTTPFound: nobody is logged in.
        PageError: too many pages in one session, or from one address.
        CannotIdentifyError: Splynx does not answer.
    """
    edge = request.app[EDGE]
    office = await office_of(request)
    if office is None:
        here = request.path_qs if request.method == "GET" else f"{edge.site.base}/admin/"
        raise web.HTTPFound(f"{edge.site.admin_url}login/?return={quote(here, safe='')}")
    return office


async def require_form(request: web.Request, office: Office) -> Mapping[str, str]:
    """Gives the fields of a form that a page of ours has sent in this session.

    Where a name comes several times, the last one counts.

    Raises:
        PageError: another site has sent it, or it was made in another session. Nothing is done.
    """
    edge = request.app[EDGE]
    if is_foreign(request, edge.site):
        raise PageError(NOT_YOURS)
    fields = {
        name: value for name, value in (await request.post()).items() if isinstance(value, str)
    }
    if not edge.tickets.is_form_token(fields.pop(FORM_TOKEN, ""), office.session_id):
        raise PageError(NOT_YOURS)
    return fields
