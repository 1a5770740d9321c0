"""The demo without a person: pays in five ways over HTTP and compares the books."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import click

from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.sandbox.visitor import SeenPage, Visitor

_BOOKED_WITHIN_S = 20.0
_GOOD, _DECLINED, _ASKS_3DS = "4242424242424242", "4000000000009995", "4000002500003155"


class SmokeError(Exception):
    """Something was not as a customer or an accountant would expect; the text says what."""


async def smoke(*, splynx_url: str, addon_url: str, stripe_url: str, config_path: Path) -> int:
    """Pays, waits until everything is booked, compares. Gives the exit code."""
    town = _Town(splynx_url, addon_url, stripe_url)
    before = await town.splynx()
    click.echo(_books("Splynx before", before))
    try:
        await _pay_everything(town)
        stripe = await town.stripe()
        collected = [pi for pi in stripe["payment_intents"] if pi["status"] == "succeeded"]
        after = await _when_booked(town, {pi["id"] for pi in collected})
        click.echo(_books("Splynx after", after))
        problems = _differences(collected, before, after)
        cases = await _open_cases(config_path)
    except SmokeError as error:
        click.echo(f"smoke: failed: {error}")
        return 1
    if problems or cases:
        click.echo("\n".join([*problems, cases]))
        click.echo(f"smoke: failed, {len(problems)} differences")
        return 1
    booked = len(after["payments"]) - len(before["payments"])
    click.echo(f"smoke: ok, {len(collected)} collected, {booked} booked, 0 cases")
    return 0


class _Town:
    """The addresses, and the two foreign ledgers."""

    def __init__(self, splynx_url: str, addon_url: str, stripe_url: str) -> None:
        self._splynx_url, self._addon_url, self._stripe_url = splynx_url, addon_url, stripe_url

    def visitor(self) -> Visitor:
        return Visitor(
            splynx_url=self._splynx_url, addon_url=self._addon_url, stripe_url=self._stripe_url
        )

    async def splynx(self) -> dict[str, Any]:
        return await _ledger(self._splynx_url)

    async def stripe(self) -> dict[str, Any]:
        return await _ledger(self._stripe_url)


async def _pay_everything(town: _Town) -> None:
    books = await town.splynx()
    invoices = [
        row
        for row in books["invoices"]
        if row["customer_id"] == 17 and row["status"] == "not_paid" and float(row["due"]) > 0  # noqa: PLR2004 - John Doe
    ]
    if len(invoices) < 3:  # noqa: PLR2004 - one per story below
        raise SmokeError("The sandbox has too few unpaid invoices of customer 17.")
    plain, declined, two_routes = (row["number"] for row in invoices[:3])
    proforma = next(row for row in books["proformas"] if row["customer_id"] == 21)["number"]  # noqa: PLR2004 - in JPY
    click.echo(f"EUR invoice {plain} with 3-D Secure from the portal")
    async with town.visitor() as john:
        await john.log_in(17)
        await _pay(john, f"pay-invoice?item_id={plain}", [_ASKS_3DS])
        click.echo(f"EUR invoice {declined}: a declined card, then a good one")
        await _pay(john, f"pay-invoice?item_id={declined}", [_DECLINED, _GOOD])
    click.echo(f"JPY proforma invoice {proforma} from the portal")
    async with town.visitor() as kaze:
        await kaze.log_in(21)
        await _pay(kaze, f"pay-request?item_id={proforma}", [_GOOD])
    click.echo(f"EUR invoice {two_routes} from the portal and by direct link at once")
    await _pay_by_two_routes(town, two_routes)


async def _pay(visitor: Visitor, path: str, cards: list[str]) -> None:
    page = await _open(visitor, path)
    for card in cards:
        state, secret = await visitor.press_pay(page)
        if state != "payable":
            raise SmokeError(f"{path}: pressing Pay gave {state!r}.")
        answer = await visitor.confirm(page, secret, card)
        expected = "succeeded" if card == cards[-1] else "error"
        if answer.status != expected:
            raise SmokeError(f"{path}: card …{card[-4:]} gave {answer}, expected {expected}.")


async def _pay_by_two_routes(town: _Town, number: str) -> None:
    async with town.visitor() as john, town.visitor() as passer_by:
        await john.log_in(17)
        pages = await asyncio.gather(
            _open(john, f"pay-invoice?item_id={number}"),
            _open(passer_by, f"direct-pay-invoice?item_id={number}"),
        )
        starts = await asyncio.gather(john.press_pay(pages[0]), passer_by.press_pay(pages[1]))
        if len({secret for _, secret in starts}) != 1:
            raise SmokeError("Two routes got two PaymentIntents for one invoice.")
        answers = await asyncio.gather(
            john.confirm(pages[0], starts[0][1], _GOOD),
            passer_by.confirm(pages[1], starts[1][1], _GOOD),
        )
        if Counter(answer.status for answer in answers)["succeeded"] < 1:
            raise SmokeError(f"Neither route could pay: {answers}.")


async def _open(visitor: Visitor, path: str) -> SeenPage:
    page = await visitor.open(path)
    if page.status != 200 or not page.ticket:  # noqa: PLR2004 - HTTP
        raise SmokeError(f"{path} answered {page.status} without anything to pay.")
    return page


async def _when_booked(town: _Town, intents: set[str]) -> dict[str, Any]:
    """Waits until every PaymentIntent has a payment and its document and statement are done."""
    clock = SystemClock()
    deadline = clock.monotonic() + _BOOKED_WITHIN_S
    while True:
        books = await town.splynx()
        booked = {row["receipt_number"] for row in books["payments"]}
        recorded = sum(row["status"] == "processed" for row in books["records"])
        if intents <= booked and recorded >= len(intents):
            return books
        if clock.monotonic() > deadline:
            missing = ", ".join(sorted(intents - booked)) or "statement records"
            raise SmokeError(f"not booked within {_BOOKED_WITHIN_S:.0f} s: {missing}")
        await clock.sleep(0.1)


def _differences(
    collected: list[dict[str, Any]], before: dict[str, Any], after: dict[str, Any]
) -> list[str]:
    problems = []
    counts = Counter(row["receipt_number"] for row in after["payments"])
    for intent in collected:
        if counts[intent["id"]] != 1:
            problems.append(f"{intent['id']} is booked {counts[intent['id']]} times")
        number = intent["metadata"]["splynx_document_number"]
        kind = f"{intent['metadata']['splynx_document_kind']}s"
        document = next(row for row in after[kind] if row["number"] == number)
        if document["status"] != "paid":
            problems.append(f"{kind[:-1]} {number} is {document['status']}, not paid")
    added = len(after["payments"]) - len(before["payments"])
    if added != len(collected):
        problems.append(f"{len(collected)} charges, but {added} new payments")
    return problems


async def _open_cases(config_path: Path) -> str:
    """Asks our own books for open cases; gives "" when there are none."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "splynx_stripe",
        "cases",
        "--config",
        str(config_path),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    return "" if process.returncode == 0 else output.decode()


async def _ledger(url: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/_sandbox/ledger") as answer:
        ledger: dict[str, Any] = await answer.json()
        return ledger


def _books(title: str, books: dict[str, Any]) -> str:
    states = Counter(row["status"] for row in [*books["invoices"], *books["proformas"]])
    deposits = {row["id"]: row["deposit"] for row in books["customers"] if row["id"] in {17, 21}}
    return (
        f"{title}: documents {dict(sorted(states.items()))}, {len(books['payments'])} payments,"
        f" deposits {deposits}, statements {[row['title'] for row in books['statements']]}"
    )
