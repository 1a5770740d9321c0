"""Amounts, dates and the choice of a language."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from gettext import NullTranslations
from pathlib import Path

import pytest
from babel import Locale

from splynx_stripe import web
from splynx_stripe.domain.money import Money
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


def test_english_is_always_installed() -> None:
    assert Languages.installed("de").best(["de"]).tag == "en"


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


def test_the_template_for_translators_holds_all_texts(tmp_path: Path) -> None:
    """The command is in the docstring of `web/i18n.py`."""
    room = Path(next(iter(web.__path__)))
    fresh = tmp_path / "fresh.pot"
    options = ["-k", "say", "-k", "later", "--no-location", "--omit-header", "--sort-output"]
    config = ["-F", str(room / "locale" / "babel.cfg"), "-o", str(fresh)]

    command = [sys.executable, "-m", "babel.messages.frontend", "-q", "extract"]
    subprocess.run([*command, *options, *config, str(room)], check=True)

    assert fresh.read_text() == (room / "locale" / "splynx_stripe.pot").read_text()
