"""What belongs to the whole installation: who it is, and the nonces it has used at Splynx."""

from __future__ import annotations

from datetime import datetime
from types import MappingProxyType

from sqlalchemy import BigInteger, bindparam, case, select
from sqlalchemy.dialects import postgresql, sqlite

from splynx_stripe.domain.errors import BrokenInvariantError
from splynx_stripe.domain.installation import Installation
from splynx_stripe.store.rows import PerDialect, UnitPart, insert_unless_there
from splynx_stripe.store.tables import installation, nonces

_SETTLE = insert_unless_there(installation, [installation.c.singleton])
_INSTALLATION = select(installation.c.id, installation.c.signing_key, installation.c.created_at)


def _reserve_block() -> PerDialect:
    """Makes the upsert that moves a key's high water in one step; row locks make it exclusive."""
    high_water = nonces.c.high_water
    count, floor = bindparam("count", type_=BigInteger), bindparam("floor", type_=BigInteger)
    last = case((high_water < floor, floor + count - 1), else_=high_water + count)
    return MappingProxyType(
        {
            "sqlite": sqlite.insert(nonces)
            .on_conflict_do_update(index_elements=[nonces.c.key], set_={"high_water": last})
            .returning(high_water),
            "postgresql": postgresql.insert(nonces)
            .on_conflict_do_update(index_elements=[nonces.c.key], set_={"high_water": last})
            .returning(high_water),
        }
    )


_RESERVE = _reserve_block()


class InstallationRows(UnitPart):
    """The part of a unit that knows the installation."""

    def settle_installation(self, *, new_id: str, signing_key_hex: str, now: datetime) -> bool:
        """Makes the installation's identity where there is none yet. False when there is one."""
        values = {
            "singleton": 1,
            "id": new_id,
            "signing_key": signing_key_hex,
            "created_at": now,
        }
        return self._inserted(_SETTLE, values)

    def installation(self) -> Installation:
        """Gives the identity of this installation.

        Raises:
            BrokenInvariantError: when the database was opened without being settled.
        """
        row = self._connection.execute(_INSTALLATION).first()
        if row is None:
            raise BrokenInvariantError(
                "The database does not know which installation it belongs to."
            )
        return Installation(id=row[0], signing_key=bytes.fromhex(row[1]), created_at=row[2])

    def reserve_nonces(self, key: str, floor: int, count: int) -> int:
        """Reserves `count` successive nonces of `key` that nobody has had, none below `floor`.

        Gives the first. A block counts as used once it is committed, so after a crash some
        numbers are skipped and none is used twice (`reference/splynx-api.md`, authentication).

        Raises:
            ValueError: when `count` is not positive.
        """
        if count <= 0:
            raise ValueError(f"{count} nonces cannot be reserved.")
        values = {"key": key, "high_water": floor + count - 1, "floor": floor, "count": count}
        last = self._connection.execute(_RESERVE[self._dialect], values).scalar_one()
        return int(last) - count + 1
