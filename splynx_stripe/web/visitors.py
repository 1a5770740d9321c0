"""Who a request is from, and how often one may ask: by session where Splynx knows it, else by address.

A whole street may share one address. So whoever is logged in is counted alone, and a neighbour who
floods us with invented sessions locks nobody out who has been here before.
"""

from __future__ import annotations

from aiohttp import web

from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.errors import TOO_MANY, PageError
from splynx_stripe.web.identity import LoggedIn, Office
from splynx_stripe.web.limits import client_address


async def customer_of(request: web.Request) -> LoggedIn | None:
    """Gives the portal customer who is looking, None when nobody is for sure.

    Raises:
        PageError: too many pages in this session or, for a session that is new, from this address.
        CannotIdentifyError: Splynx does not answer.
    """
    cookies = _counted(request)
    return await request.app[EDGE].identity.customer(cookies)


async def office_of(request: web.Request) -> Office | None:
    """Gives the administrator who is looking, None when nobody is for sure.

    Raises:
        PageError: too many pages in this session or, for a session that is new, from this address.
        CannotIdentifyError: Splynx does not answer.
    """
    cookies = _counted(request)
    return await request.app[EDGE].identity.office(cookies)


def _counted(request: web.Request) -> str:
    """Counts this request for whom it is from, and gives its cookies."""
    edge = request.app[EDGE]
    cookies = request.headers.get("Cookie", "")
    session = edge.identity.session_known_before(cookies)
    wait_s = (
        edge.session_views.wait_s(session)
        if session
        else edge.stranger_views.wait_s(client_address(request))
    )
    if wait_s:
        raise PageError(TOO_MANY)
    return cookies
