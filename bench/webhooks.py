"""Webhook acknowledgement: the whole daemon on both databases against a bare server, interleaved."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from bench.load import Order, Seen
from bench.postgres import running_postgres
from bench.processes import cpu_s, free_port, listens, load, resident_mb, running, until
from bench.report import Budget, Line
from bench.subject import WEBHOOK_SECRET, Subject

GENERATOR_LIMIT = 0.85
"""The share of a core above which the generator, not the server, may have been measured."""

_SQLITE, _POSTGRES, _BARE = "SQLite", "PostgreSQL", "bare aiohttp"
_OPEN_LOOP_PER_S = 200.0
_BACKLOG = 150_000


class Sizes(NamedTuple):
    """How much is measured."""

    rounds: int
    bare_requests: int
    events: int
    open_loop_s: int


FULL = Sizes(rounds=5, bare_requests=15_000, events=6_000, open_loop_s=6)
QUICK = Sizes(rounds=2, bare_requests=4_000, events=1_500, open_loop_s=3)


@dataclass(slots=True)
class Target:
    """A running server that gets the events."""

    name: str
    port: int
    path: str
    pid: int
    subject: Subject | None = None
    database_pid: int = 0
    closed: list[Seen] = field(default_factory=list)
    opened: list[Seen] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    handled_per_s: list[float] = field(default_factory=list)

    def cpu_s(self) -> float:
        """Gives the processor seconds used so far, those of a database server included."""
        return cpu_s(self.pid) + (cpu_s(self.database_pid) if self.database_pid else 0)


@contextmanager
def targets(folder: Path) -> Iterator[list[Target]]:
    """Runs the bare server and a daemon on either database."""
    with ExitStack() as stack:
        cluster = stack.enter_context(running_postgres(free_port()))
        bare_port = free_port()
        bare = stack.enter_context(
            running(
                [sys.executable, "-m", "bench.bare_server", str(bare_port)], folder / "bare.log"
            )
        )
        until(lambda: listens(bare_port), "the bare server")
        found = [Target(_BARE, bare_port, "/stripe/webhook/bare", bare.pid)]
        for name, url, database_pid in (
            (_SQLITE, f"sqlite:///{folder}/webhooks.db", 0),
            (_POSTGRES, cluster.database("webhooks"), cluster.pid),
        ):
            subject = Subject(folder / f"webhooks-{name}", url)
            subject.prepare()
            process, _ = stack.enter_context(subject.running())
            path = subject.webhook_path
            found.append(Target(name, subject.port, path, process.pid, subject, database_pid))
        yield found


def measure(folder: Path, sizes: Sizes) -> Iterator[Line]:
    """Measures everything about webhooks."""
    with targets(folder) as found:
        for number in range(sizes.rounds + 1):  # the first round warms up and is forgotten
            rotated = found[number % len(found) :] + found[: number % len(found)]
            for target in rotated:
                closed_loop(target, sizes, series=f"1{number:02d}")
                if number == 0:
                    target.closed.clear()
                    target.cpu_us.clear()
                    target.handled_per_s.clear()
        for number in range(sizes.rounds):
            for target in found[1:]:
                open_loop(target, sizes, series=f"2{number:02d}")
        grown = {target.name: resident_mb(target.pid) for target in found}
        yield from _lines(found, grown)


def closed_loop(target: Target, sizes: Sizes, *, series: str) -> None:
    """Sends as fast as 64 connections can, then lets the daemon handle what it has stored."""
    count = sizes.events if target.subject else sizes.bare_requests
    order = Order(target.port, target.path, WEBHOOK_SECRET, series, count)
    before = target.cpu_s()
    seen = load(order)
    target.closed.append(seen)
    target.cpu_us.append((target.cpu_s() - before) / count * 1e6)
    if target.subject is None:
        return
    subject, waiting = target.subject, target.subject.backlog()
    seconds = until(lambda: subject.backlog() == 0, "the backlog to be handled", every_s=0.05)
    if waiting:
        target.handled_per_s.append(waiting / seconds)


def open_loop(target: Target, sizes: Sizes, *, series: str) -> None:
    """Sends at fixed moments, as Stripe does: it does not wait for our answers."""
    count = int(_OPEN_LOOP_PER_S * sizes.open_loop_s)
    order = Order(target.port, target.path, WEBHOOK_SECRET, series, count, per_s=_OPEN_LOOP_PER_S)
    target.opened.append(load(order))


def _lines(found: list[Target], grown: dict[str, float]) -> Iterator[Line]:
    bare, *ours = found
    yield Line(
        "bare aiohttp + uvloop, 200 to the same body",
        f"{_median(bare.closed):,.0f}/s, {statistics.median(bare.cpu_us):.0f} µs CPU",
        _generator(bare.closed),
    )
    for target, budget in zip(
        ours, (Budget(least=40, unit="%"), Budget(least=30, unit="%")), strict=True
    ):
        ratios = [
            100 * mine.per_s / theirs.per_s
            for mine, theirs in zip(target.closed, bare.closed, strict=True)
        ]
        yield Line(
            f"webhook acknowledgement, {target.name}, whole daemon",
            f"{_median(target.closed):,.0f}/s, {statistics.median(target.cpu_us):.0f} µs CPU"
            " (with the handling that ran meanwhile)",
            f"{statistics.median(ratios):.0f} % of bare ({min(ratios):.0f} to {max(ratios):.0f});"
            f" {_generator(target.closed)}",
            budget,
            statistics.median(ratios),
        )
    for target in ours:
        p50 = statistics.median(seen.p50_ms for seen in target.opened)
        p99 = statistics.median(seen.p99_ms for seen in target.opened)
        where = f"200 events/s open loop, {target.name}"
        yield Line(f"{where}: p50", f"{p50:.1f} ms", "", Budget(most=10, unit="ms"), p50)
        yield Line(f"{where}: p99", f"{p99:.1f} ms", "", Budget(most=50, unit="ms"), p99)
    for target in ours:
        rate = statistics.median(target.handled_per_s or [float("inf")])
        minutes = _BACKLOG / rate / 60
        yield Line(
            f"backlog of 150,000 events, {target.name}, at the rate at which a burst is handled",
            f"{rate:,.0f} events/s",
            f"{minutes:.1f} min",
            Budget(most=30, unit="min"),
            minutes,
        )
        yield Line(
            f"resident after all these events, {target.name}", f"{grown[target.name]:.0f} MB"
        )


def _median(seen: list[Seen]) -> float:
    return statistics.median(one.per_s for one in seen)


def _generator(seen: list[Seen]) -> str:
    share = max(one.cpu_share for one in seen)
    warning = "" if share < GENERATOR_LIMIT else ", TOO MUCH, it was the bottleneck"
    return f"generator at most {share:.0%} of a core{warning}"
