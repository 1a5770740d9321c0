"""The audit log in the database. It is only ever appended to; its order is that of the rows."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import RowMapping, bindparam, insert, select

from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.store.rows import UnitPart
from splynx_stripe.store.tables import audit_log

_l = audit_log.c
_APPEND = insert(audit_log).inline()
# By row, not by time: the clock may be set back, what happened first stays first (fault 15).
_OF_COLLECTION = (
    select(audit_log).where(_l.collection_id == bindparam("collection_id")).order_by(_l.id)
)
_RECENT = select(audit_log).order_by(_l.id.desc()).limit(bindparam("limit"))


class AuditRows(UnitPart):
    """The part of a unit that knows the audit log."""

    def record(self, entry: AuditEntry) -> None:
        values = {
            "at": entry.at,
            "event": entry.event,
            "actor": entry.actor,
            "collection_id": entry.collection_id,
            "attempt_id": entry.attempt_id,
            "facts": entry.facts,
        }
        self._connection.execute(_APPEND, values)

    def audit_of(self, collection_id: str) -> Sequence[AuditEntry]:
        rows = self._connection.execute(_OF_COLLECTION, {"collection_id": collection_id})
        return [_entry(row) for row in rows.mappings()]

    def recent_audit(self, *, limit: int) -> Sequence[AuditEntry]:
        rows = self._connection.execute(_RECENT, {"limit": limit})
        return [_entry(row) for row in rows.mappings()]


def _entry(row: RowMapping) -> AuditEntry:
    return AuditEntry(
        at=row["at"],
        event=row["event"],
        actor=row["actor"],
        collection_id=row["collection_id"],
        attempt_id=row["attempt_id"],
        facts=row["facts"],
    )
