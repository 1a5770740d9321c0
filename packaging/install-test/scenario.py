"""What is tried in the container, from the first `apt-get install` to the last `purge`.

Runs in the network of the container, where the small Splynx, the small Stripe, nginx and the daemon
meet on one loopback. `run.py` starts it.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from beginning import install, pay, put_nginx_in_front, read_the_journal, reload, set_up
from duress import (
    freeze,
    restart_under_load,
    roll_back,
    start_with_a_mistake,
    upgrade_under_load,
)
from ending import autopkgtest, purge, remove, replace_the_closed_add_on
from stage import Stage

STEPS: tuple[Callable[[Stage], Awaitable[None]], ...] = (
    install,
    set_up,
    put_nginx_in_front,
    pay,
    read_the_journal,
    reload,
    restart_under_load,
    start_with_a_mistake,
    freeze,
    upgrade_under_load,
    roll_back,
    autopkgtest,
    remove,
    purge,
    replace_the_closed_add_on,
)


async def play(stage: Stage, only: frozenset[str]) -> int:
    """Does all steps, or only those named, in their order; gives the number of checks passed."""
    took = []
    try:
        for step in STEPS:
            if only and step.__name__ not in only:
                continue
            started = time.monotonic()
            await step(stage)
            took.append(f"{step.__name__} {time.monotonic() - started:.0f} s")
    finally:
        print("(" + ", ".join(took) + ")")
    return stage.passed
