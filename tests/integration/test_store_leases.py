"""One live collection per payable, one live attempt per collection, and no lost updates (I1)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from splynx_stripe.domain.attempt import AttemptState, NewsKind
from splynx_stripe.domain.collection import Collection, CollectionState
from splynx_stripe.domain.errors import BrokenInvariantError, LeaseHeldError, StaleWriteError
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.store.store import SqlStore
from splynx_stripe.store.unit import SqlUnit
from tests.integration.store_builders import ACCOUNT, MINUTE, NOW, attempt, collection, payable

HOUR = 60 * MINUTE


def _taking(taker: Collection) -> Callable[[SqlUnit], None]:
    return lambda unit: unit.add_collection(taker)


async def test_of_50_concurrent_takers_exactly_one_gets_the_lease(store: SqlStore) -> None:
    takers = [collection(f"col_{number}") for number in range(50)]

    results = await asyncio.gather(
        *(store.run(_taking(taker)) for taker in takers),
        return_exceptions=True,
    )

    assert results.count(None) == 1
    assert sum(isinstance(result, LeaseHeldError) for result in results) == 49
    winner = await store.read(lambda unit: unit.live_collection(payable()))
    assert winner == takers[results.index(None)]


async def test_a_unit_may_go_on_after_it_met_a_held_lease(store: SqlStore) -> None:
    await store.run(lambda unit: unit.add_collection(collection("col_1")))

    def join_or_start(unit: SqlUnit) -> str:
        try:
            unit.add_collection(collection("col_2"))
        except LeaseHeldError:
            unit.add_attempt(attempt(collection_id="col_1"))
        return unit.attempts_of("col_1")[0].id

    assert await store.run(join_or_start) == "att_1"


@pytest.mark.parametrize("state", [CollectionState.OPEN, CollectionState.SETTLED])
async def test_a_live_collection_holds_the_lease(store: SqlStore, state: CollectionState) -> None:
    await store.run(lambda unit: unit.add_collection(collection("col_1", state=state)))

    with pytest.raises(LeaseHeldError, match="already being collected"):
        await store.run(lambda unit: unit.add_collection(collection("col_2")))


@pytest.mark.parametrize(
    "state", [CollectionState.BOOKED, CollectionState.CLOSED, CollectionState.LATE]
)
async def test_an_ended_collection_frees_the_lease(store: SqlStore, state: CollectionState) -> None:
    await store.run(lambda unit: unit.add_collection(collection("col_1", state=state)))

    later = collection("col_2", opened_at=NOW + MINUTE)
    await store.run(lambda unit: unit.add_collection(later))

    assert await store.read(lambda unit: unit.live_collection(payable())) == later
    assert await store.read(lambda unit: unit.latest_collection(payable())) == later
    assert await store.read(lambda unit: unit.latest_collection(payable("202611000007"))) is None


async def test_different_payables_do_not_wait_for_each_other(store: SqlStore) -> None:
    def both(unit: SqlUnit) -> None:
        unit.add_collection(collection("col_1", of=payable("1")))
        unit.add_collection(collection("col_2", of=payable("2")))

    await store.run(both)

    assert await store.read(lambda unit: unit.collection("col_2")) is not None


async def test_a_collection_has_one_live_attempt(store: SqlStore) -> None:
    await store.run(lambda unit: unit.add_collection(collection()))
    await store.run(lambda unit: unit.add_attempt(attempt("att_1")))

    with pytest.raises(LeaseHeldError, match="another attempt"):
        await store.run(lambda unit: unit.add_attempt(attempt("att_2")))


async def test_a_dead_attempt_makes_room_for_the_next(store: SqlStore) -> None:
    await store.run(lambda unit: unit.add_collection(collection()))
    await store.run(lambda unit: unit.add_attempt(attempt("att_1")))
    dead = attempt("att_1", state=AttemptState.REFUSED)
    await store.run(lambda unit: unit.save_attempt(dead))

    await store.run(lambda unit: unit.add_attempt(attempt("att_2")))

    found = await store.read(lambda unit: unit.attempts_of("col_1"))
    assert [one.id for one in found] == ["att_1", "att_2"]


async def test_of_two_writers_of_one_version_the_second_is_refused(store: SqlStore) -> None:
    await store.run(lambda unit: unit.add_collection(collection()))
    await store.run(lambda unit: unit.add_attempt(attempt()))
    settled = collection(state=CollectionState.SETTLED)
    unknown = attempt(state=AttemptState.UNKNOWN)
    await store.run(lambda unit: unit.save_collection(settled))
    await store.run(lambda unit: unit.save_attempt(unknown))

    with pytest.raises(StaleWriteError, match="read it again"):
        await store.run(lambda unit: unit.save_collection(collection(state=CollectionState.CLOSED)))
    with pytest.raises(StaleWriteError, match="read it again"):
        await store.run(lambda unit: unit.save_attempt(attempt(state=AttemptState.REFUSED)))

    kept = await store.read(lambda unit: (unit.collection("col_1"), unit.attempt("att_1")))
    assert kept == (replace(settled, version=1), replace(unknown, version=1))


async def test_the_frozen_parameters_of_an_attempt_are_never_written_again(store: SqlStore) -> None:
    frozen = attempt()
    await store.run(lambda unit: unit.add_collection(collection()))
    await store.run(lambda unit: unit.add_attempt(frozen))
    changed = replace(
        frozen,
        amount=Money(1, "USD"),
        stripe_customer_id="cus_other",
        description="other",
        metadata={},
        account=StripeAccount("other", livemode=True),
        prepared_at=NOW + MINUTE,
        state=AttemptState.SUCCEEDED,
        intent_id="pi_1",
        seen_as_of=NOW,
        seen_kind=NewsKind.SEEN_SUCCEEDED,
    )

    await store.run(lambda unit: unit.save_attempt(changed))

    kept = await store.read(lambda unit: unit.attempt("att_1"))
    assert kept is not None
    assert kept.state is AttemptState.SUCCEEDED
    assert kept.order == frozen.order
    assert (kept.account, kept.prepared_at) == (frozen.account, frozen.prepared_at)


async def test_a_payment_intent_belongs_to_one_attempt(store: SqlStore) -> None:
    def two_attempts(unit: SqlUnit) -> None:
        unit.add_collection(collection())
        unit.add_attempt(attempt("att_1", state=AttemptState.CANCELED, intent_id="pi_1"))
        unit.add_attempt(attempt("att_2"))

    await store.run(two_attempts)
    thief = attempt("att_2", state=AttemptState.PROCESSING, intent_id="pi_1")

    with pytest.raises(BrokenInvariantError):
        await store.run(lambda unit: unit.save_attempt(thief))

    owner = await store.read(lambda unit: unit.attempt_of_intent(ACCOUNT, "pi_1"))
    assert owner is not None
    assert owner.id == "att_1"
    stranger = StripeAccount(ACCOUNT.name, livemode=True)
    assert await store.read(lambda unit: unit.attempt_of_intent(stranger, "pi_1")) is None
    assert await store.read(lambda unit: unit.attempt_of_intent(ACCOUNT, "")) is None


async def test_attempts_are_looked_at_when_their_time_has_come_the_most_overdue_first(
    store: SqlStore,
) -> None:
    def three(unit: SqlUnit) -> None:
        for number, look in enumerate([NOW, NOW - MINUTE, NOW + MINUTE, None]):
            unit.add_collection(collection(f"col_{number}", of=payable(str(number))))
            unit.add_attempt(
                attempt(f"att_{number}", collection_id=f"col_{number}", next_look_at=look)
            )

    await store.run(three)

    due = await store.read(lambda unit: unit.attempts_to_look_at(NOW, 10))
    first = await store.read(lambda unit: unit.attempts_to_look_at(NOW, 1))
    assert [one.id for one in due] == ["att_1", "att_0"]
    assert [one.id for one in first] == ["att_1"]


async def test_idle_are_the_old_open_collections_without_a_live_attempt(store: SqlStore) -> None:
    def four(unit: SqlUnit) -> None:
        for number in range(4):
            unit.add_collection(
                collection(
                    f"col_{number}", of=payable(str(number)), opened_at=NOW + number * MINUTE
                )
            )
        unit.add_attempt(attempt("att_0", collection_id="col_0", state=AttemptState.ABSENT))
        unit.add_attempt(attempt("att_1", collection_id="col_1"))
        unit.save_collection(collection("col_2", of=payable("2"), state=CollectionState.CLOSED))

    await store.run(four)

    idle = await store.read(lambda unit: unit.idle_collections(NOW + 3 * MINUTE + HOUR, HOUR, 10))
    assert [one.id for one in idle] == ["col_0"]


async def test_a_lease_from_a_clock_that_ran_ahead_is_idle_as_well(store: SqlStore) -> None:
    """I10: or the debt could not be paid until the clock has come there again (fault 15)."""

    def two(unit: SqlUnit) -> None:
        unit.add_collection(collection("col_0", of=payable("0"), opened_at=NOW + 30 * HOUR))
        unit.add_collection(collection("col_1", of=payable("1"), opened_at=NOW + MINUTE))

    await store.run(two)

    idle = await store.read(lambda unit: unit.idle_collections(NOW, HOUR, 10))
    assert [one.id for one in idle] == ["col_0"]
