"""What the database itself promises of charge runs, on both databases (I1, P28)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from splynx_stripe.domain.attempt import AttemptState
from splynx_stripe.domain.charge_plan import Reason, Verdict
from splynx_stripe.domain.charge_progress import ItemFilter, Tally
from splynx_stripe.domain.charge_run import (
    BY_OFFICE,
    ChargeRun,
    ItemOutcome,
    ItemStanding,
    RunItem,
    RunOrigin,
    RunState,
    Starter,
)
from splynx_stripe.domain.charge_selection import (
    ChargeKind,
    PeriodOf,
    Selection,
    TotalCondition,
)
from splynx_stripe.domain.collection import CollectionState
from splynx_stripe.domain.errors import BrokenInvariantError, StaleWriteError
from splynx_stripe.domain.guardrails import RunTotal
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import Payable, balance
from splynx_stripe.store.store import SqlStore
from splynx_stripe.store.unit import SqlUnit
from tests.integration.store_builders import ACCOUNT, MINUTE, NOW, attempt, collection, payable

V, R, S = Verdict, Reason, ItemStanding
ALL = Selection(ChargeKind.INVOICES)


def run(run_id: str = "run_1", **changes: object) -> ChargeRun:
    made = ChargeRun(
        id=run_id,
        selection=ALL,
        origin=BY_OFFICE,
        state=RunState.PLANNING,
        made_by="admin:1",
        made_at=NOW,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # a test's builder


def item(
    number: int,
    *,
    of: Payable | None = None,
    verdict: Verdict = V.CHARGE,
    standing: ItemStanding = S.WAITING,
    run_id: str = "run_1",
    collection_id: str = "",
    amount: int = 1000,
) -> RunItem:
    is_charged = verdict.is_charged
    return RunItem(
        run_id=run_id,
        number=number,
        payable=of or payable(f"2026110{number:05}"),
        amount=Money(amount, "EUR"),
        account=ACCOUNT if is_charged else None,
        credential_id="cred_1" if is_charged else "",
        verdict=verdict,
        reason=R.NONE if is_charged else R.NO_CREDENTIAL,
        standing=standing,
        collection_id=collection_id,
    )


async def with_items(
    store: SqlStore, items: Sequence[RunItem], *, of: ChargeRun | None = None
) -> None:
    def work(unit: SqlUnit) -> None:
        unit.add_charge_run(of or run())
        for each in items:
            assert unit.add_run_item(each)

    await store.run(work)


async def test_a_run_comes_back_as_it_was(store: SqlStore) -> None:
    whole = run(
        selection=Selection(
            ChargeKind.INVOICES,
            first_day=date(2026, 11, 1),
            last_day=date(2026, 11, 30),
            period_of=PeriodOf.DUE,
            partner_ids=(2,),
            total_condition=TotalCondition.MORE,
            total=Decimal("10.50"),
            document_numbers=("Ř-1",),
        ),
        origin=RunOrigin(Starter.RULE, "rule_1"),
        state=RunState.PAUSED,
        reason="Splynx does not answer.",
        cursor="1042",
        planned_at=NOW,
        confirmed_by="admin:1",
        confirmed_at=NOW + MINUTE,
        second_by="admin:2",
        second_at=NOW + 2 * MINUTE,
    )

    await store.run(lambda unit: unit.add_charge_run(whole))

    assert await store.read(lambda unit: unit.charge_run("run_1")) == whole
    assert await store.read(lambda unit: unit.live_charge_runs()) == [whole]
    listed = await store.read(lambda unit: unit.charge_runs(before="", limit=9, partner_id=2))
    assert listed == [whole]
    others = await store.read(lambda unit: unit.charge_runs(before="", limit=9, partner_id=1))
    assert others == []


async def test_an_item_comes_back_as_it_was(store: SqlStore) -> None:
    items = [
        item(1, standing=S.CHARGING, collection_id="col_1"),
        item(2, of=balance(1, 18, Money(1000, "EUR"))),
        item(3, verdict=V.SKIP, standing=S.SKIPPED),
    ]
    await with_items(store, items)

    back = await store.read(lambda unit: [unit.run_item("run_1", each) for each in (1, 2, 3)])

    assert back == items


async def test_of_many_who_begin_the_same_selection_one_has_a_run(store: SqlStore) -> None:
    added = await asyncio.gather(
        *(
            store.run(lambda unit, one=f"run_{number}": unit.add_charge_run(run(one)))  # type: ignore[misc]  # a default binds the loop's value
            for number in range(8)
        )
    )

    assert sorted(added) == [False] * 7 + [True]


async def test_a_rehearsal_and_a_run_that_has_ended_take_nobodys_place(store: SqlStore) -> None:
    def work(unit: SqlUnit) -> list[bool]:
        return [
            unit.add_charge_run(run("run_1", is_rehearsal=True)),
            unit.add_charge_run(run("run_2", state=RunState.DONE)),
            unit.add_charge_run(run("run_3", state=RunState.CANCELED)),
            unit.add_charge_run(run("run_4")),
        ]

    assert await store.run(work) == [True] * 4
    live = await store.read(lambda unit: unit.live_charge_run(ALL.fingerprint))
    assert live is not None
    assert live.id == "run_4"


async def test_a_debt_is_in_a_run_once(store: SqlStore) -> None:
    await with_items(store, [item(1)])

    again = replace(item(1), number=2)

    assert not await store.run(lambda unit: unit.add_run_item(again))


@pytest.mark.parametrize(
    "change",
    [
        "amount_minor = 999999",
        "credential_id = 'cred_of_somebody_else'",
        "splynx_customer_id = 18",
        "verdict = 'skip', standing = 'skipped'",
        "payable_key = 'invoice/1'",
    ],
)
async def test_the_plan_of_an_item_cannot_be_changed_by_anybody(
    store: SqlStore, change: str
) -> None:
    await with_items(store, [item(1)])
    statement = text(f"UPDATE charge_run_items SET {change} WHERE number = 1")  # noqa: S608 - a test's own words

    def work(unit: SqlUnit) -> None:
        unit._connection.execute(statement)

    with pytest.raises(BrokenInvariantError, match="plan of a charge run never changes"):
        await store.run(work)

    assert await store.read(lambda unit: unit.run_item("run_1", 1)) == item(1)


@pytest.mark.parametrize(
    "impossible",
    [
        run(state=RunState.RUNNING),
        run(confirmed_by="admin:1", second_by="admin:1", confirmed_at=NOW),
        run(is_rehearsal=True, state=RunState.READY),
    ],
    ids=["running unconfirmed", "twice by one person", "a rehearsal that can be confirmed"],
)
async def test_an_impossible_run_is_refused(store: SqlStore, impossible: ChargeRun) -> None:
    with pytest.raises(BrokenInvariantError):
        await store.run(lambda unit: unit.add_charge_run(impossible))


@pytest.mark.parametrize(
    "impossible",
    [
        item(1, standing=S.CHARGING),
        item(1, standing=S.SKIPPED),
        replace(item(1), credential_id=""),
        replace(item(1), amount=Money(0, "EUR")),
    ],
    ids=["no collection", "skipped although charged", "no credential", "no amount"],
)
async def test_an_impossible_item_is_refused(store: SqlStore, impossible: RunItem) -> None:
    with pytest.raises(BrokenInvariantError):
        await with_items(store, [impossible])


async def test_who_read_a_run_or_an_item_before_others_changed_it_writes_nothing(
    store: SqlStore,
) -> None:
    await with_items(store, [item(1)])
    paused = run(state=RunState.PAUSED, confirmed_at=NOW)
    await store.run(lambda unit: unit.save_charge_run(paused))

    with pytest.raises(StaleWriteError):
        await store.run(lambda unit: unit.save_charge_run(run(state=RunState.CANCELED)))
    with pytest.raises(StaleWriteError):
        await store.run(lambda unit: unit.save_run_item(item(1), seen=S.CHARGING))


async def test_what_is_open_is_listed_by_account_and_number_and_left_at_the_end(
    store: SqlStore,
) -> None:
    await with_items(
        store,
        [
            item(1),
            item(2, standing=S.CHARGING, collection_id="col_2"),
            item(3, verdict=V.LINK),
            item(4, verdict=V.SKIP, standing=S.SKIPPED),
            item(5),
        ],
    )

    def numbers(unit: SqlUnit, account: str, after: int = 0) -> list[int]:
        found = unit.open_run_items("run_1", account, after=after, limit=2)
        return [each.number for each in found]

    assert await store.read(lambda unit: unit.open_run_accounts("run_1")) == ["", ACCOUNT.key]
    assert await store.read(lambda unit: numbers(unit, ACCOUNT.key)) == [1, 2]
    assert await store.read(lambda unit: numbers(unit, ACCOUNT.key, 2)) == [5]
    assert await store.read(lambda unit: numbers(unit, "")) == [3]
    assert await store.read(lambda unit: unit.open_item_count("run_1")) == 4

    assert await store.run(lambda unit: unit.leave_run_items("run_1", now=NOW)) == 3
    assert await store.read(lambda unit: numbers(unit, ACCOUNT.key)) == [2]


async def test_a_plan_is_added_up_by_partner_and_currency(store: SqlStore) -> None:
    yen = replace(payable("202611000900"), partner_id=2, currency="JPY")
    await with_items(
        store,
        [
            item(1, amount=1000),
            item(2, amount=250, verdict=V.LIKELY_TO_FAIL),
            item(3, verdict=V.SKIP, standing=S.SKIPPED),
            replace(item(4, of=yen), amount=Money(500, "JPY")),
        ],
    )

    sums = await store.read(lambda unit: unit.sums_of_run("run_1"))

    assert sums == [
        RunTotal(1, Money(1250, "EUR"), charged=2),
        RunTotal(2, Money(500, "JPY"), charged=1),
    ]
    planned = await store.read(lambda unit: unit.planned_for_customer("run_1", 17, "EUR"))
    assert planned == Money(1250, "EUR")
    groups = await store.read(lambda unit: unit.plan_groups("run_1"))
    assert {group.verdict: group.tally.count for group in groups} == {
        "charge": 2,
        "likely_to_fail": 1,
        "skip": 1,
    }


async def test_only_finished_runs_of_the_same_family_are_compared_newest_first(
    store: SqlStore,
) -> None:
    december = Selection(ChargeKind.INVOICES, first_day=date(2026, 12, 1))
    other = Selection(ChargeKind.INVOICES, partner_ids=(1,))
    runs = [
        run("run_1", state=RunState.DONE),
        run("run_2", state=RunState.DONE, selection=december),
        run("run_3", state=RunState.DONE, is_rehearsal=True),
        run("run_4", state=RunState.CANCELED),
        run("run_5", state=RunState.DONE, selection=other),
    ]

    def work(unit: SqlUnit) -> None:
        for place, one in enumerate(runs, 1):
            unit.add_charge_run(one)
            unit.add_run_total(one.id, RunTotal(1, Money(place, "EUR"), charged=1))

    await store.run(work)

    past = await store.read(
        lambda unit: unit.past_run_totals(ALL.family, partner_id=1, currency="EUR", limit=9)
    )
    assert past == [Money(2, "EUR"), Money(1, "EUR")]


async def test_outcomes_are_those_of_the_newest_attempts(store: SqlStore) -> None:
    debts = [payable(f"2026110000{number:02}") for number in range(1, 7)]

    def work(unit: SqlUnit) -> None:
        for place, (debt, state) in enumerate(
            zip(
                debts,
                (
                    AttemptState.SUCCEEDED,
                    AttemptState.PROCESSING,
                    AttemptState.CANCELED,
                    AttemptState.UNKNOWN,
                ),
                strict=False,
            ),
            1,
        ):
            live = state in {AttemptState.PROCESSING, AttemptState.UNKNOWN}
            of = CollectionState.OPEN if live else CollectionState.CLOSED
            unit.add_collection(collection(f"col_{place}", of=debt, state=of))
            intent = "" if state is AttemptState.UNKNOWN else f"pi_{place}"
            unit.add_attempt(
                attempt(f"att_{place}", collection_id=f"col_{place}", state=state, intent_id=intent)
            )
        unit.add_attempt(attempt("att_0", collection_id="col_1", state=AttemptState.ABSENT))

    await store.run(work)
    await with_items(
        store,
        [
            *(
                item(place, of=debts[place - 1], standing=S.CHARGED, collection_id=f"col_{place}")
                for place in range(1, 5)
            ),
            item(5, of=debts[4]),
            item(6, of=debts[5], verdict=V.SKIP, standing=S.SKIPPED),
        ],
    )

    outcomes = await store.read(lambda unit: unit.run_outcomes("run_1"))

    assert {outcome: tally.count for outcome, tally in outcomes.items()} == dict.fromkeys(
        (
            ItemOutcome.SUCCEEDED,
            ItemOutcome.PROCESSING,
            ItemOutcome.FAILED,
            ItemOutcome.UNKNOWN,
            ItemOutcome.WAITING,
            ItemOutcome.SKIPPED,
        ),
        1,
    )
    assert outcomes[ItemOutcome.SUCCEEDED] == Tally(1, (Money(17250, "EUR"),))

    async def numbers(only: ItemFilter) -> list[int]:
        views = await store.read(
            lambda unit: unit.run_item_views("run_1", after=0, limit=9, only=only)
        )
        return [view.item.number for view in views]

    assert await numbers(ItemFilter.ALL) == [1, 2, 3, 4, 5, 6]
    assert await numbers(ItemFilter.SUCCEEDED) == [1]
    assert await numbers(ItemFilter.UNDECIDED) == [2, 4]
    assert await numbers(ItemFilter.FAILED) == [3]
    assert await numbers(ItemFilter.WAITING) == [5]
    assert await numbers(ItemFilter.SKIPPED) == [6]
    assert await numbers(ItemFilter.CHARGED) == [1, 2, 3, 4, 5]


async def test_only_charges_that_took_or_may_take_money_count_as_recent(store: SqlStore) -> None:
    def work(unit: SqlUnit) -> None:
        unit.add_collection(collection("col_1", state=CollectionState.CLOSED))
        unit.add_collection(
            collection("col_2", of=payable("202611000077"), state=CollectionState.BOOKED)
        )

    await store.run(work)
    await with_items(
        store,
        [
            item(1, standing=S.CHARGED, collection_id="col_1"),
            item(2, standing=S.CHARGED, collection_id="col_2"),
        ],
    )

    async def recent(customer: int, since: timedelta, besides: str = "run_9") -> bool:
        return await store.read(
            lambda unit: unit.charged_by_runs_since(customer, NOW - since, besides_run=besides)
        )

    assert await recent(17, MINUTE)
    assert not await recent(18, MINUTE)
    assert not await recent(17, -MINUTE)
    assert not await recent(17, MINUTE, "run_1")


async def test_a_link_for_a_debt_is_remembered_once(store: SqlStore) -> None:
    await with_items(store, [item(1, verdict=V.LINK, standing=S.LINK_SENT)])

    assert await store.read(lambda unit: unit.payment_link_was_sent(item(1).payable))
    assert not await store.read(lambda unit: unit.payment_link_was_sent(item(2).payable))
    twice = replace(item(1, verdict=V.LINK, standing=S.LINK_SENT), run_id="run_2")
    with pytest.raises(BrokenInvariantError):
        await with_items(store, [twice], of=run("run_2", selection=Selection(ChargeKind.BALANCES)))


async def test_there_is_one_emergency_stop_at_a_time_and_it_is_remembered(store: SqlStore) -> None:
    first = await store.run(
        lambda unit: unit.add_charging_stop(reason="wrong prices", by="admin:1", now=NOW)
    )
    second = await store.run(
        lambda unit: unit.add_charging_stop(reason="other", by="admin:2", now=NOW)
    )
    stop = await store.read(lambda unit: unit.charging_stop())

    assert (first, second) == (True, False)
    assert stop is not None
    assert (stop.reason, stop.stopped_by, stop.stopped_at) == ("wrong prices", "admin:1", NOW)

    end = await store.run(lambda unit: unit.end_charging_stop(by="a", note="n", now=NOW))
    again = await store.run(lambda unit: unit.end_charging_stop(by="a", note="n", now=NOW))
    assert (end, again) == (True, False)
    assert await store.read(lambda unit: unit.charging_stop()) is None
    assert await store.run(
        lambda unit: unit.add_charging_stop(reason="anew", by="admin:1", now=NOW)
    )
