"""Books money that Stripe has taken: exactly one Splynx payment per succeeded attempt.

Splynx has no idempotency (`reference/splynx-api.md` 3.6), so the order of steps carries the
promise. Each run starts by searching for the marker; the moment before the POST is committed, so
that a run that follows a crash or a lost answer knows that a payment may still be on its way into
Splynx and waits before it believes in its absence.
"""

from __future__ import annotations

from dataclasses import replace

from splynx_stripe.domain.attempt import Attempt
from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.booking import (
    BookingPlan,
    booking_marker,
    plan_booking,
)
from splynx_stripe.domain.case import Case, CaseKind
from splynx_stripe.domain.collection import Collection, CollectionNews, CollectionState
from splynx_stripe.domain.effect import Effect, EffectKind, StoredEffect
from splynx_stripe.domain.errors import (
    NotFoundError,
    RejectedError,
    RetryableError,
    StaleWriteError,
)
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import Payable
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.splynx import Document, NewSplynxPayment, SplynxPayment
from splynx_stripe.domain.terms import Terms
from splynx_stripe.flows.ports import Unit
from splynx_stripe.flows.posting_window import LostPosts, PostingWindow
from splynx_stripe.flows.rooms import Rooms
from splynx_stripe.flows.settle_document import SettleDocument
from splynx_stripe.flows.transition import (
    Occasion,
    debt_of,
    end_effect,
    move_collection,
    require_collection,
)

_ACTOR = "daemon"
_MEND_S = 300.0
"""How often it is tried whether an administrator has mended a setting."""


class BookPayment:
    """Carries out the effect `book_payment`."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._documents = SettleDocument(rooms)
        self._lost_posts = LostPosts(rooms.clock, rooms.timing)

    async def carry_out(self, effect: StoredEffect) -> None:
        """Books the attempt's money, or finds that it is booked; afterwards the effect is done.

        Safe to repeat after any interruption.

        Raises:
            RetryableError, OutcomeUnknownError: not finished; call again later.
            RejectedError: Splynx refuses the payment; a person has to look.
        """
        attempt, collection = await self._rooms.store.read(
            lambda unit: debt_of(unit, effect.attempt_id, effect.collection_id)
        )
        attempt = await self._with_chosen_kind(attempt)
        payment = await self._existing(attempt, collection)
        if payment is None:
            payment = await self._post(effect, attempt, collection)
        elif effect.posting_at is None:
            await self._adopt(attempt, collection, payment)
        await self._documents.settle(attempt, collection, payment)
        try:
            await self._finish(effect, attempt, collection, payment)
        except StaleWriteError:
            # Somebody has taken over while we were held up. Should both have posted, it is said.
            await self._existing(attempt, collection)
            raise

    async def _with_chosen_kind(self, attempt: Attempt) -> Attempt:
        """Learns which of several kinds the customer chose: it decides the payment method."""
        if attempt.chosen_kind is not None:
            return attempt
        seen = await self._rooms.stripe.retrieve_payment_intent(attempt.account, attempt.intent_id)
        kind = seen.intent.method_kind
        if kind is None:
            raise RejectedError(
                f"Stripe does not say what {attempt.intent_id} was paid with, or it is no kind of"
                " payment that we know.",
                code="payment_kind",
            )
        method = seen.intent.payment_method

        def work(unit: Unit) -> Attempt:
            current, _ = debt_of(unit, attempt.id)
            if current.method_kind is None:
                unit.save_attempt(replace(current, payment_method_id=method, method_kind=kind))
            return debt_of(unit, attempt.id)[0]

        return await self._rooms.store.run(work)

    async def _existing(self, attempt: Attempt, collection: Collection) -> SplynxPayment | None:
        customer_id = collection.payable.customer_id
        marker = booking_marker(attempt.intent_id, collection.part)
        found = await self._rooms.splynx.find_payments(marker, customer_id)
        if len(found) > 1:
            ids = ", ".join(str(payment.id) for payment in found)
            await self._open_case(
                CaseKind.BOOKED_TWICE,
                attempt,
                f"Splynx has {len(found)} payments with receipt number {marker} ({ids})."
                f" Payment {found[0].id} is taken as the booking; check the others and delete them.",
            )
        return found[0] if found else None

    async def _adopt(
        self, attempt: Attempt, collection: Collection, payment: SplynxPayment
    ) -> None:
        """Takes a payment over that somebody else has entered for this charge (fault 51)."""
        payable = collection.payable
        if payable.kind.document_kind is None:
            return
        if payable.document_id in {payment.invoice_id, payment.request_id}:
            return
        await self._open_case(
            CaseKind.BOOKED_ELSEWHERE,
            attempt,
            f"Somebody else has entered payment {payment.id} for {attempt.intent_id} in Splynx, not paired"
            f" with {payable.name}. It is taken as the booking. Check in Splynx that the payment and the"
            f" document belong together. Until this case is closed, nothing more is collected for {payable.name}.",
        )

    async def _post(
        self, effect: StoredEffect, attempt: Attempt, collection: Collection
    ) -> SplynxPayment:
        self._lost_posts.wait_for(effect)
        document = await self._document(collection.payable)
        plan = plan_booking(collection.payable, _amount(attempt, collection), document)
        payment = await self._payment_for(attempt, collection, plan)
        window = PostingWindow(self._rooms.clock, self._rooms.timing.posting_window)
        self._lost_posts.announce(effect)
        await self._mark_posting(effect, attempt, plan)
        window.require_open("the payment was posted")
        payment_id = await self._rooms.splynx.add_payment(payment)
        return await self._read_back(attempt, payment, payment_id)

    async def _document(self, payable: Payable) -> Document | None:
        kind = payable.kind.document_kind
        return await self._rooms.splynx.document(kind, payable.document_id) if kind else None

    async def _payment_for(
        self, attempt: Attempt, collection: Collection, plan: BookingPlan
    ) -> NewSplynxPayment:
        payable = collection.payable
        method = await self._payment_method(attempt, payable)
        return NewSplynxPayment(
            customer_id=payable.customer_id,
            document_kind=payable.kind.document_kind if plan.pairs_document else None,
            document_id=payable.document_id,
            payment_method_id=method,
            receipt_number=booking_marker(attempt.intent_id, collection.part),
            date=attempt.day_seen(self._rooms.timezone),
            amount=_amount(attempt, collection).to_decimal(),
            comment=f"Stripe: {payable.name}",
            field_1=attempt.charge_id,
        )

    async def _payment_method(self, attempt: Attempt, payable: Payable) -> int:
        """Finds the payment method; one that is missing is a setting to be mended, not a refusal."""
        name = self._terms(payable).payment_method_for(attempt.chosen_kind or PaymentKind.CARD)
        try:
            return await self._rooms.splynx.payment_method_id(name)
        except NotFoundError as error:
            raise RetryableError(str(error), retry_after_s=_MEND_S) from error

    async def _mark_posting(
        self, effect: StoredEffect, attempt: Attempt, plan: BookingPlan
    ) -> None:
        now = self._rooms.clock.now()

        def work(unit: Unit) -> None:
            unit.save_effect(replace(effect, posting_at=now))
            if plan.case is not None:
                unit.open_case(
                    Case(
                        kind=plan.case,
                        subject=attempt.id,
                        summary=plan.summary,
                        opened_at=now,
                        collection_id=attempt.collection_id,
                    )
                )

        await self._rooms.store.run(work)

    async def _read_back(
        self, attempt: Attempt, asked: NewSplynxPayment, payment_id: int
    ) -> SplynxPayment:
        payment = await self._rooms.splynx.payment(payment_id)
        if payment is None:
            raise RetryableError(f"Splynx does not show payment {payment_id} yet.")
        same = (
            payment.customer_id == asked.customer_id
            and payment.amount == asked.amount
            and payment.receipt_number == asked.receipt_number
        )
        if not same:
            await self._open_case(
                CaseKind.BOOKING_DIFFERS,
                attempt,
                f"Splynx booked payment {payment_id} differently than asked: {payment.amount} for customer"
                f" {payment.customer_id} with receipt {payment.receipt_number!r} instead of {asked.amount}"
                f" for customer {asked.customer_id}. Correct the payment in Splynx.",
            )
        return payment

    async def _finish(
        self,
        effect: StoredEffect,
        attempt: Attempt,
        collection: Collection,
        payment: SplynxPayment,
    ) -> None:
        occasion = Occasion(self._rooms.clock.now(), _ACTOR, self._rooms.timing)

        def work(unit: Unit) -> None:
            current, debt = debt_of(unit, attempt.id, collection.id)
            # Written also where it stays the same: of two documents booked at once one comes after.
            first = current.splynx_payment_id or payment.id
            unit.save_attempt(replace(current, splynx_payment_id=first))
            unit.save_collection(replace(debt, splynx_payment_id=payment.id))
            debt = require_collection(unit, debt.id)
            move_collection(unit, debt, CollectionNews.PAYMENT_BOOKED, occasion)
            _finish_whole(unit, debt, occasion)
            key = f"record:{attempt.id}" + (f":{debt.part}" if debt.part else "")
            unit.add_effect(
                Effect(EffectKind.RECORD_STATEMENT, key, effect.collection_id),
                attempt_id=attempt.id,
                now=occasion.now,
                deadline_at=occasion.now + occasion.timing.booking_deadline,
            )
            unit.record(
                AuditEntry(
                    at=occasion.now,
                    event="payment.booked",
                    actor=_ACTOR,
                    collection_id=collection.id,
                    attempt_id=attempt.id,
                    facts={
                        "splynx_payment": str(payment.id),
                        "amount": str(_amount(attempt, debt)),
                    },
                )
            )
            end_effect(unit, effect, occasion)

        await self._rooms.store.run(work)
        self._rooms.wake()

    async def _open_case(self, kind: CaseKind, attempt: Attempt, summary: str) -> None:
        case = Case(
            kind=kind,
            subject=attempt.id,
            summary=summary,
            opened_at=self._rooms.clock.now(),
            collection_id=attempt.collection_id,
        )
        await self._rooms.store.run(lambda unit: unit.open_case(case))

    def _terms(self, payable: Payable) -> Terms:
        terms = self._rooms.terms.terms(payable.partner_id)
        if terms is None:
            raise RetryableError(
                f"Partner {payable.partner_id} has no complete settings any more; its money waits."
            )
        return terms


def _amount(attempt: Attempt, collection: Collection) -> Money:
    """Gives what is booked: all of the attempt's money, or the share of one of its documents."""
    share = collection.payable.set_amount
    return share if collection.part and share is not None else attempt.amount


def _finish_whole(unit: Unit, part: Collection, occasion: Occasion) -> None:
    """Says that all is booked when the last of several documents is."""
    if not part.whole_id:
        return
    if all(each.state is CollectionState.BOOKED for each in unit.parts_of(part.whole_id)):
        whole = require_collection(unit, part.whole_id)
        move_collection(unit, whole, CollectionNews.PAYMENT_BOOKED, occasion)
