"""Customers in Stripe follow Splynx: told once, never mixed, and through every interruption."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from splynx_stripe.domain.attempt import AttemptState
from splynx_stripe.domain.customer_sync import Phase, Standing
from splynx_stripe.domain.errors import RetryableError, StaleWriteError
from splynx_stripe.flows.pay import Standing as PaymentStanding
from splynx_stripe.flows.ports import Unit
from tests.integration.customer_sync_house import (
    A_CUSTOMER,
    ANNA,
    BEN,
    CUSTOMERS,
    SPLYNX_CUSTOMERS,
    SyncHouse,
    open_sync_house,
    saved_card,
)
from tests.integration.flow_town import EUR_ACCOUNT, HOUR, JPY_ACCOUNT, MINUTE, Town, open_town

DAY = timedelta(days=1)


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as opened:
        yield opened


@pytest.fixture
async def home(town: Town, sqlite_url: str) -> AsyncIterator[SyncHouse]:
    async with open_sync_house(town, sqlite_url) as opened:
        yield opened


@pytest.fixture
async def everywhere(town: Town, store_url: str) -> AsyncIterator[SyncHouse]:
    """Gives a house on each kind of database, for what depends on its SQL."""
    async with open_sync_house(town, store_url) as opened:
        yield opened


async def test_a_payment_makes_the_customer_and_the_next_minute_completes_it(
    everywhere: SyncHouse,
) -> None:
    row = everywhere.in_splynx(ANNA)
    row.email = "anna@example.net, office@example.net"
    row.street_1, row.zip_code, row.city = "Dlouhá 1", "110 00", "Praha"
    start = await everywhere.house.press_pay()
    stripe_id = await everywhere.mapped(ANNA)
    first = dict(everywhere.in_stripe(stripe_id))
    await everywhere.house.town.enter_card(start.client_secret)
    await everywhere.house.deliver_webhooks()

    await everywhere.sync.tick()

    then = everywhere.in_stripe(stripe_id)
    assert (first["email"], first["preferred_locales"]) == ("anna@example.net", ["en"])
    assert first["metadata"]["splynx_customer_id"] == "17"
    assert then["address"]["line1"] == "Dlouhá 1"
    assert then["address"]["country"] == "CZ"
    assert then["metadata"]["splynx_url"].endswith("/admin/customers/view?id=17")
    assert await everywhere.audited() == ["customer.told"]


async def test_what_did_not_change_is_not_sent_again(everywhere: SyncHouse) -> None:
    await everywhere.first_use()
    await everywhere.compare_all()
    sent = everywhere.updates()

    done = await everywhere.compare_all()

    assert everywhere.updates() == sent
    assert dict(done.counts) == {"checked": 1, "unchanged": 1}


async def test_a_change_in_splynx_reaches_stripe_with_the_next_comparison(
    everywhere: SyncHouse,
) -> None:
    stripe_id = await everywhere.first_use()
    await everywhere.compare_all()
    everywhere.in_splynx(ANNA).name = "Anna Malá"
    everywhere.in_splynx(ANNA).phone = ""

    done = await everywhere.compare_all()

    found = everywhere.in_stripe(stripe_id)
    assert (found["name"], found["phone"]) == ("Anna Malá", None)
    assert done.counts["sent"] == 1


async def test_a_customer_that_is_deleted_in_stripe_is_forgotten_and_made_anew_at_the_next_use(
    everywhere: SyncHouse,
) -> None:
    unchanged = await everywhere.first_use(ANNA)
    changed = await everywhere.first_use(BEN)
    await everywhere.compare_all()
    await everywhere.delete_in_stripe(unchanged)
    await everywhere.delete_in_stripe(changed)
    everywhere.in_splynx(BEN).name = "Ben Changed"

    done = await everywhere.compare_all()
    start = await everywhere.house.press_pay()

    assert done.counts["forgotten"] == 2
    assert start.standing is PaymentStanding.PAYABLE
    assert await everywhere.mapped(ANNA) not in {"", unchanged}
    assert await everywhere.mapped(BEN) == ""


async def test_a_customer_that_is_deleted_in_splynx_is_left_alone_in_stripe(
    everywhere: SyncHouse,
) -> None:
    stripe_id = await everywhere.first_use(BEN)
    await everywhere.compare_all()
    sent = everywhere.updates()
    everywhere.town.splynx.state.customers.remove(everywhere.in_splynx(BEN))

    await everywhere.compare_all()
    status = await everywhere.status()

    assert not everywhere.in_stripe(stripe_id).get("deleted")
    assert everywhere.updates() == sent
    assert status.standings[Standing.GONE] == 1
    assert await everywhere.mapped(BEN) == stripe_id


async def test_a_customer_who_moves_to_a_partner_with_another_account_is_never_mixed(
    everywhere: SyncHouse,
) -> None:
    """I8."""
    old = await everywhere.first_use()
    await everywhere.compare_all()
    everywhere.in_splynx(ANNA).partner_id = 2
    everywhere.in_splynx(ANNA).name = "Anna Moved"

    await everywhere.compare_all()
    new = await everywhere.first_use(ANNA, JPY_ACCOUNT)
    await everywhere.compare_all()

    assert everywhere.in_stripe(old)["name"] != "Anna Moved"
    assert everywhere.in_stripe(old)["metadata"]["splynx_partner_id"] == "1"
    assert everywhere.in_stripe(new, JPY_ACCOUNT)["name"] == "Anna Moved"
    assert everywhere.in_stripe(new, JPY_ACCOUNT)["metadata"]["splynx_partner_id"] == "2"
    assert (await everywhere.status()).standings[Standing.MOVED] == 1


async def test_who_comes_back_to_the_account_is_told_again(home: SyncHouse) -> None:
    stripe_id = await home.first_use()
    await home.compare_all()
    home.in_splynx(ANNA).partner_id = 2
    await home.compare_all()
    home.in_splynx(ANNA).partner_id = 1
    home.in_splynx(ANNA).name = "Anna Back"

    await home.compare_all()

    assert home.in_stripe(stripe_id)["name"] == "Anna Back"


async def test_a_move_within_one_account_changes_the_partner_in_stripe(home: SyncHouse) -> None:
    terms = home.house.terms.by_partner
    terms[2] = replace(terms[1], partner_id=2, language="cs")
    stripe_id = await home.first_use()
    await home.compare_all()
    home.in_splynx(ANNA).partner_id = 2

    await home.compare_all()

    found = home.in_stripe(stripe_id)
    assert found["metadata"]["splynx_partner_id"] == "2"
    assert found["preferred_locales"] == ["cs"]


async def test_nobody_is_linked_by_e_mail_and_only_our_own_metadata_is_adopted(
    everywhere: SyncHouse,
) -> None:
    """P18."""
    await everywhere.made_by_others(everywhere.in_splynx(ANNA).email)
    ours = await everywhere.made_by_hand(BEN)

    done = await everywhere.compare_all()

    assert await everywhere.mapped(ANNA) == ""
    assert await everywhere.mapped(BEN) == ours
    assert done.counts["adopted"] == 1
    assert await everywhere.audited() == ["customer.adopted"]


async def test_a_customer_who_is_in_stripe_twice_is_reported_and_the_one_in_use_stays(
    everywhere: SyncHouse,
) -> None:
    lost = await everywhere.made_by_hand(ANNA)
    used = await everywhere.first_use(ANNA)

    await everywhere.compare_all()
    (twice,) = (await everywhere.status()).twice

    assert (twice.account, twice.splynx_customer_id) == (EUR_ACCOUNT, ANNA)
    assert (twice.kept, twice.others) == (used, (lost,))
    assert await everywhere.mapped(ANNA) == used
    assert not everywhere.in_stripe(lost).get("deleted")


async def test_a_double_that_was_deleted_is_not_reported_any_more(home: SyncHouse) -> None:
    lost = await home.made_by_hand(ANNA)
    await home.first_use(ANNA)
    await home.compare_all()
    await home.delete_in_stripe(lost)

    await home.compare_all()

    assert (await home.status()).twice == []


async def test_the_same_card_of_two_customers_is_a_hint(everywhere: SyncHouse) -> None:
    for number, customer, mark in ((1, ANNA, "same"), (2, BEN, "same"), (3, BEN, "other")):
        card = saved_card(number, customer, mark)
        await everywhere.house.store.run(lambda unit, card=card: unit.add_credential(card))  # type: ignore[misc]  # a default binds the loop's value

    (shared,) = (await everywhere.status()).shared

    assert (shared.kind, shared.splynx_customer_ids) == ("card", (ANNA, BEN))


async def test_a_customer_who_is_paying_is_left_alone_until_that_is_over(
    everywhere: SyncHouse,
) -> None:
    start = await everywhere.house.press_pay()
    await everywhere.compare_all()
    untouched = everywhere.updates()

    await everywhere.town.enter_card(start.client_secret)
    await everywhere.house.deliver_webhooks()
    everywhere.town.clock.advance(11 * MINUTE)
    await everywhere.sync.tick()

    assert untouched == 0
    assert everywhere.updates() == 1
    assert everywhere.house.town.statuses() == ["succeeded"]
    assert (await everywhere.status()).standings[Standing.IN_STEP] == 1


async def test_an_email_that_stripe_does_not_take_keeps_nobody_from_paying_or_being_told(
    home: SyncHouse,
) -> None:
    refusal = (
        '{"error": {"type": "invalid_request_error", "code": "email_invalid", "message": "No."}}'
    )
    home.town.spoil_stripe(CUSTOMERS, "POST", status=400, body=refusal)
    start = await home.house.press_pay()
    first = dict(home.in_stripe(await home.mapped(ANNA)))
    await home.town.enter_card(start.client_secret)
    await home.house.deliver_webhooks()
    home.town.spoil_stripe(A_CUSTOMER, "POST", status=400, body=refusal)

    await home.sync.tick()

    status = await home.status()
    assert start.standing is PaymentStanding.PAYABLE
    assert first["email"] is None
    assert home.in_stripe(await home.mapped(ANNA))["metadata"]["splynx_url"]
    assert status.standings[Standing.IN_STEP] == 1


async def test_what_stripe_refuses_is_reported_and_tried_again_by_the_next_round_only(
    home: SyncHouse,
) -> None:
    refusal = '{"error": {"type": "invalid_request_error", "message": "Too long."}}'
    await home.first_use()
    home.town.spoil_stripe(A_CUSTOMER, "POST", status=400, body=refusal)

    await home.compare_all()
    (refused,) = (await home.status()).refused
    home.town.clock.advance(HOUR)
    await home.sync.tick()
    between = home.updates()
    await home.compare_all()

    assert "Too long" in refused.note
    assert between == 0
    assert home.updates() == 1
    assert (await home.status()).refused == []


async def test_a_bank_debit_on_its_way_does_not_keep_a_customer_from_being_told(
    home: SyncHouse,
) -> None:
    """A debit takes days; nothing more is asked of the customer's object meanwhile."""
    start = await home.house.press_pay()
    await home.town.enter_card(start.client_secret)
    (attempt,) = await home.house.attempts()

    def is_charged(unit: Unit) -> bool:
        return unit.is_being_charged(EUR_ACCOUNT, attempt.stripe_customer_id)

    before = await home.house.store.read(is_charged)
    on_its_way = replace(attempt, state=AttemptState.PROCESSING)
    await home.house.store.run(lambda unit: unit.save_attempt(on_its_way))

    assert before
    assert not await home.house.store.read(is_charged)


async def test_a_limit_of_stripe_only_makes_it_wait(
    home: SyncHouse, caplog: pytest.LogCaptureFixture
) -> None:
    customers = [await home.first_use(customer) for customer in (ANNA, BEN, 19, 20)]
    home.town.spoil_stripe(A_CUSTOMER, "POST", status=429, times=3)

    with caplog.at_level(logging.INFO):
        await home.sync.tick()
        home.town.clock.advance(11 * MINUTE)
        await home.sync.tick()

    told = [home.in_stripe(each)["metadata"].get("splynx_url", "") for each in customers]
    assert all(told)
    assert home.updates() == len(customers)
    assert "sync.waits" in [record.getMessage() for record in caplog.records]


async def test_three_customers_that_always_fail_hold_up_nobody(home: SyncHouse) -> None:
    bad = [await home.first_use(customer) for customer in (ANNA, BEN, 19)]
    good = await home.first_use(20)
    home.town.spoil_stripe(f"/v1/customers/({'|'.join(bad)})", "POST", times=-1)

    done = await home.compare_all()

    assert done.phase is Phase.DONE
    assert home.in_stripe(good)["metadata"]["splynx_url"]
    assert (await home.status()).standings[Standing.WAITING] == len(bad)


async def test_an_answer_that_is_lost_is_asked_for_by_sending_the_same_again(
    home: SyncHouse,
) -> None:
    stripe_id = await home.first_use()
    home.town.spoil_stripe(A_CUSTOMER, "POST", when="after")

    await home.compare_all()
    home.town.clock.advance(11 * MINUTE)
    await home.sync.tick()

    assert home.in_stripe(stripe_id)["metadata"]["splynx_url"]
    assert (await home.status()).standings[Standing.IN_STEP] == 1


async def test_while_splynx_is_away_nobody_counts_as_gone(home: SyncHouse) -> None:
    await home.first_use()
    home.town.spoil_splynx(f"{SPLYNX_CUSTOMERS}.*", "GET", status=503, times=-1)

    with pytest.raises(RetryableError):
        await home.compare_all()
    home.town.mend()
    done = await home.compare_all()

    assert (done.number, done.counts["sent"]) == (1, 1)


async def test_a_key_that_may_not_does_not_hold_up_the_other_account(
    home: SyncHouse, caplog: pytest.LogCaptureFixture
) -> None:
    """I8."""
    terms = home.house.terms.by_partner
    terms[3] = replace(terms[1], partner_id=3, account=JPY_ACCOUNT)
    forbidden = await home.first_use(ANNA)
    home.in_splynx(BEN).partner_id = 3
    allowed = await home.first_use(BEN, JPY_ACCOUNT)
    home.town.spoil_stripe(f"/v1/customers/{forbidden}", "POST", status=403)

    await home.compare_all()

    assert home.in_stripe(allowed, JPY_ACCOUNT)["metadata"]["splynx_url"]
    assert "sync.account_skipped" in [record.getMessage() for record in caplog.records]
    assert (await home.status()).standings[Standing.WAITING] == 1


async def test_a_round_goes_on_where_it_was_killed_and_sends_nothing_twice(
    town: Town, store_url: str
) -> None:
    """I14."""
    async with open_sync_house(town, store_url) as before:
        ids = [await before.first_use(customer) for customer in (ANNA, BEN, 19, 20)]
        town.spoil_stripe(A_CUSTOMER, "POST", skip=2, action="delay", delay_s=60)
        work = asyncio.ensure_future(before.compare_all())
        await town.clock.until_sleeping()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        sent = before.updates()
    town.mend()

    async with open_sync_house(town, store_url) as after:
        done = await after.compare_all()

        assert (done.number, sent) == (1, 2)
        assert after.updates() == len(ids)
        assert dict(done.counts) == {"checked": 4, "unchanged": 2, "sent": 2}


async def test_the_scheduler_compares_all_once_a_night(home: SyncHouse) -> None:
    await home.first_use()

    await home.sync.tick()
    await home.sync.tick()
    first = (await home.status()).last
    home.town.clock.advance(DAY)
    await home.sync.tick()
    second = (await home.status()).last

    assert first is not None
    assert second is not None
    assert (first.number, second.number) == (1, 2)
    assert second.finished_at is not None


async def test_where_it_is_switched_off_only_new_customers_are_completed(
    town: Town, sqlite_url: str
) -> None:
    async with open_sync_house(town, sqlite_url, at=None) as home:
        stripe_id = await home.first_use()

        await home.sync.tick()

        assert home.in_stripe(stripe_id)["metadata"]["splynx_url"]
        assert (await home.status()).last is None


async def test_two_at_once_do_not_write_over_each_other(everywhere: SyncHouse) -> None:
    await everywhere.first_use()
    await everywhere.compare_all()
    last = (await everywhere.status()).last
    assert last is not None

    await everywhere.house.store.run(lambda unit: unit.save_sync_round(last))

    for late in (last, replace(last, version=0)):
        with pytest.raises(StaleWriteError):
            await everywhere.house.store.run(lambda unit, late=late: unit.save_sync_round(late))  # type: ignore[misc]  # a default binds the loop's value


async def test_what_a_person_must_mend_is_an_error_and_rests(
    home: SyncHouse, caplog: pytest.LogCaptureFixture
) -> None:
    await home.first_use()
    home.town.spoil_splynx(f"{SPLYNX_CUSTOMERS}.*", "GET", status=400, times=-1)

    await home.sync.tick()
    await home.sync.tick()
    errors = [record for record in caplog.records if record.getMessage() == "sync.stopped"]
    home.town.mend()
    home.town.clock.advance(HOUR)
    await home.sync.tick()

    assert len(errors) == 1
    assert (await home.status()).standings[Standing.IN_STEP] == 1
