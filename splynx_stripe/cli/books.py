"""The commands that read our own books: `payments list`, `payments show`, `events`, `cases`."""

from __future__ import annotations

import asyncio
import csv
import sys
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click

from splynx_stripe.cli.config_commands import settings_or_exit
from splynx_stripe.cli.options import config_option
from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.operation import (
    WITHOUT_DEBT,
    Operation,
    OperationOutcome,
    OperationQuery,
    PaymentMeans,
)
from splynx_stripe.domain.operation_table import COLUMNS, cells_of, first_of_month, period
from splynx_stripe.domain.payable import PayableKind
from splynx_stripe.domain.timeline import sentence_of, tell
from splynx_stripe.flows.operations import Operations
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.errors import (
    NewerSchemaError,
    OlderSchemaError,
    StoreUnavailableError,
)
from splynx_stripe.store.store import SqlStore, open_store
from splynx_stripe.store.unit import SqlUnit

T = TypeVar("T")

DAY = click.DateTime(["%Y-%m-%d"])
_LISTED = 50
_PAYMENT_TYPES = ["", *(kind.value for kind in PayableKind), WITHOUT_DEBT]

limit_option = click.option(
    "--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="How many."
)


@click.group("payments")
def payments_group() -> None:
    """Answer questions about payments."""


@payments_group.command("list")
@config_option
@click.option(
    "--from", "first", type=DAY, help="First day, 2026-11-24. Default: this month's first."
)
@click.option("--to", "last", type=DAY, help="Last day, included.")
@click.option("--all-time", is_flag=True, help="From the beginning; not with --from.")
@click.option("--type", "payment_type", type=click.Choice(_PAYMENT_TYPES), default="")
@click.option(
    "--paid-by",
    "means",
    type=click.Choice([each.value for each in PaymentMeans]),
    help="Card or bank account.",
)
@click.option(
    "--status",
    "outcome",
    type=click.Choice([each.value for each in OperationOutcome]),
    help="How it ended.",
)
@click.option("--search", default="", help="Document number, customer id, pi_…, ch_… or col_…")
@click.option("--partner", default=0, type=click.IntRange(min=0), help="Of one partner only.")
@click.option("--limit", type=click.IntRange(min=1), help="The newest N. Default: 50; as CSV, all.")
@click.option("--csv", "as_csv", is_flag=True, help="As CSV, the same as the page exports.")
def list_operations(
    *,
    config_path: Path,
    first: datetime | None,
    last: datetime | None,
    all_time: bool,
    limit: int | None,
    as_csv: bool,
    **filters: Any,
) -> None:
    """List what happened, newest first, as the page "Logs" shows it.

    Days and times are those of Splynx's time zone.
    """
    zone = ZoneInfo(settings_or_exit(config_path).splynx.timezone)
    if all_time and first:
        raise click.UsageError("Choose --from or --all-time.")
    this_month = None if all_time else first_of_month(SystemClock().now(), zone)
    query = period(
        OperationQuery(
            payment_type=filters["payment_type"],
            means=PaymentMeans(filters["means"]) if filters["means"] else None,
            outcome=OperationOutcome(filters["outcome"]) if filters["outcome"] else None,
            text=filters["search"].strip(),
            partner_id=filters["partner"],
        ),
        first=first.date() if first else this_month,
        last=last.date() if last else None,
        zone=zone,
    )
    most = limit or (sys.maxsize if as_csv else _LISTED)
    write = _write_csv(zone) if as_csv else _write_lines(zone)

    async def run(store: SqlStore) -> int:
        shown = 0
        async for chunk in Operations(store).chunks(query):
            write(chunk[: most - shown])
            shown += len(chunk)
            if shown >= most:
                break
        return shown

    shown = with_store(config_path, run)
    if not shown:
        click.echo("Nothing was found. Try a longer period, or fewer filters.", err=True)
    elif shown > most and not as_csv:
        click.echo(f"Older ones are not shown; --limit shows more than {most}.", err=True)


def _write_csv(zone: ZoneInfo) -> Callable[[Sequence[Operation]], None]:
    lines = csv.writer(sys.stdout)
    lines.writerow(COLUMNS)
    return lambda chunk: lines.writerows(cells_of(operation, zone) for operation in chunk)


def _write_lines(zone: ZoneInfo) -> Callable[[Sequence[Operation]], None]:
    def write(chunk: Sequence[Operation]) -> None:
        for operation in chunk:
            entry = operation.entry
            known = (operation.customer_id and f"customer {operation.customer_id}",)
            ids = (operation.document_number, operation.amount_text, operation.intent_id)
            about = " · ".join(str(each) for each in (*known, *ids) if each)
            click.echo(
                f"{entry.at.astimezone(zone):%Y-%m-%d %H:%M:%S}  {operation.outcome:<7}  {about}"
            )
            said = operation.summary or sentence_of(entry)
            click.echo(f"    {said}  [{entry.actor}] {entry.collection_id}".rstrip())

    return write


@payments_group.command("show")
@config_option
@click.argument("reference")
def show(config_path: Path, reference: str) -> None:
    """Tell the whole story of a debt in plain words.

    REFERENCE is an invoice or proforma number, a PaymentIntent (pi_…), a collection (col_…) or
    an attempt (att_…).
    """
    stories = _read(config_path, lambda unit: _stories(unit, reference))
    if not stories:
        click.echo(
            f"Nothing is known about {reference}: nobody has tried to pay it here.", err=True
        )
        sys.exit(1)
    click.echo("\n\n".join(stories))


def _stories(unit: SqlUnit, reference: str) -> list[str]:
    open_cases = unit.cases(only_open=True, limit=1000)
    return [
        tell(
            collection,
            unit.attempts_of(collection.id),
            unit.audit_of(collection.id),
            [case for case in open_cases if case.collection_id == collection.id],
        )
        for collection in unit.find_collections(reference)
    ]


@click.command("events")
@config_option
@limit_option
def events(config_path: Path, limit: int) -> None:
    """Show what happened last, newest first."""
    for entry in _read(config_path, lambda unit: unit.recent_audit(limit=limit)):
        facts = " ".join(f"{name}={value}" for name, value in entry.facts.items())
        click.echo(
            f"{entry.at:%Y-%m-%d %H:%M:%S}Z  {entry.event:<28} {entry.actor:<14}"
            f" {entry.collection_id} {facts}"
        )


@click.command("cases")
@config_option
@limit_option
@click.option("--all", "show_all", is_flag=True, help="Closed cases too.")
def cases(*, config_path: Path, limit: int, show_all: bool) -> None:
    """Show what needs a person, the oldest first; exit code 1 when something does."""
    found = _read(config_path, lambda unit: unit.cases(only_open=not show_all, limit=limit))
    for case in found:
        state = (
            f"closed {case.closed_at:%Y-%m-%d %H:%M}Z: {case.note}" if case.closed_at else "open"
        )
        click.echo(f"#{case.id} {case.kind} ({state}) since {case.opened_at:%Y-%m-%d %H:%M}Z")
        click.echo(f"   {case.summary}")
    still_open = sum(case.closed_at is None for case in found)
    if not still_open:
        click.echo("No case is open: Stripe and Splynx agree as far as we know.")
    sys.exit(1 if still_open else 0)


@click.command("close-case")
@config_option
@click.argument("number", type=int)
@click.option("--note", required=True, help="What was found and done; it stays in the books.")
@click.option("--retry", is_flag=True, help="Let the daemon try again what was refused.")
def close_case(*, config_path: Path, number: int, note: str, retry: bool) -> None:
    """Close a case after a person has looked; money that it had stopped may move again.

    With --retry a refused booking is carried out again. That is also right after somebody has
    entered the payment by hand with the PaymentIntent as its receipt number: it is found then.
    """
    now = SystemClock().now()
    deadline_at = now + settings_or_exit(config_path).timing().booking_deadline

    def work(unit: SqlUnit) -> str:
        found = [case for case in unit.cases(only_open=True, limit=10_000) if case.id == number]
        if not found:
            return f"There is no open case {number}. Nothing was changed."
        (case,) = found
        if retry and not unit.retry_effect(case.subject, now=now, deadline_at=deadline_at):
            return f"Case {number} is about nothing that can be tried again. Nothing was changed."
        unit.close_case(case.kind, case.subject, now=now, note=note)
        facts = {"case": str(number), "kind": case.kind.value, "note": note}
        unit.record(AuditEntry(now, "case.closed", "console", case.collection_id, facts=facts))
        return ""

    problem = with_store(config_path, lambda store: store.run(work))
    if problem:
        click.echo(problem, err=True)
        sys.exit(1)
    click.echo(f"Case {number} is closed.{' It is tried again now.' if retry else ''}")


def _read(config_path: Path, work: Callable[[SqlUnit], T]) -> T:
    """Reads from the daemon's database; the daemon may be running meanwhile."""
    return with_store(config_path, lambda store: store.read(work))


def with_store(config_path: Path, use: Callable[[SqlStore], Coroutine[Any, Any, T]]) -> T:
    """Opens the daemon's database for one command; ends the program where it cannot be used."""
    url = settings_or_exit(config_path).database.url

    async def run() -> T:
        store = open_store(url, clock=SystemClock(), ids=RandomIds())
        try:
            return await use(store)
        finally:
            await store.close()

    try:
        return asyncio.run(run())
    except (NewerSchemaError, OlderSchemaError, StoreUnavailableError) as error:
        click.echo(f"The database cannot be used: {error} Nothing was changed.", err=True)
        sys.exit(3)
