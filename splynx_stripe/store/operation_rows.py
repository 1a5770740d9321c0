"""The office's log: audit entries and cases as one list, filtered, newest first, page by page.

Each source is read along its index of time, from the place where the last page ended; then both
are joined. What belongs to the debts of a page is fetched for the whole page at once.
"""

from __future__ import annotations

import json
from collections.abc import Collection as Group, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Index,
    Subquery,
    and_,
    case as when,
    exists,
    literal,
    or_,
    select,
    text as sql_text,
    true,
    tuple_,
    type_coerce,
    union,
)

from splynx_stripe.domain.attempt import Attempt
from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.collection import Collection
from splynx_stripe.domain.operation import (
    CASE_OPENED,
    WITHOUT_DEBT,
    Operation,
    OperationOutcome,
    OperationPlace,
    OperationQuery,
    OperationSource,
    PaymentMeans,
    outcome_of,
    outcome_words,
)
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.store.attempt_rows import _attempt
from splynx_stripe.store.audit_rows import _entry
from splynx_stripe.store.case_rows import _case
from splynx_stripe.store.collection_rows import _collection
from splynx_stripe.store.columns import exact_text
from splynx_stripe.store.rows import UnitPart
from splynx_stripe.store.tables import attempts, audit_log, cases, collections

_a, _k, _c, _t = audit_log.c, cases.c, collections.c, attempts.c
_LARGEST_ID = 2**63 - 1


def _given(column: Any) -> dict[str, Any]:
    """Makes an index without the rows that have not got the value yet."""
    condition = sql_text(f"{column.name} <> ''")
    return {"sqlite_where": condition, "postgresql_where": condition}


# What people look for: a period, a document, a customer, an id of Stripe's.
Index("ix_audit_log_time", _a.at, _a.id)
Index("ix_collections_document", _c.document_number)
Index("ix_attempts_intent", _t.intent_id, **_given(_t.intent_id))
Index("ix_attempts_charge", _t.charge_id, **_given(_t.charge_id))


class OperationRows(UnitPart):
    """The part of a unit that knows the office's log."""

    def operations(
        self, query: OperationQuery, *, before: OperationPlace | None, limit: int
    ) -> Sequence[Operation]:
        """Lists the operations that are asked for, newest first, from `before` on (not included)."""
        entries = self._audit_page(query, before, limit)
        opened = self._case_page(query, before, limit)
        page = sorted([*entries, *opened], key=lambda each: each.place, reverse=True)[:limit]
        return self._with_debts(page)

    def _audit_page(
        self, query: OperationQuery, before: OperationPlace | None, limit: int
    ) -> list[Operation]:
        wanted = (
            select(audit_log)
            .where(*_in_time(_a.at, query), _audit_before(before), _audit_matches(query))
            .order_by(_a.at.desc(), _a.id.desc())
            .limit(limit)
        )
        return [
            Operation(OperationPlace(row["at"], OperationSource.AUDIT, row["id"]), _entry(row))
            for row in self._connection.execute(wanted).mappings()
        ]

    def _case_page(
        self, query: OperationQuery, before: OperationPlace | None, limit: int
    ) -> list[Operation]:
        if query.outcome not in {None, outcome_of(CASE_OPENED)}:
            return []
        wanted = (
            select(cases)
            .where(*_in_time(_k.opened_at, query), _case_before(before), _case_matches(query))
            .order_by(_k.opened_at.desc(), _k.id.desc())
            .limit(limit)
        )
        rows = self._connection.execute(wanted).mappings()
        return [_operation_of_case(row) for row in rows]

    def _with_debts(self, page: Sequence[Operation]) -> Sequence[Operation]:
        wanted = {each.entry.collection_id for each in page} - {""}
        debts = {each.id: each for each in self._debts(wanted)}
        holders = {each.whole_id or each.id for each in debts.values()}
        tried = self._tries(holders)
        return [_joined(each, debts, tried) for each in page]

    def _debts(self, wanted: Group[str]) -> Sequence[Collection]:
        rows = self._connection.execute(select(collections).where(_c.id.in_(wanted)))
        return [_collection(row, ()) for row in rows.mappings()]

    def _tries(self, wanted: Group[str]) -> Mapping[str, Attempt]:
        """Gives attempts by their id, and by that of their collection the newest one."""
        rows = self._connection.execute(
            select(attempts)
            .where(_t.collection_id.in_(wanted))
            .order_by(_t.collection_id, _t.prepared_at, _t.id)
        )
        tried = [_attempt(row) for row in rows.mappings()]
        return {each.collection_id: each for each in tried} | {each.id: each for each in tried}


def _joined(
    operation: Operation, debts: Mapping[str, Collection], tried: Mapping[str, Attempt]
) -> Operation:
    """Adds the debt; an entry that names no attempt is about the newest."""
    debt = debts.get(operation.entry.collection_id)
    if debt is None:
        return operation
    attempt = tried.get(operation.entry.attempt_id) or tried.get(debt.whole_id or debt.id)
    if attempt is None:
        return replace(operation, collection=debt)
    return replace(
        operation,
        collection=debt,
        amount=debt.share_of(attempt.amount),
        account=attempt.account,
        means=attempt.chosen_kind,
        intent_id=attempt.intent_id,
        charge_id=attempt.charge_id,
        splynx_payment_id=debt.splynx_payment_id or attempt.splynx_payment_id,
    )


def _operation_of_case(row: Any) -> Operation:
    case = _case(row)
    entry = AuditEntry(
        at=case.opened_at,
        event=CASE_OPENED,
        actor="daemon",
        collection_id=case.collection_id,
        attempt_id=case.subject if case.subject.startswith("att_") else "",
        facts={"case": case.kind.value},
    )
    place = OperationPlace(case.opened_at, OperationSource.CASE, case.id)
    return Operation(place, entry, summary=case.summary)


def _in_time(column: Any, query: OperationQuery) -> list[ColumnElement[bool]]:
    since = [column >= query.since] if query.since is not None else []
    until = [column < query.until] if query.until is not None else []
    return since + until


def _audit_before(before: OperationPlace | None) -> ColumnElement[bool]:
    """A case and an entry of the same moment: the entry comes after the case."""
    if before is None:
        return true()
    row = before.row if before.source is OperationSource.AUDIT else _LARGEST_ID
    return tuple_(_a.at, _a.id) < tuple_(literal(before.at, _a.at.type), literal(row, _a.id.type))


def _case_before(before: OperationPlace | None) -> ColumnElement[bool]:
    if before is None:
        return true()
    row = before.row if before.source is OperationSource.CASE else 0
    place = tuple_(literal(before.at, _k.opened_at.type), literal(row, _k.id.type))
    return tuple_(_k.opened_at, _k.id) < place


def _audit_matches(query: OperationQuery) -> ColumnElement[bool]:
    return and_(
        _has_outcome(query.outcome),
        _is_of_debt(_a.collection_id, query),
        _is_paid_by(_a.collection_id, query.means),
        _is_of_partner(query.partner_id),
        _audit_has_text(query.text),
    )


def _case_matches(query: OperationQuery) -> ColumnElement[bool]:
    partner = _debt_where(_k.collection_id, _c.partner_id == query.partner_id)
    found = _found_collections(query.text)
    return and_(
        _is_of_debt(_k.collection_id, query),
        _is_paid_by(_k.collection_id, query.means),
        partner if query.partner_id else true(),
        or_(_k.collection_id.in_(select(found.c.id)), _k.subject == query.text)
        if query.text
        else true(),
    )


def _has_outcome(outcome: OperationOutcome | None) -> ColumnElement[bool]:
    if outcome is None:
        return true()
    named = outcome_words(outcome)
    if named:
        return _ends_with_one_of(named)
    rest = {word for each in OperationOutcome for word in outcome_words(each)}
    return ~_ends_with_one_of(frozenset(rest))


def _ends_with_one_of(words: frozenset[str]) -> ColumnElement[bool]:
    return or_(*(_a.event.endswith(f".{word}", autoescape=True) for word in sorted(words)))


def _is_of_debt(column: ColumnElement[Any], query: OperationQuery) -> ColumnElement[bool]:
    if not query.payment_type:
        return true()
    if query.payment_type == WITHOUT_DEBT:
        return column == literal("")
    return _debt_where(column, _c.kind == query.payment_type)


def _is_paid_by(column: Any, means: PaymentMeans | None) -> ColumnElement[bool]:
    """Goes by the kind that was chosen; what may still be paid in several ways is not found."""
    if means is None:
        return true()
    kinds = [kind.value for kind in PaymentKind if kind.is_bank is (means is PaymentMeans.BANK)]
    chosen = when((_t.kinds.contains(","), _t.method_kind), else_=_t.kinds)
    return exists().where(_t.collection_id == column, chosen.in_(kinds)).correlate_except(attempts)


def _debt_where(column: Any, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(_c.id == column, condition).correlate_except(collections)


def _is_of_partner(partner_id: int) -> ColumnElement[bool]:
    """What belongs to no debt is of the partner that its facts name, and of nobody else's."""
    if not partner_id:
        return true()
    number = json.dumps(str(partner_id))
    named = or_(_has_fact(f'"partner":{number}'), _has_fact(f'"section":{number}'))
    return or_(
        _debt_where(_a.collection_id, _c.partner_id == partner_id),
        and_(_a.collection_id == "", named),
    )


def _has_fact(written: str) -> ColumnElement[bool]:
    """Looks into the facts as `StringMap` writes them: quotes inside of values have backslashes."""
    return type_coerce(_a.facts, exact_text()).contains(written, autoescape=True)


def _audit_has_text(wanted: str) -> ColumnElement[bool]:
    """Finds the rows first, by the indexes of what is looked for, however long the period is."""
    if not wanted:
        return true()
    if wanted.startswith("evt_"):
        return _a.actor == literal(f"stripe:{wanted}")
    found = _found_collections(wanted)
    of_debts = select(_a.id).where(_a.collection_id.in_(select(found.c.id)))
    of_none = select(_a.id).where(_a.collection_id == "", _has_fact(f":{json.dumps(wanted)}"))
    return _a.id.in_(select(union(of_debts, of_none).subquery().c.id))


def _found_collections(wanted: str) -> Subquery:
    parts = [
        select(_c.id).where(_c.id == wanted),
        select(_c.id).where(_c.document_number == wanted),
        # Of several documents that are paid at once, the money is with the whole.
        select(_c.whole_id.label("id")).where(_c.document_number == wanted, _c.whole_id != ""),
        select(_t.collection_id.label("id")).where(_t.id == wanted),
        select(_t.collection_id.label("id")).where(_t.intent_id == wanted, _t.intent_id != ""),
        select(_t.collection_id.label("id")).where(_t.charge_id == wanted, _t.charge_id != ""),
    ]
    if wanted.isascii() and wanted.isdecimal() and int(wanted) <= _LARGEST_ID:
        parts.append(select(_c.id).where(_c.splynx_customer_id == int(wanted)))
    return union(*parts).subquery()
