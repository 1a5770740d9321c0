"""The history of charge runs, newest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web

from splynx_stripe.domain.charge_progress import RunFilter, RunSearch, RunView
from splynx_stripe.domain.charge_run import Starter
from splynx_stripe.domain.charge_selection import ChargeKind
from splynx_stripe.web.admin.charge_words import (
    RUN_FILTERS,
    STARTERS,
    kind_words,
    selection_words,
    state_words,
    sums_words,
)
from splynx_stripe.web.admin.charging import (
    charge_desk,
    run_url,
    stop_context,
    tabs,
)
from splynx_stripe.web.admin.guard import require_office
from splynx_stripe.web.admin.layout import office_language, render_office
from splynx_stripe.web.admin.logs_words import actor_words, moment
from splynx_stripe.web.admin.rules_words import KINDS
from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.i18n import Language

PAGE_ROWS = 25
_LONGEST_ID = 64


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run in a list."""

    url: str
    kind: str
    filters: list[str]
    state: str
    state_class: str
    made_at: str
    made_by: str
    to_charge: str
    sums: str


async def runs_page(request: web.Request) -> web.Response:
    """Shows the runs that the administrator may see, one page of them."""
    office, language = await require_office(request), office_language(request)
    desk = charge_desk(request)
    search = _search(request.query)
    before = request.query.get("before", "")[:_LONGEST_ID].replace("\x00", "")
    found = await desk.runs.runs(
        before=before, limit=PAGE_ROWS + 1, partner_id=office.partner_id, search=search
    )
    shown = found[:PAGE_ROWS]
    context = {
        "tabs": tabs(request, is_history=True),
        "filters": [(one.value, language.say(text)) for one, text in RUN_FILTERS.items()],
        "kinds": [(one.value, language.say(text)) for one, text in KINDS.items()],
        "starters": [(one.value, language.say(text)) for one, text in STARTERS.items()],
        "search": search,
        "rows": [run_row(request, view, language) for view in shown],
        "older_url": _url(request, search, shown[-1].run.id) if len(found) > PAGE_ROWS else "",
        "newest_url": _url(request, search, "") if before else "",
        "zone": str(request.app[EDGE].site.timezone),
        "stop": await stop_context(request, office, desk.runs),
    }
    return render_office(request, office, "admin/runs.html", context)


def run_row(request: web.Request, view: RunView, language: Language) -> RunRow:
    """Makes the row of a run."""
    run = view.run
    state, shown_as = state_words(run, language)
    return RunRow(
        url=run_url(request, run.id),
        kind=kind_words(run, language),
        filters=selection_words(run.selection, language),
        state=state,
        state_class=shown_as,
        made_at=moment(run.made_at, request.app[EDGE].site.timezone, language),
        made_by=actor_words(run.made_by, language),
        to_charge=str(view.to_charge) if run.planned_at else "",
        sums=sums_words([total.amount for total in view.totals], language),
    )


def _search(fields: Mapping[str, str]) -> RunSearch:
    only, kind, starter = (fields.get(name, "") for name in ("only", "kind", "starter"))
    return RunSearch(
        only=RunFilter(only) if only in list(RunFilter) else RunFilter.ALL,
        kind=ChargeKind(kind) if kind in list(ChargeKind) else None,
        starter=Starter(starter) if starter in list(Starter) else None,
    )


def _url(request: web.Request, search: RunSearch, before: str) -> str:
    fields = {
        "only": search.only.value,
        "kind": search.kind or "",
        "starter": search.starter or "",
        "before": before,
    }
    given = {name: value for name, value in fields.items() if value}
    return f"{request.app.router['admin-runs'].url_for()}?{urlencode(given)}"
