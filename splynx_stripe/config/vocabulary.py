"""The words that settings may use for currencies, countries, languages, time zones and addresses.

Each check gives its value back, or raises the error of `wrong_value` with a sentence and a way out; pydantic
carries it to the line of the file.
"""

from __future__ import annotations

import ipaddress
import re
from functools import cache
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, available_timezones

from babel.core import get_global
from pydantic_core import PydanticCustomError

from splynx_stripe.config.problems import did_you_mean
from splynx_stripe.domain.errors import TemplateError
from splynx_stripe.domain.message_template import PLACEHOLDERS, check_template
from splynx_stripe.kit.sentence import joined, sentence

WRONG_VALUE = "wrong_value"
"""The pydantic error type of these checks; the fix is in its context."""

LANGUAGES = ("cs", "de", "en", "es", "fr", "pl", "pt", "uk")
"""The languages that our pages are written in; each but English has a file in `web/locale`."""

BANK_TYPES = ("ach", "becs", "pad")
_PUBLISHABLE_KEY = re.compile(r"pk_(test|live)_[A-Za-z0-9_]+")
_DATABASE_SCHEMES = ("sqlite", "postgresql", "postgresql+psycopg")


def wrong_value(message: str, fix: str) -> PydanticCustomError:
    """Makes the error of a value that must not stay; neither text may repeat a secret."""
    # The message is data, not a format: braces in it must not be filled in.
    return PydanticCustomError(WRONG_VALUE, "{message}", {"message": message, "fix": fix})


@cache
def known_currencies() -> frozenset[str]:
    """Gives the ISO 4217 codes of all money that is legal tender somewhere today (CLDR)."""
    return frozenset(
        str(code)
        for history in get_global("territory_currencies").values()
        for code, _, until, tender in history
        if until is None and tender
    )


@cache
def known_countries() -> frozenset[str]:
    """Gives the ISO 3166 codes of the countries that have a currency today (CLDR)."""
    return frozenset(
        str(territory)
        for territory, history in get_global("territory_currencies").items()
        if territory != "EU" and any(until is None for _, _, until, _ in history)
    )


def check_currency(value: str) -> str:
    """Wants an ISO 4217 code in capitals, such as EUR."""
    if value not in known_currencies():
        hint = did_you_mean(value, known_currencies())
        raise wrong_value(
            sentence("%(value)s is not a currency.", value=repr(value)),
            joined(hint, sentence("Write the three-letter code, such as EUR.")),
        )
    return value


def check_country(value: str) -> str:
    """Wants an ISO 3166 code in capitals, such as CZ."""
    if value not in known_countries():
        hint = did_you_mean(value, {value.upper()} & known_countries())
        raise wrong_value(
            sentence("%(value)s is not a country.", value=repr(value)),
            joined(hint, sentence("Write the two-letter code, such as CZ.")),
        )
    return value


def check_language(value: str) -> str:
    """Wants one of the languages that the pages are written in."""
    if value not in LANGUAGES:
        hint = did_you_mean(value.replace("-", "_").partition("_")[0], LANGUAGES)
        raise wrong_value(
            sentence("%(value)s is not a language of our pages.", value=repr(value)),
            joined(hint, sentence("Write one of %(words)s.", words=", ".join(LANGUAGES))),
        )
    return value


def check_timezone(value: str) -> str:
    """Wants a name of the time zone database, such as Europe/Prague."""
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:
        hint = did_you_mean(value, available_timezones())
        raise wrong_value(
            sentence("%(value)s is not a time zone.", value=repr(value)),
            joined(
                hint,
                sentence("Write a name such as Europe/Prague (`timedatectl list-timezones`)."),
            ),
        ) from error
    return value


def check_timezone_or_none(value: str) -> str:
    """Wants a time zone, or nothing for the one of Splynx."""
    return check_timezone(value) if value else value


def check_message_template(value: str) -> str:
    """Wants only the placeholders that exist."""
    try:
        check_template(value)
    except TemplateError as error:
        what = (
            sentence("%(text)s is not a placeholder.", text=error.wrong)
            if error.wrong.startswith("{{ ")
            else sentence("%(text)s is not part of a placeholder.", text=repr(error.wrong))
        )
        known = ", ".join(f"{{{{ {name} }}}}" for name in PLACEHOLDERS)
        raise wrong_value(
            what, sentence("Use only %(placeholders)s.", placeholders=known)
        ) from error
    return value


def check_payment_types(value: tuple[str, ...]) -> tuple[str, ...]:
    """Wants at least one type, none twice, and at most one of the bank types."""
    banks = [name for name in value if name in BANK_TYPES]
    if not value:
        raise wrong_value(sentence("no way to pay is left."), "Name at least one, such as [card].")
    if len(set(value)) != len(value):
        raise wrong_value("a payment type is listed twice.", "List each one once.")
    if len(banks) > 1:
        raise wrong_value(
            f"there are {len(banks)} bank types ({', '.join(banks)}); a partner can have one.",
            "Keep one of them here and give the others to other partners under `partners:`.",
        )
    return value


def check_publishable_key(value: str) -> str:
    """Wants a publishable key of Stripe (it is public: browsers get it)."""
    if not _PUBLISHABLE_KEY.fullmatch(value):
        raise wrong_value(
            sentence("this is not a publishable key."),
            sentence(
                "It begins with pk_test_ or pk_live_; copy it from Stripe: Developers, API keys."
            ),
        )
    return value


def check_https_url(value: str) -> str:
    """Wants an https address without user, query or fragment; http only on loopback."""
    parts = _split(value)
    if parts.username or parts.password or parts.query or parts.fragment:
        raise wrong_value(
            "the address has a user, a `?` or a `#` in it.", "Write only https://host/path."
        )
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise wrong_value(
            "http is not safe here: cards, sessions and keys would cross the network unencrypted.",
            f"Write https://{parts.netloc}{parts.path} (http is taken on loopback only).",
        )
    return value


def check_database_url(value: str) -> str:
    """Wants SQLite with an absolute path, or PostgreSQL."""
    scheme, colon, rest = value.partition(":")
    if not colon or scheme not in _DATABASE_SCHEMES:
        raise wrong_value(
            "this is not the address of a database that we can use.",
            "Write sqlite:////path/to/file.db or postgresql://user@host/name.",
        )
    if scheme == "sqlite" and not rest.startswith("////"):
        raise wrong_value(
            "the path of the database is not absolute.",
            "Write four slashes: sqlite:////var/lib/splynx-stripe/splynx-stripe.db.",
        )
    return value


def is_loopback(host: str) -> bool:
    """Says whether a host name or address is this machine itself."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _split(value: str) -> SplitResult:
    error = wrong_value("this is not a web address.", "Write https://host/path.")
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError as reason:  # a host or a port that cannot be one
        raise error from reason
    if not usable or any(letter.isspace() for letter in value):
        raise error
    return parts
