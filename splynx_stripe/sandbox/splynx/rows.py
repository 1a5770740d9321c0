"""The rows Splynx keeps, named and typed as its API shows them (reference, section 3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar

JsonObject = dict[str, Any]

ZERO = Decimal("0.0000")
UNSET_DATE = "0000-00-00"
UNSET_DATETIME = "0000-00-00 00:00:00"


@dataclass(slots=True, kw_only=True, eq=False)
class Row:
    """Anything with an id. A trailing underscore of a field name is not part of its name."""

    REQUIRED: ClassVar[tuple[str, ...]] = ()
    READ_ONLY: ClassVar[tuple[str, ...]] = ("id",)
    HIDDEN: ClassVar[tuple[str, ...]] = ()
    TITLES: ClassVar[dict[str, str]] = {}
    INDEXED: ClassVar[tuple[str, ...]] = ("customer_id",)
    """Whether `customer_id` never changes, so that the table's index by customer is right."""

    id: int = 0


@dataclass(slots=True, kw_only=True, eq=False)
class Customer(Row):
    REQUIRED = ("partner_id", "location_id", "name", "category")
    HIDDEN = ("password",)

    billing_type: str = "recurring"
    partner_id: int = 1
    location_id: int = 1
    parent_id: int = 0
    added_by: str = "api"
    added_by_id: int = 1
    login: str = ""
    password: str = ""
    status: str = "active"
    category: str = "person"
    name: str = ""
    email: str = ""
    billing_email: str = ""
    phone: str = ""
    street_1: str = ""
    zip_code: str = ""
    city: str = ""
    subdivision_id: int = 0
    gps: str | None = None
    gdpr_agreed: str = "empty_answer"
    date_add: str = "2024-01-10"
    last_online: str = UNSET_DATETIME
    last_update: str = UNSET_DATETIME
    daily_prepaid_cost: Decimal = ZERO
    mrr_total: Decimal = ZERO
    conversion_date: str | None = None
    customer_labels: list[JsonObject] = field(default_factory=list)
    additional_attributes: JsonObject = field(default_factory=dict)


@dataclass(slots=True, kw_only=True, eq=False)
class CustomerInfo(Row):
    birthday: str = ""
    passport: str = ""
    company_id: str = ""
    vat_id: str = ""
    contact_person: str = ""
    updated_at: str = UNSET_DATETIME


@dataclass(slots=True, kw_only=True, eq=False)
class CustomerBilling(Row):
    """`id` is the customer's. `deposit`: above zero is credit, below zero is debt."""

    READ_ONLY = ("id", "customer_id", "deposit")
    HIDDEN = ("id",)

    customer_id: int
    enabled: int = 1
    type: str = "1"
    deposit: Decimal = ZERO
    billing_date: str = "1"
    billing_due: str = "15"
    blocking_period: str = "0"
    grace_period: str = "3"
    make_invoices: str = "1"
    payment_method: str = "2"
    min_balance: Decimal = ZERO
    request_auto_enable: str = "0"
    request_auto_day: str = "1"
    request_auto_period: str = "0"
    request_auto_type: int = 1
    request_auto_next: str = UNSET_DATE
    reminder_enable: str = "1"
    reminder_day_1: str = "2"
    reminder_day_2: str = "8"
    reminder_day_3: str = "20"
    reminder_payment: str = "0"
    reminder_payment_value: Decimal = ZERO
    reminder_payment_comment: str = ""
    reminder_type: str = "0"
    billing_person: str = ""
    billing_street_1: str = ""
    billing_zip_code: str = ""
    billing_city: str = ""
    sub_billing_mode: str = "independent"
    send_finance_notification: str = "1"
    partner_percent: Decimal = ZERO


@dataclass(slots=True, kw_only=True, eq=False)
class CustomerNote(Row):
    REQUIRED = ("customer_id", "comment")

    customer_id: int = 0
    datetime: str = ""
    administrator_id: int = 0
    name: str = ""
    type: str = "comment"
    class_: str = "default"
    title: str = ""
    comment: str = ""
    is_pinned: str = "0"


@dataclass(slots=True, kw_only=True, eq=False)
class PaymentAccountData(Row):
    """One stored card or mandate: one row per (customer, account)."""

    READ_ONLY = ("id", "account_id", "customer_id")
    HIDDEN = ("id",)

    account_id: int
    customer_id: str
    field_1: str = ""
    field_2: str = ""
    field_3: str = ""
    field_4: str = ""
    field_5: str = ""
    field_6: str = ""
    field_7: str = ""
    field_8: str = ""
    field_9: str = ""
    field_10: str = ""


@dataclass(slots=True, kw_only=True, eq=False)
class Partner(Row):
    name: str = ""


@dataclass(slots=True, kw_only=True, eq=False)
class Location(Row):
    name: str = ""


@dataclass(slots=True, kw_only=True, eq=False)
class Administrator(Row):
    HIDDEN = ("password",)

    partner_id: int = 0
    role_name: str = "super-administrator"
    login: str = ""
    password: str = ""
    name: str = ""
    email: str = ""
    phone: str = ""
    timeout: int = 0
    last_ip: str = "192.0.2.10"
    last_dt: str = UNSET_DATETIME


@dataclass(slots=True, kw_only=True, eq=False)
class Invoice(Row):
    """`due` is what is still to be paid of `total`. `status`: not_paid, paid, pending, deleted."""

    REQUIRED = ("customer_id", "number", "status", "items")
    READ_ONLY = ("id", "due", "real_create_datetime", "added_by", "added_by_id")

    customer_id: int = 0
    number: str = ""
    date_created: str = ""
    real_create_datetime: str = ""
    date_updated: str = ""
    date_payment: str = UNSET_DATE
    date_till: str = UNSET_DATE
    use_transactions: str = "1"
    note: str = ""
    memo: str = ""
    total: Decimal = ZERO
    due: Decimal = ZERO
    payment_id: int = 0
    type: str = "recurring"
    payd_from_deposit: str = "0"
    status: str = "not_paid"
    is_sent: str = "1"
    added_by: str = "system"
    added_by_id: int = 0
    items: list[JsonObject] = field(default_factory=list)
    additional_attributes: JsonObject = field(default_factory=dict)


@dataclass(slots=True, kw_only=True, eq=False)
class Proforma(Row):
    """A proforma invoice, `Requests` inside Splynx. It has no `due`: no partial payments."""

    REQUIRED = ("customer_id", "number", "status", "items")
    READ_ONLY = ("id", "real_create_datetime", "added_by", "added_by_id")

    customer_id: int = 0
    number: str = ""
    date_created: str = ""
    real_create_datetime: str = ""
    date_updated: str = ""
    date_payment: str = UNSET_DATE
    date_till: str = UNSET_DATE
    total: Decimal = ZERO
    payment_id: int = 0
    status: str = "not_paid"
    is_sent: str = "1"
    note: str = ""
    memo: str = ""
    is_crm_request: bool = False
    added_by: str = "system"
    added_by_id: int = 0
    items: list[JsonObject] = field(default_factory=list)
    additional_attributes: JsonObject = field(default_factory=dict)


@dataclass(slots=True, kw_only=True, eq=False)
class Payment(Row):
    """Money in (above zero) or given back (below). `remind_amount`: not on an invoice yet."""

    REQUIRED = ("customer_id",)
    READ_ONLY = ("id", "transaction_id", "remind_amount", "real_create_datetime", "updated_at")
    TITLES: ClassVar[dict[str, str]] = {
        "id": "ID",
        "customer_id": "Customer ID",
        "invoice_id": "Invoice",
        "request_id": "Proforma Invoice",
        "receipt_number": "Receipt Number",
        "amount": "Sum",
        "remind_amount": "Unallocated amount",
        "field_1": "Payer",
    }

    customer_id: int = 0
    invoice_id: int | None = None
    credit_note_id: int | None = None
    request_id: int | None = None
    transaction_id: int = 0
    payment_statement_id: int | None = None
    refund_payment_id: int | None = None
    payment_type: int = 1
    receipt_number: str = ""
    date: str = ""
    real_create_datetime: str = ""
    amount: Decimal = ZERO
    remind_amount: Decimal = ZERO
    comment: str = ""
    is_sent: str = "0"
    field_1: str = ""
    field_2: str = ""
    field_3: str = ""
    field_4: str = ""
    field_5: str = ""
    note: str = ""
    memo: str = ""
    added_by: str = "api"
    added_by_id: int = 0
    updated_at: str = ""
    additional_attributes: JsonObject = field(default_factory=dict)


@dataclass(slots=True, kw_only=True, eq=False)
class Transaction(Row):
    """`debit`: the customer owes more; `credit`: the customer owes less."""

    REQUIRED = ("customer_id", "type", "tax_percent", "date", "category")

    customer_id: int = 0
    sub_account_id: int = 0
    type: str = "debit"
    quantity: int = 1
    unit: str = ""
    price: Decimal = ZERO
    tax_percent: Decimal = ZERO
    tax_id: int = 0
    total: Decimal = ZERO
    remind_amount: Decimal = ZERO
    date: str = ""
    category: int = 1
    description: str = ""
    comment: str = ""
    period_from: str = UNSET_DATE
    period_to: str = UNSET_DATE
    to_invoice: str = "0"
    service_id: int = 0
    service_type: str = "custom"
    payment_id: int | None = None
    invoice_id: int | None = None
    invoiced_by_id: int | None = None
    credit_note_id: int | None = None
    source: str = "manual"


@dataclass(slots=True, kw_only=True, eq=False)
class TransactionCategory(Row):
    REQUIRED = ("name",)

    name: str = ""
    is_base: str = "1"
    accounting_category_id: int | None = None
    einvoicing_category_id: int = 0


@dataclass(slots=True, kw_only=True, eq=False)
class InvoiceRelation(Row):
    """Says by how much a payment covers an invoice. `amount` is a JSON number on the wire."""

    customer_id: int = 0
    payer_id: int = 0
    type: str = "payment"
    invoice_id: int = 0
    transaction_id: int | None = None
    amount: Decimal = ZERO


@dataclass(slots=True, kw_only=True, eq=False)
class CreditNote(Row):
    """`not_refunded`: its money is on the balance and was not given back yet."""

    REQUIRED = ("customer_id", "number", "status", "items")
    READ_ONLY = ("id", "remind_amount", "real_create_datetime", "added_by", "added_by_id")

    customer_id: int = 0
    number: str = ""
    date_created: str = ""
    real_create_datetime: str = ""
    date_updated: str = ""
    date_payment: str = UNSET_DATE
    status: str = "not_refunded"
    total: Decimal = ZERO
    remind_amount: Decimal = ZERO
    payment_id: int = 0
    note: str = ""
    is_sent: str = "0"
    added_by: str = "api"
    added_by_id: int = 0
    items: list[JsonObject] = field(default_factory=list)


@dataclass(slots=True, kw_only=True, eq=False)
class BankStatement(Row):
    """A payment statement. The counters are counted from its records when it is read."""

    READ_ONLY = ("id", "date_time")

    date_time: str = ""
    title: str = ""
    handler: str = ""
    status: str = "new"
    filename_original: str = ""
    filename_uploaded: str = ""
    filename_parsed: str = ""
    payment_type: int = 2
    delimiter: str = "tabulator"
    pair_to_inactive_customers: str = "1"


@dataclass(slots=True, kw_only=True, eq=False)
class StatementRecord(Row):
    REQUIRED = ("bank_statements_process_id",)
    INDEXED = ()
    READ_ONLY = ("id", "datetime")

    bank_statements_process_id: int = 0
    datetime: str = ""
    payment_date: str = UNSET_DATE
    amount: Decimal = ZERO
    status: str = "new"
    pairing_1: str = ""
    pairing_2: str = ""
    pairing_3: str = ""
    additional_1: str = ""
    additional_2: str = ""
    additional_3: str = ""
    comment: str = ""
    customer_id: int | None = None
    invoice_id: int | None = None
    credit_note_id: int | None = None
    request_id: int | None = None
    payment_id: int | None = None
    transaction_id: int | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class PaymentMethod(Row):
    REQUIRED = ("name", "is_active")

    name: str = ""
    is_active: str = "1"
    name_1: str = ""
    name_2: str = ""
    name_3: str = ""
    name_4: str = ""
    name_5: str = ""
    accounting_bank_accounts_id: int = 0
    einvoicing_payment_methods_id: int = 0


@dataclass(slots=True, kw_only=True, eq=False)
class Mail(Row):
    REQUIRED = ("recipient",)

    type: str = "message"
    subject: str = ""
    recipient: str = ""
    cc: str = ""
    bcc: str = ""
    from_: str = ""
    message: str = ""
    customer_id: int = 0
    status: str = "new"
    datetime_added: str = ""
    datetime_sent: str = UNSET_DATETIME
    attachments: list[JsonObject] = field(default_factory=list)


@dataclass(slots=True, kw_only=True, eq=False)
class Sms(Row):
    REQUIRED = ("recipient",)

    type: str = "message"
    recipient: str = ""
    message: str = ""
    customer_id: int = 0
    status: str = "new"
    datetime_added: str = ""
    datetime_sent: str = UNSET_DATETIME


@dataclass(slots=True, kw_only=True, eq=False)
class SentDocument(Row):
    """A portal message or a document sent to a customer."""

    READ_ONLY = ("id", "document_id")

    type: str = "mail"
    document_type: str = "empty"
    document_id: int = 0
    subject: str = ""
    template_id: int = 0
    message: str = ""


@dataclass(slots=True, kw_only=True, eq=False)
class EntryPoint(Row):
    module: str = "splynx_stripe_addon"
    place: str = "portal"
    type: str = "action_link"
    size: str = "large"
    title: str = ""
    root: str = ""
    model: str = ""
    icon: str = "fa-credit-card"
    background: str = ""
    url: str = ""
    code: str = ""
    partners: list[str] = field(default_factory=lambda: ["1", "2"])
    name: str = ""
    location: str = "after_content"
    enabled: bool = True
    location_geo: list[str] = field(default_factory=list)
    payment_type: list[str] = field(default_factory=list)
    payment_account_id: str = ""


@dataclass(slots=True, kw_only=True, eq=False)
class PlainRow(Row):
    """A row that is only ever read (company info, tax, module): shown exactly as given."""

    values: JsonObject
