"""What happened: the office's log page by page, and the story of one debt."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from splynx_stripe.domain.attempt import Attempt
from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.case import Case
from splynx_stripe.domain.collection import Collection
from splynx_stripe.domain.operation import Operation, OperationPlace, OperationQuery
from splynx_stripe.flows.ports import Store, Unit

CHUNK = 500
"""Operations per read of an export: a few hundred kilobytes, and the database is free between."""

_OPEN_CASES_AT_MOST = 1000


@dataclass(frozen=True, slots=True)
class Story:
    """What is known of one collection: its attempts and entries oldest first, its open cases."""

    collection: Collection
    attempts: Sequence[Attempt]
    entries: Sequence[AuditEntry]
    cases: Sequence[Case]


class Operations:
    """Reads the log of the office."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(
        self, query: OperationQuery, *, before: OperationPlace | None, limit: int
    ) -> Sequence[Operation]:
        """Gives the next `limit` operations after a place, newest first."""
        return await self._store.read(
            lambda unit: unit.operations(query, before=before, limit=limit)
        )

    async def chunks(self, query: OperationQuery) -> AsyncIterator[Sequence[Operation]]:
        """Gives all operations that are asked for, newest first, a bounded number at a time."""
        before: OperationPlace | None = None
        while True:
            chunk = await self.page(query, before=before, limit=CHUNK)
            if chunk:
                yield chunk
            if len(chunk) < CHUNK:
                return
            before = chunk[-1].place

    async def story(self, collection_id: str) -> Story | None:
        """Tells what is known of a collection; None where there is none."""
        return await self._store.read(lambda unit: _story(unit, collection_id))


def _story(unit: Unit, collection_id: str) -> Story | None:
    collection = unit.collection(collection_id)
    if collection is None:
        return None
    holder = collection.whole_id or collection.id
    entries = list(unit.audit_of(collection.id))
    if holder != collection.id:
        # Of several documents that are paid at once, the money is with the whole.
        entries = sorted([*entries, *unit.audit_of(holder)], key=lambda entry: entry.at)
    return Story(
        collection=collection,
        attempts=unit.attempts_of(holder),
        entries=entries,
        cases=[
            case
            for case in unit.cases(only_open=True, limit=_OPEN_CASES_AT_MOST)
            if case.collection_id in {collection.id, holder}
        ],
    )
