"""Group commit against one commit per request, on SQLite, through the store's own door.

A program of its own (`python -m bench.commits FOLDER COUNT ROUNDS`): what it measures is the
writer thread, and this process has other threads.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from itertools import count
from pathlib import Path

import uvloop

from bench.events import bodies
from bench.processes import ROOT, environment
from bench.report import Budget, Line
from bench.subject import ACCOUNT
from splynx_stripe.domain.inbox import InboxSource, NewInboxEvent
from splynx_stripe.flows.inbox import ReceiveEvent
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store import unit_of_work
from splynx_stripe.store.migrate import migrate
from splynx_stripe.store.store import SqlStore, open_store

_AT_ONCE = 64
_series = count(100)


def measure(folder: Path, *, events: int, rounds: int) -> Iterator[Line]:
    """Runs the program and reports what it found."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.commits", str(folder), str(events), str(rounds)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(),
        check=True,
    )
    grouped, single = json.loads(done.stdout)
    ratios = [one / other for one, other in zip(grouped, single, strict=True)]
    ratio = statistics.median(ratios)
    yield Line(
        "group commit against one commit per request, SQLite",
        f"{statistics.median(grouped):,.0f}/s against {statistics.median(single):,.0f}/s",
        f"{ratio:.1f}x ({min(ratios):.1f} to {max(ratios):.1f})",
        Budget(least=3, unit="x"),
        ratio,
    )


async def _compare(url: str, events: int, rounds: int) -> tuple[list[float], list[float]]:
    """Gives the units per second of each round, grouped and one by one in turns."""
    store = open_store(url, clock=SystemClock(), ids=RandomIds())
    group, grouped, single = unit_of_work.BATCH_LIMIT, [], []
    try:
        await _rate(store, events)
        for _ in range(rounds):
            grouped.append(await _rate(store, events))
            unit_of_work.BATCH_LIMIT = 1
            single.append(await _rate(store, events // 4))
            unit_of_work.BATCH_LIMIT = group
    finally:
        await store.close()
    return grouped, single


async def _rate(store: SqlStore, events: int) -> float:
    now = SystemClock().now()
    waiting = [_event(body, now) for body in bodies(str(next(_series)), events)]
    began = time.perf_counter()

    async def one_of_many() -> None:
        while waiting:
            await store.run(ReceiveEvent(waiting.pop()))

    await asyncio.gather(*(one_of_many() for _ in range(_AT_ONCE)))
    return events / (time.perf_counter() - began)


def _event(body: bytes, now: datetime) -> NewInboxEvent:
    return NewInboxEvent(
        account=ACCOUNT,
        event_id=body[body.index(b"evt_") :][:28].decode(),
        type="payment_intent.succeeded",
        created=now,
        received_at=now,
        source=InboxSource.WEBHOOK,
        body=body,
    )


def main() -> None:
    """Prints the rates as JSON."""
    folder, events, rounds = sys.argv[1:]
    url = f"sqlite:///{folder}/commits.db"
    migrate(url, clock=SystemClock())
    print(json.dumps(uvloop.run(_compare(url, int(events), int(rounds)))))


if __name__ == "__main__":
    main()
