"""Reads Stripe's request encoding (`a[b][0]=c`) and checks it against what an operation takes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from splynx_stripe.sandbox.stripe.errors import StripeError, bad_parameter, missing_parameter

Tree = str | dict[str, "Tree"]
Kind = Callable[[Tree, str], Any]
"""Turns the raw value of the named parameter into ours, or raises a `StripeError`."""

Spec = Mapping[str, Kind]

MAX_METADATA_KEYS = 50
MAX_METADATA_KEY = 40
MAX_METADATA_VALUE = 500
MAX_LIST_LIMIT = 100
_SEGMENT = re.compile(r"\[([^\]]*)\]")
_INTEGER = re.compile(r"[+-]?\d+")


def decode(encoded: str) -> dict[str, Tree]:
    """Decodes a query string or form body; `a[]` entries are numbered in their order."""
    tree: dict[str, Tree] = {}
    for key, value in parse_qsl(encoded, keep_blank_values=True):
        head, _, _ = key.partition("[")
        _place(tree, [head, *_SEGMENT.findall(key[len(head) :])], value)
    return tree


def _place(tree: dict[str, Tree], segments: list[str], value: str) -> None:
    node = tree
    for depth, name in enumerate(segments):
        key = name or str(len(node))
        if depth == len(segments) - 1:
            node[key] = value
            return
        below = node.get(key)
        if not isinstance(below, dict):
            below = node[key] = {}
        node = below


def read(spec: Spec, required: Iterable[str], raw: Mapping[str, Tree], inside: str = "") -> Any:
    """Checks `raw` against `spec` and gives the values by name; absent ones stay absent."""
    unknown = [_named(inside, name) for name in raw if name not in spec]
    if unknown:
        word = "parameter" if len(unknown) == 1 else "parameters"
        raise bad_parameter(
            f"Received unknown {word}: {', '.join(unknown)}",
            param=unknown[0],
            code="parameter_unknown",
        )
    for name in required:
        if name not in raw:
            raise missing_parameter(_named(inside, name))
        if raw[name] == "":
            raise _empty(_named(inside, name))
    return {name: spec[name](value, _named(inside, name)) for name, value in raw.items()}


def _named(inside: str, name: str) -> str:
    return f"{inside}[{name}]" if inside else name


def _empty(param: str) -> StripeError:
    return bad_parameter(
        f"You passed an empty string for '{param}'. We assume empty values are an attempt to"
        f" unset a parameter; however '{param}' cannot be unset. You should remove '{param}' from"
        " your request or supply a non-empty value.",
        param=param,
        code="parameter_invalid_empty",
    )


def string(*, longest: int = 5000) -> Kind:
    """A text; "" is allowed and means "unset" where the handler can unset it."""

    def check(value: Tree, param: str) -> str:
        if not isinstance(value, str):
            raise bad_parameter("Invalid string: {…}", param=param)
        if len(value) > longest:
            raise bad_parameter(
                f"Invalid string: {value[:4]}…{value[-4:]}; must be at most {longest} characters",
                param=param,
            )
        return value

    return check


def integer(*, least: int | None = None, most: int | None = None) -> Kind:
    """A whole number; a decimal point is an error, never rounded."""

    def check(value: Tree, param: str) -> int:
        if not isinstance(value, str) or not _INTEGER.fullmatch(value):
            shown = value if isinstance(value, str) else "{…}"
            raise bad_parameter(
                f"Invalid integer: {shown}", param=param, code="parameter_invalid_integer"
            )
        number = int(value)
        if least is not None and number < least:
            raise bad_parameter(
                f"This value must be greater than or equal to {least}.",
                param=param,
                code="parameter_invalid_integer",
            )
        if most is not None and number > most:
            raise bad_parameter(
                f"This value must be less than or equal to {most} (it currently is '{number}').",
                param=param,
                code="parameter_invalid_integer",
            )
        return number

    return check


def boolean(value: Tree, param: str) -> bool:
    if value not in ("true", "false"):
        raise bad_parameter(f"Invalid boolean: {value}", param=param)
    return value == "true"


def one_of(*choices: str) -> Kind:
    def check(value: Tree, param: str) -> str:
        if not isinstance(value, str) or value not in choices:
            names = ", ".join(choices[:-1]) + (", or " if len(choices) > 1 else "") + choices[-1]
            raise bad_parameter(f"Invalid {param}: must be one of {names}", param=param)
        return value

    return check


def list_of(kind: Kind) -> Kind:
    def check(value: Tree, param: str) -> list[Any]:
        if value == "":
            return []
        if not isinstance(value, dict):
            raise bad_parameter("Invalid array", param=param)
        return [kind(item, f"{param}[{place}]") for place, item in value.items()]

    return check


def obj(spec: Spec, required: Iterable[str] = ()) -> Kind:
    def check(value: Tree, param: str) -> Any:
        if not isinstance(value, dict):
            raise bad_parameter("Invalid object", param=param)
        return read(spec, required, value, param)

    return check


def clearable(kind: Kind) -> Kind:
    """What may also be "" in order to unset it."""
    return lambda value, param: None if value == "" else kind(value, param)


def either(first: Kind, second: Kind) -> Kind:
    """A plain value by `first`, an object by `second`."""
    return lambda value, param: (second if isinstance(value, dict) else first)(value, param)


def anything(value: Tree, _param: str) -> Tree:
    """Whatever; for the parts of a request that this sandbox takes and ignores."""
    return value


def metadata(value: Tree, param: str) -> dict[str, str]:
    """Keys to set; "" as a value unsets its key. "" instead of an object unsets all (`{"": ""}`)."""
    if value == "":
        return {"": ""}
    if not isinstance(value, dict):
        raise bad_parameter("Invalid object", param=param)
    for key, item in value.items():
        name = f"{param}[{key}]"
        if not isinstance(item, str):
            raise bad_parameter(
                "Metadata values can only be strings; you passed an object.", param=name
            )
        if len(key) > MAX_METADATA_KEY:
            raise bad_parameter(
                f"Metadata keys can have up to {MAX_METADATA_KEY} characters, but you passed in a"
                f" key that was {len(key)} characters.",
                param=name,
            )
        if len(item) > MAX_METADATA_VALUE:
            raise bad_parameter(
                f"Metadata values can have up to {MAX_METADATA_VALUE} characters, but you passed"
                f" in a value that is {len(item)} characters.",
                param=name,
            )
    return {key: str(item) for key, item in value.items()}


def merged_metadata(present: Mapping[str, str], change: Mapping[str, str]) -> dict[str, str]:
    """Applies a change of metadata as Stripe does: keys not named stay."""
    if "" in change:
        return {}
    merged = {**present, **change}
    merged = {key: value for key, value in merged.items() if value != ""}
    if len(merged) > MAX_METADATA_KEYS:
        raise bad_parameter(
            f"Metadata can have up to {MAX_METADATA_KEYS} keys, but you passed in"
            f" {len(merged)} keys.",
            param="metadata",
        )
    return merged


moment: Kind = either(
    integer(),
    obj({"gt": integer(), "gte": integer(), "lt": integer(), "lte": integer()}),
)
"""A `created` filter: a second, or a range of seconds."""

PAGING: Spec = {
    "limit": integer(least=1, most=MAX_LIST_LIMIT),
    "starting_after": string(),
    "ending_before": string(),
}
EXPAND: Spec = {"expand": list_of(string())}
ADDRESS = obj(
    {part: string() for part in ("city", "country", "line1", "line2", "postal_code", "state")}
)
SHIPPING = clearable(
    obj(
        {
            "address": ADDRESS,
            "name": string(),
            "phone": string(),
            "carrier": string(),
            "tracking_number": string(),
        }
    )
)
BILLING_DETAILS = obj(
    {
        "address": clearable(ADDRESS),
        "email": clearable(string(longest=512)),
        "name": clearable(string()),
        "phone": clearable(string()),
        "tax_id": string(),
    }
)
