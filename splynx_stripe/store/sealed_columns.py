"""Which columns hold sealed values, and for which place each is sealed; the key's replacement.

Every column whose name ends in `_sealed` is here; a test looks that none is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, Table, Update, and_, bindparam, func, select, update

from splynx_stripe.kit.sealing import Sealer, key_of
from splynx_stripe.store.connection_tables import connections, webhook_endpoints
from splynx_stripe.store.credential_tables import credentials
from splynx_stripe.store.page_setting_tables import page_settings
from splynx_stripe.store.rows import UnitPart


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column; `place` is filled in with the row's other columns, as the code that seals does."""

    table: Table
    column: str
    place: str

    def place_of(self, row: Mapping[str, object] | RowMapping) -> str:
        """Gives the place that this row's value is sealed for."""
        return self.place.format_map(dict(row))


SEALED_COLUMNS: tuple[SealedColumn, ...] = (
    SealedColumn(page_settings, "value_sealed", "page_settings/{section}/{key}"),
    SealedColumn(credentials, "bank_sealed", "credentials/{id}"),
    SealedColumn(connections, "access_token_sealed", "connections/{id}/access_token"),
    SealedColumn(connections, "refresh_token_sealed", "connections/{id}/refresh_token"),
    SealedColumn(webhook_endpoints, "secret_sealed", "webhook_endpoints/{id}"),
)


class SealedRows(UnitPart):
    """The part of a unit that replaces the encryption key."""

    def sealed_counts(self) -> Mapping[str, int]:
        """Counts the sealed values by the id of their key."""
        counts: dict[str, int] = {}
        for sealed in SEALED_COLUMNS:
            column = sealed.table.c[sealed.column]
            for (value,) in self._connection.execute(select(column).where(column != "")):
                counts[key_of(value)] = counts.get(key_of(value), 0) + 1
        return counts

    def open_all_sealed(self, sealer: Sealer) -> None:
        """Opens every sealed value. Raises `SealedValueError` for the first that does not open."""
        for sealed in SEALED_COLUMNS:
            wanted = select(sealed.table).where(sealed.table.c[sealed.column] != "")
            for row in self._connection.execute(wanted).mappings():
                sealer.open(row[sealed.column], sealed.place_of(row))

    def reseal(self, column: SealedColumn, sealer: Sealer, *, limit: int) -> int:
        """Seals up to `limit` values of a column with the newest key; gives how many those were.

        A value that somebody writes meanwhile is left as it is written.

        Raises:
            SealedValueError: a value does not open; nothing of this batch was written.
        """
        rows = _of_other_keys(self._connection, column, sealer.newest_key, limit)
        for row in rows:
            place, old = column.place_of(row), str(row[column.column])
            new = sealer.seal(sealer.open(old, place), place)
            self._connection.execute(_replacing(column), _values(column, row, old, new))
        return len(rows)


def _of_other_keys(
    connection: Connection, column: SealedColumn, newest: str, limit: int
) -> Sequence[Mapping[str, object]]:
    value = column.table.c[column.column]
    begins = f"v1:{newest}:"
    wanted = (
        select(column.table)
        .where(value != "", func.substr(value, 1, len(begins)) != begins)
        .limit(limit)
    )
    return [dict(row) for row in connection.execute(wanted).mappings()]


def _replacing(column: SealedColumn) -> Update:
    value = column.table.c[column.column]
    same_row = [key == bindparam(f"row_{key.name}") for key in column.table.primary_key]
    return (
        update(column.table)
        .where(and_(*same_row, value == bindparam("old")))
        .values({column.column: bindparam("new")})
    )


def _values(
    column: SealedColumn, row: Mapping[str, object], old: str, new: str
) -> dict[str, object]:
    keys = {f"row_{key.name}": row[key.name] for key in column.table.primary_key}
    return {**keys, "old": old, "new": new}
