"""The machine of a collection: one lease per debt, held until the money is booked."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st

from splynx_stripe.domain.collection import (
    COLLECTION_TRANSITIONS,
    LIVE_COLLECTION_STATES,
    Collection,
    CollectionNews,
    CollectionState,
    Route,
)
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import Payable, PayableKind, balance
from splynx_stripe.domain.splynx import DocumentKind
from splynx_stripe.domain.stripe import StripeAccount

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
news_lists = st.lists(st.sampled_from(CollectionNews), max_size=10)


def run(news: list[CollectionNews]) -> CollectionState:
    state = CollectionState.OPEN
    for item in news:
        state = COLLECTION_TRANSITIONS[state, item]
    return state


def test_each_state_answers_each_kind_of_news() -> None:
    assert set(COLLECTION_TRANSITIONS) == {(s, n) for s in CollectionState for n in CollectionNews}


def test_the_lease_outlasts_the_charge_until_the_money_is_booked() -> None:
    assert run([CollectionNews.ATTEMPT_SUCCEEDED]) in LIVE_COLLECTION_STATES
    assert (
        run([CollectionNews.ATTEMPT_SUCCEEDED, CollectionNews.PAYMENT_BOOKED])
        not in LIVE_COLLECTION_STATES
    )


@given(news=news_lists)
def test_money_that_moved_is_never_forgotten(news: list[CollectionNews]) -> None:
    state = run([*news, CollectionNews.ATTEMPT_SUCCEEDED])

    assert state in {
        CollectionState.SETTLED,
        CollectionState.LATE,
        CollectionState.BOOKED,
        CollectionState.RETURNED,
    }


@given(news=news_lists)
def test_what_is_booked_stays_booked_unless_the_bank_takes_it_back(
    news: list[CollectionNews],
) -> None:
    """I6: only a reversal undoes a booking, and nothing undoes the reversal."""
    state = run([CollectionNews.PAYMENT_BOOKED, *news])

    reversed_ = CollectionNews.PAYMENT_REVERSED in news
    assert state is (CollectionState.RETURNED if reversed_ else CollectionState.BOOKED)


@pytest.mark.parametrize("state", list(CollectionState))
def test_late_money_does_not_take_the_lease_again(state: CollectionState) -> None:
    if state not in LIVE_COLLECTION_STATES:
        for item in CollectionNews:
            assert COLLECTION_TRANSITIONS[state, item] not in LIVE_COLLECTION_STATES


def test_a_debt_is_known_by_the_id_of_its_document() -> None:
    payable = Payable(1, 17, PayableKind.PROFORMA, 61, "202611000003", "JPY")

    assert payable.key == "proforma/61"
    assert payable.kind.document_kind is DocumentKind.PROFORMA
    collection = Collection(
        "col_1", payable, Route.PORTAL, CollectionState.OPEN, datetime(2026, 11, 3, tzinfo=UTC)
    )
    assert collection.is_live


@pytest.mark.parametrize("livemode", [True, False])
def test_an_account_is_written_and_read_with_its_mode(livemode: bool) -> None:
    account = StripeAccount("default", livemode=livemode)

    assert StripeAccount.from_key(account.key) == account


def test_a_document_among_several_has_its_share_and_everything_else_has_all() -> None:
    """I4: also where less was taken than was planned."""
    planned, taken = Money(5000, "EUR"), Money(2000, "EUR")
    owed = Collection("col_1", balance(1, 17, planned), Route.CHARGE_RUN, CollectionState.OPEN, NOW)
    part = replace(owed, whole_id="col_0", part=1)

    assert owed.share_of(taken) == taken
    assert part.share_of(taken) == planned


def test_nobody_waits_at_a_page_for_an_unattended_route() -> None:
    assert {route for route in Route if not route.is_unattended} == {
        Route.PORTAL,
        Route.DIRECT_LINK,
        Route.SIGNED_LINK,
    }
