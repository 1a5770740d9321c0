"""Runs many histories and reports: `python -m tests.simulation.run` (`make simulate`)."""

from __future__ import annotations

import argparse
import multiprocessing
import secrets
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tests.simulation.disk import Disk
from tests.simulation.faults import FAULTS, NOT_YET
from tests.simulation.history import History, Plan, make_plan
from tests.simulation.oracle import PROMISES

ALL_FAULTS = 61
_REPLAY_EVERY = 97
"""Every so many histories one is run again, and its trace compared (I13)."""


def simulate(plan: Plan, disk: Disk, *, keep_trace: bool = False) -> tuple[str, History]:
    """Runs one history; "" or what was violated."""
    history = History(plan, disk, keep_trace=keep_trace)
    violation = history.run()
    return (str(violation) if violation else ""), history


def run_range(work: tuple[int, int, tuple[int, ...]]) -> tuple[int, list[tuple[Plan, str]], Counter[int]]:
    """Runs a range of seeds in this process: how many, the violations, faults injected."""
    first, count, faults = work
    disk, bad, injected = Disk(), [], Counter[int]()
    for seed in range(first, first + count):
        plan = make_plan(seed, faults, sorted(FAULTS))
        injected.update(plan.faults)
        said, history = simulate(plan, disk)
        if not said and seed % _REPLAY_EVERY == 0:
            _, again = simulate(plan, disk)
            if again.trace_hash.digest() != history.trace_hash.digest():
                said = "I13 (determinism): the same seed gave two traces"
        if said:
            bad.append((plan, said))
    return count, bad, injected


def shrink(plan: Plan, said: str) -> Plan:
    """Leaves out acts and faults as long as the same promise is violated."""
    disk, promise = Disk(), said.split(" ", 1)[0]
    smaller = True
    while smaller:
        smaller = False
        for candidate in _smaller(plan):
            found, _ = simulate(candidate, disk)
            if found.startswith(promise + " "):
                plan, smaller = candidate, True
                break
    return plan


def _smaller(plan: Plan) -> Iterator[Plan]:
    for number in range(len(plan.faults)):
        yield replace(plan, faults=plan.faults[:number] + plan.faults[number + 1 :])
    for number in range(len(plan.acts)):
        yield replace(plan, acts=plan.acts[:number] + plan.acts[number + 1 :])
    if plan.webhooks != "normal":
        yield replace(plan, webhooks="normal")


def report_failure(plan: Plan, said: str, tail: int = 60) -> None:
    """Prints the seed, the shrunk history and the first violated promise."""
    small = shrink(plan, said)
    found, history = simulate(small, Disk(), keep_trace=True)
    print(f"\nSEED={plan.seed}: {said}")
    print(f"  shrunk to: {found}")
    print(f"  debts: {small.debts}\n  acts: {small.acts}\n  webhooks: {small.webhooks}")
    for number in small.faults:
        print(f"  fault {number}: {FAULTS[number].name}")
    print("  the end of its trace:")
    for line in (history.trace or [])[-tail:]:
        print(f"    {line.rstrip()}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, help="how many histories")
    parser.add_argument("--seed", default="", help="first seed, or `fresh` for a new one that is printed")
    parser.add_argument("--one", action="store_true", help="run only that seed, with its trace")
    parser.add_argument("--fault", type=int, default=0, help="inject this fault into each history")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    return parser.parse_args()


def _first_seed(given: str) -> int:
    if given == "fresh":
        seed = secrets.randbelow(10**9)
        print(f"simulate: first seed {seed}")
        return seed
    return int(given or 1)


def main() -> int:
    """Gives 0 when no promise was violated."""
    arguments = _arguments()
    if arguments.fault in NOT_YET:
        print(f"Fault {arguments.fault} is not yet simulated: it belongs to {NOT_YET[arguments.fault]}.")
        return 2
    faults = (arguments.fault,) if arguments.fault else ()
    first = _first_seed(arguments.seed)
    if arguments.one:
        return _one(first, faults)
    return _many(first, arguments.seeds, faults, arguments.jobs)


def _one(seed: int, faults: tuple[int, ...]) -> int:
    plan = make_plan(seed, faults, sorted(FAULTS))
    said, history = simulate(plan, Disk(), keep_trace=True)
    print("".join(history.trace or []))
    print(said or "no promise was violated")
    return bool(said)


def _many(first: int, seeds: int, faults: tuple[int, ...], jobs: int) -> int:
    began = time.perf_counter()
    size = max(1, min(250, seeds // (jobs * 4) or 1))
    ranges = [(seed, min(size, first + seeds - seed), faults) for seed in range(first, first + seeds, size)]
    done, bad, injected = 0, [], Counter[int]()
    with multiprocessing.Pool(jobs) as pool:
        for count, found, struck in pool.imap_unordered(run_range, ranges):
            done += count
            bad += found
            injected += struck
    seconds = time.perf_counter() - began
    for plan, said in bad[:3]:
        report_failure(plan, said)
    _summary(done, bad, injected, seconds, jobs)
    return bool(bad)


def _summary(
    done: int, bad: Sequence[tuple[Plan, str]], injected: Counter[int], seconds: float, jobs: int
) -> None:
    print("not yet, by number: " + ", ".join(f"{n} ({why})" for n, why in sorted(NOT_YET.items())))
    print(f"simulate: {done / seconds / jobs:.0f} histories per second and core")
    print(
        f"simulate: {done} histories, {len(injected)} of {ALL_FAULTS} faults,"
        f" {len(PROMISES)} invariants, {len(bad)} violations"
    )


if __name__ == "__main__":
    sys.exit(main())
