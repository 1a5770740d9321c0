"""The page at the base address: it says where to pay."""

from __future__ import annotations

from aiohttp import web

from splynx_stripe.web.customer.links import portal_link
from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.i18n import later
from splynx_stripe.web.pages import Link, Notice, language_of_request, render_notice


async def home(request: web.Request) -> web.Response:
    """Leads to the invoices in Splynx's portal."""
    language = language_of_request(request)
    invoices = portal_link(request.app[EDGE].site, language).url
    notice = Notice(
        icon="card",
        title=language.say(later("Pay by card")),
        sentences=(
            language.say(
                later("Open your invoices in the customer portal and choose the one to pay.")
            ),
        ),
        links=(Link(language.say(later("Open my invoices")), invoices, leaves_frame=True),),
    )
    return render_notice(request, language, notice)
