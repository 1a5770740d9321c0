"""Server time of the pages that are opened most, Splynx's excluded: one person, one page at a time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import uvloop

from bench.payments import Town, running_town
from bench.processes import cpu_s
from bench.report import Budget, Line

_CUSTOMER_PAGES = {
    "overview": "",
    "widget": "widget",
    "history": "history",
    "credentials": "credentials",
}
_OFFICE_PAGES = {
    "start": "admin/",
    "logs": "admin/logs?from=",
    "links": "admin/links",
    "customer's credentials": "admin/customers/{customer}/credentials",
    "settings": "admin/settings",
    "accounts": "admin/accounts",
}
_BUDGET = Budget(most=15, unit="ms")


def measure(folder: Path, rounds: int) -> Iterator[Line]:
    """Opens each page so many times after one that warms it up."""
    return iter(uvloop.run(_measure(folder, rounds)))


async def _measure(folder: Path, rounds: int) -> list[Line]:
    async with running_town(folder) as (town, process):
        customer = town.unpaid()[0][0]
        paths = {title: path.format(customer=customer) for title, path in _OFFICE_PAGES.items()}
        portal = await _pages(
            (town, process.pid), f"portal customer{customer}", _CUSTOMER_PAGES, rounds
        )
        office = await _pages((town, process.pid), "admin admin", paths, rounds)
    return [
        _line("the customer's overview", portal["overview"]),
        _line("the customer's other pages, slowest median", *_slowest(portal)),
        _line("the office's pages, slowest median", *_slowest(office)),
    ]


@dataclass(frozen=True, slots=True)
class Seen:
    """How long each opening of a page took without Splynx, and the daemon's CPU for one."""

    took_ms: Sequence[float]
    cpu_ms: float


async def _pages(
    where: tuple[Town, int], who: str, pages: Mapping[str, str], rounds: int
) -> dict[str, Seen]:
    """Opens each page so many times, logged in."""
    town, process_id = where
    place, name = who.split()
    base = f"http://127.0.0.1:{town.subject.port}/stripe"
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        seen = {}
        for title, path in pages.items():
            # One session may open 300 pages a minute, so each page has one of its own.
            await _log_in(session, f"{town.splynx_url}/{place}/login/", name)
            await _open(town, session, f"{base}/{path}")
            before = cpu_s(process_id)
            took = [await _open(town, session, f"{base}/{path}") for _ in range(rounds)]
            seen[title] = Seen(took, 1000 * (cpu_s(process_id) - before) / rounds)
        return seen


async def _log_in(session: aiohttp.ClientSession, address: str, name: str) -> None:
    session.cookie_jar.clear()
    form = {"login": name, "password": "sandbox"}
    async with session.post(address, data=form) as answer:
        answer.raise_for_status()


async def _open(town: Town, session: aiohttp.ClientSession, url: str) -> float:
    at_splynx, began = town.busy.total_s, time.perf_counter()
    async with session.get(url, allow_redirects=False) as answer:
        await answer.read()
        if answer.status != aiohttp.web.HTTPOk.status_code:
            raise RuntimeError(f"{url} was answered with {answer.status}.")
    return 1000 * (time.perf_counter() - began - (town.busy.total_s - at_splynx))


def _slowest(seen: Mapping[str, Seen]) -> tuple[Seen, str]:
    name = max(seen, key=lambda title: statistics.median(seen[title].took_ms))
    return seen[name], name


def _line(what: str, seen: Seen, name: str = "") -> Line:
    median = statistics.median(seen.took_ms)
    shown = f"{median:.1f} ms{f' ({name})' if name else ''}; {seen.cpu_ms:.1f} ms CPU"
    return Line(f"{what}, server time without Splynx's, median", shown, "", _BUDGET, median)
