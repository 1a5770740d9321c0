"""The load generator, a program of its own: reads an order on stdin, prints what it saw.

Raw HTTP/1.1 over keep-alive connections, requests prepared beforehand, so that it needs a
fraction of what any server needs per request; `cpu_share` shows that it was not the bottleneck.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import cast

import uvloop
from typing_extensions import override

from bench.events import signed_requests

_LIMIT_S = 120.0
"""A run that takes longer has hung."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be sent. With `per_s` an open loop: at fixed moments, whatever the answers do."""

    port: int
    path: str
    secret: str
    series: str
    count: int
    connections: int = 64
    per_s: float = 0
    extra_headers: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of it. Latencies count from the moment a request was due."""

    ok: int
    refused: int
    seconds: float
    cpu_share: float
    p50_ms: float
    p99_ms: float
    refusal: str = ""

    @property
    def per_s(self) -> float:
        """Gives the acknowledged requests per second."""
        return self.ok / self.seconds


@dataclass
class _Run:
    """The state that all connections share."""

    requests: Sequence[bytes]
    finished: asyncio.Event
    open_loop: bool
    next: int = 0
    ok: int = 0
    refused: int = 0
    refusal: str = ""
    latencies: list[float] = field(default_factory=list)
    due: deque[float] = field(default_factory=deque)
    idle: deque[_Connection] = field(default_factory=deque)

    def answered(self, answer: bytes, latency: float) -> None:
        self.latencies.append(latency)
        if answer[9:12] == b"200":
            self.ok += 1
        else:
            self.refused += 1
            self.refusal = self.refusal or answer[:500].decode(errors="replace")
        if self.ok + self.refused == len(self.requests):
            self.finished.set()

    def serve(self, connection: _Connection) -> None:
        """Gives a free connection its next request, or lets it wait for one."""
        if self.next == len(self.requests):
            return
        if not self.open_loop:
            self.send(connection, time.perf_counter())
        elif self.due:
            self.send(connection, self.due.popleft())
        else:
            self.idle.append(connection)

    def is_due(self, moment: float) -> None:
        if self.idle:
            self.send(self.idle.popleft(), moment)
        else:
            self.due.append(moment)

    def send(self, connection: _Connection, due_at: float) -> None:
        connection.due_at = due_at
        connection.write(self.requests[self.next])
        self.next += 1


class _Connection(asyncio.Protocol):
    """One keep-alive connection: one request at a time."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self.due_at = 0.0

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def write(self, request: bytes) -> None:
        assert self._transport is not None, "requests are sent after the connections are made"  # noqa: S101
        self._transport.write(request)

    @override
    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        answer, self._received = self._received, b""
        self._run.answered(answer, time.perf_counter() - self.due_at)
        self._run.serve(self)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if not self._run.finished.is_set():
            raise RuntimeError("The server closed a keep-alive connection in the middle of a run.")


def _length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"content-length:")
    return int(rest.partition(b"\r\n")[0] or 0)


async def drive(order: Order) -> Seen:
    """Sends all requests and waits for all answers."""
    requests = signed_requests(
        order.series,
        order.count,
        path=order.path,
        secret=order.secret,
        extra_headers=order.extra_headers,
    )
    loop = asyncio.get_running_loop()
    run = _Run(requests, asyncio.Event(), open_loop=order.per_s > 0)
    made = [
        await loop.create_connection(lambda: _Connection(run), "127.0.0.1", order.port)
        for _ in range(order.connections)
    ]
    began, cpu = time.perf_counter(), time.process_time()
    for _, connection in made:
        run.serve(connection)
    if order.per_s:
        await _at_fixed_moments(run, order)
    async with asyncio.timeout(_LIMIT_S):
        await run.finished.wait()
    seconds = time.perf_counter() - began
    cpu_share = (time.process_time() - cpu) / seconds
    for transport, _ in made:
        transport.close()
    return _seen(run, seconds, cpu_share)


async def _at_fixed_moments(run: _Run, order: Order) -> None:
    began = time.perf_counter()
    for number in range(order.count):
        moment = began + number / order.per_s
        await asyncio.sleep(max(0.0, moment - time.perf_counter()))
        run.is_due(moment)


def _seen(run: _Run, seconds: float, cpu_share: float) -> Seen:
    ordered = sorted(run.latencies)
    return Seen(
        ok=run.ok,
        refused=run.refused,
        seconds=seconds,
        cpu_share=cpu_share,
        p50_ms=1000 * ordered[len(ordered) // 2],
        p99_ms=1000 * ordered[len(ordered) * 99 // 100],
        refusal=run.refusal,
    )


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(drive(Order(**json.load(sys.stdin)))))))
