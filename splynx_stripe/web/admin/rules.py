"""The office's pages of auto charge: the rules, one rule, and the forecast."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from splynx_stripe.domain.charge_forecast import FORECAST_DAYS
from splynx_stripe.domain.charge_rule import (
    LATEST_HOURS,
    LONGEST_NAME,
    MOST_DAYS_BACK,
    RuleError,
)
from splynx_stripe.domain.errors import StaleWriteError
from splynx_stripe.flows.charge_rules import Editor, RuleNotFoundError, RuleStanding
from splynx_stripe.kit.sentence import said
from splynx_stripe.web.admin.guard import require_form, require_office
from splynx_stripe.web.admin.layout import office_language, render_office
from splynx_stripe.web.admin.logs_words import moment
from splynx_stripe.web.admin.rules_form import (
    RuleForm,
    fixed_to,
    form_of_fields,
    form_of_rule,
    rule_of_form,
)
from splynx_stripe.web.admin.rules_view import BAR_WIDTH, day_row, forecast_rows, rule_row
from splynx_stripe.web.admin.rules_words import (
    CONDITIONS,
    CUSTOMER_STATUSES,
    KINDS,
    MISSED,
    TIMINGS,
)
from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.errors import NOT_FOUND, PageError
from splynx_stripe.web.i18n import later
from splynx_stripe.web.identity import Office
from splynx_stripe.web.rules_desk import RulesDesk

DAYS_SHOWN = 60
"""Rule days in the history of the page; all of them are kept."""

_LONGEST_ID = 64
_UNPROCESSABLE, _CONFLICT = 422, 409

_SAVED = {
    "saved": later("The rule was saved."),
    "enabled": later("The rule was switched on. It acts from now on."),
    "disabled": later("The rule was switched off. It does nothing any more."),
    "deleted": later("The rule was deleted."),
}
_OVERTAKEN = later(
    "Nothing was saved, because somebody else has changed this rule meanwhile. Open it again to see"
    " what they did."
)
_NOT_SAVED = later("Nothing was saved: %(why)s")


async def rules_page(request: web.Request) -> web.Response:
    """Shows the rules, and what became of them on their days."""
    office = await require_office(request)
    desk, editor, language = _desk(request), _editor(office), office_language(request)
    standings = await desk.rules.standings(editor)
    days = await desk.rules.days(editor, limit=DAYS_SHOWN)
    text = _SAVED.get(request.query.get("done", ""))
    context = {
        "rules": [rule_row(request, each, language) for each in standings],
        "days": [day_row(request, each, language) for each in days],
        "message": language.say(text) if text else "",
        "is_stopped": await desk.rules.is_stopped(),
        "zone": str(request.app[EDGE].site.timezone),
    }
    return render_office(request, office, "admin/rules.html", context)


async def rule_page(request: web.Request) -> web.Response:
    """Shows the form of a rule, or of a new one."""
    office = await require_office(request)
    rule_id = request.query.get("rule", "")[:_LONGEST_ID]
    if not rule_id:
        return _show_form(request, office, RuleForm(), {})
    standing = await _standing(request, office, rule_id)
    place = standing.rule.place
    return _show_form(request, office, form_of_rule(standing.rule), {}, place=place)


async def save_rule(request: web.Request) -> web.Response:
    """Saves a rule whole, or shows the form again with what is wrong."""
    office = await require_office(request)
    form = form_of_fields(await require_form(request, office))
    language = office_language(request)
    rule, wrong = rule_of_form(form, language, only_partner=office.partner_id)
    if rule is None:
        return _show_form(request, office, form, wrong, status=_UNPROCESSABLE)
    try:
        await _desk(request).rules.save(rule, _editor(office))
    except RuleNotFoundError as error:
        raise PageError(NOT_FOUND) from error
    except RuleError as error:
        why = said(error.args[0], language.say)
        wrong = {"": language.say(_NOT_SAVED, why=why)}
        return _show_form(request, office, form, wrong, status=_UNPROCESSABLE)
    except StaleWriteError:
        wrong = {"": language.say(_OVERTAKEN)}
        return _show_form(request, office, form, wrong, status=_CONFLICT)
    raise _to_list(request, "saved")


async def switch_rule(request: web.Request) -> web.Response:
    """Switches a rule on or off."""
    office = await require_office(request)
    fields = await require_form(request, office)
    is_enabled = fields.get("enabled", "") == "yes"
    try:
        await _desk(request).rules.set_enabled(
            fields.get("rule", "")[:_LONGEST_ID], _editor(office), is_enabled=is_enabled
        )
    except (RuleNotFoundError, RuleError) as error:
        raise PageError(NOT_FOUND) from error
    raise _to_list(request, "enabled" if is_enabled else "disabled")


async def delete_rule(request: web.Request) -> web.Response:
    """Deletes a rule; what it has done stays in the history."""
    office = await require_office(request)
    fields = await require_form(request, office)
    try:
        await _desk(request).rules.delete(fields.get("rule", "")[:_LONGEST_ID], _editor(office))
    except (RuleNotFoundError, RuleError) as error:
        raise PageError(NOT_FOUND) from error
    raise _to_list(request, "deleted")


async def forecast_page(request: web.Request) -> web.Response:
    """Shows what the rules would do in the next days, by what is known today."""
    office = await require_office(request)
    language = office_language(request)
    forecast = await _desk(request).forecast.next_days(_editor(office))
    zone = request.app[EDGE].site.timezone
    context = {
        "rows": forecast_rows(forecast, language),
        "is_cut": forecast.is_cut,
        "is_without_splynx": forecast.is_without_splynx,
        "made_at": moment(forecast.made_at, zone, language),
        "days": str(FORECAST_DAYS),
        "bar_width": BAR_WIDTH,
    }
    return render_office(request, office, "admin/rules_forecast.html", context)


def _show_form(
    request: web.Request,
    office: Office,
    form: RuleForm,
    wrong: Mapping[str, str],
    *,
    place: str = "",
    status: int = 200,
) -> web.Response:
    language = office_language(request)
    say = language.say
    context = {
        "form": fixed_to(form, office.partner_id),
        "wrong": wrong,
        "place": place,
        "only_partner": str(office.partner_id or ""),
        "kinds": [(kind.value, say(text)) for kind, text in KINDS.items()],
        "timings": [(timing.value, say(text)) for timing, text in TIMINGS.items()],
        "policies": [(policy.value, say(text)) for policy, text in MISSED.items()],
        "statuses": [(status, say(text)) for status, text in CUSTOMER_STATUSES.items()],
        "conditions": [(value, say(text)) for value, text in CONDITIONS.items()],
        "longest_name": LONGEST_NAME,
        "most_days_back": MOST_DAYS_BACK,
        "latest_hours": LATEST_HOURS,
    }
    return render_office(request, office, "admin/rules_edit.html", context, status=status)


async def _standing(request: web.Request, office: Office, rule_id: str) -> RuleStanding:
    try:
        return await _desk(request).rules.standing(rule_id, _editor(office))
    except RuleNotFoundError as error:
        raise PageError(NOT_FOUND) from error


def _desk(request: web.Request) -> RulesDesk:
    """Gives the flows. Before Splynx is set up there are no pages of auto charge."""
    desk = request.app[EDGE].deps.rules()
    if desk is None:
        raise PageError(NOT_FOUND)
    return desk


def _editor(office: Office) -> Editor:
    return Editor(office.actor, office.partner_id)


def _to_list(request: web.Request, done: str) -> web.HTTPSeeOther:
    address = request.app.router["admin-rules"].url_for().with_query({"done": done})
    return web.HTTPSeeOther(str(address))
