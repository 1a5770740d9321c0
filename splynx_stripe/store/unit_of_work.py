"""Group commit: one thread that writes, many units of work per fsync.

Theory. A commit costs an fsync, whether one unit or sixty are in it. So the units that wait
while a commit runs are executed together: each in its own SAVEPOINT, which undoes the one that
fails and leaves the others alone, and one COMMIT for all. A result is delivered after
the COMMIT only, so whatever was acknowledged is on the disk (I7).

Where the database fails before COMMIT, nothing is written and the units of the batch are run
again one by one: after a deadlock, a serialization failure or a connection that the server had
closed they pass, and where one unit is the culprit only that one gets the error. Where COMMIT itself
fails, nobody knows and everybody gets `StoreUnavailableError`.

Where several daemons share a database, another one may write a row between this unit's read and
its guarded write. The unit is then run again on what is there now, as if it had come later; one
that carries an old version or claim from outside fails again and its caller decides anew.

A unit that is alone needs no savepoint, because the transaction itself undoes it; nor do events that one
statement stores. Where such a unit fails, it is run again in a savepoint, and that decides.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from splynx_stripe.domain.errors import StaleWriteError
from splynx_stripe.store.failures import as_ours, is_contention, is_refusal, unavailable
from splynx_stripe.store.prepared import PreparedConnection
from splynx_stripe.store.unit import SqlUnit

log = logging.getLogger(__name__)

BATCH_LIMIT = 64
"""Units per commit. More gain nothing (the fsync's share is small by then) and make the first
of them wait for the last."""

LINGER_S = 0.001
"""How long it waits for others like the last time, when so few wait as yet. Whoever got an answer
from the last commit is about to come again; without it every second commit is for one of them."""

_TRIES_ALONE = 3
"""How often a unit meets other transactions' locks before its caller is told."""

_TRIES_OVERTAKEN = 3
"""How often a unit is overtaken by another daemon's write before its caller is told."""

_Together = Callable[[SqlUnit, Sequence[Any]], Sequence[Any]]
"""Does works of one kind with one statement; a work that can offers it as `together`."""


@dataclass(frozen=True, slots=True)
class Job:
    """A unit of work, and who waits for it. `settled` is called in the loop when it is over."""

    work: Callable[[SqlUnit], Any]
    future: asyncio.Future[Any]
    settled: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job: its result, or the error that undid it."""

    value: Any = None
    error: Exception | None = None


class _CommitFailedError(Exception):
    """COMMIT failed: it may or may not have been written."""


class _CannotBeginError(Exception):
    """There is no connection, or the lock of the database is not to be had."""


class GroupCommitter:
    """Owns the writing thread and its connection. Submit from the event loop, stop at the end."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._prepared: PreparedConnection | None = None
        self._last_size = 0
        self._more = threading.Event()  # never set: waiting for it is a rest
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Queues a job. Its number is limited by who submits (`SqlStore`)."""
        self._waiting.put(job)

    def stop(self) -> None:
        """Finishes what was submitted, then ends the thread. Blocks until it has ended."""
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        goes_on = True
        while goes_on:
            batch, goes_on = self._next_batch()
            self._last_size = len(batch)
            if batch:
                _deliver(batch, self._outcomes(batch))
        self._hang_up(broken=False)

    def _next_batch(self) -> tuple[list[Job], bool]:
        """Waits for a job and takes those that wait with it. False when it was the last batch."""
        job = self._waiting.get()
        if self._waiting.qsize() + 1 < self._last_size:
            self._more.wait(LINGER_S)
        batch: list[Job] = []
        while job is not None:
            batch.append(job)
            if len(batch) == BATCH_LIMIT:
                return batch, True
            try:
                job = self._waiting.get_nowait()
            except queue.Empty:
                return batch, True
        return batch, False

    def _outcomes(self, batch: Sequence[Job]) -> Sequence[Outcome]:
        try:
            return self._together(batch)
        except (_CannotBeginError, _CommitFailedError) as error:
            return [_failed(error) for _ in batch]
        except SQLAlchemyError as error:
            reason = type(error).__name__
            log.warning("store.batch_split", extra={"units": len(batch), "reason": reason})
            return self._one_by_one(batch)
        except Exception as error:
            # A mistake of ours; but a dead thread would let everybody wait for ever (I10).
            log.exception("store.writer_stumbled", extra={"units": len(batch)})
            return [_failed(error) for _ in batch]

    def _one_by_one(self, batch: Sequence[Job]) -> Sequence[Outcome]:
        outcomes: list[Outcome] = []
        for job in batch:
            try:
                outcomes.append(self._alone(job))
            except _CannotBeginError as error:
                # The others would only wait for the same timeout.
                return outcomes + [_failed(error) for _ in batch[len(outcomes) :]]
        return outcomes

    def _alone(self, job: Job) -> Outcome:
        outcome = Outcome()
        for _ in range(_TRIES_ALONE):
            try:
                return self._together([job])[0]
            except (_CommitFailedError, SQLAlchemyError) as error:
                outcome = _failed(error)
                if not is_contention(error):
                    break
        return outcome

    def _together(self, batch: Sequence[Job]) -> Sequence[Outcome]:
        """Runs the jobs in one transaction and commits it.

        Raises:
            SQLAlchemyError: the database failed before COMMIT; nothing was written.
        """
        prepared = self._begin()
        try:
            outcomes: list[Outcome] = []
            if _is_one(batch):
                outcomes = _run_as_one(prepared, batch)
                prepared = prepared if outcomes else self._begin_anew(prepared)
            if not outcomes:
                for kind, jobs in groupby(batch, key=_kind):
                    outcomes += _run_alike(prepared, kind, list(jobs))
            _commit(prepared)
        except BaseException:
            # Whatever state the connection is in, the next transaction gets a new one.
            self._hang_up(broken=True)
            raise
        return outcomes

    def _begin(self) -> PreparedConnection:
        """Begins a transaction on the one connection, which is kept from one to the next."""
        try:
            if self._prepared is None:
                self._prepared = PreparedConnection(self._engine.connect())
            self._prepared.begin()
        except DBAPIError as error:
            self._hang_up(broken=True)
            raise _CannotBeginError from error
        return self._prepared

    def _begin_anew(self, prepared: PreparedConnection) -> PreparedConnection:
        if not prepared.rolled_back():
            self._hang_up(broken=True)
        return self._begin()

    def _hang_up(self, *, broken: bool) -> None:
        prepared, self._prepared = self._prepared, None
        if prepared is not None:
            prepared.hang_up(broken=broken)


def _kind(job: Job) -> _Together | None:
    """Gives how works of the job's kind are done together; None for the ones done one by one."""
    together: _Together | None = getattr(type(job.work), "together", None)
    return together


def _is_one(batch: Sequence[Job]) -> bool:
    """Says whether all of the batch is done by one call, so that the transaction can undo it."""
    kind = _kind(batch[0])
    return len(batch) == 1 or (kind is not None and all(_kind(job) is kind for job in batch))


def _run_as_one(connection: PreparedConnection, batch: Sequence[Job]) -> list[Outcome]:
    """Runs it without a savepoint, which saves two statements. [] when it failed: undo and repeat."""
    together, works = _kind(batch[0]), [job.work for job in batch]
    unit = SqlUnit(connection)
    try:
        if together is not None and len(works) > 1:
            return [Outcome(value=value) for value in together(unit, works)]
        return [Outcome(value=works[0](unit))]
    except DBAPIError as error:
        if not is_refusal(error):
            raise
    except Exception:  # noqa: BLE001 - it is not swallowed: the unit is run again in a savepoint
        return []
    return []


def _run_alike(
    connection: PreparedConnection, together: _Together | None, jobs: Sequence[Job]
) -> Sequence[Outcome]:
    """Runs neighbours of one kind: together where they can, one by one where that fails."""
    if together is not None and len(jobs) > 1:
        works = [job.work for job in jobs]
        all_of_them = _in_savepoint(connection, lambda unit: together(unit, works))
        if all_of_them.error is None:
            return [Outcome(value=value) for value in all_of_them.value]
    return [_run_until_not_overtaken(connection, job) for job in jobs]


def _run_until_not_overtaken(connection: PreparedConnection, job: Job) -> Outcome:
    outcome = _run_in_savepoint(connection, job)
    if connection.dialect.name == "sqlite":  # there is one writer: nobody overtakes
        return outcome
    for _ in range(_TRIES_OVERTAKEN - 1):
        if not isinstance(outcome.error, StaleWriteError):
            break
        outcome = _run_in_savepoint(connection, job)
    return outcome


def _run_in_savepoint(connection: PreparedConnection, job: Job) -> Outcome:
    return _in_savepoint(connection, job.work)


def _in_savepoint(connection: PreparedConnection, work: Callable[[SqlUnit], Any]) -> Outcome:
    connection.say("SAVEPOINT unit")
    try:
        value = work(SqlUnit(connection))
    except DBAPIError as error:
        if not is_refusal(error):
            raise
        return _undone(connection, error)
    except Exception as error:  # noqa: BLE001 - it is not swallowed: the caller gets it
        return _undone(connection, error)
    connection.say("RELEASE SAVEPOINT unit")
    return Outcome(value=value)


def _undone(connection: PreparedConnection, error: Exception) -> Outcome:
    connection.say("ROLLBACK TO SAVEPOINT unit")
    return Outcome(error=as_ours(error))


def _commit(connection: PreparedConnection) -> None:
    try:
        connection.commit()
    except DBAPIError as error:
        if is_contention(error):
            raise
        raise _CommitFailedError from error


def _failed(error: Exception) -> Outcome:
    cause = error.__cause__ if isinstance(error, (_CannotBeginError, _CommitFailedError)) else error
    return Outcome(error=unavailable(cause))


def _deliver(batch: Sequence[Job], outcomes: Sequence[Outcome]) -> None:
    """Hands the outcomes over to the event loops that wait, one wake-up per loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Job, Outcome]]] = {}
    for job, outcome in zip(batch, outcomes, strict=True):
        by_loop.setdefault(job.future.get_loop(), []).append((job, outcome))
    for loop, settled in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, settled)
        except RuntimeError:
            # The loop was closed while we worked: nobody waits any more, the commit stands.
            log.warning("store.nobody_waited", extra={"units": len(settled)})


def _settle(settled: Sequence[tuple[Job, Outcome]]) -> None:
    for job, outcome in settled:
        job.settled()
        if job.future.done():
            if outcome.error is not None:
                log.warning("store.failed_unheard", extra={"reason": type(outcome.error).__name__})
        elif outcome.error is not None:
            job.future.set_exception(outcome.error)
        else:
            job.future.set_result(outcome.value)
