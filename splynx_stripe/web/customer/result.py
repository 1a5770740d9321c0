"""The result page: how the payment stands, honestly, and keeping itself up to date.

Stripe appends its own parameters to the address (`payment_intent_client_secret` and others).
They are ignored: only our own books and Stripe's API say what happened.
"""

from __future__ import annotations

from aiohttp import web

from splynx_stripe.domain.errors import OutcomeUnknownError, RejectedError, RetryableError
from splynx_stripe.flows.pay import PaymentView, Standing
from splynx_stripe.web.customer.admission import admit
from splynx_stripe.web.customer.links import page_path, portal_link, result_status_path
from splynx_stripe.web.customer.wording import (
    UNKNOWN_STATE,
    contact_of,
    payable_name,
    reason_of,
    wording_for_result,
)
from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.errors import TOO_MANY, PageError
from splynx_stripe.web.i18n import Language, later
from splynx_stripe.web.pages import Link, Notice, render
from splynx_stripe.web.tickets import Purpose, Ticket

_MAY_CHANGE = frozenset(
    {
        None,
        Standing.PAYABLE,
        Standing.TRY_AGAIN,
        Standing.FAILED,
        Standing.PROCESSING,
        Standing.RECEIVED,
    }
)
"""The standings that the page goes on watching; None is "we do not know".

A failure is watched too: it may be paid in another window, or be news from before a second try.
"""

_CAN_PAY_AGAIN = frozenset({Standing.PAYABLE, Standing.TRY_AGAIN, Standing.FAILED})


async def result_page(request: web.Request) -> web.Response:
    """Shows how the payment of the ticket stands now."""
    edge = request.app[EDGE]
    text = request.query.get("ticket", "")
    ticket = admit(request, text, Purpose.RESULT)
    view = await _outcome(request, ticket)
    standing = view.standing if view else None
    language = edge.languages.best([ticket.language])
    context = {
        "notice": _notice(request, ticket, view, language),
        "company": ticket.company,
        "is_test": bool(view and view.terms and not view.terms.account.livemode),
        "state": standing.value if standing else UNKNOWN_STATE,
        "may_change": standing in _MAY_CHANGE,
        "status_url": result_status_path(edge.site, text),
    }
    return render(request, "result.html", language, context)


async def result_status(request: web.Request) -> web.Response:
    """Tells the script of the page how the payment stands."""
    ticket = admit(request, request.query.get("ticket", ""), Purpose.RESULT)
    view = await _outcome(request, ticket)
    standing = view.standing if view else None
    state = standing.value if standing else UNKNOWN_STATE
    return web.json_response({"state": state, "final": standing not in _MAY_CHANGE})


async def _outcome(request: web.Request, ticket: Ticket) -> PaymentView | None:
    """Asks; None when it cannot be found out now."""
    edge = request.app[EDGE]
    if edge.asks.wait_s(f"{ticket.actor}/{ticket.payable.key}"):
        raise PageError(TOO_MANY)
    try:
        return await edge.deps.pay.outcome(ticket.payable, ticket.actor)
    except (RetryableError, OutcomeUnknownError, RejectedError):
        return None


def _notice(
    request: web.Request, ticket: Ticket, view: PaymentView | None, language: Language
) -> Notice:
    site = request.app[EDGE].site
    standing = view.standing if view else None
    words = wording_for_result(standing)
    sentences = [_what(ticket, view, language)]
    if standing is Standing.FAILED and view and view.failure:
        sentences.append(reason_of(view.failure, language))
    sentences += [language.say(text) for text in words.sentences]
    if standing is Standing.NOT_CHARGEABLE and view:
        sentences.append(contact_of(view.company, language))
    links = [portal_link(site, language, ticket.payable.kind)]
    if standing in _CAN_PAY_AGAIN:
        again = page_path(site, ticket.entrance, ticket.item)
        links.insert(0, Link(language.say(later("Try again")), again))
    return Notice(
        icon=words.icon,
        title=language.say(words.title),
        sentences=tuple(text for text in sentences if text),
        links=tuple(links),
    )


def _what(ticket: Ticket, view: PaymentView | None, language: Language) -> str:
    """Names the document and the amount."""
    named = payable_name(ticket.payable, language)
    amount = view.amount if view and view.amount else ticket.amount
    return f"{named} · {language.money(amount)}"
