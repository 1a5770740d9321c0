"""The machine of a recovery, and what is decided after a failure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given, strategies as st

from splynx_stripe.domain.decline import Treatment
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import Payable, PayableKind
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.recovery import (
    LIVE_RECOVERY_STATES,
    RECOVERY_TRANSITIONS,
    Course,
    Decision,
    Recovery,
    RecoveryNews,
    RecoveryReason,
    RecoveryState,
    choose,
    decide,
    recovery_after_failure,
    recovery_step,
)
from splynx_stripe.domain.retry_policy import FailedTry, Method, NextMethod, RetryPolicy
from splynx_stripe.domain.stripe import PaymentFailure, StripeAccount

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
POLICY = RetryPolicy(days=(1, 3), opens_at=time(9), closes_at=time(17), timezone=UTC)
FIRST = Method("cred_1", "pm_1", PaymentKind.CARD)
SECOND = Method("cred_2", "pm_2", PaymentKind.CARD)
RECOVERY = Recovery(
    id="rcv_1",
    payable=Payable(1, 17, PayableKind.INVOICE, 1042, "202611000042", "EUR"),
    account=StripeAccount("default", livemode=False),
    amount=Money(17250, "EUR"),
    opened_at=NOW,
    failed_at=NOW,
    changed_at=NOW,
    first_attempt_id="att_1",
    attempt_id="att_1",
    collection_id="col_1",
    failure=PaymentFailure("card_declined", "insufficient_funds", ""),
    treatment=Treatment.RETRY_LATER,
    next_at=LATER,
)
S, N, R = RecoveryState, RecoveryNews, RecoveryReason


def failed(
    method: Method = FIRST, treatment: Treatment = Treatment.RETRY_LATER, number: int = 1
) -> FailedTry:
    return FailedTry(f"att_{number}", method.method_id, method.kind, NOW, treatment)


def course(
    tries: Sequence[FailedTry], methods: Sequence[Method] = (FIRST, SECOND), step: int = 0
) -> Course:
    return Course(opened_at=NOW, step=step, failed=tries, methods=methods)


def test_the_table_answers_every_news_in_every_state() -> None:
    assert set(RECOVERY_TRANSITIONS) == {(state, news) for state in S for news in N}


@given(st.sampled_from(RecoveryState), st.lists(st.sampled_from(RecoveryNews), max_size=8))
def test_money_ends_it_for_ever_and_only_a_live_one_has_something_due(
    start: RecoveryState, all_news: list[RecoveryNews]
) -> None:
    recovery = replace(
        RECOVERY, state=start, next_at=LATER if start in LIVE_RECOVERY_STATES else None
    )
    was_recovered = False
    for news in all_news:
        recovery = recovery_step(recovery, news, NOW, next_at=LATER, reason=R.BY_PERSON)
        was_recovered |= recovery.state is S.RECOVERED
        assert (recovery.next_at is not None) is recovery.is_live
        assert not was_recovered or recovery.state is S.RECOVERED


def test_each_try_has_an_origin_of_its_own_and_no_collection_yet() -> None:
    first = recovery_step(RECOVERY, N.TRY_BEGAN, NOW, next_at=LATER)
    leased = replace(first, try_collection_id="col_2")
    waiting = recovery_step(leased, N.TRY_PUT_OFF, NOW, next_at=LATER)
    second = recovery_step(waiting, N.TRY_BEGAN, NOW, next_at=LATER)

    assert (first.origin, second.origin) == ("recovery/rcv_1/1", "recovery/rcv_1/2")
    assert second.try_collection_id == ""


def test_the_next_try_is_made_with_a_method_that_was_not_tried_yet() -> None:
    decision = decide(POLICY, course([failed()]), NOW)

    assert decision == Decision(1, datetime(2026, 11, 25, 9, tzinfo=UTC), "cred_2")


def test_after_all_were_tried_the_last_one_is_tried_again() -> None:
    both = [failed(FIRST, number=1), failed(SECOND, number=2)]

    assert decide(POLICY, course(both, step=1), NOW).credential_id == "cred_2"


def test_other_methods_at_once_use_up_no_day() -> None:
    policy = replace(POLICY, next_method=NextMethod.AT_ONCE)

    assert decide(policy, course([failed()]), NOW) == Decision(0, NOW, "cred_2")


def test_where_no_other_method_is_left_at_once_the_next_day_is_waited_for() -> None:
    policy = replace(POLICY, next_method=NextMethod.AT_ONCE)
    next_day = Decision(1, datetime(2026, 11, 25, 9, tzinfo=UTC), "cred_1")

    assert decide(policy, course([failed()], [FIRST]), NOW) == next_day


def test_without_other_methods_the_same_one_is_tried_or_none() -> None:
    policy = replace(POLICY, next_method=NextMethod.NEVER)
    lost = failed(treatment=Treatment.NEVER)

    assert decide(policy, course([failed()]), NOW).credential_id == "cred_1"
    assert decide(policy, course([lost]), NOW).reason is R.NEW_METHOD


@pytest.mark.parametrize(
    ("treatment", "reason"),
    [
        (Treatment.NEVER, R.NEW_METHOD),
        (Treatment.NEW_METHOD, R.NEW_METHOD),
        (Treatment.AUTHENTICATE, R.AUTHENTICATION),
    ],
)
def test_a_refusal_for_good_ends_it_where_there_is_no_other_method(
    treatment: Treatment, reason: RecoveryReason
) -> None:
    decision = decide(POLICY, course([failed(treatment=treatment)], [FIRST]), NOW)

    assert decision == Decision(0, reason=reason)


@pytest.mark.parametrize(
    ("treatment", "reason"),
    [
        (Treatment.NEVER, R.NEW_METHOD),
        (Treatment.NEW_METHOD, R.NEW_METHOD),
        (Treatment.AUTHENTICATE, R.AUTHENTICATION),
    ],
)
def test_after_the_last_day_a_refusal_for_good_says_what_the_customer_has_to_do(
    treatment: Treatment, reason: RecoveryReason
) -> None:
    decision = decide(POLICY, course([failed(treatment=treatment)], step=2), NOW)

    assert decision == Decision(2, reason=reason)


def test_the_list_of_days_and_the_limits_end_it_too() -> None:
    often = [failed(number=number) for number in range(8)]

    assert decide(POLICY, course([failed()], step=2), NOW).reason is R.NO_MORE_DAYS
    assert decide(replace(POLICY, days=()), course([failed()]), NOW).reason is R.NO_DAYS
    assert decide(POLICY, course(often, [FIRST]), NOW).reason is R.LIMIT
    assert decide(POLICY, course([failed()], []), NOW).reason is R.NO_METHOD


def test_a_method_that_the_customer_has_saved_since_is_chosen_first() -> None:
    third = Method("cred_3", "pm_3", PaymentKind.ACH)

    assert choose(POLICY, course([failed()], [FIRST, third]), NOW) == third
    assert choose(POLICY, course([failed()], []), NOW) is None


def test_an_effort_that_goes_on_keeps_its_beginning() -> None:
    again = replace(RECOVERY, id="rcv_2", opened_at=LATER, first_attempt_id="att_2")

    after = recovery_after_failure(RECOVERY, again, Decision(2, LATER, "cred_1"), LATER)

    assert (after.id, after.opened_at, after.first_attempt_id) == ("rcv_1", NOW, "att_1")
    assert (after.state, after.step) == (S.WAITING, 2)


def test_a_new_failure_after_the_end_begins_anew_in_the_same_row() -> None:
    ended = replace(RECOVERY, state=S.RECOVERED, next_at=None, tries=3, version=9)
    fresh = replace(
        RECOVERY, id="rcv_2", opened_at=LATER, first_attempt_id="att_9", collection_id="col_9"
    )

    after = recovery_after_failure(ended, fresh, Decision(1, LATER, "cred_1"), LATER)

    assert (after.id, after.version, after.tries) == ("rcv_1", 9, 3)
    assert (after.opened_at, after.first_attempt_id) == (LATER, "att_9")
    assert after.state is S.WAITING


def test_a_try_that_fails_after_a_person_has_stopped_it_opens_nothing() -> None:
    stopped = replace(
        RECOVERY, state=S.CANCELED, reason=R.BY_PERSON, next_at=None, try_collection_id="col_2"
    )
    fresh = replace(RECOVERY, collection_id="col_2", attempt_id="att_2", try_collection_id="col_2")

    after = recovery_after_failure(stopped, fresh, Decision(1, LATER, "cred_1"), LATER)

    assert (after.state, after.reason, after.next_at) == (S.CANCELED, R.BY_PERSON, None)
