"""What pages search for in charge runs, on both databases: runs by what they are, items by whose."""

from __future__ import annotations

from dataclasses import replace

import pytest

from splynx_stripe.domain.attempt import AttemptState
from splynx_stripe.domain.charge_plan import Reason, Verdict
from splynx_stripe.domain.charge_progress import (
    ANY_ITEM,
    FailureGroup,
    ItemFilter,
    ItemSearch,
    RunFilter,
    RunSearch,
    Tally,
)
from splynx_stripe.domain.charge_run import ItemStanding, RunOrigin, RunState, Starter
from splynx_stripe.domain.charge_selection import ChargeKind, Selection
from splynx_stripe.domain.collection import CollectionState
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import balance
from splynx_stripe.domain.stripe import PaymentFailure
from splynx_stripe.store.store import SqlStore
from splynx_stripe.store.unit import SqlUnit
from tests.integration.store_builders import NOW, attempt, collection, payable
from tests.integration.test_store_charge_runs import item, run

_CONFIRMED = {"confirmed_by": "admin:1", "confirmed_at": NOW}


def _runs(unit: SqlUnit) -> None:
    rule = RunOrigin(Starter.RULE, "rule_1")
    of_2 = Selection(ChargeKind.BALANCES, partner_ids=(2,))
    for one in (
        run("run_1", state=RunState.DONE, **_CONFIRMED),
        run("run_2", state=RunState.RUNNING, **_CONFIRMED),
        run("run_3", state=RunState.CANCELED, selection=of_2, origin=rule, made_by="rule:1"),
        run("run_4", state=RunState.PLANNING, is_rehearsal=True),
        run("run_5", state=RunState.READY, selection=of_2),
    ):
        assert unit.add_charge_run(one)


@pytest.mark.parametrize(
    ("search", "partner_id", "found"),
    [
        (None, 0, ["run_5", "run_4", "run_3", "run_2", "run_1"]),
        (RunSearch(), 0, ["run_5", "run_3", "run_2", "run_1"]),
        (RunSearch(RunFilter.GOING_ON), 0, ["run_5", "run_2"]),
        (RunSearch(RunFilter.DONE), 0, ["run_1"]),
        (RunSearch(RunFilter.CANCELED), 0, ["run_3"]),
        (RunSearch(RunFilter.DRY_RUNS), 0, ["run_4"]),
        (RunSearch(kind=ChargeKind.BALANCES), 0, ["run_5", "run_3"]),
        (RunSearch(kind=ChargeKind.PREPAID), 0, []),
        (RunSearch(starter=Starter.RULE), 0, ["run_3"]),
        (RunSearch(RunFilter.GOING_ON, ChargeKind.INVOICES, Starter.OFFICE), 0, ["run_2"]),
        (RunSearch(), 2, ["run_5", "run_3"]),
    ],
)
async def test_runs_are_found_by_state_kind_starter_and_partner(
    store: SqlStore, search: RunSearch | None, partner_id: int, found: list[str]
) -> None:
    await store.run(_runs)

    listed = await store.read(
        lambda unit: unit.charge_runs(before="", limit=9, partner_id=partner_id, search=search)
    )

    assert [one.id for one in listed] == found


async def test_a_list_of_runs_goes_on_below_the_last_one_with_the_same_search(
    store: SqlStore,
) -> None:
    await store.run(_runs)
    search = RunSearch()

    first = await store.read(
        lambda unit: unit.charge_runs(before="", limit=2, partner_id=0, search=search)
    )
    rest = await store.read(
        lambda unit: unit.charge_runs(before=first[-1].id, limit=9, partner_id=0, search=search)
    )

    assert [one.id for one in (*first, *rest)] == ["run_5", "run_3", "run_2", "run_1"]


@pytest.mark.parametrize(
    ("only", "search", "found"),
    [
        (ItemFilter.ALL, ANY_ITEM, [1, 2, 3]),
        (ItemFilter.ALL, ItemSearch(text="202611000001"), [1]),
        (ItemFilter.ALL, ItemSearch(text="18"), [3]),
        (ItemFilter.ALL, ItemSearch(text="1"), []),
        (ItemFilter.ALL, ItemSearch(text="9" * 19), []),
        (ItemFilter.ALL, ItemSearch(text="%' OR 1=1 --"), []),
        (ItemFilter.SKIPPED, ItemSearch(reason=Reason.NO_CREDENTIAL), [2]),
        (ItemFilter.SKIPPED, ItemSearch(reason=Reason.PAID), []),
        (ItemFilter.CHARGED, ItemSearch(text="17"), [1]),
    ],
)
async def test_items_are_found_by_number_customer_and_reason(
    store: SqlStore, only: ItemFilter, search: ItemSearch, found: list[int]
) -> None:
    def work(unit: SqlUnit) -> None:
        unit.add_charge_run(run())
        unit.add_run_item(item(1, of=payable("202611000001")))
        unit.add_run_item(item(2, verdict=Verdict.SKIP, standing=ItemStanding.SKIPPED))
        unit.add_run_item(item(3, of=balance(1, 18, Money(1000, "EUR"))))

    await store.run(work)

    views = await store.read(
        lambda unit: unit.run_item_views("run_1", after=0, limit=9, only=only, search=search)
    )

    assert [view.item.number for view in views] == found


async def test_failures_are_counted_by_the_words_of_the_bank_the_most_frequent_first(
    store: SqlStore,
) -> None:
    words = [("card_declined", "insufficient_funds")] * 2 + [("expired_card", ""), ("", "")]

    def work(unit: SqlUnit) -> None:
        unit.add_charge_run(run())
        for number, (code, decline) in enumerate(words, start=1):
            debt = payable(f"2026110{number:05}")
            col_id = f"col_{number}"
            state = CollectionState.CLOSED if code else CollectionState.BOOKED
            unit.add_collection(collection(col_id, of=debt, state=state))
            failure = PaymentFailure(code, decline, "said the bank") if code else None
            tried = replace(
                attempt(f"att_{number}", collection_id=col_id, intent_id=f"pi_{number}"),
                amount=Money(1000 * number, "EUR"),
                state=AttemptState.CANCELED if code else AttemptState.SUCCEEDED,
                failure=failure,
            )
            unit.add_attempt(tried)
            charged = item(number, of=debt, standing=ItemStanding.CHARGED, collection_id=col_id)
            unit.add_run_item(charged)

    await store.run(work)

    groups = await store.read(lambda unit: unit.run_failures("run_1"))

    assert groups == [
        FailureGroup("card_declined", "insufficient_funds", Tally(2, (Money(3000, "EUR"),))),
        FailureGroup("expired_card", "", Tally(1, (Money(3000, "EUR"),))),
    ]
