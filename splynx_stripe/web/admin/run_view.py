"""What the page of a charge run shows: its plan in numbers, its progress, and what can be done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from splynx_stripe.domain.charge_plan import Reason, Verdict
from splynx_stripe.domain.charge_progress import (
    FailureGroup,
    ItemFilter,
    PlanGroup,
    RunView,
    Tally,
)
from splynx_stripe.domain.charge_run import ChargeRun, ItemOutcome, RunState
from splynx_stripe.domain.guardrails import RunTotal
from splynx_stripe.domain.money import Money
from splynx_stripe.web.admin.charge_words import (
    OUTCOMES,
    REASONS,
    VERDICTS,
    compared,
    finding_words,
    reason_of_run,
    selection_words,
    state_words,
    sums_words,
)
from splynx_stripe.web.admin.charging import run_url
from splynx_stripe.web.admin.logs_words import actor_words, moment
from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.i18n import Language, later
from splynx_stripe.web.notice_words import reason_words

_FILTER_OF_VERDICT = {
    Verdict.CHARGE: ItemFilter.CHARGED,
    Verdict.LIKELY_TO_FAIL: ItemFilter.LIKELY_TO_FAIL,
    Verdict.LINK: ItemFilter.LINKS,
    Verdict.SKIP: ItemFilter.SKIPPED,
}
_FILTER_OF_OUTCOME = {
    ItemOutcome.SUCCEEDED: ItemFilter.SUCCEEDED,
    ItemOutcome.PROCESSING: ItemFilter.UNDECIDED,
    ItemOutcome.UNKNOWN: ItemFilter.UNDECIDED,
    ItemOutcome.FAILED: ItemFilter.FAILED,
    ItemOutcome.NOT_CHARGED: ItemFilter.FAILED,
    ItemOutcome.RETURNED: ItemFilter.FAILED,
    ItemOutcome.LINK_SENT: ItemFilter.LINKS,
    ItemOutcome.WAITING: ItemFilter.WAITING,
    ItemOutcome.SKIPPED: ItemFilter.SKIPPED,
}
_WAITS_FOR_CONFIRMATION = frozenset({RunState.READY, RunState.AWAITING_SECOND})
_WATCHED = frozenset({RunState.PLANNING, RunState.RUNNING})


@dataclass(frozen=True, slots=True)
class Line:
    """One group of items: what, how many, how much, and the address that shows them ("" for none)."""

    what: str
    detail: str
    shown_as: str
    count: str
    sums: str
    url: str


@dataclass(frozen=True, slots=True)
class TotalLine:
    """What the customers of one partner are charged, beside what past runs came to."""

    partner: str
    amount: str
    count: str
    compared: str


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Whether the run can be confirmed by who is looking, and what they have to know first.

    `obstacles` forbid it. `first_by` has confirmed already; `is_mine` says that it was this person.
    """

    may_confirm: bool
    is_stale: bool
    obstacles: Sequence[str]
    warnings: Sequence[str]
    needs_second: bool
    first_by: str
    first_at: str
    is_mine: bool


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What is said about a run above everything else."""

    id: str
    state: str
    state_class: str
    is_planning: bool
    waits: bool
    is_running: bool
    is_paused: bool
    is_watched: bool
    is_ended: bool
    has_begun: bool
    filters: Sequence[str]
    history: Sequence[str]
    reason: str


def facts_of(request: web.Request, run: ChargeRun, language: Language) -> RunFacts:
    """Says how a run stands, who has done what with it, and when."""
    state, shown_as = state_words(run, language)
    return RunFacts(
        id=run.id,
        state=state,
        state_class=shown_as,
        is_planning=run.state is RunState.PLANNING,
        waits=run.state in _WAITS_FOR_CONFIRMATION,
        is_running=run.state is RunState.RUNNING,
        is_paused=run.state is RunState.PAUSED,
        is_watched=run.state in _WATCHED,
        is_ended=not run.is_live,
        has_begun=has_begun(run),
        filters=selection_words(run.selection, language),
        history=_history(request, run, language),
        reason=reason_of_run(run, language),
    )


def has_begun(run: ChargeRun) -> bool:
    """Says whether the run was allowed to charge, so that its items have outcomes."""
    return run.confirmed_at is not None and run.state is not RunState.AWAITING_SECOND


def _history(request: web.Request, run: ChargeRun, language: Language) -> list[str]:
    zone = request.app[EDGE].site.timezone

    def told(text: str, at: datetime | None, actor: str) -> str:
        when = moment(at, zone, language) if at else ""
        return language.say(text, when=when, who=actor_words(actor, language))

    found = [told(later("Begun: %(when)s · %(who)s"), run.made_at, run.made_by)]
    if run.planned_at:
        found.append(told(later("Planned: %(when)s"), run.planned_at, ""))
    if run.confirmed_at:
        found.append(
            told(later("Confirmed: %(when)s · %(who)s"), run.confirmed_at, run.confirmed_by)
        )
    if run.second_at:
        text = later("Confirmed a second time: %(when)s · %(who)s")
        found.append(told(text, run.second_at, run.second_by))
    if run.ended_at:
        found.append(told(later("Ended: %(when)s"), run.ended_at, ""))
    return found


def plan_lines(request: web.Request, view: RunView, language: Language) -> list[Line]:
    """Lists the plan by verdict and reason: what is charged first, then what is not and why."""
    order = list(Verdict)
    ranked = sorted(
        view.plan, key=lambda group: (order.index(Verdict(group.verdict)), group.reason)
    )
    return [_plan_line(request, view.run, group, language) for group in ranked]


def _plan_line(request: web.Request, run: ChargeRun, group: PlanGroup, language: Language) -> Line:
    verdict, reason = Verdict(group.verdict), Reason(group.reason)
    text, shown_as = VERDICTS[verdict]
    why = REASONS[reason]
    return Line(
        what=language.say(text),
        detail=language.say(why) if why else "",
        shown_as=shown_as,
        count=str(group.tally.count),
        sums=sums_words(group.tally.sums, language),
        url=_items_url(request, run, _FILTER_OF_VERDICT[verdict], reason),
    )


def outcome_lines(request: web.Request, view: RunView, language: Language) -> list[Line]:
    """Lists what became of the items so far."""
    return [
        Line(
            what=language.say(text),
            detail=language.say(_MEANINGS[outcome]) if outcome in _MEANINGS else "",
            shown_as=shown_as,
            count=str(tally.count),
            sums=sums_words(tally.sums, language),
            url=_items_url(request, view.run, _FILTER_OF_OUTCOME.get(outcome)),
        )
        for outcome, (text, shown_as) in OUTCOMES.items()
        if (tally := view.outcomes.get(outcome)) is not None
    ]


_MEANINGS = {
    ItemOutcome.UNKNOWN: later(
        "It was asked just now, or its answer was lost: then it is found out by itself. Nobody is"
        " charged twice."
    ),
    ItemOutcome.PROCESSING: later("The bank takes some days to say whether it succeeds."),
    ItemOutcome.LINK_SENT: later("Customers without a saved card or bank account."),
}


def _items_url(
    request: web.Request, run: ChargeRun, only: ItemFilter | None, reason: Reason = Reason.NONE
) -> str:
    """Gives the address that shows such items, "" where no filter finds just them."""
    if only is None:
        return ""
    query = {"only": only.value} | ({"reason": reason.value} if reason else {})
    return f"{run_url(request, run.id, **query)}#items"


def failure_lines(groups: Sequence[FailureGroup], language: Language) -> list[Line]:
    """Lists why charges failed, in plain words; several codes of banks have the same words."""
    found: dict[str, list[FailureGroup]] = {}
    for group in groups:
        why = reason_words(group.code, group.decline_code, language)
        found.setdefault(why, []).append(group)
    return [
        Line(
            what=why,
            detail=", ".join(sorted({each.decline_code or each.code for each in same})),
            shown_as="state-bad",
            count=str(sum(each.tally.count for each in same)),
            sums=sums_words(added(sum_ for each in same for sum_ in each.tally.sums), language),
            url="",
        )
        for why, same in found.items()
    ]


def added(amounts: Iterable[Money]) -> list[Money]:
    """Adds amounts up, each currency by itself, in the order of the alphabet."""
    sums: dict[str, Money] = {}
    for amount in amounts:
        sums[amount.currency] = sums.get(amount.currency, Money(0, amount.currency)) + amount
    return [sums[currency] for currency in sorted(sums)]


def sum_to_charge(view: RunView, language: Language) -> str:
    """Writes what the run charges in all, for the button that confirms it."""
    return sums_words(added(total.amount for total in view.totals), language)


def sum_due(view: RunView, language: Language) -> str:
    """Writes what all debts of the plan come to, charged or not."""
    return sums_words(added(sum_ for group in view.plan for sum_ in group.tally.sums), language)


def sum_charged(view: RunView, language: Language) -> str:
    """Writes what was charged so far; "" for nothing."""
    return sums_words(view.outcomes.get(ItemOutcome.SUCCEEDED, Tally()).sums, language)


def total_lines(totals: Sequence[RunTotal], language: Language) -> list[TotalLine]:
    """Lists what is charged by partner and currency."""
    return [
        TotalLine(
            partner=language.say(later("Partner %(id)s"), id=str(total.partner_id)),
            amount=language.money(total.amount),
            count=str(total.charged),
            compared=compared(total, language),
        )
        for total in totals
    ]


def confirmation_of(
    request: web.Request, view: RunView, actor: str, language: Language, *, is_stopped: bool
) -> Confirmation:
    """Says whether `actor` can confirm the run, and what stands in the way."""
    run, edge = view.run, request.app[EDGE]
    is_stale = run.is_stale(edge.deps.clock.now())
    forbidding = [finding for finding in view.findings if finding.kind.forbids]
    others = [finding for finding in view.findings if not finding.kind.forbids]
    obstacles = [finding_words(finding, language) for finding in forbidding]
    if is_stale:
        text = later("The plan was made more than a day ago, so it tells of yesterday.")
        obstacles.append(language.say(text))
    if is_stopped:
        text = later("Charging is stopped, so nothing can be confirmed now.")
        obstacles.append(language.say(text))
    waits_for_second = run.state is RunState.AWAITING_SECOND
    is_mine = waits_for_second and run.confirmed_by == actor
    return Confirmation(
        may_confirm=run.state in _WAITS_FOR_CONFIRMATION and not obstacles and not is_mine,
        is_stale=is_stale,
        obstacles=obstacles,
        warnings=[finding_words(finding, language) for finding in others],
        needs_second=bool(view.findings) and not waits_for_second,
        first_by=actor_words(run.confirmed_by, language) if waits_for_second else "",
        first_at=moment(run.confirmed_at, edge.site.timezone, language)
        if waits_for_second and run.confirmed_at
        else "",
        is_mine=is_mine,
    )
