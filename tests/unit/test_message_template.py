"""The message template is strict: a mistake in it is an error that names it, never a wrong text."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, strategies as st

from splynx_stripe.domain.errors import TemplateError
from splynx_stripe.domain.message_template import (
    DEFAULT_MESSAGE_TEMPLATE,
    MessageFacts,
    check_template,
    render_message,
)

FACTS = MessageFacts("jane@example.com", "invoice", "202611000042", date(2026, 11, 3))


def test_the_shipped_template_says_who_pays_what() -> None:
    assert render_message(DEFAULT_MESSAGE_TEMPLATE, FACTS) == (
        "Charge for jane@example.com pay invoice 202611000042, dated 2026-11-03"
    )


@pytest.mark.parametrize("template", ["{{id}}", "{{ id }}", "{{  id  }}"])
def test_spaces_inside_the_braces_do_not_matter(template: str) -> None:
    assert render_message(template, FACTS) == "202611000042"


@pytest.mark.parametrize("name", ["customer.name", "ID", "", "id }} {{ x"])
def test_an_unknown_placeholder_is_named_together_with_those_that_exist(name: str) -> None:
    with pytest.raises(TemplateError, match=r"not a placeholder.*\{\{ customer\.email \}\}"):
        check_template(f"Pay {{{{ {name} }}}}")


@pytest.mark.parametrize("template", ["Pay {{ id", "Pay id }}", "{% if x %}", "{{{ id }}}"])
def test_a_malformed_placeholder_is_an_error(template: str) -> None:
    with pytest.raises(TemplateError):
        check_template(template)


def test_values_are_never_read_as_placeholders() -> None:
    sly = MessageFacts("{{ id }}", "invoice", "7", None)

    assert render_message("{{ customer.email }}|{{ date }}", sly) == "{{ id }}|"


@given(st.text(max_size=600))
def test_any_text_is_either_refused_or_rendered_within_stripes_limit(template: str) -> None:
    try:
        check_template(template)
    except TemplateError:
        return
    assert len(render_message(template, FACTS)) <= 500
