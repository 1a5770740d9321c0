"""The comparison of customers in the database: each mapping with what was sent, and the round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    Table,
    and_,
    bindparam,
    delete,
    func,
    literal,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from splynx_stripe.domain.attempt import AttemptState
from splynx_stripe.domain.customer_sync import (
    MappedCustomer,
    Phase,
    SeenCustomer,
    SharedMethod,
    Standing,
    SyncRound,
    Twice,
)
from splynx_stripe.domain.errors import StaleWriteError
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.store.credential_tables import CREDENTIAL_IS_USABLE_AND_MARKED, credentials
from splynx_stripe.store.customer_sync_tables import (
    customer_sightings,
    customer_sync_rounds,
    customer_syncs,
)
from splynx_stripe.store.rows import PerDialect, UnitPart, insert_unless_there
from splynx_stripe.store.tables import ATTEMPT_IS_LIVE, attempts, stripe_customers

_SINGLETON = 1

_s, _y, _g = stripe_customers.c, customer_syncs.c, customer_sightings.c
_r, _c, _a = customer_sync_rounds.c, credentials.c, attempts.c


def _saving(table: Table, *key: str) -> PerDialect:
    changed = [column.name for column in table.columns if column.name not in key]
    made: dict[str, sqlite.Insert | postgresql.Insert] = {
        "sqlite": sqlite.insert(table),
        "postgresql": postgresql.insert(table),
    }
    return MappingProxyType(
        {
            name: one.on_conflict_do_update(
                index_elements=[table.c[each] for each in key],
                set_={each: one.excluded[each] for each in changed},
            )
            for name, one in made.items()
        }
    )


_TOLD = stripe_customers.outerjoin(
    customer_syncs,
    and_(
        _y.account == _s.account,
        _y.splynx_customer_id == _s.splynx_customer_id,
        _y.stripe_customer_id == _s.stripe_customer_id,  # of another one it says nothing
    ),
)
_SEEN = _TOLD.outerjoin(
    customer_sightings,
    and_(_g.account == _s.account, _g.stripe_customer_id == _s.stripe_customer_id),
)
_MAPPED = select(
    _s.account,
    _s.splynx_customer_id,
    _s.stripe_customer_id,
    _y.standing,
    _y.digest,
    _y.note,
)
_IN_ORDER = (_s.splynx_customer_id, _s.account)
_BEHIND: ColumnElement[bool] = or_(
    _s.splynx_customer_id > bindparam("customer"),
    and_(_s.splynx_customer_id == bindparam("customer"), _s.account > bindparam("account")),
)
_NEXT = _MAPPED.select_from(_TOLD).where(_BEHIND).order_by(*_IN_ORDER).limit(bindparam("rows"))
_UNTOLD = (
    _MAPPED.select_from(_TOLD)
    .where(
        or_(
            _y.standing.is_(None),
            and_(
                _y.standing == Standing.WAITING.value,
                _y.looked_at < bindparam("before", type_=_y.looked_at.type),
            ),
        )
    )
    .order_by(*_IN_ORDER)
    .limit(bindparam("rows"))
)
_STANDING = (
    _MAPPED.select_from(_TOLD)
    .where(_y.standing == bindparam("standing"))
    .order_by(*_IN_ORDER)
    .limit(bindparam("rows"))
)
_UNSEEN = (
    _MAPPED.select_from(_SEEN)
    .where(
        _s.account == bindparam("account"),
        or_(_g.round.is_(None), _g.round < bindparam("round")),
    )
    .order_by(*_IN_ORDER)
    .limit(bindparam("rows"))
)
_COUNTS = (
    select(
        func.coalesce(_y.standing, literal(Standing.WAITING.value)).label("standing"),
        func.count().label("customers"),
    )
    .select_from(_TOLD)
    .group_by(_y.standing)
)
_SAVE = _saving(customer_syncs, "account", "splynx_customer_id")
_FORGET_SYNC = delete(customer_syncs).where(
    _y.account == bindparam("account"),
    _y.splynx_customer_id == bindparam("customer"),
    _y.stripe_customer_id == bindparam("stripe_customer"),
)
_FORGET = delete(stripe_customers).where(
    _s.account == bindparam("account"),
    _s.splynx_customer_id == bindparam("customer"),
    _s.stripe_customer_id == bindparam("stripe_customer"),
)
_ADOPT = insert_unless_there(stripe_customers, [_s.account, _s.splynx_customer_id])
_CHARGED = (
    select(_a.id)
    .where(
        _a.account == bindparam("account"),
        _a.stripe_customer_id == bindparam("stripe_customer"),
        text(ATTEMPT_IS_LIVE),
        # A bank debit on its way takes days and needs nothing more of the customer at Stripe.
        _a.state != AttemptState.PROCESSING.value,
    )
    .limit(1)
)
_ROUND = select(customer_sync_rounds)
_ADD_ROUND = insert_unless_there(customer_sync_rounds, [_r.singleton])
_CHANGING = ("number", "phase", "cursor", "started_at", "finished_at", "counts", "note", "version")
_SAVE_ROUND = (
    update(customer_sync_rounds)
    .where(_r.version == bindparam("of_version"))
    .values({name: bindparam(f"to_{name}", type_=_r[name].type) for name in _CHANGING})
)
_SAVE_SIGHTING = _saving(customer_sightings, "account", "stripe_customer_id")
_FORGET_SIGHTING = delete(customer_sightings).where(
    _g.account == bindparam("account"), _g.stripe_customer_id == bindparam("stripe_customer")
)
_FORGET_SIGHTINGS = delete(customer_sightings).where(
    _g.account == bindparam("account"), _g.round < bindparam("round")
)
_SEVERAL = (
    select(_g.account, _g.splynx_customer_id)
    .group_by(_g.account, _g.splynx_customer_id)
    .having(func.count() > 1)
    .order_by(_g.account, _g.splynx_customer_id)
    .limit(bindparam("rows"))
)
_SEEN_OF = (
    select(_g.stripe_customer_id)
    .where(_g.account == bindparam("account"), _g.splynx_customer_id == bindparam("customer"))
    .order_by(_g.created.desc(), _g.stripe_customer_id)
)
_MAPPED_TO = select(_s.stripe_customer_id).where(
    _s.account == bindparam("account"), _s.splynx_customer_id == bindparam("customer")
)
_SHARED = (
    select(_c.account, _c.kind, _c.mark)
    .where(text(CREDENTIAL_IS_USABLE_AND_MARKED))
    .group_by(_c.account, _c.kind, _c.mark)
    .having(func.count(_c.splynx_customer_id.distinct()) > 1)
    .order_by(_c.account, _c.mark)
    .limit(bindparam("rows"))
)
_SHARING = (
    select(_c.splynx_customer_id)
    .distinct()
    .where(
        _c.account == bindparam("account"),
        _c.kind == bindparam("kind"),
        _c.mark == bindparam("mark"),
        text(CREDENTIAL_IS_USABLE_AND_MARKED),
    )
    .order_by(_c.splynx_customer_id)
)


class CustomerSyncRows(UnitPart):
    """The part of a unit that knows the comparison of customers."""

    def mapped_customers(self, *, after: str, limit: int) -> Sequence[MappedCustomer]:
        customer, _, account = after.partition("/")
        values = {"customer": int(customer or 0), "account": account, "rows": limit}
        return [_mapped(row) for row in self._connection.execute(_NEXT, values).mappings()]

    def untold_customers(self, *, tried_before: datetime, limit: int) -> Sequence[MappedCustomer]:
        values = {"before": tried_before, "rows": limit}
        return [_mapped(row) for row in self._connection.execute(_UNTOLD, values).mappings()]

    def customers_standing(self, standing: Standing, limit: int) -> Sequence[MappedCustomer]:
        values = {"standing": standing.value, "rows": limit}
        return [_mapped(row) for row in self._connection.execute(_STANDING, values).mappings()]

    def save_customer_sync(self, mapped: MappedCustomer, looked_at: datetime) -> None:
        values = {
            "account": mapped.account.key,
            "splynx_customer_id": mapped.splynx_customer_id,
            "stripe_customer_id": mapped.stripe_customer_id,
            "standing": (mapped.standing or Standing.WAITING).value,
            "digest": mapped.digest,
            "note": mapped.note,
            "looked_at": looked_at,
        }
        self._connection.execute(_SAVE[self._dialect], values)

    def forget_stripe_customer(self, mapped: MappedCustomer) -> bool:
        of_stripe = {
            "account": mapped.account.key,
            "stripe_customer": mapped.stripe_customer_id,
        }
        values = of_stripe | {"customer": mapped.splynx_customer_id}
        self._connection.execute(_FORGET_SYNC, values)
        self._connection.execute(_FORGET_SIGHTING, of_stripe)
        return self._connection.execute(_FORGET, values).rowcount > 0

    def adopt_stripe_customer(self, account: StripeAccount, customer_id: int, found: str) -> bool:
        values = {
            "account": account.key,
            "splynx_customer_id": customer_id,
            "stripe_customer_id": found,
        }
        return self._inserted(_ADOPT, values)

    def is_being_charged(self, account: StripeAccount, stripe_customer_id: str) -> bool:
        values = {"account": account.key, "stripe_customer": stripe_customer_id}
        return self._connection.execute(_CHARGED, values).first() is not None

    def sync_round(self) -> SyncRound | None:
        row = self._connection.execute(_ROUND).mappings().first()
        if row is None:
            return None
        return SyncRound(
            number=row["number"],
            phase=Phase(row["phase"]),
            started_at=row["started_at"],
            cursor=row["cursor"],
            finished_at=row["finished_at"],
            counts={name: int(count) for name, count in row["counts"].items()},
            note=row["note"],
            version=row["version"],
        )

    def save_sync_round(self, sync_round: SyncRound) -> SyncRound:
        saved = replace(sync_round, version=sync_round.version + 1)
        values = {
            "number": saved.number,
            "phase": saved.phase.value,
            "cursor": saved.cursor,
            "started_at": saved.started_at,
            "finished_at": saved.finished_at,
            "counts": {name: str(count) for name, count in saved.counts.items()},
            "note": saved.note,
            "version": saved.version,
        }
        if sync_round.version == 0:
            if not self._inserted(_ADD_ROUND, values | {"singleton": _SINGLETON}):
                raise StaleWriteError("Somebody else has just begun to compare customers.")
            return saved
        changed = {f"to_{name}": value for name, value in values.items()}
        guard = {"of_version": sync_round.version}
        result = self._connection.execute(_SAVE_ROUND, changed | guard)
        self._must_change_one(result, "The comparison of customers")
        return saved

    def save_sighting(
        self, account: StripeAccount, seen: SeenCustomer, customer_id: int, sync_round: SyncRound
    ) -> None:
        values = {
            "account": account.key,
            "stripe_customer_id": seen.id,
            "splynx_customer_id": customer_id,
            "created": seen.created,
            "round": sync_round.number,
        }
        self._connection.execute(_SAVE_SIGHTING[self._dialect], values)

    def unseen_customers(
        self, account: StripeAccount, sync_round: SyncRound, limit: int
    ) -> Sequence[MappedCustomer]:
        values = {"account": account.key, "round": sync_round.number, "rows": limit}
        return [_mapped(row) for row in self._connection.execute(_UNSEEN, values).mappings()]

    def forget_sightings_before(self, account: StripeAccount, sync_round: SyncRound) -> None:
        values = {"account": account.key, "round": sync_round.number}
        self._connection.execute(_FORGET_SIGHTINGS, values)

    def customers_twice(self, limit: int) -> Sequence[Twice]:
        found = self._connection.execute(_SEVERAL, {"rows": limit}).all()
        return [self._twice(account, customer) for account, customer in found]

    def _twice(self, account: str, customer: int) -> Twice:
        values = {"account": account, "customer": customer}
        kept = str(self._connection.execute(_MAPPED_TO, values).scalar() or "")
        seen = [str(row[0]) for row in self._connection.execute(_SEEN_OF, values)]
        others = tuple(each for each in seen if each != kept)
        return Twice(StripeAccount.from_key(account), customer, kept, others)

    def shared_methods(self, limit: int) -> Sequence[SharedMethod]:
        found = self._connection.execute(_SHARED, {"rows": limit}).all()
        return [self._shared(account, kind, mark) for account, kind, mark in found]

    def _shared(self, account: str, kind: str, mark: str) -> SharedMethod:
        values = {"account": account, "kind": kind, "mark": mark}
        sharing = tuple(row[0] for row in self._connection.execute(_SHARING, values))
        return SharedMethod(StripeAccount.from_key(account), kind, sharing)

    def sync_standings(self) -> Mapping[Standing, int]:
        counts = dict.fromkeys(Standing, 0)
        for standing, customers in self._connection.execute(_COUNTS):
            counts[Standing(standing)] += customers
        return counts


def _mapped(row: RowMapping) -> MappedCustomer:
    return MappedCustomer(
        account=StripeAccount.from_key(row["account"]),
        splynx_customer_id=row["splynx_customer_id"],
        stripe_customer_id=row["stripe_customer_id"],
        standing=Standing(row["standing"]) if row["standing"] else None,
        digest=row["digest"] or "",
        note=row["note"] or "",
    )
