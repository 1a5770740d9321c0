"""The customer's saved cards and bank accounts: list, order, remove, prove."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from aiohttp import web

from splynx_stripe.domain.credential import Move
from splynx_stripe.flows.credentials import CredentialsView
from splynx_stripe.web.admin.guard import FORM_TOKEN
from splynx_stripe.web.credential_forms import Proving, read_proof
from splynx_stripe.web.customer.credentials_wording import (
    ADD_TITLES,
    DONE,
    Shown,
    shown,
)
from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.errors import NOT_FOUND, NOT_YOURS, PageError
from splynx_stripe.web.i18n import Language, accepted_languages
from splynx_stripe.web.identity import LoggedIn
from splynx_stripe.web.pages import render
from splynx_stripe.web.security import is_foreign
from splynx_stripe.web.visitors import customer_of


async def credentials_page(request: web.Request) -> web.Response:
    """Shows what the customer has saved."""
    customer = await require_customer(request)
    view = await view_of(request, customer)
    language = language_of(request, view)
    kind, text = DONE.get(request.query.get("done", ""), ("", ""))
    context = shared_context(request, customer, view) | {
        "items": shown(view.items, language),
        "add": [
            {"kind": one.value, "title": language.say(ADD_TITLES[one])} for one in view.offered
        ],
        "message": language.say(text) if text else "",
        "message_kind": kind,
    }
    return render(request, "credentials.html", language, context)


async def credential_removal_page(request: web.Request) -> web.Response:
    """Asks whether one is really to be removed, and says what that means."""
    customer = await require_customer(request)
    view = await view_of(request, customer)
    language = language_of(request, view)
    item = item_of(request, view, language)
    context = shared_context(request, customer, view) | {
        "item": item,
        "is_last": len(view.items) == 1,
    }
    return render(request, "credentials_remove.html", language, context)


async def move_credential(request: web.Request) -> web.Response:
    """Changes the order in which they are tried."""
    customer, fields = await require_customer_form(request)
    try:
        move = Move(fields.get("move", ""))
    except ValueError as error:
        raise PageError(NOT_FOUND) from error
    saved = request.app[EDGE].deps.credentials().saved
    known = await saved.move(
        customer.customer_id, request.match_info["credential"], move, actor_of(customer)
    )
    return _back(request, known=known, done="moved")


async def remove_credential(request: web.Request) -> web.Response:
    """Removes one for good."""
    customer, _ = await require_customer_form(request)
    saved = request.app[EDGE].deps.credentials().saved
    known = await saved.remove(
        customer.customer_id, request.match_info["credential"], actor_of(customer)
    )
    return _back(request, known=known, done="removed")


async def prove_credential(request: web.Request) -> web.Response:
    """Takes the amounts or the code that the customer found on the bank statement."""
    customer, fields = await require_customer_form(request)
    view = await view_of(request, customer)
    currency = view.terms.currency if view.terms else "USD"
    proving: Proving | None = read_proof(fields, currency)
    if proving is None:
        return _back(request, known=True, done="proof-wrong")
    result = (
        await request.app[EDGE]
        .deps.credentials()
        .saving.prove(
            request.match_info["setup"],
            customer.customer_id,
            amounts=proving.amounts,
            code=proving.code,
            actor=actor_of(customer),
        )
    )
    return _back(request, known=True, done=f"proof-{result}")


def _back(request: web.Request, *, known: bool, done: str) -> web.Response:
    if not known:
        raise PageError(NOT_FOUND)
    raise web.HTTPSeeOther(f"{request.app[EDGE].site.base}/credentials?done={done}")


async def require_customer(request: web.Request) -> LoggedIn:
    """Gives the portal customer who is looking, or leads to Splynx's sign-in and back to the list.

    Raises:
        web.HTTPFound: nobody is logged in.
        PageError: too many pages in one session, or from one address.
    """
    edge = request.app[EDGE]
    customer = await customer_of(request)
    if customer is None:
        here = quote(f"{edge.site.base}/credentials", safe="")
        raise web.HTTPFound(f"{edge.site.portal_url}login/?return={here}")
    return customer


async def require_customer_form(request: web.Request) -> tuple[LoggedIn, Mapping[str, str]]:
    """Gives the customer and the fields of a form of ours that was made in this session.

    Raises:
        PageError: another site has sent it, or it was made in another session. Nothing is done.
    """
    edge = request.app[EDGE]
    if is_foreign(request, edge.site):
        raise PageError(NOT_YOURS)
    customer = await require_customer(request)
    posted = await request.post()
    fields = {name: value for name, value in posted.items() if isinstance(value, str)}
    if not edge.tickets.is_form_token(fields.pop(FORM_TOKEN, ""), customer.session_id):
        raise PageError(NOT_YOURS)
    return customer, fields


async def view_of(request: web.Request, customer: LoggedIn) -> CredentialsView:
    """Gives what the customer has saved."""
    saved = request.app[EDGE].deps.credentials().saved
    view = await saved.view(customer.customer_id)
    if view is None:
        raise PageError(NOT_FOUND)
    return view


def item_of(request: web.Request, view: CredentialsView, language: Language) -> Shown:
    """Gives the saved thing that the address names; nobody else's is there."""
    wanted = request.match_info["credential"]
    for one in shown(view.items, language):
        if one.id == wanted:
            return one
    raise PageError(NOT_FOUND)


def language_of(request: web.Request, view: CredentialsView) -> Language:
    """Chooses the partner's language, then what the browser asks for."""
    partner = [view.terms.language] if view.terms else []
    accepted = accepted_languages(request.headers.get("Accept-Language", ""))
    return request.app[EDGE].languages.best(partner + accepted)


def shared_context(
    request: web.Request, customer: LoggedIn, view: CredentialsView
) -> dict[str, object]:
    """Gives what all pages here show."""
    edge = request.app[EDGE]
    return {
        "company": view.company.name,
        "is_test": bool(view.terms and not view.terms.account.livemode),
        "form_token_name": FORM_TOKEN,
        "form_token": edge.tickets.form_token(customer.session_id),
        "here": f"{edge.site.base}/credentials",
        "portal_url": edge.site.portal_url,
    }


def actor_of(customer: LoggedIn) -> str:
    """Gives the name for the audit log."""
    return f"customer:{customer.customer_id}"
