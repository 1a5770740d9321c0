"""Where the checks stand: the container, what they count, and what several of them need."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import shlex
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from container import Container
from load import Load, addresses
from outside import SITE, SPLYNX, STRIPE, ledger, new_invoice, succeeded

UNIT = "splynx-stripe.service"
SECRETS = re.compile(r"sandbox-secret|sk_test_\w+|whsec_\w+|(?:pi|seti)_\w+_secret_[A-Za-z0-9]+")
FIRST, SECOND = "202611000042", "202611000043"
DATABASE = "/var/lib/splynx-stripe/splynx-stripe.db"

_SOURCE = "deb [signed-by=/usr/share/keyrings/splynx-stripe.gpg] file:/srv/{repo} bookworm main"
_OUR_MISTAKES = frozenset({"reload.refused", "daemon.not_started"})
"""What goes wrong on purpose here."""


@dataclass
class Stage:
    """Each check prints a line; the first that fails ends everything."""

    box: Container
    package_version: str
    passed: int = 0

    @property
    def version(self) -> str:
        """Gives the version without Debian's epoch, as the program says it."""
        return self.package_version.rpartition(":")[2]

    def check(self, promise: str, kept: object, detail: object = "") -> None:
        """Counts a promise that is kept; stops at one that is not."""
        if not kept:
            raise AssertionError(f"{promise}: {detail}")
        self.passed += 1
        print(f"  ok  {promise}", flush=True)

    @asynccontextmanager
    async def load(self) -> AsyncIterator[Load]:
        """Lets customers look and pay for as long as the block runs."""
        invoices = [await new_invoice() for _ in range(40)]
        numbers, load, somebody = iter(invoices), Load(), addresses()
        # Many documents: nobody may open the same one more than once a second for long.
        links = itertools.cycle(
            f"{SITE}/stripe/direct-pay-invoice?item_id={number}" for number in invoices
        )
        async with asyncio.TaskGroup() as tasks:
            for _ in range(4):
                tasks.create_task(load.look(links, somebody))
            for _ in range(2):
                tasks.create_task(load.pay(SITE, STRIPE, numbers))
            await asyncio.sleep(1)
            try:
                yield load
            finally:
                load.stop.set()

    def check_load(self, doing: str, load: Load) -> None:
        """Checks that none of them met an error."""
        text = f"{doing} under load: {load.requests} requests and {load.payments} payments, 0 errors, slowest {load.slowest_s:.1f} s"
        self.check(
            text,
            not load.errors and load.requests > 20 and load.payments > 0,
            load.errors[:5] or (load.requests, load.payments),
        )

    async def until_booked(self, promise: str) -> None:
        """Waits until Splynx has every payment that Stripe took; checks that it has each once."""
        taken: set[str] = set()
        ours: list[str] = []
        for _ in range(300):
            taken = await succeeded()
            booked = [row["receipt_number"] for row in (await ledger(SPLYNX))["payments"]]
            ours = [number for number in booked if str(number).startswith("pi_")]
            if set(ours) >= taken:
                self.check(promise, sorted(ours) == sorted(taken), (len(ours), len(taken)))
                return
            await asyncio.sleep(0.5)
        late = taken - set(ours)
        stories = [
            self.box.try_run(f"splynx-stripe payments show {intent}").stdout for intent in late
        ]
        stories += [self.box.try_run("splynx-stripe cases").stdout]
        raise AssertionError(
            f"{promise}: not all is booked after 150 s: {late}\n" + "\n".join(stories)
        )

    async def wait_for(self, what: str, is_so: Callable[[], bool]) -> None:
        """Waits up to a minute."""
        for _ in range(120):
            if is_so():
                return
            await asyncio.sleep(0.5)
        raise AssertionError(f"{what} did not come within a minute")

    def check_no_error(self) -> None:
        """Errors mean that a person must look: there are none but the mistakes we made ourselves."""
        rows = self.box.run("journalctl -p err -t splynx-stripe -o json --no-pager").splitlines()
        wrong = [row for row in map(json.loads, rows) if row.get("EVENT") not in _OUR_MISTAKES]
        shown = "\n".join(f"{row['MESSAGE']}\n{row.get('TRACEBACK', '')}" for row in wrong)
        self.check("the log has no error", not wrong, shown)

    def check_no_secret(self) -> None:
        """Checks what the daemon and systemd have written so far."""
        told = self.box.run("journalctl -o export --no-pager -u splynx-stripe | tr '\\n' ' '")
        found = SECRETS.findall(told)
        self.check("no secret is in the journal", not found, found)

    def use(self, repo: str) -> None:
        """Points apt to one of the repositories."""
        self.box.run(
            f"echo {shlex.quote(_SOURCE.format(repo=repo))} > /etc/apt/sources.list.d/splynx-stripe.list"
        )

    def is_active(self) -> bool:
        """Says whether the daemon is ready."""
        return self.box.try_run(f"systemctl is-active {UNIT}").stdout.strip() == "active"

    def pid(self) -> str:
        """Gives the daemon's process; "0" when there is none."""
        return self.box.run(f"systemctl show -P MainPID {UNIT}").strip()
