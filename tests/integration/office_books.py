"""What the office's pages read and do, for tests that are about something else; and a bare Splynx."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from splynx_stripe.domain.mail import Mail
from splynx_stripe.domain.operation import Operation, OperationPlace, OperationQuery
from splynx_stripe.domain.splynx import Document, DocumentKind, SplynxCustomer
from splynx_stripe.flows.links import Links
from splynx_stripe.flows.operations import Story
from splynx_stripe.flows.recoveries import Recoveries
from splynx_stripe.kit.clock import Clock
from splynx_stripe.kit.ids import RandomIds
from tests.integration.settings_stage import NoStore


class BareSplynx:
    """A Splynx without documents and customers; a test may add some."""

    def __init__(self) -> None:
        self.documents: dict[tuple[DocumentKind, str], Document] = {}
        self.customers: dict[int, SplynxCustomer] = {}
        self.mails: list[Mail] = []
        self.error: Exception | None = None
        self.mail_error: Exception | None = None

    async def find_document(self, kind: DocumentKind, number: str) -> Document | None:
        if self.error is not None:
            raise self.error
        return self.documents.get((kind, number))

    async def customer(self, customer_id: int) -> SplynxCustomer | None:
        if self.error is not None:
            raise self.error
        return self.customers.get(customer_id)

    async def queue_mail(self, mail: Mail) -> None:
        self.mails.append(mail)
        if self.mail_error is not None:
            raise self.mail_error


class EmptyLog:
    """A log in which nothing stands yet."""

    async def page(
        self, query: OperationQuery, *, before: OperationPlace | None, limit: int
    ) -> Sequence[Operation]:
        del query, before, limit
        return ()

    async def chunks(self, query: OperationQuery) -> AsyncIterator[Sequence[Operation]]:
        for chunk in await self.page(query, before=None, limit=0):
            yield (chunk,)

    async def story(self, collection_id: str) -> Story | None:
        del collection_id
        return None


def unused_operations() -> EmptyLog:
    """Gives a log for tests that have nothing to do with it."""
    return EmptyLog()


def unused_links(clock: Clock) -> Links:
    """Gives links for tests that have nothing to do with them."""
    return Links(NoStore(), BareSplynx(), clock, RandomIds())


def unused_recoveries(clock: Clock) -> Recoveries:
    """Gives recoveries for tests that have nothing to do with them."""
    return Recoveries(NoStore(), clock)
