"""Which schema a database has, and whether this program may work with it.

Read without Alembic, whose import takes longer than the rest of the start (performance.md).
"""

from __future__ import annotations

from sqlalchemy import Connection, inspect, text

from splynx_stripe.store.errors import NewerSchemaError, OlderSchemaError

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010", "0011")
"""Every revision in `migrations/versions`, oldest first; a test compares them."""

HEAD = REVISIONS[-1]
"""The revision that this program needs."""

_VERSION = text("SELECT version_num FROM alembic_version")


def schema_revision(connection: Connection) -> str:
    """Gives the database's revision, or "" for a database that has none.

    Raises:
        NewerSchemaError: when the revision is not one that this program knows.
    """
    if not inspect(connection).has_table("alembic_version"):
        return ""
    revision = str(connection.execute(_VERSION).scalar() or "")
    if revision and revision not in REVISIONS:
        raise NewerSchemaError(
            f"The database was written by a newer version of splynx-stripe (schema {revision}, this"
            f" version knows {HEAD}). Nothing was changed. Start that version, or restore the backup"
            " that was made before the upgrade."
        )
    return revision


def require_current_schema(connection: Connection) -> None:
    """Makes sure that the database has exactly the schema of this program.

    Raises:
        NewerSchemaError: a newer version wrote it.
        OlderSchemaError: it has not been migrated yet.
    """
    revision = schema_revision(connection)
    if revision != HEAD:
        raise OlderSchemaError(
            f"The database has {f'schema {revision}' if revision else 'no tables yet'}, this version"
            f" needs schema {HEAD}. Nothing was changed. Start the daemon once: it migrates the"
            " database."
        )
