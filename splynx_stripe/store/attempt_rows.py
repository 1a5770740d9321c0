"""Attempts in the database. What was frozen when an attempt was added is never written again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import RowMapping, bindparam, select, text, update

from splynx_stripe.domain.attempt import Attempt, AttemptState, NewsKind
from splynx_stripe.domain.errors import LeaseHeldError
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.stripe import PaymentFailure, StripeAccount
from splynx_stripe.store.rows import UnitPart, insert_unless_there
from splynx_stripe.store.tables import ATTEMPT_IS_LIVE, attempts

_a = attempts.c
_PROGRESS = (
    "next_look_at",
    "state",
    "intent_id",
    "charge_id",
    "seen_as_of",
    "seen_kind",
    "failure_code",
    "failure_decline_code",
    "failure_message",
    "splynx_payment_id",
    "payment_method_id",
    "method_kind",
)
_ADD = insert_unless_there(attempts, [_a.collection_id], among=ATTEMPT_IS_LIVE)
_SAVE = (
    update(attempts)
    .where(_a.id == bindparam("of_id"), _a.version == bindparam("of_version"))
    .values({name: bindparam(f"to_{name}", type_=_a[name].type) for name in _PROGRESS})
    .values(version=_a.version + 1)
)
_BY_ID = select(attempts).where(_a.id == bindparam("id"))
_BY_INTENT = select(attempts).where(
    _a.account == bindparam("account"),
    _a.intent_id == bindparam("intent_id"),
    # The index leaves attempts without a PaymentIntent out; saying so lets it be used. Said with a
    # parameter, SQLite would plan the statement anew each time, and PostgreSQL not use the index.
    text("attempts.intent_id <> ''"),
)
_OF_COLLECTION = (
    select(attempts)
    .where(_a.collection_id == bindparam("collection_id"))
    .order_by(_a.prepared_at, _a.id)
)
_TO_LOOK_AT = (
    select(attempts)
    .where(_a.next_look_at <= bindparam("now", type_=_a.next_look_at.type))
    .order_by(_a.next_look_at, _a.id)
    .limit(bindparam("limit"))
)


class AttemptRows(UnitPart):
    """The part of a unit that knows attempts."""

    def attempt(self, attempt_id: str) -> Attempt | None:
        row = self._connection.execute(_BY_ID, {"id": attempt_id}).mappings().first()
        return _attempt(row) if row is not None else None

    def attempt_of_intent(self, account: StripeAccount, intent_id: str) -> Attempt | None:
        values = {"account": account.key, "intent_id": intent_id}
        row = self._connection.execute(_BY_INTENT, values).mappings().first()
        return _attempt(row) if row is not None else None

    def attempts_of(self, collection_id: str) -> Sequence[Attempt]:
        rows = self._connection.execute(_OF_COLLECTION, {"collection_id": collection_id})
        return [_attempt(row) for row in rows.mappings()]

    def add_attempt(self, attempt: Attempt) -> None:
        values = {
            "id": attempt.id,
            "collection_id": attempt.collection_id,
            "account": attempt.account.key,
            "stripe_customer_id": attempt.stripe_customer_id,
            "amount_minor": attempt.amount.minor_units,
            "currency": attempt.amount.currency,
            "description": attempt.description,
            "metadata": attempt.metadata,
            "prepared_at": attempt.prepared_at,
            "kinds": ",".join(attempt.kinds),
            "saves_method": int(attempt.saves_method),
            "off_session": int(attempt.off_session),
            "credential_id": attempt.credential_id,
            "charged_method_id": attempt.charged_method_id,
            "mandate_id": attempt.mandate_id,
            "version": attempt.version,
        }
        if not self._inserted(_ADD, values | _progress(attempt)):
            raise LeaseHeldError(
                f"Collection {attempt.collection_id} has another attempt that may still take money."
                " Nothing was charged by this one; continue with the other."
            )

    def save_attempt(self, attempt: Attempt) -> Attempt:
        values = {f"to_{name}": value for name, value in _progress(attempt).items()}
        guard = {"of_id": attempt.id, "of_version": attempt.version}
        result = self._connection.execute(_SAVE, values | guard)
        self._must_change_one(result, f"Attempt {attempt.id}")
        return replace(attempt, version=attempt.version + 1)

    def attempts_to_look_at(self, now: datetime, limit: int) -> Sequence[Attempt]:
        rows = self._connection.execute(_TO_LOOK_AT, {"now": now, "limit": limit})
        return [_attempt(row) for row in rows.mappings()]


def _progress(attempt: Attempt) -> dict[str, object]:
    failure = attempt.failure
    return {
        "next_look_at": attempt.next_look_at,
        "state": attempt.state,
        "intent_id": attempt.intent_id,
        "charge_id": attempt.charge_id,
        "seen_as_of": attempt.seen_as_of,
        "seen_kind": attempt.seen_kind,
        "failure_code": failure and failure.code,
        "failure_decline_code": failure and failure.decline_code,
        "failure_message": failure and failure.message,
        "splynx_payment_id": attempt.splynx_payment_id,
        "payment_method_id": attempt.payment_method_id,
        "method_kind": attempt.method_kind or "",
    }


def _failure(row: RowMapping) -> PaymentFailure | None:
    if row["failure_code"] is None:
        return None
    return PaymentFailure(
        code=row["failure_code"],
        decline_code=row["failure_decline_code"],
        message=row["failure_message"],
    )


def _attempt(row: RowMapping) -> Attempt:
    return Attempt(
        id=row["id"],
        collection_id=row["collection_id"],
        account=StripeAccount.from_key(row["account"]),
        stripe_customer_id=row["stripe_customer_id"],
        amount=Money(row["amount_minor"], row["currency"]),
        description=row["description"],
        metadata=row["metadata"],
        prepared_at=row["prepared_at"],
        next_look_at=row["next_look_at"],
        kinds=tuple(PaymentKind(kind) for kind in row["kinds"].split(",")),
        saves_method=bool(row["saves_method"]),
        payment_method_id=row["payment_method_id"],
        method_kind=PaymentKind(row["method_kind"]) if row["method_kind"] else None,
        state=AttemptState(row["state"]),
        intent_id=row["intent_id"],
        charge_id=row["charge_id"],
        seen_as_of=row["seen_as_of"],
        seen_kind=NewsKind(row["seen_kind"]) if row["seen_kind"] is not None else None,
        failure=_failure(row),
        splynx_payment_id=row["splynx_payment_id"],
        version=row["version"],
        off_session=bool(row["off_session"]),
        credential_id=row["credential_id"],
        charged_method_id=row["charged_method_id"],
        mandate_id=row["mandate_id"],
    )
