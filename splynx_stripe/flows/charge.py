"""Charges one debt with a saved credential while nobody is there.

Lease → last look → attempt committed → PaymentIntent created and confirmed in one request (design,
recipe "Charge"). Runs, rules, retries and the office all charge by this one door, each effort
under an *origin* of its own. The same origin is the same effort for ever: after a crash, calling
again goes on with it, and when it has come to an end, its end is told again and nothing is charged.

An effort that ends before its attempt is committed lets go of the lease; its origin may begin anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from splynx_stripe.domain.attempt import Attempt, AttemptState
from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.collection import (
    Collection,
    CollectionNews,
    CollectionState,
    Route,
)
from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    LeaseHeldError,
    NotPermittedError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
    StaleWriteError,
)
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import Payable, PayableKind
from splynx_stripe.domain.stripe import PaymentFailure
from splynx_stripe.flows.ask_stripe import StripeAsker
from splynx_stripe.flows.charge_attempt import (
    Frozen,
    Obstacle,
    ObstacleKind,
    credential_for,
    freeze_charge,
)
from splynx_stripe.flows.charge_ground import Ground, effort_of, ground_of, others_of
from splynx_stripe.flows.foreign_charges import ForeignCharges
from splynx_stripe.flows.look import Look, Looker, Verdict
from splynx_stripe.flows.paid_to_us import PaidToUs
from splynx_stripe.flows.ports import Unit
from splynx_stripe.flows.rooms import Rooms
from splynx_stripe.flows.transition import Occasion, move_collection, require_attempt

_ROUNDS = 3
"""How often a charge begins anew when another route got in its way."""


class ChargeStanding(StrEnum):
    """What came of the order to charge a debt.

    Final for this effort: SUCCEEDED, PROCESSING (a bank debit is on its way; its end comes later),
    FAILED (`failure` says why; no money was taken).

    Nothing was charged by this effort, and why: PAID, PENDING (a bank debit of another effort is on
    its way, or Splynx shows the document as pending), BUSY (somebody is at a payment page, or
    another effort is at work), NO_CREDENTIAL, CHANGED (more is due than was agreed to),
    NOT_CHARGEABLE (no complete settings, or an amount that Stripe does not take), GONE (removed, or
    of another customer, partner or currency by now), STOPPED (charging is stopped).

    UNKNOWN: Stripe's answer was lost; it is found out by itself, as that of any attempt.
    TRY_LATER: Splynx or Stripe could not be asked; call again with the same origin. Where there is
    an `attempt_id`, the charge is decided and goes on by itself as well.
    """

    SUCCEEDED = "succeeded"
    PROCESSING = "processing"
    FAILED = "failed"
    UNKNOWN = "unknown"
    BUSY = "busy"
    PAID = "paid"
    PENDING = "pending"
    NO_CREDENTIAL = "no_credential"
    CHANGED = "changed"
    NOT_CHARGEABLE = "not_chargeable"
    STOPPED = "stopped"
    TRY_LATER = "try_later"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class ChargeOrder:
    """An order to charge one debt: an invoice, a proforma invoice, a balance or a prepaid period.

    Without `credential_id` the first usable credential of the customer is charged. `at_most` is what
    a person or a plan has agreed to: more is never charged. A document of which more is due is not
    charged at all, of a balance only so much; a smaller due is charged as it is.
    `origin` is unique per effort, such as "run/<id>/<number>" or "recovery/<id>/<try>". Without one, an
    effort that a crash cut off is not gone on with; what it has frozen is looked after all the same.
    `still_wanted` is asked in the commit that writes the attempt down; where it says no, nothing is
    charged (STOPPED). So a cancel or a pause holds as long as nothing is decided.
    """

    payable: Payable
    route: Route
    actor: str
    credential_id: str = ""
    at_most: Money | None = None
    origin: str = ""
    still_wanted: Callable[[Unit], bool] | None = None


@dataclass(frozen=True, slots=True)
class ChargeResult:
    """What came of it. `amount` is what was, or would be, taken; `reason` is a sentence for the office."""

    standing: ChargeStanding
    collection_id: str = ""
    attempt_id: str = ""
    amount: Money | None = None
    failure: PaymentFailure | None = None
    reason: str = ""


OnLease = Callable[[Unit, Collection], None]
"""Takes part in the commit that takes the lease; it may raise to refuse, which undoes that commit."""

_STANDING_OF_VERDICT = {
    Verdict.PAID: ChargeStanding.PAID,
    Verdict.PENDING: ChargeStanding.PENDING,
    Verdict.REMOVED: ChargeStanding.GONE,
    Verdict.NOT_FOUND: ChargeStanding.GONE,
    Verdict.NOT_ALLOWED: ChargeStanding.GONE,
    Verdict.NOT_CHARGEABLE: ChargeStanding.NOT_CHARGEABLE,
    Verdict.CHANGED: ChargeStanding.CHANGED,
}
_STANDING_OF_OBSTACLE = {
    ObstacleKind.STOPPED: ChargeStanding.STOPPED,
    ObstacleKind.NO_CREDENTIAL: ChargeStanding.NO_CREDENTIAL,
    ObstacleKind.MORE_IS_DUE: ChargeStanding.CHANGED,
    ObstacleKind.ALL_ON_ITS_WAY: ChargeStanding.PENDING,
    ObstacleKind.NOT_CHARGEABLE: ChargeStanding.NOT_CHARGEABLE,
}
_HAS_MONEY = frozenset({CollectionState.BOOKED, CollectionState.LATE})
_CANNOT_ASK = (RetryableError, OutcomeUnknownError, RejectedError, BrokenInvariantError)
"""What a question to Splynx may raise. It only read, so nothing was changed whatever it was."""


_NOT_WANTED = "It was paused, stopped or canceled before it was charged. Nothing was charged."


class ChargeFlow:
    """Charges saved credentials."""

    def __init__(self, rooms: Rooms, asker: StripeAsker) -> None:
        self._rooms = rooms
        self._asker = asker
        self._looker = Looker(rooms.splynx, rooms.terms)
        self._paid_to_us = PaidToUs(rooms, self._looker)
        self._foreign_charges = ForeignCharges(rooms)

    async def charge(self, order: ChargeOrder, *, on_lease: OnLease) -> ChargeResult:
        """Charges a debt, or says why not. Safe to call any number of times with the same origin.

        `on_lease` runs in the very unit that takes the lease, so that whoever ordered the charge
        remembers its collection in that commit. It is not called where nothing is begun.

        Raises:
            ValueError: the debt is of a kind that is paid at a page only.
            Exception: what `on_lease` raised; nothing was begun.
        """
        if order.payable.kind in {PayableKind.SEVERAL, PayableKind.TOP_UP}:
            raise ValueError(f"{order.payable.name} cannot be charged without its customer.")
        async with self._rooms.locks.hold(order.payable.key):
            for _ in range(_ROUNDS):
                result = await self._charge_once(order, on_lease)
                if result is not None:
                    return result
        return ChargeResult(ChargeStanding.BUSY)

    async def _charge_once(self, order: ChargeOrder, on_lease: OnLease) -> ChargeResult | None:
        """One round; None means: begin anew."""
        ground = await self._rooms.store.read(
            partial(ground_of, payable=order.payable, origin=order.origin)
        )
        own = ground.own
        if own is not None and own.attempt is not None:
            return await self._go_on(own.collection, own.attempt, order)
        collection = own.collection if own else await self._begin(order, on_lease, ground)
        if not isinstance(collection, Collection):
            return collection
        decided = await self._decide(order, collection)
        if isinstance(decided, Attempt):
            return await self._go_on(collection, decided, order, is_new=True)
        return None if decided is None else await self._let_go(collection, order, decided)

    async def _decide(
        self, order: ChargeOrder, collection: Collection
    ) -> Attempt | ChargeResult | None:
        """Looks once more and writes the attempt down, or says why not. None: begin anew."""
        try:
            look = await self._looker.again(order.payable)
            standing = _STANDING_OF_VERDICT.get(look.verdict)
            if standing is not None:
                return ChargeResult(standing, amount=look.amount)
            foreign = await self._foreign(order, collection, look)
        except _CANNOT_ASK as error:
            return ChargeResult(ChargeStanding.TRY_LATER, reason=str(error))
        if foreign:
            return ChargeResult(ChargeStanding.BUSY, amount=look.amount, reason=foreign)
        frozen = await self._commit_attempt(order, collection, look)
        if isinstance(frozen, Obstacle):
            standing = _STANDING_OF_OBSTACLE[frozen.kind]
            return ChargeResult(standing, amount=frozen.amount, reason=frozen.reason)
        return frozen

    async def _foreign(self, order: ChargeOrder, collection: Collection, look: Look) -> str:
        """Says whether another program is charging the same debt at Stripe; "" when none is."""
        terms, amount = look.terms, look.amount
        if terms is None or amount is None:
            return ""
        credential = await self._rooms.store.read(
            lambda unit: credential_for(
                unit, collection, terms, order.credential_id, at=self._rooms.clock.now()
            )
        )
        if credential is None:
            return ""
        return await self._foreign_charges.in_the_way(collection, credential, amount)

    async def _begin(
        self, order: ChargeOrder, on_lease: OnLease, ground: Ground
    ) -> Collection | ChargeResult | None:
        """Takes the lease, or says what is in the way. None: begin anew."""
        if ground.stop:
            return ChargeResult(ChargeStanding.STOPPED, reason=ground.stop)
        last = ground.last
        if _came_late(last):
            return ChargeResult(ChargeStanding.PAID)
        try:
            was_booked = last is not None and last.state is CollectionState.BOOKED
            if was_booked and await self._paid_to_us.is_paid(order.payable):
                return ChargeResult(ChargeStanding.PAID)
        except _CANNOT_ASK as error:
            return ChargeResult(ChargeStanding.TRY_LATER, reason=str(error))
        in_the_way = await self._make_way(order, ground.others)
        return in_the_way or await self._take_lease(order, on_lease, after=last)

    async def _make_way(
        self, order: ChargeOrder, others: Sequence[Collection]
    ) -> ChargeResult | None:
        """Withdraws idle payment pages for the same money; anything else of others stays."""
        for other in others:
            attempts = await self._rooms.store.read(partial(_attempts_of, collection=other))
            live = next((attempt for attempt in attempts if attempt.is_live), None)
            if live is not None and self._is_idle_page(live):
                live = await self._asker.withdraw(live, order.actor)
                if live.state is AttemptState.CANCELED:
                    continue
            return ChargeResult(_standing_of_other(other, live, order.payable))
        return None

    def _is_idle_page(self, attempt: Attempt) -> bool:
        """Says whether nobody seems to be at the page any more.

        It is the time after which `look_after` withdraws a PaymentIntent of its own accord.
        """
        age = self._rooms.clock.now() - attempt.prepared_at
        waiting = {AttemptState.AWAITING_CUSTOMER, AttemptState.REQUIRES_ACTION}
        return attempt.state in waiting and age >= self._rooms.timing.abandoned_after

    async def _take_lease(
        self, order: ChargeOrder, on_lease: OnLease, *, after: Collection | None
    ) -> Collection | None:
        """Takes the lease. None when somebody was faster, or a booking came `after` our last look."""
        now = self._rooms.clock.now()
        fresh = Collection(
            id=self._rooms.ids.new("col", now),
            payable=order.payable,
            route=order.route,
            state=CollectionState.OPEN,
            opened_at=now,
            origin=order.origin,
        )
        facts = {
            "payable": order.payable.key,
            "route": order.route.value,
            "origin": order.origin or order.route.value,
        }

        def work(unit: Unit) -> Collection | None:
            if effort_of(unit, order.origin) is not None or others_of(unit, order.payable):
                return None
            last = unit.latest_collection(order.payable)
            if last is not None and last.state in _HAS_MONEY and last != after:
                return None
            unit.add_collection(fresh)
            on_lease(unit, fresh)
            unit.record(AuditEntry(now, "charge.open", order.actor, fresh.id, facts=facts))
            return fresh

        try:
            return await self._rooms.store.run(work)
        except LeaseHeldError:  # another daemon was faster between our read and our write
            return None

    async def _commit_attempt(
        self, order: ChargeOrder, collection: Collection, look: Look
    ) -> Attempt | Obstacle | None:
        """Commits the intention (I5). None when somebody was faster; the charge begins anew.

        Whether it may be charged, how much and with what is decided in this very unit, so that an
        emergency stop, a removed credential or money that has just arrived cannot be overlooked.
        """
        now = self._rooms.clock.now()
        frozen = Frozen(
            attempt_id=self._rooms.ids.new("att", now),
            prepared_at=now,
            next_look_at=now + self._rooms.timing.look_after_first,
            credential_id=order.credential_id,
            at_most=order.at_most,
            splynx_url=self._rooms.splynx_url,
        )

        def work(unit: Unit) -> Attempt | Obstacle | None:
            current = unit.collection(collection.id)
            if current is None or current.state is not CollectionState.OPEN:
                return None
            if order.still_wanted is not None and not order.still_wanted(unit):
                return Obstacle(ObstacleKind.STOPPED, _NOT_WANTED)
            attempt = freeze_charge(unit, current, look, frozen)
            if isinstance(attempt, Obstacle):
                return attempt
            unit.save_collection(current)  # of two daemons one has to begin anew
            unit.add_attempt(attempt)
            facts = {
                "amount": str(attempt.amount),
                "account": attempt.account.key,
                "credential": attempt.credential_id,
                "payment_method": attempt.charged_method_id,
                "origin": collection.origin,
            }
            facts = {name: value for name, value in facts.items() if value}
            unit.record(
                AuditEntry(now, "attempt.prepared", order.actor, current.id, attempt.id, facts)
            )
            return attempt

        try:
            return await self._rooms.store.run(work)
        except (LeaseHeldError, StaleWriteError):
            return None

    async def _go_on(
        self, collection: Collection, attempt: Attempt, order: ChargeOrder, *, is_new: bool = False
    ) -> ChargeResult:
        """Asks Stripe where it is not known yet, and tells how the attempt stands."""
        told = ChargeResult(
            ChargeStanding.UNKNOWN, collection.id, attempt.id, attempt.amount, attempt.failure
        )
        if attempt.state not in {AttemptState.PREPARED, AttemptState.UNKNOWN}:
            return _result_of(attempt, told)
        if not attempt.off_session:
            return _with(told, ChargeStanding.BUSY)
        try:
            known, _ = await self._asker.ask(attempt, order.actor, is_new=is_new)
        except (RetryableError, NotPermittedError) as error:
            return _with(told, ChargeStanding.TRY_LATER, reason=str(error))
        except RejectedError:
            known = await self._rooms.store.read(partial(require_attempt, attempt_id=attempt.id))
        except OutcomeUnknownError as error:
            return _with(told, ChargeStanding.UNKNOWN, reason=str(error))
        except BrokenInvariantError as error:
            return _with(told, ChargeStanding.STOPPED, reason=str(error))
        return _result_of(known, told)

    async def _let_go(
        self, collection: Collection, order: ChargeOrder, result: ChargeResult
    ) -> ChargeResult | None:
        """Lets go of the lease without a charge. None when an attempt is there after all."""
        occasion = Occasion(self._rooms.clock.now(), order.actor, self._rooms.timing)
        origin = collection.origin or collection.route.value
        facts = {"standing": result.standing.value, "origin": origin}

        def work(unit: Unit) -> bool:
            current = unit.collection(collection.id)
            if current is None or any(a.is_live for a in unit.attempts_of(current.id)):
                return False
            unit.record(
                AuditEntry(occasion.now, "charge.skipped", order.actor, current.id, facts=facts)
            )
            move_collection(unit, current, CollectionNews.ABANDONED, occasion)
            return True

        try:
            is_free = await self._rooms.store.run(work)
        except StaleWriteError:
            return None
        return _with(result, result.standing, collection_id=collection.id) if is_free else None


def _came_late(last: Collection | None) -> bool:
    """Says whether money came after all that Splynx does not know yet; of a balance it is subtracted."""
    is_late = last is not None and last.state is CollectionState.LATE
    return last is not None and is_late and last.payable.kind is not PayableKind.BALANCE


def _attempts_of(unit: Unit, collection: Collection) -> list[Attempt]:
    return list(unit.attempts_of(collection.id))


def _standing_of_other(
    other: Collection, attempt: Attempt | None, payable: Payable
) -> ChargeStanding:
    """Says how a debt stands that somebody else is collecting."""
    keys = {other.payable.key, *(part.key for part in other.payable.parts)}
    if other.state is CollectionState.SETTLED and payable.key in keys:
        return ChargeStanding.PAID
    if attempt is not None and attempt.state is AttemptState.PROCESSING:
        return ChargeStanding.PENDING
    return ChargeStanding.BUSY


def _result_of(attempt: Attempt, told: ChargeResult) -> ChargeResult:
    """Says how an attempt of this effort stands."""
    if not attempt.off_session:  # a customer at a page has joined the collection
        paid = attempt.state is AttemptState.SUCCEEDED
        return _with(told, ChargeStanding.PAID if paid else ChargeStanding.BUSY)
    match attempt.state:
        case AttemptState.SUCCEEDED:
            return _with(told, ChargeStanding.SUCCEEDED)
        case AttemptState.PROCESSING:
            return _with(told, ChargeStanding.PROCESSING)
        case AttemptState.PREPARED | AttemptState.UNKNOWN:
            return _with(told, ChargeStanding.UNKNOWN)
        case _ if attempt.failure is not None:
            return _with(told, ChargeStanding.FAILED, failure=attempt.failure)
        case _:
            return _with(told, ChargeStanding.TRY_LATER, reason="Stripe charged nothing.")


def _with(
    told: ChargeResult,
    standing: ChargeStanding,
    *,
    collection_id: str = "",
    failure: PaymentFailure | None = None,
    reason: str = "",
) -> ChargeResult:
    return ChargeResult(
        standing,
        collection_id or told.collection_id,
        told.attempt_id,
        told.amount,
        failure,
        reason or told.reason,
    )
