"""Adding a card or bank account: the form with Stripe's Payment Element, its start, its result."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from aiohttp import web

from splynx_stripe.domain.consent import Consent, ConsentWay
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.terms import Terms
from splynx_stripe.flows.credentials import CredentialsView
from splynx_stripe.flows.setup_credential import SetupOutcome, SetupStanding, SetupStart
from splynx_stripe.web.credential_forms import read_setup_order
from splynx_stripe.web.customer.consent_wording import consent_wording
from splynx_stripe.web.customer.credentials import (
    actor_of,
    language_of,
    require_customer,
    shared_context,
    view_of,
)
from splynx_stripe.web.customer.credentials_wording import (
    ADD_TITLES,
    RESULTS,
    STARTS,
    ResultWords,
)
from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.errors import NOT_FOUND, NOT_YOURS, TOO_MANY, PageError
from splynx_stripe.web.i18n import Language
from splynx_stripe.web.limits import client_address
from splynx_stripe.web.pages import Link, Notice, render
from splynx_stripe.web.security import is_foreign

_LONGEST_BROWSER = 300


async def credential_form_page(request: web.Request) -> web.Response:
    """Shows the form for one kind; only for kinds that are offered."""
    customer = await require_customer(request)
    view = await view_of(request, customer)
    kind = wanted_kind(request, view)
    language = language_of(request, view)
    wording = consent_wording(kind, view.company.name, language)
    context = (
        shared_context(request, customer, view)
        | element_context(request, view.terms, kind, language)
        | {"wording": wording, "start_url": f"{request.app[EDGE].site.base}/credentials/start"}
    )
    return render(request, "credentials_add.html", language, context)


async def start_credential(request: web.Request) -> web.Response:
    """Starts saving: the SetupIntent's client secret for the browser, or why there is none."""
    edge = request.app[EDGE]
    if is_foreign(request, edge.site):
        raise PageError(NOT_YOURS)
    customer = await require_customer(request)
    order = await read_setup_order(request)
    if not edge.tickets.is_form_token(order.form_token, customer.session_id):
        raise PageError(NOT_YOURS)
    if edge.starts.wait_s(f"setup/{customer.customer_id}"):
        raise PageError(TOO_MANY)
    view = await view_of(request, customer)
    language = language_of(request, view)
    wording = consent_wording(order.payment_kind, view.company.name, language)
    consent = consent_of(request, ConsentWay.ONLINE, actor_of(customer), wording)
    start = await edge.deps.credentials().saving.start(
        customer.customer_id, order.payment_kind, consent
    )
    return start_answer(start, language, f"{edge.site.base}/credentials/result")


async def credential_result_page(request: web.Request) -> web.Response:
    """Says honestly how it stands with what the customer wanted to save."""
    edge = request.app[EDGE]
    customer = await require_customer(request)
    if edge.asks.wait_s(f"setup/{customer.customer_id}"):
        raise PageError(TOO_MANY)
    outcome = await edge.deps.credentials().saving.outcome(
        request.query.get("setup", "")[:64], customer.customer_id, actor_of(customer)
    )
    view = await view_of(request, customer)
    language = language_of(request, view)
    context = shared_context(request, customer, view) | {
        "notice": result_notice(outcome, language, f"{edge.site.base}/credentials"),
        "may_change": RESULTS[outcome.standing].may_change,
    }
    return render(request, "credentials_result.html", language, context)


def wanted_kind(request: web.Request, view: CredentialsView) -> PaymentKind:
    """Gives the kind that the address names, if it is offered."""
    named = request.query.get("kind", "")
    for kind in view.offered:
        if kind.value == named:
            return kind
    raise PageError(NOT_FOUND)


def element_context(
    request: web.Request, terms: Terms | None, kind: PaymentKind, language: Language
) -> dict[str, object]:
    """Gives what the page with Stripe's form needs."""
    return {
        "title": language.say(ADD_TITLES[kind]),
        "kind": kind.value,
        "stripe_type": kind.stripe_type,
        "is_bank": kind.is_bank,
        "currency": terms.currency.lower() if terms else "",
        "publishable_key": terms.publishable_key if terms else "",
        "stripe_js_url": request.app[EDGE].site.stripe_js_url,
    }


def consent_of(request: web.Request, way: ConsentWay, actor: str, wording: str) -> Consent:
    """Records who agreed to what, when, and from where: the evidence for disputes."""
    browser = request.headers.get("User-Agent", "")[:_LONGEST_BROWSER]
    return Consent(
        given_at=request.app[EDGE].deps.clock.now(),
        way=way,
        actor=actor,
        address=client_address(request),
        browser=browser.encode("utf-8", "replace").decode(),
        wording=wording,
    )


def start_answer(start: SetupStart, language: Language, result_url: str) -> web.Response:
    """Answers the script of the page."""
    if start.standing is not SetupStanding.READY:
        message = language.say(STARTS[start.standing])
        return web.json_response({"state": start.standing.value, "message": message})
    return web.json_response(
        {
            "state": start.standing.value,
            "message": "",
            "client_secret": start.client_secret,
            "result_url": f"{result_url}?{urlencode({'setup': start.setup_id})}",
        }
    )


def result_notice(
    outcome: SetupOutcome,
    language: Language,
    back: str,
    words_of: Mapping[SetupStanding, ResultWords] = RESULTS,
) -> Notice:
    """Puts an outcome into words; Stripe's own sentence about a refusal is for people."""
    words = words_of[outcome.standing]
    sentences = [language.say(words.sentence)]
    if outcome.standing is SetupStanding.FAILED and outcome.failure is not None:
        sentences.insert(0, outcome.failure.message)
    return Notice(
        icon=words.icon,
        title=language.say(words.title),
        sentences=tuple(text for text in sentences if text),
        links=(Link(language.say(words.way), back),) if words.way else (),
    )
