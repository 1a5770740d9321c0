"""Effects and events: stored once, claimed by one at a time, fenced after a claim has expired."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from splynx_stripe.domain.effect import Effect, EffectKind, EffectState, StoredEffect
from splynx_stripe.domain.errors import StaleWriteError
from splynx_stripe.domain.inbox import InboxEvent, InboxSource, InboxState
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.store import SqlStore, open_store
from splynx_stripe.store.unit import SqlUnit
from tests.integration.store_builders import ACCOUNT, MINUTE, NOW, attempt, collection, event

BOOK = Effect(EffectKind.BOOK_PAYMENT, key="book:att_1")


def _with_effect(unit: SqlUnit) -> bool:
    if unit.collection("col_1") is None:
        unit.add_collection(collection())
        unit.add_attempt(attempt())
    return unit.add_effect(BOOK, attempt_id="att_1", now=NOW, deadline_at=NOW + 15 * MINUTE)


def _claim_effect(unit: SqlUnit) -> StoredEffect:
    (effect,) = unit.claim_effects(NOW, NOW + MINUTE, 10)
    return effect


def _claim_event(unit: SqlUnit) -> InboxEvent:
    (claimed,) = unit.claim_inbox(NOW, NOW + MINUTE, 10)
    return claimed


async def test_an_effect_key_exists_once_however_often_it_is_asked(store: SqlStore) -> None:
    answers = [await store.run(_with_effect) for _ in range(3)]

    assert answers == [True, False, False]
    kept = await store.read(lambda unit: unit.effect(BOOK.key))
    assert kept is not None
    assert (kept.state, kept.next_at, kept.claim) == (EffectState.PENDING, NOW, 0)


async def test_a_claimed_effect_is_nobody_elses_until_its_claim_expires(store: SqlStore) -> None:
    await store.run(_with_effect)
    first = await store.run(_claim_effect)

    meanwhile = await store.run(lambda unit: unit.claim_effects(NOW, NOW + MINUTE, 10))
    (second,) = await store.run(lambda unit: unit.claim_effects(NOW + MINUTE, NOW + 2 * MINUTE, 10))

    assert meanwhile == []
    assert second == replace(first, claim=2, claimed_until=NOW + 2 * MINUTE)


async def test_whoever_lost_a_claim_cannot_write(store: SqlStore) -> None:
    await store.run(_with_effect)
    paused = await store.run(_claim_effect)
    await store.run(lambda unit: unit.claim_effects(NOW + MINUTE, NOW + 2 * MINUTE, 10))

    with pytest.raises(StaleWriteError):
        await store.run(lambda unit: unit.save_effect(replace(paused, state=EffectState.DONE)))

    kept = await store.read(lambda unit: unit.effect(BOOK.key))
    assert kept is not None
    assert kept.state is EffectState.PENDING


async def test_the_progress_of_an_effect_is_kept(store: SqlStore) -> None:
    await store.run(_with_effect)
    claimed = await store.run(_claim_effect)
    progress = replace(
        claimed,
        tries=1,
        next_at=NOW + 5 * MINUTE,
        claimed_until=None,
        posting_at=NOW,
        last_error="Splynx timed out.",
    )

    await store.run(lambda unit: unit.save_effect(progress))

    assert await store.read(lambda unit: unit.effect(BOOK.key)) == progress
    assert await store.run(lambda unit: unit.claim_effects(NOW + MINUTE, NOW + MINUTE, 10)) == []


async def test_a_done_effect_is_not_claimed_again(store: SqlStore) -> None:
    await store.run(_with_effect)
    claimed = await store.run(_claim_effect)
    done = replace(claimed, state=EffectState.DONE, claimed_until=None)
    await store.run(lambda unit: unit.save_effect(done))

    later = NOW + timedelta(days=1)
    assert await store.run(lambda unit: unit.claim_effects(later, later, 10)) == []


async def test_of_1000_concurrent_deliveries_one_is_stored(store: SqlStore) -> None:
    answers = await asyncio.gather(
        *(store.run(lambda unit: unit.receive_event(event())) for _ in range(1000))
    )

    assert answers.count(True) == 1
    assert len(await store.run(lambda unit: unit.claim_inbox(NOW, NOW + MINUTE, 10))) == 1


async def test_the_same_event_id_of_another_account_is_another_event(store: SqlStore) -> None:
    live = replace(event(), account=StripeAccount(ACCOUNT.name, livemode=True))

    assert await store.run(lambda unit: unit.receive_event(event()))
    assert await store.run(lambda unit: unit.receive_event(live))


async def test_events_are_claimed_oldest_first_and_come_back_as_they_came(store: SqlStore) -> None:
    older, newer = event("evt_old", received_at=NOW - MINUTE), event("evt_new")
    future = event("evt_future", received_at=NOW + MINUTE)

    def receive(unit: SqlUnit) -> None:
        for one in (newer, future, older):
            unit.receive_event(one)

    await store.run(receive)

    claimed = await store.run(lambda unit: unit.claim_inbox(NOW, NOW + MINUTE, 10))
    assert [one.event_id for one in claimed] == ["evt_old", "evt_new"]
    assert claimed[0].body == older.body
    assert (claimed[0].created, claimed[0].received_at) == (older.created, older.received_at)
    assert [one.claim for one in claimed] == [1, 1]


async def test_a_claim_of_an_event_ends_once(store: SqlStore) -> None:
    await store.run(lambda unit: unit.receive_event(event()))
    claimed = await store.run(_claim_event)

    await store.run(lambda unit: unit.finish_inbox(claimed, state=InboxState.HANDLED, note="ok"))

    with pytest.raises(StaleWriteError):
        await store.run(lambda unit: unit.finish_inbox(claimed, state=InboxState.PARKED, note=""))
    assert await store.run(lambda unit: unit.claim_inbox(NOW + MINUTE, NOW + MINUTE, 10)) == []


async def test_an_event_can_be_put_back_until_later(store: SqlStore) -> None:
    await store.run(lambda unit: unit.receive_event(event()))
    claimed = await store.run(_claim_event)
    later = NOW + 3 * MINUTE
    await store.run(
        lambda unit: unit.finish_inbox(
            claimed, state=InboxState.RECEIVED, note="not yet", next_at=later
        )
    )

    early = await store.run(lambda unit: unit.claim_inbox(NOW + MINUTE, later, 10))
    (again,) = await store.run(lambda unit: unit.claim_inbox(later, later + MINUTE, 10))

    assert early == []
    assert (again.tries, again.claim, again.note) == (1, 2, "not yet")


async def test_whoever_lost_the_claim_of_an_event_cannot_end_it(store: SqlStore) -> None:
    await store.run(lambda unit: unit.receive_event(event()))
    paused = await store.run(_claim_event)
    await store.run(lambda unit: unit.claim_inbox(NOW + MINUTE, NOW + 2 * MINUTE, 10))

    with pytest.raises(StaleWriteError):
        await store.run(lambda unit: unit.finish_inbox(paused, state=InboxState.IGNORED, note=""))


async def test_two_daemons_never_claim_the_same_work(store: SqlStore, store_url: str) -> None:
    other = open_store(store_url, clock=SystemClock(), ids=RandomIds())

    def receive(unit: SqlUnit) -> None:
        for number in range(40):
            unit.receive_event(event(f"evt_{number}"))

    await store.run(receive)

    shares = await asyncio.gather(
        *(
            daemon.run(lambda unit: unit.claim_inbox(NOW, NOW + MINUTE, 5))
            for daemon in (store, other) * 4
        )
    )
    await other.close()

    claimed = [one.event_id for share in shares for one in share]
    assert len(claimed) == len(set(claimed))


async def test_the_newest_event_is_known_per_account_and_source(store: SqlStore) -> None:
    polled = replace(event("evt_2", received_at=NOW + MINUTE), source=InboxSource.POLL)
    await store.run(lambda unit: unit.receive_event(event("evt_1")))
    await store.run(lambda unit: unit.receive_event(polled))

    stranger = StripeAccount("other", livemode=False)
    assert await store.read(lambda unit: unit.last_event_at(ACCOUNT, "webhook")) == NOW
    assert await store.read(lambda unit: unit.last_event_at(ACCOUNT, "poll")) == NOW + MINUTE
    assert await store.read(lambda unit: unit.last_event_at(stranger, "poll")) is None
