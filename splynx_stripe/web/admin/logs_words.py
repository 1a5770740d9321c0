"""The words of the logs page and of the story of a debt: kinds, outcomes, people, moments."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, tzinfo

from babel.dates import format_datetime

from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.operation import (
    WITHOUT_DEBT,
    Operation,
    OperationOutcome,
    PaymentMeans,
)
from splynx_stripe.domain.payable import PayableKind
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.domain.timeline import sentence_of
from splynx_stripe.web.i18n import Language, later

PAYMENT_TYPES = {
    PayableKind.INVOICE.value: later("Invoice"),
    PayableKind.PROFORMA.value: later("Proforma invoice"),
    PayableKind.TOP_UP.value: later("Top-up"),
    PayableKind.SEVERAL.value: later("Several documents"),
    PayableKind.BALANCE.value: later("Outstanding balance"),
    PayableKind.PREPAID.value: later("Prepaid period"),
    WITHOUT_DEBT: later("Settings, links, saved cards"),
}
MEANS = {PaymentMeans.CARD: later("Card"), PaymentMeans.BANK: later("Bank account")}
OUTCOMES = {
    OperationOutcome.DONE: later("Done"),
    OperationOutcome.WAITING: later("In progress"),
    OperationOutcome.FAILED: later("Failed"),
    OperationOutcome.NOTED: later("For the record"),
}
STATE_CLASSES = {
    OperationOutcome.DONE: "state-good",
    OperationOutcome.WAITING: "",
    OperationOutcome.FAILED: "state-bad",
    OperationOutcome.NOTED: "state-plain",
}
_ACTORS = {
    "customer": later("Customer %(id)s"),
    "admin": later("Administrator %(id)s"),
    "api": later("Program with key %(id)s"),
    "link": later("Somebody with link %(id)s"),
    "rule": later("Auto charge rule %(id)s"),
    "run": later("Charge run %(id)s"),
    "console": later("Command line (%(id)s)"),
}
_ACTORS_ALONE = {
    "customer": later("A customer"),
    "admin": later("An administrator"),
    "link": later("Somebody with a plain link"),
    "stripe": later("Stripe"),
    "daemon": later("This program"),
    "console": later("Command line"),
    "migration": later("Migration from the closed add-on"),
}


def actor_words(actor: str, language: Language) -> str:
    """Says who did it; an unknown word is shown as it is.

    Splynx does not tell every key which administrator a session belongs to; the id is 0 then.
    """
    kind, _, number = actor.partition(":")
    if number not in {"", "0"} and kind in _ACTORS:
        return language.say(_ACTORS[kind], id=number)
    text = _ACTORS_ALONE.get(kind)
    return language.say(text) if text else actor


def what_happened(operation: Operation, language: Language) -> str:
    """Says in a sentence what an operation was."""
    return operation.summary or entry_words(operation.entry, language)


def entry_words(entry: AuditEntry, language: Language) -> str:
    """Says in a sentence what an entry of the audit log means."""
    return sentence_of(entry, language.say)


def moment(at: datetime, zone: tzinfo, language: Language) -> str:
    """Writes a moment on Splynx's clock, to the second."""
    local = at.astimezone(zone)
    text: str = format_datetime(local, "d MMM yyyy HH:mm:ss", locale=language.locale)
    return text


def stripe_payment_url(
    account: StripeAccount | None, payment_intent: str, id_of: Callable[[StripeAccount], str]
) -> str:
    """Leads to a payment in the Stripe dashboard, in the right account and mode; "" for none.

    Where Stripe's id of the account is not known, the dashboard shows the one that the person has
    chosen there last.
    """
    if account is None or not payment_intent:
        return ""
    account_id = id_of(account)
    parts = [account_id, "" if account.livemode else "test", "payments", payment_intent]
    return "/".join(["https://dashboard.stripe.com", *(part for part in parts if part)])


def splynx_customer_url(admin_url: str, customer_id: int) -> str:
    """Leads to a customer in Splynx's administration; "" where there is none."""
    return f"{admin_url}customers/view?id={customer_id}" if customer_id else ""
