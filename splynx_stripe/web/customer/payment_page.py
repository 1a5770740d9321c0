"""The payment page: what is owed, to whom, and the form that sends the card to Stripe.

Seeing the page changes nothing and creates nothing at Stripe; that happens at "Pay"
(`start.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler

from splynx_stripe.domain.collection import Route
from splynx_stripe.domain.errors import BrokenInvariantError
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import Payable, PayableKind
from splynx_stripe.domain.splynx import DocumentKind
from splynx_stripe.domain.terms import Terms
from splynx_stripe.flows.pay import DocumentQuery, PaymentView, Standing
from splynx_stripe.web.customer.links import page_path, portal_link, sign_in_url
from splynx_stripe.web.customer.wording import contact_of, payable_name, wording_for_page
from splynx_stripe.web.edge import EDGE, Edge
from splynx_stripe.web.errors import TOO_MANY, PageError
from splynx_stripe.web.i18n import Language, accepted_languages, later
from splynx_stripe.web.limits import client_address
from splynx_stripe.web.pages import Link, Notice, render, render_notice
from splynx_stripe.web.tickets import Purpose, Ticket
from splynx_stripe.web.visitors import customer_of

_LONGEST_ITEM = 64
_LONGEST_COMPANY = 80


@dataclass(frozen=True, slots=True)
class Entrance:
    """One address of the payment page. The names are those of Splynx's add-ons.

    `kind` is None where the address names no single document.
    """

    name: str
    kind: DocumentKind | None
    route: Route
    by_id: bool = False


def _direct(name: str, kind: DocumentKind) -> tuple[Entrance, Entrance]:
    route = Route.DIRECT_LINK
    return Entrance(name, kind, route), Entrance(f"{name}-by-id", kind, route, by_id=True)


ENTRANCES = (
    Entrance("pay-invoice", DocumentKind.INVOICE, Route.PORTAL),
    Entrance("pay-request", DocumentKind.PROFORMA, Route.PORTAL),
    Entrance("pay-proforma", DocumentKind.PROFORMA, Route.PORTAL),
    *_direct("direct-pay-invoice", DocumentKind.INVOICE),
    *_direct("direct-pay-request", DocumentKind.PROFORMA),
    *_direct("direct-pay-proforma", DocumentKind.PROFORMA),
)


@dataclass(frozen=True, slots=True)
class Visit:
    """Who looks at which document by which entrance; `session` is "" for plain links."""

    entrance: Entrance
    item: str
    actor: str
    session: str


def payment_page(entrance: Entrance) -> Handler:
    """Makes the handler of one entrance to a document."""

    async def handler(request: web.Request) -> web.StreamResponse:
        is_direct = entrance.route is Route.DIRECT_LINK
        if is_direct and request.app[EDGE].views.wait_s(client_address(request)):
            raise PageError(TOO_MANY)
        item = request.query.get("item_id", "").strip()
        if not (0 < len(item) <= _LONGEST_ITEM and item.isprintable()):
            return _show_standing(request, PaymentView(Standing.NOT_FOUND), entrance)
        show = _by_link if is_direct else _in_portal
        return await show(request, entrance, item)

    return handler


async def _in_portal(request: web.Request, entrance: Entrance, item: str) -> web.Response:
    edge = request.app[EDGE]
    customer = await customer_of(request)
    if customer is None:
        raise web.HTTPFound(sign_in_url(edge.site, entrance.name, item))
    query = _query(entrance, item)
    view = await edge.deps.pay.view_for_customer(query, customer.customer_id)
    mark = edge.tickets.session_mark(customer.session_id)
    visit = Visit(entrance, item, f"customer:{customer.customer_id}", mark)
    return show_payment(request, view, visit)


async def _by_link(request: web.Request, entrance: Entrance, item: str) -> web.Response:
    query = _query(entrance, item)
    view = await request.app[EDGE].deps.pay.view_for_link(query)
    return show_payment(request, view, Visit(entrance, item, "link", ""))


def _query(entrance: Entrance, item: str) -> DocumentQuery:
    return DocumentQuery(entrance.kind or DocumentKind.INVOICE, item, by_id=entrance.by_id)


def show_payment(request: web.Request, view: PaymentView, visit: Visit) -> web.Response:
    """Shows the payment form, or why there is nothing to pay here (now)."""
    if view.standing is not Standing.PAYABLE:
        return _show_standing(request, view, visit.entrance)
    if view.payable is None or view.amount is None or view.terms is None:
        raise BrokenInvariantError("A payable document came without its price or its terms.")
    return _show_form(request, view, _Price(view.payable, view.amount, view.terms), visit)


@dataclass(frozen=True, slots=True)
class _Price:
    """What a payable view is sure to have."""

    payable: Payable
    amount: Money
    terms: Terms


def _show_form(
    request: web.Request, view: PaymentView, price: _Price, visit: Visit
) -> web.Response:
    edge = request.app[EDGE]
    language = _language(request, view, visit.entrance)
    company = view.company.name if view.company else ""
    ticket = Ticket(
        payable=price.payable,
        route=visit.entrance.route,
        actor=visit.actor,
        entrance=visit.entrance.name,
        item=visit.item,
        amount=price.amount,
        company=company[:_LONGEST_COMPANY],
        language=language.tag,
        session=visit.session,
    )
    context = {
        "company": company,
        "document": payable_name(price.payable, language),
        "parts": [_part(part, language) for part in price.payable.parts],
        "amount_label": language.say(_AMOUNT_LABELS[price.payable.kind]),
        "amount": language.money(price.amount),
        "due_on": language.date(view.due_on) if view.due_on else "",
        "money": price.amount,
        "publishable_key": price.terms.publishable_key,
        "is_test": not price.terms.account.livemode,
        "ticket": edge.tickets.write(ticket, Purpose.PAY, edge.deps.clock.now()),
        "stripe_types": " ".join(kind.stripe_type for kind in price.terms.payment_kinds),
        "takes_days": any(kind.is_bank for kind in price.terms.payment_kinds),
        "offers_to_save": price.terms.offers_to_save and visit.entrance.route is Route.PORTAL,
        "stripe_js_url": edge.site.stripe_js_url,
        "email": view.company.email if view.company else "",
        "phone": view.company.phone if view.company else "",
        "page_url": page_path(edge.site, visit.entrance.name, visit.item),
        "overview_url": _overview_url(edge, visit.entrance),
    }
    return render(request, "pay.html", language, context)


_AMOUNT_LABELS = {
    PayableKind.INVOICE: later("Amount due"),
    PayableKind.PROFORMA: later("Amount due"),
    PayableKind.SEVERAL: later("Together"),
    PayableKind.TOP_UP: later("Amount"),
    PayableKind.BALANCE: later("Amount"),
    PayableKind.PREPAID: later("Amount"),
}


def _part(part: Payable, language: Language) -> dict[str, str]:
    amount = language.money(part.set_amount) if part.set_amount else ""
    return {"name": payable_name(part, language), "amount": amount}


def _show_standing(request: web.Request, view: PaymentView, entrance: Entrance) -> web.Response:
    """Says why there is nothing to pay here (now)."""
    edge = request.app[EDGE]
    language = _language(request, view, entrance)
    words = wording_for_page(view.standing)
    sentences = [language.say(text) for text in words.sentences]
    if view.standing is Standing.NOT_CHARGEABLE:
        sentences.append(contact_of(view.company, language))
    if view.payable is not None:
        named = payable_name(view.payable, language)
        sentences.insert(0, named)
    notice = Notice(
        icon=words.icon,
        title=language.say(words.title),
        sentences=tuple(text for text in sentences if text),
        links=_links(edge, view, entrance, language),
    )
    company = view.company.name if view.company else ""
    return render_notice(request, language, notice, status=words.status, company=company)


def _overview_url(edge: Edge, entrance: Entrance) -> str:
    """Gives the page of ours that led here, "" for a page that Splynx or a link has opened."""
    return f"{edge.site.base}/" if entrance.kind is None and entrance.route is Route.PORTAL else ""


def _links(
    edge: Edge, view: PaymentView, entrance: Entrance, language: Language
) -> tuple[Link, ...]:
    if view.standing is Standing.NOT_ALLOWED:
        text = language.say(later("Sign in"))
        return (Link(text, f"{edge.site.portal_url}login/", leaves_frame=True),)
    kind = PayableKind(entrance.kind.value) if entrance.kind else PayableKind.INVOICE
    overview = _overview_url(edge, entrance)
    ours = (Link(language.say(later("Payments")), overview),) if overview else ()
    return (*ours, portal_link(edge.site, language, kind))


def _language(request: web.Request, view: PaymentView, entrance: Entrance) -> Language:
    """Portal pages speak the partner's language; links first what the browser asks for."""
    accepted = accepted_languages(request.headers.get("Accept-Language", ""))
    partner = [view.terms.language] if view.terms else []
    wanted = accepted + partner if entrance.route is Route.DIRECT_LINK else partner + accepted
    return request.app[EDGE].languages.best(wanted)
