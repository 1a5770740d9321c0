"""Items of charge runs as people see them: with what became of each, chosen by a filter."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    Select,
    and_,
    bindparam,
    func,
    null,
    or_,
    select,
    true,
)

from splynx_stripe.domain.attempt import AttemptState
from splynx_stripe.domain.charge_plan import Verdict
from splynx_stripe.domain.charge_progress import (
    ANY_ITEM,
    FailureGroup,
    ItemFilter,
    ItemSearch,
    ItemView,
    Tally,
    outcome_of,
)
from splynx_stripe.domain.charge_run import ItemStanding
from splynx_stripe.domain.collection import CollectionState
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.stripe import PaymentFailure
from splynx_stripe.store.charge_item_rows import WITH_OUTCOME, added, run_item_of
from splynx_stripe.store.charge_run_tables import charge_run_items
from splynx_stripe.store.rows import UnitPart
from splynx_stripe.store.tables import attempts, collections

_i, _c, _a = charge_run_items.c, collections.c, attempts.c
_FAILED_STATES = (
    AttemptState.CANCELED,
    AttemptState.REFUSED,
    AttemptState.AWAITING_CUSTOMER,
    AttemptState.REQUIRES_ACTION,
    AttemptState.CANCELING,
    AttemptState.ABSENT,
)
_UNDECIDED_STATES = (
    AttemptState.PREPARED,
    AttemptState.UNKNOWN,
    AttemptState.PROCESSING,
    AttemptState.ORPHANED,
)


def _is(column: ColumnElement[str], *words: str) -> ColumnElement[bool]:
    return column.in_([str(word) for word in words])


_RETURNED = _is(_c.state, CollectionState.RETURNED)
_CONDITIONS: dict[ItemFilter, ColumnElement[bool]] = {
    ItemFilter.ALL: true(),
    ItemFilter.CHARGED: _is(_i.verdict, Verdict.CHARGE, Verdict.LIKELY_TO_FAIL),
    ItemFilter.SKIPPED: _is(_i.verdict, Verdict.SKIP),
    ItemFilter.LIKELY_TO_FAIL: _is(_i.verdict, Verdict.LIKELY_TO_FAIL),
    ItemFilter.LINKS: _is(_i.verdict, Verdict.LINK),
    ItemFilter.WAITING: _is(_i.standing, ItemStanding.WAITING, ItemStanding.CHARGING),
    ItemFilter.SUCCEEDED: and_(_is(_a.state, AttemptState.SUCCEEDED), ~_RETURNED),
    ItemFilter.FAILED: or_(
        _is(_a.state, *_FAILED_STATES), _RETURNED, _is(_i.standing, ItemStanding.NOT_CHARGED)
    ),
    ItemFilter.UNDECIDED: _is(_a.state, *_UNDECIDED_STATES),
}

_HAS_REASON = or_(bindparam("reason") == "", _i.verdict_reason == bindparam("reason"))
_IS_NAMED = or_(
    bindparam("text") == "",
    _i.document_number == bindparam("text"),
    _i.splynx_customer_id == bindparam("customer"),
)


def _view_of(only: ItemFilter) -> Select[tuple[object, ...]]:
    return (
        select(
            *charge_run_items.columns,
            _c.state.label("collection_state"),
            _a.state.label("attempt_state"),
            _a.amount_minor.label("charged_minor"),
            _a.intent_id,
            _a.charge_id,
            _a.failure_code,
            _a.failure_decline_code,
            _a.failure_message,
        )
        .select_from(WITH_OUTCOME)
        .where(_i.run_id == bindparam("run"), _i.number > bindparam("after"), _CONDITIONS[only])
        .where(_HAS_REASON, _IS_NAMED)
        .order_by(_i.number)
        .limit(bindparam("limit"))
    )


_VIEWS = {only: _view_of(only) for only in ItemFilter}
_FAILURES = (
    select(
        _a.failure_code,
        _a.failure_decline_code,
        _i.currency,
        func.count().label("count"),
        func.sum(_a.amount_minor).label("amount"),
    )
    .select_from(WITH_OUTCOME)
    .where(_i.run_id == bindparam("run"), _CONDITIONS[ItemFilter.FAILED], _a.failure_code != null())
    .group_by(_a.failure_code, _a.failure_decline_code, _i.currency)
)


class ChargeItemViewRows(UnitPart):
    """The part of a unit that shows items with their outcome."""

    def run_item_views(
        self,
        run_id: str,
        *,
        after: int,
        limit: int,
        only: ItemFilter,
        search: ItemSearch = ANY_ITEM,
    ) -> Sequence[ItemView]:
        values = {
            "run": run_id,
            "after": after,
            "limit": limit,
            "reason": search.reason,
            "text": search.text,
            "customer": search.customer_id,
        }
        return [_view(row) for row in self._connection.execute(_VIEWS[only], values).mappings()]

    def run_failures(self, run_id: str) -> Sequence[FailureGroup]:
        groups: dict[tuple[str, str], Tally] = {}
        for row in self._connection.execute(_FAILURES, {"run": run_id}).mappings():
            key = (row["failure_code"], row["failure_decline_code"])
            groups[key] = added(groups.get(key, Tally()), row)
        found = [FailureGroup(code, decline, tally) for (code, decline), tally in groups.items()]
        return sorted(found, key=lambda group: (-group.tally.count, group.code, group.decline_code))


def _view(row: RowMapping) -> ItemView:
    item, tried = run_item_of(row), row["attempt_state"]
    collected = row["collection_state"]
    code = row["failure_code"]
    return ItemView(
        item=item,
        outcome=outcome_of(
            item.standing,
            CollectionState(collected) if collected else None,
            AttemptState(tried) if tried else None,
        ),
        charged=Money(row["charged_minor"], item.amount.currency) if tried else None,
        failure=None
        if code is None
        else PaymentFailure(code, row["failure_decline_code"], row["failure_message"]),
        intent_id=row["intent_id"] or "",
        charge_id=row["charge_id"] or "",
    )
