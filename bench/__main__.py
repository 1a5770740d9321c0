"""Runs all benchmarks and writes `docs/performance.md`: `python -m bench [--quick] [--only NAME]`.

One after the other, on loopback, bounded in count and time; nothing keeps running afterwards.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp

from bench import charges, commits, footprint, histories, pages, payments, report, webhooks
from bench.processes import CACHE
from bench.report import Line
from splynx_stripe.kit.clock import SystemClock


def _measurements(folder: Path, *, quick: bool) -> dict[str, Callable[[], Iterator[Line]]]:
    rounds = 2 if quick else 5
    sizes = webhooks.QUICK if quick else webhooks.FULL
    events = 2_000 if quick else 8_000
    return {
        "webhooks": lambda: webhooks.measure(folder, sizes),
        "commits": lambda: commits.measure(folder, events=events, rounds=rounds),
        "payments": lambda: payments.measure(folder, 25 if quick else 150),
        "charges": lambda: charges.measure(folder / "charges", 200 if quick else charges.ITEMS),
        "pages": lambda: pages.measure(folder / "pages", 20 if quick else 200),
        "start": lambda: footprint.measure_start(folder, rounds),
        "memory": lambda: footprint.measure_open_items(folder, rounds),
        "simulation": lambda: histories.measure(200 if quick else 1_500),
    }


def _measured(folder: Path, *, quick: bool, only: list[str]) -> Iterator[Line]:
    for name, measure in _measurements(folder, quick=quick).items():
        if only and name not in only:
            continue
        print(f"bench: {name} …", flush=True)
        try:
            yield from measure()
        except (RuntimeError, OSError) as error:
            yield Line(f"{name} could not be measured", " ".join(str(error).split())[:300])


def main() -> None:
    """Measures, prints, and writes the page unless only a part was asked for or a quick look."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="fewer rounds; the page stays as it is"
    )
    parser.add_argument("--only", action="append", default=[], help="measure only this")
    arguments = parser.parse_args()
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = Path(mkdtemp(prefix="run-", dir=CACHE))
    try:
        lines = list(_measured(folder, quick=arguments.quick, only=arguments.only))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    when = SystemClock().now().date()
    text = f"{when}, {report.machine()}\n\n{report.table(lines)}"
    if arguments.quick or arguments.only:
        print(text)
    else:
        report.write("bench", text)


if __name__ == "__main__":
    main()
