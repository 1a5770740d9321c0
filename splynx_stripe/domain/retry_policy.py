"""When a debt whose charge failed is tried again: days, hours, and the limits of the schemes.

Theory. Tries follow a list of days, counted from the first failure, within the hours in which a
bank's refusal can be answered by a person. Each method has limits of its own, and no list of days
may exceed them: card schemes allow so many tries of one debt in 30 days, ACH allows a debit to be
presented again twice, PAD once, and both for want of money only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from enum import StrEnum

from splynx_stripe.domain.decline import Treatment
from splynx_stripe.domain.payment_kind import PaymentKind

CARD_PERIOD = timedelta(days=30)
"""The period in which the tries of a card are counted."""

CARD_TRIES_AT_MOST = 15
"""How often card schemes let one card be charged for one debt in that period, by whatever route."""

ACCOUNT_PERIOD = timedelta(days=30)
"""For so long failed tries of a balance or a prepaid amount count: then it is another month's debt."""

_AGAIN_AT_MOST = {PaymentKind.ACH: 2, PaymentKind.BECS: 2, PaymentKind.PAD: 1}
"""How often a bank debit may be presented again: NACHA's rules, and rule H1 of Payments Canada. BECS has
no number; banks charge for each, so it gets that of ACH."""


class NextMethod(StrEnum):
    """Whether the customer's other saved methods are tried too."""

    NEVER = "never"
    NEXT_TRY = "next_try"
    AT_ONCE = "at_once"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """What the settings say for one partner.

    `days` after the first failure, ascending; none means that nothing is tried again by itself.
    Tries begin between `opens_at` and `closes_at` on the clock of `timezone`.
    """

    days: tuple[int, ...]
    opens_at: time
    closes_at: time
    timezone: tzinfo
    next_method: NextMethod = NextMethod.NEXT_TRY
    card_tries: int = 8
    bank_tries: int = 2


@dataclass(frozen=True, slots=True)
class FailedTry:
    """One charge of a debt that failed, with which method, and how that was judged."""

    attempt_id: str
    method_id: str
    kind: PaymentKind | None
    failed_at: datetime
    treatment: Treatment


@dataclass(frozen=True, slots=True)
class Method:
    """A saved method that may be charged, in the order of the customer."""

    credential_id: str
    method_id: str
    kind: PaymentKind


def may_try(policy: RetryPolicy, method: Method, failed: Sequence[FailedTry], at: datetime) -> bool:
    """Says whether a method may be charged for this debt at a moment, after what has failed so far."""
    own = [one for one in failed if one.method_id == method.method_id]
    if not all(one.treatment.allows_again for one in own):
        return False
    presented = [one for one in own if one.treatment is not Treatment.OURS]
    if method.kind.is_bank:
        return len(presented) <= min(policy.bank_tries, _AGAIN_AT_MOST[method.kind])
    recent = [one for one in presented if at - one.failed_at < CARD_PERIOD]
    return len(recent) < policy.card_tries


def schemes_allow(
    kind: PaymentKind, method_id: str, failed: Sequence[FailedTry], at: datetime
) -> bool:
    """Says whether the schemes let a method be charged for a debt that it has failed before.

    It holds for everybody who charges, also for a run that a person has confirmed. A card that
    expired, or that wanted its owner, may be tried by a run: banks renew cards. One that the bank has
    refused for good may not, nor may a bank debit be presented again for anything but want of money.
    """
    own = [one for one in failed if one.method_id == method_id]
    presented = [one for one in own if one.treatment is not Treatment.OURS]
    if kind.is_bank:
        is_refused = not all(one.treatment.allows_again for one in own)
        return not is_refused and len(presented) <= _AGAIN_AT_MOST[kind]
    if any(one.treatment is Treatment.NEVER for one in own):
        return False
    recent = [one for one in presented if at - one.failed_at < CARD_PERIOD]
    return len(recent) < CARD_TRIES_AT_MOST


def still_counting(
    failed: Sequence[FailedTry], at: datetime, *, is_of_account: bool
) -> list[FailedTry]:
    """Gives the failed tries that count for a debt at a moment, in the same order.

    A document is the same debt for ever. What an account owes has always the same name and is
    another debt a month later; only what a bank has refused for good stays.
    """
    return [
        one
        for one in failed
        if not is_of_account
        or one.treatment is Treatment.NEVER
        or at - one.failed_at < ACCOUNT_PERIOD
    ]


def moment_of(
    policy: RetryPolicy, first_failed_at: datetime, step: int, now: datetime
) -> datetime | None:
    """Gives when try number `step` (from 0) is due, in UTC; None after the last day of the list.

    A moment that has passed becomes the next one within the hours. For a later try that is not before
    its distance from the one before: a daemon that was down for a week does not make up for all
    tries within minutes.
    """
    if step >= len(policy.days):
        return None
    day = first_failed_at.astimezone(policy.timezone).date() + timedelta(days=policy.days[step])
    planned = datetime.combine(day, policy.opens_at, policy.timezone).astimezone(UTC)
    if planned > now:
        return planned
    distance = policy.days[step] - policy.days[step - 1] if step else 0
    return within_hours(policy, now + timedelta(days=distance))


def within_hours(policy: RetryPolicy, now: datetime) -> datetime:
    """Gives the first moment from `now` on that lies within the hours, in UTC."""
    local = now.astimezone(policy.timezone)
    if policy.opens_at <= local.time() < policy.closes_at:
        return now.astimezone(UTC)
    day = local.date()
    if local.time() >= policy.opens_at:
        day += timedelta(days=1)
    return datetime.combine(day, policy.opens_at, policy.timezone).astimezone(UTC)
