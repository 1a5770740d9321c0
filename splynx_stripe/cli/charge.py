"""The commands `charge …`: plan charge runs, look at them, and decide about them.

They work on the database; the running daemon plans and charges. So they may be ended at any time.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from splynx_stripe.cli.books import limit_option, with_store
from splynx_stripe.cli.charge_selection import selection_of, selection_options
from splynx_stripe.cli.charge_stop import console_actor
from splynx_stripe.cli.charge_words import item_line, run_line, told
from splynx_stripe.cli.config_commands import settings_or_exit
from splynx_stripe.cli.options import config_option
from splynx_stripe.daemon.settings_in_force import read_settings_in_force
from splynx_stripe.domain.charge_progress import ItemFilter, RunView
from splynx_stripe.domain.charge_run import (
    BY_OFFICE,
    ChargeRun,
    RunRefusedError,
    RunState,
)
from splynx_stripe.flows.charge_run_rooms import RunDeskRooms
from splynx_stripe.flows.charge_runs import ChargeRuns
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.store import SqlStore

T = TypeVar("T")

_LOOK_EVERY_S = 1.0
_ITEMS_AT_ONCE = 500
_NO_DAEMON_S = 30.0
"""After so long without any progress the daemon is probably not running."""

run_argument = click.argument("run_id", metavar="RUN")


@click.group("charge")
def charge_group() -> None:
    """Charge many customers: plan, look, confirm."""


@charge_group.command("plan")
@config_option
@selection_options
@click.option("--dry-run", is_flag=True, help="Only show; this run can never be confirmed.")
@click.option("--items", "shows_items", is_flag=True, help="Also list each debt with its verdict.")
def plan(*, config_path: Path, dry_run: bool, shows_items: bool, **filters: Any) -> None:
    """Plan a run: what would be charged, what is skipped, and why. Nothing is charged.

    KIND is invoices, balances or prepaid. The same filters give the run that is live already.
    `splynx-stripe charge confirm RUN` charges it.
    """
    selection = selection_of(filters)

    async def work(runs: ChargeRuns) -> RunView | None:
        begun = await runs.plan(selection, actor=console_actor(), origin=BY_OFFICE, dry_run=dry_run)
        view = await _until_planned(runs, begun.id)
        if view is not None and shows_items:
            await _list_items(runs, begun.id, ItemFilter.ALL)
        return view

    view = _with_runs(config_path, work)
    if view is None or view.run.state is RunState.PLANNING:
        run_id = f" {view.run.id}" if view else ""
        click.echo(
            f"The plan{run_id} is not made yet: is the daemon running? It goes on by itself;"
            " look again with `splynx-stripe charge show`.",
            err=True,
        )
        sys.exit(1)
    click.echo(told(view))


@charge_group.command("confirm")
@config_option
@run_argument
def confirm(*, config_path: Path, run_id: str) -> None:
    """Let a planned run charge. A guardrail may want a second person's confirmation, too."""
    run = _decide(config_path, lambda runs: runs.confirm(run_id, actor=console_actor()))
    if run.state is RunState.AWAITING_SECOND:
        click.echo(f"{run.id} is confirmed once. Another administrator has to confirm it, too.")
    else:
        click.echo(
            f"{run.id} is {run.state.value}. `splynx-stripe charge show {run.id}` tells more."
        )


@charge_group.command("pause")
@config_option
@run_argument
def pause(*, config_path: Path, run_id: str) -> None:
    """Stop a run before its next charge; what is on its way comes to its end."""
    run = _decide(config_path, lambda runs: runs.pause(run_id, actor=console_actor()))
    click.echo(f"{run.id} is {run.state.value}.")


@charge_group.command("resume")
@config_option
@run_argument
def resume(*, config_path: Path, run_id: str) -> None:
    """Let a paused run go on."""
    run = _decide(config_path, lambda runs: runs.resume(run_id, actor=console_actor()))
    click.echo(f"{run.id} is {run.state.value}.")


@charge_group.command("cancel")
@config_option
@run_argument
def cancel(*, config_path: Path, run_id: str) -> None:
    """End a run for good. What it has charged stays charged."""
    run = _decide(config_path, lambda runs: runs.cancel(run_id, actor=console_actor()))
    click.echo(f"{run.id} is {run.state.value}.")


@charge_group.command("list")
@config_option
@limit_option
@click.option("--partner", default=0, type=click.IntRange(min=0), help="Of that partner alone.")
def list_runs(*, config_path: Path, limit: int, partner: int) -> None:
    """List charge runs, newest first."""
    views = _with_runs(
        config_path, lambda runs: runs.runs(before="", limit=limit, partner_id=partner)
    )
    for view in views:
        click.echo(run_line(view))
    if not views:
        click.echo("There are no charge runs.", err=True)


@charge_group.command("show")
@config_option
@run_argument
@click.option(
    "--items",
    "only",
    type=click.Choice([each.value for each in ItemFilter]),
    help="Also list the debts: all, or some.",
)
def show(*, config_path: Path, run_id: str, only: str | None) -> None:
    """Show a run: its plan, its progress, and what stands in its way."""

    async def work(runs: ChargeRuns) -> RunView | None:
        view = await runs.run(run_id)
        if view is not None and only:
            await _list_items(runs, run_id, ItemFilter(only))
        return view

    view = _with_runs(config_path, work)
    if view is None:
        _no_such_run()
    click.echo(told(view))


@charge_group.command("result")
@config_option
@run_argument
def result(*, config_path: Path, run_id: str) -> None:
    """Write the result file of a run as CSV, one line per debt, to the standard output."""

    async def work(runs: ChargeRuns) -> bool:
        if await runs.run(run_id) is None:
            return False
        async for piece in runs.result_file(run_id):
            sys.stdout.write(piece)
        return True

    if not _with_runs(config_path, work):
        _no_such_run()


def _with_runs(config_path: Path, use: Callable[[ChargeRuns], Awaitable[T]]) -> T:
    written = settings_or_exit(config_path)

    async def with_settings(store: SqlStore) -> T:
        settings, _ = await read_settings_in_force(store, written)
        rooms = RunDeskRooms(store=store, terms=settings, clock=SystemClock(), ids=RandomIds())
        return await use(ChargeRuns(rooms))

    return with_store(config_path, with_settings)


def _decide(config_path: Path, use: Callable[[ChargeRuns], Awaitable[ChargeRun]]) -> ChargeRun:
    try:
        return _with_runs(config_path, use)
    except RunRefusedError as refused:
        click.echo(str(refused), err=True)
        sys.exit(1)


async def _until_planned(runs: ChargeRuns, run_id: str) -> RunView | None:
    """Waits for the daemon to make the plan; gives up when nothing moves."""
    clock = SystemClock()
    view = await runs.run(run_id)
    moved_at_s = clock.monotonic()
    while view is not None and view.run.state is RunState.PLANNING:
        if clock.monotonic() - moved_at_s > _NO_DAEMON_S:
            return view
        await asyncio.sleep(_LOOK_EVERY_S)
        before, view = view.run.version, await runs.run(run_id)
        if view is not None and view.run.version != before:
            moved_at_s = clock.monotonic()
    return view


async def _list_items(runs: ChargeRuns, run_id: str, only: ItemFilter) -> None:
    after = 0
    while views := await runs.items(run_id, after=after, limit=_ITEMS_AT_ONCE, only=only):
        for view in views:
            click.echo(item_line(view))
        after = views[-1].item.number


def _no_such_run() -> NoReturn:
    click.echo("There is no such charge run. `splynx-stripe charge list` shows them.", err=True)
    sys.exit(1)
