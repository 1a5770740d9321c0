"""Recoveries and notices in both databases: exact, unique, guarded, and found when they are due."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from splynx_stripe.domain.collection import CollectionState
from splynx_stripe.domain.decline import Treatment
from splynx_stripe.domain.errors import BrokenInvariantError, StaleWriteError
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.notice import Channel, Notice, NoticeKind, NoticeState
from splynx_stripe.domain.payable import Payable, balance
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.payment_method import CardFace
from splynx_stripe.domain.recovery import (
    Recovery,
    RecoveryPlace,
    RecoveryQuery,
    RecoveryReason,
    RecoveryState,
    RecoveryView,
)
from splynx_stripe.domain.retry_policy import FailedTry
from splynx_stripe.domain.stripe import PaymentFailure
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.store import SqlStore, open_store
from splynx_stripe.store.unit import SqlUnit
from tests.integration.store_builders import ACCOUNT, MINUTE, NOW, attempt, collection, payable
from tests.integration.test_store_credentials import CARD as SAVED_CARD

S = RecoveryState
NOTICE = Notice(
    id="ntc_1",
    key="failed:att_1",
    kind=NoticeKind.PAYMENT_FAILED,
    channel=Channel.MAIL,
    partner_id=1,
    customer_id=17,
    made_at=NOW,
    due_at=NOW,
    facts={"amount": "17250", "name": "Nováková ✓"},
    payable_key="invoice/42",
    collection_id="col_1",
)


def recovery(recovery_id: str = "rcv_1", *, of: Payable | None = None) -> Recovery:
    return Recovery(
        id=recovery_id,
        payable=of or payable(),
        account=ACCOUNT,
        amount=Money(17250, "EUR"),
        opened_at=NOW,
        failed_at=NOW + MINUTE,
        changed_at=NOW + MINUTE,
        first_attempt_id="att_1",
        attempt_id="att_2",
        collection_id="col_1",
        failure=PaymentFailure("card_declined", "insufficient_funds", "No — money ✓"),
        treatment=Treatment.RETRY_LATER,
        next_at=NOW + timedelta(days=1),
        credential_id="cred_1",
        try_collection_id="col_1",
        step=1,
        tries=2,
    )


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[SqlStore]:
    store = open_store(store_url, clock=SystemClock(), ids=RandomIds())

    def seed(unit: SqlUnit) -> None:
        unit.add_collection(collection())
        unit.add_attempt(attempt())

    await store.run(seed)
    yield store
    await store.close()


@pytest.mark.parametrize("of", [payable(), balance(1, 17, Money(999, "EUR"))])
async def test_a_recovery_is_read_back_as_it_was(store: SqlStore, of: Payable) -> None:
    made = recovery(of=of)
    await store.run(lambda unit: unit.add_recovery(made))

    assert await store.read(lambda unit: unit.recovery("rcv_1")) == made
    assert await store.read(lambda unit: unit.recovery_of_key(of.key)) == made
    ended = replace(made, state=S.EXHAUSTED, reason=RecoveryReason.LIMIT, next_at=None, step=3)
    saved = await store.run(lambda unit: unit.save_recovery(ended))
    assert saved == replace(ended, version=1)
    assert await store.read(lambda unit: unit.recovery("rcv_1")) == saved


async def test_a_debt_has_one_owner_of_its_retries(store: SqlStore) -> None:
    await store.run(lambda unit: unit.add_recovery(recovery()))

    with pytest.raises(StaleWriteError):
        await store.run(lambda unit: unit.add_recovery(recovery("rcv_2")))


async def test_writes_on_an_old_version_are_refused(store: SqlStore) -> None:
    await store.run(lambda unit: unit.add_recovery(recovery()))
    await store.run(lambda unit: unit.add_notice(NOTICE))
    await store.run(lambda unit: unit.save_recovery(recovery()))
    await store.run(lambda unit: unit.save_notice(NOTICE))

    with pytest.raises(StaleWriteError):
        await store.run(lambda unit: unit.save_recovery(recovery()))
    with pytest.raises(StaleWriteError):
        await store.run(lambda unit: unit.save_notice(NOTICE))


@pytest.mark.parametrize(
    "wrong",
    [
        replace(recovery(), next_at=None),
        replace(recovery(), state=S.RECOVERED),
        replace(recovery(), amount=Money(0, "EUR")),
        replace(recovery(), collection_id="col_nowhere"),
    ],
)
async def test_the_database_refuses_what_cannot_be(store: SqlStore, wrong: Recovery) -> None:
    with pytest.raises(BrokenInvariantError):
        await store.run(lambda unit: unit.add_recovery(wrong))


async def test_what_is_due_is_found_and_what_has_ended_is_not(store: SqlStore) -> None:
    other = replace(recovery("rcv_2", of=payable("202611000043")), state=S.CANCELED, next_at=None)

    def seed(unit: SqlUnit) -> None:
        unit.add_recovery(recovery())
        unit.add_recovery(other)

    await store.run(seed)

    early = await store.read(lambda unit: unit.recoveries_due(NOW, 9))
    due = await store.read(lambda unit: unit.recoveries_due(NOW + timedelta(days=2), 9))
    assert (list(early), [one.id for one in due]) == ([], ["rcv_1"])


async def test_a_debt_that_was_collected_after_all_is_found_by_its_recovery(
    store: SqlStore,
) -> None:
    await store.run(lambda unit: unit.add_recovery(recovery()))
    states = [S.WAITING, S.TRYING]
    before = await store.read(lambda unit: unit.recoveries_paid(states, NOW, 9))

    def pay(unit: SqlUnit) -> None:
        unit.save_collection(replace(collection(), state=CollectionState.CLOSED))
        paid = collection("col_2", opened_at=NOW + MINUTE)
        unit.add_collection(paid)
        unit.save_collection(replace(paid, state=CollectionState.BOOKED))

    await store.run(pay)

    after = await store.read(lambda unit: unit.recoveries_paid(states, NOW, 9))
    ended = await store.read(lambda unit: unit.recoveries_paid([S.EXHAUSTED], NOW, 9))
    assert ([one.id for one in before], [one.id for one in after]) == ([], ["rcv_1"])
    assert list(ended) == []


async def test_pages_follow_each_other_without_gap_or_double(store: SqlStore) -> None:
    def seed(unit: SqlUnit) -> None:
        for number in range(7):
            one = recovery(f"rcv_{number}", of=payable(f"20261100004{number}"))
            unit.add_recovery(replace(one, changed_at=NOW + MINUTE * (number // 2)))

    await store.run(seed)
    seen: list[str] = []
    place: RecoveryPlace | None = None
    while True:
        page = await store.read(
            lambda unit, before=place: unit.recoveries(  # type: ignore[misc]  # a default binds the loop's value
                RecoveryQuery(), before=before, limit=3
            )
        )
        if not page:
            break
        seen += [one.id for one in page]
        place = RecoveryPlace(page[-1].changed_at, page[-1].id)

    assert seen == ["rcv_6", "rcv_5", "rcv_4", "rcv_3", "rcv_2", "rcv_1", "rcv_0"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (RecoveryQuery(), 1),
        (RecoveryQuery(RecoveryView.GOING_ON, 1, 17, "202611000042"), 1),
        (RecoveryQuery(RecoveryView.ENDED), 0),
        (RecoveryQuery(partner_id=2), 0),
        (RecoveryQuery(customer_id=18), 0),
        (RecoveryQuery(text="202611000043"), 0),
    ],
)
async def test_filters_show_what_was_asked_for(
    store: SqlStore, query: RecoveryQuery, found: int
) -> None:
    await store.run(lambda unit: unit.add_recovery(recovery()))

    assert len(await store.read(lambda unit: unit.recoveries(query, before=None, limit=9))) == found


async def test_a_failed_try_is_remembered_once(store: SqlStore) -> None:
    failed = FailedTry("att_1", "pm_1", PaymentKind.ACH, NOW, Treatment.NEVER)

    first = await store.run(lambda unit: unit.add_failed_try("invoice/42", failed))
    second = await store.run(lambda unit: unit.add_failed_try("invoice/42", failed))

    assert (first, second) == (True, False)
    assert await store.read(lambda unit: unit.failed_tries("invoice/42")) == [failed]
    assert await store.read(lambda unit: unit.failed_tries("invoice/43")) == []


async def test_a_notice_is_written_once_for_each_way_and_read_back_as_it_was(
    store: SqlStore,
) -> None:
    by_sms = replace(NOTICE, id="ntc_2", channel=Channel.SMS)
    answers = [
        await store.run(lambda unit, one=one: unit.add_notice(one))  # type: ignore[misc]  # a default binds the loop's value
        for one in (NOTICE, replace(NOTICE, id="ntc_9"), by_sms)
    ]

    assert answers == [True, False, True]
    assert await store.read(lambda unit: unit.notice("ntc_1")) == NOTICE
    assert await store.read(lambda unit: unit.notices_of("invoice/42", 9)) == [by_sms, NOTICE]
    assert await store.read(lambda unit: unit.notices_due(NOW, 9)) == [NOTICE, by_sms]


async def test_a_notice_that_was_about_to_be_sent_is_found_and_is_not_due(store: SqlStore) -> None:
    await store.run(lambda unit: unit.add_notice(NOTICE))
    sending = replace(NOTICE, state=NoticeState.SENDING, tries=1, changed_at=NOW)
    saved = await store.run(lambda unit: unit.save_notice(sending))

    assert await store.read(lambda unit: unit.notices_due(NOW, 9)) == []
    assert await store.read(lambda unit: unit.notices_sending(NOW + MINUTE, 9)) == [saved]
    assert await store.read(lambda unit: unit.notices_sending(NOW, 9)) == []


async def test_cards_are_found_by_their_last_month_over_the_turn_of_the_year(
    store: SqlStore,
) -> None:
    def seed(unit: SqlUnit) -> None:
        for number, (year, month) in enumerate(((2026, 11), (2026, 12), (2027, 1), (2027, 2))):
            unit.add_credential(
                replace(
                    SAVED_CARD,
                    id=f"cred_{number}",
                    payment_method_id=f"pm_{number}",
                    mark=f"m{number}",
                    card=CardFace("visa", "4242", year, month),
                )
            )

    await store.run(seed)
    found = await store.read(
        lambda unit: unit.cards_expiring((2026, 12), (2027, 1), after="", limit=9)
    )
    rest = await store.read(
        lambda unit: unit.cards_expiring((2026, 12), (2027, 1), after="cred_1", limit=9)
    )

    assert [one.id for one in found] == ["cred_1", "cred_2"]
    assert [one.id for one in rest] == ["cred_2"]
