"""Makes a document show what was paid: set paid where our money covers it, else open for its rest."""

from __future__ import annotations

from splynx_stripe.domain.attempt import Attempt
from splynx_stripe.domain.booking import must_be_marked_paid
from splynx_stripe.domain.case import Case, CaseKind
from splynx_stripe.domain.collection import Collection
from splynx_stripe.domain.errors import NotPermittedError, RejectedError
from splynx_stripe.domain.payable import Payable
from splynx_stripe.domain.splynx import Document, DocumentStatus, SplynxPayment
from splynx_stripe.flows.rooms import Rooms


class SettleDocument:
    """Does by an explicit change what some servers do by themselves (reference 7, #5 and #6)."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def settle(
        self, attempt: Attempt, collection: Collection, payment: SplynxPayment
    ) -> None:
        """Sets the document of a booked payment paid, or opens its rest; else leaves it as it is.

        A refusal becomes a case: the money is booked already.

        Raises:
            RetryableError, OutcomeUnknownError, NotPermittedError: not finished; call again later.
        """
        payable = collection.payable
        document = await self._document(payable)
        if document is None or document.customer_id != payable.customer_id:
            return
        is_paired = document.id in {payment.invoice_id, payment.request_id}
        amount = collection.share_of(attempt.amount)
        if not must_be_marked_paid(amount, document, is_paired=is_paired):
            await self._open_the_rest(attempt, document)
            return
        refusal = await self._mark_paid(attempt, document, payment)
        document = await self._document(payable)
        if document is not None and document.status is not DocumentStatus.PAID:
            await self._tell(
                attempt,
                f"Payment {payment.id} is booked, but Splynx does not show {payable.name} as paid"
                f" {refusal or 'although it accepted the change.'} Set it to paid by hand.",
            )

    async def _document(self, payable: Payable) -> Document | None:
        kind = payable.kind.document_kind
        return await self._rooms.splynx.document(kind, payable.document_id) if kind else None

    async def _open_the_rest(self, attempt: Attempt, document: Document) -> None:
        """Lets the rest be paid of a document that was raised while our debit was on its way."""
        if not attempt.may_be_bank_debit or document.status is not DocumentStatus.PENDING:
            return
        try:
            await self._rooms.splynx.set_document_status(
                document.kind, document.id, DocumentStatus.NOT_PAID
            )
        except NotPermittedError:
            raise
        except RejectedError as error:
            await self._tell(
                attempt,
                f"The payment is booked, and {document.due} are still due on {document.kind}"
                f" {document.number}, which stays pending: {error} Set it to unpaid by hand.",
            )

    async def _mark_paid(self, attempt: Attempt, document: Document, payment: SplynxPayment) -> str:
        """Sets a document paid and gives why not, if Splynx refuses."""
        try:
            await self._rooms.splynx.mark_document_paid(
                document.kind,
                document.id,
                payment_id=payment.id,
                paid_on=attempt.day_seen(self._rooms.timezone),
            )
        except NotPermittedError:
            raise
        except RejectedError as error:
            return f"and refuses the change: {error}"
        return ""

    async def _tell(self, attempt: Attempt, summary: str) -> None:
        case = Case(
            kind=CaseKind.BOOKING_DIFFERS,
            subject=attempt.id,
            summary=summary,
            opened_at=self._rooms.clock.now(),
            collection_id=attempt.collection_id,
        )
        await self._rooms.store.run(lambda unit: unit.open_case(case))
