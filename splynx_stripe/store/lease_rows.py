"""Named leases in the database, each with a fencing token that only ever rises."""

from __future__ import annotations

from datetime import datetime
from types import MappingProxyType

from sqlalchemy import RowMapping, bindparam, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from splynx_stripe.domain.errors import StaleWriteError
from splynx_stripe.domain.lease import FREE, Lease
from splynx_stripe.store.rows import PerDialect, UnitPart
from splynx_stripe.store.tables import leases

_l = leases.c
_MOMENT = _l.held_until.type
_BY_NAME = select(leases).where(_l.name == bindparam("name"))


def _take_if_over() -> PerDialect:
    """Makes the upsert that takes a lease which is new, free, or over."""
    is_over = or_(_l.holder == FREE, _l.held_until <= bindparam("now", type_=_MOMENT))
    lite, postgres = sqlite.insert(leases), postgresql.insert(leases)
    return MappingProxyType(
        {
            "sqlite": lite.on_conflict_do_update(
                index_elements=[_l.name],
                set_={
                    "holder": lite.excluded.holder,
                    "token": _l.token + 1,
                    "held_until": lite.excluded.held_until,
                },
                where=is_over,
            ).returning(_l.token),
            "postgresql": postgres.on_conflict_do_update(
                index_elements=[_l.name],
                set_={
                    "holder": postgres.excluded.holder,
                    "token": _l.token + 1,
                    "held_until": postgres.excluded.held_until,
                },
                where=is_over,
            ).returning(_l.token),
        }
    )


_TAKE = _take_if_over()
_HELD = (
    _l.name == bindparam("of_name"),
    _l.holder == bindparam("of_holder"),
    _l.token == bindparam("of_token"),
)
_KEEP = update(leases).where(*_HELD).values(held_until=bindparam("until", type_=_MOMENT))
_RELEASE = update(leases).where(*_HELD).values(holder=FREE)
_DISPLACE = (
    update(leases)
    .where(*_HELD, _l.held_until == bindparam("of_until", type_=_MOMENT))
    .values(
        holder=bindparam("to_holder"),
        token=_l.token + 1,
        held_until=bindparam("until", type_=_MOMENT),
    )
)
# The lock lets nobody take the lease before this transaction has ended.
_REQUIRE = select(_l.token).where(*_HELD).with_for_update(read=True)


class LeaseRows(UnitPart):
    """The part of a unit that knows named leases."""

    def lease(self, name: str) -> Lease | None:
        row = self._connection.execute(_BY_NAME, {"name": name}).mappings().first()
        return _lease(row) if row is not None else None

    def take_lease(self, name: str, holder: str, *, now: datetime, until: datetime) -> Lease | None:
        values = {"name": name, "holder": holder, "token": 1, "held_until": until, "now": now}
        token = self._connection.execute(_TAKE[self._dialect], values).scalar()
        return None if token is None else Lease(name, holder, int(token), until)

    def keep_lease(self, lease: Lease, *, until: datetime) -> Lease | None:
        kept = self._connection.execute(_KEEP, _held(lease) | {"until": until}).rowcount == 1
        return Lease(lease.name, lease.holder, lease.token, until) if kept else None

    def displace_lease(self, seen: Lease, holder: str, *, until: datetime) -> Lease | None:
        values = _held(seen) | {
            "of_until": seen.held_until,
            "to_holder": holder,
            "until": until,
        }
        if self._connection.execute(_DISPLACE, values).rowcount != 1:
            return None
        return Lease(seen.name, holder, seen.token + 1, until)

    def require_lease(self, lease: Lease) -> None:
        if self._connection.execute(_REQUIRE, _held(lease)).scalar() is None:
            raise StaleWriteError(
                f"Lease {lease.name} {lease.token} has gone to somebody else. Nothing was written."
            )

    def release_lease(self, lease: Lease) -> None:
        self._connection.execute(_RELEASE, _held(lease))


def _held(lease: Lease) -> dict[str, object]:
    return {"of_name": lease.name, "of_holder": lease.holder, "of_token": lease.token}


def _lease(row: RowMapping) -> Lease:
    return Lease(
        name=row["name"],
        holder=row["holder"],
        token=row["token"],
        held_until=row["held_until"],
    )
