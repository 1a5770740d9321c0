"""The machine of a setup: total, and the same end in any order and with any duplication."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

from hypothesis import given, strategies as st

from splynx_stripe.domain.consent import Consent, ConsentWay
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.payment_method import (
    Microdeposits,
    PaymentMethod,
    SetupIntent,
    SetupIntentStatus,
)
from splynx_stripe.domain.setup import (
    JOINABLE_SETUP_STATES,
    LIVE_SETUP_STATES,
    SETUP_TRANSITIONS,
    UNSURE_SETUP_STATES,
    Setup,
    SetupNews,
    SetupNewsKind,
    SetupState,
    setup_step,
)
from splynx_stripe.domain.stripe import PaymentFailure, StripeAccount

NOW = datetime(2026, 11, 3, 10, 21, 44, tzinfo=UTC)


def prepared(state: SetupState = SetupState.PREPARED) -> Setup:
    return Setup(
        id="set_1",
        account=StripeAccount("default", livemode=False),
        partner_id=1,
        splynx_customer_id=17,
        stripe_customer_id="cus_1",
        kind=PaymentKind.ACH,
        currency="USD",
        description="",
        metadata={},
        consent=Consent(NOW, ConsentWay.ONLINE, "customer:17"),
        prepared_at=NOW,
        next_look_at=None,
        state=state,
    )


def seen(status: SetupIntentStatus, second: int = 0, *, proving: bool = False) -> SetupNews:
    waits = proving and status is SetupIntentStatus.REQUIRES_ACTION
    method = PaymentMethod("pm_1", PaymentKind.ACH, "", livemode=False)
    intent = SetupIntent(
        id="seti_1",
        status=status,
        created=NOW,
        livemode=False,
        customer="cus_1",
        metadata={},
        payment_method=method if status is SetupIntentStatus.SUCCEEDED else None,
        microdeposits=Microdeposits.AMOUNTS if waits else Microdeposits.NONE,
    )
    return SetupNews.observed(intent, NOW + timedelta(seconds=second))


def run(setup: Setup, news: list[SetupNews]) -> Setup:
    for item in news:
        setup = setup_step(setup, item)
    return setup


observations = st.builds(
    seen, st.sampled_from(SetupIntentStatus), st.integers(0, 5), proving=st.booleans()
)
others = st.builds(
    SetupNews,
    st.sampled_from(
        [SetupNewsKind.OUTCOME_UNKNOWN, SetupNewsKind.REFUSED, SetupNewsKind.FORGOTTEN]
    ),
)
anything = st.one_of(observations, others)


def test_each_state_answers_each_kind_of_news() -> None:
    wanted = {(state, kind) for state in SetupState for kind in SetupNewsKind}
    assert set(SETUP_TRANSITIONS) == wanted


def test_a_setup_that_can_be_joined_is_live_and_one_in_doubt_can_be_joined() -> None:
    assert UNSURE_SETUP_STATES < JOINABLE_SETUP_STATES < LIVE_SETUP_STATES


@given(history=st.lists(anything, max_size=12), position=st.integers(0, 12))
def test_in_any_order_what_was_saved_is_known_as_saved(
    history: list[SetupNews], position: int
) -> None:
    success = seen(SetupIntentStatus.SUCCEEDED, 3)

    setup = run(prepared(), [*history[:position], success, *history[position:]])

    assert setup.state is SetupState.SUCCEEDED
    assert (setup.intent_id, setup.payment_method_id) == ("seti_1", "pm_1")
    assert setup.failure is None


@given(history=st.lists(anything, max_size=10))
def test_what_happened_twice_is_as_if_it_happened_once(history: list[SetupNews]) -> None:
    once = run(prepared(), history)

    assert run(prepared(), [item for item in history for _ in range(2)]) == once


def test_any_permutation_of_the_observations_ends_the_same() -> None:
    story = [
        seen(SetupIntentStatus.REQUIRES_PAYMENT_METHOD, 0),
        seen(SetupIntentStatus.REQUIRES_ACTION, 1),
        seen(SetupIntentStatus.REQUIRES_ACTION, 2, proving=True),
        seen(SetupIntentStatus.REQUIRES_PAYMENT_METHOD, 3),
    ]

    ends = {run(prepared(), list(order)).state for order in permutations(story)}

    assert ends == {SetupState.AWAITING_CUSTOMER}


def test_micro_deposits_are_told_from_other_actions() -> None:
    proving = run(prepared(), [seen(SetupIntentStatus.REQUIRES_ACTION, proving=True)])
    acting = run(prepared(), [seen(SetupIntentStatus.REQUIRES_ACTION)])

    assert (proving.state, proving.microdeposits) == (SetupState.VERIFYING, Microdeposits.AMOUNTS)
    assert acting.state is SetupState.REQUIRES_ACTION


def test_a_refusal_keeps_stripes_reason_and_an_older_look_changes_nothing() -> None:
    reason = PaymentFailure("resource_missing", "", "No such customer.")
    refused = setup_step(prepared(), SetupNews(SetupNewsKind.REFUSED, reason=reason))
    newer = run(prepared(), [seen(SetupIntentStatus.PROCESSING, 5)])

    assert (refused.state, refused.failure) == (SetupState.REFUSED, reason)
    assert setup_step(newer, seen(SetupIntentStatus.REQUIRES_PAYMENT_METHOD, 1)) == newer


def test_the_key_and_the_order_depend_on_what_is_frozen_only() -> None:
    later = run(prepared(), [seen(SetupIntentStatus.PROCESSING, 5)])

    assert later.order == prepared().order
    assert later.idempotency_key == "splynx-stripe:set_1"
