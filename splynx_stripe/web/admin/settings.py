"""The settings page of the office: shows, checks, tries out and saves what is set per partner."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from aiohttp import web

from splynx_stripe.config.document import DEFAULT_PARTNER, PARTNER_KEY
from splynx_stripe.config.problems import Problem
from splynx_stripe.config.settings import FROM_PAGE
from splynx_stripe.domain.page_setting import PageSetting
from splynx_stripe.flows.authentication import KEY as AUTHENTICATION_TYPE, contradiction
from splynx_stripe.flows.page_settings import SectionStanding
from splynx_stripe.kit.sentence import joined, said
from splynx_stripe.web.admin.guard import require_form, require_office
from splynx_stripe.web.admin.layout import office_language, render_office
from splynx_stripe.web.admin.logs_words import actor_words
from splynx_stripe.web.admin.settings_examples import (
    customers_example,
    message_example,
    notice_example,
)
from splynx_stripe.web.admin.settings_fields import LABELS
from splynx_stripe.web.admin.settings_form import HAD, WAS, Entered, read_form
from splynx_stripe.web.admin.settings_view import PageView
from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.errors import NOT_FOUND, NOT_YOURS, PageError
from splynx_stripe.web.i18n import Language
from splynx_stripe.web.identity import Office
from splynx_stripe.web.settings_desk import SettingsDesk, TrialLine

_PARTNER = re.compile(PARTNER_KEY)
_UNPROCESSABLE = 422
_CONFLICT = 409


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What the page says beyond the settings themselves."""

    entered: Mapping[str, str] | None = None
    wrong: Mapping[str, str] = field(default_factory=dict)
    overtaken: Sequence[PageSetting] = ()
    trial: str = ""
    lines: Sequence[TrialLine] = ()
    saved: int | None = None


async def settings_page(request: web.Request) -> web.Response:
    """Shows the settings of a partner, or of the Default partner."""
    office = await require_office(request)
    section = request.query.get("partner", "") or _first_section(office)
    partners = await _allowed(request, office, section)
    saved = request.query.get("saved", "")
    outcome = _Outcome(saved=int(saved) if re.fullmatch("[0-9]{1,3}", saved) else None)
    standing = await _desk(request).page.standing(section)
    return _shown(request, office, (section, partners), standing, outcome)


async def save_settings(request: web.Request) -> web.Response:
    """Saves what was changed, whole or not at all, and shows the page again."""
    office = await require_office(request)
    fields = await require_form(request, office)
    section, partners = await _section_of(request, office, fields)
    desk = _desk(request)
    standing = await desk.page.standing(section)
    entered = _entered(fields, section, desk, standing)
    wrong: Mapping[str, str] = entered.wrong
    overtaken: Sequence[PageSetting] = ()
    if not wrong:
        result = await desk.page.save(
            section, entered.changes, seen=_seen(fields), actor=office.actor
        )
        if not result.wrong and not result.overtaken:
            address = request.url.path.removesuffix("/save")
            raise web.HTTPSeeOther(f"{address}?partner={section}&saved={len(result.saved)}")
        wrong, overtaken = result.wrong, result.overtaken
        standing = await desk.page.standing(section)
    if overtaken:  # from here on, what the others did is what the page showed
        fields = {key: text for key, text in fields.items() if not key.startswith((WAS, HAD))}
    outcome = _Outcome(fields, wrong, overtaken)
    status = _CONFLICT if overtaken else _UNPROCESSABLE
    return _shown(request, office, (section, partners), standing, outcome, status=status)


async def check_settings(request: web.Request) -> web.Response:
    """Says what is wrong with a form that is being filled in; nothing is saved. For scripts."""
    office = await require_office(request)
    fields = await require_form(request, office)
    section, _ = await _section_of(request, office, fields)
    wrong = await _wrong(request, fields, section)
    language = office_language(request)
    return web.json_response({key: said(text, language.say) for key, text in wrong.items()})


async def try_settings(request: web.Request) -> web.Response:
    """Tries out what the form says, without saving it. As a page, or in JSON for the script."""
    office = await require_office(request)
    fields = await require_form(request, office)
    section, partners = await _section_of(request, office, fields)
    desk = _desk(request)
    standing = await desk.page.standing(section)
    wrong = await _wrong(request, fields, section)
    kind = fields.get("try", "")
    lines: Sequence[TrialLine] = ()
    if not wrong:
        changes = _entered(fields, section, desk, standing).changes
        candidate = await desk.page.with_changes(section, changes)
        match kind:
            case "splynx":
                lines = await desk.trials.splynx(candidate, section)
            case "stripe":
                lines = await desk.trials.stripe(candidate, section)
            case "message":
                template = candidate.resolution(section).business().message_template
                lines = message_example(template)
            case "notice":
                edge = request.app[EDGE]
                lines = notice_example(candidate, section, edge.site, edge.languages)
            case "customers":
                site = request.app[EDGE].site
                language = office_language(request)
                lines = customers_example(candidate, section, site.public_url, language)
            case _:
                raise PageError(NOT_FOUND)
    if request.headers.get("Accept", "") == "application/json":
        say = office_language(request).say
        shown = [asdict(line) for line in _said_lines(lines, say)]
        told = {key: said(text, say) for key, text in wrong.items()}
        return web.json_response({"wrong": told, "lines": shown})
    outcome = _Outcome(
        fields, wrong, trial=kind, lines=_said_lines(lines, office_language(request).say)
    )
    return _shown(request, office, (section, partners), standing, outcome)


def _said_lines(lines: Sequence[TrialLine], say: Callable[..., str]) -> Sequence[TrialLine]:
    return [TrialLine(line.well, said(line.text, say), said(line.mend, say)) for line in lines]


def _desk(request: web.Request) -> SettingsDesk:
    return request.app[EDGE].deps.settings


def _first_section(office: Office) -> str:
    return str(office.partner_id) if office.partner_id else DEFAULT_PARTNER


async def _section_of(
    request: web.Request, office: Office, fields: Mapping[str, str]
) -> tuple[str, dict[str, str]]:
    section = fields.get("partner", "")
    return section, await _allowed(request, office, section)


async def _allowed(request: web.Request, office: Office, section: str) -> dict[str, str]:
    """Gives the partners that this administrator may choose from, by section.

    Raises:
        PageError: the section is not theirs, or there is none of that name.
    """
    if not _PARTNER.fullmatch(section):
        raise PageError(NOT_FOUND)
    if office.partner_id and section != str(office.partner_id):
        raise PageError(NOT_YOURS)
    desk, say = _desk(request), office_language(request).say
    known = await desk.trials.partners()
    names = {str(number): name for number, name in (known or {}).items()}
    if office.partner_id:
        return {section: names.get(section, section)}
    if known is None:
        standing = await desk.page.standing(section)
        names = {one: one for one in (*standing.settings.partner_sections()[1:], section)}
        names.pop(DEFAULT_PARTNER, None)
    elif section != DEFAULT_PARTNER and section not in names:
        raise PageError(NOT_FOUND)
    return {DEFAULT_PARTNER: say("Default partner"), **names}


def _entered(
    fields: Mapping[str, str], section: str, desk: SettingsDesk, standing: SectionStanding
) -> Entered:
    return read_form(fields, section, desk.page.written, standing.rows)


def _seen(fields: Mapping[str, str]) -> int:
    """Gives the change that the page knew; a form without one has seen nothing."""
    seen = fields.get("seen", "")
    return int(seen) if re.fullmatch("[0-9]{1,15}", seen) else 0


async def _wrong(
    request: web.Request, fields: Mapping[str, str], section: str
) -> Mapping[str, str]:
    desk = _desk(request)
    standing = await desk.page.standing(section)
    entered = _entered(fields, section, desk, standing)
    return entered.wrong or await desk.page.wrong_with(section, entered.changes)


def _shown(
    request: web.Request,
    office: Office,
    who: tuple[str, Mapping[str, str]],
    standing: SectionStanding,
    outcome: _Outcome,
    *,
    status: int = 200,
) -> web.Response:
    section, partners = who
    language = office_language(request)
    view = PageView(section, standing, language, outcome.entered, outcome.wrong)
    address = request.app.router["admin-settings"].url_for().path
    context = {
        "section": section,
        "partners": partners,
        "address": address,
        "groups": view.groups(),
        "account": view.account(),
        "history": view.history(),
        "is_default": view.is_default,
        # A page that was refused has still seen no more than before.
        "version": standing.version
        if outcome.entered is None or outcome.overtaken
        else _seen(outcome.entered),
        "can_seal": standing.can_seal,
        "overtaken": _overtaken(outcome.overtaken, language),
        "outcome": outcome,
        "splynx_url": standing.settings.splynx.url,
        "splynx_url_place": str(standing.settings.places.get(("splynx", "url"), "config.yaml")),
        "warnings": _warnings(standing, office, language),
        "contradiction": said(contradiction(standing.settings, section), language.say),
    }
    return render_office(request, office, "admin/settings.html", context, status=status)


def _overtaken(rows: Sequence[PageSetting], language: Language) -> list[str]:
    return [
        language.say(
            "“%(setting)s” was changed by %(who)s meanwhile.",
            setting=language.say(LABELS.get(row.key, row.key)),
            who=actor_words(row.changed_by, language),
        )
        for row in rows
    ]


def _warnings(standing: SectionStanding, office: Office, language: Language) -> list[str]:
    """Gives what is stored but cannot be; an administrator of one partner sees their own only."""
    settings = standing.settings
    prefix = f"partners.{office.partner_id}." if office.partner_id else "partners."
    return [
        _in_words(one, language)
        for one in settings.warnings
        if one.file == FROM_PAGE
        and one.key.startswith(prefix)
        and not one.key.endswith(f".{AUTHENTICATION_TYPE}")
    ]


def _in_words(problem: Problem, language: Language) -> str:
    """Says which setting of which partner is meant, what is the matter and what to do."""
    _, section, key = problem.key.split(".")
    whose = "" if section == DEFAULT_PARTNER else f" ({section})"
    sentence = said(joined(problem.message, problem.fix), language.say)
    return f"{language.say(LABELS.get(key, key))}{whose}: {sentence}"
