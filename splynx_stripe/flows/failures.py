"""What follows a failed charge: a dead credential, the next try, and a notice, in one commit.

The effect `FOLLOW_UP_FAILURE` is stored with the proof that an unattended attempt is dead, or with
the failure of a bank debit that a customer has started. A customer who is at the page sees a failure
at once and is told nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from splynx_stripe.domain.attempt import Attempt, AttemptState
from splynx_stripe.domain.collection import Collection
from splynx_stripe.domain.decline import Decline, Treatment, classify
from splynx_stripe.domain.effect import StoredEffect
from splynx_stripe.domain.notice import NoticeKind
from splynx_stripe.domain.payable import Payable, PayableKind
from splynx_stripe.domain.recovery import (
    Course,
    Decision,
    Recovery,
    RecoveryState,
    decide,
    recovery_after_failure,
)
from splynx_stripe.domain.retry_policy import FailedTry, Method, RetryPolicy, still_counting
from splynx_stripe.domain.stripe import PaymentFailure, StripeAccount
from splynx_stripe.flows.failure_ports import FailureRules
from splynx_stripe.flows.notices import Fact, Notices, debt_facts
from splynx_stripe.flows.ports import Unit
from splynx_stripe.flows.recoveries import record_recovery
from splynx_stripe.flows.rooms import Rooms
from splynx_stripe.flows.save_credential import By, note_decline
from splynx_stripe.flows.transition import Occasion, debt_of, end_effect

_ACTOR = "daemon"
_SOON = timedelta(hours=1)
"""A try that is due so soon is waited for before the customer is told of the failure."""
_PATIENCE = timedelta(minutes=30)
_NO_WORDS = PaymentFailure(code="", decline_code="", message="")
_RETRIED = frozenset(
    {PayableKind.INVOICE, PayableKind.PROFORMA, PayableKind.BALANCE, PayableKind.PREPAID}
)


@dataclass(frozen=True, slots=True)
class _Failed:
    """A failed charge and how it is judged."""

    attempt: Attempt
    collection: Collection
    failure: PaymentFailure
    decline: Decline
    now: datetime

    @property
    def method_id(self) -> str:
        return self.attempt.charged_method_id or self.attempt.payment_method_id


class FollowUpFailure:
    """Carries out `FOLLOW_UP_FAILURE`. It asks nobody outside: everything is in the store."""

    def __init__(self, rooms: Rooms, rules: FailureRules) -> None:
        self._rooms = rooms
        self._rules = rules
        self._notices = Notices(rules, rooms.ids)

    async def carry_out(self, effect: StoredEffect) -> None:
        """Decides once what follows; done in the commit that remembers it."""
        now = self._rooms.clock.now()

        def work(unit: Unit) -> None:
            attempt, collection = debt_of(unit, effect.attempt_id)
            if attempt.state is not AttemptState.SUCCEEDED:  # late success absorbs everything
                self._follow_up(unit, _judged(attempt, collection, now))
            end_effect(unit, effect, Occasion(now, _ACTOR, self._rooms.timing))

        await self._rooms.store.run(work)

    def _follow_up(self, unit: Unit, failed: _Failed) -> None:
        attempt = failed.attempt
        note_decline(
            unit, attempt.account, failed.method_id, failed.failure, By(failed.now, _ACTOR)
        )
        if not attempt.off_session:
            self._tell(unit, failed, NoticeKind.PAYMENT_FAILED, f"failed:{attempt.id}", None)
        elif failed.collection.payable.kind in _RETRIED:
            before = unit.recovery_of_key(failed.collection.payable.key)
            after = self._recovery(unit, failed, before)
            self._tell_of(unit, failed, after)

    def _recovery(self, unit: Unit, failed: _Failed, before: Recovery | None) -> Recovery:
        attempt, payable, now = failed.attempt, failed.collection.payable, failed.now
        unit.add_failed_try(
            payable.key,
            FailedTry(
                attempt.id, failed.method_id, attempt.chosen_kind, now, failed.decline.treatment
            ),
        )
        fresh = Recovery(
            id=self._rooms.ids.new("rcv", now),
            payable=payable,
            account=attempt.account,
            amount=attempt.amount,
            opened_at=now,
            failed_at=now,
            changed_at=now,
            first_attempt_id=attempt.id,
            attempt_id=attempt.id,
            collection_id=failed.collection.id,
            failure=failed.failure,
            treatment=failed.decline.treatment,
            try_collection_id=before.try_collection_id if before else "",
        )
        decision = _decision(
            unit, self._rules.retry_policy(payable.partner_id), fresh, before, failed.now
        )
        after = recovery_after_failure(before, fresh, decision, now)
        if before is None:
            unit.add_recovery(after)
        else:
            after = unit.save_recovery(after)
        if after.state is RecoveryState.WAITING:
            record_recovery(unit, "recovery.planned", after, now, _ACTOR)
        else:
            record_recovery(unit, "recovery.exhausted", after, now, _ACTOR)
        return after

    def _tell_of(self, unit: Unit, failed: _Failed, after: Recovery) -> None:
        """Chooses the notice: at the first failure, when the bank wants the customer, and at the end."""
        treatment, attempt = failed.decline.treatment, failed.attempt
        if treatment is Treatment.OURS or after.state is RecoveryState.CANCELED:
            return
        next_at = after.next_at
        if treatment is Treatment.AUTHENTICATE:
            self._tell(unit, failed, NoticeKind.CONFIRM_PAYMENT, f"confirm:{attempt.id}", next_at)
        elif after.first_attempt_id == attempt.id:
            self._tell(unit, failed, NoticeKind.PAYMENT_FAILED, f"failed:{attempt.id}", next_at)
        elif after.state is RecoveryState.EXHAUSTED:
            write_tries_ended(unit, self._notices, after, failed.now)

    def _tell(
        self, unit: Unit, failed: _Failed, kind: NoticeKind, key: str, next_at: datetime | None
    ) -> None:
        payable, attempt = failed.collection.payable, failed.attempt
        if failed.decline.treatment is Treatment.OURS:
            return
        soon = next_at is not None and next_at < failed.now + _SOON
        is_confirmed = kind is NoticeKind.CONFIRM_PAYMENT
        fact = Fact(
            key=key,
            kind=kind,
            partner_id=payable.partner_id,
            customer_id=payable.customer_id,
            payable_key=payable.key,
            collection_id=failed.collection.id,
            facts=debt_facts(payable, attempt.amount)
            | failure_facts(failed.failure, failed.decline.treatment)
            | {"method": attempt.chosen_kind.value if attempt.chosen_kind else ""},
        )
        due_at = failed.now + (_PATIENCE if soon and not is_confirmed else timedelta(0))
        self._notices.write(unit, fact, now=failed.now, due_at=due_at)


def write_tries_ended(unit: Unit, notices: Notices, recovery: Recovery, now: datetime) -> None:
    """Tells a customer that nothing is tried any more by itself, once for each effort."""
    payable = recovery.payable
    fact = Fact(
        key=f"ended:{recovery.first_attempt_id}",
        kind=NoticeKind.TRIES_ENDED,
        partner_id=payable.partner_id,
        customer_id=payable.customer_id,
        payable_key=payable.key,
        collection_id=recovery.collection_id,
        facts=debt_facts(payable, recovery.amount)
        | failure_facts(recovery.failure, recovery.treatment),
    )
    notices.write(unit, fact, now=now, due_at=now)


def failure_facts(failure: PaymentFailure, treatment: Treatment) -> dict[str, str]:
    """Gives what a text says of a failure: the bank's codes, never its free text."""
    return {
        "code": failure.code,
        "decline_code": failure.decline_code,
        "treatment": treatment.value,
    }


def failed_tries_of(unit: Unit, payable: Payable, now: datetime) -> list[FailedTry]:
    """Gives the failed tries of a debt that count for the limits, oldest first."""
    return still_counting(
        unit.failed_tries(payable.key), now, is_of_account=payable.kind.is_of_account
    )


def methods_of(unit: Unit, account: StripeAccount, customer_id: int) -> list[Method]:
    """Gives the saved methods of a customer that may be charged, in the customer's order."""
    return [
        Method(one.id, one.payment_method_id, one.kind)
        for one in unit.credentials_of(account, customer_id)
        if one.is_usable
    ]


def _judged(attempt: Attempt, collection: Collection, now: datetime) -> _Failed:
    failure = attempt.failure or _NO_WORDS
    return _Failed(attempt, collection, failure, classify(failure, attempt.chosen_kind), now)


def _decision(
    unit: Unit, policy: RetryPolicy, fresh: Recovery, before: Recovery | None, now: datetime
) -> Decision:
    goes_on = before is not None and before.is_live
    course = Course(
        opened_at=before.opened_at if before is not None and goes_on else fresh.opened_at,
        step=before.step if before is not None and goes_on else 0,
        failed=failed_tries_of(unit, fresh.payable, now),
        methods=methods_of(unit, fresh.account, fresh.payable.customer_id),
    )
    return decide(policy, course, now)
