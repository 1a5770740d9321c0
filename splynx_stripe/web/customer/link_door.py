"""The door of signed links: which link an address names, and what is said where it opens nothing."""

from __future__ import annotations

from aiohttp import web

from splynx_stripe.domain.link import PaymentLink
from splynx_stripe.web.customer.wording import NO_MONEY_TAKEN
from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.errors import TOO_MANY, PageError
from splynx_stripe.web.i18n import later
from splynx_stripe.web.limits import client_address
from splynx_stripe.web.pages import Link, Notice, language_of_request, render_notice

_LONGEST_TOKEN = 64


async def opened_link(request: web.Request) -> PaymentLink | None:
    """Gives the link of the address; None for what is unknown, expired or revoked, all alike.

    Raises:
        PageError: tokens are being tried out, or one link is opened all the time.
    """
    edge = request.app[EDGE]
    token = request.match_info["token"]
    link = await edge.deps.links.open(token) if len(token) <= _LONGEST_TOKEN else None
    if link is None:
        if edge.link_limits.misses.wait_s(client_address(request)):
            raise PageError(TOO_MANY)
        return None
    if edge.link_limits.views.wait_s(link.id):
        raise PageError(TOO_MANY)
    return link


def not_valid(request: web.Request) -> web.Response:
    """Says that a link opens nothing, and not why."""
    language = language_of_request(request)
    portal = request.app[EDGE].site.portal_url
    notice = Notice(
        icon="lock",
        title=language.say(later("This link is not valid any more")),
        sentences=(
            language.say(NO_MONEY_TAKEN),
            language.say(
                later("Please ask for a new link, or sign in to the customer portal to pay.")
            ),
        ),
        links=(Link(language.say(later("Sign in")), f"{portal}login/", leaves_frame=True),),
    )
    return render_notice(request, language, notice, status=404)
