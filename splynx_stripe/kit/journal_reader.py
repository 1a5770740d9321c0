"""Reads our own entries from the journal, by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from systemd.journal import Reader

from splynx_stripe.kit.systemd import IDENTIFIER

_PRIVATE = ("_", "SYSLOG_", "CODE_")
"""Fields that the journal adds; ours are the others."""

_LOOK_EVERY_S = 1.0
"""The journal wakes us; but Ctrl-C is heard only between two waits."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, with the fields that the daemon gave it."""

    at: datetime
    fields: Mapping[str, str]


class JournalReader:
    """Reads entries of the daemon whose fields have these values. Close it."""

    def __init__(self, fields: Mapping[str, str], path: str | None = None) -> None:
        """Opens the machine's journal, or the one in a folder."""
        self._reader = Reader(path=path) if path else Reader()
        self._reader.add_match(SYSLOG_IDENTIFIER=IDENTIFIER)
        self._reader.add_match(**fields)

    def entries(self, since: datetime | None) -> Iterator[Entry]:
        """Gives what is there, oldest first; afterwards `follow` goes on from there."""
        if since is None:
            self._reader.seek_head()
        else:
            self._reader.seek_realtime(since.timestamp())  # its datetimes are local time
        yield from self._present()

    def follow(self) -> Iterator[Entry]:
        """Gives new entries as they come, for ever."""
        while True:
            self._reader.wait(_LOOK_EVERY_S)
            yield from self._present()

    def close(self) -> None:
        """Lets go of the journal's files."""
        self._reader.close()

    def _present(self) -> Iterator[Entry]:
        while row := self._reader.get_next():
            yield Entry(
                at=row["__REALTIME_TIMESTAMP"].astimezone(UTC),
                fields={
                    name: str(value) for name, value in row.items() if not name.startswith(_PRIVATE)
                },
            )
