"""The business settings: those that Splynx's own add-on has, under the labels that it shows.

Title, default and explanation of each field are the source of `docs/reference/settings.md`, of the
JSON Schema and of the settings page. Labels: `reference/splynx-api.md` 5.1.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)

from splynx_stripe.config.vocabulary import (
    check_country,
    check_currency,
    check_language,
    check_message_template,
    check_payment_types,
    check_publishable_key,
    check_timezone_or_none,
)
from splynx_stripe.domain.message_template import DEFAULT_MESSAGE_TEMPLATE

PaymentType = Literal["card", "ach", "becs", "pad"]
Name = Annotated[str, Field(min_length=1, max_length=100)]


def _as_written(value: object) -> object:
    return str(value) if type(value) is int else value


Amount = Annotated[
    str,
    BeforeValidator(_as_written),
    Field(pattern=r"^[0-9]{1,7}(\.[0-9]{1,3})?$", max_length=11),
    WithJsonSchema({"type": ["string", "integer"]}),
]
"""An amount in the partner's currency as people write it, such as 50 or "49.90"."""

Count = Annotated[
    str,
    BeforeValidator(_as_written),
    Field(pattern=r"^(0|[1-9][0-9]{0,2})$", max_length=3),
    WithJsonSchema({"type": ["string", "integer"]}),
]
"""A number from 0 to 999 as people write it; text, so that the settings page can keep it too."""

TimeOfDay = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", max_length=5)]
"""A time on the clock of the partner, such as "09:00"."""

NoticeChannel = Literal["mail", "sms", "portal"]


class Section(BaseModel):
    """A section of the YAML: frozen; unknown keys are errors; values must have their type already."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, hide_input_in_errors=True, validate_default=True
    )


class BusinessSettings(Section):
    """What the office decides. Each can differ per partner."""

    language: Annotated[str, AfterValidator(check_language)] = Field(
        default="en",
        title="Language",
        description="Language of the pages that customers and administrators see.",
    )
    timezone: Annotated[str, AfterValidator(check_timezone_or_none)] = Field(
        default="",
        title="Time zone",
        description="Time zone by whose clocks this partner's customers are charged automatically,"
        " such as `Europe/Prague`. Not set: that of Splynx (`splynx.timezone`).",
    )
    authentication_type: Literal["api", "oauth"] = Field(
        default="api",
        title="Authentication type",
        description="How we log in to Stripe where both are there: `api` with the keys of the partner,"
        " `oauth` with the account connected by the button Connect (safer, no keys to copy). Where"
        " only one is there it is used, and a sentence says so. Not set: keys in config.yaml, else the"
        " connected account, else keys of the settings page.",
    )
    payment_account: Name = Field(
        default="Stripe",
        title="Payment account",
        description="Name of the payment account in Splynx that card payments belong to; also the"
        " first word of the titles of payment statements.",
    )
    bank_payment_account: Name = Field(
        default="Stripe Bank",
        title="Bank payment account",
        description="Name of the payment account in Splynx for payments from bank accounts.",
    )
    payment_types: Annotated[tuple[PaymentType, ...], AfterValidator(check_payment_types)] = Field(
        default=("card",),
        title="Available payment types",
        description="What customers can pay with: `card`, and at most one bank type: `ach` (ACH"
        " Direct Debit, USA), `becs` (BECS Direct Debit, Australia) or `pad` (pre-authorized debit,"
        " Canada).",
    )
    credit_card_payment_method: Name = Field(
        default="Credit card",
        title="Credit card payment method",
        description="Name of the payment method in Splynx that card payments are booked with.",
    )
    bank_account_payment_method: Name = Field(
        default="Bank transfer",
        title="Bank Account payment method",
        description="Name of the payment method in Splynx that payments from bank accounts are"
        " booked with.",
    )
    change_payment_method: bool = Field(
        default=False,
        title="Change the payment method when payment credentials are added",
        description="When a customer saves a card or a bank account, Splynx's payment method of the"
        " customer becomes the one named above.",
    )
    statement_grouping: Literal["month", "day"] = Field(
        default="month",
        title="Payment statement grouping",
        description="How payments are grouped together in Payment Statements: `month` or `day`.",
    )
    grant_access_to_unauthorized_customers: bool = Field(
        default=False,
        title="Grant access to unauthorized customers",
        description="Whoever has a direct payment link can pay the invoice or proforma invoice"
        " without logging in. The page then shows no personal data.",
    )
    message_template: Annotated[
        str, Field(min_length=1, max_length=500), AfterValidator(check_message_template)
    ] = Field(
        default=DEFAULT_MESSAGE_TEMPLATE,
        title="Message to Stripe template",
        description="What a payment is called in Stripe. Placeholders: `{{ customer.email }}`,"
        " `{{ type }}`, `{{ id }}`, `{{ date }}`; the syntax is strict.",
    )
    charge_invoices_without_cards: bool = Field(
        default=False,
        title="Charge invoices without cards",
        description="Charge runs also take the invoices of customers who have saved no payment method:"
        " they get a link to pay by e-mail, once for each invoice.",
    )
    charge_run_maximum: Amount = Field(
        default="0",
        title="Largest charge run",
        description="The most that one charge run may take from a partner's customers. A run over it"
        " does not start. `0`: no limit.",
    )
    charge_customer_maximum: Amount = Field(
        default="0",
        title="Largest charge of one customer",
        description="The most that one charge run may take from one customer; what is above is skipped."
        " `0`: no limit.",
    )
    charge_second_confirmation_above: Amount = Field(
        default="0",
        title="Second confirmation above",
        description="A charge run with a larger total has to be confirmed by a second administrator."
        " `0`: never for its total alone.",
    )
    charge_deviation_percent: Count = Field(
        default="100",
        title="Deviation from past runs",
        description="A charge run whose total is further from the median of the last runs with the same"
        " filters, in percent, has to be confirmed by a second administrator. `0`: not compared.",
    )
    charge_not_twice_within_days: Count = Field(
        default="0",
        title="Days between two charge runs",
        description="A customer whom a charge run has charged is not charged by another one within so"
        " many days. `0`: may be.",
    )
    offer_to_save_payment_credentials: bool = Field(
        default=False,
        title="Offer to save payment credentials",
        description='Shows the toggle "Save and allow future charges" on the payment form.',
    )
    top_up_amounts: Annotated[tuple[Amount, ...], Field(max_length=6)] = Field(
        default=("20", "50", "100"),
        title="Top-up amounts",
        description="Amounts that the top-up page suggests, in the partner's currency. Without any"
        " customers cannot top up their balance.",
    )
    top_up_minimum: Amount = Field(
        default="1",
        title="Smallest top-up",
        description="The least that a customer can add to the balance at once.",
    )
    top_up_maximum: Amount = Field(
        default="1000",
        title="Largest top-up",
        description="The most that a customer can add to the balance at once.",
    )
    failed_payment_notifications: bool = Field(
        default=False,
        title="Failed payment notifications",
        description="Tells the customer when a payment failed: why, what happens next, and a link to"
        " pay. Once for each failure that has something new to say, never while a debit is on its way.",
    )
    notification_channels: Annotated[
        tuple[NoticeChannel, ...], Field(min_length=1, max_length=3)
    ] = Field(
        default=("mail",),
        title="Ways of notification",
        description="How customers are told: `mail`, `sms`, `portal` (a message in the portal), through"
        " Splynx.",
    )
    notification_subject: Annotated[str, Field(max_length=150)] = Field(
        default="",
        title="Subject of notifications",
        description="Subject of the e-mail about a failed payment. Not set: our own, in the partner's"
        " language.",
    )
    notification_intro: Annotated[str, Field(max_length=1000)] = Field(
        default="",
        title="First paragraph of notifications",
        description="Stands before our own text in the e-mail about a failed payment. Plain text.",
    )
    retry_days: Annotated[tuple[Count, ...], Field(max_length=10)] = Field(
        default=("1", "3", "7"),
        title="Days of new tries",
        description="On which days after an automatic charge has failed it is tried again. An empty list:"
        " never by itself. What the bank refuses for good is not tried again in any case.",
    )
    retry_from: TimeOfDay = Field(
        default="09:00",
        title="New tries from",
        description="Earliest time of day of a new try, on the partner's clock (`timezone`). Customers are"
        " told within these hours about cards that expire.",
    )
    retry_until: TimeOfDay = Field(
        default="17:00",
        title="New tries until",
        description="Time of day after which none is begun.",
    )
    retry_other_methods: Literal["never", "next_try", "at_once"] = Field(
        default="next_try",
        title="Try other saved payment methods",
        description="Whether the customer's other saved methods are charged when one fails: `never`, at"
        " the `next_try`, or `at_once`.",
    )
    card_tries_at_most: Count = Field(
        default="8",
        title="Tries per card in 30 days",
        description="How often one card is charged for one debt in 30 days, all in all. Card schemes allow"
        " up to 15.",
    )
    bank_retries_at_most: Count = Field(
        default="2",
        title="New tries per bank account",
        description="How often a bank debit is presented again, for want of money only. The schemes' own"
        " limits hold besides: ACH 2, PAD 1.",
    )
    card_expiry_reminder_days: Count = Field(
        default="0",
        title="Remind of expiring cards",
        description="How many days before the end of a saved card's last month the customer is told, once."
        " `0`: not at all (Splynx has such notifications too).",
    )
    debit_notice_days: Count = Field(
        default="0",
        title="Announce bank debits",
        description="How many days before a planned debit by BECS or PAD the customer is told amount and"
        " day. `0`: not at all.",
    )
    office_digest: bool = Field(
        default=True,
        title="Daily digest of failed payments",
        description="One e-mail to the office on the morning after a day with failed payments.",
    )
    office_email: Annotated[str, Field(max_length=250)] = Field(
        default="",
        title="E-mail address of the office",
        description="Where digests and summaries go. Not set: the e-mail address of the partner's company"
        " information in Splynx.",
    )


def _as_tuple(value: object) -> object:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


FileNames = Annotated[
    tuple[Name, ...],
    BeforeValidator(_as_tuple),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


class PartnerSection(BusinessSettings):
    """One partner: its Stripe account, its money, and every business setting that differs.

    What a section does not say is taken from `partners.default`, then from `settings`. The keys
    of a Stripe account belong together: a section with a `secret_key_file` has its own account.
    """

    currency: Annotated[str, AfterValidator(check_currency)] = Field(
        default="",
        validate_default=False,
        title="Select payment currency",
        description="Currency of this partner's invoices, such as `EUR`. Without one nobody of this"
        " partner can be charged.",
    )
    country: Annotated[str, AfterValidator(check_country)] = Field(
        default="",
        validate_default=False,
        title="Select country",
        description="Country of the Stripe account, such as `CZ`; wallets (Apple Pay, Google Pay)"
        " need it.",
    )
    publishable_key: Annotated[str, AfterValidator(check_publishable_key)] = Field(
        default="",
        validate_default=False,
        title="Public Key",
        description="Stripe's publishable key (`pk_live_…` or `pk_test_…`), of the same account and"
        " mode as the secret key. It is not a secret.",
    )
    secret_key_file: Annotated[str, Field(min_length=1)] = Field(
        default="",
        validate_default=False,
        title="Secret Key",
        description="File that holds Stripe's secret or restricted key (`sk_…` or `rk_…`) and"
        " nothing else. A name without a slash is looked for among the credentials that systemd"
        " passes first; other relative paths begin at the folder of config.yaml.",
    )
    webhook_secret_file: FileNames = Field(
        default=(),
        title="Webhook Signing Secret",
        description="File, or list of files, with the signing secret of the webhook (`whsec_…`)."
        " Several are accepted at once, so that a secret can be rotated without losing an event."
        " Without one webhooks are refused and events are only polled.",
    )


ACCOUNT_KEYS = ("publishable_key", "secret_key_file", "webhook_secret_file")
"""The keys of a partner section that make its Stripe account; they are inherited together."""

BUSINESS_KEYS = tuple(BusinessSettings.model_fields)
"""The names of the business settings."""
