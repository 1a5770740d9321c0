"""Everything this Splynx remembers, and its ways to tell time and make tokens."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Literal, TypeVar
from zoneinfo import ZoneInfo

from splynx_stripe.kit.clock import Clock
from splynx_stripe.sandbox.splynx.options import SplynxSandboxOptions
from splynx_stripe.sandbox.splynx.permissions import Permission
from splynx_stripe.sandbox.splynx.rows import (
    Administrator,
    BankStatement,
    CreditNote,
    Customer,
    CustomerBilling,
    CustomerInfo,
    CustomerNote,
    EntryPoint,
    Invoice,
    InvoiceRelation,
    JsonObject,
    Location,
    Mail,
    Partner,
    Payment,
    PaymentAccountData,
    PaymentMethod,
    PlainRow,
    Proforma,
    Row,
    SentDocument,
    Sms,
    StatementRecord,
    Transaction,
    TransactionCategory,
)

R = TypeVar("R", bound=Row)

UserKind = Literal["customer", "administrator"]


def owner_of(row: Row) -> int:
    """Gives the id of the customer a row belongs to, 0 for nobody's."""
    if isinstance(row, Customer | CustomerInfo):
        return row.id
    return int(getattr(row, "customer_id", 0) or 0)


class Table(Generic[R]):
    """Rows by id, in order of creation, with an index by customer."""

    def __init__(self, row_type: type[R], *, first_id: int = 1) -> None:
        self.row_type = row_type
        self._next_id = first_id
        self._rows: dict[int, R] = {}
        self._of_customer: dict[int, list[R]] = {}
        self._owner: dict[int, int] = {}

    def add(self, row: R) -> R:
        """Keeps a row; one without an id gets the next free one."""
        if not row.id:
            row.id = self._next_id
        self._next_id = max(self._next_id, row.id + 1)
        self._rows[row.id] = row
        self._owner[row.id] = owner_of(row)
        self._of_customer.setdefault(self._owner[row.id], []).append(row)
        return row

    def get(self, row_id: int) -> R | None:
        return self._rows.get(row_id)

    def __getitem__(self, row_id: int) -> R:
        return self._rows[row_id]

    def __iter__(self) -> Iterator[R]:
        return iter(self._rows.values())

    def __len__(self) -> int:
        return len(self._rows)

    def of_customer(self, customer_id: int) -> list[R]:
        """Gives the rows of one customer, oldest first."""
        return list(self._of_customer.get(customer_id, ()))

    def remove(self, row: R) -> None:
        del self._rows[row.id]
        self._of_customer[self._owner.pop(row.id)].remove(row)


@dataclass(slots=True, kw_only=True)
class ApiKey:
    """A key of Administration → API keys (reference 2.5). `partner_id` 0 is any."""

    id: int
    key: str
    secret: str
    permissions: frozenset[Permission]
    partner_id: int = 0
    unsecure_auth: bool | None = None
    check_nonce: bool | None = None
    """None: as the option of the same name says."""
    last_nonce: int = 0


@dataclass(slots=True, kw_only=True)
class Session:
    """A browser that is logged in."""

    kind: UserKind
    user_id: int


@dataclass(slots=True, kw_only=True)
class Token:
    """A token login; expirations are unix seconds."""

    access_token: str
    access_expires_at: int
    refresh_token: str
    refresh_expires_at: int
    user: ApiKey | Session
    user_agent: str
    ip: str
    banned: bool = False


@dataclass(slots=True, kw_only=True)
class SplynxState:
    """All tables of one sandbox. Tests read and change them directly."""

    clock: Clock
    options: SplynxSandboxOptions
    seed: int = 1

    partners: Table[Partner] = field(default_factory=lambda: Table(Partner))
    locations: Table[Location] = field(default_factory=lambda: Table(Location))
    administrators: Table[Administrator] = field(default_factory=lambda: Table(Administrator))
    customers: Table[Customer] = field(default_factory=lambda: Table(Customer))
    customer_infos: Table[CustomerInfo] = field(default_factory=lambda: Table(CustomerInfo))
    billings: Table[CustomerBilling] = field(default_factory=lambda: Table(CustomerBilling))
    notes: Table[CustomerNote] = field(default_factory=lambda: Table(CustomerNote, first_id=91))
    payment_account_data: Table[PaymentAccountData] = field(
        default_factory=lambda: Table(PaymentAccountData)
    )
    invoices: Table[Invoice] = field(default_factory=lambda: Table(Invoice))
    proformas: Table[Proforma] = field(default_factory=lambda: Table(Proforma))
    payments: Table[Payment] = field(default_factory=lambda: Table(Payment, first_id=330))
    transactions: Table[Transaction] = field(
        default_factory=lambda: Table(Transaction, first_id=5301)
    )
    categories: Table[TransactionCategory] = field(
        default_factory=lambda: Table(TransactionCategory)
    )
    relations: Table[InvoiceRelation] = field(default_factory=lambda: Table(InvoiceRelation))
    credit_notes: Table[CreditNote] = field(default_factory=lambda: Table(CreditNote, first_id=8))
    statements: Table[BankStatement] = field(
        default_factory=lambda: Table(BankStatement, first_id=12)
    )
    records: Table[StatementRecord] = field(
        default_factory=lambda: Table(StatementRecord, first_id=402)
    )
    payment_methods: Table[PaymentMethod] = field(default_factory=lambda: Table(PaymentMethod))
    mails: Table[Mail] = field(default_factory=lambda: Table(Mail, first_id=77))
    text_messages: Table[Sms] = field(default_factory=lambda: Table(Sms, first_id=31))
    sent_documents: Table[SentDocument] = field(
        default_factory=lambda: Table(SentDocument, first_id=5)
    )
    entry_points: Table[EntryPoint] = field(default_factory=lambda: Table(EntryPoint))
    payment_accounts: Table[PlainRow] = field(default_factory=lambda: Table(PlainRow))
    company_infos: Table[PlainRow] = field(default_factory=lambda: Table(PlainRow))
    taxes: Table[PlainRow] = field(default_factory=lambda: Table(PlainRow))
    modules: Table[PlainRow] = field(default_factory=lambda: Table(PlainRow))
    config: dict[tuple[str, str, int], JsonObject] = field(default_factory=dict)
    """(module, path, partner id or 0) → keys and values."""

    api_keys: dict[str, ApiKey] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    """By access token."""
    tokens_made: int = 0

    def local_now(self) -> datetime:
        """Gives the naive local time of the server."""
        return self.clock.now().astimezone(ZoneInfo(self.options.timezone)).replace(tzinfo=None)

    def today(self) -> str:
        return self.local_now().strftime("%Y-%m-%d")

    def timestamp(self) -> str:
        return self.local_now().strftime("%Y-%m-%d %H:%M:%S")

    def new_token(self) -> str:
        """Makes a token that is the same in each run with the same seed."""
        self.tokens_made += 1
        return hashlib.sha256(f"{self.seed}:{self.tokens_made}".encode()).hexdigest()[:32]

    def partner_of(self, row: Row) -> int:
        """Gives the partner a row belongs to, 0 for nobody's."""
        if isinstance(row, Customer):
            return row.partner_id
        customer = self.customers.get(owner_of(row))
        return customer.partner_id if customer else 0
