"""An attempt while nobody is there: it waits for nobody, and its failure is followed up once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from splynx_stripe.domain.attempt import (
    DEAD_STATES,
    NOBODY_THERE,
    Attempt,
    AttemptState,
    News,
    NewsKind,
    step,
)
from splynx_stripe.domain.effect import Effect, EffectKind
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.stripe import PaymentFailure, PaymentIntentStatus
from tests.unit.test_attempt import observations, prepared, run, seen, unordered

P = PaymentIntentStatus
REFUSAL = News(
    NewsKind.REFUSED, reason=PaymentFailure("resource_missing", "", "No such PaymentMethod.")
)
FOLLOW_UP = Effect(EffectKind.FOLLOW_UP_FAILURE, "failure:att_1")
everything = st.one_of(unordered, st.just(REFUSAL))


def unattended(kind: PaymentKind = PaymentKind.CARD) -> Attempt:
    return replace(
        prepared(),
        kinds=(kind,),
        off_session=True,
        credential_id="cred_1",
        charged_method_id="pm_1",
    )


def followed_up(effects: list[Effect]) -> list[Effect]:
    return [effect for effect in effects if effect.kind is EffectKind.FOLLOW_UP_FAILURE]


kinds = st.sampled_from((PaymentKind.CARD, PaymentKind.ACH))


@given(history=st.lists(everything, max_size=12), kind=kinds)
def test_it_never_waits_for_a_customer(history: list[News], kind: PaymentKind) -> None:
    attempt, _ = run(unattended(kind), history)

    assert attempt.state not in {AttemptState.AWAITING_CUSTOMER, AttemptState.REQUIRES_ACTION}


@given(history=st.lists(everything, max_size=12), kind=kinds)
def test_a_failure_is_followed_up_at_most_once_and_only_after_the_proof_of_its_end(
    history: list[News], kind: PaymentKind
) -> None:
    attempt, found = unattended(kind), list[Effect]()
    for news in history:
        result = step(attempt, news)
        attempt = result.attempt
        found += followed_up(list(result.effects))
        if followed_up(list(result.effects)):
            assert attempt.state in DEAD_STATES
            assert attempt.failure is not None

    assert found in ([], [FOLLOW_UP])


@given(
    history=st.lists(everything, max_size=12), position=st.integers(0, 12), again=st.integers(1, 4)
)
def test_in_any_order_money_that_moved_is_recorded_and_booked_once(
    history: list[News], position: int, again: int
) -> None:
    success = seen(P.SUCCEEDED, 3)

    attempt, effects = run(
        unattended(), [*history[:position], *[success] * again, *history[position:]]
    )

    assert attempt.state is AttemptState.SUCCEEDED
    assert attempt.failure is None
    assert [e.key for e in effects if e.kind is EffectKind.BOOK_PAYMENT] == ["book:att_1"]


@given(history=st.lists(everything, max_size=10))
def test_what_happened_twice_is_as_if_it_happened_once(history: list[News]) -> None:
    once, of_once = run(unattended(), history)
    twice, of_twice = run(unattended(), [item for item in history for _ in range(2)])

    assert twice == once
    assert followed_up(of_twice) == followed_up(of_once)


@given(news=observations)
def test_what_was_frozen_stays_frozen(news: News) -> None:
    before = unattended()

    after = step(before, news).attempt

    assert after.order == before.order
    assert (after.credential_id, after.off_session) == ("cred_1", True)


def test_a_decline_is_withdrawn_first_and_followed_up_when_stripe_confirms_it() -> None:
    declined = step(unattended(), seen(P.REQUIRES_PAYMENT_METHOD))
    confirmed = step(declined.attempt, seen(P.CANCELED, 1))

    assert declined.attempt.state is AttemptState.CANCELING
    assert [effect.kind for effect in declined.effects] == [EffectKind.CANCEL_PAYMENT_INTENT]
    assert confirmed.attempt.state is AttemptState.CANCELED
    assert confirmed.effects == (FOLLOW_UP,)
    assert confirmed.attempt.failure == declined.attempt.failure is not None


def test_a_bank_that_wants_to_ask_somebody_has_declined() -> None:
    asked = step(unattended(), seen(P.REQUIRES_ACTION))

    assert asked.attempt.state is AttemptState.CANCELING
    assert asked.attempt.failure == NOBODY_THERE
    assert step(asked.attempt, seen(P.CANCELED, 1)).effects == (FOLLOW_UP,)


def test_a_refusal_is_followed_up_with_stripes_reason() -> None:
    refused = step(unattended(), REFUSAL)

    assert refused.attempt.state is AttemptState.REFUSED
    assert refused.effects == (FOLLOW_UP,)
    assert refused.attempt.failure == REFUSAL.reason


def test_an_end_without_a_failure_is_no_failure() -> None:
    """Somebody canceled it in the dashboard, or Stripe never had it: nobody was declined."""
    assert step(unattended(), seen(P.CANCELED)).effects == ()
    assert step(unattended(), News(NewsKind.PROVEN_ABSENT)).effects == ()


def test_a_debit_that_fails_after_days_opens_its_document_and_is_withdrawn() -> None:
    on_its_way, _ = run(unattended(PaymentKind.ACH), [seen(P.PROCESSING)])

    failed = step(on_its_way, seen(P.REQUIRES_PAYMENT_METHOD, 1))

    assert [effect.kind for effect in failed.effects] == [
        EffectKind.CANCEL_PAYMENT_INTENT,
        EffectKind.MARK_UNPAID,
    ]
    assert step(failed.attempt, seen(P.CANCELED, 2)).effects == (FOLLOW_UP,)


def test_money_that_stripes_own_mail_brought_after_all_is_booked() -> None:
    """Fault 31."""
    given_up, _ = run(unattended(), [seen(P.REQUIRES_ACTION), seen(P.SUCCEEDED, 5)])

    assert given_up.state is AttemptState.SUCCEEDED


def test_a_customers_own_debit_that_fails_is_followed_up_and_a_declined_card_is_not() -> None:
    debit = replace(prepared(), kinds=(PaymentKind.CARD, PaymentKind.ACH))
    _, of_debit = run(debit, [seen(P.PROCESSING), seen(P.REQUIRES_PAYMENT_METHOD, 1)])
    _, of_card = run(prepared(), [seen(P.REQUIRES_PAYMENT_METHOD), seen(P.CANCELED, 1)])

    assert followed_up(of_debit) == [FOLLOW_UP]
    assert followed_up(of_card) == []


@pytest.mark.parametrize("status", [P.REQUIRES_PAYMENT_METHOD, P.REQUIRES_ACTION])
def test_what_is_being_withdrawn_stays_so_until_stripe_has_done_it(
    status: PaymentIntentStatus,
) -> None:
    withdrawn, _ = run(unattended(), [seen(P.REQUIRES_PAYMENT_METHOD)])

    again = step(withdrawn, seen(status, 1))

    assert again.attempt.state is AttemptState.CANCELING
    assert again.effects == ()
