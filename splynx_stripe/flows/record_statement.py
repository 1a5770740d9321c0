"""Enters booked money into Splynx's payment statement of its month or day.

A statement is found or added under a named lease, because two daemons that both miss it would
both add it. Its record belongs to one effect, which one worker at a time has claimed.
"""

from __future__ import annotations

from dataclasses import replace

from splynx_stripe.domain.attempt import Attempt
from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.booking import booking_marker
from splynx_stripe.domain.collection import Collection
from splynx_stripe.domain.effect import StoredEffect
from splynx_stripe.domain.errors import RejectedError, RetryableError
from splynx_stripe.domain.lease import Lease
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.splynx import NewStatementRecord
from splynx_stripe.domain.statement import statement_title
from splynx_stripe.flows.ports import Unit
from splynx_stripe.flows.posting_window import LostPosts, PostingWindow
from splynx_stripe.flows.rooms import Rooms
from splynx_stripe.flows.transition import (
    Occasion,
    debt_of,
    end_effect,
)


class RecordStatement:
    """Carries out the effect `record_statement`. Statements move no money; a lost one is redone."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._lost_posts = LostPosts(rooms.clock, rooms.timing)

    async def carry_out(self, effect: StoredEffect) -> None:
        """Finds or adds the statement and the record of this payment.

        Raises:
            RetryableError, OutcomeUnknownError: not finished; call again later.
            RejectedError: Splynx refuses; a person has to look.
        """
        attempt, collection = await self._rooms.store.read(
            lambda unit: debt_of(unit, effect.attempt_id, effect.collection_id)
        )
        title = self._title(attempt, collection)
        async with self._rooms.locks.hold(f"statement:{title}"):
            statement_id = await self._statement(title)
            await self._record(effect, statement_id, attempt, collection)
        await self._finish(effect, attempt, title)

    async def _statement(self, title: str) -> int:
        found = await self._rooms.splynx.find_statements(title)
        return found[0] if found else await self._new_statement(title)

    async def _new_statement(self, title: str) -> int:
        """Adds a statement, unless another daemon was faster, while nobody else may.

        After a lost answer the lease stays until it is over: by then the statement has arrived
        and is found, or it will not come any more.
        """
        window = PostingWindow(self._rooms.clock, self._rooms.timing.posting_window)
        lease = await self._take_lease(title)
        try:
            found = await self._rooms.splynx.find_statements(title)
            if not found:
                window.require_open("a payment statement was added")
                found = [await self._rooms.splynx.add_statement(title)]
        except (RejectedError, RetryableError):
            await self._release_lease(lease)
            raise
        await self._release_lease(lease)
        return found[0]

    async def _take_lease(self, title: str) -> Lease:
        now = self._rooms.clock.now()
        until = now + self._rooms.timing.posting_window + self._rooms.timing.verify_booking_after
        name, holder = f"statement:{title}", self._rooms.ids.new("sta", now)

        def work(unit: Unit) -> Lease | None:
            return unit.take_lease(name, holder, now=now, until=until)

        lease = await self._rooms.store.run(work)
        if lease is None:
            raise RetryableError(
                f"Payment statement {title!r} may be on its way into Splynx.", retry_after_s=1.0
            )
        return lease

    async def _release_lease(self, lease: Lease) -> None:
        await self._rooms.store.run(lambda unit: unit.release_lease(lease))

    async def _record(
        self, effect: StoredEffect, statement_id: int, attempt: Attempt, collection: Collection
    ) -> None:
        marker = booking_marker(attempt.intent_id, collection.part)
        if await self._rooms.splynx.find_statement_records(statement_id, marker):
            return
        self._lost_posts.wait_for(effect)
        payable = collection.payable
        payment_id = collection.splynx_payment_id
        payment = await self._rooms.splynx.payment(payment_id)
        paired = payment is not None and payable.document_id in {
            payment.invoice_id,
            payment.request_id,
        }
        window = PostingWindow(self._rooms.clock, self._rooms.timing.posting_window)
        self._lost_posts.announce(effect)
        await self._mark_posting(effect)
        window.require_open("the payment was entered into its statement")
        await self._rooms.splynx.add_statement_record(
            NewStatementRecord(
                statement_id=statement_id,
                customer_id=payable.customer_id,
                document_kind=payable.kind.document_kind if paired else None,
                document_id=payable.document_id,
                document_number=payable.document_number,
                amount=collection.share_of(attempt.amount).to_decimal(),
                date=attempt.day_seen(self._rooms.timezone),
                marker=marker,
                payment_id=payment_id,
                comment="Stripe",
            )
        )

    async def _mark_posting(self, effect: StoredEffect) -> None:
        """Commits that the record is about to be posted, as `BookPayment` does for the payment."""
        marked = replace(effect, posting_at=self._rooms.clock.now())
        await self._rooms.store.run(lambda unit: unit.save_effect(marked))

    def _title(self, attempt: Attempt, collection: Collection) -> str:
        terms = self._rooms.terms.terms(collection.payable.partner_id)
        if terms is None:
            raise RetryableError("The partner has no complete settings any more; this waits.")
        day = attempt.day_seen(self._rooms.timezone)
        account = terms.payment_account_for(attempt.chosen_kind or PaymentKind.CARD)
        return statement_title(account, terms.statement_grouping, day)

    async def _finish(self, effect: StoredEffect, attempt: Attempt, title: str) -> None:
        occasion = Occasion(self._rooms.clock.now(), "daemon", self._rooms.timing)

        def work(unit: Unit) -> None:
            unit.record(
                AuditEntry(
                    at=occasion.now,
                    event="statement.recorded",
                    actor=occasion.actor,
                    collection_id=attempt.collection_id,
                    attempt_id=attempt.id,
                    facts={"statement": title},
                )
            )
            end_effect(unit, effect, occasion)

        await self._rooms.store.run(work)
