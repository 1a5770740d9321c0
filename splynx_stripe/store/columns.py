"""How our values become column values: moments, maps of strings, texts of other people.

Every text is compared byte by byte on both databases (PostgreSQL: collation "C"), so that
order and ranges mean the same everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator, TypeEngine
from typing_extensions import override


def exact_text() -> TypeEngine[str]:
    """Gives the column type of identifiers and words that we choose ourselves."""
    return Text().with_variant(Text(collation="C"), "postgresql")


def row_number() -> TypeEngine[int]:
    """Gives the column type of numbers that the database counts up by itself."""
    return BigInteger().with_variant(Integer(), "sqlite")


class _StoredAsText(TypeDecorator[Any]):
    """What all types here have in common: the database sees text."""

    impl = Text
    cache_ok = True

    @override
    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(exact_text())


class UtcMoment(_StoredAsText):
    """An aware datetime as `2026-11-24T14:25:47.000123Z`: exact, and it sorts as text.

    Raises:
        ValueError: for a datetime without a time zone, which is always a mistake of ours.
    """

    cache_ok = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        if value.utcoffset() is None:
            raise ValueError(f"The moment {value.isoformat()} has no time zone and was not stored.")
        in_utc = value if value.tzinfo is UTC else value.astimezone(UTC)
        naive = in_utc.replace(tzinfo=None)
        return f"{naive.isoformat(timespec='microseconds')}Z"

    @override
    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.fromisoformat(value)


_IN_ASCII = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


@lru_cache(maxsize=256)
def _strings(text: str) -> Mapping[str, str]:
    """Remembers: what an attempt froze is read again at each of its steps. Give away copies."""
    return {str(key): str(value) for key, value in json.loads(text).items()}


class StringMap(_StoredAsText):
    """A mapping of strings to strings as JSON, in ASCII: it holds every character exactly."""

    cache_ok = True

    @override
    def process_bind_param(self, value: Mapping[str, str] | None, dialect: Dialect) -> str:
        return _IN_ASCII.encode(dict(value or {}))

    @override
    def process_result_value(self, value: str | None, dialect: Dialect) -> dict[str, str]:
        return dict(_strings(value or "{}"))


class Prose(_StoredAsText):
    """A sentence that may quote other systems.

    PostgreSQL cannot keep U+0000 and no database can keep half a surrogate pair. Both become
    U+FFFD here: a foreign error message must never make a transition fail.
    """

    cache_ok = True

    @override
    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        if (
            value.isascii() and "\x00" not in value
        ):  # nearly all: the way below costs ten times that
            return value
        storable = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return storable.replace("\x00", "\N{REPLACEMENT CHARACTER}")
