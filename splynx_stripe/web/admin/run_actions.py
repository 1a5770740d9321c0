"""The buttons of a charge run: confirm, pause, resume, cancel. Each says what it changes first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from aiohttp import web

from splynx_stripe.domain.charge_progress import RunView
from splynx_stripe.domain.charge_run import (
    RUN_TRANSITIONS,
    RunNews,
    RunRefusal,
    RunRefusedError,
    RunState,
)
from splynx_stripe.domain.errors import StaleWriteError
from splynx_stripe.flows.charge_runs import ChargeRuns
from splynx_stripe.web.admin.charge_words import (
    OUTDATED,
    REFUSALS,
    WHO_IS_NOT_KNOWN,
    finding_words,
    run_title,
)
from splynx_stripe.web.admin.charging import charge_desk, run_url, tabs
from splynx_stripe.web.admin.guard import require_form, require_office
from splynx_stripe.web.admin.layout import office_language, render_office
from splynx_stripe.web.admin.run import seen_run, show_run
from splynx_stripe.web.admin.run_view import has_begun, sum_charged, sum_to_charge
from splynx_stripe.web.i18n import later
from splynx_stripe.web.identity import Office

_CONFLICT = 409
_NOBODY_IN_PARTICULAR = "admin:0"
_STALE = REFUSALS[RunRefusal.NOT_READY]


@dataclass(frozen=True, slots=True)
class _Question:
    """What a person is asked before an action. `discards` is the question about a mere plan."""

    news: RunNews
    title: str
    sentences: tuple[str, ...]
    button: str
    is_dangerous: bool = False


_QUESTIONS: Mapping[str, _Question] = MappingProxyType(
    {
        "pause": _Question(
            RunNews.PAUSED,
            later("Pause this charge run?"),
            (
                later("No new charge begins. What Stripe was asked for already comes to its end."),
                later("You can let the run go on at any time."),
            ),
            later("Pause"),
        ),
        "resume": _Question(
            RunNews.RESUMED,
            later("Let this charge run go on?"),
            (later("The debts that still wait are charged, each as it was planned."),),
            later("Go on charging"),
        ),
        "cancel": _Question(
            RunNews.CANCELED,
            later("Cancel this charge run for good?"),
            (
                later("Debts that still wait are left out and stay open."),
                later("What was charged stays charged: nobody gets money back by this."),
                later("A canceled run cannot go on. Pause it instead if you are not sure."),
            ),
            later("Cancel the run"),
            is_dangerous=True,
        ),
    }
)
_DISCARD = _Question(
    RunNews.CANCELED,
    later("Discard this plan?"),
    (later("Nothing was charged. The plan stays in the history, and you can plan it anew."),),
    later("Discard the plan"),
)
_PLANS = frozenset({RunState.PLANNING, RunState.READY, RunState.AWAITING_SECOND})


async def confirm_run(request: web.Request) -> web.Response:
    """Lets a planned run charge, or notes the first of two confirmations.

    `seen` is the state that the page showed: who presses twice before the page has changed has
    confirmed once, and is not told off for it.
    """
    office = await require_office(request)
    fields = await require_form(request, office)
    view = await seen_run(request, office)
    run = view.run
    is_pressed_twice = (
        run.state is RunState.AWAITING_SECOND
        and fields.get("seen") == RunState.READY
        and run.confirmed_by == office.actor
    )
    if is_pressed_twice:
        raise web.HTTPSeeOther(run_url(request, run.id, done="second"))
    try:
        after = await charge_desk(request).runs.confirm(run.id, actor=office.actor)
    except (RunRefusedError, StaleWriteError) as error:
        return await _refused(request, office, error)
    waits = after.state is RunState.AWAITING_SECOND
    raise web.HTTPSeeOther(run_url(request, run.id, done="second" if waits else "confirmed"))


def run_action(name: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Makes the handler of a button that asks before it acts."""

    async def handler(request: web.Request) -> web.Response:
        office = await require_office(request)
        fields = await require_form(request, office)
        view = await seen_run(request, office)
        news = _QUESTIONS[name].news
        if fields.get("confirmed") != "yes":
            if RUN_TRANSITIONS[view.run.state, news] is view.run.state:
                return await _out_of_date(request, office, view)
            return _ask(request, office, view, name)
        try:
            await _act(charge_desk(request).runs, name, view.run.id, office.actor)
        except (RunRefusedError, StaleWriteError) as error:
            if await _was_done(request, office, news):
                raise web.HTTPSeeOther(run_url(request, view.run.id, done="already")) from error
            return await _refused(request, office, error)
        raise web.HTTPSeeOther(run_url(request, view.run.id, done=name))

    return handler


async def _act(runs: ChargeRuns, name: str, run_id: str, actor: str) -> None:
    match name:
        case "pause":
            await runs.pause(run_id, actor=actor)
        case "resume":
            await runs.resume(run_id, actor=actor)
        case _:
            await runs.cancel(run_id, actor=actor)


async def _was_done(request: web.Request, office: Office, news: RunNews) -> bool:
    """Says whether the run is where the action leads: it was pressed twice, or by two people."""
    return (await seen_run(request, office)).run.state is _AIMS[news]


_AIMS: Mapping[RunNews, RunState] = MappingProxyType(
    {
        RunNews.PAUSED: RunState.PAUSED,
        RunNews.RESUMED: RunState.RUNNING,
        RunNews.CANCELED: RunState.CANCELED,
    }
)


def _ask(request: web.Request, office: Office, view: RunView, name: str) -> web.Response:
    language = office_language(request)
    is_plan = name == "cancel" and view.run.state in _PLANS
    question = _DISCARD if is_plan else _QUESTIONS[name]
    charged, to_charge = sum_charged(view, language), sum_to_charge(view, language)
    context = {
        "tabs": tabs(request),
        "title": language.say(question.title),
        "what": run_title(view.run, language),
        "sentences": [language.say(text) for text in question.sentences],
        "charged": "" if is_plan else charged or language.say(later("nothing")),
        "to_charge": to_charge,
        "button": language.say(question.button),
        "is_dangerous": question.is_dangerous,
        "action": str(request.app.router[f"admin-run-{name}"].url_for(run=view.run.id)),
        "back_url": run_url(request, view.run.id),
    }
    return render_office(request, office, "admin/run_question.html", context)


async def _out_of_date(request: web.Request, office: Office, view: RunView) -> web.Response:
    problem = office_language(request).say(_STALE)
    return await show_run(request, office, view, problem=problem, status=_CONFLICT)


async def _refused(
    request: web.Request, office: Office, error: RunRefusedError | StaleWriteError
) -> web.Response:
    """Shows the run as it is now, and above it why nothing was changed."""
    language, view = office_language(request), await seen_run(request, office)
    refusal = error.refusal if isinstance(error, RunRefusedError) else RunRefusal.NOT_READY
    problem = language.say(REFUSALS[refusal])
    if refusal is RunRefusal.SAME_PERSON and office.actor == _NOBODY_IN_PARTICULAR:
        problem = language.say(WHO_IS_NOT_KNOWN)
    if refusal is RunRefusal.TOO_OLD and has_begun(view.run):
        problem = language.say(OUTDATED)
    if refusal is RunRefusal.GUARDRAIL:
        forbidding = [finding for finding in view.findings if finding.kind.forbids]
        problem = " ".join([problem, *(finding_words(one, language) for one in forbidding)])
    return await show_run(request, office, view, problem=problem, status=_CONFLICT)
