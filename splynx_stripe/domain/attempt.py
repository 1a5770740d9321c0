"""The machine of an attempt: one PaymentIntent, from the intention to its end.

Theory. An attempt is committed before Stripe hears of it (I5), so from the first moment it may
have happened. Two states say that we do not know: PREPARED (the request may be on its way) and
UNKNOWN (it left and its answer was lost). They are left only by asking about the same attempt:
with the same idempotency key while the key protects, by looking through the list afterwards.

What Stripe shows is an *observation* with the moment it was true (`as_of`). Observations may
arrive twice and out of order, so an older one never overrides a newer one, and between
observations of the same moment the one further along wins. SUCCEEDED absorbs everything: money
that moved stays recorded; only a refund, dispute or return reverses it, and they are machines of
their own. Success is accepted in every state, because money that moved must be recorded even
where we thought that it could not move.

An *off-session* attempt charges a saved credential while nobody is there, so there is nobody to
wait for: where Stripe would wait for the customer, it is being withdrawn. Only when it is proven
dead its failure is followed up, because a debt is tried again only then.

Effects belong to *entering* a state. Repeating news cannot repeat an effect.

The table is total: each state answers each kind of news. `tests/unit/test_attempt.py` proves
that, and that any order and any duplication of news ends in the same state with one booking.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, tzinfo
from enum import StrEnum
from types import MappingProxyType

from splynx_stripe.domain.case import CaseKind
from splynx_stripe.domain.effect import Effect, EffectKind
from splynx_stripe.domain.errors import BrokenInvariantError
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.stripe import (
    PaymentFailure,
    PaymentIntent,
    PaymentIntentOrder,
    PaymentIntentStatus,
    StripeAccount,
)


class AttemptState(StrEnum):
    """Where an attempt is."""

    PREPARED = "prepared"
    UNKNOWN = "unknown"
    AWAITING_CUSTOMER = "awaiting_customer"
    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"
    CANCELING = "canceling"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"
    REFUSED = "refused"
    ABSENT = "absent"
    ORPHANED = "orphaned"


LIVE_STATES = frozenset(
    {
        AttemptState.PREPARED,
        AttemptState.UNKNOWN,
        AttemptState.AWAITING_CUSTOMER,
        AttemptState.REQUIRES_ACTION,
        AttemptState.PROCESSING,
        AttemptState.CANCELING,
    }
)
"""The states in which this attempt may still take money and so holds its collection's place."""

UNSURE_STATES = frozenset({AttemptState.PREPARED, AttemptState.UNKNOWN})
"""The states in which nobody knows whether Stripe has the PaymentIntent."""

DEAD_STATES = frozenset({AttemptState.CANCELED, AttemptState.REFUSED, AttemptState.ABSENT})
"""The states of an attempt that is proven to take no money."""


class NewsKind(StrEnum):
    """The kinds of news that an attempt can get."""

    OUTCOME_UNKNOWN = "outcome_unknown"
    REFUSED = "refused"
    PROVEN_ABSENT = "proven_absent"
    CANCEL_REQUESTED = "cancel_requested"
    SEEN_AWAITING = "seen_awaiting"
    SEEN_REQUIRES_ACTION = "seen_requires_action"
    SEEN_PROCESSING = "seen_processing"
    SEEN_SUCCEEDED = "seen_succeeded"
    SEEN_CANCELED = "seen_canceled"


_NEWS_OF_STATUS = MappingProxyType(
    {
        PaymentIntentStatus.REQUIRES_PAYMENT_METHOD: NewsKind.SEEN_AWAITING,
        PaymentIntentStatus.REQUIRES_CONFIRMATION: NewsKind.SEEN_AWAITING,
        PaymentIntentStatus.REQUIRES_ACTION: NewsKind.SEEN_REQUIRES_ACTION,
        # We never ask for manual capture; should Stripe show it, the money is held but not ours yet.
        PaymentIntentStatus.REQUIRES_CAPTURE: NewsKind.SEEN_PROCESSING,
        PaymentIntentStatus.PROCESSING: NewsKind.SEEN_PROCESSING,
        PaymentIntentStatus.SUCCEEDED: NewsKind.SEEN_SUCCEEDED,
        PaymentIntentStatus.CANCELED: NewsKind.SEEN_CANCELED,
    }
)


@dataclass(frozen=True, slots=True)
class News:
    """Something that became known about an attempt.

    `intent` and `as_of` (the moment at which Stripe's answer was true) are set for observations;
    `reason` is Stripe's explanation of a refusal.
    """

    kind: NewsKind
    intent: PaymentIntent | None = None
    as_of: datetime | None = None
    reason: PaymentFailure | None = None

    @classmethod
    def observed(cls, intent: PaymentIntent, as_of: datetime) -> News:
        """Makes the news that Stripe showed `intent`, which was true at `as_of`."""
        return cls(_NEWS_OF_STATUS[intent.status], intent=intent, as_of=as_of)


NOBODY_THERE = PaymentFailure(
    code="authentication_required",
    decline_code="authentication_required",
    message="The bank wants the customer to confirm the payment, and nobody was there to do it.",
)
"""The failure of an off-session attempt that waits for an action and of which Stripe says no more."""


_S, _N = AttemptState, NewsKind
_SEEN = {
    _N.SEEN_AWAITING: _S.AWAITING_CUSTOMER,
    _N.SEEN_REQUIRES_ACTION: _S.REQUIRES_ACTION,
    _N.SEEN_PROCESSING: _S.PROCESSING,
    _N.SEEN_SUCCEEDED: _S.SUCCEEDED,
    _N.SEEN_CANCELED: _S.CANCELED,
}
_ORPHANED = {
    _N.SEEN_AWAITING: _S.ORPHANED,
    _N.SEEN_REQUIRES_ACTION: _S.ORPHANED,
    _N.SEEN_PROCESSING: _S.ORPHANED,
    _N.SEEN_SUCCEEDED: _S.SUCCEEDED,
    _N.SEEN_CANCELED: _S.CANCELED,
}


def _row(
    state: AttemptState, changes: Mapping[NewsKind, AttemptState]
) -> dict[tuple[AttemptState, NewsKind], AttemptState]:
    """Completes a row of the table: news that a state does not mention leaves it as it is."""
    return {(state, kind): changes.get(kind, state) for kind in NewsKind}


_UNSURE = _SEEN | {
    _N.OUTCOME_UNKNOWN: _S.UNKNOWN,
    _N.REFUSED: _S.REFUSED,
    _N.PROVEN_ABSENT: _S.ABSENT,
}

TRANSITIONS: Mapping[tuple[AttemptState, NewsKind], AttemptState] = MappingProxyType(
    _row(_S.PREPARED, _UNSURE)
    | _row(_S.UNKNOWN, _UNSURE)
    | _row(_S.AWAITING_CUSTOMER, _SEEN | {_N.CANCEL_REQUESTED: _S.CANCELING})
    | _row(_S.REQUIRES_ACTION, _SEEN | {_N.CANCEL_REQUESTED: _S.CANCELING})
    | _row(_S.PROCESSING, _SEEN)
    | _row(
        _S.CANCELING,
        _SEEN | {_N.SEEN_AWAITING: _S.CANCELING, _N.SEEN_REQUIRES_ACTION: _S.CANCELING},
    )
    | _row(_S.SUCCEEDED, {})
    | _row(_S.CANCELED, {_N.SEEN_SUCCEEDED: _S.SUCCEEDED})
    | _row(_S.REFUSED, _ORPHANED)
    | _row(_S.ABSENT, _ORPHANED)
    | _row(_S.ORPHANED, _ORPHANED)
)

_PROGRESS = {
    kind: rank
    for rank, kind in enumerate(
        (
            _N.SEEN_AWAITING,
            _N.SEEN_REQUIRES_ACTION,
            _N.SEEN_PROCESSING,
            _N.SEEN_CANCELED,
            _N.SEEN_SUCCEEDED,
        )
    )
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One PaymentIntent of a collection: frozen parameters, and what is known of it.

    `amount`, `stripe_customer_id`, `description`, `metadata`, `kinds`, `saves_method`, the key, and
    the fields of a charge of a saved credential never change after the row is committed (I5). Those
    are `off_session`, `credential_id` (ours), `charged_method_id` (Stripe's PaymentMethod) and
    `mandate_id`; they are empty where a customer pays at a page. `next_look_at` is when we ask Stripe about it of
    our own accord. `seen_as_of`/`seen_kind` describe the newest observation. `version` guards
    against lost updates. `splynx_payment_id` is 0 until the money is booked. `method_kind` is None
    until Stripe has shown which of several kinds the customer chose.
    """

    id: str
    collection_id: str
    account: StripeAccount
    stripe_customer_id: str
    amount: Money
    description: str
    metadata: Mapping[str, str]
    prepared_at: datetime
    next_look_at: datetime | None
    kinds: tuple[PaymentKind, ...] = (PaymentKind.CARD,)
    saves_method: bool = False
    payment_method_id: str = ""
    method_kind: PaymentKind | None = None
    state: AttemptState = AttemptState.PREPARED
    intent_id: str = ""
    charge_id: str = ""
    seen_as_of: datetime | None = None
    seen_kind: NewsKind | None = None
    failure: PaymentFailure | None = None
    splynx_payment_id: int = 0
    version: int = 0
    off_session: bool = False
    credential_id: str = ""
    charged_method_id: str = ""
    mandate_id: str = ""

    @property
    def idempotency_key(self) -> str:
        """Gives Stripe's idempotency key: made of our id only, never of time or chance."""
        return f"splynx-stripe:{self.id}"

    @property
    def order(self) -> PaymentIntentOrder:
        """Gives what is asked of Stripe, the same at every repetition."""
        return PaymentIntentOrder(
            amount=self.amount,
            description=self.description,
            customer=self.stripe_customer_id,
            metadata=self.metadata,
            kinds=self.kinds,
            saves_method=self.saves_method,
            off_session=self.off_session,
            charged_method_id=self.charged_method_id,
            mandate_id=self.mandate_id,
        )

    @property
    def chosen_kind(self) -> PaymentKind | None:
        """Gives the kind that the customer pays with; None while it may still be another."""
        return self.kinds[0] if len(self.kinds) == 1 else self.method_kind

    @property
    def may_be_bank_debit(self) -> bool:
        """Says whether its outcome may take days, in which its documents are shown as pending."""
        return any(kind.is_bank for kind in self.kinds)

    @property
    def is_live(self) -> bool:
        """Says whether it may still take money."""
        return self.state in LIVE_STATES

    def day_seen(self, timezone: tzinfo) -> date:
        """Gives the day of the newest observation in `timezone`: after success, of the charge.

        Raises:
            BrokenInvariantError: Stripe has never shown it.
        """
        if self.seen_as_of is None:
            raise BrokenInvariantError(f"Attempt {self.id} was never seen at Stripe.")
        return self.seen_as_of.astimezone(timezone).date()


@dataclass(frozen=True, slots=True)
class Step:
    """What news did to an attempt: the attempt afterwards, and the effects of entering a state.

    `case` is set when what happened needs a person; such money is not booked by itself.
    """

    attempt: Attempt
    effects: tuple[Effect, ...] = ()
    case: CaseKind | None = None


def step(attempt: Attempt, news: News) -> Step:
    """Applies news to an attempt. Pure: same input, same output; nothing is done here.

    News that is stale or changes nothing gives the attempt back unchanged, with no effects.
    """
    if _is_stale(attempt, news):
        return Step(attempt)
    after = _with_observation(attempt, news)
    after = replace(after, state=TRANSITIONS[attempt.state, news.kind])
    if after.off_session and after.state in _WAITS_FOR_CUSTOMER:
        after = replace(after, state=AttemptState.CANCELING)
    if after.state == attempt.state:
        return Step(after)
    if news.intent is not None and amount_differs(after, news.intent):
        return Step(after, case=CaseKind.AMOUNT_DIFFERS)
    return Step(after, _effects_of_entering(after) + _effects_of_leaving(attempt.state, after))


_WAITS_FOR_CUSTOMER = frozenset({AttemptState.AWAITING_CUSTOMER, AttemptState.REQUIRES_ACTION})


def _is_stale(attempt: Attempt, news: News) -> bool:
    if news.kind is NewsKind.SEEN_SUCCEEDED or news.as_of is None:
        return False
    if attempt.seen_as_of is None or attempt.seen_kind is None:
        return False
    known = (attempt.seen_as_of, _PROGRESS[attempt.seen_kind])
    return (news.as_of, _PROGRESS[news.kind]) < known


def _with_observation(attempt: Attempt, news: News) -> Attempt:
    if attempt.state is AttemptState.SUCCEEDED:
        return attempt
    if news.intent is None or news.as_of is None:
        return replace(attempt, failure=news.reason or attempt.failure)
    return replace(
        attempt,
        intent_id=news.intent.id,
        charge_id=news.intent.latest_charge or attempt.charge_id,
        payment_method_id=news.intent.payment_method or attempt.payment_method_id,
        method_kind=_method_kind(attempt, news.intent),
        failure=_failure_after(attempt, news, news.intent),
        seen_as_of=news.as_of,
        seen_kind=news.kind,
    )


def _failure_after(attempt: Attempt, news: News, intent: PaymentIntent) -> PaymentFailure | None:
    match news.kind:
        case NewsKind.SEEN_SUCCEEDED:
            return None
        case NewsKind.SEEN_CANCELED:  # why it was declined before stays true
            return intent.failure or attempt.failure
        case NewsKind.SEEN_REQUIRES_ACTION if attempt.off_session:
            return intent.failure or NOBODY_THERE
        case _:
            return intent.failure


def _method_kind(attempt: Attempt, intent: PaymentIntent) -> PaymentKind | None:
    """Keeps what is known of the kind while it is about the same payment method."""
    if intent.payment_method in {"", attempt.payment_method_id}:
        return intent.method_kind or attempt.method_kind
    return intent.method_kind


def _effects_of_entering(attempt: Attempt) -> tuple[Effect, ...]:
    match attempt.state:
        case AttemptState.SUCCEEDED:
            book = Effect(EffectKind.BOOK_PAYMENT, key=f"book:{attempt.id}")
            save = Effect(EffectKind.SAVE_CREDENTIAL, key=f"save:{attempt.id}")
            return (book, save) if attempt.saves_method else (book,)
        case AttemptState.PROCESSING if attempt.may_be_bank_debit:
            key = f"pending:{attempt.id}:{attempt.version}"
            return (Effect(EffectKind.MARK_PENDING, key=key),)
        case AttemptState.CANCELING | AttemptState.ORPHANED:
            key = f"cancel:{attempt.id}:{attempt.version}"
            return (Effect(EffectKind.CANCEL_PAYMENT_INTENT, key=key),)
        case _:
            return ()


def _effects_of_leaving(before: AttemptState, after: Attempt) -> tuple[Effect, ...]:
    """Gives what is to be done when a bank debit that was on its way, or a charge, has failed."""
    failed = before is AttemptState.PROCESSING and after.state is not AttemptState.SUCCEEDED
    debit_failed = failed and after.may_be_bank_debit
    unpaid = Effect(EffectKind.MARK_UNPAID, key=f"unpaid:{after.id}:{after.version}")
    follow_up = Effect(EffectKind.FOLLOW_UP_FAILURE, key=f"failure:{after.id}")
    is_to_be_followed_up = (
        before in LIVE_STATES and after.state in DEAD_STATES if after.off_session else debit_failed
    )
    return (
        *((unpaid,) if debit_failed else ()),
        *((follow_up,) if is_to_be_followed_up and after.failure is not None else ()),
    )


def amount_differs(attempt: Attempt, intent: PaymentIntent) -> bool:
    """Says whether Stripe took another amount or currency than was asked (fault 34)."""
    return intent.status is PaymentIntentStatus.SUCCEEDED and intent.received != attempt.amount
