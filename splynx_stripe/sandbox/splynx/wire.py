"""Rows to JSON and JSON to rows, in the types and formats of reference 2.4."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import fields
from decimal import Decimal, InvalidOperation
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from splynx_stripe.sandbox.splynx.errors import AttributeProblem, InvalidInputError
from splynx_stripe.sandbox.splynx.options import SplynxSandboxOptions
from splynx_stripe.sandbox.splynx.rows import (
    UNSET_DATE,
    InvoiceRelation,
    JsonObject,
    PlainRow,
    Row,
)

FOUR_PLACES = Decimal("0.0001")
MAX_MONEY = Decimal(10) ** 15
"""The column is `decimal(19,4)`."""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}( \d{2}:\d{2}:\d{2})?")
_TYPE_NAMES = {int: "integer", Decimal: "float", bool: "boolean", list: "array", dict: "array"}


def shown_name(field_name: str) -> str:
    """Gives the name a field has in the API."""
    return field_name.rstrip("_")


_known_types: dict[type[Row], dict[str, type]] = {}


def field_types(row_type: type[Row]) -> dict[str, type]:
    """Gives each field's plain type: of `int | None`, `int`; of `list[str]`, `list`."""
    if row_type not in _known_types:
        hints = get_type_hints(row_type)
        _known_types[row_type] = {item.name: _plain(hints[item.name]) for item in fields(row_type)}
    return _known_types[row_type]


def _plain(hint: Any) -> type:
    choices = [choice for choice in get_args(hint) if choice is not type(None)]
    plain = get_origin(hint) or hint
    if plain is UnionType:
        plain = choices[0]
    if not isinstance(plain, type):
        raise TypeError(f"{hint!r} is no type of a field.")
    return plain


def as_money(amount: Decimal, options: SplynxSandboxOptions) -> str | float:
    """Writes money: a string with four decimals, or a number on some servers."""
    return float(amount) if options.money_as_numbers else f"{amount:.4f}"


def as_json(row: Row, options: SplynxSandboxOptions) -> JsonObject:
    """Shows a row as the API does."""
    if isinstance(row, PlainRow):
        return dict(row.values)
    return {
        shown_name(name): _shown(row, name, kind, options)
        for name, kind in _api_fields(type(row), options).items()
    }


def _api_fields(row_type: type[Row], options: SplynxSandboxOptions) -> dict[str, type]:
    """Gives the fields that this release of the API knows."""
    hidden = {*row_type.HIDDEN}
    if not options.knows_refund_payment_id:
        hidden.add("refund_payment_id")
    return {name: kind for name, kind in field_types(row_type).items() if name not in hidden}


def _shown(row: Row, name: str, kind: type, options: SplynxSandboxOptions) -> Any:
    value = getattr(row, name)
    if kind is Decimal:
        return float(value) if isinstance(row, InvoiceRelation) else as_money(value, options)
    if options.ids_as_strings and kind is int and value is not None:
        return str(value) if name == "id" or name.endswith("_id") else value
    return value


def attributes(row_type: type[Row], options: SplynxSandboxOptions) -> list[JsonObject]:
    """Gives the answer of OPTIONS."""
    return [
        {
            "name": shown_name(name),
            "title": row_type.TITLES.get(name, shown_name(name).replace("_", " ").capitalize()),
            "type": "date" if name.startswith("date") else _TYPE_NAMES.get(kind, "string"),
            "required": name in row_type.REQUIRED,
        }
        for name, kind in _api_fields(row_type, options).items()
    ]


def writable_fields(row: Row, body: JsonObject) -> JsonObject:
    """Gives the fields of `body` that the row has and may be given, in the row's own types.

    Unknown names are passed over, as the real one does.

    Raises:
        InvalidInputError: when a value cannot be one of its field's type.
    """
    types = field_types(type(row))
    values: JsonObject = {}
    problems: list[AttributeProblem] = []
    for name, kind in types.items():
        if name in row.READ_ONLY or shown_name(name) not in body:
            continue
        try:
            values[name] = _parsed(name, kind, body[shown_name(name)], getattr(row, name))
        except (TypeError, ValueError, InvalidOperation):
            problems.append(AttributeProblem(name, f"{shown_name(name)} is invalid"))
    if problems:
        raise InvalidInputError(problems)
    return values


def apply(row: Row, values: JsonObject) -> None:
    """Sets fields."""
    for name, value in values.items():
        setattr(row, name, value)


def missing_required(row_type: type[Row], body: JsonObject) -> list[str]:
    """Names the required fields that the body lacks."""
    return [name for name in row_type.REQUIRED if body.get(name) in (None, "", 0, "0")]


def required_problems(names: Iterable[str]) -> list[AttributeProblem]:
    """Words missing fields as the log of a real server does (2.3)."""
    return [AttributeProblem(name, f"{_title(name)} is required") for name in names]


def _title(name: str) -> str:
    words = name.replace("_", " ")
    return (words[:1].upper() + words[1:]).replace(" id", " ID")


def parse_money(value: Any) -> Decimal:
    """Reads an amount, to four places as the column keeps it.

    Raises:
        ValueError: when it is not an amount.
    """
    try:
        amount = Decimal(str(value))
    except InvalidOperation as error:
        raise ValueError(f"{value!r} is not an amount") from error
    if not amount.is_finite() or abs(amount) >= MAX_MONEY:
        raise ValueError(f"{value!r} is not an amount")
    return amount.quantize(FOUR_PLACES)


def _parsed(name: str, kind: type, value: Any, present: Any) -> Any:
    if kind is Decimal:
        return parse_money(value)
    if kind is int:
        return _parsed_number(value, present)
    if kind is bool:
        return value in (True, 1, "1", "true")
    if kind is str:
        return _parsed_text(name, value)
    if not isinstance(value, kind):
        raise TypeError(f"{name} is not a {kind.__name__}")
    return value


def _parsed_number(value: Any, present: Any) -> int | None:
    if value in (None, "", "0", 0):
        return None if present is None else 0
    return int(str(value))


def _parsed_text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, list | dict):
        raise TypeError(f"{name} is not text")
    if name.startswith("date_") or name in ("date", "payment_date"):
        if value in (None, ""):
            return UNSET_DATE
        if not _DATE.fullmatch(str(value)):
            raise ValueError(f"{value!r} is not a date")
    return "" if value is None else str(value)
