"""Shows a bank debit that is on its way in Splynx: its document is pending, and open again if it fails.

Nobody pays a pending document a second time, neither through us nor through Splynx's own charge
(pain "customer pays twice while the debit is in progress", `reference/splynx-api.md` section 6).
"""

from __future__ import annotations

from splynx_stripe.domain.attempt import Attempt, AttemptState
from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.collection import Collection
from splynx_stripe.domain.effect import EffectKind, StoredEffect
from splynx_stripe.domain.errors import RetryableError
from splynx_stripe.domain.splynx import Document, DocumentStatus
from splynx_stripe.flows.ports import Unit
from splynx_stripe.flows.rooms import Rooms
from splynx_stripe.flows.transition import Occasion, debt_of, end_effect

_ACTOR = "daemon"


class MarkDocument:
    """Carries out the effects `mark_pending` and `mark_unpaid`."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def carry_out(self, effect: StoredEffect) -> None:
        """Sets the document's status, unless the debit has gone on meanwhile.

        Raises:
            RetryableError: Splynx does not show the change (yet); call again later.
        """
        attempt, collection = await self._rooms.store.read(
            lambda unit: debt_of(unit, effect.attempt_id, effect.collection_id)
        )
        document = await self._document(collection)
        wanted = _wanted(effect, attempt, document)
        if document is not None and wanted is not None:
            await self._set(document, wanted)
        await self._finish(effect, collection, wanted)

    async def _document(self, collection: Collection) -> Document | None:
        payable = collection.payable
        kind = payable.kind.document_kind
        if kind is None:
            return None
        document = await self._rooms.splynx.document(kind, payable.document_id)
        belongs = document is not None and document.customer_id == payable.customer_id
        return document if belongs else None

    async def _set(self, document: Document, wanted: DocumentStatus) -> None:
        await self._rooms.splynx.set_document_status(document.kind, document.id, wanted)
        after = await self._rooms.splynx.document(document.kind, document.id)
        if after is not None and after.status is document.status:
            raise RetryableError(
                f"Splynx accepted that {document.kind} {document.number} is {wanted}, and still"
                f" shows it as {document.status}."
            )

    async def _finish(
        self, effect: StoredEffect, collection: Collection, wanted: DocumentStatus | None
    ) -> None:
        occasion = Occasion(self._rooms.clock.now(), _ACTOR, self._rooms.timing)

        def work(unit: Unit) -> None:
            if wanted is not None:
                entry = AuditEntry(
                    at=occasion.now,
                    event="document.pending"
                    if wanted is DocumentStatus.PENDING
                    else "document.not_paid",
                    actor=_ACTOR,
                    collection_id=collection.id,
                    attempt_id=effect.attempt_id,
                )
                unit.record(entry)
            end_effect(unit, effect, occasion)

        await self._rooms.store.run(work)


def _wanted(
    effect: StoredEffect, attempt: Attempt, document: Document | None
) -> DocumentStatus | None:
    """Says which status the document should get; None when it is right already."""
    if document is None or not document.is_open:
        return None
    is_on_its_way = attempt.state is AttemptState.PROCESSING
    if effect.kind is EffectKind.MARK_PENDING:
        must_change = is_on_its_way and document.status is DocumentStatus.NOT_PAID
        return DocumentStatus.PENDING if must_change else None
    has_failed = not is_on_its_way and attempt.state is not AttemptState.SUCCEEDED
    must_change = has_failed and document.status is DocumentStatus.PENDING
    return DocumentStatus.NOT_PAID if must_change else None
