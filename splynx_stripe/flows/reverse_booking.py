"""Reverses the booking of a bank debit that came back: a negative payment, and the document is open again.

The negative payment's receipt number is the dispute's id, so it is searched for before it is
posted, exactly as `BookPayment` does with its own marker.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from splynx_stripe.domain.attempt import Attempt
from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.booking import booking_marker
from splynx_stripe.domain.case import Case, CaseKind
from splynx_stripe.domain.collection import Collection, CollectionNews, CollectionState
from splynx_stripe.domain.effect import StoredEffect
from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    NotFoundError,
    NotPermittedError,
    RejectedError,
    RetryableError,
)
from splynx_stripe.domain.late_return import LateReturn
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.splynx import Document, DocumentStatus, NewSplynxPayment
from splynx_stripe.flows.ports import Unit
from splynx_stripe.flows.posting_window import LostPosts, PostingWindow
from splynx_stripe.flows.rooms import Rooms
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


class ReverseBooking:
    """Carries out the effect `reverse_booking`."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._lost_posts = LostPosts(rooms.clock, rooms.timing)

    async def carry_out(self, effect: StoredEffect) -> None:
        """Books the reversal, or finds it booked; then opens the document again.

        Safe to repeat after any interruption.

        Raises:
            RetryableError, OutcomeUnknownError: not finished; call again later.
            RejectedError: Splynx refuses; a person has to look.
        """
        attempt, collection, late = await self._rooms.store.read(
            lambda unit: _returned(unit, effect)
        )
        if collection.state not in {CollectionState.BOOKED, CollectionState.RETURNED}:
            raise RetryableError("The payment that came back is not booked yet.")
        marker = booking_marker(late.dispute_id, collection.part)
        customer_id = collection.payable.customer_id
        found = await self._rooms.splynx.find_payments(marker, customer_id)
        if found:
            payment_id = found[0].id
        else:
            payment_id = await self._post(effect, attempt, collection, late)
        if len(found) > 1:
            await self._tell_of_doubles(collection, late, [payment.id for payment in found])
        await self._reopen(collection, late)
        await self._finish(effect, collection, payment_id)

    async def _tell_of_doubles(
        self, collection: Collection, late: LateReturn, payment_ids: Sequence[int]
    ) -> None:
        """Says that Splynx has taken the money off more than once, as two paused daemons could."""
        ids = ", ".join(str(payment_id) for payment_id in payment_ids)
        case = Case(
            kind=CaseKind.BOOKED_TWICE,
            subject=f"{late.dispute_id}/{collection.payable.key}",
            summary=f"Splynx has {len(payment_ids)} negative payments for dispute {late.dispute_id}"
            f" ({ids}), but the bank took {_share(collection, late)} back once. Payment"
            f" {payment_ids[0]} is taken as the reversal; check the others and delete them.",
            opened_at=self._rooms.clock.now(),
            collection_id=collection.id,
        )
        await self._rooms.store.run(lambda unit: unit.open_case(case))

    async def _is_paired(self, collection: Collection) -> bool:
        """Says whether the booking was paired with its document; else it went to the balance."""
        booked = await self._rooms.splynx.payment(collection.splynx_payment_id)
        pairs = {booked.invoice_id, booked.request_id} if booked else set()
        return bool(collection.payable.document_id) and collection.payable.document_id in pairs

    async def _post(
        self, effect: StoredEffect, attempt: Attempt, collection: Collection, late: LateReturn
    ) -> int:
        self._lost_posts.wait_for(effect)
        payable = collection.payable
        # What went to the balance comes from there: somebody else has paid the document.
        kind = payable.kind.document_kind if await self._is_paired(collection) else None
        payment = NewSplynxPayment(
            customer_id=payable.customer_id,
            document_kind=kind,
            document_id=payable.document_id if kind else 0,
            payment_method_id=await self._payment_method(attempt, collection),
            receipt_number=booking_marker(late.dispute_id, collection.part),
            date=late.returned_at.astimezone(self._rooms.timezone).date(),
            amount=-_share(collection, late).to_decimal(),
            comment=f"Stripe: returned by the bank ({late.reason or 'no reason'}): {payable.name}",
            field_1=attempt.charge_id,
        )
        window = PostingWindow(self._rooms.clock, self._rooms.timing.posting_window)
        self._lost_posts.announce(effect)
        marked = replace(effect, posting_at=self._rooms.clock.now())
        await self._rooms.store.run(lambda unit: unit.save_effect(marked))
        window.require_open("the reversal was posted")
        return await self._rooms.splynx.add_payment(payment)

    async def _payment_method(self, attempt: Attempt, collection: Collection) -> int:
        terms = self._rooms.terms.terms(collection.payable.partner_id)
        if terms is None:
            raise RetryableError("The partner has no complete settings any more; this waits.")
        name = terms.payment_method_for(attempt.chosen_kind or PaymentKind.ACH)
        try:
            return await self._rooms.splynx.payment_method_id(name)
        except NotFoundError as error:
            raise RetryableError(str(error), retry_after_s=_MEND_S) from error

    async def _reopen(self, collection: Collection, late: LateReturn) -> None:
        """Opens the document again where Splynx has not done so by itself (reference 7, #10).

        Not one that was paid by other money, before ours came or after it went back.
        """
        document = await self._document(collection)
        if document is None or document.is_open:
            return
        if document.payment_id != collection.splynx_payment_id and (
            document.payment_id or not await self._is_paired(collection)
        ):
            return
        refusal = ""
        if document.status is not DocumentStatus.DELETED:
            try:
                await self._rooms.splynx.set_document_status(
                    document.kind, document.id, DocumentStatus.NOT_PAID
                )
            except NotPermittedError:
                raise
            except RejectedError as error:
                refusal = f" Splynx refuses it: {error}"
        after = await self._document(collection)
        if after is not None and not after.is_open:
            await self._tell_the_office(collection, late, refusal)

    async def _tell_the_office(
        self, collection: Collection, late: LateReturn, refusal: str
    ) -> None:
        case = Case(
            kind=CaseKind.BOOKING_DIFFERS,
            subject=f"{late.dispute_id}/{collection.payable.key}",
            summary=f"The bank has taken {_share(collection, late)} back and the reversal is booked, but Splynx"
            f" does not show {collection.payable.name} as unpaid.{refusal} Open it by hand.",
            opened_at=self._rooms.clock.now(),
            collection_id=collection.id,
        )
        await self._rooms.store.run(lambda unit: unit.open_case(case))

    async def _document(self, collection: Collection) -> Document | None:
        payable = collection.payable
        kind = payable.kind.document_kind
        if kind is None:
            return None
        document = await self._rooms.splynx.document(kind, payable.document_id)
        belongs = document is not None and document.customer_id == payable.customer_id
        return document if belongs else None

    async def _finish(self, effect: StoredEffect, collection: Collection, payment_id: int) -> None:
        occasion = Occasion(self._rooms.clock.now(), _ACTOR, self._rooms.timing)

        def work(unit: Unit) -> None:
            attempt, debt, late = _returned(unit, effect)
            unit.save_attempt(attempt)  # of two documents reversed at once one comes after
            debt = move_collection(unit, debt, CollectionNews.PAYMENT_REVERSED, occasion)
            _finish_whole(unit, debt, occasion)
            unit.record(
                AuditEntry(
                    at=occasion.now,
                    event="payment.reversed",
                    actor=_ACTOR,
                    collection_id=collection.id,
                    attempt_id=effect.attempt_id,
                    facts={
                        "splynx_payment": str(payment_id),
                        "amount": str(_share(collection, late)),
                    },
                )
            )
            end_effect(unit, effect, occasion)

        await self._rooms.store.run(work)


def _returned(unit: Unit, effect: StoredEffect) -> tuple[Attempt, Collection, LateReturn]:
    attempt, collection = debt_of(unit, effect.attempt_id, effect.collection_id)
    late = unit.late_return_of(attempt.id)
    if late is None:
        raise BrokenInvariantError(f"There is no late return of {attempt.id}.")
    return attempt, collection, late


def _share(collection: Collection, late: LateReturn) -> Money:
    share = collection.payable.set_amount
    return share if collection.part and share is not None else late.amount


def _finish_whole(unit: Unit, part: Collection, occasion: Occasion) -> None:
    if not part.whole_id:
        return
    if all(each.state is CollectionState.RETURNED for each in unit.parts_of(part.whole_id)):
        whole = require_collection(unit, part.whole_id)
        move_collection(unit, whole, CollectionNews.PAYMENT_REVERSED, occasion)
