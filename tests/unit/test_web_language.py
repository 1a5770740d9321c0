"""Amounts, dates and the choice of a language."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from gettext import NullTranslations

import pytest
from babel import Locale

from splynx_stripe.config.vocabulary import LANGUAGES
from splynx_stripe.domain.money import Money
from splynx_stripe.web.admin.settings_fields import FIELDS, options
from splynx_stripe.web.i18n import Language, Languages, accepted_languages


def language(name: str) -> Language:
    return Language(Locale.parse(name), NullTranslations())


@pytest.mark.parametrize(
    ("money", "name", "text"),
    [
        (Money(17250, "EUR"), "en", "€172.50"),
        (Money(123456700, "EUR"), "en", "€1,234,567.00"),
        (Money(5000, "JPY"), "en", "¥5,000"),
        (Money(12340, "KWD"), "en", "KWD 12.340"),
        (Money(100, "ISK"), "en", "ISK 1"),
        (Money(17250, "EUR"), "de", "172,50 €"),
    ],
)
def test_amounts_are_written_exactly(money: Money, name: str, text: str) -> None:
    assert language(name).money(money).replace("\xa0", " ") == text


def test_cents_that_a_language_would_round_away_are_shown() -> None:
    """CLDR writes Lebanese pounds without cents; Stripe charges them."""
    assert "12.34" in language("en").money(Money(1234, "LBP"))


def test_dates_cannot_be_misread() -> None:
    assert language("en").date(date(2026, 4, 5)) == "April 5, 2026"


def test_the_best_language_is_the_first_that_there_are_texts_for() -> None:
    languages = Languages({"en": language("en"), "cs": language("cs")}, default="en")

    assert languages.best(["fr", "cs-CZ", "en"]).tag == "cs"
    assert languages.best(["nonsense-!!", "xx"]).tag == "en"
    assert languages.best([]).tag == "en"


def test_the_languages_that_settings_allow_are_the_installed_ones() -> None:
    assert Languages.installed("en").tags == LANGUAGES


@pytest.mark.parametrize(
    ("wanted", "tag"),
    [
        (["de"], "de"),
        (["de-AT", "en"], "de"),
        (["uk-UA"], "uk"),
        (["pt-BR"], "pt"),
        (["es-419"], "es"),
        (["zh-Hant-TW", "pl"], "pl"),
        (["nl"], "en"),
        (["xx", "en_US"], "en"),
    ],
)
def test_a_browsers_language_leads_to_an_installed_one_or_to_english(
    wanted: list[str], tag: str
) -> None:
    assert Languages.installed("en").best(wanted).tag == tag


def test_a_default_that_nobody_has_texts_for_is_english() -> None:
    assert Languages.installed("nl").best([]).tag == "en"


def test_no_language_is_read_before_a_page_needs_it() -> None:
    """A start reads nothing; a daemon that only speaks English never loads the reader."""
    program = (
        "import sys\n"
        "from splynx_stripe.web.i18n import Languages\n"
        "installed = Languages.installed('en')\n"
        "assert installed.best(['en']).say('Pay') == 'Pay'\n"
        "assert 'babel.messages.pofile' not in sys.modules\n"
        "assert installed.best(['de']).say('Pay') == 'Bezahlen'\n"
        "assert 'babel.messages.pofile' in sys.modules\n"
    )

    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_text_without_a_translation_is_shown_in_english() -> None:
    assert Languages.installed("en").best(["de"]).say("No such text") == "No such text"


@pytest.mark.parametrize("name", LANGUAGES)
def test_html_and_stripe_js_understand_the_language(name: str) -> None:
    """Stripe's forms have no Ukrainian: they then follow the browser."""
    language = Languages.installed("en").best([name])

    assert (language.tag, language.direction) == (name, "ltr")
    assert language.stripe_tag == ("auto" if name == "uk" else name)


def test_a_language_that_is_written_from_right_to_left_says_so() -> None:
    assert language("ar").direction == "rtl"


_NBSP = "\N{NO-BREAK SPACE}"
_NARROW = "\N{NARROW NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("name", "euros", "dollars", "day"),
    [
        ("en", "€1,234.50", "$99.00", "April 5, 2026"),
        ("de", "1.234,50_€", "99,00_$", "5. April 2026"),
        ("fr", "1~234,50_€", "99,00_$US", "5 avril 2026"),
        ("es", "1.234,50_€", "99,00_US$", "5 de abril de 2026"),
        ("pt", "€_1.234,50", "US$_99,00", "5 de abril de 2026"),
        ("cs", "1_234,50_€", "99,00_US$", "5. dubna 2026"),
        ("pl", "1_234,50_€", "99,00_USD", "5 kwietnia 2026"),
        ("uk", "1_234,50_EUR", "99,00_USD", "5 квітня 2026~р."),  # noqa: RUF001  (Ukrainian)
    ],
)
def test_each_language_writes_amounts_and_days_its_own_way(
    name: str, euros: str, dollars: str, day: str
) -> None:
    speaks = Languages.installed("en").best([name])

    shown = [
        speaks.money(Money(123450, "EUR")),
        speaks.money(Money(9900, "USD")),
        speaks.date(date(2026, 4, 5)),
    ]

    spaced = [text.replace("_", _NBSP).replace("~", _NARROW) for text in (euros, dollars, day)]
    assert shown == spaced


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("cs;q=0.5, en-GB", ["en-GB", "cs"]),
        ("*;q=x, de", ["de"]),
        ("fr;q=0, de", ["de"]),
        ("", []),
    ],
)
def test_accept_language_is_read_by_rank(header: str, names: list[str]) -> None:
    assert accepted_languages(header) == names


def test_the_settings_page_names_each_language_in_itself() -> None:
    named = dict(options(FIELDS["language"], language("en"), "en"))

    assert named == {
        "cs": "Čeština",
        "de": "Deutsch",
        "en": "English",
        "es": "Español",
        "fr": "Français",
        "pl": "Polski",
        "pt": "Português",
        "uk": "Українська",
    }
