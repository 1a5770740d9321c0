"""Where Stripe sends an administrator back to after the consent page."""

from __future__ import annotations

from aiohttp import web

from splynx_stripe.domain.errors import OutcomeUnknownError, RejectedError, RetryableError
from splynx_stripe.flows.account_rooms import AccountRefusedError, Refusal
from splynx_stripe.flows.connections import Returned
from splynx_stripe.web.admin.accounts import accounts_desk, refusal, show_problem
from splynx_stripe.web.admin.guard import require_office
from splynx_stripe.web.edge import EDGE

_MAX_CODE_CHARS = 512


async def oauth_callback(request: web.Request) -> web.Response:
    """Checks the state, exchanges the code, and leads away from this address, which holds both.

    Somebody who is not signed in to Splynx is led to sign in and to the start page; the code stays
    unused, and its way has to be begun anew: it must not travel through Splynx's own addresses.
    """
    if "Cookie" not in request.headers:
        raise web.HTTPFound(f"{request.app[EDGE].site.base}/admin/")
    office = await require_office(_without_query(request))
    desk = accounts_desk(request)
    query = request.query
    returned = Returned(
        state=query.get("state", ""),
        code=query.get("code", "")[:_MAX_CODE_CHARS],
        session_id=office.session_id,
    )
    try:
        if not returned.code:
            await desk.connections.deny(returned)
            raise AccountRefusedError(Refusal.DENIED)  # noqa: TRY301 - all refusals end below
        connection = await desk.connections.finish(returned, office.actor)
    except AccountRefusedError as error:
        return await show_problem(request, office, refusal(request, error))
    except (RejectedError, RetryableError, OutcomeUnknownError) as error:
        return await show_problem(request, office, str(error))
    base = request.app[EDGE].site.base
    raise web.HTTPSeeOther(f"{base}/admin/accounts?done=connected#account-{connection.section}")


def _without_query(request: web.Request) -> web.Request:
    """Gives the request as if its address ended before the question mark."""
    return request.clone(rel_url=request.rel_url.with_query(None))
