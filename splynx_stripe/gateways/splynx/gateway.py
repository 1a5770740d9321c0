"""Splynx as the flows see it: typed resources over one authenticated API."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import partial
from typing import TypeVar

import aiohttp

from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    NotFoundError,
    OutcomeUnknownError,
    RejectedError,
)
from splynx_stripe.domain.mail import Mail, PortalMessage, TextMessage
from splynx_stripe.domain.splynx import (
    Company,
    Document,
    DocumentKind,
    DocumentStatus,
    NewSplynxPayment,
    NewStatementRecord,
    Receipt,
    SplynxCustomer,
    SplynxPayment,
    StatementRecord,
    Viewer,
)
from splynx_stripe.gateways.splynx import wire
from splynx_stripe.gateways.splynx.api import Found, SplynxApi, understood
from splynx_stripe.gateways.splynx.auth import SplynxAuth
from splynx_stripe.gateways.splynx.charge_listings import ChargeListings
from splynx_stripe.gateways.splynx.client import SplynxClient
from splynx_stripe.gateways.splynx.connection import NonceReserve, SplynxConnection
from splynx_stripe.gateways.splynx.customers import CustomerCalls
from splynx_stripe.gateways.splynx.messages import MessageCalls
from splynx_stripe.gateways.splynx.payment_accounts import PaymentAccountCalls
from splynx_stripe.gateways.splynx.permissions import missing_permissions
from splynx_stripe.gateways.splynx.remembered import Remembered
from splynx_stripe.gateways.splynx.resources import (
    API_CHECK,
    COMPANY_INFO,
    CUSTOMER_BILLING,
    CUSTOMERS,
    DOWNLOADS,
    INVOICES,
    LOCATIONS,
    PARTNERS,
    PAYMENT_METHODS,
    PAYMENTS,
    PROFORMA_INVOICES,
    STATEMENT_RECORDS,
    STATEMENTS,
    Call,
    Resource,
)
from splynx_stripe.gateways.splynx.sessions import SessionReader
from splynx_stripe.gateways.splynx.wire import Row
from splynx_stripe.kit.clock import Clock
from splynx_stripe.kit.rate_limit import Priority

log = logging.getLogger(__name__)

T = TypeVar("T")


class SplynxHttpGateway:
    """The door to Splynx. All methods raise the families of `domain/errors.py`.

    Also: `BrokenInvariantError` when an answer is not what the API promises. The session's owner
    closes the session; the gateway itself holds nothing that needs closing.
    """

    def __init__(
        self,
        *,
        connection: SplynxConnection,
        session: aiohttp.ClientSession,
        clock: Clock,
        nonces: NonceReserve,
    ) -> None:
        client = SplynxClient(connection, session)
        self._api = SplynxApi(client, SplynxAuth(connection, client, clock, nonces))
        self._sessions = SessionReader(client)
        self._companies = Remembered[int, Company](clock)
        self._methods = Remembered[str, Sequence[Row]](clock)

    def with_priority(self, priority: Priority) -> SplynxHttpGateway:
        """Gives the same gateway, within the same limits, whose every call has this priority.

        Without it, everything is done for a person who waits.
        """
        view = object.__new__(SplynxHttpGateway)
        view.__dict__.update(self.__dict__, _api=self._api.with_priority(priority))
        return view

    @property
    def customers(self) -> CustomerCalls:
        """Gives the part that knows many customers at once."""
        return CustomerCalls(self._api)

    @property
    def charge_listings(self) -> ChargeListings:
        """Gives the part that charge runs use."""
        return ChargeListings(self._api)

    @property
    def payment_accounts(self) -> PaymentAccountCalls:
        """Gives the part that knows payment accounts."""
        return PaymentAccountCalls(self._api)

    async def find_document(self, kind: DocumentKind, number: str) -> Document | None:
        """Finds an invoice or proforma invoice by its printed number, never another one.

        None also when several live ones share the number (partners may number alike): which one
        is meant cannot be known, the `-by-id` address can say it.
        """
        if not 0 < len(number) <= wire.NUMBER_LENGTH:
            return None
        found = await self._api.find(_resource(kind), {"number": number})
        documents = _read(found.rows, lambda row: wire.document(kind, row))
        live = [each for each in documents if each.status is not DocumentStatus.DELETED]
        candidates = live or documents
        if len(candidates) > 1:
            ids = [each.id for each in candidates]
            log.warning("splynx.number_ambiguous", extra={"kind": kind.value, "document_ids": ids})
            return None
        return candidates[0] if candidates else None

    async def document(self, kind: DocumentKind, document_id: int) -> Document | None:
        """Fetches one by id; None when Splynx does not have it (any more)."""
        return await self._api.item(
            _resource(kind), document_id, lambda row: wire.document(kind, row)
        )

    async def open_documents(self, customer_id: int) -> Sequence[Document]:
        """Lists a customer's invoices and proforma invoices that are unpaid or pending, oldest first."""
        found = await asyncio.gather(
            *(
                self._api.find(
                    _resource(kind),
                    {"customer_id": str(customer_id), "status": status.value},
                )
                for kind in DocumentKind
                for status in (DocumentStatus.NOT_PAID, DocumentStatus.PENDING)
            )
        )
        kinds = [kind for kind in DocumentKind for _ in range(2)]
        return [
            document
            for kind, rows in zip(kinds, found, strict=True)
            for document in _read(rows.rows, partial(wire.document, kind))
        ]

    async def customer(self, customer_id: int) -> SplynxCustomer | None:
        """Fetches a customer by id; None when there is none."""
        return await self._api.item(CUSTOMERS, customer_id, wire.customer)

    async def deposit(self, customer_id: int) -> Decimal | None:
        """Reads a customer's balance, fresh: below zero is debt. None when there is no customer."""
        call = Call(CUSTOMER_BILLING, "view", item=str(customer_id))
        try:
            answer = await self._api.ask(call)
        except NotFoundError:
            return None
        return understood(call, answer, lambda value: wire.deposit(wire.row(value), customer_id))

    async def company(self, partner_id: int) -> Company:
        """Fetches what customers see of the ISP. Raises `NotFoundError` for an unknown partner."""
        return await self._companies.answer(partner_id, lambda: self._company(partner_id))

    async def _company(self, partner_id: int) -> Company:
        call = Call(COMPANY_INFO, "view", item=str(partner_id))
        answer = await self._api.ask(call)
        return understood(call, answer, lambda value: wire.company(wire.row(value)))

    async def payment_method_id(self, name: str) -> int:
        """Gives the id of the payment method of that name. Raises `NotFoundError`."""
        methods = await self._payment_methods()
        named = _named(methods, name)
        if not named:  # perhaps somebody has just added it
            self._methods.forget()
            methods = await self._payment_methods()
            named = _named(methods, name)
        if not named:
            known = ", ".join(sorted(str(row.get("name", "")) for row in methods))
            raise NotFoundError(
                f"Splynx has no payment method {name!r}. Choose one of: {known}, or add it in"
                " Config → Finance → Payment methods.",
                code="NOT_FOUND",
            )
        return _read(named, lambda row: wire.identifier(row, "id"))[0]

    async def _payment_methods(self) -> Sequence[Row]:
        async def ask() -> Sequence[Row]:
            return (await self._api.find(PAYMENT_METHODS, {}, sent={})).rows

        return await self._methods.answer("", ask)

    async def find_payments(self, receipt_number: str, customer_id: int) -> Sequence[SplynxPayment]:
        """Finds all payments that carry the marker, lowest id first; empty means proven absent.

        Splynx may ignore a filter, so: by marker; else by customer; else all, newest first.

        Raises:
            OutcomeUnknownError: Nothing was found and absence could not be proven. Look in
                Splynx, Finance → Payments, by hand.
        """
        marker = {"receipt_number": receipt_number}
        owner = {"customer_id": str(customer_id)}
        found = await self._api.find(PAYMENTS, marker, scan=False)
        if not found.is_complete:
            found |= await self._api.find(PAYMENTS, marker, sent=owner, scan=False)
        if not found.is_complete:
            found |= await self._api.find(PAYMENTS, marker, sent={})
        _require_proof(found, f"a payment with receipt number {receipt_number}")
        return _read(found.rows, wire.payment)

    async def add_payment(self, payment: NewSplynxPayment) -> int:
        """Adds a payment and gives its id. NOT idempotent: an unknown outcome must be verified."""
        try:
            return await self._api.add(PAYMENTS, wire.new_payment(payment))
        except RejectedError:
            self._methods.forget()  # its payment method may have been removed
            raise

    async def payment(self, payment_id: int) -> SplynxPayment | None:
        """Reads a payment back."""
        return await self._api.item(PAYMENTS, payment_id, wire.payment)

    async def mark_document_paid(
        self, kind: DocumentKind, document_id: int, *, payment_id: int, paid_on: date
    ) -> None:
        """Sets the document paid. The caller reads back: Splynx may answer 202 and ignore it."""
        body = {"status": "paid", "payment_id": payment_id, "date_payment": paid_on.isoformat()}
        await self._api.update(_resource(kind), document_id, body)

    async def receipt(self, payment_id: int) -> Receipt | None:
        """Fetches the receipt of a payment; None where Splynx has none."""
        call = Call(DOWNLOADS, "view", item=f"payments--{payment_id}")
        try:
            answer = await self._api.ask(call)
        except NotFoundError:
            return None
        return understood(call, answer, lambda value: wire.receipt(wire.row(value)))

    async def queue_mail(self, mail: Mail) -> None:
        """Hands an e-mail to Splynx's queue (3.20). NOT idempotent: two calls are two e-mails."""
        await MessageCalls(self._api).queue_mail(mail)

    async def queue_text(self, message: TextMessage) -> None:
        """Hands a text message to Splynx's queue. NOT idempotent."""
        await MessageCalls(self._api).queue_text(message)

    async def post_to_portal(self, message: PortalMessage) -> None:
        """Puts a message into a customer's portal. NOT idempotent."""
        await MessageCalls(self._api).post_to_portal(message)

    async def set_document_status(
        self, kind: DocumentKind, document_id: int, status: DocumentStatus
    ) -> None:
        """Sets the status of a document that is not paid. The caller reads back."""
        await self._api.update(_resource(kind), document_id, {"status": status.value})

    async def find_statements(self, title: str) -> Sequence[int]:
        """Finds the ids of payment statements with exactly that title, lowest first."""
        found = await self._api.find(STATEMENTS, {"title": title})
        return _read(found.rows, lambda row: wire.identifier(row, "id"))

    async def add_statement(self, title: str) -> int:
        """Adds a payment statement."""
        return await self._api.add(STATEMENTS, {"title": title, "status": "success"})

    async def find_statement_records(
        self, statement_id: int, marker: str
    ) -> Sequence[StatementRecord]:
        """Finds the records of a statement that carry the marker; empty means proven absent.

        Raises:
            OutcomeUnknownError: Nothing was found and absence could not be proven.
        """
        wanted = {"bank_statements_process_id": str(statement_id), "additional_1": marker}
        found = await self._api.find(STATEMENT_RECORDS, wanted)
        _require_proof(found, f"a record with {marker} in payment statement {statement_id}")
        return _read(found.rows, wire.statement_record)

    async def add_statement_record(self, record: NewStatementRecord) -> int:
        """Adds a record with status `processed`. NOT idempotent."""
        return await self._api.add(STATEMENT_RECORDS, wire.new_statement_record(record))

    async def viewer_of_session(self, session_id: str) -> Viewer | None:
        """Says whose browser session this is; None for nobody that we can be sure of.

        An administrator whose id Splynx does not tell has `administrator_id` 0.
        """
        return await self._sessions.viewer(session_id)

    async def partners(self) -> Mapping[int, str]:
        """Lists the partners by id."""
        return _names((await self._api.find(PARTNERS, {}, sent={})).rows)

    async def locations(self) -> Mapping[int, str]:
        """Lists the locations by id."""
        return _names((await self._api.find(LOCATIONS, {}, sent={})).rows)

    async def payment_methods(self) -> Mapping[int, str]:
        """Lists the payment methods by id."""
        return _names(await self._payment_methods())

    async def check(self) -> None:
        """Makes sure that Splynx answers at this address and accepts the API key."""
        await self._api.ask(Call(API_CHECK, "index", query=(("checkAuth", "1"),)))

    async def probe_permissions(self) -> list[str]:
        r"""Names what the API key lacks, as `api\admin\finance\Payments index`."""
        return await missing_permissions(self._api)


def _resource(kind: DocumentKind) -> Resource:
    match kind:
        case DocumentKind.INVOICE:
            return INVOICES
        case DocumentKind.PROFORMA:
            return PROFORMA_INVOICES


def _names(rows: Sequence[Row]) -> Mapping[int, str]:
    return dict(
        _read(rows, lambda row: (wire.identifier(row, "id"), str(row.get("name", "")).strip()))
    )


def _named(methods: Sequence[Row], name: str) -> list[Row]:
    return [row for row in methods if str(row.get("name", "")).strip() == name.strip()]


def _require_proof(found: Found, what: str) -> None:
    if found.rows or found.is_complete:
        return
    raise OutcomeUnknownError(
        f"Cannot verify whether Splynx has {what}: it ignores the filters, and there are too many"
        " rows to read them all. Look by hand."
    )


def _read(rows: Sequence[Row], read: Callable[[Row], T]) -> list[T]:
    try:
        return [read(row) for row in rows]
    except wire.WireError as error:
        raise BrokenInvariantError(
            f"Splynx's answer is not what its API promises: {error}. Nothing was written."
        ) from error
