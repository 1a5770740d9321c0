"""What can go wrong with the database itself, as sentences for the people who mend it."""

from __future__ import annotations


class StoreUnavailableError(Exception):
    """The database did not take the unit of work: it is down, full, locked, or was closed.

    Nothing was acknowledged. Where the connection broke during COMMIT, the unit may nevertheless
    have been written: read again before deciding anew. Answer a webhook with 5xx, and start
    nothing that moves money (fault 10).
    """


class StoreDamagedError(StoreUnavailableError):
    """The database file is broken. Only a person can help, with a backup; waiting does not."""


class NewerSchemaError(Exception):
    """A newer version of this program has written the database; this one must not touch it."""


class OlderSchemaError(Exception):
    """The database has not been brought up to this version yet. Run `migrate` first."""
