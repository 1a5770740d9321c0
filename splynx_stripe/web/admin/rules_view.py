"""What the pages of auto charge show: rules, days and expectations as rows of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from aiohttp import web

from splynx_stripe.domain.charge_forecast import Expectation, ForecastBasis
from splynx_stripe.domain.charge_rule_day import RuleDay
from splynx_stripe.domain.money import Money
from splynx_stripe.flows.charge_forecast import Forecast
from splynx_stripe.flows.charge_rules import RuleStanding
from splynx_stripe.kit.sentence import said
from splynx_stripe.web.admin.logs_words import actor_words, moment
from splynx_stripe.web.admin.rules_words import (
    KINDS,
    STATES,
    day_words,
    filter_words,
    minute,
    missed_note,
    when_words,
)
from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.i18n import Language, later

BAR_WIDTH = 100
"""How many units the longest bar of the forecast has."""

_KNOWN_TODAY = later("Open now: %(count)s")
_LIKE_LAST_TIME = later("As last time: %(count)s")
_NOT_KNOWN = later("Not known before")


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One rule in the list. `place` is where a file sets it, "" when the page may change it."""

    id: str
    name: str
    kind: str
    when: str
    zone: str
    filters: Sequence[str]
    next: str
    is_enabled: bool
    is_dry_run: bool
    place: str
    changed: str
    edit_url: str


@dataclass(frozen=True, slots=True)
class DayRow:
    """What became of a rule on a day. `run_url` is "" where nothing was planned."""

    name: str
    day: str
    acted: str
    state: str
    state_class: str
    note: str
    run_url: str


@dataclass(frozen=True, slots=True)
class ForecastRow:
    """One rule on a coming day. `bars` are widths of `BAR_WIDTH` at most, beside their sums."""

    moment: str
    name: str
    is_dry_run: bool
    basis: str
    bars: Sequence[tuple[str, int]]


def rule_row(request: web.Request, standing: RuleStanding, language: Language) -> RuleRow:
    """Shows a rule."""
    rule, zone = standing.rule, standing.zone
    changed = ""
    if rule.changed_at is not None:
        who = actor_words(rule.changed_by, language)
        site_zone = request.app[EDGE].site.timezone
        changed = f"{moment(rule.changed_at, site_zone, language)}, {who}"
    address = request.app.router["admin-rules-edit"].url_for()
    return RuleRow(
        id=rule.id,
        name=rule.name,
        kind=language.say(KINDS[rule.selection.kind]),
        when=when_words(rule, language),
        zone=zone.key,
        filters=filter_words(rule.selection, language),
        next=minute(standing.next_moment, zone, language) if standing.next_moment else "",
        is_enabled=rule.is_enabled,
        is_dry_run=rule.is_dry_run,
        place=rule.place,
        changed=changed,
        edit_url=str(address.with_query({"rule": rule.id})),
    )


def day_row(request: web.Request, rule_day: RuleDay, language: Language) -> DayRow:
    """Shows what became of a rule on a day."""
    zone, run = request.app[EDGE].site.timezone, request.app.router["admin-run"]
    state, shown_as = STATES[rule_day.state]
    note = missed_note(rule_day.state, rule_day.note)
    return DayRow(
        name=rule_day.rule_name,
        day=day_words(rule_day.day, language),
        acted=moment(rule_day.acted_at, zone, language),
        state=language.say(state),
        state_class=shown_as,
        note=said(note, language.say),
        run_url=str(run.url_for(run=rule_day.run_id)) if rule_day.run_id else "",
    )


def forecast_rows(forecast: Forecast, language: Language) -> Sequence[ForecastRow]:
    """Shows the coming days; the bars of one currency are drawn to the same scale."""
    longest: dict[str, int] = {}
    for one in forecast.days:
        for amount in one.sums:
            known = longest.get(amount.currency, 0)
            longest[amount.currency] = max(known, amount.minor_units)
    return [_forecast_row(one, forecast.zones, longest, language) for one in forecast.days]


def _forecast_row(
    one: Expectation, zones: Mapping[str, ZoneInfo], longest: Mapping[str, int], language: Language
) -> ForecastRow:
    text = {
        ForecastBasis.TODAY: _KNOWN_TODAY,
        ForecastBasis.LAST_RUN: _LIKE_LAST_TIME,
        ForecastBasis.NOTHING: _NOT_KNOWN,
    }[one.basis]
    zone = zones[one.rule.id]
    return ForecastRow(
        moment=f"{minute(one.moment, zone, language)} {zone.key}",
        name=one.rule.name,
        is_dry_run=one.rule.is_dry_run,
        basis=language.say(text, count=str(one.count)),
        bars=[(language.money(amount), _width(amount, longest)) for amount in one.sums],
    )


def _width(amount: Money, longest: Mapping[str, int]) -> int:
    whole = longest[amount.currency]
    return max(1, amount.minor_units * BAR_WIDTH // whole) if whole else 0
