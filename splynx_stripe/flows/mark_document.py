"""Shows a bank debit that is on its way in Splynx: its document is pending, and open again if it fails.

Nobody pays a pending document a second time, neither through us nor through Splynx's own charge
(pain "customer pays twice while the debit is in progress", `reference/splynx-api.md` section 6).

A change whose answer was lost may arrive a minute later, when the debit has gone on and another
effect has found the document right. So each change is announced before it leaves, and where its
answer was lost, its effect ends only after it must have arrived, by bringing the document to what
is true by then: whichever way that is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from splynx_stripe.domain.attempt import Attempt, AttemptState
from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.collection import Collection, CollectionState
from splynx_stripe.domain.effect import StoredEffect
from splynx_stripe.domain.errors import NotFoundError, RetryableError
from splynx_stripe.domain.splynx import Document, DocumentStatus
from splynx_stripe.flows.ask_stripe import StripeAsker
from splynx_stripe.flows.lease import holder
from splynx_stripe.flows.ports import Unit
from splynx_stripe.flows.posting_window import LostPosts, PostingWindow
from splynx_stripe.flows.rooms import Rooms
from splynx_stripe.flows.settle_document import SettleDocument
from splynx_stripe.flows.transition import Occasion, debt_of, end_effect

_ACTOR = "daemon"


@dataclass(frozen=True, slots=True)
class _Debt:
    """What our books say of a document: the effect's attempt, its collection, and any other debit."""

    attempt: Attempt
    collection: Collection
    other_is_on_its_way: bool

    @property
    def shown_as(self) -> DocumentStatus | None:
        """Gives how its document is to be shown while it is open; None where booking decides that."""
        if self.attempt.state is AttemptState.PROCESSING or self.other_is_on_its_way:
            return DocumentStatus.PENDING
        has_paid = self.attempt.state is AttemptState.SUCCEEDED
        if has_paid and self.collection.state is not CollectionState.RETURNED:
            return None
        return DocumentStatus.NOT_PAID


class MarkDocument:
    """Carries out the effects `mark_pending` and `mark_unpaid`."""

    def __init__(self, rooms: Rooms, asker: StripeAsker) -> None:
        self._rooms = rooms
        self._asker = asker
        self._documents = SettleDocument(rooms)
        self._lost_changes = LostPosts(rooms.clock, rooms.timing)

    async def carry_out(self, effect: StoredEffect) -> None:
        """Brings the document's status to what our books say of the debit now.

        Raises:
            RetryableError: Splynx does not show the change (yet), an earlier one may still be on its
                way, or Stripe cannot be asked; call again later.
        """
        self._lost_changes.wait_for(effect)
        debt = await self._rooms.store.read(partial(_debt, effect=effect))
        if effect.posting_at is not None and await self._ask_again(debt.attempt):
            debt = await self._rooms.store.read(partial(_debt, effect=effect))
        document = await self._document(debt.collection)
        wanted = _wanted(debt, document)
        if document is not None and wanted is not None:
            await self._set(effect, document, wanted)
        elif document is not None and effect.posting_at is not None:
            await self._settle_again(effect, debt, document)
        await self._finish(effect, debt, wanted)

    async def _ask_again(self, attempt: Attempt) -> bool:
        """Asks Stripe what became of a live attempt: what led here is minutes old by now."""
        if not attempt.is_live or not attempt.intent_id:
            return False
        try:
            await self._asker.ask(attempt, _ACTOR)
        except NotFoundError:  # its keys are those of another account by now; there is a case
            return False
        return True

    async def _document(self, collection: Collection) -> Document | None:
        payable = collection.payable
        kind = payable.kind.document_kind
        if kind is None:
            return None
        document = await self._rooms.splynx.document(kind, payable.document_id)
        belongs = document is not None and document.customer_id == payable.customer_id
        return document if belongs else None

    async def _set(self, effect: StoredEffect, document: Document, wanted: DocumentStatus) -> None:
        window = PostingWindow(self._rooms.clock, self._rooms.timing.posting_window)
        self._lost_changes.announce(effect)
        announced = replace(effect, posting_at=self._rooms.clock.now())
        await self._rooms.store.run(lambda unit: unit.save_effect(announced))
        window.require_open("the status of a document was changed")
        await self._rooms.splynx.set_document_status(document.kind, document.id, wanted)
        after = await self._rooms.splynx.document(document.kind, document.id)
        if after is not None and after.status is document.status:
            raise RetryableError(
                f"Splynx accepted that {document.kind} {document.number} is {wanted}, and still"
                f" shows it as {document.status}."
            )

    async def _settle_again(self, effect: StoredEffect, debt: _Debt, document: Document) -> None:
        """Repairs what a change that came late did to a document that was paid meanwhile."""
        if _is_paid_by_others(debt, document):
            await self._set(effect, document, DocumentStatus.PAID)
            return
        unpaid = {DocumentStatus.NOT_PAID, DocumentStatus.PENDING}
        if debt.shown_as is not None or document.status not in unpaid:
            return
        if debt.collection.state is not CollectionState.BOOKED:
            raise RetryableError("The debit has succeeded and is being booked.")
        payment = await self._rooms.splynx.payment(debt.collection.splynx_payment_id)
        if payment is not None:
            await self._documents.settle(debt.attempt, debt.collection, payment)

    async def _finish(
        self, effect: StoredEffect, debt: _Debt, wanted: DocumentStatus | None
    ) -> None:
        occasion = Occasion(self._rooms.clock.now(), _ACTOR, self._rooms.timing)

        def work(unit: Unit) -> None:
            if _debt(unit, effect).shown_as is not debt.shown_as:
                raise RetryableError("The debit has gone on while its document was changed.")
            if wanted is not None:
                entry = AuditEntry(
                    at=occasion.now,
                    event="document.pending"
                    if wanted is DocumentStatus.PENDING
                    else "document.not_paid",
                    actor=_ACTOR,
                    collection_id=debt.collection.id,
                    attempt_id=effect.attempt_id,
                )
                unit.record(entry)
            end_effect(unit, effect, occasion)

        await self._rooms.store.run(work)


def _debt(unit: Unit, effect: StoredEffect) -> _Debt:
    attempt, collection = debt_of(unit, effect.attempt_id, effect.collection_id)
    live = holder(unit, collection.payable)
    others = unit.attempts_of(live.id) if live is not None else ()
    other_is_on_its_way = any(
        other.state is AttemptState.PROCESSING and other.may_be_bank_debit for other in others
    )
    return _Debt(attempt, collection, other_is_on_its_way)


def _is_paid_by_others(debt: _Debt, document: Document) -> bool:
    """Says whether nothing is due any more, by no money of ours, and it is shown as pending all the same."""
    is_ours = debt.shown_as is not DocumentStatus.NOT_PAID
    return not is_ours and document.status is DocumentStatus.PENDING and document.due <= 0


def _wanted(debt: _Debt, document: Document | None) -> DocumentStatus | None:
    """Says which status the document should get; None when it is right already, or not ours to set."""
    if document is None or not document.is_open or document.status is debt.shown_as:
        return None
    return debt.shown_as
