"""Saved credentials in both databases: kept exactly, and what must not be is refused by the tables."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from splynx_stripe.domain.consent import Consent, ConsentWay
from splynx_stripe.domain.credential import (
    Credential,
    CredentialOwner,
    CredentialState,
    DeadReason,
    Slot,
)
from splynx_stripe.domain.errors import BrokenInvariantError, StaleWriteError
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.payment_method import CardFace, MandateStatus, Microdeposits
from splynx_stripe.domain.setup import Setup, SetupNewsKind, SetupState
from splynx_stripe.domain.stripe import PaymentFailure, StripeAccount
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.store import SqlStore, open_store
from splynx_stripe.store.unit import SqlUnit

NOW = datetime(2026, 11, 24, 12, 0, 0, 123, tzinfo=UTC)
ACCOUNT = StripeAccount("default", livemode=False)
OWNER = CredentialOwner(ACCOUNT, 1, 17, "cus_1")
CONSENT = Consent(NOW, ConsentWay.OFFLINE, "admin:1", "2001:db8::/64", "Fire\x00fox", "v", "Ja ☂")
CARD = Credential(
    id="cred_1",
    owner=OWNER,
    payment_method_id="pm_1",
    kind=PaymentKind.CARD,
    state=CredentialState.USABLE,
    position=0,
    consent=replace(CONSENT, browser="Firefox"),
    saved_at=NOW,
    card=CardFace("visa", "4242", 2034, 12),
    mark="m1",
    setup_id="set_1",
)
BANK = replace(
    CARD,
    id="cred_2",
    payment_method_id="pm_2",
    kind=PaymentKind.ACH,
    card=None,
    bank_sealed="v1:k:c2VjcmV0",
    mark="m2",
    mandate_id="mandate_1",
    mandate_status=MandateStatus.ACTIVE,
    position=1,
)
SETUP = Setup(
    id="set_1",
    account=ACCOUNT,
    partner_id=1,
    splynx_customer_id=17,
    stripe_customer_id="cus_1",
    kind=PaymentKind.ACH,
    currency="USD",
    description="",
    metadata={"a": "b"},
    consent=replace(CONSENT, browser="Firefox"),
    prepared_at=NOW,
    next_look_at=NOW + timedelta(minutes=5),
)


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[SqlStore]:
    store = open_store(store_url, clock=SystemClock(), ids=RandomIds())
    yield store
    await store.close()


async def add(store: SqlStore, *credentials: Credential) -> None:
    def work(unit: SqlUnit) -> None:
        for one in credentials:
            unit.add_credential(one)

    await store.run(work)


async def test_what_is_saved_is_read_back_as_it_was(store: SqlStore) -> None:
    await add(store, CARD, BANK)

    assert await store.read(lambda unit: unit.credentials_of(ACCOUNT, 17)) == [CARD, BANK]
    assert await store.read(lambda unit: unit.credential_of_method(ACCOUNT, "pm_2")) == BANK
    assert await store.read(lambda unit: unit.credentials_of_mandate(ACCOUNT, "mandate_1")) == [
        BANK
    ]
    live = StripeAccount("default", livemode=True)
    assert await store.read(lambda unit: unit.credentials_of(live, 17)) == []


async def test_a_setup_is_read_back_as_it_was_and_found_where_it_is_due(store: SqlStore) -> None:
    await store.run(lambda unit: unit.add_setup(SETUP))
    seen = replace(
        SETUP,
        state=SetupState.VERIFYING,
        intent_id="seti_1",
        payment_method_id="pm_1",
        microdeposits=Microdeposits.DESCRIPTOR_CODE,
        seen_as_of=NOW,
        seen_kind=SetupNewsKind.SEEN_VERIFYING,
        failure=PaymentFailure("a", "b", "c"),
    )
    await store.run(lambda unit: unit.save_setup(seen))

    found = await store.read(lambda unit: unit.setup("set_1"))
    due = await store.read(lambda unit: unit.setups_to_look_at(NOW + timedelta(hours=1), 9))
    joinable = await store.read(
        lambda unit: unit.joinable_setup(ACCOUNT, 17, PaymentKind.ACH, NOW - timedelta(hours=1))
    )

    assert found == replace(seen, version=1)
    assert due == [found]
    assert joinable is None


async def test_a_write_on_an_old_version_is_refused(store: SqlStore) -> None:
    await add(store, CARD)
    await store.run(lambda unit: unit.save_credential(replace(CARD, position=3)))

    with pytest.raises(StaleWriteError):
        await store.run(lambda unit: unit.save_credential(replace(CARD, position=4)))


@pytest.mark.parametrize(
    "wrong",
    [
        replace(CARD, id="cred_9", mark="m9"),  # the same PaymentMethod
        replace(CARD, id="cred_9", payment_method_id="pm_9"),  # the same card
        replace(BANK, id="cred_9", payment_method_id="pm_9", mark="", bank_sealed="First Bank"),
        replace(CARD, id="cred_9", payment_method_id="pm_9", mark="", bank_sealed="v1:k:x"),
        replace(
            CARD, id="cred_9", payment_method_id="pm_9", mark="", dead_reason=DeadReason.DETACHED
        ),
        replace(CARD, id="cred_9", payment_method_id="", mark=""),
    ],
)
async def test_the_tables_refuse_what_must_not_be(store: SqlStore, wrong: Credential) -> None:
    await add(store, CARD)

    with pytest.raises(BrokenInvariantError):
        await add(store, wrong)


async def test_removed_ones_make_room_for_the_same_card(store: SqlStore) -> None:
    await add(store, replace(CARD, state=CredentialState.REMOVED))

    await add(store, replace(CARD, id="cred_9"))

    assert len(await store.read(lambda unit: unit.credentials_of(ACCOUNT, 17))) == 1


async def test_a_row_asked_for_again_while_it_is_written_stays_due(store: SqlStore) -> None:
    later = NOW + timedelta(minutes=1)

    def want(unit: SqlUnit) -> None:
        unit.want_mirror(17, Slot.CARD, partner_id=1, now=NOW, sets_payment_method=True)

    await store.run(want)
    (claimed,) = await store.run(lambda unit: unit.claim_mirrors(NOW, later, 9))
    assert await store.run(lambda unit: unit.claim_mirrors(NOW, later, 9)) == []
    await store.run(want)

    await store.run(lambda unit: unit.release_mirror(claimed, due_at=None))

    assert await store.read(lambda unit: unit.has_due_mirrors(NOW))
    (again,) = await store.run(lambda unit: unit.claim_mirrors(NOW, later, 9))
    assert again.sets_payment_method
    with pytest.raises(StaleWriteError):
        await store.run(lambda unit: unit.keep_mirror(claimed))


async def test_a_method_is_detached_once_however_often_it_is_asked(store: SqlStore) -> None:
    for _ in range(2):
        await store.run(lambda unit: unit.want_detached(ACCOUNT, "pm_1", now=NOW))
    (one,) = await store.read(lambda unit: unit.detachments_due(NOW, 9))

    later = NOW + timedelta(hours=1)
    await store.run(lambda unit: unit.detach_later(one.id, due_at=later))
    assert await store.read(lambda unit: unit.detachments_due(NOW, 9)) == []
    (tried,) = await store.read(lambda unit: unit.detachments_due(later, 9))
    await store.run(lambda unit: unit.detached(one.id))

    assert (tried.account, tried.tries) == (ACCOUNT, 1)
    assert await store.read(lambda unit: unit.detachments_due(later, 9)) == []
