"""The settings in force: frozen, resolved per partner, and able to say where each comes from.

A partner's value is the first one found in: its own section, `partners.default`, `settings`, the
built-in default. The keys of a Stripe account are taken together from one section.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from pydantic import JsonValue

from splynx_stripe.config.accounts import AccountKeys, SectionAccount
from splynx_stripe.config.business import (
    ACCOUNT_KEYS,
    BUSINESS_KEYS,
    BusinessSettings,
    PartnerSection,
    Section,
)
from splynx_stripe.config.document import (
    DEFAULT_PARTNER,
    ConfigDocument,
    DatabaseSection,
    ListenSection,
    LoggingSection,
    SplynxSection,
    StripeSection,
)
from splynx_stripe.config.problems import Problem
from splynx_stripe.config.yaml_files import KeyPath, Place
from splynx_stripe.domain.statement import StatementGrouping
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.domain.terms import Terms
from splynx_stripe.domain.timing import Timing
from splynx_stripe.kit.secret import Secret

NOT_WRITTEN = "default"
"""Where a value comes from that stands in no file."""

_SECRET_FILES = frozenset({"secret_key_file", "webhook_secret_file", "api_secret_file"})
_PER_PARTNER: frozenset[KeyPath] = frozenset({("settings",), ("partners",)})
_URL_PASSWORD = re.compile(r"(?<=://)([^:/@]*):[^@]*@")


class Explained(NamedTuple):
    """A value in force; secrets and passwords are `***`."""

    key: str
    value: JsonValue
    origin: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """How the values of one partner section (or of a partner that has none) are found."""

    document: ConfigDocument
    places: Mapping[KeyPath, Place]
    section: str

    def value(self, key: str) -> object:
        """Gives a business setting, currency or country."""
        holder = self._holder(key)
        return getattr(self._sections()[holder], key) if holder else _built_in(key)

    def origin(self, key: str) -> str:
        """Says where that value stands, such as `config.yaml:12`, or `default`."""
        holder = self._holder(key)
        return _origin(self.places, (*holder, key)) if holder else NOT_WRITTEN

    def business(self) -> BusinessSettings:
        """Gives all business settings of the partner."""
        return self.document.settings.model_copy(
            update={key: self.value(key) for key in BUSINESS_KEYS}
        )

    def account_section(self) -> str:
        """Names the section whose Stripe account the partner uses."""
        own = self.document.partners.get(self.section)
        return self.section if own is not None and own.secret_key_file else DEFAULT_PARTNER

    def _holder(self, key: str) -> KeyPath | None:
        return next(
            (path for path, held in self._sections().items() if key in held.model_fields_set), None
        )

    def _sections(self) -> Mapping[KeyPath, Section]:
        partners = self.document.partners
        found: dict[KeyPath, Section] = {
            ("partners", name): partners[name]
            for name in (self.section, DEFAULT_PARTNER)
            if name in partners
        }
        return {**found, ("settings",): self.document.settings}


@dataclass(frozen=True, slots=True)
class Settings:
    """What config.yaml, config.d and the secret files say together. Made by `load_settings`."""

    document: ConfigDocument
    places: Mapping[KeyPath, Place]
    section_accounts: Mapping[str, SectionAccount]
    splynx_api_secret: Secret | None
    warnings: tuple[Problem, ...]

    @property
    def listen(self) -> ListenSection:
        """Gives where to listen."""
        return self.document.listen

    @property
    def public_url(self) -> str:
        """Gives the address of our pages, without a slash at the end; "" when not set."""
        return self.document.public_url

    @property
    def splynx(self) -> SplynxSection:
        """Gives how to reach Splynx; its secret is `splynx_api_secret`."""
        return self.document.splynx

    @property
    def database(self) -> DatabaseSection:
        """Gives where to remember."""
        return self.document.database

    @property
    def stripe(self) -> StripeSection:
        """Gives how to reach Stripe."""
        return self.document.stripe

    @property
    def logging(self) -> LoggingSection:
        """Gives what to log."""
        return self.document.logging

    @property
    def polling_interval(self) -> timedelta:
        """Gives the time between two looks at Stripe's list of events."""
        return timedelta(seconds=self.document.timing.polling_interval_s)

    @property
    def connected(self) -> bool:
        """Says whether everything is set that a payment needs."""
        return not self.missing

    @property
    def missing(self) -> list[str]:
        """Gives a sentence for each thing that is still to be set before anybody can pay."""
        splynx = self.document.splynx
        wanted = {
            "Set `public_url` to the address of our pages, such as https://isp.example.net/stripe.": (
                self.public_url
            ),
            "Set `splynx.url` to the address of Splynx.": splynx.url,
            "Set `splynx.api_key` to the key of an API key made in Splynx.": splynx.api_key,
            "Set `splynx.api_secret_file` to a file with the secret of that API key.": (
                self.splynx_api_secret
            ),
            "Set `currency`, `publishable_key` and `secret_key_file` under `partners.default`.": (
                self.section_accounts
            ),
        }
        return [sentence for sentence, value in wanted.items() if not value]

    def terms(self, partner_id: int) -> Terms | None:
        """Gives the resolved terms; None when this partner cannot be charged (no keys, no currency)."""
        resolution = self._resolution(partner_id)
        account = self.section_accounts.get(resolution.account_section())
        currency = str(resolution.value("currency"))
        if account is None or not currency:
            return None
        business = resolution.business()
        return Terms(
            partner_id=partner_id,
            account=account.account,
            publishable_key=account.keys.publishable_key,
            currency=currency,
            country=str(resolution.value("country")),
            language=business.language,
            payment_account=business.payment_account,
            credit_card_payment_method=business.credit_card_payment_method,
            statement_grouping=StatementGrouping(business.statement_grouping),
            message_template=business.message_template,
            grants_access_to_unauthorized=business.grant_access_to_unauthorized_customers,
        )

    def business(self, partner_id: int) -> BusinessSettings:
        """Gives all business settings of a partner; an unknown one is like the Default partner."""
        return self._resolution(partner_id).business()

    def accounts(self) -> Mapping[StripeAccount, AccountKeys]:
        """Gives every Stripe account that has keys."""
        return {found.account: found.keys for found in self.section_accounts.values()}

    def timing(self) -> Timing:
        """Gives the waiting times of the flows."""
        timing = self.document.timing
        return Timing(
            look_after_first=timedelta(seconds=timing.look_after_first_s),
            look_every=timedelta(seconds=timing.look_every_s),
            abandoned_after=timedelta(seconds=timing.abandoned_after_s),
            key_protects_for=timedelta(hours=timing.key_protects_for_h),
            booking_deadline=timedelta(seconds=timing.booking_deadline_s),
            verify_booking_after=timedelta(seconds=timing.verify_booking_after_s),
            effect_claim=timedelta(seconds=timing.effect_claim_s),
            event_claim=timedelta(seconds=timing.event_claim_s),
        )

    def partner_sections(self) -> list[str]:
        """Names the partner sections: `default` first, then by number."""
        numbers = sorted(int(name) for name in self.document.partners if name != DEFAULT_PARTNER)
        return [DEFAULT_PARTNER, *(str(number) for number in numbers)]

    def explain(self, partner: int | None = None) -> list[Explained]:
        """Gives the values of a partner (None: the Default partner) and where each comes from."""
        resolution = self._resolution(partner)
        rows = []
        for key in PartnerSection.model_fields:
            if key in ACCOUNT_KEYS:
                rows.append(self._explain_account_key(resolution.account_section(), key))
            else:
                rows.append(
                    Explained(key, _shown(key, resolution.value(key)), resolution.origin(key))
                )
        return rows

    def explain_general(self) -> list[Explained]:
        """Gives the values that are the same for all partners and where each comes from."""
        return list(_general_rows(self.document, (), self.places))

    def _resolution(self, partner_id: int | None) -> Resolution:
        section = DEFAULT_PARTNER if partner_id is None else str(partner_id)
        return Resolution(self.document, self.places, section)

    def _explain_account_key(self, section: str, key: str) -> Explained:
        held = self.document.partners.get(section)
        if held is None or key not in held.model_fields_set:
            return Explained(key, _shown(key, _built_in(key)), NOT_WRITTEN)
        path = ("partners", section, key)
        return Explained(key, _shown(key, getattr(held, key)), _origin(self.places, path))


def _general_rows(
    section: Section, path: KeyPath, places: Mapping[KeyPath, Place]
) -> Iterator[Explained]:
    for key in type(section).model_fields:
        inner = (*path, key)
        value = getattr(section, key)
        if inner in _PER_PARTNER:
            continue
        if isinstance(value, Section):
            yield from _general_rows(value, inner, places)
        else:
            written = key in section.model_fields_set
            origin = _origin(places, inner) if written else NOT_WRITTEN
            yield Explained(".".join(inner), _shown(key, value), origin)


def _origin(places: Mapping[KeyPath, Place], path: KeyPath) -> str:
    return str(places[path])


def _built_in(key: str) -> object:
    return PartnerSection.model_fields[key].default


def _shown(key: str, value: object) -> JsonValue:
    if isinstance(value, tuple):
        return [_shown(key, item) for item in value]
    if isinstance(value, bool | int | float):
        return value
    if key in _SECRET_FILES and value:
        return f"{value} (***)"
    return _URL_PASSWORD.sub(r"\1:***@", str(value))
