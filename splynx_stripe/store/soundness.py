"""Finds a damaged SQLite file before anything is charged on its word (fault 11).

SQLite notices damage only where it happens to read. So the whole structure is looked at once per
start (a tenth of a second for 100 MB); PostgreSQL keeps checksums itself.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL

from splynx_stripe.store.engine import BUSY_TIMEOUT_S
from splynx_stripe.store.errors import StoreDamagedError

_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PRIMARY = 0xFF
"""The part of an extended result code that names its family."""


def is_damage(error: BaseException | None) -> bool:
    """Says whether SQLite has found its own file broken."""
    code = getattr(error, "sqlite_errorcode", 0)
    return isinstance(error, sqlite3.Error) and code & _PRIMARY in _DAMAGE


def require_sound(url: URL) -> None:
    """Looks through a SQLite file. One that does not exist yet, or is empty, is sound.

    Raises:
        StoreDamagedError: it is damaged. Nothing was changed; the sentence says what to do.
    """
    if url.drivername != "sqlite":
        return
    file = Path(str(url.database))
    if not file.exists() or not file.stat().st_size:
        return
    try:
        with closing(sqlite3.connect(file, timeout=BUSY_TIMEOUT_S)) as connection:
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        if not is_damage(error):
            raise
        verdict = str(error)
    if verdict != "ok":
        raise StoreDamagedError(_sentence(file, verdict))


def _sentence(file: Path, verdict: str) -> str:
    backups = sorted(file.parent.glob(f"{file.name}.before-*"), key=lambda it: it.stat().st_mtime)
    ours = f", or {backups[-1]}, the copy made before the last upgrade" if backups else ""
    first_line = verdict.strip().splitlines()[-1]
    return (
        f"The database file {file} is damaged ({first_line}). Nothing was changed and no money was"
        f" touched. Move it away with its -wal and -shm files, put your last backup in its place"
        f"{ours}, and start again: payments made since that backup are read from Stripe, and each one"
        " that the backup does not know becomes a case. Until then, charge nobody by other means."
    )
