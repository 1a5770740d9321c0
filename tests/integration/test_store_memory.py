"""What else the store remembers: cases, the audit log, cursors, customers, nonces, itself."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.case import CaseKind
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.store import SqlStore, open_store
from splynx_stripe.store.unit import SqlUnit
from tests.integration.store_builders import ACCOUNT, MINUTE, NOW, case

LIVE = StripeAccount(ACCOUNT.name, livemode=True)


async def test_a_difference_is_one_open_case_and_may_come_back_after_it_was_closed(
    store: SqlStore,
) -> None:
    kind = CaseKind.PAID_MEANWHILE
    opened = [await store.run(lambda unit: unit.open_case(case())) for _ in range(2)]
    closed = [
        await store.run(lambda unit: unit.close_case(kind, "att_1", now=NOW, note="refunded"))
        for _ in range(2)
    ]
    again = await store.run(lambda unit: unit.open_case(case(opened_at=NOW + MINUTE)))

    assert (opened, closed, again) == ([True, False], [True, False], True)
    first, second = await store.read(lambda unit: unit.cases(only_open=False, limit=10))
    assert (first.opened_at, first.closed_at) == (NOW + MINUTE, None)
    assert (second.closed_at, second.note) == (NOW, "refunded")


async def test_open_cases_are_listed_oldest_first(store: SqlStore) -> None:
    def several(unit: SqlUnit) -> None:
        for subject, opened_at in (("b", NOW), ("a", NOW - MINUTE), ("c", NOW + MINUTE)):
            unit.open_case(case(subject, opened_at=opened_at))
        unit.close_case(CaseKind.PAID_MEANWHILE, "c", now=NOW, note="")

    await store.run(several)

    listed = await store.read(lambda unit: unit.cases(only_open=True, limit=10))
    first = await store.read(lambda unit: unit.cases(only_open=True, limit=1))
    assert [one.subject for one in listed] == ["a", "b"]
    assert [one.subject for one in first] == ["a"]


async def test_the_audit_log_keeps_the_order_even_when_the_clock_is_set_back(
    store: SqlStore,
) -> None:
    entries = [
        AuditEntry(at=NOW, event="attempt.prepared", actor="customer:17", collection_id="col_1"),
        AuditEntry(at=NOW, event="run.started", actor="admin:1"),
        AuditEntry(
            at=NOW - MINUTE,
            event="attempt.succeeded",
            actor="stripe",
            collection_id="col_1",
            attempt_id="att_1",
            facts={"intent": "pi_1", "name": "Dvořák\x00\ud800"},
        ),
    ]

    def record(unit: SqlUnit) -> None:
        for entry in entries:
            unit.record(entry)

    await store.run(record)

    assert await store.read(lambda unit: unit.audit_of("col_1")) == [entries[0], entries[2]]
    assert await store.read(lambda unit: unit.recent_audit(limit=2)) == [entries[2], entries[1]]


async def test_a_poll_cursor_only_moves_forward(store: SqlStore) -> None:
    assert await store.read(lambda unit: unit.poll_cursor(ACCOUNT)) is None

    await store.run(lambda unit: unit.set_poll_cursor(ACCOUNT, NOW))
    await store.run(lambda unit: unit.set_poll_cursor(ACCOUNT, NOW + MINUTE))
    await store.run(lambda unit: unit.set_poll_cursor(ACCOUNT, NOW - MINUTE))

    assert await store.read(lambda unit: unit.poll_cursor(ACCOUNT)) == NOW + MINUTE
    assert await store.read(lambda unit: unit.poll_cursor(LIVE)) is None


async def test_a_stripe_customer_belongs_to_one_account_and_mode_and_the_newest_wins(
    store: SqlStore,
) -> None:
    await store.run(lambda unit: unit.save_stripe_customer(ACCOUNT, 17, "cus_old"))
    await store.run(lambda unit: unit.save_stripe_customer(ACCOUNT, 17, "cus_new"))

    assert await store.read(lambda unit: unit.stripe_customer(ACCOUNT, 17)) == "cus_new"
    assert await store.read(lambda unit: unit.stripe_customer(LIVE, 17)) == ""
    assert await store.read(lambda unit: unit.stripe_customer(ACCOUNT, 18)) == ""


async def test_no_nonce_is_given_twice_and_none_goes_back(store: SqlStore) -> None:
    blocks = await asyncio.gather(
        *(store.run(lambda unit: unit.reserve_nonces("key", 1000, 10)) for _ in range(20))
    )
    jumped = await store.run(lambda unit: unit.reserve_nonces("key", 10**16, 3))
    set_back = await store.run(lambda unit: unit.reserve_nonces("key", 1000, 1))
    other_key = await store.run(lambda unit: unit.reserve_nonces("other", 1000, 1))

    assert sorted(blocks) == [1000 + 10 * number for number in range(20)]
    assert (jumped, set_back, other_key) == (10**16, 10**16 + 3, 1000)
    with pytest.raises(ValueError, match="cannot be reserved"):
        await store.run(lambda unit: unit.reserve_nonces("key", 1, 0))


async def test_an_installation_stays_the_same_when_the_store_is_opened_again(
    store: SqlStore, store_url: str
) -> None:
    before = await store.read(lambda unit: unit.installation())
    again = open_store(store_url, clock=SystemClock(), ids=RandomIds())
    after = await again.read(lambda unit: unit.installation())
    await again.close()

    assert before == after
    assert len(before.signing_key) == 32
    assert before.signing_key.hex() not in repr(before)
    assert before != replace(before, id="ins_other")
