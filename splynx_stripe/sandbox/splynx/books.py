"""The bookkeeping effects of payments, invoices and credit notes (reference 3.4 to 3.10).

After each of them a customer's `deposit` is the sum of the credits minus that of the debits.
"""

from __future__ import annotations

from decimal import Decimal

from splynx_stripe.sandbox.splynx.rows import (
    UNSET_DATE,
    ZERO,
    CreditNote,
    CustomerBilling,
    Invoice,
    InvoiceRelation,
    JsonObject,
    Payment,
    Proforma,
    Transaction,
)
from splynx_stripe.sandbox.splynx.state import SplynxState
from splynx_stripe.sandbox.splynx.wire import FOUR_PLACES, parse_money

SERVICE, PAYMENT, REFUND, CORRECTION = 1, 3, 4, 5
"""Ids of the base transaction categories."""

OPEN_STATUSES = ("not_paid", "pending")


def raise_deposit(state: SplynxState, customer_id: int, amount: Decimal) -> None:
    """Changes the balance of a customer; below zero lowers it."""
    billing = state.billings.get(customer_id) or state.billings.add(
        CustomerBilling(id=customer_id, customer_id=customer_id)
    )
    billing.deposit += amount


def items_total(items: list[JsonObject]) -> Decimal:
    """Adds up items: quantity times price without tax, plus tax.

    Raises:
        ValueError: when an item holds something that is no number.
    """
    total = ZERO
    for item in items:
        tax = 1 + parse_money(item.get("tax") or 0) / 100
        total += parse_money(item.get("quantity", 1)) * parse_money(item.get("price") or 0) * tax
    return total.quantize(FOUR_PLACES)


def add_transaction(state: SplynxState, transaction: Transaction) -> Transaction:
    """Keeps a transaction and moves the balance by it."""
    state.transactions.add(transaction)
    sign = 1 if transaction.type == "credit" else -1
    raise_deposit(state, transaction.customer_id, sign * transaction.total)
    return transaction


def add_invoice(state: SplynxState, invoice: Invoice) -> Invoice:
    """Issues an invoice: its total becomes due and is debited."""
    invoice.due = invoice.total if invoice.status in OPEN_STATUSES else ZERO
    state.invoices.add(invoice)
    if invoice.status != "deleted":
        debit = Transaction(
            customer_id=invoice.customer_id,
            price=invoice.total,
            total=invoice.total,
            date=invoice.date_created,
            category=SERVICE,
            description=str(invoice.items[0].get("description", "")) if invoice.items else "",
            invoice_id=invoice.id,
            invoiced_by_id=invoice.id,
            source="auto",
        )
        add_transaction(state, debit)
    return invoice


def add_payment(state: SplynxState, payment: Payment) -> Payment:
    """Books a payment. Nothing makes the same payment posted twice one payment (3.6)."""
    refund = payment.amount < 0
    payment.updated_at = payment.real_create_datetime = state.timestamp()
    state.payments.add(payment)
    transaction = add_transaction(
        state,
        Transaction(
            customer_id=payment.customer_id,
            type="debit" if refund else "credit",
            price=abs(payment.amount),
            total=abs(payment.amount),
            date=payment.date,
            category=REFUND if refund else PAYMENT,
            description=payment.comment,
            payment_id=payment.id,
            credit_note_id=payment.credit_note_id,
            source="auto",
        ),
    )
    payment.transaction_id = transaction.id
    payment.remind_amount = max(payment.amount, ZERO)
    if refund:
        _refund_credit_note(state, payment)
        if state.options.negative_payment_reopens:
            _take_back(state, payment)
    else:
        _allocate(state, payment)
    return payment


def delete_payment(state: SplynxState, payment: Payment) -> None:
    """Takes a payment out of the books and reopens what it had paid."""
    for relation in state.relations.of_customer(payment.customer_id):
        if relation.type == "payment" and relation.payer_id == payment.id:
            _reopen(state.invoices[relation.invoice_id], relation.amount)
            state.relations.remove(relation)
    for proforma in state.proformas.of_customer(payment.customer_id):
        if proforma.payment_id == payment.id:
            proforma.status, proforma.payment_id = "not_paid", 0
            proforma.date_payment = UNSET_DATE
    for note in state.credit_notes.of_customer(payment.customer_id):
        if note.payment_id == payment.id:
            note.status, note.payment_id, note.remind_amount = "not_refunded", 0, note.total
            note.date_payment = UNSET_DATE
    raise_deposit(state, payment.customer_id, -payment.amount)
    state.transactions.remove(state.transactions[payment.transaction_id])
    state.payments.remove(payment)


def _reopen(invoice: Invoice, amount: Decimal) -> None:
    if invoice.status == "deleted":
        return
    invoice.due += amount
    invoice.status, invoice.payment_id = "not_paid", 0
    invoice.date_payment = UNSET_DATE


def _take_back(state: SplynxState, payment: Payment) -> None:
    """Opens the document that a payment below zero names, as far as payments had covered it."""
    if payment.request_id:
        proforma = state.proformas[payment.request_id]
        proforma.status, proforma.payment_id = "not_paid", 0
        proforma.date_payment = UNSET_DATE
    left = -payment.amount if payment.invoice_id else ZERO
    for relation in state.relations.of_customer(payment.customer_id):
        if relation.type == "payment" and relation.invoice_id == payment.invoice_id and left > 0:
            amount = min(left, relation.amount)
            left -= amount
            relation.amount -= amount
            _reopen(state.invoices[relation.invoice_id], amount)
            if relation.amount == 0:
                state.relations.remove(relation)


def _allocate(state: SplynxState, payment: Payment) -> None:
    if payment.request_id:
        _pay_proforma(state, payment, state.proformas[payment.request_id])
    elif payment.invoice_id:
        becomes_paid = state.options.named_invoice_becomes_paid
        named = state.invoices[payment.invoice_id]
        _cover(state, payment, named, becomes_paid=becomes_paid)
    else:
        unpaid = [
            invoice
            for invoice in state.invoices.of_customer(payment.customer_id)
            if invoice.status == "not_paid"
        ]
        for invoice in sorted(unpaid, key=lambda row: (row.date_created, row.id)):
            _cover(state, payment, invoice, becomes_paid=True)


def _cover(state: SplynxState, payment: Payment, invoice: Invoice, *, becomes_paid: bool) -> None:
    amount = min(payment.remind_amount, invoice.due)
    if amount <= 0 or invoice.status not in OPEN_STATUSES:
        return
    payment.remind_amount -= amount
    invoice.due -= amount
    invoice.date_updated = state.today()
    state.relations.add(
        InvoiceRelation(
            customer_id=payment.customer_id,
            payer_id=payment.id,
            invoice_id=invoice.id,
            amount=amount,
        )
    )
    if invoice.due == 0 and becomes_paid:
        invoice.status, invoice.payment_id = "paid", payment.id
        invoice.date_payment = payment.date


def _pay_proforma(state: SplynxState, payment: Payment, proforma: Proforma) -> None:
    """A proforma has no bookkeeping of its own: the money stays on the balance (3.5)."""
    open_and_covered = proforma.status in OPEN_STATUSES and payment.amount >= proforma.total
    if open_and_covered and state.options.named_proforma_becomes_paid:
        proforma.status, proforma.payment_id = "paid", payment.id
        proforma.date_payment = payment.date


def _refund_credit_note(state: SplynxState, payment: Payment) -> None:
    note = state.credit_notes.get(payment.credit_note_id or 0)
    if note is None:
        return
    note.remind_amount = max(note.remind_amount + payment.amount, ZERO)
    if note.remind_amount == 0:
        note.status, note.payment_id = "refunded", payment.id
        note.date_payment = payment.date


def add_credit_note(state: SplynxState, note: CreditNote) -> CreditNote:
    """Puts the total of a credit note on the customer's balance: "Refund due"."""
    note.remind_amount = note.total
    state.credit_notes.add(note)
    credit = Transaction(
        customer_id=note.customer_id,
        type="credit",
        price=note.total,
        total=note.total,
        date=note.date_created,
        category=CORRECTION,
        credit_note_id=note.id,
        source="auto",
    )
    add_transaction(state, credit)
    return note


def set_invoice_status(state: SplynxState, invoice: Invoice, status: str) -> None:
    """Moves an invoice to another status with what follows from it for `due` and the balance."""
    before = invoice.status
    if status == before:
        return
    covered = sum(
        (
            relation.amount
            for relation in state.relations.of_customer(invoice.customer_id)
            if relation.invoice_id == invoice.id
        ),
        ZERO,
    )
    invoice.status = status
    invoice.date_updated = state.today()
    if status == "deleted":
        _release(state, invoice)
    elif before == "deleted":
        raise_deposit(state, invoice.customer_id, -invoice.total)
        covered = ZERO
    invoice.due = max(invoice.total - covered, ZERO) if status in OPEN_STATUSES else ZERO
    if status in OPEN_STATUSES:
        invoice.payment_id, invoice.date_payment = 0, UNSET_DATE


def _release(state: SplynxState, invoice: Invoice) -> None:
    """Gives a deleted invoice's debit back; what had paid it becomes unallocated money."""
    raise_deposit(state, invoice.customer_id, invoice.total)
    for relation in state.relations.of_customer(invoice.customer_id):
        if relation.invoice_id != invoice.id:
            continue
        if payment := state.payments.get(relation.payer_id):
            payment.remind_amount += relation.amount
        state.relations.remove(relation)
