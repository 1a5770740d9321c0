"""When a failed charge is tried again: days, hours, clocks that change, and the limits of schemes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from splynx_stripe.domain.decline import Treatment
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.retry_policy import (
    CARD_PERIOD,
    FailedTry,
    Method,
    RetryPolicy,
    may_try,
    moment_of,
    schemes_allow,
    still_counting,
    within_hours,
)

PRAGUE = ZoneInfo("Europe/Prague")
POLICY = RetryPolicy(days=(1, 3, 7), opens_at=time(9), closes_at=time(17), timezone=PRAGUE)
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
CARD = Method("cred_1", "pm_1", PaymentKind.CARD)
zones = st.sampled_from(
    ["Europe/Prague", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"]
)


def tried(
    method: Method,
    at: datetime = NOW,
    treatment: Treatment = Treatment.RETRY_LATER,
    number: int = 1,
) -> FailedTry:
    return FailedTry(f"att_{number}", method.method_id, method.kind, at, treatment)


def test_tries_follow_the_days_of_the_list_at_the_hour_of_the_partner() -> None:
    moments = [moment_of(POLICY, NOW, step, NOW) for step in range(4)]

    assert moments == [
        datetime(2026, 11, 25, 8, tzinfo=UTC),
        datetime(2026, 11, 27, 8, tzinfo=UTC),
        datetime(2026, 12, 1, 8, tzinfo=UTC),
        None,
    ]


def test_the_hour_stays_the_same_when_the_clocks_change() -> None:
    failed_at = datetime(2027, 3, 27, 12, tzinfo=UTC)  # the day before summer begins

    assert moment_of(POLICY, failed_at, 0, failed_at) == datetime(2027, 3, 28, 7, tzinfo=UTC)


def test_a_moment_that_has_passed_is_made_up_for_within_the_hours() -> None:
    late = datetime(2026, 11, 25, 10, tzinfo=UTC)
    too_late = datetime(2026, 11, 25, 19, tzinfo=UTC)

    assert moment_of(POLICY, NOW, 0, late) == late
    assert moment_of(POLICY, NOW, 0, too_late) == datetime(2026, 11, 26, 8, tzinfo=UTC)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)), zones, st.integers(0, 2))  # noqa: DTZ001 - hypothesis wants its bounds naive
def test_a_try_is_never_before_now_and_always_within_the_hours(
    at: datetime, zone: str, step: int
) -> None:
    policy, now = replace(POLICY, timezone=ZoneInfo(zone)), at.replace(tzinfo=UTC)

    moment = moment_of(policy, now - timedelta(days=5), step, now)

    assert moment is not None
    assert moment >= now
    assert time(9) <= moment.astimezone(ZoneInfo(zone)).time() < time(17)
    assert within_hours(policy, moment) == moment


@pytest.mark.parametrize(
    "treatment", [Treatment.NEVER, Treatment.NEW_METHOD, Treatment.AUTHENTICATE]
)
def test_a_method_that_a_bank_has_refused_for_good_is_not_tried_again(treatment: Treatment) -> None:
    years_later = NOW + timedelta(days=1000)

    assert not may_try(POLICY, CARD, [tried(CARD, treatment=treatment)], years_later)
    assert may_try(POLICY, replace(CARD, method_id="pm_2"), [tried(CARD, treatment=treatment)], NOW)


def test_a_card_is_tried_so_often_in_thirty_days_and_again_afterwards() -> None:
    failed = [tried(CARD, NOW + timedelta(days=day), number=day) for day in range(8)]

    assert may_try(POLICY, CARD, failed[:7], NOW + timedelta(days=8))
    assert not may_try(POLICY, CARD, failed, NOW + timedelta(days=8))
    assert may_try(POLICY, CARD, failed, NOW + CARD_PERIOD)


@pytest.mark.parametrize(
    ("kind", "setting", "again"),
    [
        (PaymentKind.ACH, 2, 2),
        (PaymentKind.ACH, 99, 2),
        (PaymentKind.ACH, 0, 0),
        (PaymentKind.PAD, 99, 1),
        (PaymentKind.BECS, 99, 2),
    ],
)
def test_no_setting_goes_beyond_the_rules_of_a_scheme(
    kind: PaymentKind, setting: int, again: int
) -> None:
    account, policy = Method("cred_2", "pm_2", kind), replace(POLICY, bank_tries=setting)
    tries = [tried(account, number=number) for number in range(5)]

    allowed = [may_try(policy, account, tries[:count], NOW) for count in range(1, 5)]

    assert allowed == [count <= again for count in range(1, 5)]


def test_what_was_our_own_mistake_counts_for_no_limit() -> None:
    ours = [tried(CARD, treatment=Treatment.OURS, number=number) for number in range(20)]

    assert may_try(POLICY, CARD, ours, NOW)


def test_after_a_long_outage_the_tries_do_not_come_all_at_once() -> None:
    weeks_later = NOW + timedelta(days=30)

    second = moment_of(POLICY, NOW, 1, weeks_later)
    third = moment_of(POLICY, NOW, 2, weeks_later)

    assert second == weeks_later + timedelta(days=2)
    assert third == weeks_later + timedelta(days=4)


def test_schemes_count_a_card_for_thirty_days_and_a_bank_debit_for_ever() -> None:
    of_card = [tried(CARD, number=number) for number in range(15)]
    bank = Method("cred_2", "pm_2", PaymentKind.ACH)
    of_bank = [tried(bank, number=number) for number in range(3)]
    later = NOW + timedelta(days=400)

    assert schemes_allow(CARD.kind, CARD.method_id, of_card[1:], NOW)
    assert not schemes_allow(CARD.kind, CARD.method_id, of_card, NOW)
    assert schemes_allow(CARD.kind, CARD.method_id, of_card, later)
    assert schemes_allow(bank.kind, bank.method_id, of_bank[1:], NOW)
    assert not schemes_allow(bank.kind, bank.method_id, of_bank, later)


@pytest.mark.parametrize(
    ("treatment", "card_may", "bank_may"),
    [
        (Treatment.RETRY_LATER, True, True),
        (Treatment.OURS, True, True),
        (Treatment.NEW_METHOD, True, False),
        (Treatment.AUTHENTICATE, True, False),
        (Treatment.NEVER, False, False),
    ],
)
def test_a_run_may_try_a_card_that_may_have_been_renewed_but_no_debit_that_was_refused(
    treatment: Treatment, *, card_may: bool, bank_may: bool
) -> None:
    bank = Method("cred_2", "pm_2", PaymentKind.ACH)

    for method, may in ((CARD, card_may), (bank, bank_may)):
        failed = [tried(method, treatment=treatment)]
        assert schemes_allow(method.kind, method.method_id, failed, NOW) is may


def test_what_an_account_owed_long_ago_is_another_debt_and_a_document_stays_the_same() -> None:
    long_ago, lately = tried(CARD), tried(CARD, number=2)
    blocked = tried(CARD, number=3, treatment=Treatment.NEVER)
    now = NOW + timedelta(days=31)
    failed = [long_ago, blocked, replace(lately, failed_at=now)]

    assert still_counting(failed, now, is_of_account=False) == failed
    assert still_counting(failed, now, is_of_account=True) == failed[1:]
