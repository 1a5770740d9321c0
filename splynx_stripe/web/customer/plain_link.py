"""What plain payment links have beyond the payment page: a limit per document, and even refusals.

The number of a document is no secret, so nothing may tell which numbers exist: a refusal looks
like every other one, and takes as long, whatever Splynx had to be asked for it.
"""

from __future__ import annotations

import math

from aiohttp import web
from aiohttp.typedefs import Handler

from splynx_stripe.domain.collection import Route
from splynx_stripe.flows.pay import Standing
from splynx_stripe.web.customer.payment_page import Entrance, payment_page
from splynx_stripe.web.customer.wording import NO_MONEY_TAKEN, wording_for_page
from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.errors import TOO_MANY, PageError
from splynx_stripe.web.i18n import later
from splynx_stripe.web.limits import client_address
from splynx_stripe.web.pages import Link, Notice, language_of_request, render_notice

REFUSAL_STEP_S = 0.5
"""Refusals take a whole multiple of this. Splynx usually answers twice within one of them."""

_REFUSED = frozenset({403, 404})


def entrance_page(entrance: Entrance) -> Handler:
    """Makes the handler of one entrance; those of plain links are guarded."""
    show = payment_page(entrance)
    return _guarded(entrance, show) if entrance.route is Route.DIRECT_LINK else show


def _refusal(request: web.Request) -> web.Response:
    """Answers for a number that does not exist, and for one whose partner grants no plain links."""
    language = language_of_request(request)
    portal = request.app[EDGE].site.portal_url
    words = wording_for_page(Standing.NOT_FOUND)
    check = later("Please check the link. If it is right, please sign in to pay.")
    notice = Notice(
        icon=words.icon,
        title=language.say(words.title),
        sentences=(language.say(NO_MONEY_TAKEN), language.say(check)),
        links=(Link(language.say(later("Sign in")), f"{portal}login/", leaves_frame=True),),
    )
    return render_notice(request, language, notice, status=words.status)


def _guarded(entrance: Entrance, show: Handler) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        edge = request.app[EDGE]
        clock = edge.deps.clock
        began = clock.monotonic()
        # Who is held back by address is not counted: nobody alone can close a document to others.
        if edge.views.has_token(client_address(request)):
            item = request.query.get("item_id", "").strip()[:64]
            way = "id" if entrance.by_id else "number"
            if edge.link_limits.documents.wait_s(f"{entrance.kind}/{way}/{item}"):
                raise PageError(TOO_MANY)
        response = await show(request)
        if response.status in _REFUSED:
            response = _refusal(request)
            took = clock.monotonic() - began
            steps = max(1, math.ceil(took / REFUSAL_STEP_S))
            await clock.sleep(steps * REFUSAL_STEP_S - took)
        return response

    return handler
