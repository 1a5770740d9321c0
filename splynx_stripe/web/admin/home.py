"""The first page of the office: how the accounts stand, and what failed lately."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from aiohttp import web

from splynx_stripe.domain.operation import Operation, OperationOutcome, OperationQuery
from splynx_stripe.flows.account_overview import AccountView
from splynx_stripe.web.admin.accounts_view import panel_of
from splynx_stripe.web.admin.charging import StopContext, stop_context
from splynx_stripe.web.admin.guard import require_office
from splynx_stripe.web.admin.layout import office_language, render_office
from splynx_stripe.web.admin.logs_words import OUTCOMES, STATE_CLASSES, moment, what_happened
from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.i18n import Language, later
from splynx_stripe.web.identity import Office

LATELY = timedelta(days=7)
_ROWS = 5
"""Rows per list: a look, not the log."""


@dataclass(frozen=True, slots=True)
class AccountLine:
    """How one account stands. `events` says when something came from Stripe last, or is ""."""

    title: str
    standing: str
    tone: str
    mode: str
    events: str


@dataclass(frozen=True, slots=True)
class NewsLine:
    """One operation; `url` is "" where there is no story to read."""

    what: str
    moment: str
    outcome: str
    outcome_class: str
    url: str


async def admin_home(request: web.Request) -> web.Response:
    """Shows what somebody who opens the office's pages in the morning wants to know first.

    One look into the log and no more: each costs as much as the rest of the page.
    """
    edge = request.app[EDGE]
    office, language = await require_office(request), office_language(request)
    since = edge.deps.clock.now() - LATELY
    outcome = OperationOutcome.FAILED
    failed = OperationQuery(since=since, outcome=outcome, partner_id=office.partner_id)
    logs = request.app.router["admin-logs"].url_for()
    first_day = since.astimezone(edge.site.timezone).date()
    context = {
        "troubles": [] if office.partner_id else await edge.deps.readiness(),
        "accounts": await _accounts(request, office, language),
        "failed": await _news(request, failed, language),
        "failed_url": str(logs.with_query({"from": str(first_day), "status": outcome.value})),
        "logs_url": str(logs),
        "accounts_url": str(request.app.router["admin-accounts"].url_for()),
        "stop": await _stop(request, office),
    }
    return render_office(request, office, "admin/home.html", context)


async def _stop(request: web.Request, office: Office) -> StopContext | None:
    desk = request.app[EDGE].deps.charging()
    return await stop_context(request, office, desk.runs) if desk else None


async def _accounts(
    request: web.Request, office: Office, language: Language
) -> Sequence[AccountLine]:
    desk = request.app[EDGE].deps.accounts()
    if desk is None:
        return ()
    views = await desk.overview.views()
    theirs = [it for it in views if office.partner_id == 0 or it.section == str(office.partner_id)]
    return [_account(request, view, language) for view in theirs]


def _account(request: web.Request, view: AccountView, language: Language) -> AccountLine:
    zone = request.app[EDGE].site.timezone
    panel = panel_of(view, language, zone, connectable=False, sees_all=False)
    came = view.deliveries
    moments = [it for it in (came.last_webhook_at, came.last_poll_at) if it] if came else []
    text = later("Last event from Stripe: %(moment)s")
    events = language.say(text, moment=moment(max(moments), zone, language)) if moments else ""
    return AccountLine(panel.title, panel.standing, panel.tone, panel.mode, events)


async def _news(
    request: web.Request, query: OperationQuery, language: Language
) -> Sequence[NewsLine]:
    operations = request.app[EDGE].deps.operations
    found = await operations.page(query, before=None, limit=_ROWS)
    return [_line(request, operation, language) for operation in found]


def _line(request: web.Request, operation: Operation, language: Language) -> NewsLine:
    entry = operation.entry
    story = request.app.router["admin-timeline"]
    return NewsLine(
        what=what_happened(operation, language),
        moment=moment(entry.at, request.app[EDGE].site.timezone, language),
        outcome=language.say(OUTCOMES[operation.outcome]),
        outcome_class=STATE_CLASSES[operation.outcome],
        url=str(story.url_for(collection=entry.collection_id)) if entry.collection_id else "",
    )
