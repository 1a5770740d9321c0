"""Rules of auto charge in the database; the key (rule, day) makes each day act once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, time
from types import MappingProxyType

from sqlalchemy import RowMapping, bindparam, delete, insert, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from splynx_stripe.domain.charge_rule import (
    ChargeRule,
    MissedPolicy,
    RuleCalendar,
    RuleTiming,
    RuleWatch,
)
from splynx_stripe.domain.charge_rule_day import RuleDay, RuleDayState
from splynx_stripe.domain.charge_selection import selection_of_text, selection_text
from splynx_stripe.store.charge_rule_tables import (
    RULE_DAY_IS_PLANNING,
    charge_rule_days,
    charge_rule_watches,
    charge_rules,
)
from splynx_stripe.store.rows import PerDialect, UnitPart, insert_unless_there

_r, _w, _d = charge_rules.c, charge_rule_watches.c, charge_rule_days.c
_RULES = select(charge_rules).order_by(_r.id)
_RULE = select(charge_rules).where(_r.id == bindparam("id"))
_ADD_RULE = insert(charge_rules)
_SAVE_RULE = (
    update(charge_rules)
    .where(_r.id == bindparam("of_id"), _r.version == bindparam("of_version"))
    .values(
        {
            column.name: bindparam(f"new_{column.name}", type_=column.type)
            for column in charge_rules.columns
            if column.name != "id"
        }
    )
)
_DELETE_RULE = delete(charge_rules).where(
    _r.id == bindparam("of_id"), _r.version == bindparam("of_version")
)
_WATCHES = select(charge_rule_watches)
_UNWATCH = delete(charge_rule_watches).where(_w.rule_id == bindparam("of_id"))
_ADD_DAY = insert_unless_there(charge_rule_days, [_d.rule_id, _d.day])
_DAY = select(charge_rule_days).where(_d.rule_id == bindparam("id"), _d.day == bindparam("day"))
_SAVE_DAY = (
    update(charge_rule_days)
    .where(
        _d.rule_id == bindparam("of_id"),
        _d.day == bindparam("of_day"),
        _d.version == bindparam("of_version"),
    )
    .values(
        state=bindparam("new_state"),
        note=bindparam("new_note", type_=_d.note.type),
        version=_d.version + 1,
    )
)
_PLANNING = (
    select(charge_rule_days)
    .where(text(RULE_DAY_IS_PLANNING))
    .order_by(_d.acted_at, _d.rule_id)
    .limit(bindparam("limit"))
)
_NEWEST = (
    select(charge_rule_days)
    .where(or_(bindparam("partner") == 0, _d.partner_id == bindparam("partner")))
    .order_by(_d.acted_at.desc(), _d.day.desc(), _d.rule_id)
    .limit(bindparam("limit"))
)


def _watch() -> PerDialect:
    lite, postgres = sqlite.insert(charge_rule_watches), postgresql.insert(charge_rule_watches)
    changed = ("calendar", "acts_from")
    return MappingProxyType(
        {
            "sqlite": lite.on_conflict_do_update(
                index_elements=[_w.rule_id], set_={name: lite.excluded[name] for name in changed}
            ),
            "postgresql": postgres.on_conflict_do_update(
                index_elements=[_w.rule_id],
                set_={name: postgres.excluded[name] for name in changed},
            ),
        }
    )


_WATCH = _watch()


class ChargeRuleRows(UnitPart):
    """The part of a unit that knows the rules of auto charge."""

    def charge_rules(self) -> Sequence[ChargeRule]:
        return [_rule(row) for row in self._connection.execute(_RULES).mappings()]

    def charge_rule(self, rule_id: str) -> ChargeRule | None:
        row = self._connection.execute(_RULE, {"id": rule_id}).mappings().first()
        return _rule(row) if row is not None else None

    def add_charge_rule(self, rule: ChargeRule) -> None:
        self._connection.execute(_ADD_RULE, {"id": rule.id, **_values(rule)})

    def save_charge_rule(self, rule: ChargeRule) -> None:
        values = {f"new_{name}": value for name, value in _values(rule).items()}
        guard = {"of_id": rule.id, "of_version": rule.version - 1}
        result = self._connection.execute(_SAVE_RULE, values | guard)
        self._must_change_one(result, f"The rule {rule.id}")

    def delete_charge_rule(self, rule: ChargeRule) -> None:
        guard = {"of_id": rule.id, "of_version": rule.version}
        result = self._connection.execute(_DELETE_RULE, guard)
        self._must_change_one(result, f"The rule {rule.id}")

    def rule_watches(self) -> Mapping[str, RuleWatch]:
        rows = self._connection.execute(_WATCHES).mappings()
        watches = [RuleWatch(row["rule_id"], row["calendar"], row["acts_from"]) for row in rows]
        return {watch.rule_id: watch for watch in watches}

    def watch_rule(self, watch: RuleWatch) -> None:
        values = {
            "rule_id": watch.rule_id,
            "calendar": watch.calendar,
            "acts_from": watch.acts_from,
        }
        self._connection.execute(_WATCH[self._dialect], values)

    def unwatch_rule(self, rule_id: str) -> None:
        self._connection.execute(_UNWATCH, {"of_id": rule_id})

    def add_rule_day(self, rule_day: RuleDay) -> bool:
        values = {
            "rule_id": rule_day.rule_id,
            "day": rule_day.day.isoformat(),
            "rule_name": rule_day.rule_name,
            "partner_id": rule_day.partner_id,
            "moment": rule_day.moment,
            "acted_at": rule_day.acted_at,
            "state": rule_day.state,
            "run_id": rule_day.run_id,
            "is_dry_run": int(rule_day.is_dry_run),
            "note": rule_day.note,
            "version": rule_day.version,
        }
        return self._inserted(_ADD_DAY, values)

    def rule_day(self, rule_id: str, day: date) -> RuleDay | None:
        values = {"id": rule_id, "day": day.isoformat()}
        row = self._connection.execute(_DAY, values).mappings().first()
        return _day(row) if row is not None else None

    def save_rule_day(self, rule_day: RuleDay) -> None:
        values = {
            "of_id": rule_day.rule_id,
            "of_day": rule_day.day.isoformat(),
            "of_version": rule_day.version,
            "new_state": rule_day.state.value,
            "new_note": rule_day.note,
        }
        result = self._connection.execute(_SAVE_DAY, values)
        self._must_change_one(result, f"The day {rule_day.day} of the rule {rule_day.rule_id}")

    def rule_days_in_planning(self, limit: int) -> Sequence[RuleDay]:
        rows = self._connection.execute(_PLANNING, {"limit": limit}).mappings()
        return [_day(row) for row in rows]

    def newest_rule_days(self, *, partner_id: int, limit: int) -> Sequence[RuleDay]:
        values = {"partner": partner_id, "limit": limit}
        return [_day(row) for row in self._connection.execute(_NEWEST, values).mappings()]


def _values(rule: ChargeRule) -> dict[str, object]:
    calendar = rule.calendar
    return {
        "name": rule.name,
        "selection": selection_text(rule.selection),
        "timing": calendar.timing,
        "at": f"{calendar.at:%H:%M}",
        "days": calendar.days,
        "days_back": calendar.days_back,
        "is_enabled": int(rule.is_enabled),
        "is_dry_run": int(rule.is_dry_run),
        "missed": rule.missed,
        "late_hours": rule.late_hours,
        "version": rule.version,
        "changed_at": rule.changed_at,
        "changed_by": rule.changed_by,
    }


def _rule(row: RowMapping) -> ChargeRule:
    return ChargeRule(
        id=row["id"],
        name=row["name"],
        selection=selection_of_text(row["selection"]),
        calendar=RuleCalendar(
            timing=RuleTiming(row["timing"]),
            at=time.fromisoformat(row["at"]),
            days=row["days"],
            days_back=row["days_back"],
        ),
        is_enabled=bool(row["is_enabled"]),
        is_dry_run=bool(row["is_dry_run"]),
        missed=MissedPolicy(row["missed"]),
        late_hours=row["late_hours"],
        version=row["version"],
        changed_at=row["changed_at"],
        changed_by=row["changed_by"],
    )


def _day(row: RowMapping) -> RuleDay:
    return RuleDay(
        rule_id=row["rule_id"],
        day=date.fromisoformat(row["day"]),
        rule_name=row["rule_name"],
        partner_id=row["partner_id"],
        moment=row["moment"],
        acted_at=row["acted_at"],
        state=RuleDayState(row["state"]),
        run_id=row["run_id"],
        is_dry_run=bool(row["is_dry_run"]),
        note=row["note"],
        version=row["version"],
    )
