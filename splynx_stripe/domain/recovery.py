"""The machine of a recovery: the one owner of a debt's retries after an unattended charge failed.

Theory. A debt has at most one recovery (its key is the payable's), so two retry plans cannot meet
on it (fault 61). A recovery never moves money itself: a try is a collection like any other, with the
lease, the last look and the attempt. TRYING ends when that collection does; until then no notice
contradicts it. A payment by any other route ends the recovery, and so does a person.

An ended recovery is opened again by the next failed charge of the same debt; the tries of before
still count for the limits of the schemes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from splynx_stripe.domain.decline import Treatment
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import Payable
from splynx_stripe.domain.retry_policy import (
    FailedTry,
    Method,
    NextMethod,
    RetryPolicy,
    may_try,
    moment_of,
)
from splynx_stripe.domain.stripe import PaymentFailure, StripeAccount


class RecoveryState(StrEnum):
    """Where a recovery is. EXHAUSTED: nothing is tried any more by itself."""

    WAITING = "waiting"
    TRYING = "trying"
    RECOVERED = "recovered"
    EXHAUSTED = "exhausted"
    CANCELED = "canceled"


LIVE_RECOVERY_STATES = frozenset({RecoveryState.WAITING, RecoveryState.TRYING})
"""The states in which a recovery owns the retries of its debt."""


class RecoveryNews(StrEnum):
    """What can become known about a recovery."""

    TRY_BEGAN = "try_began"
    TRY_PUT_OFF = "try_put_off"
    TRY_FAILED = "try_failed"
    GAVE_UP = "gave_up"
    MONEY_CAME = "money_came"
    STOPPED = "stopped"
    TRY_WANTED = "try_wanted"


class RecoveryReason(StrEnum):
    """Why nothing is tried any more."""

    NONE = ""
    NO_MORE_DAYS = "no_more_days"
    NO_DAYS = "no_days"
    AUTHENTICATION = "authentication"
    NEW_METHOD = "new_method"
    LIMIT = "limit"
    NO_METHOD = "no_method"
    CHANGED = "changed"
    NOT_CHARGEABLE = "not_chargeable"
    REMOVED = "removed"
    BY_PERSON = "by_person"
    TAKEN_OVER = "taken_over"


_S, _N = RecoveryState, RecoveryNews

RECOVERY_TRANSITIONS: Mapping[tuple[RecoveryState, RecoveryNews], RecoveryState] = MappingProxyType(
    {(state, news): state for state in RecoveryState for news in RecoveryNews}
    | {
        (_S.WAITING, _N.TRY_BEGAN): _S.TRYING,
        (_S.WAITING, _N.GAVE_UP): _S.EXHAUSTED,
        (_S.WAITING, _N.MONEY_CAME): _S.RECOVERED,
        (_S.WAITING, _N.STOPPED): _S.CANCELED,
        (_S.TRYING, _N.TRY_PUT_OFF): _S.WAITING,
        (_S.TRYING, _N.TRY_FAILED): _S.WAITING,
        (_S.TRYING, _N.GAVE_UP): _S.EXHAUSTED,
        (_S.TRYING, _N.MONEY_CAME): _S.RECOVERED,
        (_S.TRYING, _N.STOPPED): _S.CANCELED,
        (_S.EXHAUSTED, _N.MONEY_CAME): _S.RECOVERED,
        (_S.EXHAUSTED, _N.STOPPED): _S.CANCELED,
        (_S.EXHAUSTED, _N.TRY_WANTED): _S.WAITING,
        (_S.CANCELED, _N.MONEY_CAME): _S.RECOVERED,
        (_S.CANCELED, _N.TRY_WANTED): _S.WAITING,
    }
)
"""The changes; every other pair leaves the state as it is."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """The retries of one debt. `version` guards against lost updates.

    `amount` is what the failed charge wanted; a retry never takes more. `first_attempt_id` names the
    failure that opened it, `attempt_id` and `collection_id` the newest try; `try_collection_id` is the collection of the try
    that is going on, "" until it has the lease. `step` counts the days of
    the policy that are used up, `tries` the retries that were begun. `credential_id` is tried next.
    `next_at` is when something is due: the next try, or a look at the one that is going on.
    """

    id: str
    payable: Payable
    account: StripeAccount
    amount: Money
    opened_at: datetime
    failed_at: datetime
    changed_at: datetime
    first_attempt_id: str
    attempt_id: str
    collection_id: str
    failure: PaymentFailure
    treatment: Treatment
    state: RecoveryState = RecoveryState.WAITING
    reason: RecoveryReason = RecoveryReason.NONE
    next_at: datetime | None = None
    credential_id: str = ""
    try_collection_id: str = ""
    step: int = 0
    tries: int = 0
    version: int = 0

    @property
    def is_live(self) -> bool:
        """Says whether it owns the retries of its debt now."""
        return self.state in LIVE_RECOVERY_STATES

    @property
    def origin(self) -> str:
        """Names the try that is going on, the same however often it is repeated."""
        return f"recovery/{self.id}/{self.tries}"


def recovery_step(
    recovery: Recovery,
    news: RecoveryNews,
    now: datetime,
    *,
    next_at: datetime | None = None,
    reason: RecoveryReason = RecoveryReason.NONE,
) -> Recovery:
    """Applies news. Pure; what does not change the state gives the recovery back unchanged."""
    state = RECOVERY_TRANSITIONS[recovery.state, news]
    if state is recovery.state:
        return recovery
    is_live = state in LIVE_RECOVERY_STATES
    return replace(
        recovery,
        state=state,
        reason=RecoveryReason.NONE if is_live or state is RecoveryState.RECOVERED else reason,
        next_at=next_at if is_live else None,
        tries=recovery.tries + (news is RecoveryNews.TRY_BEGAN),
        try_collection_id="" if news is RecoveryNews.TRY_BEGAN else recovery.try_collection_id,
        changed_at=now,
    )


class RecoveryView(StrEnum):
    """Which recoveries somebody wants to see."""

    ALL = "all"
    GOING_ON = "going_on"
    ENDED = "ended"
    RECOVERED = "recovered"

    @property
    def states(self) -> tuple[RecoveryState, ...]:
        """Gives the states that are seen."""
        return _VIEWS[self]


_VIEWS = {
    RecoveryView.ALL: tuple(RecoveryState),
    RecoveryView.GOING_ON: (RecoveryState.WAITING, RecoveryState.TRYING),
    RecoveryView.ENDED: (RecoveryState.EXHAUSTED, RecoveryState.CANCELED),
    RecoveryView.RECOVERED: (RecoveryState.RECOVERED,),
}


@dataclass(frozen=True, slots=True)
class RecoveryPlace:
    """Where a recovery stands in the order of all, newest change first."""

    changed_at: datetime
    id: str


@dataclass(frozen=True, slots=True)
class RecoveryQuery:
    """Which recoveries are asked for; 0 and "" ask for all. `text` is a document number."""

    view: RecoveryView = RecoveryView.ALL
    partner_id: int = 0
    customer_id: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows a failure: a try at `next_at` with a credential, or none, and why."""

    step: int
    next_at: datetime | None = None
    credential_id: str = ""
    reason: RecoveryReason = RecoveryReason.NONE


@dataclass(frozen=True, slots=True)
class Course:
    """What a decision is made of: the newest failed try is the last of `failed`.

    `failed` are all that count for the limits, of this effort (from `opened_at` on) and before;
    `methods` are the usable ones in the customer's order.
    """

    opened_at: datetime
    step: int
    failed: Sequence[FailedTry]
    methods: Sequence[Method]


def decide(policy: RetryPolicy, course: Course, now: datetime) -> Decision:
    """Decides what follows the newest failure.

    Which method it will be is decided again when the try begins (`choose`): the customer may have
    saved another one by then.
    """
    last = course.failed[-1]
    if policy.next_method is NextMethod.AT_ONCE and policy.days:
        others = [one for one in _untried(course) if may_try(policy, one, course.failed, now)]
        if others:
            return Decision(course.step, now, others[0].credential_id)
    moment = moment_of(policy, course.opened_at, course.step, now)
    if moment is None:
        return Decision(course.step, reason=_reason_without_moment(policy, last))
    chosen = choose(policy, course, moment)
    if chosen is None:
        return Decision(course.step, reason=_reason_without_method(last, course.methods))
    return Decision(course.step + 1, moment, chosen.credential_id)


def choose(policy: RetryPolicy, course: Course, at: datetime) -> Method | None:
    """Gives the method for the next try: one that this effort has not tried yet, or the same again.

    None where none may be charged. Without other methods in the policy it is the same one, as long
    as it is saved; where the customer has removed it, the first one.
    """
    last = course.failed[-1] if course.failed else None
    same = [one for one in course.methods if last and one.method_id == last.method_id]
    if policy.next_method is NextMethod.NEVER and same:
        wanted = same
    else:
        wanted = [*_untried(course), *same, *course.methods]
    able = (one for one in wanted if may_try(policy, one, course.failed, at))
    return next(able, None)


def _untried(course: Course) -> list[Method]:
    """Gives the methods with which this effort has not been tried yet."""
    tried = {one.method_id for one in course.failed if one.failed_at >= course.opened_at}
    return [one for one in course.methods if one.method_id not in tried]


def _reason_without_moment(policy: RetryPolicy, last: FailedTry) -> RecoveryReason:
    if last.treatment is Treatment.AUTHENTICATE:
        return RecoveryReason.AUTHENTICATION
    if last.treatment in {Treatment.NEW_METHOD, Treatment.NEVER}:
        return RecoveryReason.NEW_METHOD
    return RecoveryReason.NO_MORE_DAYS if policy.days else RecoveryReason.NO_DAYS


def _reason_without_method(last: FailedTry, methods: Sequence[Method]) -> RecoveryReason:
    match last.treatment:
        case Treatment.AUTHENTICATE:
            return RecoveryReason.AUTHENTICATION
        case Treatment.NEW_METHOD | Treatment.NEVER:
            return RecoveryReason.NEW_METHOD
        case _:
            return RecoveryReason.LIMIT if methods else RecoveryReason.NO_METHOD


def recovery_after_failure(
    before: Recovery | None, failed: Recovery, decision: Decision, now: datetime
) -> Recovery:
    """Gives the recovery of a debt after a failed charge.

    `failed` is what a recovery opened by this failure would be. An effort that goes on keeps its
    beginning; an ended one is opened anew, except where the failure is that of its own last try.
    """
    state = RecoveryState.EXHAUSTED if decision.next_at is None else RecoveryState.WAITING
    goes_on = before is not None and before.is_live
    is_own_last = (
        before is not None
        and not before.is_live
        and failed.collection_id == before.try_collection_id
    )
    after = replace(
        failed,
        step=decision.step,
        next_at=decision.next_at,
        credential_id=decision.credential_id,
        reason=decision.reason,
        state=state,
        changed_at=now,
    )
    if before is None:
        return after
    after = replace(after, id=before.id, tries=before.tries, version=before.version)
    if goes_on or is_own_last:
        after = replace(after, opened_at=before.opened_at, first_attempt_id=before.first_attempt_id)
    if is_own_last:  # it was ended while its try was going on, and stays ended
        after = replace(
            after,
            state=before.state,
            reason=before.reason,
            next_at=None,
            step=before.step,
            credential_id="",
        )
    return after
