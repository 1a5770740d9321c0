"""A customer's saved cards and bank accounts, for the office: list, order, remove, prove, add."""

from __future__ import annotations

from aiohttp import web

from splynx_stripe.domain.consent import ConsentWay
from splynx_stripe.domain.credential import Move
from splynx_stripe.flows.credentials import CredentialsView
from splynx_stripe.web.admin.credentials_door import (
    MOST_DIGITS,
    here_of,
    office_form,
    office_view,
)
from splynx_stripe.web.admin.credentials_link import link_form
from splynx_stripe.web.admin.guard import FORM_TOKEN, require_office
from splynx_stripe.web.admin.layout import office_language, render_office
from splynx_stripe.web.credential_forms import read_proof, read_setup_order
from splynx_stripe.web.customer.consent_wording import offline_wording
from splynx_stripe.web.customer.credentials import item_of
from splynx_stripe.web.customer.credentials_add import (
    consent_of,
    element_context,
    result_notice,
    start_answer,
    wanted_kind,
)
from splynx_stripe.web.customer.credentials_wording import (
    ADD_TITLES,
    DONE,
    RESULTS,
    STARTS,
    shown,
)
from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.errors import NOT_FOUND, NOT_YOURS, PageError
from splynx_stripe.web.security import is_foreign


async def find_customer_page(request: web.Request) -> web.Response:
    """Asks for a customer's number; Splynx's entry points name it in the address."""
    office = await require_office(request)
    given = request.query.get("id", request.query.get("customer_id", "")).strip()
    if given.isascii() and given.isdigit() and len(given) <= MOST_DIGITS:
        base = request.app[EDGE].site.base
        raise web.HTTPFound(f"{base}/admin/customers/{int(given)}/credentials")
    context = {"given": given, "is_wrong": bool(given)}
    return render_office(request, office, "admin/credentials_find.html", context)


async def customer_credentials_page(request: web.Request) -> web.Response:
    """Shows what a customer has saved."""
    office = await require_office(request)
    view = await office_view(request, office)
    language = office_language(request)
    kind, text = DONE.get(request.query.get("done", ""), ("", ""))
    context = (
        _shared(request, view)
        | {
            "items": shown(view.items, language),
            "add": [
                {"kind": one.value, "title": language.say(ADD_TITLES[one])} for one in view.offered
            ],
            "message": language.say(text) if text else "",
            "message_kind": kind,
        }
        | link_form(request, office, view)
    )
    return render_office(request, office, "admin/credentials.html", context)


async def customer_credential_removal_page(request: web.Request) -> web.Response:
    """Asks whether one is really to be removed."""
    office = await require_office(request)
    view = await office_view(request, office)
    context = _shared(request, view) | {
        "item": item_of(request, view, office_language(request)),
        "is_last": len(view.items) == 1,
    }
    return render_office(request, office, "admin/credentials_remove.html", context)


async def move_customer_credential(request: web.Request) -> web.Response:
    """Changes the order in which they are tried."""
    office, view, fields = await office_form(request)
    try:
        move = Move(fields.get("move", ""))
    except ValueError as error:
        raise PageError(NOT_FOUND) from error
    known = (
        await request.app[EDGE]
        .deps.credentials()
        .saved.move(view.customer.id, request.match_info["credential"], move, office.actor)
    )
    return _back(request, view, known=known, done="moved")


async def remove_customer_credential(request: web.Request) -> web.Response:
    """Removes one for good."""
    office, view, _ = await office_form(request)
    known = (
        await request.app[EDGE]
        .deps.credentials()
        .saved.remove(view.customer.id, request.match_info["credential"], office.actor)
    )
    return _back(request, view, known=known, done="removed")


async def prove_customer_credential(request: web.Request) -> web.Response:
    """Takes the amounts or the code that the customer has read out."""
    office, view, fields = await office_form(request)
    proving = read_proof(fields, view.terms.currency if view.terms else "USD")
    if proving is None:
        return _back(request, view, known=True, done="proof-wrong")
    result = (
        await request.app[EDGE]
        .deps.credentials()
        .saving.prove(
            request.match_info["setup"],
            view.customer.id,
            amounts=proving.amounts,
            code=proving.code,
            actor=office.actor,
        )
    )
    return _back(request, view, known=True, done=f"proof-{result}")


async def customer_credential_form_page(request: web.Request) -> web.Response:
    """Shows the form for a customer who is on the telephone or stands at the counter."""
    office = await require_office(request)
    view = await office_view(request, office)
    kind = wanted_kind(request, view)
    language = office_language(request)
    here = here_of(request, view)
    context = (
        _shared(request, view)
        | element_context(request, view.terms, kind, language)
        | {
            "wording": offline_wording(kind, view.company.name, language),
            "start_url": f"{here}/start",
        }
    )
    return render_office(request, office, "admin/credentials_add.html", context)


async def start_customer_credential(request: web.Request) -> web.Response:
    """Starts saving for a customer who has given permission to the office."""
    edge = request.app[EDGE]
    if is_foreign(request, edge.site):
        raise PageError(NOT_YOURS)
    office = await require_office(request)
    order = await read_setup_order(request)
    if not edge.tickets.is_form_token(order.form_token, office.session_id):
        raise PageError(NOT_YOURS)
    view = await office_view(request, office)
    language = office_language(request)
    if not order.agreed or order.payment_kind not in view.offered:
        refused = {"state": "refused", "message": language.say(next(iter(STARTS.values())))}
        return web.json_response(refused)
    wording = offline_wording(order.payment_kind, view.company.name, language)
    consent = consent_of(request, ConsentWay.OFFLINE, office.actor, wording)
    start = await edge.deps.credentials().saving.start(
        view.customer.id, order.payment_kind, consent
    )
    return start_answer(start, language, f"{here_of(request, view)}/result")


async def customer_credential_result_page(request: web.Request) -> web.Response:
    """Says how it stands with what was to be saved."""
    office = await require_office(request)
    view = await office_view(request, office)
    outcome = (
        await request.app[EDGE]
        .deps.credentials()
        .saving.outcome(request.query.get("setup", "")[:64], view.customer.id, office.actor)
    )
    notice = result_notice(outcome, office_language(request), here_of(request, view))
    context = _shared(request, view) | {
        "notice": notice,
        "may_change": RESULTS[outcome.standing].may_change,
    }
    return render_office(request, office, "admin/credentials_result.html", context)


def _back(request: web.Request, view: CredentialsView, *, known: bool, done: str) -> web.Response:
    if not known:
        raise PageError(NOT_FOUND)
    raise web.HTTPSeeOther(f"{here_of(request, view)}?done={done}")


def _shared(request: web.Request, view: CredentialsView) -> dict[str, object]:
    return {
        "customer": view.customer,
        "here": here_of(request, view),
        "company": view.company.name,
        "is_test": bool(view.terms and not view.terms.account.livemode),
        "form_token_name": FORM_TOKEN,
    }
