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


def moment_of(
    policy: RetryPolicy, first_failed_at: datetime, step: int, now: datetime
) -> datetime | None:
    """Gives when try number `step` (from 0) is due, in UTC; None after the last day of the list.

    A moment that has passed becomes the next one within the hours.
    """
    if step >= len(policy.days):
        return None
    day = first_failed_at.astimezone(policy.timezone).date() + timedelta(days=policy.days[step])
    planned = datetime.combine(day, policy.opens_at, policy.timezone).astimezone(UTC)
    return planned if planned > now else within_hours(policy, now)


def within_hours(policy: RetryPolicy, now: datetime) -> datetime:
    """Gives the first moment from `now` on that lies within the hours, in UTC."""
    local = now.astimezone(policy.timezone)
    if policy.opens_at <= local.time() < policy.closes_at:
        return now.astimezone(UTC)
    day = local.date()
    if local.time() >= policy.opens_at:
        day += timedelta(days=1)
    return datetime.combine(day, policy.opens_at, policy.timezone).astimezone(UTC)
