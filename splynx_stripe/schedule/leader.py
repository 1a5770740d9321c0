"""One of several daemons leads the schedule: it alone polls Stripe and releases idle leases.

Theory. The leader holds the named lease `schedule` and renews it at each beat. The others watch
the row. Who has seen it unchanged for `_PATIENCE_S` by their own monotonic clock displaces the
holder, in one guarded write that only one of them wins. So neither clocks that differ between
hosts nor clocks that jump decide who leads, and a leader that died is replaced after at most
`_PATIENCE_S` and two beats, which is below ten seconds. A leader that cannot renew, because it was
paused or the database is away, stops thinking of itself as leader before the others lose patience.

Between asking "do I lead?" and writing, a process may be paused for any time. So what the leader
writes is fenced: `FencedStore` checks the lease's token in the same transaction, and a leader of
yesterday writes nothing (fault 9).

A database that only one daemon can use (SQLite, `store.daemon_lock`) needs no beats: its daemon
takes the lease at once and keeps it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import TypeVar

from splynx_stripe.domain.errors import StaleWriteError
from splynx_stripe.domain.lease import Lease
from splynx_stripe.flows.ports import Store, Unit
from splynx_stripe.kit.clock import Clock
from splynx_stripe.store.errors import StoreUnavailableError

log = logging.getLogger(__name__)

T = TypeVar("T")

LEASE = "schedule"

_BEAT_S = 1.5
_LEADS_FOR_S = 4.0
"""How long a renewal is good for; below the patience, so that there are never two leaders."""

_PATIENCE_S = 5.0
"""How long the others bear a leader that does not renew: three beats missed, and 8 s in the worst case."""


class Leader:
    """This daemon's part in the election. Keep `run` running; ask `leads` before each job.

    `on_lead` is called when this daemon becomes the leader.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        name: str,
        is_shared: bool,
    ) -> None:
        self.on_lead: Callable[[], None] = _nothing
        self._store = store
        self._clock = clock
        self._name = name
        self._is_shared = is_shared
        self._lease: Lease | None = None
        self._good_until_s = 0.0
        self._seen: Lease | None = None
        self._seen_since_s = 0.0
        self._has_resigned = False

    @property
    def leads(self) -> bool:
        """Says whether this daemon leads now, as far as it can know without asking."""
        return self.lease is not None

    @property
    def lease(self) -> Lease | None:
        """Gives the lease with the fencing token while this daemon leads."""
        is_good = not self._is_shared or self._clock.monotonic() < self._good_until_s
        return self._lease if is_good else None

    async def run(self) -> None:
        """Renews the lease or waits for it, until `resign`; with a database of its own, once."""
        while not self._has_resigned:
            await self._beat_if_possible()
            if self._lease is not None and not self._is_shared:
                return
            await self._clock.sleep(_BEAT_S)

    async def beat(self) -> None:
        """Does one step: renews the lease, or takes it when it is free or its holder is gone.

        Raises:
            StoreUnavailableError: the database cannot be asked; nothing changed.
        """
        started_s = self._clock.monotonic()
        until = self._clock.now() + timedelta(seconds=_LEADS_FOR_S)
        held = self._lease
        if held is not None:
            kept = await self._store.run(lambda unit: unit.keep_lease(held, until=until))
            self._set(kept, started_s)
        else:
            self._set(await self._store.run(self._taking), started_s)

    async def resign(self) -> None:
        """Lets go of the lease, so that another daemon leads at its next beat."""
        self._has_resigned = True
        held, self._lease = self._lease, None
        if held is None:
            return
        try:
            await self._store.run(lambda unit: unit.release_lease(held))
        except StoreUnavailableError as error:
            log.warning("leader.resign_failed", extra={"error": str(error)})

    async def _beat_if_possible(self) -> None:
        try:
            await self.beat()
        except StoreUnavailableError as error:
            log.warning("leader.beat_failed", extra={"error": str(error)})

    def _taking(self, unit: Unit) -> Lease | None:
        """Is the unit of work of who does not lead: it looks, and takes what may be taken."""
        now = self._clock.now()
        until = now + timedelta(seconds=_LEADS_FOR_S)
        seen = unit.lease(LEASE)
        if seen is None or seen.is_free:
            return unit.take_lease(LEASE, self._name, now=now, until=until)
        if not self._is_given_up(seen):
            return None
        return unit.displace_lease(seen, self._name, until=until)

    def _is_given_up(self, seen: Lease) -> bool:
        if not self._is_shared:
            return True
        now_s = self._clock.monotonic()
        if seen != self._seen:
            self._seen, self._seen_since_s = seen, now_s
        return now_s - self._seen_since_s >= _PATIENCE_S

    def _set(self, lease: Lease | None, started_s: float) -> None:
        led, self._lease = self._lease, lease
        self._good_until_s = started_s + _LEADS_FOR_S
        if led is not None and lease is None:
            log.warning("leader.lost", extra={"holder": self._name, "token": led.token})
        if led is None and lease is not None:
            log.info("leader.leads", extra={"holder": self._name, "token": lease.token})
            self.on_lead()


def _nothing() -> None:
    """Is what happens on becoming the leader where nobody wants to know."""


class FencedStore:
    """Implements `flows.ports.Store` for scheduled work: a leader of yesterday writes nothing."""

    def __init__(self, store: Store, leader: Leader) -> None:
        self._store = store
        self._leader = leader

    async def run(self, work: Callable[[Unit], T]) -> T:
        """Runs a unit that is undone unless this daemon leads at that very moment.

        Raises:
            StaleWriteError: another daemon leads. Nothing was written; end the job.
        """
        lease = self._leader.lease
        if lease is None:
            raise StaleWriteError("This daemon does not lead the schedule. Nothing was written.")

        @wraps(work)
        def fenced(unit: Unit) -> T:
            unit.require_lease(lease)
            return work(unit)

        return await self._store.run(fenced)

    async def read(self, work: Callable[[Unit], T]) -> T:
        """Reads; that needs no fence."""
        return await self._store.read(work)
