"""Charge runs in the database, what they come to, and the emergency stop."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    Select,
    and_,
    bindparam,
    insert,
    or_,
    select,
    text,
    true,
    update,
)

from splynx_stripe.domain.charge_progress import ChargingStop, RunFilter, RunSearch
from splynx_stripe.domain.charge_run import ChargeRun, RunOrigin, RunState, Starter
from splynx_stripe.domain.charge_selection import selection_of_text, selection_text
from splynx_stripe.domain.guardrails import RunTotal
from splynx_stripe.domain.money import Money
from splynx_stripe.store.charge_run_tables import (
    RUN_HOLDS_ITS_PLACE,
    RUN_IS_LIVE,
    STOP_IS_IN_FORCE,
    charge_run_totals,
    charge_runs,
    charging_stops,
)
from splynx_stripe.store.rows import UnitPart, insert_unless_there

_r, _t, _s = charge_runs.c, charge_run_totals.c, charging_stops.c
_PROGRESS = (
    "state",
    "reason",
    "cursor",
    "planned_at",
    "confirmed_by",
    "confirmed_at",
    "second_by",
    "second_at",
    "ended_at",
)
_ADD = insert_unless_there(charge_runs, [_r.fingerprint], among=RUN_HOLDS_ITS_PLACE)
_BY_ID = select(charge_runs).where(_r.id == bindparam("id"))
_LIVE_OF = select(charge_runs).where(
    _r.fingerprint == bindparam("fingerprint"), text(RUN_HOLDS_ITS_PLACE)
)
_LIVE = select(charge_runs).where(text(RUN_IS_LIVE)).order_by(_r.id)
_IS_CHOSEN: dict[RunFilter | None, ColumnElement[bool]] = {
    None: true(),
    RunFilter.ALL: _r.is_rehearsal == 0,
    RunFilter.GOING_ON: and_(text(RUN_HOLDS_ITS_PLACE)),
    RunFilter.DONE: and_(_r.state == RunState.DONE, _r.is_rehearsal == 0),
    RunFilter.CANCELED: and_(_r.state == RunState.CANCELED, _r.is_rehearsal == 0),
    RunFilter.DRY_RUNS: _r.is_rehearsal == 1,
}


def _list_of(only: RunFilter | None) -> Select[tuple[object, ...]]:
    return (
        select(charge_runs)
        .where(
            or_(_r.id < bindparam("before"), bindparam("before") == ""),
            or_(_r.partner_id == bindparam("partner"), bindparam("partner") == 0),
            or_(_r.starter == bindparam("starter"), bindparam("starter") == ""),
            # A selection is always written in the same way, so its kind can be found in the text.
            _r.selection.like(bindparam("kind")),
            _IS_CHOSEN[only],
        )
        .order_by(_r.id.desc())
        .limit(bindparam("limit"))
    )


_LISTS = {only: _list_of(only) for only in (None, *RunFilter)}
_SAVE = (
    update(charge_runs)
    .where(_r.id == bindparam("of_id"), _r.version == bindparam("of_version"))
    .values({name: bindparam(f"to_{name}", type_=_r[name].type) for name in _PROGRESS})
    .values(version=_r.version + 1)
)
_ADD_TOTAL = insert(charge_run_totals)
_TOTALS = (
    select(charge_run_totals)
    .where(_t.run_id == bindparam("run"))
    .order_by(_t.partner_id, _t.currency)
)
_PAST = (
    select(_t.amount_minor)
    .join(charge_runs, _r.id == _t.run_id)
    .where(
        _r.family == bindparam("family"),
        _r.state == RunState.DONE,
        _r.is_rehearsal == 0,
        _t.partner_id == bindparam("partner"),
        _t.currency == bindparam("currency"),
    )
    .order_by(_r.id.desc())
    .limit(bindparam("limit"))
)
_STOP = insert_unless_there(charging_stops, [_s.scope], among=STOP_IS_IN_FORCE)
_IN_FORCE = select(charging_stops).where(text(STOP_IS_IN_FORCE))
_RESUME = (
    update(charging_stops)
    .where(text(STOP_IS_IN_FORCE))
    .values(
        resumed_by=bindparam("by"),
        resumed_at=bindparam("now", type_=_s.resumed_at.type),
        note=bindparam("to_note", type_=_s.note.type),
    )
)


class ChargeRunRows(UnitPart):
    """The part of a unit that knows charge runs and the emergency stop."""

    def add_charge_run(self, run: ChargeRun) -> bool:
        values = {
            "id": run.id,
            "fingerprint": run.selection.fingerprint,
            "family": run.selection.family,
            "selection": selection_text(run.selection),
            "partner_id": run.partner_id,
            "starter": run.origin.starter,
            "rule_id": run.origin.rule_id,
            "is_rehearsal": int(run.is_rehearsal),
            "made_by": run.made_by,
            "made_at": run.made_at,
            "version": run.version,
        }
        return self._inserted(_ADD, values | {name: getattr(run, name) for name in _PROGRESS})

    def charge_run(self, run_id: str) -> ChargeRun | None:
        row = self._connection.execute(_BY_ID, {"id": run_id}).mappings().first()
        return _run(row) if row is not None else None

    def live_charge_run(self, fingerprint: str) -> ChargeRun | None:
        found = self._connection.execute(_LIVE_OF, {"fingerprint": fingerprint})
        row = found.mappings().first()
        return _run(row) if row is not None else None

    def live_charge_runs(self) -> Sequence[ChargeRun]:
        return [_run(row) for row in self._connection.execute(_LIVE, {}).mappings()]

    def charge_runs(
        self, *, before: str, limit: int, partner_id: int, search: RunSearch | None = None
    ) -> Sequence[ChargeRun]:
        kind = search.kind if search else None
        values = {
            "before": before,
            "limit": limit,
            "partner": partner_id,
            "starter": (search.starter if search else None) or "",
            "kind": f'%"kind":"{kind}"%' if kind else "%",
        }
        found = self._connection.execute(_LISTS[search.only if search else None], values)
        return [_run(row) for row in found.mappings()]

    def save_charge_run(self, run: ChargeRun) -> None:
        values = {f"to_{name}": getattr(run, name) for name in _PROGRESS}
        values |= {"of_id": run.id, "of_version": run.version}
        self._must_change_one(self._connection.execute(_SAVE, values), f"Charge run {run.id}")

    def add_run_total(self, run_id: str, total: RunTotal) -> None:
        values = {
            "run_id": run_id,
            "partner_id": total.partner_id,
            "currency": total.amount.currency,
            "amount_minor": total.amount.minor_units,
            "charged": total.charged,
            "median_minor": total.median.minor_units if total.median else None,
        }
        self._connection.execute(_ADD_TOTAL, values)

    def run_totals(self, run_id: str) -> Sequence[RunTotal]:
        rows = self._connection.execute(_TOTALS, {"run": run_id})
        return [_total(row) for row in rows.mappings()]

    def past_run_totals(
        self, family: str, *, partner_id: int, currency: str, limit: int
    ) -> Sequence[Money]:
        values = {"family": family, "partner": partner_id, "currency": currency, "limit": limit}
        found = self._connection.execute(_PAST, values).scalars()
        return [Money(amount, currency) for amount in found]

    def charging_stop(self) -> ChargingStop | None:
        row = self._connection.execute(_IN_FORCE, {}).mappings().first()
        if row is None:
            return None
        return ChargingStop(row["id"], row["reason"], row["stopped_by"], row["stopped_at"])

    def add_charging_stop(self, *, reason: str, by: str, now: datetime) -> bool:
        values = {
            "scope": "all",
            "reason": reason,
            "stopped_by": by,
            "stopped_at": now,
            "resumed_by": "",
            "note": "",
        }
        return self._inserted(_STOP, values)

    def end_charging_stop(self, *, by: str, note: str, now: datetime) -> bool:
        values = {"by": by, "to_note": note, "now": now}
        return self._connection.execute(_RESUME, values).rowcount > 0


def _run(row: RowMapping) -> ChargeRun:
    return ChargeRun(
        id=row["id"],
        selection=selection_of_text(row["selection"]),
        origin=RunOrigin(Starter(row["starter"]), row["rule_id"]),
        is_rehearsal=bool(row["is_rehearsal"]),
        made_by=row["made_by"],
        made_at=row["made_at"],
        version=row["version"],
        state=RunState(row["state"]),
        **{name: row[name] for name in _PROGRESS if name != "state"},
    )


def _total(row: RowMapping) -> RunTotal:
    currency, middle = row["currency"], row["median_minor"]
    return RunTotal(
        partner_id=row["partner_id"],
        amount=Money(row["amount_minor"], currency),
        charged=row["charged"],
        median=None if middle is None else Money(middle, currency),
    )
