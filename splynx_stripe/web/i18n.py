"""Languages: which one a page speaks, its texts, and its amounts and dates.

English texts in the code and templates are the source; `make messages` collects them. A language is a
file `locale/<language>/LC_MESSAGES/splynx_stripe.po`, read as it is when a page first needs it: there
is nothing to compile.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from gettext import NullTranslations
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_currency, get_currency_precision
from typing_extensions import override

from splynx_stripe.domain.money import Money

_DOMAIN = "splynx_stripe"
_LOCALE_DIR = Path(__file__).parent / "locale"
_SOURCE_LANGUAGE = "en"
_ACCEPTED_AT_MOST = 8
"""How many languages of an Accept-Language header are looked at; browsers send two to five."""

_WRITTEN_AT_MOST = 2_048
"""Amounts and days that are remembered as they were written: limits, suggestions, prices of a tariff
come again and again, and Babel takes longer for one than the template for its line."""

_NAMES_AT_MOST = 512
"""Names of languages that are remembered; browsers invent few."""

_OF_STRIPE_JS = frozenset({"cs", "de", "en", "es", "fr", "pl", "pt"})
"""Those of our languages that Stripe's forms speak too; Ukrainian they do not. A language that they
do not know breaks some of them (docs.stripe.com/js/appendix/supported_locales)."""

_BETWEEN_LETTER_AND_DIGIT = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")
"""Where CLDR wants a space beside a currency code, which Babel does not set."""


def later(text: str) -> str:
    """Marks a text for translation where it is only named; `Language.say` translates it."""
    return text


class LazyTexts(NullTranslations):
    """The texts of one language, read from its file (30 ms) when the first one is asked for."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    @cached_property
    def _texts(self) -> dict[str, str]:
        # Imported here because a daemon whose pages are all English never needs it (20 ms).
        from babel.messages.pofile import read_po  # noqa: PLC0415

        with self._path.open("rb") as file:
            catalog = read_po(file)
        return {
            str(message.id): str(message.string)
            for message in catalog
            if message.id and message.string and not message.fuzzy
        }

    @override
    def gettext(self, message: str) -> str:
        """Gives the translation, or the English text where there is none."""
        return self._texts.get(message, message)


@dataclass(frozen=True, slots=True)
class Language:
    """One language that pages can be in."""

    locale: Locale
    translations: NullTranslations

    @property
    def tag(self) -> str:
        """Gives the language as HTML writes it, such as `en` or `pt-BR`."""
        return str(self.locale).replace("_", "-")

    @property
    def stripe_tag(self) -> str:
        """Gives the language for Stripe.js, which follows the browser (`auto`) where it lacks ours."""
        return self.tag if self.tag in _OF_STRIPE_JS else "auto"

    @property
    def direction(self) -> str:
        """Says in which direction the language is written: `ltr` or `rtl`."""
        return "rtl" if self.locale.text_direction == "rtl" else "ltr"

    def say(self, text: str, /, **values: str) -> str:
        """Translates; `values` fill the `%(name)s` of the text."""
        translated = self.translations.gettext(text)
        return translated % values if values else translated

    def money(self, amount: Money) -> str:
        """Writes an amount exactly: a place that the language would round away is kept."""
        return _money(self.locale, amount)

    def date(self, day: date) -> str:
        """Writes a day so that nobody can take the month for the day."""
        return _date(self.locale, day)


class Languages:
    """The languages that there are texts for."""

    def __init__(self, languages: Mapping[str, Language], default: str) -> None:
        self._languages = languages
        self._default = languages[_closest(default, languages) or _SOURCE_LANGUAGE]

    @classmethod
    def installed(cls, default: str) -> Languages:
        """Finds the languages that were installed with this program. None of them is read yet."""
        found = {_SOURCE_LANGUAGE: Language(Locale(_SOURCE_LANGUAGE), NullTranslations())}
        for path in sorted(_LOCALE_DIR.glob(f"*/LC_MESSAGES/{_DOMAIN}.po")):
            name = path.parents[1].name
            found[name] = Language(Locale.parse(name), LazyTexts(path))
        return cls(found, default)

    @property
    def tags(self) -> tuple[str, ...]:
        """Gives the languages there are, in the order of the alphabet."""
        return tuple(sorted(self._languages))

    def best(self, wanted: Iterable[str]) -> Language:
        """Gives the first of the wanted languages that there are texts for, or the default."""
        for name in wanted:
            found = _closest(name, self._languages)
            if found is not None:
                return self._languages[found]
        return self._default


def accepted_languages(header: str) -> list[str]:
    """Reads an Accept-Language header, the most wanted first. Nonsense in it is left out."""
    ranked: list[tuple[float, str]] = []
    for part in header.split(",")[:_ACCEPTED_AT_MOST]:
        name, _, quality = part.strip().partition(";q=")
        try:
            ranked.append((-float(quality or 1), name.strip()))
        except ValueError:
            continue
    return [name for rank, name in sorted(ranked, key=lambda pair: pair[0]) if rank < 0 and name]


@lru_cache(maxsize=_WRITTEN_AT_MOST)
def _money(locale: Locale, amount: Money) -> str:
    value = amount.to_decimal()
    places = get_currency_precision(amount.currency)
    exact = value == round(value, places)
    text = format_currency(
        value,
        amount.currency,
        locale=locale,
        currency_digits=exact,
        decimal_quantization=exact,
    )
    return _BETWEEN_LETTER_AND_DIGIT.sub("\N{NO-BREAK SPACE}", text)


@lru_cache(maxsize=_WRITTEN_AT_MOST)
def _date(locale: Locale, day: date) -> str:
    return format_date(day, format="long", locale=locale)


def _closest(name: str, languages: Mapping[str, Language]) -> str | None:
    return next((one for one in _wider(name) if one in languages), None)


@lru_cache(maxsize=_NAMES_AT_MOST)
def _wider(name: str) -> tuple[str, ...]:
    """Gives a language's own name and that of its wider language: `pt_BR`, `pt`."""
    try:
        locale = Locale.parse(name.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        return ()
    return str(locale), locale.language
