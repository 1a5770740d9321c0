"""A credential: its life, its place in the order, and how Splynx shows it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from splynx_stripe.domain.consent import Consent, ConsentWay
from splynx_stripe.domain.credential import (
    CREDENTIAL_TRANSITIONS,
    Credential,
    CredentialNews,
    CredentialOwner,
    CredentialState,
    DeadReason,
    Move,
    Slot,
    credential_step,
    default_of,
    in_order,
    moved,
)
from splynx_stripe.domain.payment_account import (
    USUAL_WORDS,
    MirrorVerdict,
    RowWord,
    mirror_verdict,
    ours,
    row_of,
    word_in,
)
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.payment_method import BankFace, CardFace
from splynx_stripe.domain.stripe import StripeAccount

NOW = datetime(2026, 11, 3, 10, 21, 44, tzinfo=UTC)
OWNER = CredentialOwner(StripeAccount("default", livemode=False), 1, 17, "cus_1")
VISA = CardFace("visa", "4242", 2027, 4)


def saved(number: int = 1, kind: PaymentKind = PaymentKind.CARD, **changes: object) -> Credential:
    made = Credential(
        id=f"cred_{number}",
        owner=OWNER,
        payment_method_id=f"pm_{number}",
        kind=kind,
        state=CredentialState.USABLE,
        position=number,
        consent=Consent(NOW, ConsentWay.ONLINE, "customer:17"),
        saved_at=NOW + timedelta(seconds=number),
        card=VISA if kind is PaymentKind.CARD else None,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # a builder names only what matters


def test_each_state_answers_each_kind_of_news() -> None:
    wanted = {(state, news) for state in CredentialState for news in CredentialNews}
    assert set(CREDENTIAL_TRANSITIONS) == wanted


@given(history=st.lists(st.sampled_from(CredentialNews), max_size=8))
def test_what_was_removed_is_never_usable_again(history: list[CredentialNews]) -> None:
    gone = credential_step(saved(), CredentialNews.REMOVED)

    for news in history:
        gone = credential_step(gone, news, DeadReason.DETACHED)

    assert gone.state is CredentialState.REMOVED


@given(history=st.lists(st.sampled_from(CredentialNews), max_size=8))
def test_only_the_dead_have_a_reason(history: list[CredentialNews]) -> None:
    one = saved(state=CredentialState.VERIFYING)

    for news in history:
        one = credential_step(one, news, DeadReason.DETACHED)

    assert (one.dead_reason is not DeadReason.NONE) == (one.state is CredentialState.DEAD)


many = st.lists(st.integers(0, 9), max_size=6).map(
    lambda places: [saved(number, position=place) for number, place in enumerate(places)]
)


@given(credentials=many, move=st.sampled_from(Move), chosen=st.integers(0, 7))
def test_a_move_loses_nobody_and_numbers_from_zero(
    credentials: list[Credential], move: Move, chosen: int
) -> None:
    after = moved(credentials, f"cred_{chosen}", move)

    assert {one.id for one in after} == {one.id for one in credentials}
    assert [one.position for one in after] == list(range(len(credentials)))


@given(credentials=many, chosen=st.integers(0, 5))
def test_up_and_down_again_is_the_order_of_before(
    credentials: list[Credential], chosen: int
) -> None:
    before = in_order(credentials)
    name = f"cred_{chosen}"
    up = moved(before, name, Move.UP)
    is_first = not before or before[0].id == name

    again = before if is_first else moved(up, name, Move.DOWN)

    assert [one.id for one in again] == [one.id for one in before]


@given(credentials=many, chosen=st.integers(0, 5))
def test_first_makes_the_default(credentials: list[Credential], chosen: int) -> None:
    name = f"cred_{chosen}"

    after = moved(credentials, name, Move.FIRST)

    if name in {one.id for one in credentials}:
        assert after[0].id == name


def test_the_default_of_a_slot_is_the_first_usable_one() -> None:
    dead = saved(0, state=CredentialState.DEAD, dead_reason=DeadReason.DETACHED)
    bank = saved(1, PaymentKind.ACH)
    card = saved(2)

    assert default_of([dead, bank, card], Slot.CARD) == replace(card, position=2)
    assert default_of([dead, bank, card], Slot.BANK) == replace(bank, position=1)
    assert default_of([dead], Slot.CARD) is None


@pytest.mark.parametrize(("month", "left"), [(1, 3), (4, 0), (5, -1)])
def test_months_left_count_the_last_one_as_usable(month: int, left: int) -> None:
    assert VISA.months_left(datetime(2027, month, 28, tzinfo=UTC)) == left


def test_details_of_a_bank_account_are_not_shown_by_accident() -> None:
    face = BankFace("STRIPE TEST BANK", "6789", "Jana Nováková")
    one = saved(1, PaymentKind.ACH, bank_sealed="v1:k:secret", mark="abc")

    assert repr(face) == "BankFace()"
    assert "secret" not in repr(one)
    assert "abc" not in repr(one)


def test_a_card_is_shown_in_splynx_as_the_closed_add_on_showed_it() -> None:
    assert row_of(saved(), "", USUAL_WORDS) == {
        "field_1": "cus_1",
        "field_2": "pm_1",
        "field_3": "visa",
        "field_4": "4242",
        "field_5": "04",
        "field_6": "2027",
    }


def test_a_bank_account_is_shown_by_its_kind_and_last_digits() -> None:
    row = row_of(saved(1, PaymentKind.BECS), "6789", USUAL_WORDS)

    assert row == {
        "field_1": "cus_1",
        "field_2": "pm_1",
        "field_3": "BECS Direct Debit",
        "field_4": "6789",
    }


def test_the_fields_are_a_setting_and_others_stay_the_offices() -> None:
    words = (RowWord.NOTHING, RowWord.EXPIRES, RowWord.CUSTOMER)

    row = row_of(saved(), "", words)

    assert row == {"field_2": "2027-04", "field_3": "cus_1"}
    assert ours({"field_1": "a note", "field_3": "cus_1"}, words) == {"field_3": "cus_1"}
    assert word_in({"field_3": " cus_1 "}, RowWord.CUSTOMER, words) == "cus_1"
    assert word_in({"field_3": "cus_1"}, RowWord.BRAND, words) == ""


A, B, C = {"field_1": "a"}, {"field_1": "b"}, {"field_1": "c"}
NO_ROW: dict[str, str] = {}


@pytest.mark.parametrize(
    ("there", "wanted", "written", "announced", "verdict"),
    [
        (A, A, NO_ROW, NO_ROW, MirrorVerdict.NOTHING),
        (NO_ROW, A, NO_ROW, NO_ROW, MirrorVerdict.WRITE),
        (NO_ROW, A, NO_ROW, A, MirrorVerdict.WRITE),  # we crashed before the request
        (A, B, A, A, MirrorVerdict.WRITE),
        (B, C, A, B, MirrorVerdict.WRITE),  # we crashed after the request
        (A, NO_ROW, A, A, MirrorVerdict.WRITE),
        (NO_ROW, A, A, NO_ROW, MirrorVerdict.WRITE),  # we had emptied it ourselves
        (C, B, A, A, MirrorVerdict.HELD),  # somebody else has changed it
        (C, A, NO_ROW, NO_ROW, MirrorVerdict.HELD),  # the closed add-on had filled it
        (C, NO_ROW, A, A, MirrorVerdict.HELD),
        (NO_ROW, A, A, A, MirrorVerdict.HELD),  # somebody has emptied it
        (NO_ROW, B, A, A, MirrorVerdict.WRITE),  # emptied, but another card was saved since
    ],
)
def test_a_change_by_hand_is_respected_and_our_own_is_recognised(
    there: dict[str, str],
    wanted: dict[str, str],
    written: dict[str, str],
    announced: dict[str, str],
    verdict: MirrorVerdict,
) -> None:
    got = mirror_verdict(there=there, wanted=wanted, written=written, announced=announced)

    assert got is verdict
