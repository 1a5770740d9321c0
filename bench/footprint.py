"""Start and size: time to ready, idle memory, memory with few and with many open items."""

from __future__ import annotations

import shutil
import sqlite3
import statistics
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Integer, Table

from bench.processes import resident_mb
from bench.report import Budget, Line
from bench.subject import ACCOUNT, Subject
from splynx_stripe.domain.attempt import AttemptState
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.store.tables import attempts, collections

_SETTLED_S = 3.0
"""How long a daemon idles before its memory is read: the first poll and some ticks are over."""

_FEW, _MANY = 1_000, 100_000
_OWN = {
    "id",
    "payable_key",
    "document_id",
    "document_number",
    "collection_id",
    "intent_id",
    "charge_id",
}
"""The columns in which each open item has a value of its own."""


def measure_start(folder: Path, rounds: int) -> Iterator[Line]:
    """Starts the daemon on a new database and then, again and again, on the migrated one."""
    subject = Subject(folder / "start", f"sqlite:///{folder}/start.db")
    subject.prepare(with_store=False)
    with subject.running():
        """Compiles the modules, which an installed package has done already."""
    for file in folder.glob("start.db*"):
        file.unlink()
    with subject.running() as (_, first_s):
        pass
    ready, idle = [], []
    for _ in range(rounds):
        with subject.running() as (process, ready_s):
            time.sleep(_SETTLED_S)
            ready.append(ready_s)
            idle.append(resident_mb(process.pid))
    seconds, megabytes = statistics.median(ready), statistics.median(idle)
    yield Line("ready after start", f"{seconds:.2f} s", "", Budget(most=2, unit="s"), seconds)
    yield Line("ready after the first start, with migration", f"{first_s:.2f} s")
    yield Line("idle, resident", f"{megabytes:.0f} MB", "", Budget(most=110, unit="MB"), megabytes)


def measure_open_items(folder: Path, rounds: int) -> Iterator[Line]:
    """Compares the memory of daemons whose stores hold few and many open collections."""
    few = Subject(folder / "few", f"sqlite:///{folder}/few.db")
    many = Subject(folder / "many", f"sqlite:///{folder}/many.db")
    for subject, number in ((few, _FEW), (many, _MANY)):
        subject.prepare()
        _open(Path(subject.database_url.removeprefix("sqlite:///")), number)
    grown, at_end = [], 0.0
    for _ in range(rounds):
        with few.running() as (small, _), many.running() as (large, _):
            time.sleep(_SETTLED_S)
            at_end = resident_mb(large.pid)
            grown.append(at_end - resident_mb(small.pid))
    growth = statistics.median(grown)
    yield Line(
        "memory, 1,000 → 100,000 open items",
        f"{growth:+.1f} MB, {at_end:.0f} MB in all",
        "",
        Budget(most=30, unit="MB"),
        growth,
    )
    shutil.rmtree(few.folder)
    shutil.rmtree(many.folder)


def _open(file: Path, number: int) -> None:
    """Writes open collections, each with a PaymentIntent that waits for its customer."""
    now = SystemClock().now()
    later = now + timedelta(days=1)
    moment, look = (
        f"{at.replace(tzinfo=None).isoformat(timespec='microseconds')}Z" for at in (now, later)
    )
    collection = {
        "partner_id": 1,
        "splynx_customer_id": 17,
        "kind": "invoice",
        "currency": "EUR",
        "route": "portal",
        "state": "open",
        "opened_at": moment,
        "version": 0,
    }
    attempt = {
        "account": ACCOUNT.key,
        "stripe_customer_id": "cus_1",
        "amount_minor": 17250,
        "currency": "EUR",
        "description": "Invoice",
        "metadata": "{}",
        "prepared_at": moment,
        "next_look_at": look,
        "state": str(AttemptState.AWAITING_CUSTOMER),
        "seen_as_of": moment,
        "seen_kind": "seen_awaiting",
        "splynx_payment_id": 0,
        "version": 0,
    }
    with closing(sqlite3.connect(file)) as connection, connection:
        _insert(connection, collections, collection, number)
        _insert(connection, attempts, attempt, number)


def _insert(
    connection: sqlite3.Connection, table: Table, row: dict[str, object], number: int
) -> None:
    columns = [column.name for column in table.columns]
    values = ["i" if name in _OWN else f":{name}" for name in columns]
    given = {column.name: _blank(column) for column in table.columns} | row
    connection.execute(
        f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :number)"  # noqa: S608 - the names are our tables' own
        f" INSERT INTO {table.name} ({', '.join(columns)}) SELECT {', '.join(values)} FROM n",
        given | {"number": number},
    )


def _blank(column: Column[Any]) -> object:
    """Gives what a column holds where a plain payment has nothing to say."""
    if column.nullable:
        return None
    return 0 if isinstance(column.type, Integer) else ""
