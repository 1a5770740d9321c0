"""The page that plans a charge run: three tabs of filters. A plan charges nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

from splynx_stripe.domain.charge_progress import RunFilter, RunSearch
from splynx_stripe.domain.charge_run import BY_OFFICE
from splynx_stripe.domain.charge_selection import ChargeKind, PeriodOf
from splynx_stripe.web.admin.charge_form import (
    ChargeForm,
    empty_form,
    form_of_fields,
    form_of_selection,
    read_kind,
    selection_of_form,
)
from splynx_stripe.web.admin.charging import (
    charge_desk,
    done_words,
    require_seen,
    run_url,
    stop_context,
    tabs,
)
from splynx_stripe.web.admin.guard import require_form, require_office
from splynx_stripe.web.admin.layout import office_language, render_office
from splynx_stripe.web.admin.rules_words import CONDITIONS, CUSTOMER_STATUSES, KINDS
from splynx_stripe.web.admin.runs import run_row
from splynx_stripe.web.charge_desk import FilterNames
from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.i18n import later
from splynx_stripe.web.identity import Office

_LIVE_SHOWN = 5
_LONGEST_ID = 64
_UNPROCESSABLE = 422
_PERIODS = {PeriodOf.ISSUE: later("Day of issue"), PeriodOf.DUE: later("Due date")}


@dataclass(frozen=True, slots=True)
class Choice:
    """A group of boxes. Without `boxes` Splynx has told no names, and ids are typed as `text`."""

    name: str
    title: str
    boxes: tuple[tuple[str, str, bool], ...]
    text: str


@dataclass(frozen=True, slots=True)
class _Sent:
    """A form as it is shown, with a sentence beside each field that is wrong."""

    form: ChargeForm
    wrong: Mapping[str, str] = field(default_factory=dict)


async def charge_page(request: web.Request) -> web.Response:
    """Shows the form of a tab: empty, or with the filters of an earlier run (`of`)."""
    office = await require_office(request)
    run_id = request.query.get("of", "")[:_LONGEST_ID]
    if run_id:
        view = await charge_desk(request).runs.run(run_id)
        run = require_seen(office, view.run if view else None)
        return await _show(request, office, _Sent(form_of_selection(run.selection)))
    edge = request.app[EDGE]
    today = edge.deps.clock.now().astimezone(edge.site.timezone).date()
    form = empty_form(read_kind(request.query.get("kind", "")), today)
    return await _show(request, office, _Sent(form))


async def plan_charge(request: web.Request) -> web.Response:
    """Begins a plan, or leads to the run that the same selection has already.

    The selection is that of the form, or that of an earlier run (`again`).
    """
    office = await require_office(request)
    fields = await require_form(request, office)
    runs = charge_desk(request).runs
    again = fields.get("again", "")[:_LONGEST_ID]
    if again:
        view = await runs.run(again)
        selection = require_seen(office, view.run if view else None).selection
    else:
        form, language = form_of_fields(fields), office_language(request)
        made, wrong = selection_of_form(form, language, only_partner=office.partner_id)
        if made is None:
            return await _show(request, office, _Sent(form, wrong))
        selection = made
    began = request.app[EDGE].deps.clock.now()
    run = await runs.plan(selection, actor=office.actor, origin=BY_OFFICE)
    done = {"done": "joined"} if run.made_at < began else {}
    raise web.HTTPSeeOther(run_url(request, run.id, **done))


async def _show(request: web.Request, office: Office, sent: _Sent) -> web.Response:
    desk, language = charge_desk(request), office_language(request)
    form = sent.form
    search = RunSearch(only=RunFilter.GOING_ON)
    live = await desk.runs.runs(
        before="", limit=_LIVE_SHOWN, partner_id=office.partner_id, search=search
    )
    context = {
        "tabs": tabs(request, form.kind),
        "kind_title": language.say(KINDS[form.kind]),
        "form": form,
        "is_invoices": form.kind is ChargeKind.INVOICES,
        "is_prepaid": form.kind is ChargeKind.PREPAID,
        "choices": _choices(request, office, form, await desk.filters.names()),
        "periods": [(one.value, language.say(text)) for one, text in _PERIODS.items()],
        "conditions": [(one, language.say(text)) for one, text in CONDITIONS.items()],
        "statuses": [
            (one, language.say(text), one in form.statuses)
            for one, text in CUSTOMER_STATUSES.items()
        ],
        "wrong": sent.wrong,
        "message": done_words(request),
        "live": [run_row(request, view, language) for view in live],
        "stop": await stop_context(request, office, desk.runs),
    }
    status = _UNPROCESSABLE if sent.wrong else 200
    return render_office(request, office, "admin/charge.html", context, status=status)


def _choices(
    request: web.Request, office: Office, form: ChargeForm, names: FilterNames
) -> list[Choice]:
    """Makes the groups of boxes; who may see one partner only has nothing to choose there."""
    language = office_language(request)
    groups = (
        ("partner", later("Partners"), names.partners, form.partners),
        ("location", later("Locations"), names.locations, form.locations),
        ("method", later("Customer payment types"), names.payment_methods, form.payment_methods),
    )
    return [
        Choice(
            name=name,
            title=language.say(title),
            boxes=_boxes(known or {}, ticked),
            text=", ".join(sorted(ticked)),
        )
        for name, title, known, ticked in groups
        if not (name == "partner" and office.partner_id)
    ]


def _boxes(known: Mapping[int, str], ticked: frozenset[str]) -> tuple[tuple[str, str, bool], ...]:
    """Gives value, name and mark of each box; what is ticked and has no name is shown by its id."""
    if not known:
        return ()
    named = {str(number): name or str(number) for number, name in known.items()}
    named |= {one: one for one in sorted(ticked) if one not in named}
    return tuple((value, name, value in ticked) for value, name in named.items())
