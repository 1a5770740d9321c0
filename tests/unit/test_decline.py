"""What a failed payment means, for cards and for each bank debit."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from splynx_stripe.domain.credential import DeadReason
from splynx_stripe.domain.decline import Treatment, classify
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.stripe import PaymentFailure

T, D = Treatment, DeadReason
CARD, ACH, BECS, PAD = PaymentKind.CARD, PaymentKind.ACH, PaymentKind.BECS, PaymentKind.PAD
BANKS = (ACH, BECS, PAD)


def failed(code: str, decline_code: str = "") -> PaymentFailure:
    return PaymentFailure(code, decline_code, "")


@pytest.mark.parametrize(
    ("code", "treatment", "dead"),
    [
        ("insufficient_funds", T.RETRY_LATER, D.NONE),
        ("do_not_honor", T.RETRY_LATER, D.NONE),
        ("generic_decline", T.RETRY_LATER, D.NONE),
        ("try_again_later", T.RETRY_LATER, D.NONE),
        ("a_code_of_tomorrow", T.RETRY_LATER, D.NONE),
        ("expired_card", T.NEW_METHOD, D.NONE),
        ("incorrect_number", T.NEW_METHOD, D.NONE),
        ("lost_card", T.NEVER, D.LOST_OR_STOLEN),
        ("stolen_card", T.NEVER, D.LOST_OR_STOLEN),
        ("pickup_card", T.NEVER, D.LOST_OR_STOLEN),
        ("fraudulent", T.NEVER, D.LOST_OR_STOLEN),
        ("stop_payment_order", T.NEVER, D.NONE),
        ("revocation_of_authorization", T.NEVER, D.NONE),
        ("authentication_required", T.AUTHENTICATE, D.NONE),
    ],
)
def test_a_card_is_judged_by_the_word_of_its_bank(
    code: str, treatment: Treatment, dead: DeadReason
) -> None:
    found = classify(failed("card_declined", code), CARD)

    assert (found.treatment, found.dead) == (treatment, dead)
    assert classify(failed(code), CARD) == found


@pytest.mark.parametrize("kind", BANKS)
@pytest.mark.parametrize(
    ("code", "treatment", "dead"),
    [
        ("insufficient_funds", T.RETRY_LATER, D.NONE),
        ("R01", T.RETRY_LATER, D.NONE),
        ("901", T.RETRY_LATER, D.NONE),
        ("account_closed", T.NEVER, D.ACCOUNT_CLOSED),
        ("R02", T.NEVER, D.ACCOUNT_CLOSED),
        ("debit_not_authorized", T.NEVER, D.MANDATE_INACTIVE),
        ("R10", T.NEVER, D.MANDATE_INACTIVE),
        ("a_code_of_tomorrow", T.NEW_METHOD, D.NONE),
        ("generic_decline", T.NEW_METHOD, D.NONE),
        ("resource_missing", T.NEW_METHOD, D.DETACHED),
    ],
)
def test_a_bank_debit_is_presented_again_for_want_of_money_only(
    kind: PaymentKind, code: str, treatment: Treatment, dead: DeadReason
) -> None:
    found = classify(failed(code), kind)

    assert (found.treatment, found.dead) == (treatment, dead)


@pytest.mark.parametrize("kind", [None, *PaymentKind])
@pytest.mark.parametrize("code", ["amount_too_small", "parameter_unknown", "rate_limit"])
def test_our_own_mistakes_are_no_decline(kind: PaymentKind | None, code: str) -> None:
    assert classify(failed(code), kind).treatment is T.OURS


@given(st.text(max_size=20), st.text(max_size=20), st.none() | st.sampled_from(PaymentKind))
def test_every_failure_has_a_treatment_and_a_dead_method_is_not_tried_again(
    code: str, decline_code: str, kind: PaymentKind | None
) -> None:
    found = classify(failed(code, decline_code), kind)

    assert found.dead is D.NONE or not found.treatment.allows_again
