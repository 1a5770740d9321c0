"""Sentences that are English wherever text is wanted and can be said in another language."""

from __future__ import annotations

from pathlib import Path

import pytest

from splynx_stripe.config.page_layer import checked_page_values
from splynx_stripe.config.page_values import PageValues
from splynx_stripe.config.problems import did_you_mean
from splynx_stripe.kit.secret import Secret
from splynx_stripe.kit.sentence import Sentence, joined, said, sentence
from tests.unit.config_folder import ConfigFolder


@pytest.fixture
def folder(tmp_path: Path) -> ConfigFolder:
    return ConfigFolder(tmp_path)


CZECH = {
    "%(value)s is not a currency.": "%(value)s není měna.",
    "Did you mean %(word)s?": "Mysleli jste %(word)s?",
    "this is empty.": "toto je prázdné.",
    "Partner %(partner)s: %(problem)s": "Partner %(partner)s: %(problem)s",
}


def in_czech(text: str, /, **facts: str) -> str:
    return CZECH.get(text, text) % facts if facts else CZECH.get(text, text)


def test_a_sentence_is_its_english_text_wherever_text_is_wanted() -> None:
    made = sentence("%(value)s is not a currency.", value="'EURO'")

    assert made == "'EURO' is not a currency."
    assert f"config.yaml: {made}" == "config.yaml: 'EURO' is not a currency."
    assert isinstance(made, str)


def test_a_sentence_is_said_in_another_language_with_its_facts() -> None:
    made = sentence("%(value)s is not a currency.", value="'EURO'")

    assert said(made, in_czech) == "'EURO' není měna."


def test_sentences_that_are_joined_are_said_one_by_one_and_begin_large() -> None:
    both = joined(sentence("this is empty."), "", did_you_mean("EURO", ["EUR"]))

    assert both == "This is empty. Did you mean 'EUR'?"
    assert said(both, in_czech) == "Toto je prázdné. Mysleli jste 'EUR'?"


def test_a_fact_that_is_a_sentence_is_said_too() -> None:
    inner = joined(sentence("this is empty."))

    whole = sentence("Partner %(partner)s: %(problem)s", partner="2", problem=inner)

    assert said(whole, in_czech) == "Partner 2: Toto je prázdné."


def test_a_text_that_is_no_sentence_is_looked_up_as_it_is() -> None:
    assert said("this is empty.", in_czech) == "toto je prázdné."
    assert said("100 % of it", in_czech) == "100 % of it"
    assert said("", in_czech) == ""


def test_a_percent_sign_in_a_fact_stays_one() -> None:
    made = sentence("%(value)s is not a currency.", value="100 %s")

    assert (made, said(made, in_czech)) == ("100 %s is not a currency.", "100 %s není měna.")


IMPOSSIBLE: list[tuple[str, object]] = [
    ("currency", "EURO"),
    ("country", "cz"),
    ("language", "xx"),
    ("payment_types", []),
    ("payment_account", ""),
    ("payment_account", "x" * 101),
    ("statement_grouping", "year"),
    ("message_template", "{{ nothing }}"),
    ("message_template", "{{"),
    ("top_up_amounts", ["1", "2", "3", "4", "5", "6", "7"]),
    ("top_up_amounts", ["much"]),
    ("top_up_minimum", "5000"),
    ("publishable_key", "sk_test_1"),
]


@pytest.mark.parametrize(("key", "value"), IMPOSSIBLE)
def test_whatever_the_page_refuses_can_be_said_in_the_administrators_language(
    folder: ConfigFolder, key: str, value: object
) -> None:
    """What is wrong with a value, and what to do: both, not only the first."""
    folder.write("partners: {default: {currency: EUR}}")
    stored = PageValues(
        values={"2": {key: value}},  # type: ignore[dict-item]
        secrets={"2": {"secret_key": Secret("sk_test_1")}} if key == "publishable_key" else {},
    )

    _, problems = checked_page_values(folder.load(), stored)

    found = [one for one in problems if one.key.startswith("partners.2.")]
    assert found
    for problem in found:
        assert isinstance(problem.message, Sentence), problem
        assert isinstance(problem.fix, Sentence), problem
