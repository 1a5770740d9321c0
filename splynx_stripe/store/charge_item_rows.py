"""The items of charge runs in the database; their plan is only ever added, never written again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import RowMapping, bindparam, func, select, text, update

from splynx_stripe.domain.attempt import AttemptState
from splynx_stripe.domain.charge_plan import Reason, Verdict
from splynx_stripe.domain.charge_progress import PlanGroup, Tally, outcome_of
from splynx_stripe.domain.charge_run import ItemOutcome, ItemStanding, RunItem
from splynx_stripe.domain.collection import LIVE_COLLECTION_STATES, CollectionState
from splynx_stripe.domain.effect import EffectKind
from splynx_stripe.domain.guardrails import RunTotal
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import Payable, PayableKind
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.store.charge_run_tables import (
    ITEM_HAS_COLLECTION,
    ITEM_IS_OPEN,
    LINK_WAS_SENT,
    charge_run_items,
)
from splynx_stripe.store.credential_tables import CREDENTIAL_IS_PRESENT, credentials
from splynx_stripe.store.rows import UnitPart, insert_unless_there
from splynx_stripe.store.tables import (
    EFFECT_IS_PENDING,
    attempts,
    collections,
    effects,
    one_of,
)

_i, _c, _a = charge_run_items.c, collections.c, attempts.c
_IS_CHARGED = one_of("verdict", [verdict for verdict in Verdict if verdict.is_charged])
_TOOK_OR_MAY_TAKE = one_of(
    "state", [*LIVE_COLLECTION_STATES, CollectionState.BOOKED, CollectionState.LATE]
)
_ADD = insert_unless_there(charge_run_items, [_i.run_id, _i.payable_key])
_OF_RUN = select(charge_run_items).where(_i.run_id == bindparam("run"))
_BY_NUMBER = _OF_RUN.where(_i.number == bindparam("number"))
_LAST_NUMBER = select(func.max(_i.number)).where(_i.run_id == bindparam("run"))
_OPEN = (
    _OF_RUN.where(text(ITEM_IS_OPEN), _i.account == bindparam("account"))
    .where(_i.number > bindparam("after"))
    .order_by(_i.number)
    .limit(bindparam("limit"))
)
_OPEN_COUNT = select(func.count()).where(_i.run_id == bindparam("run"), text(ITEM_IS_OPEN))
_OPEN_ACCOUNTS = (
    select(_i.account).distinct().where(_i.run_id == bindparam("run"), text(ITEM_IS_OPEN))
)
_SAVE = (
    update(charge_run_items)
    .where(
        _i.run_id == bindparam("of_run"),
        _i.number == bindparam("of_number"),
        _i.standing == bindparam("of_standing"),
    )
    .values(
        standing=bindparam("to_standing"),
        collection_id=bindparam("to_collection_id"),
        note=bindparam("to_note"),
        ended_at=bindparam("to_ended_at", type_=_i.ended_at.type),
    )
)
_LEAVE = (
    update(charge_run_items)
    .where(_i.run_id == bindparam("of_run"), _i.standing == bindparam("of_standing"))
    .values(standing=bindparam("to_standing"), ended_at=bindparam("now", type_=_i.ended_at.type))
)
_SUMS = (
    select(
        _i.partner_id,
        _i.currency,
        func.sum(_i.amount_minor).label("amount"),
        func.count().label("charged"),
    )
    .where(_i.run_id == bindparam("run"), text(_IS_CHARGED))
    .group_by(_i.partner_id, _i.currency)
    .order_by(_i.partner_id, _i.currency)
)
_PLANNED_FOR = select(func.sum(_i.amount_minor)).where(
    _i.run_id == bindparam("run"),
    _i.splynx_customer_id == bindparam("customer"),
    _i.currency == bindparam("currency"),
    text(_IS_CHARGED),
)
_RECENT = (
    select(_i.number)
    .join(collections, _c.id == _i.collection_id)
    .where(
        _i.splynx_customer_id == bindparam("customer"),
        text(f"charge_run_items.{ITEM_HAS_COLLECTION}"),
        _i.run_id != bindparam("besides_run"),
        _c.opened_at > bindparam("since", type_=_c.opened_at.type),
        text(f"collections.{_TOOK_OR_MAY_TAKE}"),
    )
    .limit(1)
)
_LINK = select(_i.number).where(_i.payable_key == bindparam("payable_key"), text(LINK_WAS_SENT))
_LAST_FAILURE = (
    select(_a.state)
    .join(collections, _c.id == _a.collection_id)
    .where(
        _c.splynx_customer_id == bindparam("customer"),
        _a.credential_id == bindparam("credential"),
    )
    .order_by(_a.prepared_at.desc(), _a.id.desc())
    .limit(1)
)
_ANY_CREDENTIAL = (
    select(credentials.c.id)
    .where(credentials.c.splynx_customer_id == bindparam("customer"), text(CREDENTIAL_IS_PRESENT))
    .limit(1)
)
_WAITING_BOOKINGS = (
    select(effects.c.id)
    .where(text(EFFECT_IS_PENDING), effects.c.kind == EffectKind.BOOK_PAYMENT)
    .limit(bindparam("limit"))
)
_UNBOOKED = select(func.count()).select_from(_WAITING_BOOKINGS.subquery())
_PLAN_GROUPS = (
    select(
        _i.verdict,
        _i.verdict_reason,
        _i.currency,
        func.count().label("count"),
        func.sum(_i.amount_minor).label("amount"),
    )
    .where(_i.run_id == bindparam("run"))
    .group_by(_i.verdict, _i.verdict_reason, _i.currency)
    .order_by(_i.verdict, _i.verdict_reason, _i.currency)
)
_tried = attempts.alias("tried")
_NEWEST_ATTEMPT = (
    # Ids sort by time.
    select(func.max(_tried.c.id))
    .where(_tried.c.collection_id == _i.collection_id)
    .correlate(charge_run_items)
    .scalar_subquery()
)
WITH_OUTCOME = charge_run_items.outerjoin(collections, _c.id == _i.collection_id).outerjoin(
    attempts, _a.id == _NEWEST_ATTEMPT
)
"""Each item with its collection and that collection's newest attempt, as far as there are any."""

_PROGRESS = (
    select(
        _i.standing,
        _c.state.label("collection_state"),
        _a.state.label("attempt_state"),
        _i.currency,
        func.count().label("count"),
        func.sum(func.coalesce(_a.amount_minor, _i.amount_minor)).label("amount"),
    )
    .select_from(WITH_OUTCOME)
    .where(_i.run_id == bindparam("run"))
    .group_by(_i.standing, _c.state, _a.state, _i.currency)
)


class ChargeItemRows(UnitPart):
    """The part of a unit that knows the items of charge runs."""

    def add_run_item(self, item: RunItem) -> bool:
        payable = item.payable
        values = {
            "run_id": item.run_id,
            "number": item.number,
            "partner_id": payable.partner_id,
            "splynx_customer_id": payable.customer_id,
            "kind": payable.kind,
            "payable_key": payable.key,
            "document_id": payable.document_id,
            "document_number": payable.document_number,
            "amount_minor": item.amount.minor_units,
            "currency": item.amount.currency,
            "account": item.account.key if item.account else "",
            "credential_id": item.credential_id,
            "verdict": item.verdict,
            "verdict_reason": item.reason,
            "standing": item.standing,
            "collection_id": item.collection_id,
            "note": item.note,
            "ended_at": item.ended_at,
        }
        return self._inserted(_ADD, values)

    def last_item_number(self, run_id: str) -> int:
        return self._connection.execute(_LAST_NUMBER, {"run": run_id}).scalar() or 0

    def run_item(self, run_id: str, number: int) -> RunItem | None:
        values = {"run": run_id, "number": number}
        row = self._connection.execute(_BY_NUMBER, values).mappings().first()
        return run_item_of(row) if row is not None else None

    def open_run_items(
        self, run_id: str, account: str, *, after: int, limit: int
    ) -> Sequence[RunItem]:
        values = {"run": run_id, "account": account, "after": after, "limit": limit}
        return [run_item_of(row) for row in self._connection.execute(_OPEN, values).mappings()]

    def open_run_accounts(self, run_id: str) -> Sequence[str]:
        return sorted(self._connection.execute(_OPEN_ACCOUNTS, {"run": run_id}).scalars())

    def open_item_count(self, run_id: str) -> int:
        return self._connection.execute(_OPEN_COUNT, {"run": run_id}).scalar() or 0

    def save_run_item(self, item: RunItem, *, seen: ItemStanding) -> None:
        values = {
            "of_run": item.run_id,
            "of_number": item.number,
            "of_standing": seen,
            "to_standing": item.standing,
            "to_collection_id": item.collection_id,
            "to_note": item.note,
            "to_ended_at": item.ended_at,
        }
        self._must_change_one(self._connection.execute(_SAVE, values), f"Item {item.origin}")

    def leave_run_items(self, run_id: str, *, now: datetime) -> int:
        values = {
            "of_run": run_id,
            "of_standing": ItemStanding.WAITING,
            "to_standing": ItemStanding.LEFT,
            "now": now,
        }
        return self._connection.execute(_LEAVE, values).rowcount

    def sums_of_run(self, run_id: str) -> Sequence[RunTotal]:
        rows = self._connection.execute(_SUMS, {"run": run_id}).mappings()
        return [
            RunTotal(row["partner_id"], Money(int(row["amount"]), row["currency"]), row["charged"])
            for row in rows
        ]

    def planned_for_customer(self, run_id: str, customer_id: int, currency: str) -> Money:
        values = {"run": run_id, "customer": customer_id, "currency": currency}
        return Money(int(self._connection.execute(_PLANNED_FOR, values).scalar() or 0), currency)

    def charged_by_runs_since(self, customer_id: int, since: datetime, *, besides_run: str) -> bool:
        values = {"customer": customer_id, "since": since, "besides_run": besides_run}
        return self._connection.execute(_RECENT, values).first() is not None

    def payment_link_was_sent(self, payable: Payable) -> bool:
        found = self._connection.execute(_LINK, {"payable_key": payable.key})
        return found.first() is not None

    def last_charge_failed(self, customer_id: int, credential_id: str) -> bool:
        values = {"customer": customer_id, "credential": credential_id}
        state = self._connection.execute(_LAST_FAILURE, values).scalar()
        return state in {AttemptState.CANCELED, AttemptState.REFUSED, AttemptState.CANCELING}

    def has_credentials_elsewhere(self, customer_id: int) -> bool:
        found = self._connection.execute(_ANY_CREDENTIAL, {"customer": customer_id})
        return found.first() is not None

    def unbooked(self, *, limit: int) -> int:
        return self._connection.execute(_UNBOOKED, {"limit": limit}).scalar() or 0

    def plan_groups(self, run_id: str) -> Sequence[PlanGroup]:
        tallies: dict[tuple[str, str], Tally] = {}
        for row in self._connection.execute(_PLAN_GROUPS, {"run": run_id}).mappings():
            key = (row["verdict"], row["verdict_reason"])
            tallies[key] = added(tallies.get(key, Tally()), row)
        return [PlanGroup(verdict, reason, tally) for (verdict, reason), tally in tallies.items()]

    def run_outcomes(self, run_id: str) -> Mapping[ItemOutcome, Tally]:
        tallies: dict[ItemOutcome, Tally] = {}
        for row in self._connection.execute(_PROGRESS, {"run": run_id}).mappings():
            outcome = outcome_of(
                ItemStanding(row["standing"]),
                CollectionState(row["collection_state"]) if row["collection_state"] else None,
                AttemptState(row["attempt_state"]) if row["attempt_state"] else None,
            )
            tallies[outcome] = added(tallies.get(outcome, Tally()), row)
        return tallies


def added(tally: Tally, row: RowMapping) -> Tally:
    """Adds a group of rows to a tally, each currency by itself."""
    sums = {money.currency: money for money in tally.sums}
    currency = row["currency"]
    sums[currency] = sums.get(currency, Money(0, currency)) + Money(int(row["amount"]), currency)
    return Tally(tally.count + row["count"], tuple(sums[name] for name in sorted(sums)))


def run_item_of(row: RowMapping) -> RunItem:
    """Reads an item; the row may have more columns than the item's."""
    kind, amount = PayableKind(row["kind"]), Money(row["amount_minor"], row["currency"])
    payable = Payable(
        partner_id=row["partner_id"],
        customer_id=row["splynx_customer_id"],
        kind=kind,
        document_id=row["document_id"],
        document_number=row["document_number"],
        currency=row["currency"],
        set_amount=None if kind.document_kind else amount,
        token="" if kind.document_kind else row["payable_key"].partition("/")[2],
    )
    return RunItem(
        run_id=row["run_id"],
        number=row["number"],
        payable=payable,
        amount=amount,
        account=StripeAccount.from_key(row["account"]) if row["account"] else None,
        credential_id=row["credential_id"],
        verdict=Verdict(row["verdict"]),
        reason=Reason(row["verdict_reason"]),
        standing=ItemStanding(row["standing"]),
        collection_id=row["collection_id"],
        note=row["note"],
        ended_at=row["ended_at"],
    )
