"""Recoveries in the database: one row per debt, and one per failed try of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import RowMapping, and_, bindparam, exists, func, or_, select, text, update

from splynx_stripe.domain.collection import CollectionState
from splynx_stripe.domain.decline import Treatment
from splynx_stripe.domain.errors import StaleWriteError
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import Payable, PayableKind
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.recovery import (
    Recovery,
    RecoveryPlace,
    RecoveryQuery,
    RecoveryReason,
    RecoveryState,
)
from splynx_stripe.domain.retry_policy import FailedTry
from splynx_stripe.domain.stripe import PaymentFailure, StripeAccount
from splynx_stripe.store.recovery_tables import failed_tries, recoveries
from splynx_stripe.store.rows import UnitPart, insert_unless_there
from splynx_stripe.store.tables import collections

_r, _f, _c = recoveries.c, failed_tries.c, collections.c
_FROZEN = frozenset(
    {
        "id",
        "payable_key",
        "kind",
        "document_id",
        "splynx_customer_id",
        "version",
    }
)
_CHANGING = tuple(name for name in recoveries.columns.keys() if name not in _FROZEN)  # noqa: SIM118 - a collection of columns
_ADD = insert_unless_there(recoveries, [_r.payable_key])
_BY_ID = select(recoveries).where(_r.id == bindparam("id"))
_BY_KEY = select(recoveries).where(_r.payable_key == bindparam("payable_key"))
_SAVE = (
    update(recoveries)
    .where(_r.id == bindparam("of_id"), _r.version == bindparam("of_version"))
    .values({name: bindparam(f"to_{name}", type_=_r[name].type) for name in _CHANGING})
    .values(version=_r.version + 1)
)
_DUE = (
    select(recoveries)
    .where(text("recoveries.next_at IS NOT NULL"))
    .where(_r.next_at <= bindparam("now", type_=_r.next_at.type))
    .order_by(_r.next_at, _r.id)
    .limit(bindparam("limit"))
)
_PAID = (
    select(recoveries)
    .where(_r.state.in_(bindparam("states", expanding=True)))
    .where(_r.changed_at >= bindparam("since", type_=_r.changed_at.type))
    .where(
        exists()
        .where(_c.splynx_customer_id == _r.splynx_customer_id)  # by this it has an index
        .where(_c.payable_key == _r.payable_key, _c.opened_at >= _r.opened_at)
        .where(_c.state.in_([CollectionState.SETTLED, CollectionState.BOOKED]))
    )
    .order_by(_r.changed_at, _r.id)
    .limit(bindparam("limit"))
)
_LIST = (
    select(recoveries)
    .where(_r.state.in_(bindparam("states", expanding=True)))
    .where(or_(bindparam("partner") == 0, _r.partner_id == bindparam("partner")))
    .where(or_(bindparam("customer") == 0, _r.splynx_customer_id == bindparam("customer")))
    .where(or_(bindparam("text") == "", _r.document_number == bindparam("text")))
    .order_by(_r.changed_at.desc(), _r.id.desc())
    .limit(bindparam("limit"))
)
_BEFORE = or_(
    _r.changed_at < bindparam("moment", type_=_r.changed_at.type),
    and_(
        _r.changed_at == bindparam("moment", type_=_r.changed_at.type),
        _r.id < bindparam("place"),
    ),
)
_LIST_ON = _LIST.where(_BEFORE)
_CHANGED = (
    select(recoveries)
    .where(_r.changed_at >= bindparam("since", type_=_r.changed_at.type))
    .where(_r.changed_at < bindparam("until", type_=_r.changed_at.type))
    .order_by(_r.changed_at, _r.id)
    .limit(bindparam("limit"))
)
_COUNTS = select(_r.state, func.count().label("count")).group_by(_r.state)
_ADD_TRY = insert_unless_there(failed_tries, [_f.attempt_id])
_TRIES = (
    select(failed_tries)
    .where(_f.payable_key == bindparam("payable_key"))
    .order_by(_f.failed_at, _f.attempt_id)
)


class RecoveryRows(UnitPart):
    """The part of a unit that knows recoveries."""

    def recovery(self, recovery_id: str) -> Recovery | None:
        row = self._connection.execute(_BY_ID, {"id": recovery_id}).mappings().first()
        return _recovery(row) if row is not None else None

    def recovery_of_key(self, payable_key: str) -> Recovery | None:
        row = self._connection.execute(_BY_KEY, {"payable_key": payable_key}).mappings().first()
        return _recovery(row) if row is not None else None

    def add_recovery(self, recovery: Recovery) -> None:
        if not self._inserted(_ADD, _values(recovery)):
            # Another daemon was faster; the unit is run again and goes on with that one.
            raise StaleWriteError(
                f"{recovery.payable.key} has somebody who retries it already. Nothing was written;"
                " read it again."
            )

    def save_recovery(self, recovery: Recovery) -> Recovery:
        values = {f"to_{name}": value for name, value in _values(recovery).items()}
        changed = {name: value for name, value in values.items() if name[3:] in _CHANGING}
        guard = {"of_id": recovery.id, "of_version": recovery.version}
        result = self._connection.execute(_SAVE, changed | guard)
        self._must_change_one(result, f"Recovery {recovery.id}")
        return replace(recovery, version=recovery.version + 1)

    def recoveries_due(self, now: datetime, limit: int) -> Sequence[Recovery]:
        rows = self._connection.execute(_DUE, {"now": now, "limit": limit}).mappings()
        return [_recovery(row) for row in rows]

    def recoveries_paid(
        self, states: Sequence[RecoveryState], since: datetime, limit: int
    ) -> Sequence[Recovery]:
        values = {"states": list(states), "since": since, "limit": limit}
        return [_recovery(row) for row in self._connection.execute(_PAID, values).mappings()]

    def recoveries(
        self, query: RecoveryQuery, *, before: RecoveryPlace | None, limit: int
    ) -> Sequence[Recovery]:
        values: dict[str, object] = {
            "states": list(query.view.states),
            "partner": query.partner_id,
            "customer": query.customer_id,
            "text": query.text,
            "limit": limit,
        }
        statement = _LIST
        if before is not None:
            values |= {"moment": before.changed_at, "place": before.id}
            statement = _LIST_ON
        return [_recovery(row) for row in self._connection.execute(statement, values).mappings()]

    def recoveries_changed(
        self, since: datetime, until: datetime, limit: int
    ) -> Sequence[Recovery]:
        values = {"since": since, "until": until, "limit": limit}
        return [_recovery(row) for row in self._connection.execute(_CHANGED, values).mappings()]

    def recovery_counts(self) -> Mapping[RecoveryState, int]:
        rows = self._connection.execute(_COUNTS, {}).mappings()
        return {RecoveryState(row["state"]): row["count"] for row in rows}

    def add_failed_try(self, payable_key: str, failed: FailedTry) -> bool:
        values = {
            "attempt_id": failed.attempt_id,
            "payable_key": payable_key,
            "method_id": failed.method_id,
            "kind": failed.kind or "",
            "failed_at": failed.failed_at,
            "treatment": failed.treatment,
        }
        return self._inserted(_ADD_TRY, values)

    def failed_tries(self, payable_key: str) -> Sequence[FailedTry]:
        rows = self._connection.execute(_TRIES, {"payable_key": payable_key}).mappings()
        return [
            FailedTry(
                attempt_id=row["attempt_id"],
                method_id=row["method_id"],
                kind=PaymentKind(row["kind"]) if row["kind"] else None,
                failed_at=row["failed_at"],
                treatment=Treatment(row["treatment"]),
            )
            for row in rows
        ]


def _values(recovery: Recovery) -> Mapping[str, object]:
    payable = recovery.payable
    return {
        "id": recovery.id,
        "payable_key": payable.key,
        "partner_id": payable.partner_id,
        "splynx_customer_id": payable.customer_id,
        "kind": payable.kind,
        "document_id": payable.document_id,
        "document_number": payable.document_number,
        "currency": recovery.amount.currency,
        "set_amount_minor": payable.set_amount.minor_units if payable.set_amount else 0,
        "account": recovery.account.key,
        "amount_minor": recovery.amount.minor_units,
        "state": recovery.state,
        "reason": recovery.reason,
        "treatment": recovery.treatment,
        "opened_at": recovery.opened_at,
        "failed_at": recovery.failed_at,
        "changed_at": recovery.changed_at,
        "next_at": recovery.next_at,
        "first_attempt_id": recovery.first_attempt_id,
        "attempt_id": recovery.attempt_id,
        "collection_id": recovery.collection_id,
        "try_collection_id": recovery.try_collection_id,
        "credential_id": recovery.credential_id,
        "failure_code": recovery.failure.code,
        "failure_decline_code": recovery.failure.decline_code,
        "failure_message": recovery.failure.message,
        "step": recovery.step,
        "tries": recovery.tries,
        "version": recovery.version,
    }


def _recovery(row: RowMapping) -> Recovery:
    kind, currency = PayableKind(row["kind"]), row["currency"]
    set_minor = row["set_amount_minor"]
    return Recovery(
        id=row["id"],
        payable=Payable(
            partner_id=row["partner_id"],
            customer_id=row["splynx_customer_id"],
            kind=kind,
            document_id=row["document_id"],
            document_number=row["document_number"],
            currency=currency,
            set_amount=Money(set_minor, currency) if set_minor else None,
            token="" if kind.document_kind else row["payable_key"].partition("/")[2],
        ),
        account=StripeAccount.from_key(row["account"]),
        amount=Money(row["amount_minor"], currency),
        opened_at=row["opened_at"],
        failed_at=row["failed_at"],
        changed_at=row["changed_at"],
        first_attempt_id=row["first_attempt_id"],
        attempt_id=row["attempt_id"],
        collection_id=row["collection_id"],
        try_collection_id=row["try_collection_id"],
        failure=PaymentFailure(
            code=row["failure_code"],
            decline_code=row["failure_decline_code"],
            message=row["failure_message"],
        ),
        treatment=Treatment(row["treatment"]),
        state=RecoveryState(row["state"]),
        reason=RecoveryReason(row["reason"]),
        next_at=row["next_at"],
        credential_id=row["credential_id"],
        step=row["step"],
        tries=row["tries"],
        version=row["version"],
    )
