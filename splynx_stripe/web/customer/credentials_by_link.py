"""Saving a card or bank account by a signed link: nobody is signed in, and nothing else is shown.

The page names the ISP and never the customer. Its forms carry a token that is bound to the link,
and each step looks again whether the link is still good.
"""

from __future__ import annotations

from aiohttp import web

from splynx_stripe.domain.consent import ConsentWay
from splynx_stripe.domain.link import LinkScope, LinkState, PaymentLink
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.payment_method import Microdeposits
from splynx_stripe.domain.setup import Setup, SetupState
from splynx_stripe.flows.saving_by_link import LinkView
from splynx_stripe.flows.setup_credential import SetupStanding
from splynx_stripe.web.admin.guard import FORM_TOKEN
from splynx_stripe.web.credential_desk import ByLink
from splynx_stripe.web.credential_forms import Proving, read_proof, read_setup_order
from splynx_stripe.web.customer.consent_wording import consent_wording
from splynx_stripe.web.customer.credentials_add import (
    consent_of,
    element_context,
    result_notice,
    start_answer,
)
from splynx_stripe.web.customer.credentials_wording import (
    ADD_TITLES,
    DONE,
    RESULTS_BY_LINK,
    STARTS,
    how_to_prove,
)
from splynx_stripe.web.customer.link_door import not_valid, opened_link
from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.errors import NOT_FOUND, NOT_YOURS, TOO_MANY, PageError
from splynx_stripe.web.i18n import Language, accepted_languages, later
from splynx_stripe.web.pages import Link, Notice, language_of_request, render, render_notice
from splynx_stripe.web.security import is_foreign

_LONGEST_ID = 64


async def show_saving(request: web.Request, link: PaymentLink) -> web.Response:
    """Shows what can be saved by a link: the form, the choice, or what is still to be proven."""
    if _is_used_up(request, link):
        return _used_up(request)
    view = await _by_link(request).view(link)
    if view is None:
        return not_valid(request)
    language = _language(request, view)
    if view.waiting is not None:
        return _show_waiting(request, link, view, view.waiting)
    kind = _chosen(request, view)
    context = _shared(request, link, view)
    if kind is None:
        ways = [{"kind": one.value, "title": language.say(ADD_TITLES[one])} for one in view.offered]
        return render(request, "link_credential.html", language, context | {"add": ways})
    wording = consent_wording(kind, view.company.name, language)
    context |= element_context(request, view.terms, kind, language) | {
        "wording": wording,
        "start_url": f"{_here(request)}/start",
        "back": _here(request) if len(view.offered) > 1 else "",
    }
    return render(request, "link_credential_add.html", language, context)


async def start_saving_by_link(request: web.Request) -> web.Response:
    """Starts saving: the SetupIntent's client secret for the browser, or why there is none."""
    edge = request.app[EDGE]
    if is_foreign(request, edge.site):
        raise PageError(NOT_YOURS)
    link = await _saving_link(request)
    order = await read_setup_order(request)
    if link is None or not edge.tickets.is_form_token(order.form_token, link.actor):
        raise PageError(NOT_YOURS)
    if edge.starts.wait_s(f"setup/{link.actor}"):
        raise PageError(TOO_MANY)
    view = await _by_link(request).view(link)
    if view is None or order.payment_kind not in view.offered:
        message = language_of_request(request).say(STARTS[SetupStanding.NOT_OFFERED])
        return web.json_response({"state": SetupStanding.NOT_OFFERED.value, "message": message})
    language = _language(request, view)
    wording = consent_wording(order.payment_kind, view.company.name, language)
    consent = consent_of(request, ConsentWay.ONLINE, link.actor, wording)
    start = await _by_link(request).start(link, order.payment_kind, consent)
    return start_answer(start, language, f"{_here(request)}/result")


async def result_of_saving_by_link(request: web.Request) -> web.Response:
    """Says honestly how it stands with what was to be saved."""
    edge = request.app[EDGE]
    link = await _saving_link(request)
    if link is None:
        return not_valid(request)
    if edge.asks.wait_s(f"setup/{link.actor}"):
        raise PageError(TOO_MANY)
    outcome = await _by_link(request).outcome(link, request.query.get("setup", "")[:_LONGEST_ID])
    language = language_of_request(request)
    context = {
        "notice": result_notice(outcome, language, _here(request), RESULTS_BY_LINK),
        "may_change": RESULTS_BY_LINK[outcome.standing].may_change,
    }
    return render(request, "credentials_result.html", language, context)


async def prove_by_link(request: web.Request) -> web.Response:
    """Takes the amounts or the code that the customer found on the bank statement."""
    edge = request.app[EDGE]
    if is_foreign(request, edge.site):
        raise PageError(NOT_YOURS)
    link = await _saving_link(request)
    posted = await request.post()
    fields = {name: value for name, value in posted.items() if isinstance(value, str)}
    if link is None or not edge.tickets.is_form_token(fields.pop(FORM_TOKEN, ""), link.actor):
        raise PageError(NOT_YOURS)
    if edge.starts.wait_s(f"proof/{link.actor}"):
        raise PageError(TOO_MANY)
    view = await _by_link(request).view(link)
    if view is None or view.terms is None:
        return not_valid(request)
    proving: Proving | None = read_proof(fields, view.terms.currency)
    if proving is None:
        raise web.HTTPSeeOther(f"{_here(request)}?done=proof-wrong")
    result = await _by_link(request).prove(
        link, request.match_info["setup"], amounts=proving.amounts, code=proving.code
    )
    raise web.HTTPSeeOther(f"{_here(request)}?done=proof-{result}")


async def _saving_link(request: web.Request) -> PaymentLink | None:
    """Gives the link of the address, if it is one that saves."""
    link = await opened_link(request)
    return link if link is not None and link.scope is LinkScope.CREDENTIAL else None


def _is_used_up(request: web.Request, link: PaymentLink) -> bool:
    return link.state(request.app[EDGE].deps.clock.now()) is LinkState.USED_UP


def _used_up(request: web.Request) -> web.Response:
    language, portal = language_of_request(request), request.app[EDGE].site.portal_url
    notice = Notice(
        icon="success",
        title=language.say(later("A payment method was saved with this link")),
        sentences=(
            language.say(
                later(
                    "The link saves no other. To see, change or remove what is saved, please sign in"
                    " to the customer portal."
                )
            ),
        ),
        links=(Link(language.say(later("Sign in")), f"{portal}login/", leaves_frame=True),),
    )
    return render_notice(request, language, notice)


def _show_waiting(
    request: web.Request, link: PaymentLink, view: LinkView, setup: Setup
) -> web.Response:
    """Shows the form of micro-deposits, or that the bank is at work."""
    language = _language(request, view)
    tone, text = DONE.get(request.query.get("done", ""), ("", ""))
    is_provable = (
        setup.state is SetupState.VERIFYING and setup.microdeposits is not Microdeposits.NONE
    )
    words = RESULTS_BY_LINK[SetupStanding.PROCESSING]
    how = how_to_prove(setup.microdeposits, language)
    context = _shared(request, link, view) | {
        "title": language.say(
            RESULTS_BY_LINK[SetupStanding.VERIFYING].title if is_provable else words.title
        ),
        "sentence": how if is_provable else language.say(words.sentence),
        "proof": {
            "id": "link",
            "setup_id": setup.id,
            "proof": setup.microdeposits.value if is_provable else "",
        },
        "message": language.say(text) if text else "",
        "message_kind": tone,
    }
    return render(request, "link_credential_prove.html", language, context)


def _chosen(request: web.Request, view: LinkView) -> PaymentKind | None:
    """Gives the kind that is to be saved; None where there is a choice and none was made."""
    named = request.query.get("kind", "")
    if not named:
        return view.offered[0] if len(view.offered) == 1 else None
    for kind in view.offered:
        if kind.value == named:
            return kind
    raise PageError(NOT_FOUND)


def _shared(request: web.Request, link: PaymentLink, view: LinkView) -> dict[str, object]:
    return {
        "company": view.company.name,
        "is_test": bool(view.terms and not view.terms.account.livemode),
        "form_token_name": FORM_TOKEN,
        "form_token": request.app[EDGE].tickets.form_token(link.actor),
        "here": _here(request),
    }


def _language(request: web.Request, view: LinkView) -> Language:
    """Chooses what the browser asks for, then the partner's: nobody knows who has the link."""
    accepted = accepted_languages(request.headers.get("Accept-Language", ""))
    partner = [view.terms.language] if view.terms else []
    return request.app[EDGE].languages.best([*accepted, *partner])


def _here(request: web.Request) -> str:
    return f"{request.app[EDGE].site.base}/pay/{request.match_info['token'].lower()}"


def _by_link(request: web.Request) -> ByLink:
    return request.app[EDGE].deps.credentials().by_link
