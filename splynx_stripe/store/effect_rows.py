"""Effects in the database: stored with the state that causes them, claimed by who does them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import RowMapping, bindparam, or_, select, text, update

from splynx_stripe.domain.effect import Effect, EffectKind, EffectState, StoredEffect
from splynx_stripe.store.rows import UnitPart, claim_of, claimed, insert_unless_there
from splynx_stripe.store.tables import EFFECT_IS_PENDING, effects

_e = effects.c
_PROGRESS = ("state", "tries", "next_at", "claimed_until", "posting_at", "last_error")
_ADD = insert_unless_there(effects, [_e.key])
_BY_KEY = select(effects).where(_e.key == bindparam("key"))
_DUE = (
    select(_e.id)
    .where(text(EFFECT_IS_PENDING))
    .where(_e.next_at <= bindparam("now", type_=_e.next_at.type))
    .where(
        or_(
            _e.claimed_until.is_(None),
            _e.claimed_until <= bindparam("now", type_=_e.next_at.type),
        )
    )
    .order_by(_e.next_at, _e.id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_CLAIM = claim_of(effects)
_SAVE = (
    update(effects)
    .where(_e.id == bindparam("of_id"), _e.claim == bindparam("of_claim"))
    .values({name: bindparam(f"to_{name}", type_=_e[name].type) for name in _PROGRESS})
)

_RETRY = (
    update(effects)
    .where(_e.key == bindparam("of_key"), _e.state == EffectState.FAILED)
    .values(
        state=EffectState.PENDING,
        next_at=bindparam("to_next_at", type_=_e.next_at.type),
        deadline_at=bindparam("to_deadline_at", type_=_e.deadline_at.type),
    )
)

_RELEASE = update(effects).where(_e.claimed_until.is_not(None)).values(claimed_until=None)


class EffectRows(UnitPart):
    """The part of a unit that knows effects."""

    def add_effect(
        self, effect: Effect, *, attempt_id: str, now: datetime, deadline_at: datetime
    ) -> bool:
        values = {
            "kind": effect.kind,
            "key": effect.key,
            "attempt_id": attempt_id,
            "state": EffectState.PENDING,
            "tries": 0,
            "next_at": now,
            "deadline_at": deadline_at,
            "claim": 0,
            "last_error": "",
            "collection_id": effect.collection_id,
        }
        return self._inserted(_ADD, values)

    def effect(self, key: str) -> StoredEffect | None:
        row = self._connection.execute(_BY_KEY, {"key": key}).mappings().first()
        return _effect(row) if row is not None else None

    def retry_effect(self, key: str, *, now: datetime, deadline_at: datetime) -> bool:
        """Lets an effect that was given to a person be carried out again. False: it was not."""
        values = {"of_key": key, "to_next_at": now, "to_deadline_at": deadline_at}
        return self._connection.execute(_RETRY, values).rowcount == 1

    def release_effects(self) -> int:
        """Takes all claims back; right only when nobody else can be at work (a lone daemon's start)."""
        return self._connection.execute(_RELEASE).rowcount

    def claim_effects(self, now: datetime, until: datetime, limit: int) -> Sequence[StoredEffect]:
        # Two statements: an UPDATE with a locking subquery may lock more rows than its LIMIT.
        due = self._connection.execute(_DUE, {"now": now, "limit": limit}).scalars().all()
        if not due:
            return []
        rows = self._connection.execute(_CLAIM(len(due)), claimed(due) | {"until": until})
        taken = [_effect(row) for row in rows.mappings()]
        return sorted(taken, key=lambda effect: (effect.next_at, effect.id))

    def save_effect(self, effect: StoredEffect) -> None:
        values = {f"to_{name}": getattr(effect, name) for name in _PROGRESS}
        guard = {"of_id": effect.id, "of_claim": effect.claim}
        result = self._connection.execute(_SAVE, values | guard)
        self._must_change_one(result, f"Effect {effect.key}")


def _effect(row: RowMapping) -> StoredEffect:
    return StoredEffect(
        id=row["id"],
        kind=EffectKind(row["kind"]),
        key=row["key"],
        attempt_id=row["attempt_id"],
        state=EffectState(row["state"]),
        tries=row["tries"],
        next_at=row["next_at"],
        deadline_at=row["deadline_at"],
        claim=row["claim"],
        claimed_until=row["claimed_until"],
        posting_at=row["posting_at"],
        last_error=row["last_error"],
        collection_id=row["collection_id"],
    )
