"""The setting "Message to Stripe template": what a charge is called in Stripe."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from splynx_stripe.domain.errors import TemplateError

DEFAULT_MESSAGE_TEMPLATE = (
    "Charge for {{ customer.email }} pay {{ type }} {{ id }}, dated {{ date }}"
)
"""The text that the closed add-on ships with, with a space before the number."""

PLACEHOLDERS = ("customer.email", "type", "id", "date")

_MAX_DESCRIPTION = 500
"""Stripe cuts nothing: a longer description is refused, so we shorten it ourselves."""

_PLACEHOLDER = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_STRAY = re.compile(r"[{}]+")


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """The values of the placeholders."""

    customer_email: str
    type: str
    id: str
    date: date | None


def check_template(template: str) -> None:
    """Checks a template before it is used.

    Raises:
        TemplateError: names the unknown or malformed placeholder and the ones that exist.
    """
    allowed = ", ".join(f"{{{{ {name} }}}}" for name in PLACEHOLDERS)
    for name in _PLACEHOLDER.findall(template):
        if name not in PLACEHOLDERS:
            unknown = f"{{{{ {name} }}}}"
            raise TemplateError(
                f"{unknown} is not a placeholder. There are: {allowed}.", wrong=unknown
            )
    stray = _STRAY.search(_PLACEHOLDER.sub("", template))
    if stray:
        raise TemplateError(
            f"{stray.group()!r} is not part of a placeholder. There are: {allowed}.",
            wrong=stray.group(),
        )


def render_message(template: str, facts: MessageFacts) -> str:
    """Fills a checked template in; at most 500 characters.

    Raises:
        TemplateError: when the template was not checked and is wrong.
    """
    check_template(template)
    values = {
        "customer.email": facts.customer_email,
        "type": facts.type,
        "id": facts.id,
        "date": facts.date.isoformat() if facts.date else "",
    }
    return _PLACEHOLDER.sub(lambda match: values[match.group(1)], template)[:_MAX_DESCRIPTION]
