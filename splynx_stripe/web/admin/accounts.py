"""The page of Stripe accounts: how each stands, connect and disconnect, webhooks."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from splynx_stripe.config.document import DEFAULT_PARTNER, PARTNER_KEY
from splynx_stripe.domain.connection import MAX_ENDPOINTS, PLATFORM
from splynx_stripe.domain.errors import OutcomeUnknownError, RejectedError, RetryableError
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.flows.account_rooms import AccountRefusedError, Refusal
from splynx_stripe.flows.webhook_endpoints import Survey
from splynx_stripe.web.accounts_desk import AccountsDesk
from splynx_stripe.web.admin.accounts_view import panel_of, section_title
from splynx_stripe.web.admin.accounts_words import DONE, REFUSALS
from splynx_stripe.web.admin.guard import require_form, require_office
from splynx_stripe.web.admin.layout import office_language, render_office
from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.errors import NOT_FOUND, NOT_YOURS, PageError
from splynx_stripe.web.identity import Office

_PARTNER = re.compile(PARTNER_KEY)
_FAMILIES = (RejectedError, RetryableError, OutcomeUnknownError)
_CONFLICT = 409
_UNAVAILABLE = 503


@dataclass(frozen=True, slots=True)
class _Asked:
    """A form that an administrator has sent, for a section that is theirs to change."""

    office: Office
    section: str
    fields: Mapping[str, str]
    desk: AccountsDesk

    async def webhook_account(self) -> StripeAccount:
        account = (await self.desk.overview.view(self.section)).webhook_account
        if account is None:
            raise AccountRefusedError(Refusal.NO_ACCOUNT)
        if account.name == PLATFORM and self.office.partner_id:
            raise PageError(NOT_YOURS)  # all connected partners share this one
        return account

    async def account(self) -> StripeAccount:
        account = (await self.desk.overview.view(self.section)).account
        if account is None:
            raise AccountRefusedError(Refusal.NO_ACCOUNT)
        return account


_Action = Callable[[_Asked], Awaitable[str]]


async def accounts_page(request: web.Request) -> web.Response:
    """Shows the accounts of the sections that this administrator may see."""
    office = await require_office(request)
    done = DONE.get(request.query.get("done", ""), "")
    return await _shown(request, office, done=done)


async def connect_account(request: web.Request) -> web.Response:
    """Begins a connection and shows the way to Stripe.

    It is a link and no redirect: Stripe's consent page refuses to be shown in a frame, and our
    policy lets no form lead to another site.
    """
    asked = await _asked(request)
    live, *_ = [*asked.desk.overview.modes, False]
    livemode = asked.fields.get("mode", "live" if live else "test") == "live"
    try:
        address = await asked.desk.connections.begin(
            asked.section,
            livemode=livemode,
            actor=asked.office.actor,
            session_id=asked.office.session_id,
        )
    except AccountRefusedError as error:
        return await _refused(request, asked.office, error)
    context = {
        "address": address,
        "partner": section_title(office_language(request), asked.section),
        "livemode": livemode,
        "redirect_uri": asked.desk.connections.redirect_uri,
    }
    return render_office(request, asked.office, "admin/accounts_connect.html", context)


async def disconnect_account(request: web.Request) -> web.Response:
    """Asks whether it is meant, then ends the connection."""
    asked = await _asked(request)
    if asked.fields.get("confirmed") != "yes":
        view = await asked.desk.overview.view(asked.section)
        context = {
            "section": asked.section,
            "partner": section_title(office_language(request), asked.section),
            "account": view.connection.stripe_account_id if view.connection else "",
        }
        return render_office(request, asked.office, "admin/accounts_disconnect.html", context)
    return await _done(request, asked, _disconnect)


async def stray_endpoints(request: web.Request) -> web.Response:
    """Lists what is left over at Stripe; removes what was ticked there."""
    asked = await _asked(request)
    if asked.fields.get("confirmed") == "yes":
        return await _done(request, asked, _remove_strays)
    try:
        survey = await asked.desk.endpoints.survey(await asked.webhook_account())
    except AccountRefusedError as error:
        return await _refused(request, asked.office, error)
    except _FAMILIES as error:
        return await _shown(request, asked.office, problem=str(error), status=_UNAVAILABLE)
    return _show_endpoints(request, asked, survey)


def account_action(name: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Makes the handler of a button that needs no further question."""

    async def handler(request: web.Request) -> web.Response:
        return await _done(request, await _asked(request), _ACTIONS[name])

    return handler


async def _test(asked: _Asked) -> str:
    await asked.desk.watch.check(await asked.account())
    return "tested"


async def _init(asked: _Asked) -> str:
    account = await asked.webhook_account()
    done = await asked.desk.endpoints.init(account, actor=asked.office.actor)
    return "webhook-near-limit" if done.survey.is_near_limit else "webhook"


async def _rotate(asked: _Asked) -> str:
    account = await asked.webhook_account()
    done = await asked.desk.endpoints.rotate(account, actor=asked.office.actor)
    return "rotated-near-limit" if done.survey.is_near_limit else "rotated"


async def _release(asked: _Asked) -> str:
    await asked.desk.connections.release(asked.section, actor=asked.office.actor)
    return "released"


async def _disconnect(asked: _Asked) -> str:
    anyway = asked.fields.get("anyway") == "yes"
    await asked.desk.connections.disconnect(asked.section, actor=asked.office.actor, anyway=anyway)
    return "disconnected"


async def _remove_strays(asked: _Asked) -> str:
    ids = [key.removeprefix("stray.") for key in asked.fields if key.startswith("stray.")]
    account = await asked.webhook_account()
    await asked.desk.endpoints.remove_strays(account, ids, actor=asked.office.actor)
    return "strays"


_ACTIONS: Mapping[str, _Action] = {
    "test": _test,
    "webhook": _init,
    "rotate": _rotate,
    "release": _release,
}


async def _asked(request: web.Request) -> _Asked:
    """Reads a form and checks on the server whose section it is about."""
    office = await require_office(request)
    fields = await require_form(request, office)
    section = fields.get("partner", "").strip()
    if not _PARTNER.fullmatch(section):
        raise PageError(NOT_FOUND)
    if not _may_change(office, section):
        raise PageError(NOT_YOURS)
    return _Asked(office, section, fields, accounts_desk(request))


def _may_change(office: Office, section: str) -> bool:
    """The Default partner's account is everybody's, so only who may see all may change it."""
    return office.partner_id == 0 or section == str(office.partner_id)


def accounts_desk(request: web.Request) -> AccountsDesk:
    """Gives the flows. Raises `PageError` while Splynx is not set up."""
    desk = request.app[EDGE].deps.accounts()
    if desk is None:
        raise PageError(NOT_FOUND)
    return desk


async def _done(request: web.Request, asked: _Asked, action: _Action) -> web.Response:
    try:
        done = await action(asked)
    except AccountRefusedError as error:
        return await _refused(request, asked.office, error)
    except _FAMILIES as error:
        return await _shown(request, asked.office, problem=str(error), status=_UNAVAILABLE)
    base = request.app[EDGE].site.base
    raise web.HTTPSeeOther(f"{base}/admin/accounts?done={done}#account-{asked.section}")


async def _refused(
    request: web.Request, office: Office, error: AccountRefusedError
) -> web.Response:
    return await _shown(request, office, problem=refusal(request, error), status=_CONFLICT)


def refusal(request: web.Request, error: AccountRefusedError) -> str:
    """Gives the sentence of a refusal."""
    return office_language(request).say(REFUSALS[error.reason], detail=error.detail)


async def show_problem(request: web.Request, office: Office, problem: str) -> web.Response:
    """Shows the accounts, and above them a sentence that says what was not done."""
    return await _shown(request, office, problem=problem, status=_CONFLICT)


async def _shown(
    request: web.Request, office: Office, *, done: str = "", problem: str = "", status: int = 200
) -> web.Response:
    desk, language = accounts_desk(request), office_language(request)
    timezone = request.app[EDGE].site.timezone
    connectable = bool(desk.overview.modes)
    views = [it for it in await desk.overview.views() if _may_change(office, it.section)]
    if office.partner_id and not views:
        views = [await desk.overview.view(str(office.partner_id))]
    context = {
        "panels": [
            panel_of(
                it,
                language,
                timezone,
                connectable=connectable,
                sees_all=office.partner_id == 0,
            )
            for it in views
        ],
        "done": language.say(done) if done else "",
        "problem": problem,
        "modes": ["live" if live else "test" for live in desk.overview.modes],
        "may_add": connectable and office.partner_id == 0,
        "default": DEFAULT_PARTNER,
    }
    return render_office(request, office, "admin/accounts.html", context, status=status)


def _show_endpoints(request: web.Request, asked: _Asked, survey: Survey) -> web.Response:
    context = {
        "section": asked.section,
        "partner": section_title(office_language(request), asked.section),
        "strays": _listed(survey),
        "count": str(survey.count),
        "limit": str(MAX_ENDPOINTS),
        "is_near_limit": survey.is_near_limit,
        "ours": [it.url for it in survey.ours],
    }
    return render_office(request, asked.office, "admin/accounts_endpoints.html", context)


def _listed(survey: Survey) -> Sequence[Mapping[str, object]]:
    return [{"id": it.id, "url": it.url, "is_stale": not it.is_of_version} for it in survey.strays]
