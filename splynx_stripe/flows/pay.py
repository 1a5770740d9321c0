"""A customer pays a document: from the page that is seen to the PaymentIntent that takes the money.

Lease → last look → attempt committed → PaymentIntent (design, recipe "Charge"). However often
the customer presses, reloads, or comes by another route, there is one attempt.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
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
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
    StaleWriteError,
)
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import Payable
from splynx_stripe.domain.splynx import Company, DocumentKind
from splynx_stripe.domain.stripe import PaymentFailure, PaymentIntentStatus
from splynx_stripe.domain.terms import Terms
from splynx_stripe.flows.ask_stripe import StripeAsker
from splynx_stripe.flows.lease import (
    holder,
    is_on_its_way,
    is_taken_by_rival,
    others_in_the_way,
    parts_of,
)
from splynx_stripe.flows.look import Look, Looker, Verdict, is_pending_by_us
from splynx_stripe.flows.new_attempt import new_attempt
from splynx_stripe.flows.paid_to_us import PaidToUs
from splynx_stripe.flows.ports import Unit
from splynx_stripe.flows.rooms import Rooms
from splynx_stripe.flows.safe_stop import money_stop
from splynx_stripe.flows.stripe_customer import StripeCustomers
from splynx_stripe.flows.transition import Occasion, move_collection

_ANYBODY = 1
_ROUNDS = 3
"""How often a start begins anew when the price or another route got in its way."""


class Standing(StrEnum):
    """How a debt stands, as a customer is told."""

    PAYABLE = "payable"
    PROCESSING = "processing"
    RECEIVED = "received"
    PAID = "paid"
    FAILED = "failed"
    REMOVED = "removed"
    NOT_FOUND = "not_found"
    NOT_ALLOWED = "not_allowed"
    NOT_CHARGEABLE = "not_chargeable"
    TRY_AGAIN = "try_again"


_STANDING_OF_VERDICT = {
    Verdict.PAYABLE: Standing.PAYABLE,
    Verdict.PAID: Standing.PAID,
    Verdict.PENDING: Standing.PROCESSING,
    Verdict.REMOVED: Standing.REMOVED,
    Verdict.NOT_FOUND: Standing.NOT_FOUND,
    Verdict.NOT_ALLOWED: Standing.NOT_ALLOWED,
    Verdict.NOT_CHARGEABLE: Standing.NOT_CHARGEABLE,
    Verdict.CHANGED: Standing.TRY_AGAIN,
}


@dataclass(frozen=True, slots=True)
class DocumentQuery:
    """Which document somebody wants to pay: by printed number, or by id (`by_id=True`)."""

    kind: DocumentKind
    item: str
    by_id: bool = False


@dataclass(frozen=True, slots=True)
class PaymentView:
    """What a payment page shows. `payable` and `amount` are set where the viewer may see them."""

    standing: Standing
    payable: Payable | None = None
    amount: Money | None = None
    terms: Terms | None = None
    company: Company | None = None
    failure: PaymentFailure | None = None
    due_on: date | None = None


@dataclass(frozen=True, slots=True)
class PaymentStart:
    """The answer to "Pay": with PAYABLE the browser confirms with `client_secret`."""

    standing: Standing
    amount: Money | None = None
    client_secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class _Wish:
    """What somebody wants to pay, by which way, and whether the payment method may be kept."""

    payable: Payable
    route: Route
    actor: str
    saves_method: bool


class PayFlow:
    """Shows, starts and follows the payment of a debt."""

    def __init__(self, rooms: Rooms, asker: StripeAsker) -> None:
        self._rooms = rooms
        self._asker = asker
        self._looker = Looker(rooms.splynx, rooms.terms)
        self._paid_to_us = PaidToUs(rooms, self._looker)
        self._customers = StripeCustomers(rooms)

    async def view_for_customer(self, query: DocumentQuery, customer_id: int) -> PaymentView:
        """Shows a portal customer one of their own documents; others' are "not found" (I8)."""
        look = await self._find(query)
        if look.document is None or look.document.customer_id != customer_id:
            return PaymentView(Standing.NOT_FOUND)
        return await self.view_of_look(look)

    async def view_for_link(self, query: DocumentQuery) -> PaymentView:
        """Shows a document to whoever has its plain link, where the partner grants that.

        Where the Default partner does not grant it, an unknown document answers exactly like a
        known one, so that numbers cannot be tried out.
        """
        look = await self._find(query)
        if look.document is None:
            # An unknown number costs the same questions as a known one.
            await self._rooms.splynx.customer(_ANYBODY)
        default = self._rooms.terms.terms(0)
        granted = look.terms or default
        if granted is None or not granted.grants_access_to_unauthorized:
            return PaymentView(Standing.NOT_ALLOWED)
        if look.terms is None:
            return PaymentView(Standing.NOT_FOUND)
        return await self.view_of_look(look)

    async def start(
        self, payable: Payable, route: Route, actor: str, *, saves_method: bool = False
    ) -> PaymentStart:
        """Makes sure that there is exactly one PaymentIntent for the debt and hands it out.

        Safe to call any number of times, at once, by any route. No money moves here: that happens
        when the browser confirms. `saves_method` is the customer's consent to future charges.
        """
        wish = _Wish(payable, route, actor, saves_method=saves_method)
        async with self._rooms.locks.hold(payable.key):
            for _ in range(_ROUNDS):
                start = await self._start_once(wish)
                if start is not None:
                    return start
        return PaymentStart(Standing.TRY_AGAIN)

    async def outcome(self, payable: Payable, actor: str) -> PaymentView:
        """Tells how the newest effort to pay the debt stands, asking Stripe where that is open.

        Raises:
            RetryableError, OutcomeUnknownError, RejectedError: Stripe or Splynx could not be
                asked. It is not known now; nothing may be said about money.
        """
        collection = await self._rooms.store.read(lambda unit: unit.latest_collection(payable))
        if collection is None:
            return await self.view_of_look(await self._looker.again(payable))
        attempt = await self._newest_attempt(collection)
        if attempt is not None and attempt.is_live and attempt.intent_id:
            attempt, _ = await self._asker.ask(attempt, actor)
        collection = await self._rooms.store.read(lambda unit: unit.latest_collection(payable))
        standing = _standing_of(collection, attempt)
        if standing is Standing.PAYABLE:
            return await self.view_of_look(await self._looker.again(payable))
        return PaymentView(
            standing,
            payable=payable,
            amount=attempt.amount if attempt else None,
            terms=self._rooms.terms.terms(payable.partner_id),
            failure=attempt.failure if attempt else None,
        )

    async def _find(self, query: DocumentQuery) -> Look:
        if not query.by_id:
            return await self._looker.by_number(query.kind, query.item)
        if not query.item.isascii() or not query.item.isdecimal():
            return Look(Verdict.NOT_FOUND)
        return await self._looker.by_id(query.kind, int(query.item))

    async def view_of_look(self, look: Look, company: Company | None = None) -> PaymentView:
        """Says how what was looked at stands, with our own efforts to collect it.

        `company` saves a question to Splynx where it is known already.
        """
        if look.payable is None or look.terms is None:
            return PaymentView(_STANDING_OF_VERDICT[look.verdict])
        payable = look.payable
        standing = _STANDING_OF_VERDICT[look.verdict]
        collection, is_taken = await self._rooms.store.read(
            lambda unit: (unit.latest_collection(payable), is_taken_by_rival(unit, payable))
        )
        if is_taken and standing is Standing.PAYABLE:
            standing = Standing.PROCESSING
        if collection is not None and collection.is_live:
            attempt = await self._newest_attempt(collection)
            ours = _standing_of(collection, attempt)
            standing = ours if ours in {Standing.RECEIVED, Standing.PROCESSING} else standing
            if attempt is not None and is_pending_by_us(attempt, look):
                standing = Standing.PAYABLE  # Splynx still shows a debit that has failed
        elif collection is not None and collection.state is CollectionState.BOOKED:
            booked = await self._paid_to_us.is_paid_by(collection, look)
            standing = Standing.PAID if booked else standing
        return PaymentView(
            standing,
            payable=payable,
            amount=look.amount,
            terms=look.terms,
            company=company or await self._rooms.splynx.company(payable.partner_id),
            due_on=look.document.date_till if look.document else None,
        )

    async def _start_once(self, wish: _Wish) -> PaymentStart | None:
        """One round; None means: begin anew."""
        collection = await self._join(wish)
        if not isinstance(collection, Collection):
            return collection
        look = await self._looker.again(wish.payable)
        attempt = await self._live_attempt(collection.id)
        standing = _beyond_recall(collection, attempt)
        if standing is not None:
            return PaymentStart(standing)
        if attempt is not None and attempt.off_session:  # it failed and is being withdrawn
            await self._give_up(collection, attempt, wish.actor)
            return None
        obstacle = await self._obstacle(wish, collection, look, attempt)
        if obstacle is not None:
            await self._give_up(collection, attempt, wish.actor)
            return None if obstacle is Standing.TRY_AGAIN else PaymentStart(obstacle)
        known = attempt or await self._commit_attempt(wish, collection, look)
        is_new = attempt is None
        return await self._hand_out(known, look, wish.actor, is_new=is_new) if known else None

    async def _obstacle(
        self, wish: _Wish, collection: Collection, look: Look, attempt: Attempt | None
    ) -> Standing | None:
        """Says why this collection cannot go on; TRY_AGAIN means that a new one can."""
        # It was begun for another partner or customer, or together with other documents.
        if collection.payable != wish.payable:
            return Standing.TRY_AGAIN
        if attempt is not None and is_pending_by_us(attempt, look):
            return None if _is_as_wanted(attempt, wish, look) else Standing.TRY_AGAIN
        if look.verdict is not Verdict.PAYABLE or look.amount is None:
            return _STANDING_OF_VERDICT[look.verdict]
        if attempt is None:
            stop = await self._rooms.store.read(money_stop)
            return None if stop is None else Standing.NOT_CHARGEABLE
        return None if _is_as_wanted(attempt, wish, look) else Standing.TRY_AGAIN

    async def _join(self, wish: _Wish) -> Collection | PaymentStart | None:
        """Takes the lease or joins its holder, or says that the debt is paid. None: begin anew."""
        payable = wish.payable
        last = await self._rooms.store.read(lambda unit: unit.latest_collection(payable))
        for each in (payable, *payable.parts):
            if await self._paid_to_us.is_paid(each):
                return PaymentStart(Standing.PAID)
        in_the_way = await self._make_way(wish)
        return in_the_way or await self._take_lease(wish, after=last)

    async def _make_way(self, wish: _Wish) -> PaymentStart | None:
        """Gives up other efforts for the same money, unless money is on its way.

        They are for single ones of several documents, or for the customer's balance.
        """
        for other in await self._rooms.store.read(partial(others_in_the_way, payable=wish.payable)):
            attempt = await self._live_attempt(other.id)
            standing = _beyond_recall(other, attempt)
            if standing is not None:
                return PaymentStart(standing)
            await self._give_up(other, attempt, wish.actor)
        return None

    async def _take_lease(self, wish: _Wish, *, after: Collection | None) -> Collection | None:
        """Takes the lease or joins its holder. None when a booking came `after` our last look.

        The lease of several documents is that of each of them: all are taken, or none.
        """
        now = self._rooms.clock.now()
        payable = wish.payable
        fresh = Collection(
            id=self._rooms.ids.new("col", now),
            payable=payable,
            route=wish.route,
            state=CollectionState.OPEN,
            opened_at=now,
        )

        def work(unit: Unit) -> Collection | None:
            live = holder(unit, payable)
            if live is not None:
                return live
            last = unit.latest_collection(payable)
            if last is not None and last.state is CollectionState.BOOKED and last != after:
                return None
            if unit.rivals_of(payable):
                return None
            unit.add_collection(fresh)
            for part in parts_of(fresh):
                unit.add_collection(part)
            facts = {"payable": payable.key, "route": wish.route.value}
            unit.record(AuditEntry(now, "collection.open", wish.actor, fresh.id, facts=facts))
            return fresh

        try:
            return await self._rooms.store.run(work)
        except LeaseHeldError:  # another daemon was faster between our read and our write
            if payable.parts:
                return None
            return await self._rooms.store.run(work)

    async def _commit_attempt(
        self, wish: _Wish, collection: Collection, look: Look
    ) -> Attempt | None:
        """Commits the intention (I5). None when another request or news of Stripe was faster.

        The lease was taken before the look, and much may have happened since: the collection is
        read again, and written, so that of two daemons one has to begin anew.
        """
        stripe_customer = await self._customers.ensure(look)
        now = self._rooms.clock.now()
        attempt_id = self._rooms.ids.new("att", now)

        def work(unit: Unit) -> Attempt | None:
            current = unit.collection(collection.id)
            if current is None or current.state is not CollectionState.OPEN:
                return None
            unit.save_collection(current)
            attempt = new_attempt(
                unit,
                collection,
                look,
                attempt_id,
                stripe_customer,
                splynx_url=self._rooms.splynx_url,
            )
            attempt = replace(
                attempt,
                prepared_at=now,
                next_look_at=now + self._rooms.timing.look_after_first,
                saves_method=wish.saves_method,
            )
            unit.add_attempt(attempt)
            facts = {"amount": str(attempt.amount), "account": attempt.account.key}
            unit.record(
                AuditEntry(now, "attempt.prepared", wish.actor, collection.id, attempt.id, facts)
            )
            return attempt

        try:
            return await self._rooms.store.run(work)
        except (LeaseHeldError, StaleWriteError):
            return None

    async def _hand_out(
        self, attempt: Attempt, look: Look, actor: str, *, is_new: bool = False
    ) -> PaymentStart | None:
        """Gets the PaymentIntent's client secret, creating it or asking for it."""
        try:
            known, intent = await self._asker.ask(attempt, actor, is_new=is_new)
        except RejectedError as error:
            if await self._customers.is_gone(look, attempt, error):
                return None
            return PaymentStart(Standing.NOT_CHARGEABLE, attempt.amount)
        except (RetryableError, OutcomeUnknownError, BrokenInvariantError):
            return PaymentStart(Standing.TRY_AGAIN, attempt.amount)
        if intent is None or known.state in {AttemptState.CANCELED, AttemptState.CANCELING}:
            return None
        standing = _STANDING_OF_STATUS[intent.status]
        secret = intent.client_secret if standing is Standing.PAYABLE else ""
        return PaymentStart(standing, attempt.amount, secret)

    async def _give_up(self, collection: Collection, attempt: Attempt | None, actor: str) -> None:
        """Lets go of a debt that is not payable any more."""
        if attempt is not None:
            await self._asker.withdraw(attempt, actor)
            return
        occasion = self._occasion(actor)

        def work(unit: Unit) -> None:
            current = unit.collection(collection.id)
            if current is not None and not any(a.is_live for a in unit.attempts_of(current.id)):
                move_collection(unit, current, CollectionNews.ABANDONED, occasion)

        await self._rooms.store.run(work)

    async def _live_attempt(self, collection_id: str) -> Attempt | None:
        attempts = await self._rooms.store.read(lambda unit: unit.attempts_of(collection_id))
        return next((attempt for attempt in attempts if attempt.is_live), None)

    async def _newest_attempt(self, collection: Collection) -> Attempt | None:
        whole = collection.whole_id or collection.id
        attempts = await self._rooms.store.read(lambda unit: unit.attempts_of(whole))
        return attempts[-1] if attempts else None

    def _occasion(self, actor: str) -> Occasion:
        return Occasion(self._rooms.clock.now(), actor, self._rooms.timing)


def _beyond_recall(collection: Collection, attempt: Attempt | None) -> Standing | None:
    """Says how money stands that has moved, or is on its way, and cannot be called back."""
    if collection.state is CollectionState.SETTLED:
        return Standing.RECEIVED
    if attempt is not None and is_on_its_way(attempt):
        return Standing.PROCESSING
    return None


def _is_as_wanted(attempt: Attempt, wish: _Wish, look: Look) -> bool:
    """Says whether an attempt still fits the price, the ways to pay, and the customer's consent."""
    kinds = look.terms.payment_kinds if look.terms else ()
    wanted = (look.amount, kinds, wish.saves_method)
    return (attempt.amount, attempt.kinds, attempt.saves_method) == wanted


_STANDING_OF_STATUS = {
    PaymentIntentStatus.REQUIRES_PAYMENT_METHOD: Standing.PAYABLE,
    PaymentIntentStatus.REQUIRES_CONFIRMATION: Standing.PAYABLE,
    PaymentIntentStatus.REQUIRES_ACTION: Standing.PAYABLE,
    PaymentIntentStatus.REQUIRES_CAPTURE: Standing.PROCESSING,
    PaymentIntentStatus.PROCESSING: Standing.PROCESSING,
    PaymentIntentStatus.SUCCEEDED: Standing.RECEIVED,
    PaymentIntentStatus.CANCELED: Standing.TRY_AGAIN,
}


def _standing_of(collection: Collection | None, attempt: Attempt | None) -> Standing:
    if collection is None or attempt is None:
        return Standing.PAYABLE
    match collection.state:
        case CollectionState.BOOKED:
            return Standing.PAID
        case CollectionState.SETTLED | CollectionState.LATE:
            return Standing.RECEIVED
        case CollectionState.CLOSED | CollectionState.RETURNED:
            return Standing.PAYABLE
        case CollectionState.OPEN:
            return _standing_of_open(attempt)


def _standing_of_open(attempt: Attempt) -> Standing:
    if is_on_its_way(attempt):
        return Standing.PROCESSING
    if attempt.state is AttemptState.REQUIRES_ACTION:
        return Standing.TRY_AGAIN
    return Standing.FAILED if attempt.failure is not None else Standing.PAYABLE
