"""Collections in the database, and with them the lease of a payable."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import (
    BigInteger,
    RowMapping,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
    text,
    update,
)

from splynx_stripe.domain.attempt import AttemptState
from splynx_stripe.domain.collection import Collection, CollectionState, Route
from splynx_stripe.domain.errors import LeaseHeldError
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import Payable, PayableKind
from splynx_stripe.store.rows import UnitPart, insert_unless_there
from splynx_stripe.store.tables import (
    ATTEMPT_IS_LIVE,
    COLLECTION_IS_LIVE,
    HAS_ORIGIN,
    attempts,
    collections,
    one_of,
)

_c = collections.c
_TAKE_LEASE = insert_unless_there(collections, [_c.payable_key], among=COLLECTION_IS_LIVE)
_SAVE = (
    update(collections)
    .where(_c.id == bindparam("of_id"), _c.version == bindparam("of_version"))
    .values(
        state=bindparam("to_state"),
        splynx_payment_id=bindparam("to_payment", type_=_c.splynx_payment_id.type),
        version=_c.version + 1,
    )
)
_BY_ID = select(collections).where(_c.id == bindparam("id"))
_OF_PAYABLE = select(collections).where(_c.payable_key == bindparam("payable_key"))
_LIVE = _OF_PAYABLE.where(text(COLLECTION_IS_LIVE))
# Ids sort by time, so they decide between two of the same microsecond.
_LATEST = _OF_PAYABLE.order_by(_c.opened_at.desc(), _c.id.desc()).limit(1)
_PARTS = (
    select(collections)
    # Literally as the index has it: with a parameter SQLite would plan it anew each time.
    .where(_c.whole_id == bindparam("whole_id"), text("collections.whole_id <> ''"))
    .order_by(_c.part)
)
_IDLE = (
    select(collections)
    .where(_c.whole_id == "")
    .where(text(f"collections.state = '{CollectionState.OPEN}'"))
    .where(
        or_(
            _c.opened_at < bindparam("before", type_=_c.opened_at.type),
            _c.opened_at > bindparam("after", type_=_c.opened_at.type),
        )
    )
    .where(
        ~exists()
        .where(attempts.c.collection_id == _c.id)
        .where(text(f"attempts.{ATTEMPT_IS_LIVE}"))
    )
    .order_by(_c.opened_at, _c.id)
    .limit(bindparam("limit"))
)


_BY_REFERENCE = (
    select(collections)
    .where(
        or_(
            _c.id == bindparam("reference"),
            _c.document_number == bindparam("reference"),
            _c.id.in_(
                select(attempts.c.collection_id).where(
                    or_(
                        attempts.c.id == bindparam("reference"),
                        attempts.c.intent_id == bindparam("reference"),
                    )
                )
            ),
        )
    )
    .order_by(_c.opened_at, _c.id)
    .limit(100)
)


_BOOKED = (
    select(collections)
    .where(_c.splynx_customer_id == bindparam("customer_id"))
    .where(_c.state == CollectionState.BOOKED, _c.splynx_payment_id > 0)
    .where(or_(_c.id < bindparam("before"), bindparam("before") == ""))
    .order_by(_c.id.desc())
    .limit(bindparam("limit"))
)


_LIVE_OF_CUSTOMER = (
    select(collections)
    .where(_c.splynx_customer_id == bindparam("customer_id"))
    .where(text(f"collections.{COLLECTION_IS_LIVE}"), text("collections.whole_id = ''"))
    .where(_c.payable_key != bindparam("payable_key"))
    .order_by(_c.id)
)
_ACCOUNT_KINDS = one_of("kind", [kind for kind in PayableKind if kind.is_of_account])
_OTHER_KINDS = f"kind <> '{PayableKind.TOP_UP}'"
_RIVALS_OF_ACCOUNT = _LIVE_OF_CUSTOMER.where(text(f"collections.{_OTHER_KINDS}"))
_RIVALS_OF_DOCUMENT = _LIVE_OF_CUSTOMER.where(text(f"collections.{_ACCOUNT_KINDS}"))
_OF_ORIGIN = (
    select(collections)
    .where(_c.origin == bindparam("origin"), text(f"collections.{HAS_ORIGIN}"))
    .order_by(_c.id.desc())
    .limit(1)
)
# Before it is booked, Splynx's balance does not know it: a debit at the bank, or money just taken.
_ON_ITS_WAY = (
    select(func.sum(attempts.c.amount_minor))
    .select_from(attempts)
    .join(collections, _c.id == attempts.c.collection_id)
    .where(_c.splynx_customer_id == bindparam("customer_id"))
    .where(attempts.c.currency == bindparam("currency"))
    .where(
        or_(
            text(f"attempts.state = '{AttemptState.PROCESSING}'"),
            and_(
                text(f"attempts.state = '{AttemptState.SUCCEEDED}'"),
                text(
                    f"collections.state IN ('{CollectionState.SETTLED}', '{CollectionState.LATE}')"
                ),
            ),
        )
    )
)
_CUSTOMER_LOCKS = 0x53_70_6C_79 << 32
"""Where the numbers of our advisory locks of customers begin, away from those of anybody else."""
_LOCK_CUSTOMER = select(func.pg_advisory_xact_lock(bindparam("key", type_=BigInteger)))


class CollectionRows(UnitPart):
    """The part of a unit that knows collections."""

    def live_collection(self, payable: Payable) -> Collection | None:
        row = self._connection.execute(_LIVE, {"payable_key": payable.key}).mappings().first()
        return self._collection(row) if row is not None else None

    def latest_collection(self, payable: Payable) -> Collection | None:
        return self.latest_collection_of_key(payable.key)

    def latest_collection_of_key(self, payable_key: str) -> Collection | None:
        row = self._connection.execute(_LATEST, {"payable_key": payable_key}).mappings().first()
        return self._collection(row) if row is not None else None

    def booked_collections(
        self, customer_id: int, *, before: str, limit: int
    ) -> Sequence[Collection]:
        values = {"customer_id": customer_id, "before": before, "limit": limit}
        rows = self._connection.execute(_BOOKED, values)
        return [_collection(row, ()) for row in rows.mappings()]

    def collection(self, collection_id: str) -> Collection | None:
        row = self._connection.execute(_BY_ID, {"id": collection_id}).mappings().first()
        return self._collection(row) if row is not None else None

    def parts_of(self, whole_id: str) -> Sequence[Collection]:
        rows = self._connection.execute(_PARTS, {"whole_id": whole_id})
        return [_collection(row, ()) for row in rows.mappings()]

    def find_collections(self, reference: str) -> Sequence[Collection]:
        """Finds collections by document number, PaymentIntent, attempt or their own id; oldest first."""
        rows = self._connection.execute(_BY_REFERENCE, {"reference": reference})
        return [self._collection(row) for row in rows.mappings().all()]

    def add_collection(self, collection: Collection) -> None:
        payable = collection.payable
        values = {
            "id": collection.id,
            "payable_key": payable.key,
            "partner_id": payable.partner_id,
            "splynx_customer_id": payable.customer_id,
            "kind": payable.kind,
            "document_id": payable.document_id,
            "document_number": payable.document_number,
            "currency": payable.currency,
            "route": collection.route,
            "state": collection.state,
            "opened_at": collection.opened_at,
            "version": collection.version,
            "set_amount_minor": payable.set_amount.minor_units if payable.set_amount else 0,
            "whole_id": collection.whole_id,
            "part": collection.part,
            "splynx_payment_id": collection.splynx_payment_id,
            "origin": collection.origin,
        }
        self._require_no_rival(payable)
        if not self._inserted(_TAKE_LEASE, values):
            raise LeaseHeldError(
                f"{payable.key} is already being collected. Join that collection; nothing was"
                " started and nothing was charged."
            )

    def rivals_of(self, payable: Payable) -> Sequence[Collection]:
        if payable.kind is PayableKind.TOP_UP:
            return ()
        statement = _RIVALS_OF_ACCOUNT if payable.kind.is_of_account else _RIVALS_OF_DOCUMENT
        values = {"customer_id": payable.customer_id, "payable_key": payable.key}
        rows = self._connection.execute(statement, values)
        return [self._collection(row) for row in rows.mappings().all()]

    def _require_no_rival(self, payable: Payable) -> None:
        """Refuses two routes to the same money, also where another daemon is just taking the other.

        The lock is the customer's; it lasts until the transaction ends. SQLite has one writer.
        """
        if payable.kind is PayableKind.TOP_UP:
            return
        if self._dialect == "postgresql":
            key = _CUSTOMER_LOCKS | (payable.customer_id & 0xFFFF_FFFF)
            self._connection.execute(_LOCK_CUSTOMER, {"key": key})
        if self.rivals_of(payable):
            raise LeaseHeldError(
                f"Customer {payable.customer_id} is already being charged for the same money as"
                f" {payable.key} by another route. Nothing was started and nothing was charged."
            )

    def latest_of_origin(self, origin: str) -> Collection | None:
        row = self._connection.execute(_OF_ORIGIN, {"origin": origin}).mappings().first()
        return self._collection(row) if row is not None else None

    def money_on_its_way(self, customer_id: int, currency: str) -> Money:
        values = {"customer_id": customer_id, "currency": currency}
        total = self._connection.execute(_ON_ITS_WAY, values).scalar()
        return Money(int(total or 0), currency)

    def save_collection(self, collection: Collection) -> None:
        values = {
            "of_id": collection.id,
            "of_version": collection.version,
            "to_state": collection.state,
            "to_payment": collection.splynx_payment_id,
        }
        result = self._connection.execute(_SAVE, values)
        self._must_change_one(result, f"Collection {collection.id}")

    def idle_collections(
        self, now: datetime, patience: timedelta, limit: int
    ) -> Sequence[Collection]:
        values = {"before": now - patience, "after": now + patience, "limit": limit}
        rows = self._connection.execute(_IDLE, values)
        return [self._collection(row) for row in rows.mappings().all()]

    def _collection(self, row: RowMapping) -> Collection:
        parts = self.parts_of(row["id"]) if row["kind"] == PayableKind.SEVERAL else ()
        return _collection(row, tuple(part.payable for part in parts))


def _collection(row: RowMapping, parts: tuple[Payable, ...]) -> Collection:
    amount, kind = row["set_amount_minor"], PayableKind(row["kind"])
    payable = Payable(
        partner_id=row["partner_id"],
        customer_id=row["splynx_customer_id"],
        kind=kind,
        document_id=row["document_id"],
        document_number=row["document_number"],
        currency=row["currency"],
        set_amount=Money(amount, row["currency"]) if amount else None,
        token="" if kind.document_kind else row["payable_key"].partition("/")[2],
        parts=parts,
    )
    return Collection(
        id=row["id"],
        payable=payable,
        route=Route(row["route"]),
        state=CollectionState(row["state"]),
        opened_at=row["opened_at"],
        version=row["version"],
        whole_id=row["whole_id"],
        part=row["part"],
        splynx_payment_id=row["splynx_payment_id"],
        origin=row["origin"],
    )
