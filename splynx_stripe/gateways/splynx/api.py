"""Asks Splynx as the API key: answers read, errors by meaning, searches re-checked and complete."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from yarl import URL

from splynx_stripe.domain.errors import BrokenInvariantError, NotFoundError, RetryableError
from splynx_stripe.gateways.splynx import errors, wire
from splynx_stripe.gateways.splynx.auth import SplynxAuth
from splynx_stripe.gateways.splynx.client import SplynxClient
from splynx_stripe.gateways.splynx.errors import Answer
from splynx_stripe.gateways.splynx.resources import Call, Resource
from splynx_stripe.gateways.splynx.wire import Filters, Row
from splynx_stripe.kit.rate_limit import Priority

log = logging.getLogger(__name__)

T = TypeVar("T")

PAGE_ROWS = 100
"""What Splynx's clients ask for; neither its default nor its maximum is documented (2.2)."""

SURELY_SHORT_PAGE_ROWS = 20
"""A page of fewer rows is the last one: no server caps its pages as low as that."""

SCANNED_ROWS = 2_000
"""How many rows one search may read when Splynx ignores the filter: twenty pages."""

MAX_REDIRECTS = 2


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found. Only with `is_complete` does it say that there is nothing else."""

    rows: tuple[Row, ...]
    is_complete: bool

    def __or__(self, other: Found) -> Found:
        """Adds what another search for the same rows found; one complete search is enough."""
        by_id = {str(row.get("id")): row for row in (*self.rows, *other.rows)}
        in_order = sorted(by_id.values(), key=lambda row: int(str(row["id"])))
        return Found(tuple(in_order), self.is_complete or other.is_complete)


class SplynxApi:
    """The questions that all resources share."""

    def __init__(self, client: SplynxClient, auth: SplynxAuth) -> None:
        self._client = client
        self._auth = auth

    def with_priority(self, priority: Priority) -> SplynxApi:
        """Gives the same API, as the same user and within the same limits, of this priority."""
        return SplynxApi(self._client.with_priority(priority), self._auth)

    async def ask(self, call: Call) -> Answer:
        """Asks and gives the successful answer; every other one becomes an error by meaning."""
        answer = await self.answer(call)
        if answer.is_success:
            return answer
        raise self.refusal(call, answer)

    def refusal(self, call: Call, answer: Answer) -> Exception:
        """Gives and logs the error that an answer other than a success means."""
        error = errors.refusal(call, answer, self._auth.confidential)
        level = logging.INFO if isinstance(error, NotFoundError) else logging.WARNING
        said = {"call": str(call), "status": answer.status, "said": str(error)}
        log.log(level, "splynx.refused", extra=said)
        return error

    async def answer(self, call: Call) -> Answer:
        """Asks and gives the answer of any status; follows redirects of readings on one host."""
        answer = await self._send(call, self._client.address(call))
        for _ in range(MAX_REDIRECTS):
            if not answer.is_redirect or call.writes:
                break
            answer = await self._send(call, self._redirected(call, answer))
        return answer

    async def _send(self, call: Call, address: URL) -> Answer:
        return await self._auth.using(
            lambda credential: self._client.exchange(call, credential, address)
        )

    def _redirected(self, call: Call, answer: Answer) -> URL:
        here = self._client.address(call)
        try:
            there = here.join(URL(answer.headers["location"]))
            is_same_host = there.origin() == here.origin()
        except ValueError as error:
            raise RetryableError(f"Splynx redirects {call} to no address.") from error
        if not is_same_host:
            raise RetryableError(
                f"Splynx redirects {call} to another host, which does not get our credentials;"
                " set splynx.url to the final address. Nothing was written."
            )
        return there

    async def item(self, resource: Resource, item_id: int, read: Callable[[Row], T]) -> T | None:
        """Fetches one item and makes sure that it is the one asked for; None when there is none."""
        if item_id <= 0:
            return None
        call = Call(resource, "view", item=str(item_id))
        try:
            answer = await self.ask(call)
        except NotFoundError:
            return None
        return understood(call, answer, lambda value: read(_same_item(wire.row(value), item_id)))

    async def add(self, resource: Resource, body: dict[str, object]) -> int:
        """Adds a row and gives its id. Not idempotent."""
        call = Call(resource, "add", body=body)
        answer = await self.ask(call)
        try:
            return wire.created_id(answer.json())
        except (errors.NotJsonError, wire.WireError) as error:
            raise errors.answer_lost(call, str(error)) from error

    async def update(self, resource: Resource, item_id: int, body: dict[str, object]) -> None:
        """Changes fields of an item. Splynx may answer 202 and ignore it: read back."""
        await self.ask(Call(resource, "update", item=str(item_id), body=body))

    async def page(self, resource: Resource, filters: Filters, offset: int) -> list[Row]:
        """Fetches one page of a search, newest first."""
        query = wire.page_query(filters, limit=PAGE_ROWS, offset=offset)
        call = Call(resource, "index", query=query)
        return understood(call, await self.ask(call), wire.rows)

    async def find(
        self,
        resource: Resource,
        wanted: Filters,
        *,
        sent: Filters | None = None,
        scan: bool = True,
    ) -> Found:
        """Finds the rows that have exactly the `wanted` values.

        `sent` is the filter that Splynx is asked to apply, by default the same. When it ignores
        that, the collection is read on to its end, up to `SCANNED_ROWS`; without `scan` the
        search ends there. A server may cap its pages, so a short page is the end only if it is
        surely short and all of it is wanted; otherwise the end is an empty page.
        """
        asked = wanted if sent is None else sent
        search = _Search(asked=asked, wanted=wanted)
        while len(search.seen) < SCANNED_ROWS:
            page = await self.page(resource, asked, search.offset)
            is_last = understood_rows(resource, page, search)
            if is_last or (search.filter_ignored and not scan):
                break
        if search.filter_ignored:
            log.warning(
                "splynx.filter_ignored",
                extra={"resource": resource.path, "filters": ", ".join(asked)},
            )
        return search.found()


class _Search:
    """The rows of one search as its pages come in."""

    def __init__(self, *, asked: Filters, wanted: Filters) -> None:
        self._asked = asked
        self._wanted = wanted
        self._matching: dict[int, Row] = {}
        self._is_complete = False
        self.seen: set[int] = set()
        self.offset = 0
        self.filter_ignored = False

    def take(self, page: list[Row]) -> bool:
        """Takes a page in and says whether it was the last one that is worth asking for."""
        by_id = {wire.identifier(row, "id"): row for row in page}
        new = by_id.keys() - self.seen
        self.seen |= new
        self.offset += len(page)
        self._matching |= {
            row_id: row for row_id, row in by_id.items() if wire.equals(row, self._wanted)
        }
        if not all(wire.echoes(row, self._asked) for row in page):
            self.filter_ignored = True
        is_all_wanted = self._asked == self._wanted and by_id.keys() <= self._matching.keys()
        self._is_complete = not page or (is_all_wanted and len(page) < SURELY_SHORT_PAGE_ROWS)
        return self._is_complete or not new

    def found(self) -> Found:
        """Gives the matching rows, lowest id first."""
        in_order = tuple(self._matching[row_id] for row_id in sorted(self._matching))
        return Found(in_order, self._is_complete)


def understood(call: Call, answer: Answer, read: Callable[[object], T]) -> T:
    """Reads the content of a successful answer to a reading.

    Raises:
        RetryableError: It is not JSON: cut off, or a maintenance page.
        BrokenInvariantError: It is JSON that the API does not promise.
    """
    try:
        return read(answer.json())
    except errors.NotJsonError as error:
        raise errors.answer_lost(call, str(error)) from error
    except wire.WireError as error:
        raise _impossible(str(call), error) from error


def understood_rows(resource: Resource, page: list[Row], search: _Search) -> bool:
    """Takes a page into a search. Raises `BrokenInvariantError` for rows without an id."""
    try:
        return search.take(page)
    except wire.WireError as error:
        raise _impossible(resource.path, error) from error


def _impossible(asked: str, error: wire.WireError) -> BrokenInvariantError:
    return BrokenInvariantError(
        f"Splynx's answer to {asked} is not what its API promises: {error}. Nothing was written."
    )


def _same_item(row: Row, item_id: int) -> Row:
    if wire.identifier(row, "id") != item_id:
        raise wire.WireError("it is another item than the one asked for")
    return row
