"""The office's page of signed payment links: make, copy and revoke them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from aiohttp import web

from splynx_stripe.domain.link import (
    DEFAULT_LIFETIME,
    LONGEST_LIFETIME,
    LinkScope,
    LinkState,
    MadeLink,
    PaymentLink,
)
from splynx_stripe.flows.links import LinkOrder, Maker
from splynx_stripe.web.admin.guard import require_form, require_office
from splynx_stripe.web.admin.layout import office_language, render_office
from splynx_stripe.web.admin.logs_words import actor_words, moment, splynx_customer_url
from splynx_stripe.web.customer.signed_link import link_url
from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.i18n import Language, later
from splynx_stripe.web.identity import Office

_SHOWN = 200
_LONGEST_NUMBER = 64
_LARGEST_ID = 2**63 - 1

SCOPES = {  # links that save a payment method are made on the page of the customer
    LinkScope.INVOICE: later("An invoice, by its number"),
    LinkScope.PROFORMA: later("A proforma invoice, by its number"),
    LinkScope.CUSTOMER: later("All open documents of a customer, by id"),
}
_SCOPE_SHORT = {
    LinkScope.INVOICE: later("Invoice %(number)s"),
    LinkScope.PROFORMA: later("Proforma invoice %(number)s"),
    LinkScope.CUSTOMER: later("All open documents"),
    LinkScope.CREDENTIAL: later("Saving a payment method"),
}
_STATES = {
    LinkState.VALID: (later("Valid"), "state-good"),
    LinkState.EXPIRED: (later("Expired"), "state-plain"),
    LinkState.REVOKED: (later("Revoked"), "state-bad"),
    LinkState.USED_UP: (later("Used"), "state-plain"),
}
_NOT_FOUND = later("Splynx has no such document or customer. No link was made.")
_WHICH = later("Please enter the number of the document, or the id of the customer.")
_DAYS = later("Please enter a number of days from 1 to %(most)s.")


@dataclass(frozen=True, slots=True)
class _Form:
    """The form as it was sent."""

    scope: LinkScope = LinkScope.INVOICE
    which: str = ""
    days: str = str(DEFAULT_LIFETIME.days)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a form led to: a new link, a sentence, or sentences beside the fields."""

    form: _Form = _Form()
    made: MadeLink | None = None
    message: str = ""
    wrong: Mapping[str, str] | None = None


async def links_page(request: web.Request) -> web.Response:
    """Shows the links that the administrator may see."""
    office = await require_office(request)
    return await _show(request, office, _Outcome())


async def make_link(request: web.Request) -> web.Response:
    """Makes a link and shows its address, now and never again."""
    office = await require_office(request)
    fields = await require_form(request, office)
    form = _form(fields)
    language = office_language(request)
    order, wrong = _order(form, language)
    if order is None:
        return await _show(request, office, _Outcome(form, wrong=wrong))
    made = await request.app[EDGE].deps.links.make(order, _maker(office))
    if made is None:
        found_nothing = {"which": language.say(_NOT_FOUND)}
        return await _show(request, office, _Outcome(form, wrong=found_nothing))
    return await _show(request, office, _Outcome(made=made))


async def revoke_links(request: web.Request) -> web.Response:
    """Revokes one link, or all of a customer."""
    office = await require_office(request)
    fields = await require_form(request, office)
    links, maker = request.app[EDGE].deps.links, _maker(office)
    language = office_language(request)
    customer_id = _identifier(fields.get("customer", ""))
    if customer_id:
        count = await links.revoke_all(customer_id, maker)
        text = later("%(count)s links of customer %(id)s were revoked.")
        message = language.say(text, count=str(count), id=str(customer_id))
    elif await links.revoke(fields.get("link", "")[:_LONGEST_NUMBER], maker):
        message = language.say(later("The link was revoked. It opens nothing any more."))
    else:
        message = language.say(later("The link was not valid any more. Nothing was changed."))
    return await _show(request, office, _Outcome(message=message))


def _maker(office: Office) -> Maker:
    return Maker(office.actor, office.partner_id)


def _form(fields: Mapping[str, str]) -> _Form:
    scope = fields.get("scope", "")
    return _Form(
        scope=LinkScope(scope) if scope in list(SCOPES) else LinkScope.INVOICE,
        which=fields.get("which", "").strip()[:_LONGEST_NUMBER],
        days=fields.get("days", "").strip()[:8],
    )


def _order(form: _Form, language: Language) -> tuple[LinkOrder | None, Mapping[str, str]]:
    """Reads the form; without an order, the sentences say which fields are wrong."""
    days, most = _identifier(form.days), LONGEST_LIFETIME.days
    customer_id = _identifier(form.which) if form.scope is LinkScope.CUSTOMER else 0
    wrong: dict[str, str] = {}
    if not 1 <= days <= most:
        wrong["days"] = language.say(_DAYS, most=str(most))
    if not (customer_id if form.scope is LinkScope.CUSTOMER else form.which.isprintable()):
        wrong["which"] = language.say(_WHICH)
    if not form.which:
        wrong["which"] = language.say(_WHICH)
    if wrong:
        return None, wrong
    number = "" if customer_id else form.which
    return LinkOrder(form.scope, number, customer_id, timedelta(days=days)), {}


def _identifier(text: str) -> int:
    """Reads a positive whole number; 0 for anything else."""
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < _LONGEST_NUMBER else 0
    return number if number <= _LARGEST_ID else 0


async def _show(request: web.Request, office: Office, outcome: _Outcome) -> web.Response:
    edge = request.app[EDGE]
    language = office_language(request)
    wanted = _identifier(request.query.get("customer", ""))
    links = await edge.deps.links.links(_maker(office), customer_id=wanted, limit=_SHOWN)
    wrong = outcome.wrong or {}
    context = {
        "form": outcome.form,
        "scopes": [(scope.value, language.say(text)) for scope, text in SCOPES.items()],
        "most_days": LONGEST_LIFETIME.days,
        "wrong": wrong,
        "message": outcome.message,
        "made_url": link_url(edge.site, outcome.made.token) if outcome.made else "",
        "made": _row(request, outcome.made.link, language) if outcome.made else None,
        "rows": [_row(request, link, language) for link in links],
        "customer": str(wanted or ""),
        "zone": str(edge.site.timezone),
    }
    status = 422 if wrong else 200
    return render_office(request, office, "admin/links.html", context, status=status)


def _row(request: web.Request, link: PaymentLink, language: Language) -> dict[str, str]:
    edge = request.app[EDGE]
    zone = edge.site.timezone
    state = link.state(edge.deps.clock.now())
    text, shown_as = _STATES[state]
    return {
        "id": link.id,
        "what": language.say(_SCOPE_SHORT[link.scope], number=link.document_number),
        "customer": str(link.customer_id),
        "customer_url": splynx_customer_url(edge.site.admin_url, link.customer_id),
        "made_at": moment(link.made_at, zone, language),
        "made_by": actor_words(link.made_by, language),
        "expires_at": moment(link.expires_at, zone, language),
        "uses": str(link.uses),
        "last_used_at": moment(link.last_used_at, zone, language) if link.last_used_at else "",
        "state": language.say(text),
        "state_class": shown_as,
        "is_valid": "yes" if state is LinkState.VALID else "",
    }
