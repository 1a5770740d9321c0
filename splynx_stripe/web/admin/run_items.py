"""The items of a charge run, as rows of a page: filtered, searched, one page after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from splynx_stripe.domain.charge_plan import Reason
from splynx_stripe.domain.charge_progress import ItemFilter, ItemSearch, ItemView
from splynx_stripe.domain.charge_run import ChargeRun
from splynx_stripe.domain.credential import Credential
from splynx_stripe.flows.charge_runs import ChargeRuns
from splynx_stripe.web.admin.charge_words import (
    ITEM_FILTERS,
    NOTES,
    OUTCOMES,
    REASONS,
    VERDICTS,
)
from splynx_stripe.web.admin.charging import run_url
from splynx_stripe.web.admin.logs_words import splynx_customer_url
from splynx_stripe.web.admin.run_view import has_begun
from splynx_stripe.web.customer.credentials_wording import brand_words
from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.i18n import Language
from splynx_stripe.web.notice_words import office_debt_words, reason_words

PAGE_ROWS = 50
_LONGEST_TEXT = 64
_LONGEST_PLACE = 12


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One item. What does not apply is ""."""

    number: str
    customer: str
    customer_url: str
    debt: str
    amount: str
    charged: str
    method: str
    verdict: str
    verdict_class: str
    reason: str
    outcome: str
    outcome_class: str
    note: str
    story_url: str


@dataclass(frozen=True, slots=True)
class ItemsPage:
    """One page of items, the form above it, and the addresses of the pages around."""

    rows: Sequence[ItemRow]
    filters: Sequence[tuple[str, str]]
    only: str
    reason: str
    reason_text: str
    text: str
    next_url: str
    first_url: str
    all_url: str
    has_outcomes: bool


async def items_page(
    request: web.Request, run: ChargeRun, runs: ChargeRuns, language: Language
) -> ItemsPage:
    """Reads a page of a run's items as the address asks for it."""
    query = request.query
    only, search, after = _only(query), _search(query), _place(query)
    found = await runs.items(run.id, after=after, limit=PAGE_ROWS + 1, only=only, search=search)
    shown = found[:PAGE_ROWS]
    is_more = len(found) > PAGE_ROWS
    reason = REASONS[Reason(search.reason)] if search.reason else ""
    return ItemsPage(
        rows=[_row(request, run, view, language) for view in shown],
        filters=[(one.value, language.say(text)) for one, text in ITEM_FILTERS.items()],
        only=only.value,
        reason=search.reason,
        reason_text=language.say(reason) if reason else "",
        text=search.text,
        next_url=_url(request, run, only, search, shown[-1].item.number) if is_more else "",
        first_url=_url(request, run, only, search, 0) if after else "",
        all_url=_url(request, run, ItemFilter.ALL, ItemSearch(), 0),
        has_outcomes=has_begun(run),
    )


def _only(query: Mapping[str, str]) -> ItemFilter:
    only = query.get("only", "")
    return ItemFilter(only) if only in list(ItemFilter) else ItemFilter.ALL


def _search(query: Mapping[str, str]) -> ItemSearch:
    reason = query.get("reason", "")
    kept = "".join(sign for sign in query.get("q", "") if sign.isprintable())
    return ItemSearch(
        reason=reason if reason in list(Reason) else "", text=kept.strip()[:_LONGEST_TEXT]
    )


def _place(query: Mapping[str, str]) -> int:
    text = query.get("after", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_PLACE else 0


def _url(
    request: web.Request, run: ChargeRun, only: ItemFilter, search: ItemSearch, after: int
) -> str:
    fields = {
        "only": "" if only is ItemFilter.ALL else only.value,
        "reason": search.reason,
        "q": search.text,
        "after": str(after or ""),
    }
    given = {name: value for name, value in fields.items() if value}
    return f"{run_url(request, run.id, **given)}#items"


def _row(request: web.Request, run: ChargeRun, view: ItemView, language: Language) -> ItemRow:
    item, payable = view.item, view.item.payable
    verdict, verdict_class = VERDICTS[item.verdict]
    outcome, outcome_class = OUTCOMES[view.outcome]
    reason = REASONS[item.reason]
    story = request.app.router["admin-timeline"]
    differs = view.charged is not None and view.charged != item.amount
    return ItemRow(
        number=str(item.number),
        customer=str(payable.customer_id),
        customer_url=splynx_customer_url(request.app[EDGE].site.admin_url, payable.customer_id),
        debt=office_debt_words(payable.kind.value, payable.document_number, language),
        amount=language.money(item.amount),
        charged=language.money(view.charged) if differs and view.charged else "",
        method=_method(view.credential, language) if view.credential else "",
        verdict=language.say(verdict),
        verdict_class=verdict_class,
        reason=language.say(reason) if reason else "",
        outcome=language.say(outcome) if has_begun(run) else "",
        outcome_class=outcome_class,
        note=_note(view, language),
        story_url=str(story.url_for(collection=item.collection_id)) if item.collection_id else "",
    )


def _method(credential: Credential, language: Language) -> str:
    """Names a saved card or kind of bank account; banks and their numbers stay sealed."""
    card = credential.card
    if card is None:
        return language.say(credential.kind.english_name)
    name = brand_words(card.brand) or language.say(credential.kind.english_name)
    return f"{name} ••••\N{NO-BREAK SPACE}{card.last4}"


def _note(view: ItemView, language: Language) -> str:
    if view.failure is not None:
        return reason_words(view.failure.code, view.failure.decline_code, language)
    note = view.item.note
    return language.say(NOTES[note]) if note in NOTES else ""
