"""What the flows need from the rooms beside them: the store, Splynx, Stripe and the settings.

`store/` and `gateways/` implement these Protocols; `daemon.py` joins them. Errors are the four
families of `domain/errors.py`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Protocol, TypeVar

from splynx_stripe.domain.attempt import Attempt
from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.case import Case, CaseKind
from splynx_stripe.domain.collection import Collection
from splynx_stripe.domain.effect import Effect, StoredEffect
from splynx_stripe.domain.inbox import InboxEnd, InboxEvent, InboxState, NewInboxEvent
from splynx_stripe.domain.installation import Installation
from splynx_stripe.domain.lease import Lease
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import Payable
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
)
from splynx_stripe.domain.stripe import (
    Observed,
    PaymentIntentOrder,
    StripeAccount,
    StripeCustomerOrder,
    StripeEvent,
)
from splynx_stripe.domain.terms import Terms
from splynx_stripe.flows.charge_rule_ports import ChargeRuleUnit
from splynx_stripe.flows.charge_run_ports import ChargeRunUnit
from splynx_stripe.flows.connection_ports import ConnectionUnit
from splynx_stripe.flows.credential_ports import CredentialUnit, MirrorUnit, SetupUnit
from splynx_stripe.flows.customer_sync_ports import CustomerSyncUnit
from splynx_stripe.flows.failure_ports import NoticeUnit, RecoveryUnit
from splynx_stripe.flows.late_return_ports import LateReturnUnit
from splynx_stripe.flows.link_ports import LinkUnit
from splynx_stripe.flows.operation_ports import OperationUnit
from splynx_stripe.flows.page_settings_ports import PageSettingsUnit

T = TypeVar("T")


class Unit(
    LinkUnit,
    OperationUnit,
    PageSettingsUnit,
    SetupUnit,
    CredentialUnit,
    MirrorUnit,
    ConnectionUnit,
    LateReturnUnit,
    CustomerSyncUnit,
    ChargeRuleUnit,
    ChargeRunUnit,
    RecoveryUnit,
    NoticeUnit,
    Protocol,
):
    """One transaction. All methods are synchronous: nothing waits between reading and commit.

    Rows are returned as frozen values. `save_*` methods compare the version (or claim) that the
    value carries with the row and raise `StaleWriteError` when the row has moved on.
    """

    def installation(self) -> Installation:
        """Gives the identity of this installation."""
        ...

    def booked_collections(
        self, customer_id: int, *, before: str, limit: int
    ) -> Sequence[Collection]:
        """Lists what a customer has paid, newest first, from below the id `before` ("" is the top).

        Documents that were paid at once come one by one.
        """
        ...

    def live_collection(self, payable: Payable) -> Collection | None:
        """Finds the collection that holds the lease of the payable."""
        ...

    def latest_collection(self, payable: Payable) -> Collection | None:
        """Finds the newest collection of the payable, live or not."""
        ...

    def latest_collection_of_key(self, payable_key: str) -> Collection | None:
        """Finds the same by the key of the debt."""
        ...

    def collection(self, collection_id: str) -> Collection | None:
        """Finds a collection by id."""
        ...

    def parts_of(self, whole_id: str) -> Sequence[Collection]:
        """Lists the collections of documents that are paid at once, by their `part`."""
        ...

    def rivals_of(self, payable: Payable) -> Sequence[Collection]:
        """Lists the live collections that collect the same customer's money by another route.

        What the account as a whole owes (a balance, a prepaid period) and the documents exclude
        each other; a top-up excludes nothing. Of several documents, the collection of all is given.
        """
        ...

    def latest_of_origin(self, origin: str) -> Collection | None:
        """Finds the newest collection of an unattended charge's origin, live or not."""
        ...

    def money_on_its_way(self, customer_id: int, currency: str) -> Money:
        """Adds up what is taken from a customer, or being debited, and not booked in Splynx yet."""
        ...

    def add_collection(self, collection: Collection) -> None:
        """Takes the lease.

        Raises:
            LeaseHeldError: another live collection has it, or a rival (`rivals_of`) is live, also
                where another daemon is taking one of them at this moment.
        """
        ...

    def save_collection(self, collection: Collection) -> None:
        """Writes the state and raises the version by one."""
        ...

    def idle_collections(
        self, now: datetime, patience: timedelta, limit: int
    ) -> Sequence[Collection]:
        """Finds OPEN collections without a live attempt that are older than `patience`.

        Also those that were opened further than that in the future, by a clock that was wrong.
        """
        ...

    def attempt(self, attempt_id: str) -> Attempt | None:
        """Finds an attempt by id."""
        ...

    def attempt_of_intent(self, account: StripeAccount, intent_id: str) -> Attempt | None:
        """Finds the attempt that a PaymentIntent belongs to."""
        ...

    def attempts_of(self, collection_id: str) -> Sequence[Attempt]:
        """Lists the attempts of a collection, oldest first."""
        ...

    def add_attempt(self, attempt: Attempt) -> None:
        """Adds it. Raises `LeaseHeldError` when its collection has another live attempt."""
        ...

    def save_attempt(self, attempt: Attempt) -> Attempt:
        """Writes what is known, not the frozen parameters; gives it with its next version."""
        ...

    def attempts_to_look_at(self, now: datetime, limit: int) -> Sequence[Attempt]:
        """Finds attempts whose `next_look_at` has come, the most overdue first."""
        ...

    def add_effect(
        self, effect: Effect, *, attempt_id: str, now: datetime, deadline_at: datetime
    ) -> bool:
        """Stores an effect to be done from `now` on. False (and nothing) when the key exists."""
        ...

    def effect(self, key: str) -> StoredEffect | None:
        """Finds an effect by key."""
        ...

    def claim_effects(self, now: datetime, until: datetime, limit: int) -> Sequence[StoredEffect]:
        """Claims due pending effects that nobody holds; each gets a new, higher `claim`."""
        ...

    def save_effect(self, effect: StoredEffect) -> None:
        """Writes state, tries, next_at, claimed_until, posting_at, last_error, guarded by `claim`."""
        ...

    def receive_event(self, event: NewInboxEvent) -> bool:
        """Stores an event. False (and nothing) when (account, event id) is there already."""
        ...

    def receive_events(self, events: Sequence[NewInboxEvent]) -> Sequence[bool]:
        """Stores several at once, with the answers that one after the other would have got."""
        ...

    def claim_inbox(self, now: datetime, until: datetime, limit: int) -> Sequence[InboxEvent]:
        """Claims RECEIVED events that are due and that nobody holds, oldest first."""
        ...

    def finish_inbox(
        self,
        event: InboxEvent,
        *,
        state: InboxState,
        note: str,
        next_at: datetime | None = None,
    ) -> None:
        """Ends a claim with a state; `next_at` and RECEIVED mean: once more, then. Counts a try."""
        ...

    def finish_inbox_events(self, ends: Sequence[InboxEnd]) -> None:
        """Ends several claims as `finish_inbox` does. Raises `StaleWriteError` when one was lost."""
        ...

    def poll_cursor(self, account: StripeAccount) -> datetime | None:
        """Gives the moment up to which the account's events list has been read."""
        ...

    def set_poll_cursor(self, account: StripeAccount, cursor: datetime) -> None:
        """Moves the cursor. It only ever moves forward."""
        ...

    def last_event_at(self, account: StripeAccount, source: str) -> datetime | None:
        """Says when the newest event of this source ("webhook", "poll") was received."""
        ...

    def open_case(self, case: Case) -> bool:
        """Opens a case. False (and nothing) when one is open for (kind, subject)."""
        ...

    def close_case(self, kind: CaseKind, subject: str, *, now: datetime, note: str) -> bool:
        """Closes the open case of (kind, subject), if there is one."""
        ...

    def is_case_open(self, kind: CaseKind, subject: str) -> bool:
        """Says whether a case of (kind, subject) waits for a person."""
        ...

    def case_that_stops_money(self) -> Case | None:
        """Gives the oldest open case of a kind in `STOPS_MONEY`, however many others are open."""
        ...

    def cases(self, *, only_open: bool, limit: int) -> Sequence[Case]:
        """Lists cases, the oldest open first."""
        ...

    def record(self, entry: AuditEntry) -> None:
        """Appends to the audit log."""
        ...

    def audit_of(self, collection_id: str) -> Sequence[AuditEntry]:
        """Lists what happened to a collection, oldest first."""
        ...

    def recent_audit(self, *, limit: int) -> Sequence[AuditEntry]:
        """Lists the newest entries, newest first."""
        ...

    def stripe_customer(self, account: StripeAccount, splynx_customer_id: int) -> str:
        """Gives the Stripe customer id of a Splynx customer in that account, or ""."""
        ...

    def save_stripe_customer(
        self, account: StripeAccount, splynx_customer_id: int, stripe_customer_id: str
    ) -> None:
        """Remembers it; the newest wins."""
        ...

    def lease(self, name: str) -> Lease | None:
        """Finds a named lease; None when nobody has ever had it."""
        ...

    def take_lease(self, name: str, holder: str, *, now: datetime, until: datetime) -> Lease | None:
        """Takes a named lease that is free or over. None when somebody else has it."""
        ...

    def keep_lease(self, lease: Lease, *, until: datetime) -> Lease | None:
        """Keeps a lease for longer. None when it has gone to somebody else."""
        ...

    def displace_lease(self, seen: Lease, holder: str, *, until: datetime) -> Lease | None:
        """Takes a lease from a holder who has done nothing since it was `seen`. None otherwise."""
        ...

    def require_lease(self, lease: Lease) -> None:
        """Fences this unit: raises `StaleWriteError` unless the lease is still this holder's."""
        ...

    def release_lease(self, lease: Lease) -> None:
        """Lets go of a lease; nothing happens when it has gone to somebody else."""
        ...


class Store(Protocol):
    """Remembers. `run` commits before it returns; an exception from `work` undoes the whole unit."""

    async def run(self, work: Callable[[Unit], T]) -> T:
        """Executes a unit of work whole, commits it durably, and gives its result."""
        ...

    async def read(self, work: Callable[[Unit], T]) -> T:
        """Executes a unit that only reads, on committed data."""
        ...


class SplynxGateway(Protocol):
    """The door to Splynx, as far as flows use it. Filtered results are re-checked inside."""

    async def find_document(self, kind: DocumentKind, number: str) -> Document | None:
        """Finds an invoice or proforma invoice by its printed number."""
        ...

    async def document(self, kind: DocumentKind, document_id: int) -> Document | None:
        """Fetches one by id; None when Splynx does not have it (any more)."""
        ...

    async def open_documents(self, customer_id: int) -> Sequence[Document]:
        """Lists a customer's invoices and proforma invoices that are unpaid or pending."""
        ...

    async def customer(self, customer_id: int) -> SplynxCustomer | None:
        """Fetches a customer by id; None when there is none."""
        ...

    async def deposit(self, customer_id: int) -> Decimal | None:
        """Reads a customer's balance, fresh: below zero is debt. None when there is no customer."""
        ...

    async def company(self, partner_id: int) -> Company:
        """Fetches what customers see of the ISP."""
        ...

    async def payment_method_id(self, name: str) -> int:
        """Gives the id of the payment method of that name. Raises `NotFoundError`."""
        ...

    async def set_document_status(
        self, kind: DocumentKind, document_id: int, status: DocumentStatus
    ) -> None:
        """Sets the status of a document that is not paid. The caller reads back."""
        ...

    async def find_payments(self, receipt_number: str, customer_id: int) -> Sequence[SplynxPayment]:
        """Finds the payments that carry the marker, oldest first.

        Searches by marker for every customer, and additionally lists the customer's own payments
        when the filtered answer shows that the filter was ignored.
        """
        ...

    async def receipt(self, payment_id: int) -> Receipt | None:
        """Fetches the receipt of a payment; None where Splynx has none."""
        ...

    async def add_payment(self, payment: NewSplynxPayment) -> int:
        """Adds a payment and gives its id. NOT idempotent: an unknown outcome must be verified."""
        ...

    async def payment(self, payment_id: int) -> SplynxPayment | None:
        """Reads a payment back."""
        ...

    async def mark_document_paid(
        self, kind: DocumentKind, document_id: int, *, payment_id: int, paid_on: date
    ) -> None:
        """Sets the document paid. The caller reads back."""
        ...

    async def find_statements(self, title: str) -> Sequence[int]:
        """Finds the ids of payment statements with exactly that title, lowest first."""
        ...

    async def add_statement(self, title: str) -> int:
        """Adds a payment statement."""
        ...

    async def find_statement_records(
        self, statement_id: int, marker: str
    ) -> Sequence[StatementRecord]:
        """Finds the records of a statement that carry the marker."""
        ...

    async def add_statement_record(self, record: NewStatementRecord) -> int:
        """Adds a record with status `processed`."""
        ...


class StripeGateway(Protocol):
    """The door to Stripe, as far as flows use it."""

    async def create_customer(
        self, account: StripeAccount, order: StripeCustomerOrder, *, idempotency_key: str
    ) -> str:
        """Creates a customer and gives its id."""
        ...

    async def create_payment_intent(
        self, account: StripeAccount, order: PaymentIntentOrder, *, idempotency_key: str
    ) -> Observed:
        """Creates a PaymentIntent, or gives the one that this key created before.

        Raises:
            RejectedError: Stripe refused; nothing exists. Final.
            RetryableError: Surely nothing happened; repeat with the same key.
            OutcomeUnknownError: Timeout, 5xx or half an answer; ask with the same key.
            BrokenInvariantError: The key was used with other parameters; stop this payment.
        """
        ...

    async def retrieve_payment_intent(self, account: StripeAccount, intent_id: str) -> Observed:
        """Reads a PaymentIntent. Raises `NotFoundError` when Stripe does not know it."""
        ...

    async def cancel_payment_intent(self, account: StripeAccount, intent_id: str) -> Observed:
        """Cancels it, or gives what it is when it cannot be canceled any more."""
        ...

    async def find_payment_intents(
        self,
        account: StripeAccount,
        *,
        customer: str,
        created_from: datetime,
        created_to: datetime,
    ) -> Sequence[Observed]:
        """Lists a customer's PaymentIntents of a period completely (list API, never search)."""
        ...

    def event_pages(
        self, account: StripeAccount, *, created_from: datetime
    ) -> AsyncIterator[Sequence[StripeEvent]]:
        """Lists all events from that moment on, newest first as Stripe does, page by page.

        Only the types that we handle. The list was read completely when the iteration ends.
        """
        ...

    def parse_event(self, body: bytes) -> StripeEvent:
        """Reads a stored event body. Raises `RejectedError` when it is not understood."""
        ...


class TermsSource(Protocol):
    """Gives the terms of a partner."""

    def terms(self, partner_id: int) -> Terms | None:
        """Gives the resolved terms, or None when this partner cannot be charged (no keys, no currency)."""
        ...
