"""Signed links: the payment page, a customer's open documents, or the page that saves a card.

What is unknown, expired or revoked is answered alike, in words and in time. A ticket that a page
carries stays good for its two hours when the link is revoked meanwhile: the debt is still one.
"""

from __future__ import annotations

import re

from aiohttp import web

from splynx_stripe.domain.collection import Route
from splynx_stripe.domain.link import LinkScope, PaymentLink
from splynx_stripe.domain.splynx import DocumentKind
from splynx_stripe.flows.overview import Overview
from splynx_stripe.flows.pay import DocumentQuery, PaymentView, Standing
from splynx_stripe.web.customer.credentials_by_link import show_saving
from splynx_stripe.web.customer.link_door import not_valid, opened_link
from splynx_stripe.web.customer.links import page_path
from splynx_stripe.web.customer.payment_page import Entrance, Visit, show_payment
from splynx_stripe.web.customer.wording import payable_name, wording_for_page
from splynx_stripe.web.deps import Site
from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.i18n import Language, accepted_languages
from splynx_stripe.web.pages import render

_ITEM = re.compile(r"(invoice|proforma)-([1-9][0-9]{0,17})")


def link_url(site: Site, token: str) -> str:
    """Gives the address that goes into a mail or a text message."""
    return f"{site.public_url.rstrip('/')}/pay/{token}"


async def signed_link(request: web.Request) -> web.Response:
    """Shows what the link of the address opens."""
    link, token = await opened_link(request), request.match_info["token"]
    if link is None:
        return not_valid(request)
    await request.app[EDGE].deps.links.count_use(link)
    if link.scope is LinkScope.CREDENTIAL:
        return await show_saving(request, link)
    if link.scope is LinkScope.CUSTOMER:
        return await _of_customer(request, link, token)
    reference = (link.scope.value, str(link.document_id))
    return await _document(request, link, token, reference)


async def _of_customer(request: web.Request, link: PaymentLink, token: str) -> web.Response:
    """Shows the open documents of the customer, or the one that was chosen of them."""
    chosen = _ITEM.fullmatch(request.query.get("item_id", ""))
    if chosen is not None:
        return await _document(request, link, token, (chosen[1], chosen[2]))
    overview = await request.app[EDGE].deps.overview.overview(link.customer_id)
    return _list(request, overview, token)


async def _document(
    request: web.Request, link: PaymentLink, token: str, reference: tuple[str, str]
) -> web.Response:
    """Shows the payment page; a document that has gone to somebody else is not found."""
    kind, document_id = DocumentKind(reference[0]), reference[1]
    query = DocumentQuery(kind, document_id, by_id=True)
    view = await request.app[EDGE].deps.pay.view_for_customer(query, link.customer_id)
    entrance = Entrance(f"pay/{token.lower()}", kind, Route.SIGNED_LINK, by_id=True)
    visit = Visit(entrance, f"{kind}-{document_id}", f"link:{link.id}", "")
    return show_payment(request, view, visit)


def _list(request: web.Request, overview: Overview, token: str) -> web.Response:
    edge = request.app[EDGE]
    accepted = accepted_languages(request.headers.get("Accept-Language", ""))
    partner = [overview.terms.language] if overview.terms else []
    language = edge.languages.best([*accepted, *partner])
    context = {
        "company": overview.company.name if overview.company else "",
        "is_test": bool(overview.terms and not overview.terms.account.livemode),
        "documents": [_shown(edge.site, view, token, language) for view in overview.documents],
    }
    return render(request, "link_documents.html", language, context)


def _shown(site: Site, view: PaymentView, token: str, language: Language) -> dict[str, str]:
    """Gives what is shown of a document: number, due day, amount, and where it is paid."""
    payable = view.payable
    if payable is None:
        return {"name": "", "due_on": "", "amount": "", "standing": "", "url": ""}
    is_payable = view.standing is Standing.PAYABLE
    item = f"{payable.kind}-{payable.document_id}"
    standing = "" if is_payable else language.say(wording_for_page(view.standing).title)
    return {
        "name": payable_name(payable, language),
        "due_on": language.date(view.due_on) if view.due_on else "",
        "amount": language.money(view.amount) if view.amount else "",
        "standing": standing,
        "url": page_path(site, f"pay/{token.lower()}", item) if is_payable else "",
    }
