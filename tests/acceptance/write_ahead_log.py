"""SQLite's write-ahead log as bytes, for what a power cut or a lying disk leaves of it.

Source: sqlite.org/fileformat2.html, section 4. A header of 32 bytes, then frames of 24 bytes and a page; a
frame counts when its salts are those of the header, and a transaction ends with a frame that tells the
size of the database.
"""

from __future__ import annotations

import struct
from pathlib import Path

_HEADER = 32
_FRAME_HEADER = 24


class WriteAheadLog:
    """The log of one database that no process has open."""

    def __init__(self, database: Path) -> None:
        self.path = database.with_name(f"{database.name}-wal")
        self._index = database.with_name(f"{database.name}-shm")

    def ends(self) -> list[int]:
        """Gives where each transaction ends that is in it, oldest first."""
        log = self.path.read_bytes()
        size, salts = self._frame_size(log), log[16:24]
        ends = []
        for start in range(_HEADER, len(log) - size + 1, size):
            _, database_size = struct.unpack_from(">II", log, start)
            if log[start + 8 : start + 16] != salts:
                break
            if database_size:
                ends.append(start + size)
        return ends

    def last_frame(self) -> bytes:
        """Gives the last frame that counts."""
        end, log = self.ends()[-1], self.path.read_bytes()
        return log[end - self._frame_size(log) : end]

    def cut(self, at: int, torn: bytes = b"") -> None:
        """Loses what comes after `at` and leaves `torn` there instead."""
        self.path.write_bytes(self.path.read_bytes()[:at] + torn)
        self._index.unlink(missing_ok=True)

    def spoil(self, at: int) -> None:
        """Turns one byte over, as a bad sector does."""
        log = bytearray(self.path.read_bytes())
        log[at] ^= 0xFF
        self.path.write_bytes(bytes(log))
        self._index.unlink(missing_ok=True)

    def _frame_size(self, log: bytes) -> int:
        (page_size,) = struct.unpack_from(">I", log, 8)
        return _FRAME_HEADER + int(page_size)
