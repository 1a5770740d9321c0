"""The plan of a charge run: one verdict per debt, before anything is charged.

Pure. `judge` is told all that is known about a debt and says what the run will do with it, by which
credential, and why. What it says is stored with the item and never changed; what became of the item
is told by its collection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from splynx_stripe.domain.credential import Credential, CredentialState, in_order
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import Payable
from splynx_stripe.domain.payment_kind import PaymentKind, currencies_of
from splynx_stripe.domain.payment_method import MandateStatus
from splynx_stripe.domain.smallest_charge import smallest_charge


class Verdict(StrEnum):
    """What a run will do with a debt."""

    CHARGE = "charge"
    LIKELY_TO_FAIL = "likely_to_fail"
    LINK = "link"
    SKIP = "skip"

    @property
    def is_charged(self) -> bool:
        """Says whether the run tries to take the money."""
        return self in {Verdict.CHARGE, Verdict.LIKELY_TO_FAIL}


class Reason(StrEnum):
    """Why. Each has a sentence in `docs/how-to/charge-runs.md`."""

    NONE = ""
    # skipped
    PAID = "paid"
    PENDING = "pending"
    NOTHING_DUE = "nothing_due"
    NO_CREDENTIAL = "no_credential"
    CREDENTIAL_NOT_ACCEPTED = "credential_not_accepted"
    LIVE_COLLECTION = "live_collection"
    RECOVERY = "recovery"
    BELOW_MINIMUM = "below_minimum"
    TOO_LARGE = "too_large"
    NOT_EXACT = "not_exact"
    WRONG_CURRENCY = "wrong_currency"
    OTHER_PARTNER = "other_partner"
    NOT_SET_UP = "not_set_up"
    OVER_CUSTOMER_MAXIMUM = "over_customer_maximum"
    CHARGED_RECENTLY = "charged_recently"
    LINK_SENT_BEFORE = "link_sent_before"
    NO_ADDRESS = "no_address"
    # charged, and likely to fail
    CARD_EXPIRED = "card_expired"
    MANDATE_NOT_ACTIVE = "mandate_not_active"
    LAST_DECLINED = "last_declined"


@dataclass(frozen=True, slots=True)
class DebtFacts:
    """What is known about one debt when the plan is made.

    `payable` is None where the customer's partner is not set up, and `amount` where Splynx's amount
    cannot be charged exactly. `obstacle` is what Splynx itself says against it (paid, pending).
    `credentials` are the customer's in the partner's present account; `has_foreign_credentials` says
    that there are some with another account only. `planned_for_customer` and
    `charged_recently` are about the same customer. `declined` are the credentials whose last charge
    failed. `sends_link` is the setting "Charge invoices without cards".
    """

    payable: Payable | None
    amount: Money | None
    now: datetime
    kinds: tuple[PaymentKind, ...] = ()
    obstacle: Reason = Reason.NONE
    credentials: Sequence[Credential] = ()
    has_foreign_credentials: bool = False
    is_collected_elsewhere: bool = False
    is_in_recovery: bool = False
    planned_for_customer: Money | None = None
    charged_recently: bool = False
    declined: frozenset[str] = frozenset()
    sends_link: bool = False
    link_sent_before: bool = False
    has_address: bool = False
    customer_maximum: Money | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on one debt. `credential_id` is "" where nothing is charged."""

    verdict: Verdict
    reason: Reason = Reason.NONE
    credential_id: str = ""


def judge(facts: DebtFacts) -> Judgement:
    """Says what a run will do with a debt."""
    reason = _why_skipped(facts)
    if reason is not Reason.NONE:
        return Judgement(Verdict.SKIP, reason)
    usable = [one for one in in_order(facts.credentials) if one.is_usable]
    fitting = [one for one in usable if one.kind in facts.kinds]
    if not fitting:
        return _without_credential(facts, usable)
    currency = facts.amount.currency if facts.amount else ""
    moving = [one for one in fitting if currency in (currencies_of(one.kind) or {currency})]
    if not moving:
        return Judgement(Verdict.SKIP, Reason.WRONG_CURRENCY)
    chosen = moving[0]
    doubt = _doubt(chosen, facts)
    verdict = Verdict.CHARGE if doubt is Reason.NONE else Verdict.LIKELY_TO_FAIL
    return Judgement(verdict, doubt, chosen.id)


def _why_skipped(facts: DebtFacts) -> Reason:
    """Gives what stands against charging, whatever the customer has saved; the strongest first."""
    if facts.payable is None:
        return Reason.NOT_SET_UP
    amount = facts.amount
    if amount is None:
        return facts.obstacle or Reason.NOT_EXACT
    against = (
        (facts.obstacle is not Reason.NONE, facts.obstacle),
        (amount.minor_units <= 0, Reason.NOTHING_DUE),
        (facts.is_collected_elsewhere, Reason.LIVE_COLLECTION),
        (facts.is_in_recovery, Reason.RECOVERY),
        (amount < smallest_charge(amount.currency), Reason.BELOW_MINIMUM),
        (not amount.is_chargeable, Reason.TOO_LARGE),
        (facts.charged_recently, Reason.CHARGED_RECENTLY),
    )
    reason = next((reason for is_so, reason in against if is_so), Reason.NONE)
    return reason or _over_maximum(facts, amount)


def _over_maximum(facts: DebtFacts, amount: Money) -> Reason:
    most = facts.customer_maximum
    if most is None:
        return Reason.NONE
    already = facts.planned_for_customer or Money(0, amount.currency)
    return Reason.NONE if already + amount <= most else Reason.OVER_CUSTOMER_MAXIMUM


def _without_credential(facts: DebtFacts, usable: Sequence[Credential]) -> Judgement:
    """Judges a debt that no saved credential can pay: a link instead, where the setting wants it."""
    if facts.sends_link:
        if facts.link_sent_before:
            return Judgement(Verdict.SKIP, Reason.LINK_SENT_BEFORE)
        if facts.has_address:
            return Judgement(Verdict.LINK)
        return Judgement(Verdict.SKIP, Reason.NO_ADDRESS)
    if usable:
        return Judgement(Verdict.SKIP, Reason.CREDENTIAL_NOT_ACCEPTED)
    if any(one.state is CredentialState.DEAD for one in facts.credentials):
        mandate = any(one.mandate_status is MandateStatus.INACTIVE for one in facts.credentials)
        return Judgement(
            Verdict.SKIP, Reason.MANDATE_NOT_ACTIVE if mandate else Reason.NO_CREDENTIAL
        )
    reason = Reason.OTHER_PARTNER if facts.has_foreign_credentials else Reason.NO_CREDENTIAL
    return Judgement(Verdict.SKIP, reason)


def _doubt(credential: Credential, facts: DebtFacts) -> Reason:
    """Says why a charge will probably fail although it is tried.

    An expired card is tried: banks often renew a card behind the same number.
    """
    card = credential.card
    if card is not None and card.months_left(facts.now) < 0:
        return Reason.CARD_EXPIRED
    if credential.kind.is_bank and credential.mandate_status is not MandateStatus.ACTIVE:
        return Reason.MANDATE_NOT_ACTIVE
    if credential.id in facts.declined:
        return Reason.LAST_DECLINED
    return Reason.NONE
