"""Enters booked money into Splynx's payment statement of its month or day."""

from __future__ import annotations

from splynx_stripe.domain.attempt import Attempt
from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.collection import Collection
from splynx_stripe.domain.effect import StoredEffect
from splynx_stripe.domain.errors import RetryableError
from splynx_stripe.domain.splynx import NewStatementRecord
from splynx_stripe.domain.statement import statement_title
from splynx_stripe.flows.ports import Unit
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

    async def carry_out(self, effect: StoredEffect) -> None:
        """Finds or adds the statement and the record of this payment.

        Raises:
            RetryableError, OutcomeUnknownError: not finished; call again later.
            RejectedError: Splynx refuses; a person has to look.
        """
        attempt, collection = await self._rooms.store.read(
            lambda unit: debt_of(unit, effect.attempt_id)
        )
        title = self._title(attempt, collection)
        async with self._rooms.locks.hold(f"statement:{title}"):
            statement_id = await self._statement(title)
            await self._record(statement_id, attempt, collection)
        await self._finish(effect, attempt, title)

    async def _statement(self, title: str) -> int:
        found = await self._rooms.splynx.find_statements(title)
        return found[0] if found else await self._rooms.splynx.add_statement(title)

    async def _record(self, statement_id: int, attempt: Attempt, collection: Collection) -> None:
        marker = attempt.intent_id
        if await self._rooms.splynx.find_statement_records(statement_id, marker):
            return
        payable = collection.payable
        payment = await self._rooms.splynx.payment(attempt.splynx_payment_id)
        paired = payment is not None and payable.document_id in {
            payment.invoice_id,
            payment.request_id,
        }
        await self._rooms.splynx.add_statement_record(
            NewStatementRecord(
                statement_id=statement_id,
                customer_id=payable.customer_id,
                document_kind=payable.kind.document_kind if paired else None,
                document_id=payable.document_id,
                document_number=payable.document_number,
                amount=attempt.amount.to_decimal(),
                date=attempt.day_seen(self._rooms.timezone),
                marker=marker,
                payment_id=attempt.splynx_payment_id,
                comment="Stripe",
            )
        )

    def _title(self, attempt: Attempt, collection: Collection) -> str:
        terms = self._rooms.terms.terms(collection.payable.partner_id)
        if terms is None:
            raise RetryableError("The partner has no complete settings any more; this waits.")
        day = attempt.day_seen(self._rooms.timezone)
        return statement_title(terms.payment_account, terms.statement_grouping, day)

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
