"""The daemon, but it dies at one named point of the way from "Pay" to "Paid".

Run as `python -m tests.acceptance.crashing_daemon serve --config …` with

- `CRASH_AT`: the label of the point at which the process kills itself with SIGKILL, and
- `CRASH_RECORD`: a file to which each label is appended when it is passed for the first time.

A label is `commit:<who>:before|after` or `http:<method> <path>:before|after`: before means that
nothing has left us, after that the commit is on the disk or that the other side has answered and
we have not looked at the answer. Points are passed only after somebody has pressed Pay; who leads the
schedule is decided by the clock and is no step of a payment.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp

from splynx_stripe.cli.main import main
from splynx_stripe.domain.collection import Route
from splynx_stripe.domain.payable import Payable
from splynx_stripe.flows.pay import PayFlow, PaymentStart
from splynx_stripe.store.store import SqlStore
from splynx_stripe.store.unit import SqlUnit

T = TypeVar("T")

CRASH_AT, CRASH_RECORD = "CRASH_AT", "CRASH_RECORD"

_NO_STEPS = ("commit:Leader.", "commit:AccountWatch.")
_VARIABLE = re.compile(r"/(?:\d+|[a-z]+_[A-Za-z0-9]{8,}|[0-9a-f]{32,})(?=/|$)")


class CrashPoints:
    """The points that are passed; at one of them the process ends."""

    def __init__(self, crash_at: str, record: str) -> None:
        self._crash_at = crash_at
        self._record = Path(record) if record else None
        self._passed: set[str] = set()
        self.armed = False

    def passes(self, label: str) -> None:
        """Dies here, if this is the place."""
        if not self.armed or label in self._passed or label.startswith(_NO_STEPS):
            return
        self._passed.add(label)
        if self._record is not None:
            with self._record.open("a") as file:
                file.write(f"{label}\n")
        if label == self._crash_at:
            os.kill(os.getpid(), signal.SIGKILL)


def name_of_work(work: Callable[[SqlUnit], Any]) -> str:
    """Names a unit of work by the method that made it, such as `PayFlow._take_lease`."""
    name: str = getattr(work, "__qualname__", type(work).__qualname__)
    parts = name.split(".<locals>.")
    return ".".join(part for part in parts if part not in {"work", "<lambda>"})


def name_of_request(method: str, url: str) -> str:
    """Names a request by its method and path, without ids and query."""
    return f"{method} {_VARIABLE.sub('/:id', urlsplit(url).path)}"


def install(points: CrashPoints) -> None:
    """Puts the points into the store and into the HTTP client."""
    run, request, start = SqlStore.run, aiohttp.ClientSession._request, PayFlow.start

    async def watched_run(self: SqlStore, work: Callable[[SqlUnit], T]) -> T:
        label = f"commit:{name_of_work(work)}"
        points.passes(f"{label}:before")
        result = await run(self, work)
        points.passes(f"{label}:after")
        return result

    async def watched_request(
        self: aiohttp.ClientSession, method: str, url: Any, **options: Any
    ) -> aiohttp.ClientResponse:
        label = f"http:{name_of_request(method.upper(), str(url))}"
        points.passes(f"{label}:before")
        answer = await request(self, method, url, **options)
        points.passes(f"{label}:after")
        return answer

    async def watched_start(
        self: PayFlow, payable: Payable, route: Route, actor: str, **options: Any
    ) -> PaymentStart:
        points.armed = True
        return await start(self, payable, route, actor, **options)

    setattr(SqlStore, "run", watched_run)  # noqa: B010 - a method is replaced on purpose
    setattr(aiohttp.ClientSession, "_request", watched_request)  # noqa: B010 - the same
    setattr(PayFlow, "start", watched_start)  # noqa: B010 - the same


if __name__ == "__main__":
    install(CrashPoints(os.environ.get(CRASH_AT, ""), os.environ.get(CRASH_RECORD, "")))
    main()
