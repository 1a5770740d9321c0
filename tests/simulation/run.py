"""Runs many histories and reports: `python -m tests.simulation.run` (`make simulate`)."""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import secrets
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from tests.simulation.disk import Disk
from tests.simulation.faults import FAULTS, NOT_YET
from tests.simulation.history import History
from tests.simulation.plan import Plan, make_plan
from tests.simulation.promises import PROMISES

ALL_FAULTS = 61
_REPLAY_EVERY = 17
"""Every so many histories one is run again, and its trace compared (I13)."""
_TIDY_EVERY = 25
_SHOWN = 3
_LISTED = 20
_ROUTINE = ("jobs: ", "events.list", "claim_due", "pump: ", ": answer")
"""What a trace has most of and says least about a violation; `--one` shows all of it."""


@dataclass(slots=True)
class Tally:
    """What came of many histories: how many, which violated what, which faults really struck.

    `cpu_s` is the time that processors worked at them: neighbours on the machine do not change it.
    """

    done: int = 0
    cpu_s: float = 0.0
    bad: list[tuple[Plan, str]] = field(default_factory=list)
    injected: Counter[int] = field(default_factory=Counter)
    struck: Counter[int] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Adds another's numbers."""
        self.done += other.done
        self.cpu_s += other.cpu_s
        self.bad += other.bad
        self.injected += other.injected
        self.struck += other.struck


@dataclass(frozen=True, slots=True)
class Work:
    """A range of seeds for one process."""

    first: int
    count: int
    faults: tuple[int, ...] = ()
    stop_at_first: bool = False


def simulate(plan: Plan, disk: Disk) -> tuple[str, History]:
    """Runs one history; "" or what was violated."""
    history = History(plan, disk)
    violation = history.run()
    return (str(violation) if violation else ""), history


def run_range(work: Work) -> Tally:
    """Runs a range of seeds in this process."""
    # What a history leaves behind is looked for between histories, not in the middle of them.
    was_on, began_s = gc.isenabled(), time.process_time()
    gc.disable()
    gc.freeze()
    try:
        tally = _run_range(work)
        tally.cpu_s = time.process_time() - began_s
        return tally
    finally:
        gc.unfreeze()
        if was_on:
            gc.enable()


def _run_range(work: Work) -> Tally:
    disk, tally = Disk(), Tally()
    for seed in range(work.first, work.first + work.count):
        plan = make_plan(seed, work.faults, sorted(FAULTS))
        said, history = simulate(plan, disk)
        tally.done += 1
        if tally.done % _TIDY_EVERY == 0:
            gc.collect()
        tally.injected.update(plan.faults)
        tally.struck.update(history.struck)
        if not said and seed % _REPLAY_EVERY == 0:
            said = _replay(plan, disk, history)
        if said:
            tally.bad.append((plan, said))
            if work.stop_at_first:
                break
    return tally


def _replay(plan: Plan, disk: Disk, history: History) -> str:
    _, again = simulate(plan, disk)
    same = again.trace_digest() == history.trace_digest()
    return "" if same else "I13 (determinism): the same seed gave two traces"


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


def failure_report(plan: Plan, said: str, tail: int = 60) -> str:
    """Tells the seed, the shrunk history and the first violated promise."""
    small = shrink(plan, said)
    found, history = simulate(small, Disk())
    faults = [f"  fault {number}: {FAULTS[number].name}" for number in small.faults]
    told = [line for line in history.trace if not any(each in line for each in _ROUTINE)]
    return "\n".join(
        [
            f"SEED={plan.seed}: {said}",
            f"  shrunk to: {found}",
            f"  debts: {small.debts}",
            f"  acts: {small.acts}",
            f"  webhooks: {small.webhooks}",
            *faults,
            "  the end of its trace:",
            *(f"    {line.rstrip()}" for line in told[-tail:]),
        ]
    )


def run_many(work: Work, jobs: int) -> Tally:
    """Runs a range of seeds in several processes; in this one where it is one."""
    if jobs == 1:
        return run_range(work)
    size = max(1, min(100, work.count // (jobs * 4) or 1))
    end = work.first + work.count
    ranges = [
        replace(work, first=seed, count=min(size, end - seed))
        for seed in range(work.first, end, size)
    ]
    tally = Tally()
    # Not forked: the tests that call this have threads.
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        for part in pool.imap_unordered(run_range, ranges):
            tally.add(part)
            if tally.bad and work.stop_at_first:
                break
    return tally


def summary(tally: Tally) -> list[str]:
    """Gives the last lines of the report."""
    never = sorted(set(tally.injected) - set(tally.struck))
    lines = [
        "not yet, by number: " + ", ".join(f"{n} ({why})" for n, why in sorted(NOT_YET.items())),
        f"simulate: {tally.done / tally.cpu_s:.0f} histories per second and core",
        (
            f"simulate: {tally.done} histories, {len(tally.struck)} of {ALL_FAULTS} faults,"
            f" {len(PROMISES)} invariants, {len(tally.bad)} violations"
        ),
    ]
    return [f"injected, but never struck: {never}", *lines] if never else lines


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, help="how many histories")
    parser.add_argument("--seed", default="", help="first seed, or `fresh` for a new one, printed")
    parser.add_argument("--one", action="store_true", help="run only that seed, with its trace")
    parser.add_argument("--fault", type=int, default=0, help="inject this fault into each history")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--stop", action="store_true", help="stop at the first violation")
    parser.add_argument("--strikes", action="store_true", help="tell how often each fault struck")
    return parser.parse_args()


def _first_seed(given: str) -> int:
    if given == "fresh":
        seed = secrets.randbelow(10**9)
        say(f"simulate: first seed {seed}")
        return seed
    return int(given or 1)


def main() -> int:
    """Gives 0 when no promise was violated."""
    arguments = _arguments()
    if arguments.fault in NOT_YET:
        say(f"Fault {arguments.fault} is not yet simulated: {NOT_YET[arguments.fault]}.")
        return 2
    faults = (arguments.fault,) if arguments.fault else ()
    first = _first_seed(arguments.seed)
    if arguments.one:
        return _one(first, faults)
    work = Work(first, arguments.seeds, faults, stop_at_first=arguments.stop)
    return _many(work, arguments.jobs, tell_strikes=arguments.strikes)


def _one(seed: int, faults: tuple[int, ...]) -> int:
    said, history = simulate(make_plan(seed, faults, sorted(FAULTS)), Disk())
    say("".join(history.trace))
    say(said or "no promise was violated")
    return bool(said)


def _many(work: Work, jobs: int, *, tell_strikes: bool) -> int:
    tally = run_many(work, jobs)
    for plan, said in tally.bad[:_SHOWN]:
        say(f"SEED={plan.seed}: {said}" if work.stop_at_first else failure_report(plan, said))
    for plan, said in tally.bad[_SHOWN:_LISTED]:
        say(f"SEED={plan.seed}: {said}")
    if tell_strikes:
        for number, count in sorted(tally.injected.items()):
            say(f"fault {number} struck in {tally.struck[number]} of {count} histories")
    for line in summary(tally):
        say(line)
    return bool(tally.bad)


def say(line: str) -> None:
    """Prints a line of the report."""
    print(line)  # noqa: T201 - it is a program for people at a terminal


if __name__ == "__main__":
    sys.exit(main())
