"""The machine of a setup: one SetupIntent that saves a card or bank account, to its end.

Theory. As with an attempt, a setup is committed before Stripe hears of it, and two states say that
we do not know whether Stripe has it: PREPARED and UNKNOWN. No money is at stake: a SetupIntent
whose answer was lost can be confirmed by nobody, because nobody got its client secret. So when the
idempotency key no longer protects, such a setup is FORGOTTEN instead of being searched for.

Observations may arrive twice and out of order; an older one never overrides a newer one, and of
the same moment the one further along wins. SUCCEEDED absorbs everything: what was saved stays
saved, and is removed only by the machine of the credential. The table is total.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from splynx_stripe.domain.consent import Consent
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.payment_method import (
    Microdeposits,
    SetupIntent,
    SetupIntentOrder,
    SetupIntentStatus,
)
from splynx_stripe.domain.stripe import PaymentFailure, StripeAccount


class SetupState(StrEnum):
    """Where a setup is. VERIFYING waits for micro-deposits, PROCESSING for the bank."""

    PREPARED = "prepared"
    UNKNOWN = "unknown"
    AWAITING_CUSTOMER = "awaiting_customer"
    REQUIRES_ACTION = "requires_action"
    VERIFYING = "verifying"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"
    REFUSED = "refused"
    FORGOTTEN = "forgotten"


LIVE_SETUP_STATES = frozenset(
    {
        SetupState.PREPARED,
        SetupState.UNKNOWN,
        SetupState.AWAITING_CUSTOMER,
        SetupState.REQUIRES_ACTION,
        SetupState.VERIFYING,
        SetupState.PROCESSING,
    }
)
"""The states that may still end in a saved credential."""

UNSURE_SETUP_STATES = frozenset({SetupState.PREPARED, SetupState.UNKNOWN})
"""The states in which nobody knows whether Stripe has the SetupIntent."""

JOINABLE_SETUP_STATES = UNSURE_SETUP_STATES | {SetupState.AWAITING_CUSTOMER}
"""The states in which a second press of the button goes on with the same setup."""


class SetupNewsKind(StrEnum):
    """The kinds of news that a setup can get."""

    OUTCOME_UNKNOWN = "outcome_unknown"
    REFUSED = "refused"
    FORGOTTEN = "forgotten"
    SEEN_AWAITING = "seen_awaiting"
    SEEN_REQUIRES_ACTION = "seen_requires_action"
    SEEN_VERIFYING = "seen_verifying"
    SEEN_PROCESSING = "seen_processing"
    SEEN_SUCCEEDED = "seen_succeeded"
    SEEN_CANCELED = "seen_canceled"


_S, _N = SetupState, SetupNewsKind
_NEWS_OF_STATUS = MappingProxyType(
    {
        SetupIntentStatus.REQUIRES_PAYMENT_METHOD: _N.SEEN_AWAITING,
        SetupIntentStatus.REQUIRES_CONFIRMATION: _N.SEEN_AWAITING,
        SetupIntentStatus.REQUIRES_ACTION: _N.SEEN_REQUIRES_ACTION,
        SetupIntentStatus.PROCESSING: _N.SEEN_PROCESSING,
        SetupIntentStatus.SUCCEEDED: _N.SEEN_SUCCEEDED,
        SetupIntentStatus.CANCELED: _N.SEEN_CANCELED,
    }
)


@dataclass(frozen=True, slots=True)
class SetupNews:
    """Something that became known about a setup; see `attempt.News` for the fields."""

    kind: SetupNewsKind
    intent: SetupIntent | None = None
    as_of: datetime | None = None
    reason: PaymentFailure | None = None

    @classmethod
    def observed(cls, intent: SetupIntent, as_of: datetime) -> SetupNews:
        """Makes the news that Stripe showed `intent`, which was true at `as_of`."""
        kind = _NEWS_OF_STATUS[intent.status]
        if kind is _N.SEEN_REQUIRES_ACTION and intent.microdeposits is not Microdeposits.NONE:
            kind = _N.SEEN_VERIFYING
        return cls(kind, intent=intent, as_of=as_of)


_SEEN = {
    _N.SEEN_AWAITING: _S.AWAITING_CUSTOMER,
    _N.SEEN_REQUIRES_ACTION: _S.REQUIRES_ACTION,
    _N.SEEN_VERIFYING: _S.VERIFYING,
    _N.SEEN_PROCESSING: _S.PROCESSING,
    _N.SEEN_SUCCEEDED: _S.SUCCEEDED,
    _N.SEEN_CANCELED: _S.CANCELED,
}
_UNSURE = _SEEN | {
    _N.OUTCOME_UNKNOWN: _S.UNKNOWN,
    _N.REFUSED: _S.REFUSED,
    _N.FORGOTTEN: _S.FORGOTTEN,
}


def _row(
    state: SetupState, changes: Mapping[SetupNewsKind, SetupState]
) -> dict[tuple[SetupState, SetupNewsKind], SetupState]:
    """Completes a row of the table: news that a state does not mention leaves it as it is."""
    return {(state, kind): changes.get(kind, state) for kind in SetupNewsKind}


SETUP_TRANSITIONS: Mapping[tuple[SetupState, SetupNewsKind], SetupState] = MappingProxyType(
    _row(_S.PREPARED, _UNSURE)
    | _row(_S.UNKNOWN, _UNSURE)
    | _row(_S.AWAITING_CUSTOMER, _SEEN)
    | _row(_S.REQUIRES_ACTION, _SEEN)
    | _row(_S.VERIFYING, _SEEN)
    | _row(_S.PROCESSING, _SEEN)
    | _row(_S.SUCCEEDED, {})
    | _row(_S.CANCELED, {_N.SEEN_SUCCEEDED: _S.SUCCEEDED})
    | _row(_S.REFUSED, _SEEN)
    | _row(_S.FORGOTTEN, _SEEN)
)

_PROGRESS = {
    kind: rank
    for rank, kind in enumerate(
        (
            _N.SEEN_AWAITING,
            _N.SEEN_REQUIRES_ACTION,
            _N.SEEN_VERIFYING,
            _N.SEEN_PROCESSING,
            _N.SEEN_CANCELED,
            _N.SEEN_SUCCEEDED,
        )
    )
}


@dataclass(frozen=True, slots=True)
class Setup:
    """One SetupIntent: frozen parameters, and what is known of it.

    The owner, `kind`, `currency`, `description`, `metadata` and `consent` never change after the
    row is committed. `next_look_at` is when we ask Stripe of our own accord. `version` guards
    against lost updates.
    """

    id: str
    account: StripeAccount
    partner_id: int
    splynx_customer_id: int
    stripe_customer_id: str
    kind: PaymentKind
    currency: str
    description: str
    metadata: Mapping[str, str]
    consent: Consent
    prepared_at: datetime
    next_look_at: datetime | None
    state: SetupState = SetupState.PREPARED
    intent_id: str = ""
    payment_method_id: str = ""
    microdeposits: Microdeposits = Microdeposits.NONE
    seen_as_of: datetime | None = None
    seen_kind: SetupNewsKind | None = None
    failure: PaymentFailure | None = None
    version: int = 0

    @property
    def idempotency_key(self) -> str:
        """Gives Stripe's idempotency key: made of our id only, never of time or chance."""
        return f"splynx-stripe:{self.id}"

    @property
    def order(self) -> SetupIntentOrder:
        """Gives what is asked of Stripe, the same at every repetition."""
        return SetupIntentOrder(
            customer=self.stripe_customer_id,
            kind=self.kind,
            currency=self.currency,
            description=self.description,
            metadata=self.metadata,
        )

    @property
    def is_live(self) -> bool:
        """Says whether it may still end in a saved credential."""
        return self.state in LIVE_SETUP_STATES


def setup_step(setup: Setup, news: SetupNews) -> Setup:
    """Applies news to a setup. Pure; news that is stale or changes nothing gives it back as it is.

    Whoever stores the result saves the credential when the state has become SUCCEEDED or
    VERIFYING, in the same commit.
    """
    if _is_stale(setup, news):
        return setup
    seen = _with_observation(setup, news)
    return replace(seen, state=SETUP_TRANSITIONS[setup.state, news.kind])


def _is_stale(setup: Setup, news: SetupNews) -> bool:
    if news.kind is SetupNewsKind.SEEN_SUCCEEDED or news.as_of is None:
        return False
    if setup.seen_as_of is None or setup.seen_kind is None:
        return False
    known = (setup.seen_as_of, _PROGRESS[setup.seen_kind])
    return (news.as_of, _PROGRESS[news.kind]) < known


def _with_observation(setup: Setup, news: SetupNews) -> Setup:
    if setup.state is SetupState.SUCCEEDED:
        return setup
    if news.intent is None or news.as_of is None:
        return replace(setup, failure=news.reason or setup.failure)
    method = news.intent.payment_method
    return replace(
        setup,
        intent_id=news.intent.id,
        payment_method_id=method.id if method else "",
        microdeposits=news.intent.microdeposits,
        failure=None if news.kind is SetupNewsKind.SEEN_SUCCEEDED else news.intent.failure,
        seen_as_of=news.as_of,
        seen_kind=news.kind,
    )
