"""What all pages of charge runs share: their tabs, who may see which run, and the emergency stop."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from splynx_stripe.domain.charge_run import ChargeRun, RunState
from splynx_stripe.domain.charge_selection import ChargeKind
from splynx_stripe.flows.charge_runs import ChargeRuns
from splynx_stripe.web.admin.guard import require_form, require_office
from splynx_stripe.web.admin.layout import office_language, render_office
from splynx_stripe.web.admin.logs_words import actor_words, moment
from splynx_stripe.web.admin.rules_words import KINDS
from splynx_stripe.web.charge_desk import ChargeDesk
from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.errors import NOT_FOUND, NOT_YOURS, PageError
from splynx_stripe.web.i18n import Language, later
from splynx_stripe.web.identity import Office

LONGEST_REASON = 300
"""Characters of the reason of a stop, and of the note that ends one."""

_RUN_ID = re.compile(r"[0-9A-Za-z_]{1,64}")
_UNPROCESSABLE = 422
_NO_REASON = later("Please say why: whoever finds the stop has to know.")
_NO_NOTE = later("Please write a note: what was found, and why charging may go on.")

_DONE_ANYHOW = {
    "resumed": later("Charging may go on. Paused runs stay paused; others go on by themselves."),
    "joined": later("This selection has a run already: you see it here. No second one was begun."),
    "already": later("That was done already. You see the run as it is now."),
}
_DONE = {
    "confirmed": (RunState.RUNNING, later("The run is confirmed. It charges now.")),
    "second": (
        RunState.AWAITING_SECOND,
        later("Your confirmation is noted. Nothing is charged before a second one."),
    ),
    "pause": (
        RunState.PAUSED,
        later("The run is paused. What was on its way comes to its end."),
    ),
    "resume": (RunState.RUNNING, later("The run goes on.")),
    "cancel": (
        RunState.CANCELED,
        later("The run is canceled. What was charged stays charged."),
    ),
}
"""What a page says after something was done, and the state in which that is still news.

The keys stand in its address, which stays the same when the page is loaded again later.
"""


@dataclass(frozen=True, slots=True)
class StopNotice:
    """The emergency stop that is in force, as it is shown."""

    who: str
    when: str
    why: str


@dataclass(frozen=True, slots=True)
class StopContext:
    """The stop, and whether the administrator may change it. `run_id` leads back, "" to the form."""

    notice: StopNotice | None
    may_change: bool
    run_id: str = ""
    wrong: str = ""
    typed: str = ""


def charge_desk(request: web.Request) -> ChargeDesk:
    """Gives the flows. Raises `PageError` while Splynx is not set up."""
    desk = request.app[EDGE].deps.charging()
    if desk is None:
        raise PageError(NOT_FOUND)
    return desk


def run_id_of(request: web.Request) -> str:
    """Gives the id in an address. Raises `PageError` for what is no id."""
    run_id = request.match_info["run"]
    if not _RUN_ID.fullmatch(run_id):
        raise PageError(NOT_FOUND)
    return run_id


def require_seen(office: Office, run: ChargeRun | None) -> ChargeRun:
    """Gives a run that the administrator may see. Others get "not found" (`PageError`)."""
    if run is None or not office.may_see(run.partner_id):
        raise PageError(NOT_FOUND)
    return run


def run_url(request: web.Request, run_id: str, **query: str) -> str:
    """Gives the address of a run's page."""
    return str(request.app.router["admin-run"].url_for(run=run_id).with_query(query))


def done_words(request: web.Request, run: ChargeRun | None = None) -> str:
    """Says what the form before this page has done; "" for nothing, or what is no news any more."""
    done = request.query.get("done", "")
    state, text = _DONE.get(done, (None, _DONE_ANYHOW.get(done, "")))
    is_news = state is None or (run is not None and run.state is state)
    return office_language(request).say(text) if text and is_news else ""


def tabs(
    request: web.Request, kind: ChargeKind | None = None, *, is_history: bool = False
) -> list[Mapping[str, object]]:
    """Gives the tabs of the charge pages; `kind` is the one where we are, None for elsewhere."""
    language, router = office_language(request), request.app.router
    found: list[Mapping[str, object]] = [
        {
            "title": language.say(KINDS[one]),
            "url": str(router["admin-charge"].url_for().with_query(kind=one.value)),
            "is_here": one is kind,
        }
        for one in ChargeKind
    ]
    history = str(router["admin-runs"].url_for())
    title = language.say(later("Charge history"))
    return [*found, {"title": title, "url": history, "is_here": is_history}]


async def stop_context(
    request: web.Request, office: Office, runs: ChargeRuns, *, run_id: str = ""
) -> StopContext:
    """Gives how the emergency stop stands. It stops all partners, so who may see all may use it."""
    stop = await runs.stop()
    language, zone = office_language(request), request.app[EDGE].site.timezone
    notice = (
        StopNotice(
            who=actor_words(stop.stopped_by, language),
            when=moment(stop.stopped_at, zone, language),
            why=stop.reason,
        )
        if stop
        else None
    )
    return StopContext(notice, may_change=office.partner_id == 0, run_id=run_id)


async def stop_charging(request: web.Request) -> web.Response:
    """Stops all unattended charging at once."""
    office, runs, fields = await _asked(request)
    reason = _text(fields.get("reason", ""))
    if not reason:
        return await _ask_again(request, office, runs, _NO_REASON)
    await runs.stop_charging(actor=office.actor, reason=reason)
    raise web.HTTPSeeOther(_back(request, fields))


async def resume_charging(request: web.Request) -> web.Response:
    """Ends the stop."""
    office, runs, fields = await _asked(request)
    note = _text(fields.get("note", ""))
    if not note:
        return await _ask_again(request, office, runs, _NO_NOTE)
    await runs.resume_charging(actor=office.actor, note=note)
    raise web.HTTPSeeOther(_back(request, fields, done="resumed"))


async def _asked(request: web.Request) -> tuple[Office, ChargeRuns, Mapping[str, str]]:
    office = await require_office(request)
    fields = await require_form(request, office)
    if office.partner_id:
        raise PageError(NOT_YOURS)
    return office, charge_desk(request).runs, fields


async def _ask_again(
    request: web.Request, office: Office, runs: ChargeRuns, wrong: str
) -> web.Response:
    language: Language = office_language(request)
    stop = await stop_context(request, office, runs)
    context = {
        "stop": StopContext(stop.notice, may_change=True, wrong=language.say(wrong)),
        "tabs": tabs(request, ChargeKind.INVOICES),
    }
    return render_office(
        request, office, "admin/charging_stop_form.html", context, status=_UNPROCESSABLE
    )


def _back(request: web.Request, fields: Mapping[str, str], **query: str) -> str:
    run_id = fields.get("run", "")
    if _RUN_ID.fullmatch(run_id):
        return run_url(request, run_id, **query)
    return str(request.app.router["admin-charge"].url_for().with_query(query))


def _text(text: str) -> str:
    """Reads a sentence that somebody has typed; PostgreSQL takes no U+0000."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[
        :LONGEST_REASON
    ]
