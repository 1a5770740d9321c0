"""Sorts the database driver's errors: the unit's fault, worth another try, or the database down.

The driver's own messages quote the row's values (PostgreSQL: "Failing row contains …"), so they
never travel on: what leaves here names the constraint only (I12).
"""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
    StatementError,
)

from splynx_stripe.domain.errors import BrokenInvariantError
from splynx_stripe.store.errors import StoreDamagedError, StoreUnavailableError
from splynx_stripe.store.soundness import is_damage

_CONTENTION = frozenset({"40001", "40P01", "55P03"})
"""PostgreSQL: serialization failure, deadlock, lock timeout. It has undone the transaction."""


def is_contention(error: Exception) -> bool:
    """Says whether another transaction was in the way; all of this one has been undone."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in _CONTENTION


def is_refusal(error: DBAPIError) -> bool:
    """Says whether the database works and refused just this statement."""
    if error.connection_invalidated or is_contention(error):
        return False
    return isinstance(error, (IntegrityError, DataError, ProgrammingError, NotSupportedError))


def as_ours(error: Exception) -> Exception:
    """Gives the error that callers get for what a unit of work raised."""
    if isinstance(error, DBAPIError):
        return refused(error) if is_refusal(error) else unavailable(error)
    if isinstance(error, StatementError) and isinstance(error.orig, Exception):
        return error.orig
    if isinstance(error, StopIteration):
        # asyncio refuses to carry it, and then whoever waits would wait for ever.
        return BrokenInvariantError("A unit of work ran out of an iterator. It was undone.")
    return error


def refused(error: DBAPIError) -> BrokenInvariantError:
    """Words a refusal: a constraint of `tables.py` did its duty and the unit was undone."""
    return BrokenInvariantError(
        f"The database refused an impossible row ({_reason(error)}). Nothing of this unit was written."
    )


def unavailable(error: BaseException | None) -> StoreUnavailableError:
    """Words a failure of the database itself."""
    if is_damage(error.orig if isinstance(error, DBAPIError) else error):
        return StoreDamagedError(
            f"The database file is damaged ({_reason(error)}). Nothing was acknowledged and nothing is"
            " charged. Restart the daemon: it looks through the file and says what to do."
        )
    return StoreUnavailableError(
        f"The database cannot be used now ({_reason(error)}). Nothing was acknowledged. Check that"
        " it runs and that its disk is neither full nor read-only; what waits is tried again."
    )


def _reason(error: BaseException | None) -> str:
    original = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(original, sqlite3.Error):
        # SQLite's messages name columns and constraints, never values.
        return str(original)
    diagnosis = getattr(original, "diag", None)
    constraint = getattr(diagnosis, "constraint_name", None)
    primary = getattr(diagnosis, "message_primary", None)
    return str(constraint or primary or type(original).__name__)
