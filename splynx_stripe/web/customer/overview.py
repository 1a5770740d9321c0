"""The customer's own pages: what is open, several documents at once, top-ups, and what was paid."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from aiohttp import web

from splynx_stripe.domain.collection import Route
from splynx_stripe.domain.errors import OutcomeUnknownError, RejectedError, RetryableError
from splynx_stripe.domain.money import currency_exponent
from splynx_stripe.domain.terms import Terms
from splynx_stripe.flows.overview import History, Overview, PastPayment
from splynx_stripe.flows.pay import PaymentView, Standing
from splynx_stripe.web.customer.links import page_path, portal_link
from splynx_stripe.web.customer.payment_page import Entrance, Visit, show_payment
from splynx_stripe.web.customer.wording import payable_name, standing_name
from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.errors import NO_RECEIPT, PageError
from splynx_stripe.web.i18n import Language, accepted_languages
from splynx_stripe.web.identity import LoggedIn
from splynx_stripe.web.pages import render
from splynx_stripe.web.visitors import customer_of

_PAGE = 20
SEVERAL = Entrance("pay-several", None, Route.PORTAL)
TOP_UP = Entrance("top-up", None, Route.PORTAL)


async def require_customer(request: web.Request) -> LoggedIn:
    """Gives the customer who is looking, or leads to the portal's sign-in and back here.

    Raises:
        web.HTTPFound: nobody is logged in.
        PageError: too many pages in one session, or from one address.
        CannotIdentifyError: Splynx does not answer.
    """
    edge = request.app[EDGE]
    customer = await customer_of(request)
    if customer is None:
        here = request.path_qs if request.method == "GET" else f"{edge.site.base}/"
        raise web.HTTPFound(f"{edge.site.portal_url}login/?return={quote(here, safe='')}")
    return customer


async def overview_page(request: web.Request) -> web.Response:
    """Shows the open documents, each to be paid alone or with others, and the top-up."""
    return await _show_overview(request, "overview.html")


async def widget_page(request: web.Request) -> web.Response:
    """Shows the same in short, for a place on the portal's dashboard."""
    return await _show_overview(request, "widget.html")


async def chosen_documents(request: web.Request) -> web.Response:
    """Leads from the ticked documents to their payment page. Nothing is begun by it."""
    chosen = ".".join(request.query.getall("document", []))
    base = request.app[EDGE].site
    raise web.HTTPSeeOther(page_path(base, SEVERAL.name, chosen) if chosen else f"{base.base}/")


async def several_page(request: web.Request) -> web.Response:
    """Shows the payment page of several documents."""
    customer = await require_customer(request)
    edge, item = request.app[EDGE], request.query.get("item_id", "")
    view = await edge.deps.overview.several(customer.customer_id, item)
    return show_payment(request, view, _visit(request, customer, SEVERAL, item))


async def begin_top_up(request: web.Request) -> web.Response:
    """Takes the amount of a form, also of the one on Splynx's dashboard, and leads to its payment.

    The address names this top-up, so that loading it again cannot make a second one.
    """
    edge = request.app[EDGE]
    amount = str((await request.post()).get("amount", "")).strip()[:20]
    item = f"{amount or 0}-{edge.deps.ids.token()[:24]}"
    raise web.HTTPSeeOther(page_path(edge.site, TOP_UP.name, item))


async def top_up_page(request: web.Request) -> web.Response:
    """Shows the payment page of a top-up, or the form again with what is wrong with the amount."""
    customer = await require_customer(request)
    edge, item = request.app[EDGE], request.query.get("item_id", "")
    amount, _, token = item.rpartition("-")
    view = await edge.deps.overview.top_up(customer.customer_id, amount, token)
    if view.standing is Standing.NOT_FOUND and view.terms and view.terms.top_up:
        return await _show_overview(request, "overview.html", wrong_amount=amount)
    return show_payment(request, view, _visit(request, customer, TOP_UP, item))


async def history_page(request: web.Request) -> web.Response:
    """Shows what the customer has paid through us, newest first."""
    customer = await require_customer(request)
    before = request.query.get("before", "")[:64]
    seen = await request.app[EDGE].deps.overview.history(
        customer.customer_id, before=before, limit=_PAGE
    )
    language = _language(request, seen.terms)
    context = {
        **_head(seen),
        "payments": [_past(payment, language) for payment in seen.payments],
        "older": f"?{'before=' + quote(seen.after)}" if seen.after else "",
        "is_first": not before,
    }
    return render(request, "history.html", language, context)


async def receipt(request: web.Request) -> web.Response:
    """Hands out Splynx's receipt of one of the customer's own payments."""
    customer = await require_customer(request)
    payment_id = int(request.match_info["payment_id"])
    try:
        found = await request.app[EDGE].deps.overview.receipt(customer.customer_id, payment_id)
    except (RejectedError, RetryableError, OutcomeUnknownError) as error:
        raise PageError(NO_RECEIPT) from error
    if found is None:
        raise PageError(NO_RECEIPT)
    # Never what Splynx says: a page in our origin must not come from there.
    headers = {"Content-Disposition": f'attachment; filename="receipt-{payment_id}.pdf"'}
    return web.Response(body=found.content, content_type="application/pdf", headers=headers)


async def _show_overview(
    request: web.Request, template: str, *, wrong_amount: str = ""
) -> web.Response:
    customer = await require_customer(request)
    seen = await request.app[EDGE].deps.overview.overview(customer.customer_id)
    language = _language(request, seen.terms)
    context = {
        **_head(seen),
        "documents": [_document(request, view, language) for view in seen.documents],
        "can_pay_several": sum(view.standing is Standing.PAYABLE for view in seen.documents) > 1,
        "total": _total(seen, language),
        "currency": seen.terms.currency if seen.terms else "",
        "exponent": currency_exponent(seen.terms.currency) if seen.terms else 0,
        "top_up": _top_up(seen.terms, language),
        "wrong_amount": wrong_amount,
        "invoices": portal_link(request.app[EDGE].site, language),
        "can_pay_online": seen.terms is not None and bool(seen.terms.payment_kinds),
    }
    return render(request, template, language, context, status=422 if wrong_amount else 200)


def _head(seen: Overview | History) -> dict[str, object]:
    """Gives what stands at the top of each page: whom one pays, and whether with real money."""
    return {
        "company": seen.company.name if seen.company else "",
        "is_test": bool(seen.terms and not seen.terms.account.livemode),
    }


def _document(request: web.Request, view: PaymentView, language: Language) -> dict[str, object]:
    payable = view.payable
    if payable is None:
        return {"name": "", "standing": standing_name(view.standing, language), "url": ""}
    reference = f"{payable.kind}-{payable.document_id}"
    is_payable = view.standing is Standing.PAYABLE
    url = page_path(request.app[EDGE].site, SEVERAL.name, reference) if is_payable else ""
    return {
        "reference": reference,
        "name": payable_name(payable, language),
        "amount": language.money(view.amount) if view.amount else "",
        "minor_units": view.amount.minor_units if view.amount else 0,
        "due_on": language.date(view.due_on) if view.due_on else "",
        "standing": "" if is_payable else standing_name(view.standing, language),
        "url": url,
    }


def _total(seen: Overview, language: Language) -> str:
    amounts = [
        view.amount
        for view in seen.documents
        if view.standing is Standing.PAYABLE and view.amount is not None
    ]
    if not amounts:
        return ""
    total = amounts[0]
    for amount in amounts[1:]:
        total += amount
    return language.money(total)


def _top_up(terms: Terms | None, language: Language) -> dict[str, object] | None:
    if terms is None or terms.top_up is None or not terms.payment_kinds:
        return None
    limits = terms.top_up
    return {
        "currency": terms.currency,
        "minimum": language.money(limits.minimum),
        "maximum": language.money(limits.maximum),
        "suggestions": [
            {"value": str(amount.to_decimal()), "text": language.money(amount)}
            for amount in limits.suggestions
        ],
    }


def _past(payment: PastPayment, language: Language) -> dict[str, object]:
    return {
        "name": payable_name(payment.payable, language),
        "amount": language.money(payment.amount),
        "paid_on": language.date(payment.paid_on),
        "receipt": str(payment.splynx_payment_id),
    }


def _visit(request: web.Request, customer: LoggedIn, entrance: Entrance, item: str) -> Visit:
    mark = request.app[EDGE].tickets.session_mark(customer.session_id)
    return Visit(entrance, item, f"customer:{customer.customer_id}", mark)


def _language(request: web.Request, terms: Terms | None) -> Language:
    accepted = accepted_languages(request.headers.get("Accept-Language", ""))
    wanted: Sequence[str] = [terms.language] if terms else [request.app[EDGE].site.language]
    return request.app[EDGE].languages.best([*wanted, *accepted])
