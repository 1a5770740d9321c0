"""Writes docs/reference/settings.md from the settings themselves; `--check` says whether it is current."""

from __future__ import annotations

import argparse
import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from pydantic.fields import FieldInfo

from splynx_stripe.config.auto_charge import AUTO_CHARGE, AutoChargeRule
from splynx_stripe.config.business import BusinessSettings, Section
from splynx_stripe.config.document import DEFAULT_PARTNER, all_sections, json_schema

TARGET = Path(__file__).parent.parent / "docs" / "reference" / "settings.md"

_WORDS = {
    "boolean": "`true`, `false`",
    "string": "text",
    "integer": "whole number",
    "number": "number",
}

_HEAD = """\
# Settings

Made by `tools/settings_reference.py`; do not edit.

`/etc/splynx-stripe/config.yaml` is read first, then `config.d/*.yaml` beside it in the order of
their names; a key in a later file wins, a list replaces a list. Unknown keys are errors. A key
without a value counts as not written. `splynx-stripe config check` names everything that is wrong
at once, with file, line and what to do; `splynx-stripe config show` prints the values in force and
where each comes from; `splynx-stripe config schema` prints a JSON Schema for editors.

A partner's value is the first one found in its own section of the files, its own section of the
settings page (`/stripe/admin/settings`), `partners.default`, `settings`, the settings page of the
Default partner, and the default below; see [Settings on the page](../how-to/settings.md).
"""


def main() -> None:
    """Writes the page, or exits with 1 when `--check` finds it out of date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, compare only")
    page = settings_page()
    if not parser.parse_args().check:
        TARGET.parent.mkdir(parents=True, exist_ok=True)
        TARGET.write_text(page, encoding="utf-8")
    elif not TARGET.exists() or TARGET.read_text(encoding="utf-8") != page:
        print(f"{TARGET.name} is out of date. Run: python -m tools.settings_reference")
        sys.exit(1)


def settings_page() -> str:
    """Gives the whole page."""
    parts = [_HEAD]
    for path, section in all_sections().items():
        parts.append(_section_text(path, section))
    parts.append(_section_text((f"{AUTO_CHARGE}[]",), AutoChargeRule))
    return "\n".join(parts)


def _section_text(path: tuple[str, ...], section: type[Section]) -> str:
    title = f"`{'.'.join(path)}`" if path else "Top level"
    if path == ("partners", DEFAULT_PARTNER):
        title = "`partners.default`, `partners.2`, …"
    lines = [f"## {title}", "", inspect.cleandoc(section.__doc__ or ""), ""]
    rows = list(_rows(path, section))
    if rows:
        lines += [
            "| key | label | values | default | |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
        ]
    return "\n".join(lines)


def _rows(path: tuple[str, ...], section: type[Section]) -> Iterator[str]:
    for name, field in section.model_fields.items():
        inherited = path[:1] == ("partners",) and name in BusinessSettings.model_fields
        has_its_own = not path and name in {"partners", AUTO_CHARGE}
        if (*path, name) in all_sections() or has_its_own or inherited:
            continue
        cells = (
            f"`{name}`",
            field.title or "",
            _values(section, name),
            _default(field),
            field.description or "",
        )
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _values(section: type[Section], name: str) -> str:
    schema = _schema()
    definitions = schema["$defs"]
    found: object = None
    if isinstance(definitions, dict):
        holder = definitions.get(section.__name__, schema)
        properties = holder.get("properties") if isinstance(holder, dict) else None
        found = properties.get(name) if isinstance(properties, dict) else None
    return _values_of(found)


@cache
def _schema() -> Mapping[str, object]:
    """Making it takes a tenth of a second, and every setting is looked up in it."""
    return json_schema()


def _values_of(shape: object) -> str:
    match shape:
        case {"enum": [*values]}:
            return ", ".join(f"`{value}`" for value in values)
        case {"anyOf": [*shapes]}:
            return " or ".join(_values_of(inner) for inner in shapes)
        case {"type": "array", "items": inner}:
            return f"list of {_values_of(inner)}"
        case {"type": ("boolean" | "string") as kind}:
            return _WORDS[kind]
        case {"type": ("integer" | "number") as kind, "maximum": high, **bounds}:
            low = bounds.get("minimum", bounds.get("exclusiveMinimum"))
            above = "above " if "exclusiveMinimum" in bounds else ""
            return f"{_WORDS[kind]}, {above}{low} to {high}"
        case _:
            return ""


def _default(field: FieldInfo) -> str:
    if field.default in ("", ()):
        return "not set"
    value = list(field.default) if isinstance(field.default, tuple) else field.default
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


if __name__ == "__main__":
    main()
