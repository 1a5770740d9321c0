"""Splynx's things as our values: what a gateway hands inwards instead of JSON.

Field meanings and their certainty are in `reference/splynx-api.md`, section 3. Amounts are
`Decimal` in major units because Splynx knows no currency; they become `Money` where the
partner's currency is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum


class DocumentKind(StrEnum):
    """What can be paid by number. Splynx's API calls a proforma invoice a request."""

    INVOICE = "invoice"
    PROFORMA = "proforma"


class DocumentStatus(StrEnum):
    """Splynx's `status` of invoices and proforma invoices."""

    NOT_PAID = "not_paid"
    PENDING = "pending"
    PAID = "paid"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Document:
    """An invoice or proforma invoice.

    `due` is the unpaid part. A proforma knows no partial payment: its `due` is its total until
    it is paid, then zero. `payment_id` is 0 when Splynx names none.
    """

    kind: DocumentKind
    id: int
    number: str
    customer_id: int
    status: DocumentStatus
    total: Decimal
    due: Decimal
    payment_id: int
    date_created: date | None
    date_till: date | None

    @property
    def is_open(self) -> bool:
        """Says whether somebody still owes something on it."""
        return self.status in {DocumentStatus.NOT_PAID, DocumentStatus.PENDING} and self.due > 0


@dataclass(frozen=True, slots=True)
class SplynxCustomer:
    """A customer of the ISP. `partner_id` decides which settings and Stripe account apply."""

    id: int
    partner_id: int
    name: str
    email: str
    phone: str
    status: str


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at a page, as Splynx says: a portal customer or an administrator.

    `partner_id` is the only partner that an administrator may see, 0 for all.
    """

    customer_id: int | None = None
    administrator_id: int | None = None
    partner_id: int = 0


@dataclass(frozen=True, slots=True)
class NewSplynxPayment:
    """A payment to be added. Without `document_kind` the money goes to the customer's balance.

    `receipt_number` is the marker that makes the booking findable: the PaymentIntent id
    (27 characters; Splynx keeps 32).
    """

    customer_id: int
    document_kind: DocumentKind | None
    document_id: int
    payment_method_id: int
    receipt_number: str
    date: date
    amount: Decimal
    comment: str
    field_1: str = ""
    field_2: str = ""


@dataclass(frozen=True, slots=True)
class SplynxPayment:
    """A payment as Splynx shows it. `invoice_id` and `request_id` are 0 when unset."""

    id: int
    customer_id: int
    invoice_id: int
    request_id: int
    amount: Decimal
    receipt_number: str
    date: date | None


@dataclass(frozen=True, slots=True)
class StatementRecord:
    """A record of a payment statement. `marker` is our PaymentIntent id in `additional_1`."""

    id: int
    statement_id: int
    customer_id: int
    amount: Decimal
    status: str
    marker: str
    payment_id: int


@dataclass(frozen=True, slots=True)
class NewStatementRecord:
    """A record to be added to a payment statement, for money that has been booked."""

    statement_id: int
    customer_id: int
    document_kind: DocumentKind | None
    document_id: int
    document_number: str
    amount: Decimal
    date: date
    marker: str
    payment_id: int
    comment: str


@dataclass(frozen=True, slots=True)
class Company:
    """What customers see of the ISP (`admin/config/company-info/{partner}`)."""

    name: str
    email: str
    phone: str
    country_code: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt of a payment as Splynx makes it, a PDF as a rule."""

    name: str
    content_type: str
    content: bytes
