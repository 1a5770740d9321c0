"""Every text of the pages in every language: there, whole, and with its placeholders."""

from __future__ import annotations

import re
from functools import cache

import pytest
from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from splynx_stripe.config.vocabulary import LANGUAGES
from tools import messages

TRANSLATED = tuple(name for name in LANGUAGES if name != "en")
_PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w*\}|\{\{ [\w.]+ \}\}|`[^`]+`")
_NAMES = re.compile(
    r"https?://\S+|[\w-]+(?:\.\w+)+|\w+_\w*|[A-Z]{2,}\w*|OAuth|JavaScript|Stripe|Splynx"
)
"""What is the same in every language: addresses, keys of settings, abbreviations, proper names."""
_SAME_IS_SUSPICIOUS = 3
"""So many words in a row are no accident: a text of more that equals the English was forgotten."""


@cache
def language(name: str) -> Catalog:
    path = messages.LOCALE_DIR / name / "LC_MESSAGES" / "splynx_stripe.po"
    with path.open("rb") as file:
        return read_po(file)


def pairs(name: str) -> list[tuple[str, str]]:
    return [(str(one.id), str(one.string)) for one in language(name) if one.id and one.string]


@cache
def collected() -> Catalog:
    return messages.collected()


def test_the_template_for_translators_holds_all_texts() -> None:
    """If this fails: `make messages`, then translate what it names (docs/how-to/translate.md)."""
    assert messages.TEMPLATE.read_text() == messages.as_template(collected())


@pytest.mark.parametrize("name", TRANSLATED)
def test_a_language_holds_exactly_the_texts_of_the_pages(name: str) -> None:
    path = messages.LOCALE_DIR / name / "LC_MESSAGES" / "splynx_stripe.po"
    fresh = messages.updated(collected(), language(name))

    assert path.read_text() == messages.as_language(fresh, Locale.parse(name))


@pytest.mark.parametrize("name", TRANSLATED)
def test_every_text_is_translated_and_none_is_a_guess(name: str) -> None:
    waiting = [one.id for one in language(name) if one.id and (not one.string or one.fuzzy)]

    assert waiting == []


@pytest.mark.parametrize("name", TRANSLATED)
def test_translations_keep_their_placeholders(name: str) -> None:
    torn = [
        (text, translation)
        for text, translation in pairs(name)
        if set(_PLACEHOLDER.findall(text)) != set(_PLACEHOLDER.findall(translation))
    ]

    assert torn == []


@pytest.mark.parametrize("name", TRANSLATED)
def test_translations_begin_and_end_as_the_english_does(name: str) -> None:
    """Spaces at the ends, and the colon or ellipsis that a page goes on after."""
    different = [
        (text, translation)
        for text, translation in pairs(name)
        if translation != translation.strip()
        or "  " in translation
        or any(text.endswith(end) != translation.endswith(end) for end in (":", "…", ".", "?"))
    ]

    assert different == []


@pytest.mark.parametrize("name", TRANSLATED)
def test_no_sentence_was_left_in_english(name: str) -> None:
    copied = [
        text
        for text, translation in pairs(name)
        if text == translation
        and len(_PLACEHOLDER.sub("", _NAMES.sub("", text)).split()) >= _SAME_IS_SUSPICIOUS
    ]

    assert copied == []


def test_ukrainian_is_written_in_cyrillic() -> None:
    latin = [
        translation
        for text, translation in pairs("uk")
        if not re.search(r"[\u0400-\u04ff]", _PLACEHOLDER.sub("", translation))
        and _NAMES.sub("", _PLACEHOLDER.sub("", text)).strip(" .,()0123456789")
    ]

    assert latin == []


def test_no_text_depends_on_a_number() -> None:
    """Languages have up to four plurals; our texts name numbers without needing one."""
    assert [one.id for one in collected() if one.id and one.pluralizable] == []


def test_texts_of_tables_are_found_and_words_for_machines_are_not() -> None:
    source = (
        '"""A docstring that nobody translates."""\n'
        "_TEXTS: dict[str, str] = {A.B: 'Text', 'key': 'a longer text', 'other': 'event.name'}\n"
        "_ALONE = 'no reason was given'\n"
        "_KINDS = {A.B: 'card'}\n"
    )

    assert list(messages.texts_of_tables(source)) == [
        "Text",
        "a longer text",
        "no reason was given",
    ]
