"""The shape of config.yaml: its sections, their keys, types, units, defaults and explanations.

The business settings have their own module. Whatever needs more than one key, or a look at a file,
is checked in `loading.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from inspect import isclass
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue

from splynx_stripe.config.auto_charge import AutoChargeRule
from splynx_stripe.config.business import BusinessSettings, PartnerSection, Section
from splynx_stripe.config.vocabulary import (
    check_database_url,
    check_https_url,
    check_timezone,
)

DEFAULT_PARTNER = "default"
PARTNER_KEY = r"^(default|[1-9][0-9]{0,8})$"
"""Splynx numbers its partners from 1."""

Url = Annotated[str, AfterValidator(check_https_url)]
Seconds = Annotated[float, Field(gt=0, le=30 * 24 * 3600)]
Rate = Annotated[float, Field(gt=0, le=10_000)]


def _without_last_slash(url: str) -> str:
    return url.rstrip("/")


def _with_last_slash(url: str) -> str:
    return url.rstrip("/") + "/"


BaseUrl = Annotated[Url, AfterValidator(_without_last_slash)]


class ListenSection(Section):
    """Where the daemon answers nginx. A socket passed by systemd wins."""

    host: Annotated[str, Field(min_length=1)] = Field(
        default="127.0.0.1",
        description="Address to listen on. nginx is in front of it, so it stays on this machine.",
    )
    port: Annotated[int, Field(ge=0, le=65535)] = Field(
        default=8085, description="Port to listen on; 0 takes any free one."
    )
    unix: Annotated[str, Field(pattern="^/")] = Field(
        default="",
        validate_default=False,
        description="Path of a Unix socket to listen on instead of host and port.",
    )


PaymentAccountFields = Annotated[
    tuple[
        Literal[
            "customer",
            "payment_method",
            "brand",
            "last4",
            "exp_month",
            "exp_year",
            "expires",
            "-",
        ],
        ...,
    ],
    BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value),
    Field(min_length=2, max_length=10),
]


class SplynxSection(Section):
    """The Splynx server that we work for."""

    url: Annotated[Url, AfterValidator(_with_last_slash)] = Field(
        default="",
        validate_default=False,
        title="Splynx URL",
        description="Primary address of Splynx, as its users open it.",
    )
    api_key: Annotated[str, Field(min_length=1)] = Field(
        default="",
        validate_default=False,
        title="API key",
        description="Key of the API key pair made in Splynx: Administration, API keys.",
    )
    api_secret_file: Annotated[str, Field(min_length=1)] = Field(
        default="",
        validate_default=False,
        title="API secret",
        description="File with the secret of the API key pair; found like `secret_key_file`.",
    )
    session_cookie: Annotated[str, Field(pattern="^[A-Za-z0-9_-]+$")] = Field(
        default="PHPSESSID",
        description="Name of the cookie of Splynx's sessions; it tells us who looks at a page.",
    )
    timezone: Annotated[str, AfterValidator(check_timezone)] = Field(
        default="UTC",
        description="Time zone of Splynx, such as `Europe/Prague`: it decides the day on which a"
        " payment is booked.",
    )
    timeout_s: Seconds = Field(
        default=30, description="Seconds to wait for an answer of Splynx's API."
    )
    max_parallel: Annotated[int, Field(ge=1, le=50)] = Field(
        default=5, description="Calls to Splynx's API at the same time."
    )
    authentication: Literal["token", "signature"] = Field(
        default="token",
        description="How API calls are authenticated: `token` logs in with a signed request and"
        " renews, so calls may run in parallel; `signature` signs each call, one at a time,"
        " because a strict server refuses a nonce that was overtaken.",
    )
    payment_account_fields: PaymentAccountFields = Field(
        default=("customer", "payment_method", "brand", "last4", "exp_month", "exp_year"),
        description="What `field_1`, `field_2`, … of Splynx's payment accounts hold: `customer`,"
        " `payment_method`, `brand`, `last4`, `exp_month`, `exp_year`, `expires` (YYYY-MM), or `-`"
        " for a field that is none of ours. The default is what the closed add-on wrote.",
    )


class DatabaseSection(Section):
    """Where the daemon remembers."""

    url: Annotated[str, AfterValidator(check_database_url)] = Field(
        default="sqlite:////var/lib/splynx-stripe/splynx-stripe.db",
        repr=False,
        description="SQLite file (four slashes and a path), or"
        " `postgresql://user@host/name` to let several daemons share the work. Keep a password"
        " of PostgreSQL out of it: use peer authentication or a password file (PGPASSFILE).",
    )
    encryption_key_file: Annotated[str, Field(min_length=1)] = Field(
        default="encryption.key",
        description="File with the keys that encrypt bank accounts, tokens and secrets in the"
        " database, found like `secret_key_file`. `splynx-stripe encryption` makes and replaces"
        " them; without one nothing secret can be stored. Keep a copy apart from the database's.",
    )


class RequestRates(Section):
    """How fast we may call Stripe, per account and mode."""

    per_endpoint: Rate = Field(default=25, description="Requests per second to one endpoint.")
    total: Rate = Field(default=100, description="Requests per second in all, live mode.")
    sandbox_total: Rate = Field(default=25, description="Requests per second in all, test mode.")


ConnectClientId = Annotated[str, Field(pattern=r"^(ca_[A-Za-z0-9]+)?$")]


class StripeSection(Section):
    """How to reach Stripe."""

    api_base: BaseUrl = Field(
        default="https://api.stripe.com", description="Address of Stripe's API."
    )
    connect_base: BaseUrl = Field(
        default="https://connect.stripe.com", description="Address of Stripe's OAuth pages."
    )
    js_url: Url = Field(
        default="https://js.stripe.com/v3/", description="Address of Stripe.js for our pages."
    )
    connect_client_id: ConnectClientId = Field(
        default="",
        description="Client id (`ca_…`) of your Connect platform; with it, partners connect their"
        " Stripe accounts by a button. Stripe: Settings, Connect, Onboarding options, OAuth.",
    )
    platform_secret_key_file: str = Field(
        default="",
        description="File with the platform's secret key (`sk_…`); its mode is that of the client id.",
    )
    connect_test_client_id: ConnectClientId = Field(
        default="", description="Client id of the platform in test mode, beside a live one."
    )
    platform_test_secret_key_file: str = Field(
        default="",
        description="File with the platform's test key (`sk_test_…`), beside a live one.",
    )
    webhook_tolerance_s: Annotated[int, Field(ge=1, le=3600)] = Field(
        default=300,
        description="Seconds by which the time in a webhook's signature may differ from ours.",
    )
    requests_per_second: RequestRates = Field(
        default=RequestRates(), description="Stripe's limits, see Stripe's page on rate limits."
    )


class TimingSection(Section):
    """How long the daemon waits before it looks again."""

    polling_interval_s: Seconds = Field(
        default=60, description="Seconds between two looks at Stripe's list of events."
    )
    look_after_first_s: Seconds = Field(
        default=30, description="Seconds until the first look at a payment that has no outcome yet."
    )
    look_every_s: Seconds = Field(
        default=300, description="Seconds between further looks at such a payment."
    )
    abandoned_after_s: Seconds = Field(
        default=3600,
        description="Seconds after which a payment that nobody confirmed is canceled at Stripe.",
    )
    key_protects_for_h: Annotated[float, Field(gt=0, le=23)] = Field(
        default=23,
        description="Hours for which a request of unknown outcome is repeated with its idempotency"
        " key. Stripe forgets keys after 24 hours, so 23 is the most.",
    )
    booking_deadline_s: Seconds = Field(
        default=900,
        description="Seconds within which a payment must be booked in Splynx before a person is"
        " told.",
    )
    verify_booking_after_s: Seconds = Field(
        default=90,
        description="Seconds until we look in Splynx whether a booking without an answer arrived.",
    )
    effect_claim_s: Seconds = Field(
        default=300,
        description="Seconds after which a booking that a daemon has begun is taken over by another"
        " one, or by itself after a restart. Longer than the slowest booking with all its timeouts.",
    )
    event_claim_s: Seconds = Field(
        default=120,
        description="Seconds after which a Stripe event that a daemon has begun to handle is taken"
        " over in the same way.",
    )
    customer_sync_at: Annotated[str, Field(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9])?$")] = Field(
        default="03:30",
        description="Time of day in Splynx's time zone, such as `03:30` in quotes, at which all"
        " customers in Stripe are compared with Splynx. Empty: only those who are new.",
    )


class ChargingSection(Section):
    """How fast charge runs charge, within Stripe's limits."""

    at_once: Annotated[int, Field(ge=1, le=100)] = Field(
        default=16, description="Charges of one Stripe account on their way at the same time."
    )
    unbooked_at_most: Annotated[int, Field(ge=0, le=100_000)] = Field(
        default=200,
        description="While more charges than this wait for their booking in Splynx, charge runs begin no"
        " new ones. `0` is no limit: then money may be taken for hours while Splynx takes no payments.",
    )


class LoggingSection(Section):
    """What is written to the journal."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least important messages that are written."
    )


class ConfigDocument(Section):
    """The whole of config.yaml."""

    listen: ListenSection = ListenSection()
    public_url: BaseUrl = Field(
        default="",
        validate_default=False,
        title="Public address",
        description="Address of our pages as browsers and Stripe reach them, such as"
        " `https://isp.example.net/stripe`. https, except on loopback.",
    )
    splynx: SplynxSection = SplynxSection()
    database: DatabaseSection = DatabaseSection()
    stripe: StripeSection = StripeSection()
    settings: BusinessSettings = Field(
        default=BusinessSettings(),
        description="Business settings of all partners. What stands here or under `partners.default`"
        " cannot be changed on the settings page for the Default partner, what stands under"
        " `partners.2` not for partner 2.",
    )
    partners: Mapping[str, PartnerSection] = Field(
        default={},
        description="`default` and Splynx's partner ids. What a partner does not say, here or on the"
        " settings page, is taken from `default`, then from `settings`.",
    )
    auto_charge: tuple[AutoChargeRule, ...] = Field(
        default=(), max_length=100, description="Rules of auto charge, each with its keys."
    )
    timing: TimingSection = TimingSection()
    charging: ChargingSection = ChargingSection()
    logging: LoggingSection = LoggingSection()


def all_sections() -> dict[tuple[str, ...], type[Section]]:
    """Gives every section by its path, in the order of the file.

    The partners are there by `default`; the rules of auto charge, which are a list, are not.
    """
    sections = dict(_sections_from((), ConfigDocument))
    sections["partners", DEFAULT_PARTNER] = PartnerSection
    return sections


def _sections_from(
    path: tuple[str, ...], section: type[Section]
) -> Iterator[tuple[tuple[str, ...], type[Section]]]:
    yield path, section
    for name, field in section.model_fields.items():
        if isclass(field.annotation) and issubclass(field.annotation, Section):
            yield from _sections_from((*path, name), field.annotation)


def json_schema() -> dict[str, JsonValue]:
    """Gives the JSON Schema of config.yaml, for editors that check while one types."""
    schema: dict[str, JsonValue] = ConfigDocument.model_json_schema()
    properties = schema["properties"]
    if isinstance(properties, dict):
        partners = properties["partners"]
        if isinstance(partners, dict):
            partners["patternProperties"] = {PARTNER_KEY: partners["additionalProperties"]}
            partners["additionalProperties"] = False
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
