"""The verdict on a debt: the strongest reason wins, and nothing is charged on a doubt about money."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from splynx_stripe.domain.charge_plan import DebtFacts, Judgement, Reason, Verdict, judge
from splynx_stripe.domain.consent import Consent, ConsentWay
from splynx_stripe.domain.credential import (
    Credential,
    CredentialOwner,
    CredentialState,
    DeadReason,
)
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import Payable, PayableKind
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.payment_method import CardFace, MandateStatus
from splynx_stripe.domain.smallest_charge import smallest_charge
from splynx_stripe.domain.stripe import StripeAccount

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ACCOUNT = StripeAccount("default", livemode=False)
OWNER = CredentialOwner(ACCOUNT, 1, 17, "cus_1")
CARD = Credential(
    id="cred_card",
    owner=OWNER,
    payment_method_id="pm_card",
    kind=PaymentKind.CARD,
    state=CredentialState.USABLE,
    position=0,
    consent=Consent(NOW, ConsentWay.ONLINE, "customer:17"),
    saved_at=NOW,
    card=CardFace("visa", "4242", 2030, 12),
)
BANK = replace(
    CARD,
    id="cred_bank",
    payment_method_id="pm_bank",
    kind=PaymentKind.ACH,
    position=1,
    card=None,
    mandate_status=MandateStatus.ACTIVE,
)
FACTS = DebtFacts(
    payable=Payable(1, 17, PayableKind.INVOICE, 1042, "202611000042", "EUR"),
    amount=Money(17250, "EUR"),
    now=NOW,
    kinds=(PaymentKind.CARD,),
    credentials=(CARD,),
)


def judged(**changes: Any) -> tuple[Verdict, Reason, str]:
    judgement = judge(replace(FACTS, **changes))
    return judgement.verdict, judgement.reason, judgement.credential_id


def test_a_debt_with_a_good_card_is_charged_with_it() -> None:
    assert judge(FACTS) == Judgement(Verdict.CHARGE, Reason.NONE, "cred_card")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"payable": None}, Reason.NOT_SET_UP),
        ({"obstacle": Reason.PAID}, Reason.PAID),
        ({"obstacle": Reason.PENDING}, Reason.PENDING),
        ({"amount": None}, Reason.NOT_EXACT),
        ({"amount": None, "obstacle": Reason.PENDING}, Reason.PENDING),
        ({"amount": Money(0, "EUR")}, Reason.NOTHING_DUE),
        ({"amount": Money(-5, "EUR")}, Reason.NOTHING_DUE),
        ({"is_collected_elsewhere": True}, Reason.LIVE_COLLECTION),
        ({"is_in_recovery": True}, Reason.RECOVERY),
        ({"is_in_recovery": True, "is_collected_elsewhere": True}, Reason.LIVE_COLLECTION),
        ({"amount": Money(49, "EUR")}, Reason.BELOW_MINIMUM),
        ({"amount": Money(100_000_000, "EUR")}, Reason.TOO_LARGE),
        ({"charged_recently": True}, Reason.CHARGED_RECENTLY),
        ({"customer_maximum": Money(17249, "EUR")}, Reason.OVER_CUSTOMER_MAXIMUM),
        ({"credentials": ()}, Reason.NO_CREDENTIAL),
        ({"credentials": (), "has_foreign_credentials": True}, Reason.OTHER_PARTNER),
        ({"kinds": (PaymentKind.ACH,)}, Reason.CREDENTIAL_NOT_ACCEPTED),
        ({"credentials": (BANK,), "kinds": (PaymentKind.ACH,)}, Reason.WRONG_CURRENCY),
    ],
    ids=str,
)
def test_what_stands_against_it_is_said(changes: dict[str, Any], reason: Reason) -> None:
    assert judged(**changes) == (Verdict.SKIP, reason, "")


def test_a_sum_that_reaches_the_customers_maximum_is_charged_and_one_above_is_not() -> None:
    most = Money(20000, "EUR")

    assert judged(customer_maximum=most, planned_for_customer=Money(2750, "EUR"))[0] is V.CHARGE
    assert judged(customer_maximum=most, planned_for_customer=Money(2751, "EUR"))[:2] == (
        V.SKIP,
        Reason.OVER_CUSTOMER_MAXIMUM,
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"credentials": (replace(CARD, card=CardFace("visa", "4242", 2026, 10)),)},
            "card_expired",
        ),
        ({"declined": frozenset({"cred_card"})}, "last_declined"),
        (
            {
                "credentials": (replace(BANK, mandate_status=MandateStatus.PENDING),),
                "kinds": (PaymentKind.ACH,),
                "amount": Money(17250, "USD"),
            },
            "mandate_not_active",
        ),
    ],
)
def test_what_is_likely_to_fail_is_tried_and_said_to_be_so(
    changes: dict[str, Any], reason: str
) -> None:
    verdict, why, credential_id = judged(**changes)

    assert (verdict, why.value, bool(credential_id)) == (Verdict.LIKELY_TO_FAIL, reason, True)


def test_a_card_is_good_to_the_end_of_its_last_month() -> None:
    last_month = replace(CARD, card=CardFace("visa", "4242", 2026, 11))

    assert judged(credentials=(last_month,))[0] is Verdict.CHARGE


def test_a_dead_card_is_passed_over_for_the_next_in_the_customers_order() -> None:
    dead = replace(CARD, state=CredentialState.DEAD, dead_reason=DeadReason.LOST_OR_STOLEN)
    second = replace(CARD, id="cred_second", position=1)

    assert judged(credentials=(dead, second)) == (Verdict.CHARGE, Reason.NONE, "cred_second")


def test_of_a_bank_account_whose_mandate_died_the_mandate_is_said() -> None:
    dead = replace(BANK, state=CredentialState.DEAD, mandate_status=MandateStatus.INACTIVE)

    assert judged(credentials=(dead,)) == (Verdict.SKIP, Reason.MANDATE_NOT_ACTIVE, "")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"has_address": True}, (Verdict.LINK, Reason.NONE)),
        ({"has_address": False}, (Verdict.SKIP, Reason.NO_ADDRESS)),
        ({"has_address": True, "link_sent_before": True}, (Verdict.SKIP, Reason.LINK_SENT_BEFORE)),
        ({"has_address": True, "credentials": (CARD,)}, (Verdict.CHARGE, Reason.NONE)),
        ({"has_address": True, "obstacle": Reason.PENDING}, (Verdict.SKIP, Reason.PENDING)),
    ],
    ids=str,
)
def test_a_link_goes_to_who_has_saved_nothing_where_the_partner_wants_that(
    changes: dict[str, Any], expected: tuple[Verdict, Reason]
) -> None:
    given = {"sends_link": True, "credentials": ()} | changes

    assert judged(**given)[:2] == expected


@pytest.mark.parametrize(
    ("currency", "minor_units"), [("EUR", 50), ("CZK", 1500), ("JPY", 50), ("KWD", 10)]
)
def test_the_smallest_charge_is_stripes_own(currency: str, minor_units: int) -> None:
    assert smallest_charge(currency) == Money(minor_units, currency)


V = Verdict
