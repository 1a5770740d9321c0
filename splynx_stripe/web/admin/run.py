"""The page of one charge run: the plan to be confirmed, live progress, and the result."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import aiohttp_jinja2
from aiohttp import web

from splynx_stripe.domain.charge_progress import RunView
from splynx_stripe.domain.charge_run import ItemOutcome
from splynx_stripe.web.admin.charge_words import run_title
from splynx_stripe.web.admin.charging import (
    charge_desk,
    done_words,
    require_seen,
    run_id_of,
    stop_context,
    tabs,
)
from splynx_stripe.web.admin.guard import require_office
from splynx_stripe.web.admin.layout import office_language, render_office
from splynx_stripe.web.admin.run_items import items_page
from splynx_stripe.web.admin.run_view import (
    confirmation_of,
    facts_of,
    failure_lines,
    has_begun,
    outcome_lines,
    plan_lines,
    sum_charged,
    sum_due,
    sum_to_charge,
    total_lines,
)
from splynx_stripe.web.errors import NOT_FOUND, PageError
from splynx_stripe.web.identity import Office

_BYTE_ORDER_MARK = "\ufeff"
"""Without it, Excel takes the file for something else than UTF-8."""
_WITH_FAILURES = (ItemOutcome.FAILED, ItemOutcome.RETURNED)


async def run_page(request: web.Request) -> web.Response:
    """Shows a run to whoever may see it."""
    office = await require_office(request)
    view = await seen_run(request, office)
    return await show_run(request, office, view, message=done_words(request, view.run))


async def seen_run(request: web.Request, office: Office) -> RunView:
    """Gives the run of the address. Raises `PageError` where there is none that they may see."""
    view = await charge_desk(request).runs.run(run_id_of(request))
    require_seen(office, view.run if view else None)
    if view is None:
        raise PageError(NOT_FOUND)
    return view


async def show_run(
    request: web.Request,
    office: Office,
    view: RunView,
    *,
    message: str = "",
    problem: str = "",
    status: int = 200,
) -> web.Response:
    """Shows a run, with a sentence above it."""
    runs, language, run = charge_desk(request).runs, office_language(request), view.run
    stop = await stop_context(request, office, runs, run_id=run.id)
    context = await _progress(request, view) | {
        "title": run_title(run, language),
        "tabs": tabs(request),
        "stop": stop,
        "message": message,
        "problem": problem,
        "totals": total_lines(view.totals, language),
        "plan": plan_lines(request, view, language),
        "due": sum_due(view, language),
        "found": str(view.items),
        "confirmation": confirmation_of(
            request, view, office.actor, language, is_stopped=stop.notice is not None
        ),
        "items": await items_page(request, run, runs, language),
        "progress_url": str(
            request.app.router["admin-run-progress"]
            .url_for(run=run.id)
            .with_query(request.query_string)
        ),
        "result_url": str(request.app.router["admin-run-result"].url_for(run=run.id)),
        "change_url": str(request.app.router["admin-charge"].url_for().with_query(of=run.id)),
    }
    return render_office(request, office, "admin/run.html", context, status=status)


async def run_progress(request: web.Request) -> web.Response:
    """Gives what changes on the page, for the script that watches it: asked like the page itself."""
    office = await require_office(request)
    view = await seen_run(request, office)
    language = office_language(request)
    items = await items_page(request, view.run, charge_desk(request).runs, language)
    shared = {"say": language.say, "language": language, "items": items}
    context = shared | await _progress(request, view)
    progress, shown = (
        aiohttp_jinja2.render_string(f"admin/{name}.html", request, context)
        for name in ("run_progress", "run_items_list")
    )
    news = {"state": view.run.state.value, "percent": view.percent_done}
    return web.json_response(news | {"progress": progress, "list": shown})


async def _progress(request: web.Request, view: RunView) -> dict[str, object]:
    """Gives what changes while a run is planned and carried out."""
    language, run = office_language(request), view.run
    has_failed = any(outcome in view.outcomes for outcome in _WITH_FAILURES)
    failures = await charge_desk(request).runs.failures(run.id) if has_failed else ()
    return {
        "run": facts_of(request, run, language),
        "state": run.state.value,
        "found": str(view.items),
        "percent": view.percent_done,
        "to_charge": str(view.to_charge),
        "sum_to_charge": sum_to_charge(view, language),
        "sum_charged": sum_charged(view, language),
        "outcomes": outcome_lines(request, view, language) if has_begun(run) else [],
        "failures": failure_lines(failures, language),
    }


async def run_result(request: web.Request) -> web.StreamResponse:
    """Sends the result file, a bounded piece at a time."""
    office = await require_office(request)
    view = await seen_run(request, office)
    pieces = charge_desk(request).runs.result_file(view.run.id)
    # The first read before the first byte: an error of the database is still a page then.
    first = await anext(pieces, "")
    headers = {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": f'attachment; filename="charge-run-{view.run.id}.csv"',
    }
    return await _send(request, headers, first, pieces)


async def _send(
    request: web.Request, headers: Mapping[str, str], first: str, pieces: AsyncIterator[str]
) -> web.StreamResponse:
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    try:
        await response.write((_BYTE_ORDER_MARK + first).encode())
        async for piece in pieces:
            await response.write(piece.encode())
        await response.write_eof()
    except BaseException:
        # Half a file must not look like a whole one: without its end, browsers say that it failed.
        if request.transport is not None:
            request.transport.abort()
        raise
    return response
