"""What people agree to when a card or bank account is saved.

Whoever changes a text changes `domain.consent.WORDING_VERSION` too; a test holds them together.
"""

from __future__ import annotations

from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.web.i18n import Language, later

_CARD = later(
    "I allow %(company)s to charge this card for my invoices in future, in line with the terms that"
    " I have agreed on with %(company)s. I can take this back at any time by removing the card."
)
_ACH = later(
    "I authorize %(company)s to debit this bank account for any amount that I owe for its services,"
    " under its terms, until I take this authorization back. I can change or cancel it at any time"
    " by telling %(company)s with 30 days' notice, or by removing the bank account here."
)
_BECS = later(
    "By providing your bank account details, you agree to this Direct Debit Request and the Direct"
    " Debit Request service agreement (https://stripe.com/au-becs-dd-service-agreement/legal), and"
    " authorise Stripe Payments Australia Pty Ltd ACN 160 180 343 Direct Debit User ID number 507156"
    " (“Stripe”) to debit your account through the Bulk Electronic Clearing System (BECS) on behalf of"
    " %(company)s (the “Merchant”) for any amounts separately communicated to you by the Merchant. You"
    " certify that you are either an account holder or an authorised signatory on the account listed"
    " above."
)
_PAD = later(
    "I authorize %(company)s to debit this bank account for any amount that I owe for its services,"
    " whenever I owe it (a personal pre-authorized debit agreement with sporadic payments). I can"
    " cancel this agreement at any time by removing the bank account here or by telling %(company)s."
    " I have certain recourse rights if a debit does not comply with this agreement; for example, I"
    " have the right to be paid back a debit that is not authorized or not consistent with it. My bank"
    " and https://www.payments.ca tell more about these rights and have a sample cancellation form."
)
_OFFLINE = later(
    "The customer has given %(company)s this permission by telephone, in writing or in person, and"
    " has been told that it can be taken back at any time."
)
WORDINGS = {
    PaymentKind.CARD: _CARD,
    PaymentKind.ACH: _ACH,
    PaymentKind.BECS: _BECS,
    PaymentKind.PAD: _PAD,
}
"""What a customer agrees to, by kind; English, the source of the translations.

BECS: the form that Stripe requires, with its service agreement one click away (stripe.com/legal/becs;
docs.stripe.com/payments/au-becs-debit). PAD: what Payments Canada's Rule H1 wants to be said, for the
mandate options that we order. ACH: as Stripe words it, with the way to take it back."""
OFFLINE_WORDING = _OFFLINE
"""What the office confirms in addition, when it saves something for a customer."""


def consent_wording(kind: PaymentKind, company: str, language: Language) -> str:
    """Gives what a customer agrees to, in the language of the page."""
    return language.say(WORDINGS[kind], company=company)


def offline_wording(kind: PaymentKind, company: str, language: Language) -> str:
    """Gives what the office confirms when it saves something for a customer."""
    told = language.say(OFFLINE_WORDING, company=company)
    return f"{consent_wording(kind, company, language)} {told}"
