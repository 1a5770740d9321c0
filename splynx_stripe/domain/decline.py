"""What a failed payment means: whether, and with what, the same debt may be tried again.

The words are Stripe's (docs.stripe.com/declines/codes, docs.stripe.com/error-codes, and the failure
codes of each bank debit), beside them the return codes of the banks themselves, which Stripe
passes on in some messages: NACHA's `R01…` for ACH, rule F1's `901…` for PAD, the numbers of BECS.

Theory. A bank that says "no" for good must not be asked again: card schemes fine those who do,
and a thief's card is no customer's fault. A bank that says "not now" may be asked later, within
limits. What nobody has told us about is "not now" for a card, and "no" for a bank debit, because the
schemes allow another presentment for want of money only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from splynx_stripe.domain.credential import DeadReason
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.stripe import PaymentFailure


class Treatment(StrEnum):
    """What may follow.

    RETRY_LATER: the same method may be tried later. NEW_METHOD: only another one. AUTHENTICATE: the
    customer has to confirm with the bank first. NEVER: this method must not be charged any more.
    OURS: the trouble is on our side (amount, settings, permission), so the customer is told nothing.
    """

    RETRY_LATER = "retry_later"
    NEW_METHOD = "new_method"
    AUTHENTICATE = "authenticate"
    NEVER = "never"
    OURS = "ours"

    @property
    def allows_again(self) -> bool:
        """Says whether the same method may be tried again by itself."""
        return self in {Treatment.RETRY_LATER, Treatment.OURS}


@dataclass(frozen=True, slots=True)
class Decline:
    """How a failure is treated, and why its method is dead, if it is."""

    treatment: Treatment
    dead: DeadReason = DeadReason.NONE


_STOLEN = frozenset({"lost_card", "stolen_card", "pickup_card", "fraudulent"})

_OURS = frozenset(
    {
        "amount_too_small",
        "amount_too_large",
        "invalid_amount",
        "api_key_expired",
        "platform_api_key_expired",
        "account_invalid",
        "account_country_invalid_address",
        "parameter_invalid_empty",
        "parameter_invalid_integer",
        "parameter_missing",
        "parameter_unknown",
        "payment_intent_incompatible_payment_method",
        "payment_intent_unexpected_state",
        "permission_missing",
        "not_permitted",
        "rate_limit",
        "lock_timeout",
        "testmode_charges_only",
        "livemode_mismatch",
    }
)
"""Errors of our own requests and accounts: no bank has said anything."""

_CONFIRM = frozenset(
    {
        "authentication_required",
        "authentication_not_handled",
        "mobile_device_authentication_required",
        "payment_intent_authentication_failure",
    }
)

_NEVER = frozenset(
    {
        *_STOLEN,
        "do_not_try_again",
        "merchant_blacklist",
        "restricted_card",
        "revocation_of_all_authorizations",
        "revocation_of_authorization",
        "security_violation",
        "stop_payment_order",
    }
)

_NEW_CARD = frozenset(
    {
        "card_not_supported",
        "currency_not_supported",
        "expired_card",
        "incorrect_address",
        "incorrect_cvc",
        "incorrect_number",
        "incorrect_pin",
        "incorrect_zip",
        "invalid_account",
        "invalid_cvc",
        "invalid_expiry_month",
        "invalid_expiry_year",
        "invalid_number",
        "invalid_pin",
        "new_account_information_available",
        "not_permitted_by_issuer",
        "offline_pin_required",
        "online_or_offline_pin_required",
        "payment_method_customer_decline",
        "payment_method_provider_decline",
        "pin_try_exceeded",
        "service_not_allowed",
        "testmode_decline",
        "transaction_not_allowed",
    }
)

_GONE = frozenset({"resource_missing", "payment_method_unactivated", "payment_method_detached"})
"""Stripe does not have the payment method or its customer any more."""

_NO_MONEY = frozenset({"insufficient_funds", "uncollected_funds", "R01", "R09", "901", "908", "6"})
"""Want of money, the only reason for which a bank debit may be presented again: NACHA R01 and R09,
rule F1's 901 and 908, and BECS's 6 ("refer to customer")."""

_CLOSED = frozenset(
    {
        "account_closed",
        "bank_account_closed",
        "no_account",
        "invalid_account_number",
        "bank_account_unusable",
        "bank_ownership_changed",
        "R02",
        "R03",
        "R04",
        "R12",
        "R14",
        "R15",
        "902",
        "905",
        "912",
        "1",
        "3",
        "5",
    }
)
"""There is no such account (any more), or its owner is dead."""

_REVOKED = frozenset(
    {
        "billing_invalid_mandate",
        "debit_not_authorized",
        "payment_intent_mandate_invalid",
        "setup_intent_mandate_invalid",
        "payment_method_bank_account_blocked",
        "bank_account_restricted",
        "customer_notified_not_authorized",
        "R05",
        "R07",
        "R08",
        "R10",
        "R11",
        "R16",
        "R20",
        "R29",
        "R51",
        "903",
        "915",
        "916",
        "917",
        "918",
        "919",
        "2",
        "4",
        "8",
    }
)
"""The customer or the bank has withdrawn the permission, or stopped payments."""


def _each(codes: frozenset[str], decline: Decline) -> dict[str, Decline]:
    return dict.fromkeys(codes, decline)


_COMMON: Mapping[str, Decline] = MappingProxyType(
    _each(_OURS, Decline(Treatment.OURS))
    | _each(_CONFIRM, Decline(Treatment.AUTHENTICATE))
    | _each(_GONE, Decline(Treatment.NEW_METHOD, DeadReason.DETACHED))
)
_OF_CARDS: Mapping[str, Decline] = MappingProxyType(
    {**_COMMON}
    | _each(_NEW_CARD, Decline(Treatment.NEW_METHOD))
    | _each(_NEVER, Decline(Treatment.NEVER))
    | _each(_STOLEN, Decline(Treatment.NEVER, DeadReason.LOST_OR_STOLEN))
)
_OF_BANKS: Mapping[str, Decline] = MappingProxyType(
    {**_COMMON}
    | _each(_NO_MONEY, Decline(Treatment.RETRY_LATER))
    | _each(_CLOSED, Decline(Treatment.NEVER, DeadReason.ACCOUNT_CLOSED))
    | _each(_REVOKED, Decline(Treatment.NEVER, DeadReason.MANDATE_INACTIVE))
)


def classify(failure: PaymentFailure, kind: PaymentKind | None) -> Decline:
    """Says how a failure is treated. An unknown `kind` counts as a card.

    The bank's own word (`decline_code`) says more than Stripe's (`code`), so it decides.
    """
    is_bank = kind is not None and kind.is_bank
    table = _OF_BANKS if is_bank else _OF_CARDS
    for code in (failure.decline_code, failure.code):
        if code in table:
            return table[code]
    return Decline(Treatment.NEW_METHOD if is_bank else Treatment.RETRY_LATER)
