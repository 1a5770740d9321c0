"""The command `logs`: shows what the journal has about a customer, a payment or a collection."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import click

from splynx_stripe.kit.clock import Clock, SystemClock
from splynx_stripe.kit.journal_reader import Entry, JournalReader

LEVELS = ("critical", "critical", "critical", "error", "warning", "notice", "info", "debug")
"""By syslog's priority. error: a person must look."""

_AGO = re.compile(r"(\d+)\s*([smhd])(?:\s*ago)?")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_NOT_SHOWN = frozenset({"MESSAGE", "PRIORITY", "EVENT", "LOGGER"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries to show: the fields that must match, and from when on."""

    fields: Mapping[str, str]
    since: datetime | None
    limit: int


@click.command("logs")
@click.option("-f", "--follow", is_flag=True, help="Go on with new entries until Ctrl-C.")
@click.option("--customer", type=click.IntRange(min=1), help="By the customer's id in Splynx.")
@click.option("--payment", help="By PaymentIntent, pi_…")
@click.option("--collection", help="By collection, col_…")
@click.option("--document", help="By invoice or proforma number.")
@click.option("--event", help="By event name, such as payment.booked.")
@click.option("--since", help="From when on: 2h, 30m, 3d, 2026-11-24 or 2026-11-24T10:00 (UTC).")
@click.option(
    "-n", "--limit", default=200, show_default=True, type=click.IntRange(1), help="The newest N."
)
def logs(
    *,
    follow: bool,
    customer: int | None,
    since: str | None,
    limit: int,
    **texts: str | None,
) -> None:
    """Show the daemon's log from the journal, by its fields.

    What the events mean is in /usr/share/doc/splynx-stripe/reference/log-events.md.
    """
    given = {"customer": str(customer) if customer else None, **texts}
    fields = {name.upper(): value for name, value in given.items() if value}
    wanted = Wanted(fields, _moment(since, SystemClock()), limit)
    reader = JournalReader(fields)
    try:
        shown = _show(reader, wanted, click.echo)
        if not shown and not follow:
            click.echo(
                "Nothing was found. Reading the journal needs root, or the group systemd-journal.",
                err=True,
            )
            sys.exit(1)
        if follow:
            for entry in reader.follow():
                click.echo(line_of(entry))
    except KeyboardInterrupt:
        pass
    finally:
        reader.close()


def _show(reader: JournalReader, wanted: Wanted, show: Callable[[str], None]) -> int:
    entries = _newest(reader.entries(wanted.since), wanted.limit)
    for entry in entries:
        show(line_of(entry))
    return len(entries)


def _newest(entries: Iterator[Entry], limit: int) -> list[Entry]:
    kept: list[Entry] = []
    for entry in entries:
        kept.append(entry)
        if len(kept) >= 2 * limit:
            del kept[:-limit]
    return kept[-limit:]


def line_of(entry: Entry) -> str:
    """Writes an entry as time (UTC), level, event and fields."""
    fields = entry.fields
    level = LEVELS[int(fields.get("PRIORITY", "6"))]
    event = fields.get("EVENT", "")
    rest = " ".join(
        f"{name.lower()}={value if ' ' not in value else repr(value)}"
        for name, value in sorted(fields.items())
        if name not in _NOT_SHOWN and "\n" not in value
    )
    when = f"{entry.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
    return f"{when}  {level:<8} {event or fields.get('MESSAGE', ''):<26} {rest}".rstrip()


def _moment(text: str | None, clock: Clock) -> datetime | None:
    if text is None:
        return None
    ago = _AGO.fullmatch(text.strip())
    if ago:
        return clock.now() - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(
            "write 2h, 30m, 3d, 2026-11-24 or 2026-11-24T10:00", param_hint="--since"
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
