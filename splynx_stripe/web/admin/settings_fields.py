"""The fields of the settings page: their groups, labels, help, and the values to choose from.

Labels are those of Splynx's own add-on, so that its users find them again (`splynx-api.md` 5.1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from babel import Locale
from pydantic import JsonValue

from splynx_stripe.config.vocabulary import LANGUAGES, known_countries, known_currencies
from splynx_stripe.web.i18n import Language, later

YES, NO = "yes", "no"


class Control(StrEnum):
    """How a setting is entered."""

    TEXT = "text"
    LONG_TEXT = "long"
    CHOICE = "choice"
    SWITCH = "switch"
    PAYMENT_TYPES = "types"
    LIST = "list"
    SECRET = "secret"  # noqa: S105 - the name of a control


@dataclass(frozen=True, slots=True)
class SettingField:
    """One setting on the page. `words` name the values of a choice, in their order."""

    key: str
    label: str
    hint: str
    control: Control
    words: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """Settings that belong together; `trial` names what its button tries out."""

    name: str
    title: str
    fields: Sequence[SettingField]
    trial: str = ""
    trial_label: str = ""


BANK_TYPES: Mapping[str, str] = {
    "": later("None"),
    "ach": later("ACH Direct Debit (USA)"),
    "becs": later("BECS Direct Debit (Australia)"),
    "pad": later("Pre-authorized debit (Canada)"),
}

_COMMON = (
    SettingField("language", later("Language"), later("Language of our pages."), Control.CHOICE),
    SettingField(
        "timezone",
        later("Time zone"),
        later(
            "By whose clocks customers are charged automatically, such as Europe/Prague. Without one"
            " it is the time zone of Splynx."
        ),
        Control.TEXT,
    ),
    SettingField(
        "payment_account",
        later("Payment account"),
        later(
            "Name of the payment account in Splynx that card payments belong to; also the first"
            " word of the titles of payment statements."
        ),
        Control.TEXT,
    ),
    SettingField(
        "bank_payment_account",
        later("Bank payment account"),
        later("Name of the payment account in Splynx for payments from bank accounts."),
        Control.TEXT,
    ),
    SettingField(
        "statement_grouping",
        later("Payment statement grouping"),
        later("How payments are grouped together in Payment Statements."),
        Control.CHOICE,
        {"month": later("Month"), "day": later("Day")},
    ),
)
_PAYMENTS = (
    SettingField(
        "payment_types",
        later("Available payment types"),
        later("What customers can pay with: cards, and at most one kind of bank account."),
        Control.PAYMENT_TYPES,
    ),
    SettingField(
        "credit_card_payment_method",
        later("Credit card payment method"),
        later("Name of the payment method in Splynx that card payments are booked with."),
        Control.TEXT,
    ),
    SettingField(
        "bank_account_payment_method",
        later("Bank Account payment method"),
        later("Name of the payment method in Splynx for payments from bank accounts."),
        Control.TEXT,
    ),
    SettingField(
        "top_up_amounts",
        later("Top-up amounts"),
        later(
            "Amounts that the top-up page suggests, with commas between them. Without any,"
            " customers cannot top up their balance."
        ),
        Control.LIST,
    ),
    SettingField(
        "top_up_minimum",
        later("Smallest top-up"),
        later("The least that a customer can add to the balance at once."),
        Control.TEXT,
    ),
    SettingField(
        "top_up_maximum",
        later("Largest top-up"),
        later("The most that a customer can add to the balance at once."),
        Control.TEXT,
    ),
    SettingField(
        "message_template",
        later("Message to Stripe template"),
        later(
            "What a payment is called in Stripe. The syntax is strict; placeholders:"
            " {{ customer.email }}, {{ type }}, {{ id }}, {{ date }}."
        ),
        Control.LONG_TEXT,
    ),
)
_CHARGE_RUNS = (
    SettingField(
        "charge_invoices_without_cards",
        later("Charge invoices without cards"),
        later(
            "Charge runs also take the invoices of customers who have saved no payment method: they"
            " get a link to pay by e-mail, once for each invoice."
        ),
        Control.SWITCH,
    ),
    SettingField(
        "charge_run_maximum",
        later("Largest charge run"),
        later(
            "The most that one charge run may take from a partner's customers. A run over it does"
            " not start. 0: no limit."
        ),
        Control.TEXT,
    ),
    SettingField(
        "charge_customer_maximum",
        later("Largest charge of one customer"),
        later(
            "The most that one charge run may take from one customer; what is above is skipped."
            " 0: no limit."
        ),
        Control.TEXT,
    ),
    SettingField(
        "charge_second_confirmation_above",
        later("Second confirmation above"),
        later(
            "A charge run with a larger total has to be confirmed by a second administrator."
            " 0: never for its total alone."
        ),
        Control.TEXT,
    ),
    SettingField(
        "charge_deviation_percent",
        later("Deviation from past runs"),
        later(
            "A charge run whose total is further from the median of the last runs with the same"
            " filters, in percent, has to be confirmed by a second administrator. 0: not compared."
        ),
        Control.TEXT,
    ),
    SettingField(
        "charge_not_twice_within_days",
        later("Days between two charge runs"),
        later(
            "A customer whom a charge run has charged is not charged by another one within so many"
            " days. 0: may be."
        ),
        Control.TEXT,
    ),
)
_CUSTOMERS = (
    SettingField(
        "grant_access_to_unauthorized_customers",
        later("Grant access to unauthorized customers"),
        later(
            "Whoever has a direct payment link can pay without logging in. The page then shows no"
            " personal data."
        ),
        Control.SWITCH,
    ),
    SettingField(
        "offer_to_save_payment_credentials",
        later("Offer to save payment credentials"),
        later("Shows the toggle “Save and allow future charges” on the payment form."),
        Control.SWITCH,
    ),
    SettingField(
        "change_payment_method",
        later("Change the payment method when payment credentials are added"),
        later(
            "When a customer saves a card or a bank account, Splynx's payment method of the"
            " customer becomes the one named above."
        ),
        Control.SWITCH,
    ),
)
_FAILED_PAYMENTS = (
    SettingField(
        "failed_payment_notifications",
        later("Failed payment notifications"),
        later(
            "Tells the customer when a payment failed, why, and what happens next, with a link to pay."
        ),
        Control.SWITCH,
    ),
    SettingField(
        "notification_channels",
        later("Ways of notification"),
        later("How customers are told, with commas between them: mail, sms, portal."),
        Control.LIST,
    ),
    SettingField(
        "notification_subject",
        later("Subject of notifications"),
        later("Of the e-mail about a failed payment. Without one it is our own, in your language."),
        Control.TEXT,
    ),
    SettingField(
        "notification_intro",
        later("First paragraph of notifications"),
        later("Stands before our own text in the e-mail about a failed payment. Plain text."),
        Control.LONG_TEXT,
    ),
    SettingField(
        "retry_days",
        later("Days of new tries"),
        later(
            "On which days after an automatic charge has failed it is tried again, with commas between"
            " them. Without any it is never tried again by itself."
        ),
        Control.LIST,
    ),
    SettingField(
        "retry_from",
        later("New tries from"),
        later("Earliest time of day of a new try, such as 09:00."),
        Control.TEXT,
    ),
    SettingField(
        "retry_until",
        later("New tries until"),
        later("Time of day after which none is begun, such as 17:00."),
        Control.TEXT,
    ),
    SettingField(
        "retry_other_methods",
        later("Try other saved payment methods"),
        later("Whether the customer's other saved methods are charged when one fails."),
        Control.CHOICE,
        {
            "never": later("Never"),
            "next_try": later("At the next try"),
            "at_once": later("At once"),
        },
    ),
    SettingField(
        "card_tries_at_most",
        later("Tries per card in 30 days"),
        later("How often one card is charged for one debt in 30 days, all in all."),
        Control.TEXT,
    ),
    SettingField(
        "bank_retries_at_most",
        later("New tries per bank account"),
        later(
            "How often a bank debit is presented again, for want of money only. The schemes' own"
            " limits hold besides."
        ),
        Control.TEXT,
    ),
    SettingField(
        "card_expiry_reminder_days",
        later("Remind of expiring cards"),
        later(
            "How many days before a saved card expires the customer is told, once. 0: not at all."
        ),
        Control.TEXT,
    ),
    SettingField(
        "debit_notice_days",
        later("Announce bank debits"),
        later(
            "How many days before a planned debit by BECS or PAD the customer is told amount and"
            " day. 0: not at all."
        ),
        Control.TEXT,
    ),
    SettingField(
        "office_digest",
        later("Daily digest of failed payments"),
        later("One e-mail to the office on the morning after a day with failed payments."),
        Control.SWITCH,
    ),
    SettingField(
        "office_email",
        later("E-mail address of the office"),
        later(
            "Where digests and summaries go. Without one: that of the company information in Splynx."
        ),
        Control.TEXT,
    ),
)
_CREDENTIALS = (
    SettingField(
        "authentication_type",
        later("Authentication type"),
        later(
            "OAuth 2.0 is safer: there are no keys to copy. Choose it, then connect the account; until"
            " then the keys are used. Where nothing is chosen, what is there is used."
        ),
        Control.CHOICE,
        {"api": later("API keys"), "oauth": later("OAuth 2.0")},
    ),
    SettingField(
        "currency",
        later("Select payment currency"),
        later("Currency of this partner's invoices. Without one nobody can pay."),
        Control.CHOICE,
    ),
    SettingField(
        "country",
        later("Select country"),
        later("Country of the Stripe account; wallets and bank accounts need it."),
        Control.CHOICE,
    ),
)
ACCOUNT_FIELDS = (
    SettingField(
        "publishable_key",
        later("Public Key"),
        later("Begins with pk_live_ or pk_test_. In Stripe: Developers, API keys."),
        Control.TEXT,
    ),
    SettingField(
        "secret_key",
        later("Secret Key"),
        later("Begins with sk_ or rk_. It is kept encrypted and never shown again."),
        Control.SECRET,
    ),
    SettingField(
        "webhook_secret",
        later("Webhook Signing Secret"),
        later(
            "Begins with whsec_. Only needed for a webhook that was made in Stripe by hand. It is"
            " kept encrypted and never shown again."
        ),
        Control.SECRET,
    ),
)
"""The keys of a Stripe account belong together, so they are inherited or set together."""

GROUPS: tuple[FieldGroup, ...] = (
    FieldGroup(
        "common", later("Common"), _COMMON, "splynx", later("Test the connection to Splynx")
    ),
    FieldGroup(
        "payments", later("Payments"), _PAYMENTS, "message", later("Show an example message")
    ),
    FieldGroup(
        "customers",
        later("Customers"),
        _CUSTOMERS,
        "customers",
        later("Show what customers can do"),
    ),
    FieldGroup("runs", later("Charge runs"), _CHARGE_RUNS),
    FieldGroup(
        "failed",
        later("Failed payments"),
        _FAILED_PAYMENTS,
        "notice",
        later("Show an example notification"),
    ),
    FieldGroup(
        "credentials", later("Stripe credentials"), _CREDENTIALS, "stripe", later("Test Stripe")
    ),
)

FIELDS: Mapping[str, SettingField] = {
    field.key: field for group in GROUPS for field in group.fields
}
LABELS: Mapping[str, str] = {
    key: field.label
    for key, field in {**FIELDS, **{field.key: field for field in ACCOUNT_FIELDS}}.items()
}


def options(field: SettingField, language: Language, present: str) -> list[tuple[str, str]]:
    """Gives the values of a choice and their names; the present one is always among them."""
    if field.words is not None:
        return [(value, language.say(word)) for value, word in field.words.items()]
    names = _names(field.key, language.locale)
    missing = {} if present in names or not present else {present: present}
    return sorted({**names, **missing}.items(), key=lambda option: option[1])


def in_words(field: SettingField, value: JsonValue, language: Language) -> str:
    """Says a value to people."""
    if isinstance(value, bool):
        return language.say("On") if value else language.say("Off")
    if isinstance(value, list | tuple):
        words = {**BANK_TYPES, "card": later("Cards")}
        names = [language.say(words.get(str(item), str(item))) for item in value]
        return ", ".join(names) or language.say("none")
    text = str(value or "")
    if not text:
        return language.say("not set")
    return dict(options(field, language, text)).get(text, text) if _is_choice(field) else text


def _is_choice(field: SettingField) -> bool:
    return field.control is Control.CHOICE


def _names(key: str, locale: Locale) -> dict[str, str]:
    match key:
        case "language":
            return {code: _own_name(Locale(code)) for code in LANGUAGES}
        case "currency":
            known = locale.currencies
            return {code: f"{known.get(code, code)} ({code})" for code in known_currencies()}
        case _:
            territories = locale.territories
            return {code: f"{territories.get(code, code)} ({code})" for code in known_countries()}


def _own_name(locale: Locale) -> str:
    """Gives a language's name in itself, so that whoever speaks it can find it."""
    name = locale.get_display_name(locale) or str(locale)
    return name[:1].upper() + name[1:]
