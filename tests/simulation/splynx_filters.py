"""How the simulated Splynx filters a list: equal, among, between, and larger than an id."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from typing import Any

_NAME = re.compile(r"main_attributes\[(\w+)\](.*)")


def filtered(rows: list[dict[str, Any]], query: Mapping[str, str]) -> list[dict[str, Any]]:
    """Gives the rows that fit the `main_attributes` of a query (reference 2.2)."""
    wanted: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for name, value in query.items():
        found = _NAME.fullmatch(name)
        if found is not None:
            wanted[found[1]][found[2]] = value
    for name, parts in wanted.items():
        rows = [row for row in rows if _fits(row.get(name), parts)]
    return rows


def _fits(value: Any, parts: Mapping[str, str]) -> bool:
    match parts.get("[0]"):
        case None:
            return str(value) == parts[""]
        case "IN":
            return str(value) in {each for name, each in parts.items() if name != "[0]"}
        case ">":
            return int(value) > int(parts["[1]"])
        case "BETWEEN":
            day = date.fromisoformat(value)
            return date.fromisoformat(parts["[1]"]) <= day <= date.fromisoformat(parts["[2]"])
        case other:
            raise AssertionError(f"the simulated Splynx knows no filter {other}")
