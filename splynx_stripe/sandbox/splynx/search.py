"""Search in collections: `main_attributes`, `order`, `limit`, `offset` (reference 2.2).

A plain `?customer_id=5` is no filter, and neither is an attribute the row does not have: both
give everything, as the real one does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from splynx_stripe.sandbox.splynx.errors import bad_request
from splynx_stripe.sandbox.splynx.options import SplynxSandboxOptions
from splynx_stripe.sandbox.splynx.rows import Row
from splynx_stripe.sandbox.splynx.state import R, Table
from splynx_stripe.sandbox.splynx.wire import field_types, shown_name

NULL = "__EXPRESSION_NULL__"

_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_PART = re.compile(r"\[([^\[\]]*)\]")

Test = Callable[[Any], bool]


def nested(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Reads a query as PHP does: `a[b][0]=c` is {"a": {"b": {"0": "c"}}}."""
    tree: dict[str, Any] = {}
    for key, value in pairs:
        match = _KEY.fullmatch(key)
        if match is None:
            continue
        path = [match[1], *_PART.findall(match[2])]
        node = tree
        for part in path[:-1]:
            child = node.setdefault(part or str(len(node)), {})
            node = child if isinstance(child, dict) else {}
        node[path[-1] or str(len(node))] = value
    return tree


@dataclass(frozen=True, slots=True)
class Criterion:
    """One filter: an attribute, an operator, and its operands."""

    attribute: str
    operator: str
    operands: tuple[str, ...]

    @classmethod
    def from_query(cls, attribute: str, value: Any) -> Criterion:
        if isinstance(value, str):
            return cls(attribute, "=", (value,))
        operator = str(value.get("0", "=")).upper()
        flat: list[str] = []
        for operand in list(value.values())[1:]:
            flat.extend(operand.values() if isinstance(operand, dict) else [operand])
        return cls(attribute, operator, tuple(flat))

    def test(self, options: SplynxSandboxOptions) -> Test:
        """Gives the predicate for a value of the attribute.

        Raises:
            ApiError: 400 for an operator that does not exist or lacks its operand.
        """
        if not self.operands and self.operator != "IN":
            raise bad_request(f"Invalid value of attribute {self.attribute}.")
        if self.operator == "LIKE":
            return _like(self.operands[0], anywhere=options.like_adds_percent)
        maker = _MAKERS.get(self.operator)
        if maker is None:
            raise bad_request(f"Invalid operator of attribute {self.attribute}.")
        return maker(self.operands)


def _compare(value: Any, operand: str) -> int | None:
    """Orders value and operand: -1, 0, 1; None when they cannot be compared."""
    if value is None:
        return None
    if isinstance(value, bool):
        value = int(value)
    if isinstance(value, int | float | Decimal):
        try:
            number = Decimal(operand)
        except InvalidOperation:
            return None
        return (value > number) - (value < number)
    text = str(value)
    return (text > operand) - (text < operand)


def _ordered(*accepted: int) -> Callable[[Sequence[str]], Test]:
    def make(operands: Sequence[str]) -> Test:
        return lambda value: _compare(value, operands[0]) in accepted

    return make


def _in(operands: Sequence[str]) -> Test:
    return lambda value: any(_compare(value, operand) == 0 for operand in operands)


def _between(operands: Sequence[str]) -> Test:
    low, high = operands[0], operands[-1]
    return lambda value: _compare(value, low) in (0, 1) and _compare(value, high) in (0, -1)


def _is(operands: Sequence[str]) -> Test:
    if operands[0] == NULL:
        return lambda value: value is None
    return lambda value: _compare(value, operands[0]) == 0


def _regexp(operands: Sequence[str]) -> Test:
    try:
        pattern = re.compile(operands[0], re.IGNORECASE)
    except re.error as error:
        raise bad_request("Invalid regular expression.") from error
    return lambda value: pattern.search(str(value)) is not None


def _find_in_set(operands: Sequence[str]) -> Test:
    return lambda value: operands[0] in str(value).split(",")


def _like(operand: str, *, anywhere: bool) -> Test:
    pattern = f"%{operand}%" if anywhere and "%" not in operand else operand
    parts = (".*" if c == "%" else "." if c == "_" else re.escape(c) for c in pattern)
    compiled = re.compile("".join(parts), re.IGNORECASE | re.DOTALL)
    return lambda value: compiled.fullmatch(str(value)) is not None


_MAKERS: dict[str, Callable[[Sequence[str]], Test]] = {
    "=": _ordered(0),
    "!=": _ordered(-1, 1),
    "<>": _ordered(-1, 1),
    ">=": _ordered(0, 1),
    "<=": _ordered(0, -1),
    ">": _ordered(1),
    "<": _ordered(-1),
    "IS": _is,
    "REGEXP": _regexp,
    "BETWEEN": _between,
    "IN": _in,
    "FIND_IN_SET": _find_in_set,
}


@dataclass(frozen=True, slots=True)
class Search:
    """What one request looks for in one collection."""

    criteria: tuple[Criterion, ...]
    additional: tuple[Criterion, ...]
    order: tuple[tuple[str, bool], ...]
    """Attributes, and whether downwards."""
    limit: int
    offset: int

    @classmethod
    def from_query(
        cls, resource: str, query: dict[str, Any], options: SplynxSandboxOptions
    ) -> Search:
        """Reads the query of a request to a collection."""
        criteria = tuple(
            Criterion.from_query(attribute, value)
            for attribute, value in _branch(query, "main_attributes").items()
            if (resource, attribute) not in options.ignored_filters
        )
        additional = tuple(
            Criterion.from_query(attribute, value)
            for attribute, value in _branch(query, "additional_attributes").items()
        )
        order = tuple(
            (attribute, str(direction).upper() == "DESC")
            for attribute, direction in _branch(query, "order").items()
        )
        limit = _whole(query.get("limit"), options.default_page_size)
        if options.max_page_size:
            limit = min(limit or options.max_page_size, options.max_page_size)
        return cls(criteria, additional, order, limit, _whole(query.get("offset"), 0))

    def matching(
        self, table: Table[R], options: SplynxSandboxOptions, owner: int | None = None
    ) -> list[R]:
        """Gives all matching rows in order; with `owner`, only that customer's."""
        names = {shown_name(name): name for name in field_types(table.row_type)}
        known = [item for item in self.criteria if item.attribute in names]
        tests = [(names[item.attribute], item.test(options)) for item in known]
        extra = [(item.attribute, item.test(options)) for item in self.additional]
        found = [
            row
            for row in _candidates(table, known, owner)
            if all(test(getattr(row, name)) for name, test in tests)
            and all(test(_additional(row).get(name)) for name, test in extra)
        ]
        for attribute, downwards in reversed(self.order):
            if attribute in names:
                name = names[attribute]
                found.sort(key=lambda row: _sortable(getattr(row, name)), reverse=downwards)
        return found

    def page(self, rows: list[R]) -> list[R]:
        """Cuts the wanted page out of all matching rows."""
        end = self.offset + self.limit if self.limit else None
        return rows[self.offset : end]


def _branch(query: dict[str, Any], name: str) -> dict[str, Any]:
    branch = query.get(name)
    return branch if isinstance(branch, dict) else {}


def _whole(value: Any, default: int) -> int:
    return int(value) if isinstance(value, str) and value.isdigit() else default


def _additional(row: Row) -> dict[str, Any]:
    values: dict[str, Any] = getattr(row, "additional_attributes", {})
    return values


def _candidates(table: Table[R], criteria: list[Criterion], owner: int | None) -> Iterable[R]:
    """Narrows the scan by the two indexes; each test still runs on what is left."""
    if owner is not None:
        return table.of_customer(owner)
    for item in criteria:
        if item.operator != "=" or not item.operands[0].isdigit():
            continue
        if item.attribute == "id":
            row = table.get(int(item.operands[0]))
            return [] if row is None else [row]
        if item.attribute == "customer_id" and "customer_id" in table.row_type.INDEXED:
            return table.of_customer(int(item.operands[0]))
    return table


def _sortable(value: Any) -> tuple[bool, Any]:
    return (value is not None, value if value is not None else 0)
