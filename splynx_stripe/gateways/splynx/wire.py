"""Splynx's JSON to our values and back. Pure: no I/O, and only named errors.

Types differ between releases: ids are numbers or numeric strings, money is a string with four
decimals or a number, an unset date is `0000-00-00`, empty or null (`reference/splynx-api.md`
section 2.4). Unknown fields are passed over.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from splynx_stripe.domain.errors import BrokenInvariantError
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

Row = Mapping[str, object]
Filters = Mapping[str, str]

NUMBER_LENGTH = 64
"""Splynx's column for the number of a document (reference 3.4)."""

RECEIPT_NUMBER_LENGTH = 32
"""Splynx's column; a longer marker is refused there or, worse, cut (reference 3.6)."""

_COMMENT_LENGTH = 256
_PLACES = -4
"""Splynx keeps money as `decimal(19,4)`."""

_ID = re.compile(r"[0-9]{1,18}")
_AMOUNT = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,10})?")
_UNSET_DATE = "0000-00-00"


class WireError(ValueError):
    """An answer in JSON that is not what the API promises. The message names the field."""


def rows(answer: object) -> list[Row]:
    """Reads the answer of a collection."""
    if not isinstance(answer, list):
        raise WireError("a list was expected")
    return [row(item) for item in answer]


def row(answer: object) -> Row:
    """Reads the answer of an item."""
    if not isinstance(answer, dict):
        raise WireError("an object was expected")
    return answer


def receipt(source: Row) -> Receipt:
    """Reads a file that Splynx made, whose content is base64 (reference 3.20)."""
    try:
        content = base64.b64decode(text(source, "content"), validate=True)
    except binascii.Error as error:
        raise WireError("content is not base64") from error
    return Receipt(text(source, "name"), text(source, "content_type"), content)


def created_id(answer: object) -> int:
    """Reads the answer of a POST: the id of what was made."""
    return identifier(row(answer), "id")


def identifier(source: Row, name: str) -> int:
    """Reads an id that must be there."""
    value = optional_identifier(source, name)
    if value == 0:
        raise WireError(f"{name} is missing")
    return value


def optional_identifier(source: Row, name: str) -> int:
    """Reads a reference to something else; 0 when there is none (null, 0, "0", "")."""
    value = source.get(name)
    if value is None or value == "":
        return 0
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise WireError(f"{name} is not an id")
    if _ID.fullmatch(str(value)) is None:
        raise WireError(f"{name} is not an id")
    return int(value)


def text(source: Row, name: str) -> str:
    """Reads a text; null and an absent one are "". A number is a text, too: its digits."""
    value = source.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise WireError(f"{name} is not a text")
    return str(value)


def money(source: Row, name: str) -> Decimal:
    """Reads an amount in major units, exactly as Splynx wrote it."""
    value = source.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise WireError(f"{name} is not an amount")
    written = format(value, "f") if isinstance(value, Decimal) else str(value).strip()
    if _AMOUNT.fullmatch(written) is None:
        raise WireError(f"{name} is not an amount")
    return Decimal(written)


def deposit(source: Row, customer_id: int) -> Decimal:
    """Reads the balance out of a customer's billing settings; below zero is debt."""
    if optional_identifier(source, "customer_id") not in {0, customer_id}:
        raise WireError("it is about another customer than the one asked for")
    return money(source, "deposit")


def day(source: Row, name: str) -> date | None:
    """Reads a date or the date of a date and time; None when unset."""
    written = text(source, name)[: len(_UNSET_DATE)]
    if written in {"", _UNSET_DATE}:
        return None
    try:
        return date.fromisoformat(written)
    except ValueError as error:
        raise WireError(f"{name} is not a date") from error


def echoes(source: Row, filters: Filters) -> bool:
    """Says whether a row is one that Splynx may give for these filters.

    MySQL compares without regard to case and trailing blanks; a row that differs in more than
    that shows that Splynx ignored a filter.
    """
    return all(
        _comparable(source, name).casefold().rstrip() == value.casefold().rstrip()
        for name, value in filters.items()
    )


def equals(source: Row, filters: Filters) -> bool:
    """Says whether a row has exactly these values."""
    return all(_comparable(source, name) == value for name, value in filters.items())


def _comparable(source: Row, name: str) -> str:
    value = source.get(name)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def document(kind: DocumentKind, source: Row) -> Document:
    """Reads an invoice or a proforma invoice (reference 3.4, 3.5)."""
    status = _document_status(source)
    total = money(source, "total")
    return Document(
        kind=kind,
        id=identifier(source, "id"),
        number=text(source, "number"),
        customer_id=identifier(source, "customer_id"),
        status=status,
        total=total,
        due=_due(kind, source, status, total),
        payment_id=optional_identifier(source, "payment_id"),
        date_created=day(source, "date_created"),
        date_till=day(source, "date_till"),
    )


def _document_status(source: Row) -> DocumentStatus:
    try:
        return DocumentStatus(text(source, "status"))
    except ValueError as error:
        raise WireError("status is none that we know") from error


def _due(kind: DocumentKind, source: Row, status: DocumentStatus, total: Decimal) -> Decimal:
    is_settled = status in {DocumentStatus.PAID, DocumentStatus.DELETED}
    if kind is DocumentKind.PROFORMA:
        return Decimal(0) if is_settled else total
    if is_settled and source.get("due") is None:
        return Decimal(0)
    return money(source, "due")


def customer(source: Row) -> SplynxCustomer:
    """Reads a customer (reference 3.1). Of several addresses the first one counts."""
    return SplynxCustomer(
        id=identifier(source, "id"),
        partner_id=identifier(source, "partner_id"),
        name=text(source, "name"),
        email=_first_address(text(source, "email"))
        or _first_address(text(source, "billing_email")),
        phone=text(source, "phone"),
        status=text(source, "status"),
    )


def _first_address(written: str) -> str:
    return written.split(",", maxsplit=1)[0].strip()


def payment(source: Row) -> SplynxPayment:
    """Reads a payment (reference 3.6)."""
    return SplynxPayment(
        id=identifier(source, "id"),
        customer_id=identifier(source, "customer_id"),
        invoice_id=optional_identifier(source, "invoice_id"),
        request_id=optional_identifier(source, "request_id"),
        amount=money(source, "amount"),
        receipt_number=text(source, "receipt_number"),
        date=day(source, "date"),
    )


def company(source: Row) -> Company:
    """Reads what customers see of the ISP (reference 3.14)."""
    return Company(
        name=text(source, "company_name"),
        email=text(source, "email"),
        phone=text(source, "phone"),
        country_code=text(source, "iso_country_code").upper(),
    )


def statement_record(source: Row) -> StatementRecord:
    """Reads a record of a payment statement (reference 3.11)."""
    return StatementRecord(
        id=identifier(source, "id"),
        statement_id=identifier(source, "bank_statements_process_id"),
        customer_id=optional_identifier(source, "customer_id"),
        amount=money(source, "amount"),
        status=text(source, "status"),
        marker=text(source, "additional_1"),
        payment_id=optional_identifier(source, "payment_id"),
    )


@dataclass(frozen=True, slots=True)
class Grant:
    """A token login. Expirations are unix seconds of Splynx's clock."""

    access_token: str
    access_expires_at: int
    refresh_token: str
    refresh_expires_at: int


def grant(answer: object) -> Grant:
    """Reads the answer of a login or of its renewal (reference 1.3)."""
    source = row(answer)
    access_token = text(source, "access_token")
    if not access_token:
        raise WireError("access_token is missing")
    return Grant(
        access_token=access_token,
        access_expires_at=identifier(source, "access_token_expiration"),
        refresh_token=text(source, "refresh_token"),
        refresh_expires_at=optional_identifier(source, "refresh_token_expiration"),
    )


def has_staff_permissions(answer: object) -> bool:
    """Says whether a login's permissions contain what only administrators get (reference 1.4)."""
    permissions = row(answer).get("permissions")
    if not isinstance(permissions, dict):
        return False
    return any(
        name.removeprefix("api\\").startswith("admin\\administration\\")
        or _may_write(name, actions)
        for name, actions in permissions.items()
    )


def _may_write(controller: str, actions: object) -> bool:
    if not isinstance(actions, dict) or not controller.endswith(("\\Customer", "\\Payments")):
        return False
    return any(actions.get(action) == "allow" for action in ("add", "delete"))


def page_query(filters: Filters, *, limit: int, offset: int) -> tuple[tuple[str, str], ...]:
    """Writes a search, newest first: rows added meanwhile shift a page, never hide a row."""
    return (
        *((f"main_attributes[{name}]", value) for name, value in filters.items()),
        ("order[id]", "DESC"),
        ("limit", str(limit)),
        ("offset", str(offset)),
    )


def amount_text(amount: Decimal) -> str:
    """Writes an amount with four decimals.

    Raises:
        BrokenInvariantError: when that would round it. Nothing was sent.
    """
    try:
        written = amount.quantize(Decimal(1).scaleb(_PLACES))
    except InvalidOperation as error:
        raise BrokenInvariantError(
            f"{amount} is no amount for Splynx. Nothing was sent."
        ) from error
    if written != amount:
        raise BrokenInvariantError(
            f"Splynx keeps four decimals and {amount} has more. Nothing was sent."
        )
    return format(written, "f")


def new_payment(order: NewSplynxPayment) -> dict[str, object]:
    """Writes a payment to be added.

    Raises:
        BrokenInvariantError: when Splynx would refuse or cut it. Nothing was sent.
    """
    if not order.receipt_number or len(order.receipt_number) > RECEIPT_NUMBER_LENGTH:
        raise BrokenInvariantError(
            f"A payment's receipt number has 1 to {RECEIPT_NUMBER_LENGTH} characters,"
            f" not {len(order.receipt_number)}. Nothing was sent."
        )
    if order.amount == 0:
        raise BrokenInvariantError("A payment of zero cannot be added. Nothing was sent.")
    return {
        "customer_id": order.customer_id,
        **_document_link(order.document_kind, order.document_id),
        "payment_type": order.payment_method_id,
        "receipt_number": order.receipt_number,
        "date": order.date.isoformat(),
        "amount": amount_text(order.amount),
        "comment": order.comment[:_COMMENT_LENGTH],
        "field_1": order.field_1,
        "field_2": order.field_2,
        "field_3": "",
        "field_4": "",
        "field_5": "",
    }


def new_statement_record(order: NewStatementRecord) -> dict[str, object]:
    """Writes a record for booked money; `pairing_1` and `_2` as Splynx pairs by default."""
    return {
        "bank_statements_process_id": order.statement_id,
        "payment_date": order.date.isoformat(),
        "amount": amount_text(order.amount),
        "status": "processed",
        "pairing_1": str(order.customer_id),
        "pairing_2": order.document_number,
        "additional_1": order.marker,
        "comment": order.comment[:_COMMENT_LENGTH],
        "customer_id": order.customer_id,
        **_document_link(order.document_kind, order.document_id),
        "payment_id": order.payment_id,
    }


def _document_link(kind: DocumentKind | None, document_id: int) -> dict[str, object]:
    match kind:
        case None:
            return {}
        case DocumentKind.INVOICE:
            return {"invoice_id": document_id}
        case DocumentKind.PROFORMA:
            return {"request_id": document_id}
