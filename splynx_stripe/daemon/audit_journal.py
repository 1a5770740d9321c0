"""Says in the log what was committed: each audit entry and each new case, with its fields.

The audit log in the database is the record; this is its echo, by which an administrator finds a
customer or a payment in the journal (`splynx-stripe logs --customer 17`). It speaks after the
commit only, so the journal never tells what did not happen. A daemon killed in between has
committed what it does not say any more.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TypeVar, cast

from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.case import Case
from splynx_stripe.flows.ports import Store, Unit

log = logging.getLogger(__name__)

T = TypeVar("T")

_REMEMBERED_DEBTS = 4096
"""Collections whose customer is known without asking; a busy ISP has fewer in progress."""


@dataclass(slots=True)
class _Debt:
    """What the fields say about a collection beyond its id."""

    customer: int
    partner: int
    document: str
    payment: str


@dataclass(frozen=True, slots=True)
class _Said:
    level: int
    event: str
    fields: dict[str, object]


class AuditJournal:
    """Implements `flows.ports.Store` around another one."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._debts: OrderedDict[str, _Debt] = OrderedDict()

    async def run(self, work: Callable[[Unit], T]) -> T:
        """Runs a unit and logs, once it is committed, what it recorded."""
        if hasattr(type(work), "together"):  # the store does these in bulk; they record nothing
            return await self._store.run(work)
        said: list[_Said] = []

        @wraps(work)
        def listened_to(unit: Unit) -> T:
            said.clear()  # the store may run it again
            return work(cast("Unit", _ListeningUnit(unit, said, self._debt)))

        result = await self._store.run(listened_to)
        for each in said:
            log.log(each.level, each.event, extra=each.fields)
        return result

    async def read(self, work: Callable[[Unit], T]) -> T:
        """Reads; nothing is recorded by that."""
        return await self._store.read(work)

    def _debt(self, unit: Unit, collection_id: str) -> _Debt | None:
        known = self._debts.get(collection_id)
        if known is None:
            collection = unit.collection(collection_id)
            if collection is None:
                return None
            payable = collection.payable
            intents = [each.intent_id for each in unit.attempts_of(collection_id) if each.intent_id]
            known = _Debt(
                payable.customer_id,
                payable.partner_id,
                payable.document_number,
                intents[-1] if intents else "",
            )
            self._debts[collection_id] = known
            if len(self._debts) > _REMEMBERED_DEBTS:
                self._debts.popitem(last=False)
        return known


class _ListeningUnit:
    """A unit that notes what is recorded; all else is the unit's own."""

    def __init__(
        self, unit: Unit, said: list[_Said], debt_of: Callable[[Unit, str], _Debt | None]
    ) -> None:
        self._unit = unit
        self._said = said
        self._debt_of = debt_of

    def __getattr__(self, name: str) -> object:
        return getattr(self._unit, name)

    def record(self, entry: AuditEntry) -> None:
        self._unit.record(entry)
        facts = dict(entry.facts)
        payment = facts.pop("payment_intent", "")
        fields: dict[str, object] = {"actor": entry.actor}
        fields |= self._who(entry.collection_id, payment)
        if entry.attempt_id:
            fields["attempt"] = entry.attempt_id
        self._said.append(_Said(logging.INFO, entry.event, fields | facts))

    def open_case(self, case: Case) -> bool:
        is_new = self._unit.open_case(case)
        if is_new:
            fields = {
                **self._who(case.collection_id, ""),
                "case": case.kind.value,
                "subject": case.subject,
                "summary": case.summary,
            }
            self._said.append(_Said(logging.ERROR, "case.opened", fields))
        return is_new

    def _who(self, collection_id: str, payment: str) -> dict[str, object]:
        debt = self._debt_of(self._unit, collection_id) if collection_id else None
        if debt is None:
            return {"collection": collection_id} if collection_id else {}
        debt.payment = payment or debt.payment
        fields: dict[str, object] = {
            "collection": collection_id,
            "customer": debt.customer,
            "partner": debt.partner,
            "document": debt.document,
        }
        return fields | ({"payment": debt.payment} if debt.payment else {})
