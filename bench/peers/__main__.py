"""Measures the peers against our daemon, interleaved, all on the same PostgreSQL.

`python -m bench.peers [--quick]` (`make bench-peers`); writes its section of the page.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp

from bench import report
from bench.load import Order, Seen
from bench.peers import environments
from bench.postgres import Cluster, running_postgres
from bench.processes import CACHE, free_port, listens, load, running, until
from bench.report import Budget, Line
from bench.subject import WEBHOOK_SECRET, Subject
from splynx_stripe.kit.clock import SystemClock

_UUID = "6f1c6f3a-7f0e-4c57-9d5e-0b1d6c1f2a3b"


@dataclass(slots=True)
class Peer:
    """A running peer, or the reason why there is none."""

    name: str
    share: float
    budget: Budget | None = None
    port: int = 0
    path: str = ""
    missing: str = ""
    seen: list[Seen] = field(default_factory=list)

    def send(self, series: str, events: int) -> None:
        """Sends this peer's share of the events; slow ones get fewer."""
        count = max(64, int(events * self.share))
        self.seen.append(load(Order(self.port, self.path, WEBHOOK_SECRET, series, count)))


def _dj_stripe(stack: ExitStack, cluster: Cluster, folder: Path) -> Peer:
    peer = Peer(
        "dj-stripe 2.11, store only, gunicorn with 2 workers", 0.1, Budget(least=12, unit="x")
    )
    home = environments.dj_stripe()
    cluster.database("dj_stripe")
    env = {"BENCH_PG_PORT": str(cluster.port), "PYTHONPATH": str(home)}
    python = str(home / "bin" / "python")
    subprocess.run(
        [python, "site_of_dj_stripe.py", _UUID, WEBHOOK_SECRET],
        cwd=home,
        env=env,
        check=True,
        capture_output=True,
    )
    peer.port, peer.path = free_port(), f"/stripe/webhook/{_UUID}/"
    workers = [
        "--workers",
        "2",
        "--threads",
        "4",
        "--worker-class",
        "gthread",
        "--keep-alive",
        "75",
    ]
    command = [python, "-m", "gunicorn", "--bind", f"127.0.0.1:{peer.port}", *workers]
    stack.enter_context(
        running([*command, "site_of_dj_stripe"], folder / "dj-stripe.log", env=env, cwd=home)
    )
    until(lambda: listens(peer.port), "dj-stripe")
    return peer


def _sync_engine(stack: ExitStack, cluster: Cluster, folder: Path) -> Peer:
    peer = Peer("@supabase/stripe-sync-engine 0.48.5, Fastify", 0.5, Budget(least=3, unit="x"))
    home = environments.sync_engine()
    peer.port, peer.path = free_port(), "/webhook"
    url = cluster.database("sync_engine")
    command = ["node", "sync_engine.cjs", str(peer.port), url, WEBHOOK_SECRET]
    stack.enter_context(running(command, folder / "sync-engine.log", cwd=home))
    until(lambda: listens(peer.port), "stripe-sync-engine")
    return peer


def _ours(stack: ExitStack, cluster: Cluster, folder: Path) -> tuple[Peer, Subject]:
    subject = Subject(folder / "ours", cluster.database("ours"))
    subject.prepare()
    stack.enter_context(subject.running())
    peer = Peer("splynx-stripe, whole daemon, PostgreSQL", 1)
    peer.port, peer.path = subject.port, subject.webhook_path
    return peer, subject


def _measure(folder: Path, *, rounds: int, events: int) -> Iterator[Line]:
    with ExitStack() as stack:
        cluster = stack.enter_context(running_postgres(free_port()))
        peers = []
        for start, name in ((_dj_stripe, "dj-stripe"), (_sync_engine, "stripe-sync-engine")):
            try:
                peers.append(start(stack, cluster, folder))
            except (environments.CannotSetUpError, subprocess.CalledProcessError, OSError) as error:
                yield Line(f"{name}: not measured", str(error))
        ours, subject = _ours(stack, cluster, folder)
        for number in range(rounds + 1):  # the first round warms up and is forgotten
            for target in [ours, *peers]:
                target.send(f"3{number:02d}", events)
                if number == 0:
                    target.seen.clear()
            until(lambda: subject.backlog() == 0, "our backlog to be handled", every_s=0.05)
        yield from _lines(ours, peers)


def _lines(ours: Peer, peers: Sequence[Peer]) -> Iterator[Line]:
    yield Line(ours.name, f"{_rate(ours):,.0f}/s")
    for peer in peers:
        ratios = [one.per_s / other.per_s for one, other in zip(ours.seen, peer.seen, strict=True)]
        ratio = statistics.median(ratios)
        span = f"{min(ratios):.1f} to {max(ratios):.1f}"
        yield Line(
            peer.name, f"{_rate(peer):,.0f}/s", f"ours is {ratio:.1f}x ({span})", peer.budget, ratio
        )


def _rate(peer: Peer) -> float:
    return statistics.median(one.per_s for one in peer.seen)


def main() -> None:
    """Measures, prints, and writes the page unless only a quick look was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="fewer rounds; the page stays as it is"
    )
    quick = parser.parse_args().quick
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = Path(mkdtemp(prefix="peers-", dir=CACHE))
    try:
        rounds, events = (2, 1_500) if quick else (5, 5_000)
        lines = list(_measure(folder, rounds=rounds, events=events))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    text = f"{SystemClock().now().date()}, {report.machine()}\n\n{report.table(lines)}"
    if quick:
        print(text)
    else:
        report.write("peers", text)


if __name__ == "__main__":
    main()
