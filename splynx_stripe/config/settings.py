"""The settings in force: frozen, resolved per partner, and able to say where each comes from.

A partner's value is the first one found in: its own section in the files, its own section on the
settings page, `partners.default`, `settings`, the page's Default partner, the built-in default. The
keys of a Stripe account are taken together from one section.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import time, timedelta
from types import MappingProxyType
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from splynx_stripe.config.accounts import AccountKeys, SectionAccount
from splynx_stripe.config.auto_charge import charge_rules_of
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
from splynx_stripe.config.encryption_key import EncryptionKeyFile
from splynx_stripe.config.guardrails import guardrails_of
from splynx_stripe.config.platforms import ConnectPlatform
from splynx_stripe.config.problems import Problem
from splynx_stripe.config.top_up import top_up_terms
from splynx_stripe.config.yaml_files import KeyPath, Place
from splynx_stripe.domain.charge_rule import ChargeRule
from splynx_stripe.domain.payment_kind import PaymentKind, offered
from splynx_stripe.domain.statement import StatementGrouping
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.domain.terms import Terms
from splynx_stripe.domain.timing import Timing
from splynx_stripe.kit.secret import Secret

NOT_WRITTEN = "default"
"""Where a value comes from that stands in no file and was not made on the settings page."""

FROM_PAGE = "settings page"
"""Where a value comes from that was made on the settings page."""

_SECRET_FILES = frozenset({"secret_key_file", "webhook_secret_file", "api_secret_file"})
_ACCOUNT_PARTS = frozenset({*ACCOUNT_KEYS, "secret_key", "webhook_secret"})
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
    page: Mapping[str, PartnerSection] = field(default_factory=lambda: MappingProxyType({}))

    def value(self, key: str) -> object:
        """Gives a business setting, currency or country."""
        holder = self.holder(key)
        return getattr(self._sections()[holder], key) if holder else _built_in(key)

    def origin(self, key: str) -> str:
        """Says where that value stands, such as `config.yaml:12`, or `default`."""
        holder = self.holder(key)
        return _origin(self.places, (*holder, key)) if holder else NOT_WRITTEN

    def business(self) -> BusinessSettings:
        """Gives all business settings of the partner."""
        return self.document.settings.model_copy(
            update={key: self.value(key) for key in BUSINESS_KEYS}
        )

    def holder(self, key: str) -> KeyPath | None:
        """Gives the path of the section that the value stands in, None for the built-in one.

        Sections of the settings page are `("page", "default")`, `("page", "2")`.
        """
        return next(
            (path for path, held in self._sections().items() if key in held.model_fields_set), None
        )

    def _sections(self) -> Mapping[KeyPath, Section]:
        """Gives the sections in the order in which they are asked."""
        found: dict[KeyPath, Section] = {}
        if self.section != DEFAULT_PARTNER:
            self._add_own(found, self.section)
        self._add_written(found, DEFAULT_PARTNER)
        found["settings",] = self.document.settings
        self._add_page(found, DEFAULT_PARTNER)
        return found

    def _add_own(self, found: dict[KeyPath, Section], section: str) -> None:
        self._add_written(found, section)
        self._add_page(found, section)

    def _add_written(self, found: dict[KeyPath, Section], section: str) -> None:
        if section in self.document.partners:
            found["partners", section] = self.document.partners[section]

    def _add_page(self, found: dict[KeyPath, Section], section: str) -> None:
        if section in self.page:
            found["page", section] = self.page[section]


@dataclass(frozen=True, slots=True)
class Settings:
    """What config.yaml, config.d and the secret files say together. Made by `load_settings`.

    `page` is what the settings page adds: `page_layer.with_page_values`.
    """

    document: ConfigDocument
    places: Mapping[KeyPath, Place]
    section_accounts: Mapping[str, SectionAccount]
    splynx_api_secret: Secret | None
    key_file: EncryptionKeyFile
    warnings: tuple[Problem, ...]
    page: Mapping[str, PartnerSection] = field(default_factory=lambda: MappingProxyType({}))
    platforms: Mapping[bool, ConnectPlatform] = field(default_factory=lambda: MappingProxyType({}))
    """Our Connect platform by mode (True: live)."""
    unusable_accounts: frozenset[str] = frozenset()
    """Sections that have an account of their own which cannot be used now. Nobody is charged with
    another account instead (I8)."""

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
    def customer_sync_at(self) -> time | None:
        """Gives the time of day of the comparison of customers; None where it is switched off."""
        written = self.document.timing.customer_sync_at
        return time.fromisoformat(written) if written else None

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
            "Set `currency`, `publishable_key` and `secret_key_file` under `partners.default`, or"
            " make these settings on the settings page.": (self.section_accounts),
        }
        return [sentence for sentence, value in wanted.items() if not value]

    def terms(self, partner_id: int) -> Terms | None:
        """Gives the resolved terms; None when this partner cannot be charged (no keys, no currency)."""
        resolution = self._resolution(partner_id)
        account = self.section_accounts.get(self.account_section(resolution.section))
        currency = str(resolution.value("currency"))
        if account is None or not currency:
            return None
        business = resolution.business()
        country = str(resolution.value("country"))
        return Terms(
            partner_id=partner_id,
            account=account.account,
            publishable_key=account.keys.publishable_key,
            currency=currency,
            country=country,
            language=business.language,
            payment_account=business.payment_account,
            credit_card_payment_method=business.credit_card_payment_method,
            bank_payment_account=business.bank_payment_account,
            bank_account_payment_method=business.bank_account_payment_method,
            payment_kinds=offered(
                [PaymentKind(name) for name in business.payment_types], currency, country
            ),
            offers_to_save=business.offer_to_save_payment_credentials,
            top_up=top_up_terms(business, currency),
            statement_grouping=StatementGrouping(business.statement_grouping),
            message_template=business.message_template,
            grants_access_to_unauthorized=business.grant_access_to_unauthorized_customers,
            sends_payment_links=business.charge_invoices_without_cards,
            guardrails=guardrails_of(business, currency),
        )

    def business(self, partner_id: int | None) -> BusinessSettings:
        """Gives all business settings of a partner; an unknown one, and None, is the Default partner."""
        return self._resolution(partner_id).business()

    def accounts(self) -> Mapping[StripeAccount, AccountKeys]:
        """Gives every Stripe account that has keys."""
        return {found.account: found.keys for found in self.section_accounts.values()}

    def account_section(self, section: str) -> str:
        """Names the section whose Stripe account a section uses: its own, or the Default partner's."""
        own = section in self.section_accounts or section in self.unusable_accounts
        return section if own else DEFAULT_PARTNER

    def with_accounts(
        self,
        accounts: Mapping[str, SectionAccount | None],
        *,
        over_files: Collection[str] = (),
    ) -> Settings:
        """Adds accounts that stand in no file, by section; what stands in a file wins.

        None says that a section has an account which cannot be used now, so that its partner is
        charged neither with other keys nor with the Default partner's. In the sections `over_files`
        what is added wins over files too.
        """
        written = {name: one for name, one in self.section_accounts.items() if not one.origin}
        added = {
            name: one for name, one in accounts.items() if name not in written or name in over_files
        }
        usable = {name: one for name, one in added.items() if one is not None}
        kept = {name: one for name, one in self.section_accounts.items() if name not in added}
        return replace(
            self,
            section_accounts={**kept, **usable},
            unusable_accounts=(self.unusable_accounts - set(usable)) | (set(added) - set(usable)),
        )

    def with_warnings(self, warnings: Iterable[Problem]) -> Settings:
        """Adds what works but should be looked at."""
        return replace(self, warnings=(*self.warnings, *warnings))

    def authentication_of(self, section: str) -> str:
        """Gives how a section itself is set to log in to Stripe: `api`, `oauth`, or "" for not set.

        A partner's own account is not steered by what the Default partner's is reached with.
        """
        key = "authentication_type"
        holder = self.resolution(section).holder(key)
        is_own = holder is not None and (section == DEFAULT_PARTNER or holder[-1] == section)
        return str(self.resolution(section).value(key)) if is_own else ""

    def without_accounts(self, sections: Collection[str]) -> Settings:
        """Takes accounts away which must not be used now, also those that stand in a file."""
        kept = {name: one for name, one in self.section_accounts.items() if name not in sections}
        return replace(
            self,
            section_accounts=kept,
            unusable_accounts=self.unusable_accounts | frozenset(sections),
        )

    def with_webhook_secrets(self, secrets: Mapping[StripeAccount, tuple[Secret, ...]]) -> Settings:
        """Accepts further signing secrets of webhooks, beside those that are known."""

        def more(found: SectionAccount) -> SectionAccount:
            known = found.keys.webhook_secrets
            new = tuple(one for one in secrets.get(found.account, ()) if one not in known)
            return replace(found, keys=replace(found.keys, webhook_secrets=known + new))

        accounts = {name: more(found) for name, found in self.section_accounts.items()}
        return replace(self, section_accounts=accounts)

    def timezone_of_partners(self, partner_ids: Sequence[int]) -> ZoneInfo:
        """Gives the time zone that the partners have in common, else the Default partner's.

        A partner without one has Splynx's.
        """
        names = {str(self._resolution(each).value("timezone")) for each in partner_ids}
        name = names.pop() if len(names) == 1 else str(self._resolution(None).value("timezone"))
        return ZoneInfo(name or self.document.splynx.timezone)

    def charge_rules(self) -> Sequence[ChargeRule]:
        """Gives the rules of auto charge that the files set, in their order."""
        return charge_rules_of(self.document.auto_charge, self.places)

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
        known = {*self.document.partners, *self.page, *self.section_accounts}
        numbers = sorted(int(name) for name in known if name != DEFAULT_PARTNER)
        return [DEFAULT_PARTNER, *(str(number) for number in numbers)]

    def explain(self, partner: int | None = None) -> list[Explained]:
        """Gives the values of a partner (None: the Default partner) and where each comes from."""
        resolution = self._resolution(partner)
        rows = []
        for key in PartnerSection.model_fields:
            if key in ACCOUNT_KEYS:
                rows.append(self._explain_account_key(resolution.section, key))
            else:
                rows.append(
                    Explained(key, _shown(key, resolution.value(key)), resolution.origin(key))
                )
        return rows

    def explain_general(self) -> list[Explained]:
        """Gives the values that are the same for all partners and where each comes from."""
        return list(_general_rows(self.document, (), self.places))

    def resolution(self, section: str) -> Resolution:
        """Says how the values of a section are found."""
        return Resolution(self.document, self.places, section, self.page)

    def written_at(self, section: str, key: str) -> str:
        """Says where a file sets a value for exactly this section, "" when the page may.

        For the Default partner `settings` counts too. The keys of an account belong together.
        """
        paths: list[KeyPath] = [("partners", section, key)]
        if section == DEFAULT_PARTNER:
            paths.append(("settings", key))
        if key in _ACCOUNT_PARTS:
            paths = [("partners", section, "secret_key_file")]
        return next((str(self.places[path]) for path in paths if path in self.places), "")

    @property
    def knows_splynx(self) -> bool:
        """Says whether we can ask Splynx who somebody is; the settings page needs no more."""
        splynx = self.document.splynx
        return bool(self.public_url and splynx.url and splynx.api_key and self.splynx_api_secret)

    def _resolution(self, partner_id: int | None) -> Resolution:
        return self.resolution(DEFAULT_PARTNER if partner_id is None else str(partner_id))

    def _explain_account_key(self, section: str, key: str) -> Explained:
        section = self.account_section(section)
        held = self.document.partners.get(section)
        if held is not None and key in held.model_fields_set:
            path = ("partners", section, key)
            return Explained(key, _shown(key, getattr(held, key)), _origin(self.places, path))
        found = self.section_accounts.get(section)
        if found is None or not found.origin:
            return Explained(key, _shown(key, _built_in(key)), NOT_WRITTEN)
        shown: dict[str, JsonValue] = {
            "publishable_key": found.keys.publishable_key,
            "secret_key_file": "***",
            "webhook_secret_file": ["***" for _ in found.keys.webhook_secrets],
        }
        return Explained(key, shown[key], found.origin)


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
    return FROM_PAGE if path[0] == "page" else str(places[path])


def _built_in(key: str) -> object:
    return PartnerSection.model_fields[key].default


def _shown(key: str, value: object) -> JsonValue:
    if isinstance(value, tuple):
        return [_shown(key, item) for item in value]
    if isinstance(value, Section):  # one of a list: what is written of it
        written = [name for name in type(value).model_fields if name in value.model_fields_set]
        return {name: _shown(name, getattr(value, name)) for name in written}
    if isinstance(value, bool | int | float):
        return value
    if key in _SECRET_FILES and value:
        return f"{value} (***)"
    return _URL_PASSWORD.sub(r"\1:***@", str(value))
