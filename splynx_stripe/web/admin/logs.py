"""The logs page: every operation, filtered, newest first; and the same as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from aiohttp import web

from splynx_stripe.domain.operation import Operation, place_of_cursor
from splynx_stripe.domain.operation_table import COLUMNS, cells_of
from splynx_stripe.web.admin.guard import require_office
from splynx_stripe.web.admin.layout import office_language, render_office
from splynx_stripe.web.admin.logs_filter import LogsFilter, read_filter
from splynx_stripe.web.admin.logs_words import (
    MEANS,
    OUTCOMES,
    PAYMENT_TYPES,
    STATE_CLASSES,
    actor_words,
    moment,
    splynx_customer_url,
    stripe_payment_url,
    what_happened,
)
from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.i18n import Language
from splynx_stripe.web.identity import Office

Word = TypeVar("Word", bound=str)

PAGE_ROWS = 50
"""Rows per page: two screens on a desktop, and a page of a few kilobytes."""

_BYTE_ORDER_MARK = "\ufeff"
"""Without it, Excel takes the file for something else than UTF-8."""


@dataclass(frozen=True, slots=True)
class LogRow:
    """One row as it is shown. Texts are translated; addresses are "" where there is no page."""

    moment: str
    iso: str
    what: str
    actor: str
    customer: str
    customer_url: str
    document: str
    payment_type: str
    amount: str
    outcome: str
    outcome_class: str
    payment_intent: str
    payment_url: str
    charge: str
    stripe_event: str
    splynx_payment: str
    story_url: str


async def logs_page(request: web.Request) -> web.Response:
    """Shows the operations that the filter asks for, one page of them."""
    edge = request.app[EDGE]
    office = await require_office(request)
    asked = _filter(request, office)
    language = office_language(request)
    before = place_of_cursor(request.query.get("before", ""))
    found = await edge.deps.operations.page(asked.query, before=before, limit=PAGE_ROWS + 1)
    shown = found[:PAGE_ROWS]
    here = str(request.app.router["admin-logs"].url_for())
    is_more = len(found) > PAGE_ROWS
    context = {
        "filter": asked,
        "here": here,
        "rows": [_row(request, operation, language) for operation in shown],
        "payment_types": _options(PAYMENT_TYPES, language),
        "means": _options(MEANS, language),
        "outcomes": _options(OUTCOMES, language),
        "wrong": {name: language.say(text) for name, text in asked.wrong.items()},
        "older_url": asked.address(here, before=shown[-1].place.as_cursor()) if is_more else "",
        "newest_url": asked.address(here) if before is not None else "",
        "export_url": asked.address(str(request.app.router["admin-logs-export"].url_for())),
        "zone": str(edge.site.timezone),
    }
    return render_office(request, office, "admin/logs.html", context)


async def logs_export(request: web.Request) -> web.StreamResponse:
    """Sends everything that the filter asks for as CSV, a bounded piece at a time."""
    edge = request.app[EDGE]
    office = await require_office(request)
    asked = _filter(request, office)
    chunks = edge.deps.operations.chunks(asked.query)
    # The first read before the first byte: an error of the database is still a page then.
    # None, because `anext` with an empty tuple as its default fails in Python 3.11.
    first = await anext(chunks, None)
    today = edge.deps.clock.now().astimezone(edge.site.timezone).date()
    response = web.StreamResponse(
        headers={
            "Content-Type": "text/csv; charset=utf-8",
            "Content-Disposition": f'attachment; filename="stripe-logs-{today}.csv"',
        }
    )
    await response.prepare(request)
    try:
        await response.write(_BYTE_ORDER_MARK.encode() + csv_lines([COLUMNS]))
        await response.write(_csv_of(request, first or ()))
        async for chunk in chunks:
            await response.write(_csv_of(request, chunk))
        await response.write_eof()
    except BaseException:
        # Half a file must not look like a whole one: without its end, browsers say that it failed.
        if request.transport is not None:
            request.transport.abort()
        raise
    return response


def csv_lines(rows: Iterable[Sequence[str]]) -> bytes:
    """Writes rows as CSV (RFC 4180)."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _csv_of(request: web.Request, operations: Sequence[Operation]) -> bytes:
    zone = request.app[EDGE].site.timezone
    return csv_lines(cells_of(operation, zone) for operation in operations)


def _filter(request: web.Request, office: Office) -> LogsFilter:
    edge = request.app[EDGE]
    return read_filter(
        request.query,
        partner_id=office.partner_id,
        now=edge.deps.clock.now(),
        zone=edge.site.timezone,
    )


def _options(words: Mapping[Word, str], language: Language) -> list[tuple[str, str]]:
    return [(str(value), language.say(text)) for value, text in words.items()]


def _row(request: web.Request, operation: Operation, language: Language) -> LogRow:
    edge = request.app[EDGE]
    site, entry = edge.site, operation.entry
    kinds = [PAYMENT_TYPES.get(operation.payment_type, "") if operation.collection else ""]
    if operation.means is not None:
        kinds.append(operation.means.english_name)
    return LogRow(
        moment=moment(entry.at, site.timezone, language),
        iso=entry.at.isoformat(),
        what=what_happened(operation, language),
        actor=actor_words(entry.actor, language),
        customer=str(operation.customer_id or ""),
        customer_url=splynx_customer_url(site.admin_url, operation.customer_id),
        document=operation.document_number,
        payment_type=" · ".join(language.say(kind) for kind in kinds if kind),
        amount=operation.amount_text,
        outcome=language.say(OUTCOMES[operation.outcome]),
        outcome_class=STATE_CLASSES[operation.outcome],
        payment_intent=operation.intent_id,
        payment_url=stripe_payment_url(
            operation.account, operation.intent_id, edge.deps.stripe_account_id
        ),
        charge=operation.charge_id,
        stripe_event=operation.stripe_event_id,
        splynx_payment=str(operation.splynx_payment_id or ""),
        story_url=_story_url(request, entry.collection_id),
    )


def _story_url(request: web.Request, collection_id: str) -> str:
    if not collection_id:
        return ""
    return str(request.app.router["admin-timeline"].url_for(collection=collection_id))
