"""Cases in the database: at most one open case per (kind, subject)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import RowMapping, bindparam, select, text, update

from splynx_stripe.domain.case import STOPS_MONEY, Case, CaseKind
from splynx_stripe.store.rows import UnitPart, insert_unless_there
from splynx_stripe.store.tables import CASE_IS_OPEN, cases, one_of

_c = cases.c
_OPEN = insert_unless_there(cases, [_c.kind, _c.subject], among=CASE_IS_OPEN)
_CLOSE = (
    update(cases)
    .where(
        _c.kind == bindparam("of_kind"),
        _c.subject == bindparam("of_subject"),
        text(CASE_IS_OPEN),
    )
    .values(
        closed_at=bindparam("now", type_=_c.closed_at.type),
        note=bindparam("to_note", type_=_c.note.type),
    )
)
_IS_OPEN = select(_c.id).where(
    _c.kind == bindparam("kind"), _c.subject == bindparam("subject"), text(CASE_IS_OPEN)
)
_ALL = (
    select(cases).order_by(_c.closed_at.is_not(None), _c.opened_at, _c.id).limit(bindparam("limit"))
)
_ONLY_OPEN = (
    select(cases).where(text(CASE_IS_OPEN)).order_by(_c.opened_at, _c.id).limit(bindparam("limit"))
)


_STOPS_MONEY = (
    select(cases)
    .where(text(one_of("kind", STOPS_MONEY)), text(CASE_IS_OPEN))
    .order_by(_c.opened_at, _c.id)
    .limit(1)
)


class CaseRows(UnitPart):
    """The part of a unit that knows cases."""

    def open_case(self, case: Case) -> bool:
        values = {
            "kind": case.kind,
            "subject": case.subject,
            "summary": case.summary,
            "opened_at": case.opened_at,
            "collection_id": case.collection_id,
            "closed_at": case.closed_at,
            "note": case.note,
        }
        return self._inserted(_OPEN, values)

    def close_case(self, kind: CaseKind, subject: str, *, now: datetime, note: str) -> bool:
        values = {"of_kind": kind, "of_subject": subject, "now": now, "to_note": note}
        return self._connection.execute(_CLOSE, values).rowcount > 0

    def is_case_open(self, kind: CaseKind, subject: str) -> bool:
        found = self._connection.execute(_IS_OPEN, {"kind": kind, "subject": subject})
        return found.first() is not None

    def case_that_stops_money(self) -> Case | None:
        row = self._connection.execute(_STOPS_MONEY, {}).mappings().first()
        return _case(row) if row is not None else None

    def cases(self, *, only_open: bool, limit: int) -> Sequence[Case]:
        statement = _ONLY_OPEN if only_open else _ALL
        rows = self._connection.execute(statement, {"limit": limit})
        return [_case(row) for row in rows.mappings()]


def _case(row: RowMapping) -> Case:
    return Case(
        kind=CaseKind(row["kind"]),
        subject=row["subject"],
        summary=row["summary"],
        opened_at=row["opened_at"],
        collection_id=row["collection_id"],
        closed_at=row["closed_at"],
        note=row["note"],
        id=row["id"],
    )
