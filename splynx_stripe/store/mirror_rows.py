"""What Splynx is to show of saved credentials, and which PaymentMethods are to be detached."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import RowMapping, bindparam, case, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from splynx_stripe.domain.credential import Slot
from splynx_stripe.domain.payment_account import Detachment, Mirror, Row
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.store.credential_tables import detachments, payment_account_mirrors
from splynx_stripe.store.rows import PerDialect, UnitPart, insert_unless_there

_m, _d = payment_account_mirrors.c, detachments.c
_PROGRESS = (
    "written",
    "announced",
    "sets_payment_method",
    "is_held",
    "tries",
    "last_error",
)


def _wanting() -> PerDialect:
    made: dict[str, sqlite.Insert | postgresql.Insert] = {
        "sqlite": sqlite.insert(payment_account_mirrors),
        "postgresql": postgresql.insert(payment_account_mirrors),
    }
    return {
        name: one.on_conflict_do_update(
            index_elements=[_m.splynx_customer_id, _m.slot],
            set_={
                "partner_id": one.excluded.partner_id,
                "due_at": one.excluded.due_at,
                "tries": 0,
                "changes": _m.changes + 1,
                "sets_payment_method": case(
                    (one.excluded.sets_payment_method == 1, 1), else_=_m.sets_payment_method
                ),
            },
        )
        for name, one in made.items()
    }


_WANT = _wanting()
_BY_KEY = select(payment_account_mirrors).where(
    _m.splynx_customer_id == bindparam("customer"), _m.slot == bindparam("slot")
)
_IS_DUE = (
    _m.due_at.is_not(None),
    _m.due_at <= bindparam("now", type_=_m.due_at.type),
    or_(
        _m.claimed_until.is_(None),
        _m.claimed_until <= bindparam("now", type_=_m.due_at.type),
    ),
)
_ANY_DUE = select(_m.slot).where(*_IS_DUE).limit(1)
_DUE = (
    select(_m.splynx_customer_id, _m.slot)
    .where(*_IS_DUE)
    .order_by(_m.due_at, _m.splynx_customer_id, _m.slot)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_OF_KEY = (_m.splynx_customer_id == bindparam("of_customer"), _m.slot == bindparam("of_slot"))
_CLAIM = (
    update(payment_account_mirrors)
    .where(*_OF_KEY)
    .values(claim=_m.claim + 1, claimed_until=bindparam("until", type_=_m.claimed_until.type))
)
_KEEP = (
    update(payment_account_mirrors)
    .where(*_OF_KEY, _m.claim == bindparam("of_claim"))
    .values({name: bindparam(f"to_{name}", type_=_m[name].type) for name in _PROGRESS})
)
_RELEASE = (
    update(payment_account_mirrors)
    .where(*_OF_KEY, _m.claim == bindparam("of_claim"))
    .values(
        claimed_until=None,
        # Whoever has asked again meanwhile is not answered by this.
        due_at=case(
            (
                _m.changes == bindparam("of_changes"),
                bindparam("to_due_at", type_=_m.due_at.type),
            ),
            else_=_m.due_at,
        ),
    )
)
_ADOPT = (
    update(payment_account_mirrors)
    .where(*_OF_KEY)
    .values(
        written=bindparam("to_written", type_=_m.written.type),
        sets_payment_method=0,
        is_held=0,
    )
)
_DETACH = insert_unless_there(detachments, [_d.account, _d.payment_method_id])
_DETACH_DUE = (
    select(detachments)
    .where(_d.due_at <= bindparam("now", type_=_d.due_at.type))
    .order_by(_d.due_at, _d.id)
    .limit(bindparam("limit"))
)
_DETACHED = delete(detachments).where(_d.id == bindparam("of_id"))
_DETACH_LATER = (
    update(detachments)
    .where(_d.id == bindparam("of_id"))
    .values(due_at=bindparam("to_due_at", type_=_d.due_at.type), tries=_d.tries + 1)
)


class MirrorRows(UnitPart):
    """The part of a unit that knows what is still to be done outside about credentials."""

    def want_mirror(
        self,
        customer_id: int,
        slot: Slot,
        *,
        partner_id: int,
        now: datetime,
        sets_payment_method: bool = False,
    ) -> None:
        values = {
            "splynx_customer_id": customer_id,
            "slot": slot,
            "partner_id": partner_id,
            "due_at": now,
            "written": {},
            "announced": {},
            "sets_payment_method": int(sets_payment_method),
            "is_held": 0,
            "tries": 0,
            "last_error": "",
            "claim": 0,
            "changes": 1,
        }
        self._connection.execute(_WANT[self._dialect], values)

    def mirror(self, customer_id: int, slot: Slot) -> Mirror | None:
        values = {"customer": customer_id, "slot": slot}
        row = self._connection.execute(_BY_KEY, values).mappings().first()
        return _mirror(row) if row is not None else None

    def has_due_mirrors(self, now: datetime) -> bool:
        return self._connection.execute(_ANY_DUE, {"now": now}).first() is not None

    def claim_mirrors(self, now: datetime, until: datetime, limit: int) -> Sequence[Mirror]:
        due = self._connection.execute(_DUE, {"now": now, "limit": limit}).all()
        claimed = []
        for customer_id, slot in due:
            key = {"of_customer": customer_id, "of_slot": slot}
            self._connection.execute(_CLAIM, key | {"until": until})
            found = self.mirror(customer_id, Slot(slot))
            claimed += [found] if found is not None else []
        return claimed

    def keep_mirror(self, mirror: Mirror) -> None:
        values = {f"to_{name}": getattr(mirror, name) for name in _PROGRESS}
        for flag in ("to_sets_payment_method", "to_is_held"):
            values[flag] = int(values[flag])
        result = self._connection.execute(_KEEP, values | _guard(mirror))
        self._must_change_one(result, _named(mirror))

    def release_mirror(self, mirror: Mirror, *, due_at: datetime | None) -> None:
        values = {"of_changes": mirror.changes, "to_due_at": due_at}
        result = self._connection.execute(_RELEASE, values | _guard(mirror))
        self._must_change_one(result, _named(mirror))

    def adopt_mirror(self, customer_id: int, slot: Slot, row: Row) -> None:
        values = {"of_customer": customer_id, "of_slot": slot, "to_written": row}
        self._connection.execute(_ADOPT, values)

    def want_detached(self, account: StripeAccount, method_id: str, *, now: datetime) -> None:
        values = {
            "account": account.key,
            "payment_method_id": method_id,
            "due_at": now,
            "tries": 0,
        }
        self._inserted(_DETACH, values)

    def detachments_due(self, now: datetime, limit: int) -> Sequence[Detachment]:
        rows = self._connection.execute(_DETACH_DUE, {"now": now, "limit": limit}).mappings()
        return [
            Detachment(
                id=row["id"],
                account=StripeAccount.from_key(row["account"]),
                payment_method_id=row["payment_method_id"],
                tries=row["tries"],
            )
            for row in rows
        ]

    def detached(self, detachment_id: int) -> None:
        self._connection.execute(_DETACHED, {"of_id": detachment_id})

    def detach_later(self, detachment_id: int, *, due_at: datetime) -> None:
        self._connection.execute(_DETACH_LATER, {"of_id": detachment_id, "to_due_at": due_at})


def _guard(mirror: Mirror) -> dict[str, object]:
    return {
        "of_customer": mirror.splynx_customer_id,
        "of_slot": mirror.slot,
        "of_claim": mirror.claim,
    }


def _named(mirror: Mirror) -> str:
    return f"The {mirror.slot} of customer {mirror.splynx_customer_id} in Splynx's payment account"


def _mirror(row: RowMapping) -> Mirror:
    return Mirror(
        splynx_customer_id=row["splynx_customer_id"],
        partner_id=row["partner_id"],
        slot=Slot(row["slot"]),
        due_at=row["due_at"],
        written=row["written"],
        announced=row["announced"],
        sets_payment_method=bool(row["sets_payment_method"]),
        is_held=bool(row["is_held"]),
        tries=row["tries"],
        last_error=row["last_error"],
        claim=row["claim"],
        changes=row["changes"],
    )
