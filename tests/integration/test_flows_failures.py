"""What follows a failed charge: one owner of its retries, within the limits, and one notice (I1, I11)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from splynx_stripe.domain.credential import CredentialState, DeadReason
from splynx_stripe.domain.decline import Treatment
from splynx_stripe.domain.notice import NoticeKind, NoticeState
from splynx_stripe.domain.recovery import RecoveryReason, RecoveryState
from splynx_stripe.domain.retry_policy import NextMethod
from splynx_stripe.flows.charge import ChargeStanding
from splynx_stripe.flows.recoveries import recovery_of, take_over_recovery
from tests.integration.charge_house import CARD_TO_CONFIRM, LOST_CARD, POOR_CARD
from tests.integration.failure_house import DAY, OFFICE, FailureHouse, open_failures
from tests.integration.flow_town import CREATE, EMPTY_BANK, HOUR, MINUTE, Town, open_town

S, K = RecoveryState, NoticeKind


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as opened:
        yield opened


@pytest.fixture
async def home(town: Town, sqlite_url: str) -> AsyncIterator[FailureHouse]:
    async with open_failures(town, sqlite_url) as opened:
        yield opened


async def fail(home: FailureHouse, card: str = POOR_CARD) -> None:
    """A run charges Anna's invoice with a saved card that declines."""
    await home.charges.credentials.save_card(card)
    result = await home.charges.charge()
    assert result.standing is ChargeStanding.FAILED
    await home.house.pump.drain()


async def test_a_debt_without_money_is_tried_again_on_the_first_day_of_the_list(
    home: FailureHouse,
) -> None:
    await fail(home)

    recovery = await home.recovery()

    assert (recovery.state, recovery.treatment) == (S.WAITING, Treatment.RETRY_LATER)
    assert recovery.next_at == datetime(2026, 11, 25, 8, 0, tzinfo=UTC)  # nine o'clock in Prague
    assert (recovery.step, recovery.tries) == (1, 0)


async def test_a_try_that_succeeds_ends_the_recovery_and_the_debt_is_paid_once(
    town: Town, home: FailureHouse
) -> None:
    await fail(home)
    good = await home.charges.credentials.save_card()

    await home.pass_time(DAY)

    recovery = await home.recovery()
    assert (recovery.state, recovery.tries) == (S.RECOVERED, 1)
    assert recovery.credential_id == good.id  # the next method at the next try
    assert town.statuses() == ["canceled", "succeeded"]
    assert len(town.bookings()) == 1
    assert town.invoice_status(1042) == "paid"


async def test_tries_end_with_the_list_and_the_customer_is_told_twice_in_all(
    town: Town, home: FailureHouse
) -> None:
    await fail(home)

    await home.pass_time(9 * DAY)

    recovery = await home.recovery()
    assert (recovery.state, recovery.reason) == (S.EXHAUSTED, RecoveryReason.NO_MORE_DAYS)
    assert (recovery.tries, len(town.intents())) == (3, 4)
    assert await home.kinds() == [K.PAYMENT_FAILED, K.TRIES_ENDED]
    assert len(home.mails()) == 2


async def test_a_stolen_card_is_never_charged_again_and_dead(home: FailureHouse) -> None:
    await fail(home, LOST_CARD)

    recovery = await home.recovery()
    [card] = await home.charges.credentials.present()

    assert (recovery.state, recovery.reason) == (S.EXHAUSTED, RecoveryReason.NEW_METHOD)
    assert (card.state, card.dead_reason) == (CredentialState.DEAD, DeadReason.LOST_OR_STOLEN)
    assert await home.kinds() == [K.PAYMENT_FAILED]


async def test_a_bank_that_wants_the_customer_is_not_asked_again_and_a_link_goes_out_at_once(
    town: Town, home: FailureHouse
) -> None:
    await fail(home, CARD_TO_CONFIRM)
    await home.go_on()

    [mail] = home.mails()
    await home.pass_time(8 * DAY, step=6 * HOUR)

    assert (await home.recovery()).reason is RecoveryReason.AUTHENTICATION
    assert len(town.intents()) == 1
    assert "confirm" in mail.subject
    assert "https://isp.example.net/stripe/pay/" in mail.message
    assert len(home.mails()) == 1


async def test_another_method_is_tried_at_once_and_nobody_is_told_when_it_succeeds(
    town: Town, home: FailureHouse
) -> None:
    home.rules.policy = replace(home.rules.policy, next_method=NextMethod.AT_ONCE)
    await home.charges.credentials.save_card(POOR_CARD)
    await home.charges.credentials.save_card()
    await home.charges.charge()

    await home.go_on()
    await home.pass_time(2 * HOUR, step=10 * MINUTE)

    assert (await home.recovery()).state is S.RECOVERED
    assert town.invoice_status(1042) == "paid"
    [notice] = await home.written()
    assert notice.state is NoticeState.DROPPED
    assert home.mails() == []


async def test_only_the_same_method_is_tried_where_others_are_not_wanted(
    town: Town, home: FailureHouse
) -> None:
    home.rules.policy = replace(home.rules.policy, next_method=NextMethod.NEVER)
    await fail(home)
    await home.charges.credentials.save_card()

    await home.pass_time(DAY)

    assert town.statuses() == ["canceled", "canceled"]
    assert (await home.recovery()).state is S.WAITING


async def test_without_days_nothing_is_tried_and_the_customer_is_asked_to_pay(
    home: FailureHouse,
) -> None:
    home.rules.policy = replace(home.rules.policy, days=())
    await fail(home)
    await home.go_on()

    assert (await home.recovery()).reason is RecoveryReason.NO_DAYS
    [mail] = home.mails()
    assert "Please pay with this link" in mail.message


async def test_a_payment_by_another_way_ends_the_recovery(town: Town, home: FailureHouse) -> None:
    await fail(home)
    start = await home.house.press_pay()
    await town.enter_card(start.client_secret)
    await home.house.deliver_webhooks()

    await home.go_on()
    await home.pass_time(8 * DAY, step=6 * HOUR)

    assert (await home.recovery()).state is S.RECOVERED
    assert len(town.bookings()) == 1
    assert town.statuses() == ["canceled", "succeeded"]


async def test_cash_that_the_office_took_is_seen_at_the_next_try(
    town: Town, home: FailureHouse
) -> None:
    await fail(home)
    town.pay_by_cash(1042)

    await home.pass_time(2 * DAY)

    assert (await home.recovery()).state is S.RECOVERED
    assert len(town.intents()) == 1


async def test_a_stop_by_a_person_is_kept_and_a_try_by_a_person_goes_at_once(
    town: Town, home: FailureHouse
) -> None:
    await fail(home)
    recovery = await home.recovery()

    assert await home.recoveries.stop(recovery.id, OFFICE)
    assert not await home.recoveries.stop(recovery.id, OFFICE)
    await home.pass_time(2 * DAY)
    assert (await home.recovery()).state is S.CANCELED
    assert len(town.intents()) == 1

    await home.charges.credentials.save_card()
    assert await home.recoveries.try_now(recovery.id, OFFICE)
    await home.go_on()
    assert (await home.recovery()).state in {S.WAITING, S.RECOVERED}
    assert len(town.intents()) == 2


async def test_somebody_of_another_partner_can_neither_stop_nor_try(home: FailureHouse) -> None:
    await fail(home)
    recovery, stranger = await home.recovery(), replace(OFFICE, partner_id=2)

    assert not await home.recoveries.stop(recovery.id, stranger)
    assert not await home.recoveries.try_now(recovery.id, stranger)
    assert await home.recovery() == recovery


async def test_a_charge_run_sees_who_retries_and_may_take_over(home: FailureHouse) -> None:
    await fail(home)
    payable, now = await home.charges.payable(), home.town.clock.now()
    store = home.house.store

    owner = await store.read(lambda unit: recovery_of(unit, payable))
    took = await store.run(
        lambda unit: take_over_recovery(unit, payable, now=now, actor="run:run_1")
    )
    after = await store.read(lambda unit: recovery_of(unit, payable))

    assert owner is not None
    assert took
    assert after is None
    assert (await home.recovery()).reason is RecoveryReason.TAKEN_OVER


async def test_a_crash_between_the_lease_and_the_end_makes_no_second_charge(
    town: Town, home: FailureHouse
) -> None:
    """Fault 3: the answer of the create is lost and the program dies; the next one goes on."""
    await fail(home)
    await home.charges.credentials.save_card()
    town.clock.advance(DAY)
    town.spoil_stripe(CREATE, "POST", when="after", action="drop", times=1)
    await home.retries.tick()

    again = home.another_daemon()
    town.clock.advance(timedelta(hours=1))
    await home.house.pump.drain()
    await again.tick()
    await home.go_on()

    assert town.statuses() == ["canceled", "succeeded"]
    assert len(town.bookings()) == 1
    assert (await home.recovery()).state is S.RECOVERED


async def test_while_splynx_is_down_a_try_is_put_off_and_made_later(
    town: Town, home: FailureHouse
) -> None:
    await fail(home)
    await home.charges.credentials.save_card()
    town.clock.advance(DAY)
    town.spoil_splynx("/api/2.0/.*", when="before", action="status", status=503, times=10_000)
    await home.retries.tick()
    waiting = await home.recovery()
    town.mend()

    await home.pass_time(2 * HOUR, step=10 * MINUTE)

    assert (waiting.state, len(await home.house.attempts())) == (S.WAITING, 2)
    assert (await home.recovery()).state is S.RECOVERED


async def test_a_bank_debit_is_presented_again_twice_and_for_want_of_money_only(
    town: Town, home: FailureHouse
) -> None:
    home.use_dollars()
    saved = await home.charges.credentials.save_bank(number=EMPTY_BANK)
    assert saved is not None
    await home.charges.charge()
    for _ in range(60):
        town.clock.advance(12 * HOUR)
        await home.house.pump.drain()
        await home.house.deliver_webhooks()
        await home.go_on()

    recovery = await home.recovery()
    assert len(town.intents()) == 3
    assert recovery.state is S.EXHAUSTED


async def test_a_bank_debit_that_a_customer_began_and_that_failed_is_told_and_not_retried(
    town: Town, home: FailureHouse
) -> None:
    home.use_dollars()
    start = await home.house.press_pay()
    await town.enter_bank(start.client_secret, EMPTY_BANK)
    await home.house.deliver_webhooks()
    assert home.mails() == []
    await town.until_settled()
    await home.house.deliver_webhooks()
    await home.go_on()

    found = await home.house.store.read(lambda unit: unit.recovery_of_key("invoice/1042"))
    [mail] = home.mails()
    assert found is None
    assert "not enough money" in mail.message
    assert "Please pay with this link" in mail.message
