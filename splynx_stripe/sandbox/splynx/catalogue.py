"""The list of collections: their paths, permissions, checks and effects (reference, section 3)."""

from __future__ import annotations

from typing import Any

from splynx_stripe.sandbox.splynx import books, wire
from splynx_stripe.sandbox.splynx.errors import AttributeProblem, InvalidInputError
from splynx_stripe.sandbox.splynx.resources import Resource
from splynx_stripe.sandbox.splynx.rows import (
    BankStatement,
    CreditNote,
    Customer,
    CustomerBilling,
    CustomerInfo,
    CustomerNote,
    Invoice,
    JsonObject,
    Mail,
    Payment,
    Proforma,
    SentDocument,
    Sms,
    StatementRecord,
    Transaction,
)
from splynx_stripe.sandbox.splynx.state import SplynxState

RECEIPT_NUMBER_LENGTH = 32
"""The column is `varchar(32)` (3.6)."""

INVOICE_STATUSES = ("not_paid", "paid", "pending", "deleted")
PROFORMA_STATUSES = ("not_paid", "paid", "pending")
CREDIT_NOTE_STATUSES = ("not_refunded", "refunded", "deleted")
RECORD_STATUSES = (
    "new", "processed", "canceled", "error", "ignored", "deleted", "manual_paired", "pending",
)  # fmt: skip
STATEMENT_COUNTERS = {
    "processed": "processed",
    "errors": "error",
    "new": "new",
    "canceled": "canceled",
    "ignored": "ignored",
    "manual_paired": "manual_paired",
    "pending": "pending",
}
"""Counter of a statement → status of the records it counts."""

_INVALID_SUM = "Invalid sum, only a value greater or less than 0 is allowed!"


def resources(state: SplynxState) -> dict[str, Resource[Any]]:
    """Gives all collections by path."""
    listed = [*_customers(state), *_documents(state), *_money(state), *_configuration(state)]
    return {resource.path: resource for resource in listed}


def _customers(state: SplynxState) -> list[Resource[Any]]:
    def add_customer(row: Customer) -> None:
        state.customers.add(row)
        row.login = row.login or f"{row.id:06d}"
        state.billings.add(CustomerBilling(id=row.id, customer_id=row.id))
        state.customer_infos.add(CustomerInfo(id=row.id))

    def add_note(row: CustomerNote) -> None:
        row.datetime = state.timestamp()
        state.notes.add(row)

    def prepare_document(row: SentDocument, body: JsonObject) -> list[AttributeProblem]:
        row.document_id = int(body["id"]) if str(body.get("id", "")).isdigit() else 0
        missing = [] if row.document_id else ["id"]
        return wire.required_problems(missing)

    return [
        Resource(
            path="admin/customers/customer",
            controller="admin\\customers\\Customer",
            table=state.customers,
            actions="index view add update",
            add=add_customer,
        ),
        Resource(
            path="admin/customers/customer-info",
            controller="admin\\customers\\CustomerInfo",
            table=state.customer_infos,
            actions="view update",
        ),
        Resource(
            path="admin/customers/customer-billing",
            controller="admin\\customers\\CustomerBilling",
            table=state.billings,
            actions="view update",
        ),
        Resource(
            path="admin/customers/customer-notes",
            controller="admin\\customers\\CustomerNotes",
            table=state.notes,
            actions="index view add",
            add=add_note,
        ),
        Resource(
            path="admin/customers/send-documents",
            controller="admin\\customers\\SendDocuments",
            table=state.sent_documents,
            actions="add",
            check=prepare_document,
            add=lambda row: _send_document(state, row),
            owned=False,
        ),
        *_people(state),
    ]


def _people(state: SplynxState) -> list[Resource[Any]]:
    return [
        Resource(
            path="admin/administration/partners",
            controller="admin\\administration\\Partners",
            table=state.partners,
            owned=False,
        ),
        Resource(
            path="admin/administration/locations",
            controller="admin\\administration\\Locations",
            table=state.locations,
            owned=False,
        ),
        Resource(
            path="admin/administration/administrators",
            controller="admin\\administration\\Administrators",
            table=state.administrators,
            owned=False,
        ),
    ]


def _send_document(state: SplynxState, row: SentDocument) -> None:
    state.sent_documents.add(row)
    customer = state.customers.get(row.document_id) if row.document_type == "empty" else None
    if customer is not None and "mail" in row.type:
        mail = Mail(
            recipient=customer.email,
            customer_id=customer.id,
            subject=row.subject,
            message=row.message,
            status="sent",
            datetime_added=state.timestamp(),
            datetime_sent=state.timestamp(),
        )
        state.mails.add(mail)


def _documents(state: SplynxState) -> list[Resource[Any]]:
    def update_invoice(row: Invoice, values: JsonObject) -> None:
        _require_status(values, INVOICE_STATUSES)
        books.set_invoice_status(state, row, values.get("status", row.status))
        wire.apply(row, values)

    def update_proforma(row: Proforma, values: JsonObject) -> None:
        _require_status(values, PROFORMA_STATUSES)
        wire.apply(row, {"date_updated": state.today(), **values})

    def update_credit_note(row: CreditNote, values: JsonObject) -> None:
        _require_status(values, CREDIT_NOTE_STATUSES)
        wire.apply(row, {"date_updated": state.today(), **values})

    return [
        Resource(
            path="admin/finance/invoices",
            controller="admin\\finance\\Invoices",
            table=state.invoices,
            actions="index view add update delete",
            check=lambda row, _body: _document_problems(state, row),
            add=lambda row: books.add_invoice(state, row),
            update=update_invoice,
            delete=lambda row: books.set_invoice_status(state, row, "deleted"),
        ),
        Resource(
            path="admin/finance/proforma-invoices",
            controller="admin\\finance\\Requests",
            table=state.proformas,
            actions="index view add update delete",
            check=lambda row, _body: _document_problems(state, row),
            update=update_proforma,
            delete=state.proformas.remove,
        ),
        Resource(
            path="admin/finance/credit-notes",
            controller="admin\\finance\\CreditNotes",
            table=state.credit_notes,
            actions="index view add update",
            check=lambda row, _body: _document_problems(state, row),
            add=lambda row: books.add_credit_note(state, row),
            update=update_credit_note,
        ),
        Resource(
            path="admin/finance/invoice-relations",
            controller="admin\\finance\\InvoiceRelations",
            table=state.relations,
            plain_filters=("invoice_id", "customer_id"),
        ),
    ]


def _document_problems(
    state: SplynxState, row: Invoice | Proforma | CreditNote
) -> list[AttributeProblem]:
    """Fills in dates and total of a new document, and checks its items."""
    row.date_created = row.date_created or state.today()
    row.date_updated = state.today()
    row.real_create_datetime = state.timestamp()
    try:
        row.total = row.total or books.items_total(row.items)
    except (AttributeError, ValueError):
        return [AttributeProblem("items", "items is invalid")]
    return []


def _require_status(values: JsonObject, allowed: tuple[str, ...]) -> None:
    if values.get("status", allowed[0]) not in allowed:
        raise InvalidInputError([AttributeProblem("status", "Status is invalid")])


def _money(state: SplynxState) -> list[Resource[Any]]:
    def add_payment(row: Payment) -> None:
        row.date = row.date or state.today()
        row.payment_type = row.payment_type or 1
        if not state.options.knows_refund_payment_id:
            row.refund_payment_id = None
        row.receipt_number = (row.receipt_number or _receipt_number(state, row))[
            :RECEIPT_NUMBER_LENGTH
        ]
        books.add_payment(state, row)

    def update_payment(row: Payment, values: JsonObject) -> None:
        values.pop("amount", None)
        wire.apply(row, {**values, "updated_at": state.timestamp()})

    def check_transaction(row: Transaction, _body: JsonObject) -> list[AttributeProblem]:
        row.total = row.total or row.price * row.quantity
        known = row.type in ("debit", "credit")
        return [] if known else [AttributeProblem("type", "Type is invalid")]

    return [
        Resource(
            path="admin/finance/payments",
            controller="admin\\finance\\Payments",
            table=state.payments,
            actions="index view add update delete",
            check=lambda row, _body: _payment_problems(state, row),
            add=add_payment,
            update=update_payment,
            delete=lambda row: books.delete_payment(state, row),
        ),
        Resource(
            path="admin/finance/transactions",
            controller="admin\\finance\\Transactions",
            table=state.transactions,
            actions="index view add",
            check=check_transaction,
            add=lambda row: books.add_transaction(state, row),
        ),
        Resource(
            path="admin/finance/transaction-categories",
            controller="admin\\finance\\TransactionCategories",
            table=state.categories,
            owned=False,
        ),
        Resource(
            path="admin/finance/payment-methods",
            controller="admin\\finance\\PaymentMethods",
            table=state.payment_methods,
            owned=False,
        ),
        *_statements(state),
    ]


def _receipt_number(state: SplynxState, row: Payment) -> str:
    """Gives the automatic number `{year}-{type|2}-{next|5}`."""
    return f"{row.date[:4]}-{row.payment_type:02d}-{len(state.payments) + 1:05d}"


def _payment_problems(state: SplynxState, row: Payment) -> list[AttributeProblem]:
    problems = []
    if row.amount == 0 or (row.amount < 0 and not state.options.negative_payments):
        problems.append(AttributeProblem("amount", _INVALID_SUM))
    too_long = len(row.receipt_number) > RECEIPT_NUMBER_LENGTH
    if too_long and state.options.long_receipt_number == "refuse":
        problems.append(
            AttributeProblem("receipt_number", "Receipt Number is too long (maximum is 32)")
        )
    linked = [
        ("invoice_id", state.invoices.get(row.invoice_id or 0)),
        ("request_id", state.proformas.get(row.request_id or 0)),
        ("credit_note_id", state.credit_notes.get(row.credit_note_id or 0)),
        ("refund_payment_id", state.payments.get(row.refund_payment_id or 0)),
    ]
    for name, document in linked:
        if getattr(row, name) and (document is None or document.customer_id != row.customer_id):
            problems.append(AttributeProblem(name, f"{name} is invalid"))
    return problems


def _statements(state: SplynxState) -> list[Resource[Any]]:
    def add_statement(row: BankStatement) -> None:
        row.date_time = state.timestamp()
        state.statements.add(row)

    def add_record(row: StatementRecord) -> None:
        row.datetime = state.timestamp()
        state.records.add(row)

    def check_record(row: StatementRecord, _body: JsonObject) -> list[AttributeProblem]:
        problems = []
        if state.statements.get(row.bank_statements_process_id) is None:
            problems.append(AttributeProblem("bank_statements_process_id", "Statement not found"))
        if row.status not in RECORD_STATUSES:
            problems.append(AttributeProblem("status", "Status is invalid"))
        return problems

    def update_record(row: StatementRecord, values: JsonObject) -> None:
        _require_status(values, RECORD_STATUSES)
        wire.apply(row, values)

    def show_statement(row: BankStatement, shown: JsonObject) -> JsonObject:
        return {**shown, **statement_counters(state, row)}

    return [
        Resource(
            path="admin/finance/bank-statements",
            controller="admin\\finance\\BankStatements",
            table=state.statements,
            actions="index view add update",
            add=add_statement,
            show=show_statement,
            owned=False,
        ),
        Resource(
            path="admin/finance/bank-statements-records",
            controller="admin\\finance\\BankStatementsRecords",
            table=state.records,
            actions="index view add update",
            check=check_record,
            add=add_record,
            update=update_record,
        ),
    ]


def statement_counters(state: SplynxState, row: BankStatement) -> JsonObject:
    """Counts the records of a statement, and gives the other things a real row has (3.11)."""
    statuses = [
        record.status for record in state.records if record.bank_statements_process_id == row.id
    ]
    counted = {name: statuses.count(status) for name, status in STATEMENT_COUNTERS.items()}
    return {
        "records": len(statuses),
        **counted,
        "selected_columns": None,
        "dataFromApi": None,
        "file": None,
        "make_preview": None,
        "make_import": None,
        "paired_data": [],
        "countRows": 0,
        "countRowsWithErrors": 0,
    }


def _configuration(state: SplynxState) -> list[Resource[Any]]:
    def add_mail(row: Mail) -> None:
        row.datetime_added = state.timestamp()
        state.mails.add(row)

    def add_text_message(row: Sms) -> None:
        row.datetime_added = state.timestamp()
        state.text_messages.add(row)

    return [
        Resource(
            path="admin/config/taxes",
            controller="admin\\config\\Taxes",
            table=state.taxes,
            owned=False,
        ),
        Resource(
            path="admin/config/company-info",
            controller="admin\\config\\CompanyInfo",
            table=state.company_infos,
            owned=False,
        ),
        Resource(
            path="admin/config/entry-points",
            controller="admin\\config\\EntryPoints",
            table=state.entry_points,
            owned=False,
        ),
        Resource(
            path="admin/config/mail",
            controller="admin\\config\\Mail",
            table=state.mails,
            actions="index view add",
            add=add_mail,
        ),
        Resource(
            path="admin/config/sms",
            controller="admin\\config\\Sms",
            table=state.text_messages,
            actions="index view add",
            add=add_text_message,
        ),
    ]
