"""Two routes to the same customer's money exclude each other in the database (I1)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import Connection, text

from splynx_stripe.domain.attempt import AttemptState
from splynx_stripe.domain.collection import Collection, CollectionState
from splynx_stripe.domain.errors import LeaseHeldError
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import Payable, balance, prepaid, several, top_up
from splynx_stripe.store.engine import parse_url, writer_engine
from splynx_stripe.store.store import SqlStore
from splynx_stripe.store.unit import SqlUnit
from tests.integration.store_builders import attempt, collection, payable

OWED = Money(17250, "EUR")
BALANCE = balance(1, 17, OWED)
PREPAID = prepaid(1, 17, OWED)
INVOICE = payable("202611000042")
OTHER_INVOICE = payable("202611000043")
TOGETHER = several((replace(INVOICE, set_amount=OWED), replace(OTHER_INVOICE, set_amount=OWED)))
TOP_UP = top_up(1, 17, OWED, token="chance")
RIVALS = [
    (BALANCE, INVOICE),
    (BALANCE, TOGETHER),
    (BALANCE, PREPAID),
    (PREPAID, INVOICE),
    (INVOICE, BALANCE),
    (TOGETHER, BALANCE),
    (TOGETHER, PREPAID),
]


async def take(store: SqlStore, collection_id: str, of: Payable) -> None:
    await store.run(lambda unit: unit.add_collection(collection(collection_id, of=of)))


@pytest.mark.parametrize(("first", "second"), RIVALS)
async def test_who_comes_second_by_another_route_is_refused(
    store: SqlStore, first: Payable, second: Payable
) -> None:
    await take(store, "col_1", first)

    with pytest.raises(LeaseHeldError):
        await take(store, "col_2", second)

    rivals = await store.read(lambda unit: unit.rivals_of(second))
    assert [rival.id for rival in rivals] == ["col_1"]
    assert await store.read(lambda unit: unit.collection("col_2")) is None


@pytest.mark.parametrize(("first", "second"), RIVALS)
async def test_what_has_ended_is_in_nobodys_way(
    store: SqlStore, first: Payable, second: Payable
) -> None:
    ended = collection("col_1", of=first, state=CollectionState.BOOKED)
    await store.run(lambda unit: unit.add_collection(ended))

    await take(store, "col_2", second)

    assert await store.read(lambda unit: unit.live_collection(second)) is not None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (INVOICE, OTHER_INVOICE),
        (BALANCE, TOP_UP),
        (TOP_UP, BALANCE),
        (BALANCE, replace(INVOICE, customer_id=18)),
        (balance(1, 18, OWED), INVOICE),
    ],
)
async def test_other_money_may_be_collected_beside_it(
    store: SqlStore, first: Payable, second: Payable
) -> None:
    await take(store, "col_1", first)

    await take(store, "col_2", second)

    assert await store.read(lambda unit: unit.rivals_of(second)) in ([], ())


async def test_money_on_its_way_is_what_splynx_does_not_know_yet(store: SqlStore) -> None:
    states = [
        (CollectionState.OPEN, AttemptState.PROCESSING),
        (CollectionState.SETTLED, AttemptState.SUCCEEDED),
        (CollectionState.LATE, AttemptState.SUCCEEDED),
        (CollectionState.BOOKED, AttemptState.SUCCEEDED),
        (CollectionState.RETURNED, AttemptState.SUCCEEDED),
        (CollectionState.OPEN, AttemptState.AWAITING_CUSTOMER),
        (CollectionState.CLOSED, AttemptState.CANCELED),
    ]

    def fill(unit: SqlUnit) -> None:
        for number, (of, state) in enumerate(states):
            wish = top_up(1, 17, OWED, token=f"token{number}")
            unit.add_collection(collection(f"col_{number}", of=wish, state=of))
            tried = attempt(
                f"att_{number}",
                collection_id=f"col_{number}",
                state=state,
                intent_id=f"pi_{number}",
            )
            unit.add_attempt(replace(tried, amount=Money(10**number, "EUR")))

    await store.run(fill)

    on_its_way = await store.read(lambda unit: unit.money_on_its_way(17, "EUR"))
    assert on_its_way == Money(111, "EUR")
    assert await store.read(lambda unit: unit.money_on_its_way(17, "USD")) == Money(0, "USD")
    assert await store.read(lambda unit: unit.money_on_its_way(18, "EUR")) == Money(0, "EUR")


async def test_an_origin_leads_to_its_newest_collection(store: SqlStore) -> None:
    def effort(collection_id: str, state: CollectionState) -> Collection:
        return replace(collection(collection_id, state=state), origin="run/run_1/7")

    await store.run(lambda unit: unit.add_collection(effort("col_1", CollectionState.CLOSED)))
    await store.run(lambda unit: unit.add_collection(effort("col_2", CollectionState.OPEN)))

    found = await store.read(lambda unit: unit.latest_of_origin("run/run_1/7"))
    assert found == effort("col_2", CollectionState.OPEN)
    assert await store.read(lambda unit: unit.latest_of_origin("run/run_1/8")) is None
    assert await store.read(lambda unit: unit.latest_of_origin("")) is None


@contextmanager
def transaction(url: str) -> Iterator[Connection]:
    engine = writer_engine(parse_url(url))
    try:
        with engine.connect() as connection, connection.begin():
            yield connection
    finally:
        engine.dispose()


@pytest.mark.parametrize(("first", "second"), RIVALS)
def test_two_daemons_at_the_same_moment_do_not_both_get_it(
    postgres_url: str, first: Payable, second: Payable
) -> None:
    """Neither sees what the other has not committed, so one has to wait for the other."""
    outcome: list[Exception] = []

    def other_daemon() -> None:
        try:
            with transaction(postgres_url) as connection:
                SqlUnit(connection).add_collection(collection("col_2", of=second))
        except LeaseHeldError as error:
            outcome.append(error)

    with transaction(postgres_url) as connection:
        SqlUnit(connection).add_collection(collection("col_1", of=first))
        thread = threading.Thread(target=other_daemon)
        thread.start()
        while thread.is_alive() and not _somebody_waits(connection):
            pass
    thread.join()

    assert len(outcome) == 1


def _somebody_waits(connection: Connection) -> bool:
    return bool(connection.execute(text("SELECT 1 FROM pg_locks WHERE NOT granted")).scalar())
