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

from splynx_stripe.config.document import DEFAULT_PARTNER, PARTNER_KEY, ConfigDocument, all_sections
from splynx_stripe.config.findings import Findings
from splynx_stripe.config.problems import did_you_mean
from splynx_stripe.config.vocabulary import WRONG_VALUE
from splynx_stripe.config.yaml_files import KeyPath, Value

_TYPE_MESSAGES: Mapping[str, tuple[str, str]] = {
    "string_type": ("this must be text.", 'Put it in quotes, such as "2024".'),
    "int_type": ("this must be a whole number.", "Write digits only, without quotes."),
    "float_type": ("this must be a number.", "Write digits only, without quotes."),
    "bool_type": ("this must be true or false.", "Write true or false, without quotes."),
    "tuple_type": ("this must be a list.", "Write [one] or [one, two]."),
    "model_type": ("this is a section.", "Write its keys below it, indented by two spaces."),
    "mapping_type": ("this is a section.", "Write its keys below it, indented by two spaces."),
    "string_too_short": ("this is empty.", "Write a value, or remove the key."),
    "string_too_long": ("this is too long.", "Write less than {max_length} characters."),
    "string_pattern_mismatch": ("this does not have the right form.", "It must match {pattern}."),
    "greater_than": ("this is too small.", "It must be more than {gt:g}."),
    "greater_than_equal": ("this is too small.", "It must be {ge:g} or more."),
    "less_than": ("this is too large.", "It must be less than {lt:g}."),
    "less_than_equal": ("this is too large.", "It must be {le:g} or less."),
    "literal_error": ("this is not one of the possible values.", "Write {expected}."),
}


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
        return str(context["message"]), str(context["fix"]).strip()
    if kind == "extra_forbidden":
        return "there is no such setting.", _nearest(path)
    message, fix = _TYPE_MESSAGES.get(kind, (f"{detail['msg']}.", "See `config schema`."))
    fix = fix.format_map(context)
    if kind == "literal_error":
        known = re.findall(r"'([^']*)'", str(context["expected"]))
        fix = f"{did_you_mean(str(detail['input']), known)} {fix}".strip()
    return message, fix


def _nearest(path: KeyPath) -> str:
    sections = all_sections()
    here = ("partners", DEFAULT_PARTNER) if path[0] == "partners" else path[:-1]
    siblings = list(sections[here].model_fields)
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
