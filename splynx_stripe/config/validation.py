"""Turns merged data into a `ConfigDocument` and pydantic's errors into problems with a line.

Keys that are wrong are told and left out, so that one pass finds everything: what remains is
always a valid document.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from splynx_stripe.config.auto_charge import AUTO_CHARGE, AutoChargeRule
from splynx_stripe.config.business import Section
from splynx_stripe.config.document import DEFAULT_PARTNER, PARTNER_KEY, ConfigDocument, all_sections
from splynx_stripe.config.findings import Findings
from splynx_stripe.config.problems import did_you_mean
from splynx_stripe.config.vocabulary import WRONG_VALUE
from splynx_stripe.config.yaml_files import KeyPath, Value
from splynx_stripe.kit.sentence import joined, sentence, sentence_of

_TYPE_MESSAGES: Mapping[str, tuple[str, str]] = {
    "string_type": ("this must be text.", 'Put it in quotes, such as "2024".'),
    "int_type": ("this must be a whole number.", "Write digits only, without quotes."),
    "float_type": ("this must be a number.", "Write digits only, without quotes."),
    "bool_type": ("this must be true or false.", "Write true or false, without quotes."),
    "tuple_type": ("this must be a list.", "Write [one] or [one, two]."),
    "model_type": ("this is a section.", "Write its keys below it, indented by two spaces."),
    "mapping_type": ("this is a section.", "Write its keys below it, indented by two spaces."),
    "string_too_short": (sentence("this is empty."), "Write a value, or remove the key."),
    "string_too_long": (
        sentence("this is too long."),
        sentence("Write at most %(max_length)s characters."),
    ),
    "string_pattern_mismatch": (
        sentence("this does not have the right form."),
        "It must match %(pattern)s.",
    ),
    "too_long": (sentence("these are too many."), sentence("Write at most %(max_length)s.")),
    "too_short": (sentence("these are too few."), sentence("Write at least %(min_length)s.")),
    "greater_than": ("this is too small.", "It must be more than %(gt)s."),
    "greater_than_equal": ("this is too small.", "It must be %(ge)s or more."),
    "less_than": ("this is too large.", "It must be less than %(lt)s."),
    "less_than_equal": ("this is too large.", "It must be %(le)s or less."),
    "literal_error": (
        sentence("this is not one of the possible values."),
        sentence("Write %(expected)s."),
    ),
}

_EXAMPLES = ("49.90", "09:00", "3")
"""What is written where a value must have a form; the first that has it is shown to people."""


def validated(data: dict[str, Value], findings: Findings) -> ConfigDocument:
    """Gives the document without the keys that are wrong, and tells those to `findings`."""
    _check_partner_keys(data, findings)
    # Each round removes at least one key, and there is an end of keys.
    while True:
        try:
            # Strictness in JSON mode takes lists for tuples, but never "1" for 1.
            return ConfigDocument.model_validate_json(json.dumps(data))
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                path = tuple(str(part) for part in detail["loc"])
                findings.problem(path, *wording(detail, path))
                _remove(data, path)


def _check_partner_keys(data: dict[str, Value], findings: Findings) -> None:
    partners = data.get("partners")
    if not isinstance(partners, dict):
        return
    for key in [key for key in partners if not re.fullmatch(PARTNER_KEY, key)]:
        findings.problem(
            ("partners", key),
            "this is not a partner.",
            f"{did_you_mean(key, [DEFAULT_PARTNER])} Write `default` or the partner's id in Splynx,"
            " such as 2.".strip(),
        )
        del partners[key]


def wording(detail: ErrorDetails, path: KeyPath) -> tuple[str, str]:
    """Gives what is wrong and what to do about it."""
    context = detail.get("ctx", {})
    kind = detail["type"]
    if kind == WRONG_VALUE:
        return context["message"], context["fix"]
    if kind == "extra_forbidden":
        return "there is no such setting.", _nearest(path)
    message, fix = _TYPE_MESSAGES.get(kind, (f"{detail['msg']}.", "See `config schema`."))
    facts = {name: f"{it:g}" if isinstance(it, float) else str(it) for name, it in context.items()}
    fix = sentence_of(fix, facts)
    if kind == "literal_error":
        known = re.findall(r"'([^']*)'", str(context["expected"]))
        fix = joined(did_you_mean(str(detail["input"]), known), fix)
    if kind == "string_pattern_mismatch":
        fix = _like_an_example(facts["pattern"], fix)
    return message, fix


def _like_an_example(pattern: str, otherwise: str) -> str:
    found = next((one for one in _EXAMPLES if re.fullmatch(pattern, one)), "")
    return sentence("Write it like %(example)s.", example=found) if found else otherwise


def _nearest(path: KeyPath) -> str:
    sections = all_sections()
    siblings = list(_section_around(path, sections).model_fields)
    hint = did_you_mean(path[-1], siblings)
    if hint:
        return hint
    elsewhere = [
        f"`{'.'.join(name)}`" if name else "the top level"
        for name, section in sections.items()
        if path[-1] in section.model_fields
    ]
    if elsewhere:
        return f"Move it to {' or '.join(elsewhere)}."
    return f"Remove it, or use one of: {', '.join(siblings)}."


def _section_around(
    path: KeyPath, sections: Mapping[tuple[str, ...], type[Section]]
) -> type[Section]:
    """Gives the section that a key stands in."""
    if path[0] == AUTO_CHARGE and len(path) > 1:
        return AutoChargeRule
    return sections[("partners", DEFAULT_PARTNER) if path[0] == "partners" else path[:-1]]


def _remove(data: dict[str, Value], path: KeyPath) -> None:
    holder: Value = data
    for key in path[:-1]:
        # A wrong item of a list takes the whole list with it.
        inner = holder.get(key) if isinstance(holder, dict) else None
        if not isinstance(holder, dict) or not isinstance(inner, dict):
            path = path[: path.index(key) + 1]
            break
        holder = inner
    if isinstance(holder, dict):
        holder.pop(path[-1], None)
