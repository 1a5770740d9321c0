"""The machine of an attempt: in any order, with any duplication, money is recorded and booked once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given, strategies as st

from splynx_stripe.domain.attempt import (
    DEAD_STATES,
    LIVE_STATES,
    TRANSITIONS,
    Attempt,
    AttemptState,
    News,
    NewsKind,
    step,
)
from splynx_stripe.domain.case import CaseKind
from splynx_stripe.domain.effect import Effect, EffectKind
from splynx_stripe.domain.errors import BrokenInvariantError
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.stripe import (
    PaymentFailure,
    PaymentIntent,
    PaymentIntentStatus,
    StripeAccount,
)

NOW = datetime(2026, 11, 3, 10, 21, 44, tzinfo=UTC)
AMOUNT = Money(17250, "EUR")
STATUSES = list(PaymentIntentStatus)


def prepared(state: AttemptState = AttemptState.PREPARED) -> Attempt:
    return Attempt(
        id="att_1",
        collection_id="col_1",
        account=StripeAccount("default", livemode=False),
        stripe_customer_id="cus_1",
        amount=AMOUNT,
        description="",
        metadata={},
        prepared_at=NOW,
        next_look_at=None,
        state=state,
    )


def seen(status: PaymentIntentStatus, second: int = 0, received: Money | None = None) -> News:
    succeeded = status is PaymentIntentStatus.SUCCEEDED
    intent = PaymentIntent(
        id="pi_1",
        status=status,
        amount=AMOUNT,
        received=received or (AMOUNT if succeeded else Money(0, "EUR")),
        created=NOW,
        livemode=False,
        metadata={},
        latest_charge="ch_1" if succeeded else "",
        failure=PaymentFailure("card_declined", "generic_decline", "Declined.")
        if status is PaymentIntentStatus.REQUIRES_PAYMENT_METHOD
        else None,
    )
    return News.observed(intent, NOW + timedelta(seconds=second))


def run(attempt: Attempt, news: list[News]) -> tuple[Attempt, list[Effect]]:
    effects: list[Effect] = []
    for item in news:
        result = step(attempt, item)
        attempt = result.attempt
        effects += result.effects
    return attempt, effects


observations = st.builds(seen, st.sampled_from(STATUSES), st.integers(0, 5))
unordered = st.one_of(
    observations,
    st.builds(
        News,
        st.sampled_from(
            [
                NewsKind.OUTCOME_UNKNOWN,
                NewsKind.REFUSED,
                NewsKind.PROVEN_ABSENT,
                NewsKind.CANCEL_REQUESTED,
            ]
        ),
    ),
)


def test_each_state_answers_each_kind_of_news() -> None:
    assert set(TRANSITIONS) == {(state, kind) for state in AttemptState for kind in NewsKind}


@given(
    history=st.lists(unordered, max_size=12), position=st.integers(0, 12), again=st.integers(1, 4)
)
def test_in_any_order_money_that_moved_is_recorded_and_booked_once(
    history: list[News], position: int, again: int
) -> None:
    success = seen(PaymentIntentStatus.SUCCEEDED, 3)
    news = [*history[:position], *[success] * again, *history[position:]]

    attempt, effects = run(prepared(), news)

    assert attempt.state is AttemptState.SUCCEEDED
    assert attempt.intent_id == "pi_1"
    assert attempt.charge_id == "ch_1"
    assert attempt.failure is None
    assert [e for e in effects if e.kind is EffectKind.BOOK_PAYMENT] == [
        Effect(EffectKind.BOOK_PAYMENT, "book:att_1")
    ]


@given(history=st.lists(unordered, max_size=10))
def test_what_happened_twice_is_as_if_it_happened_once(history: list[News]) -> None:
    once, _ = run(prepared(), history)
    twice, effects = run(prepared(), [item for item in history for _ in range(2)])

    assert twice == once
    assert len({effect.key for effect in effects}) == len(effects) or all(
        effect.kind is EffectKind.CANCEL_PAYMENT_INTENT for effect in effects
    )


def test_any_permutation_of_the_observations_of_one_payment_ends_the_same() -> None:
    story = [
        seen(PaymentIntentStatus.REQUIRES_PAYMENT_METHOD, 0),
        seen(PaymentIntentStatus.REQUIRES_ACTION, 1),
        seen(PaymentIntentStatus.REQUIRES_PAYMENT_METHOD, 2),
        seen(PaymentIntentStatus.PROCESSING, 3),
        seen(PaymentIntentStatus.REQUIRES_PAYMENT_METHOD, 4),
    ]

    ends = {run(prepared(), list(order))[0].state for order in permutations(story)}

    assert ends == {AttemptState.AWAITING_CUSTOMER}


@given(history=st.lists(unordered, max_size=10), late=unordered)
def test_nothing_but_a_reversal_takes_success_back(history: list[News], late: News) -> None:
    done, _ = run(prepared(), [*history, seen(PaymentIntentStatus.SUCCEEDED)])

    after = step(done, late)

    assert after.attempt == done
    assert after.effects == ()


@given(history=st.lists(unordered, max_size=12))
def test_an_attempt_is_dead_only_when_stripe_or_a_proof_says_so(history: list[News]) -> None:
    attempt, _ = run(prepared(), history)

    proofs = {NewsKind.REFUSED, NewsKind.PROVEN_ABSENT, NewsKind.SEEN_CANCELED}
    if attempt.state in DEAD_STATES:
        assert proofs & {news.kind for news in history}


@given(news=observations)
def test_an_older_observation_never_overrides_a_newer_one(news: News) -> None:
    newer, _ = run(prepared(), [seen(PaymentIntentStatus.PROCESSING, 9)])

    after = step(newer, news).attempt

    assert after.state in {AttemptState.PROCESSING, AttemptState.SUCCEEDED}


def test_another_amount_than_asked_is_a_case_and_is_not_booked() -> None:
    result = step(prepared(), seen(PaymentIntentStatus.SUCCEEDED, received=Money(17249, "EUR")))

    assert result.attempt.state is AttemptState.SUCCEEDED
    assert result.case is CaseKind.AMOUNT_DIFFERS
    assert result.effects == ()


def test_a_cancellation_is_carried_out_and_ends_only_when_stripe_confirms_it() -> None:
    waiting, _ = run(prepared(), [seen(PaymentIntentStatus.REQUIRES_PAYMENT_METHOD)])

    asked = step(waiting, News(NewsKind.CANCEL_REQUESTED))

    assert asked.attempt.state is AttemptState.CANCELING
    assert asked.attempt.is_live
    assert [effect.kind for effect in asked.effects] == [EffectKind.CANCEL_PAYMENT_INTENT]
    confirmed = step(asked.attempt, seen(PaymentIntentStatus.CANCELED, 1)).attempt
    assert confirmed.state is AttemptState.CANCELED
    assert not confirmed.is_live


@pytest.mark.parametrize("state", [AttemptState.PREPARED, AttemptState.UNKNOWN])
def test_what_may_have_been_sent_is_not_given_up_by_a_wish(state: AttemptState) -> None:
    assert step(prepared(state), News(NewsKind.CANCEL_REQUESTED)).attempt.state is state


@pytest.mark.parametrize("state", [AttemptState.REFUSED, AttemptState.ABSENT])
def test_a_paymentintent_that_was_thought_absent_is_canceled_when_it_turns_up(
    state: AttemptState,
) -> None:
    result = step(prepared(state), seen(PaymentIntentStatus.REQUIRES_PAYMENT_METHOD))

    assert result.attempt.state is AttemptState.ORPHANED
    assert [effect.kind for effect in result.effects] == [EffectKind.CANCEL_PAYMENT_INTENT]


def test_an_orphan_holds_no_place_for_it_must_not_keep_the_customer_from_paying() -> None:
    assert AttemptState.ORPHANED not in LIVE_STATES


def test_a_decline_is_remembered_until_money_moves() -> None:
    declined, _ = run(prepared(), [seen(PaymentIntentStatus.REQUIRES_PAYMENT_METHOD)])
    assert declined.failure is not None
    assert declined.failure.decline_code == "generic_decline"

    paid, _ = run(declined, [seen(PaymentIntentStatus.SUCCEEDED, 1)])
    assert paid.failure is None


def test_a_refusal_keeps_stripes_reason() -> None:
    reason = PaymentFailure("amount_too_small", "", "Amount must be at least 50 cents.")

    assert step(prepared(), News(NewsKind.REFUSED, reason=reason)).attempt.failure == reason


def test_the_idempotency_key_is_made_of_the_attempt_and_nothing_else() -> None:
    assert prepared().idempotency_key == "splynx-stripe:att_1"
    assert prepared().order == prepared(AttemptState.UNKNOWN).order


def test_the_day_of_a_charge_is_that_of_the_splynx_server() -> None:
    paid, _ = run(prepared(), [seen(PaymentIntentStatus.SUCCEEDED)])

    assert paid.day_seen(UTC) == NOW.date()
    with pytest.raises(BrokenInvariantError, match="never seen"):
        prepared().day_seen(UTC)
