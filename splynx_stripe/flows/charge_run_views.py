"""Looks at charge runs: their numbers, their items, and the result file."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import partial

from splynx_stripe.domain.charge_progress import (
    ANY_ITEM,
    FailureGroup,
    ItemFilter,
    ItemSearch,
    ItemView,
    RunSearch,
    RunView,
)
from splynx_stripe.domain.charge_run import ChargeRun, RunState
from splynx_stripe.domain.guardrails import GuardrailFinding, RunTotal, look
from splynx_stripe.flows.charge_run_rooms import RunDeskRooms
from splynx_stripe.flows.ports import TermsSource, Unit

RESULT_COLUMNS = (
    "number",
    "customer",
    "partner",
    "kind",
    "document",
    "planned",
    "currency",
    "verdict",
    "reason",
    "outcome",
    "charged",
    "payment_intent",
    "failure",
    "note",
    "collection",
)
_LINES_AT_ONCE = 500
_UNDECIDED = frozenset({RunState.READY, RunState.AWAITING_SECOND})


class ChargeRunViews:
    """Shows charge runs."""

    def __init__(self, rooms: RunDeskRooms) -> None:
        self._rooms = rooms

    async def run(self, run_id: str) -> RunView | None:
        """Shows a run with its numbers; None when there is none."""

        def work(unit: Unit) -> RunView | None:
            run = unit.charge_run(run_id)
            if run is None:
                return None
            totals = unit.run_totals(run.id)
            return RunView(
                run=run,
                totals=totals,
                plan=unit.plan_groups(run.id),
                outcomes=unit.run_outcomes(run.id),
                findings=findings_of(run, totals, self._rooms.terms),
            )

        return await self._rooms.store.read(work)

    async def runs(
        self,
        *,
        before: str,
        limit: int,
        partner_id: int = 0,
        search: RunSearch | None = None,
    ) -> Sequence[RunView]:
        """Lists runs, newest first, from below the id `before` ("" is the top).

        With `partner_id` only those that were chosen for that partner alone. Without `search` dry
        runs are among them. The `plan`, `outcomes` and `findings` of a list are empty: ask for one
        run to get them.
        """

        def work(unit: Unit) -> Sequence[RunView]:
            found = unit.charge_runs(
                before=before, limit=limit, partner_id=partner_id, search=search
            )
            return [RunView(run, unit.run_totals(run.id)) for run in found]

        return await self._rooms.store.read(work)

    async def items(
        self,
        run_id: str,
        *,
        after: int,
        limit: int,
        only: ItemFilter = ItemFilter.ALL,
        search: ItemSearch = ANY_ITEM,
    ) -> Sequence[ItemView]:
        """Lists items by their number, from above the number `after` (0 is the beginning)."""
        return await self._rooms.store.read(
            partial(_items, run_id=run_id, after=after, limit=limit, only=only, search=search)
        )

    async def failures(self, run_id: str) -> Sequence[FailureGroup]:
        """Counts the failed items of a run by reason, the most frequent first."""
        return await self._rooms.store.read(lambda unit: unit.run_failures(run_id))

    async def result_file(self, run_id: str) -> AsyncIterator[str]:
        """Gives the result file piece by piece: CSV lines in English, the heading first."""
        yield _lines([RESULT_COLUMNS])
        after = 0
        while True:
            views = await self.items(run_id, after=after, limit=_LINES_AT_ONCE)
            if not views:
                return
            yield _lines([_cells(view) for view in views])
            after = views[-1].item.number


def findings_of(
    run: ChargeRun, totals: Sequence[RunTotal], terms: TermsSource
) -> Sequence[GuardrailFinding]:
    """Finds the guardrails that stand in a run's way, as the settings are now."""
    if run.state not in _UNDECIDED or run.is_rehearsal:
        return ()
    found: list[GuardrailFinding] = []
    for total in totals:
        partner = terms.terms(total.partner_id)
        if partner is not None and partner.currency == total.amount.currency:
            found.extend(look(total, partner.guardrails))
    return found


def _items(
    unit: Unit, *, run_id: str, after: int, limit: int, only: ItemFilter, search: ItemSearch
) -> Sequence[ItemView]:
    views = unit.run_item_views(run_id, after=after, limit=limit, only=only, search=search)
    return [
        replace(view, credential=unit.credential(view.item.credential_id))
        if view.item.credential_id
        else view
        for view in views
    ]


def _cells(view: ItemView) -> Sequence[str]:
    item, payable = view.item, view.item.payable
    failure = view.failure
    code = (failure.decline_code or failure.code) if failure else ""
    return (
        str(item.number),
        str(payable.customer_id),
        str(payable.partner_id),
        payable.kind.value,
        payable.document_number,
        str(item.amount.to_decimal()),
        item.amount.currency,
        item.verdict.value,
        item.reason.value,
        view.outcome.value,
        str(view.charged.to_decimal()) if view.charged else "",
        view.intent_id,
        code,
        item.note,
        item.collection_id,
    )


def _lines(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(
        [_harmless(cell) for cell in row] for row in rows
    )
    return text.getvalue()


def _harmless(cell: str) -> str:
    """Keeps a spreadsheet from taking a document's number for a formula."""
    is_number = cell.lstrip("-").replace(".", "", 1).isdecimal()
    return f"'{cell}" if cell[:1] in {"=", "+", "-", "@"} and not is_number else cell
