"""What customers are told about the standing of a debt, and why a payment failed.

Each text says what happened to the money and what to do. Declines that would tell a thief
something (lost, stolen, fraud) sound like any other.
"""

from __future__ import annotations

from dataclasses import dataclass

from splynx_stripe.domain.payable import Payable, PayableKind
from splynx_stripe.domain.splynx import Company
from splynx_stripe.domain.stripe import PaymentFailure
from splynx_stripe.flows.pay import Standing
from splynx_stripe.web.i18n import Language, later


@dataclass(frozen=True, slots=True)
class Wording:
    """An icon, a title and sentences for one standing; `status` is the HTTP status."""

    icon: str
    title: str
    sentences: tuple[str, ...]
    status: int = 200


NO_MONEY_TAKEN = later("No money was taken.")
NOTHING_TO_DO = later("You do not need to do anything else.")

_PAID = Wording("success", later("Paid"), (later("Thank you. There is nothing left to pay."),))
_RECEIVED = Wording(
    "success",
    later("Payment received"),
    (
        later("We have your payment and are entering it into your account."),
        NOTHING_TO_DO,
    ),
)
_PROCESSING = Wording(
    "clock",
    later("Being processed by the bank"),
    (
        later("A payment is on its way. Banks can take up to several working days."),
        later("Please do not pay again. You can close this page."),
    ),
)
_REMOVED = Wording(
    "info",
    later("This document was removed"),
    (later("It is no longer valid, and nothing is due for it."), NO_MONEY_TAKEN),
    410,
)
_NOT_FOUND = Wording(
    "info",
    later("We could not find this document"),
    (
        NO_MONEY_TAKEN,
        later("Please check the link, or open your invoices in the customer portal."),
    ),
    404,
)
_NOT_ALLOWED = Wording(
    "lock",
    later("Please sign in to pay"),
    (
        later("This link cannot be used without signing in."),
        later("Sign in to the customer portal and pay from your list of invoices."),
    ),
    403,
)
_NOT_CHARGEABLE = Wording(
    "warning",
    later("This cannot be paid online"),
    (NO_MONEY_TAKEN, later("Please contact us to pay in another way.")),
)
_TRY_AGAIN = Wording(
    "warning",
    later("Not paid"),
    (later("The payment was not completed. No money was taken."), later("Please try again.")),
)
_NOT_SEEN = Wording(
    "clock",
    later("Not paid yet"),
    (
        later("We have not seen a payment so far."),
        later("If you have just paid, please wait a moment."),
    ),
)
_UNKNOWN = Wording(
    "clock",
    later("We do not know yet"),
    (
        later("We are still waiting for an answer about your payment."),
        later("Please do not pay again."),
    ),
)
_FAILED = Wording("warning", later("Not paid"), (NO_MONEY_TAKEN,))

UNKNOWN_STATE = "unknown"
"""The state of a result page that could not find out how the payment stands."""


def wording_for_page(standing: Standing) -> Wording:
    """Gives the words for a payment page whose document cannot be paid (now)."""
    return _WORDING[standing]


def wording_for_result(standing: Standing | None) -> Wording:
    """Gives the words for a result page; None where the answer is not known."""
    if standing is None:
        return _UNKNOWN
    if standing is Standing.PAYABLE:
        return _NOT_SEEN
    return _WORDING[standing]


_WORDING = {
    Standing.PAYABLE: _TRY_AGAIN,
    Standing.PROCESSING: _PROCESSING,
    Standing.RECEIVED: _RECEIVED,
    Standing.PAID: _PAID,
    Standing.FAILED: _FAILED,
    Standing.REMOVED: _REMOVED,
    Standing.NOT_FOUND: _NOT_FOUND,
    Standing.NOT_ALLOWED: _NOT_ALLOWED,
    Standing.NOT_CHARGEABLE: _NOT_CHARGEABLE,
    Standing.TRY_AGAIN: _TRY_AGAIN,
}

_REASONS = {
    "insufficient_funds": later("There was not enough money. Please try another card or account."),
    "account_closed": later("The bank account is closed. Please pay in another way."),
    "no_account": later("The bank account was not found. Please check it, or pay in another way."),
    "debit_not_authorized": later("The bank did not allow the debit. Please pay in another way."),
    "expired_card": later("The card has expired. Please try another card."),
    "incorrect_cvc": later("The security code (CVC) is not right. Please check it and try again."),
    "invalid_cvc": later("The security code (CVC) is not right. Please check it and try again."),
    "incorrect_number": later("The card number is not right. Please check it and try again."),
    "invalid_number": later("The card number is not right. Please check it and try again."),
    "invalid_expiry_month": later("The expiry date is not right. Please check it and try again."),
    "invalid_expiry_year": later("The expiry date is not right. Please check it and try again."),
    "incorrect_zip": later("The postal code is not right. Please check it and try again."),
    "card_not_supported": later("This card cannot be used here. Please try another card."),
    "currency_not_supported": later("This card cannot pay in this currency. Please try another."),
    "card_velocity_exceeded": later("The card has reached its limit. Please try another card."),
    "withdrawal_count_limit_exceeded": later(
        "The card has reached its limit. Please try another card."
    ),
    "processing_error": later("The card could not be processed. Please try again in a minute."),
    "authentication_required": later(
        "Your bank wants you to confirm the payment. Please try again and confirm it."
    ),
    "payment_intent_authentication_failure": later(
        "The payment was not confirmed with your bank. Please try again, or use another card."
    ),
}
_DECLINED = later(
    "Your bank did not accept the payment. Please try another card, or ask your bank why."
)


def reason_of(failure: PaymentFailure, language: Language) -> str:
    """Says in plain words why the last try failed."""
    text = _REASONS.get(failure.decline_code) or _REASONS.get(failure.code) or _DECLINED
    return language.say(text)


def payable_name(payable: Payable, language: Language) -> str:
    """Names what is paid as its customer knows it."""
    match payable.kind:
        case PayableKind.TOP_UP:
            return language.say(later("Top-up"))
        case PayableKind.BALANCE:
            return language.say(later("Outstanding balance"))
        case PayableKind.PREPAID:
            return language.say(later("Prepaid period"))
        case PayableKind.SEVERAL:
            how_many = str(len(payable.parts))
            return language.say(later("%(count)s documents"), count=how_many)
        case PayableKind.INVOICE:
            return language.say(later("Invoice %(number)s"), number=payable.document_number)
        case PayableKind.PROFORMA:
            return language.say(
                later("Proforma invoice %(number)s"), number=payable.document_number
            )


def standing_name(standing: Standing, language: Language) -> str:
    """Says in two or three words how a debt stands."""
    return language.say(_WORDING[standing].title)


def contact_of(company: Company | None, language: Language) -> str:
    """Says how to reach the ISP, or "" where that is not known."""
    if company is None:
        return ""
    phone = company.phone.replace(" ", "\N{NO-BREAK SPACE}")
    ways = " · ".join(way for way in (company.email, phone) if way)
    if not ways:
        return ""
    return language.say(later("Contact %(company)s: %(ways)s"), company=company.name, ways=ways)
