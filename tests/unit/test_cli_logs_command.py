"""`logs` as it is typed: which entries it asks the journal for, and what is said when there are none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result

from splynx_stripe.cli.main import main
from splynx_stripe.kit import journal_reader

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class Journal:
    """A journal that stands in for the machine's: systemd's `Reader`, as far as we use it."""

    def __init__(self, *rows: Mapping[str, Any]) -> None:
        self.rows = list(rows)
        self.matches: dict[str, str] = {}
        self.begins: float | None = None
        self.is_closed = False
        self.comes_later: list[Mapping[str, Any]] = []

    def add_match(self, **fields: str) -> None:
        self.matches |= fields

    def seek_head(self) -> None:
        self.begins = 0.0

    def seek_realtime(self, moment: float) -> None:
        self.begins = moment

    def get_next(self) -> Mapping[str, Any]:
        return self.rows.pop(0) if self.rows else {}

    def wait(self, _seconds: float) -> None:
        if not self.comes_later:
            raise KeyboardInterrupt
        self.rows.append(self.comes_later.pop(0))

    def close(self) -> None:
        self.is_closed = True


def row(event: str, minutes: int = 0, **fields: str) -> Mapping[str, Any]:
    return {
        "__REALTIME_TIMESTAMP": NOON + timedelta(minutes=minutes),
        "_PID": "17",
        "SYSLOG_IDENTIFIER": "splynx-stripe",
        "CODE_FILE": "x.py",
        "EVENT": event,
        "PRIORITY": "6",
        **fields,
    }


@pytest.fixture
def journal(monkeypatch: pytest.MonkeyPatch) -> Journal:
    there = Journal()

    def opened(path: str | None = None) -> Journal:
        return there

    monkeypatch.setattr(journal_reader, "Reader", opened)
    return there


def typed(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["logs", *arguments], catch_exceptions=False)


def test_entries_of_a_customer_are_asked_for_by_field_and_shown_without_the_journals_own(
    journal: Journal,
) -> None:
    journal.rows = [row("payment.booked", CUSTOMER="17", AMOUNT="172.50 EUR")]

    shown = typed("--customer", "17", "--event", "payment.booked")

    assert shown.exit_code == 0
    assert journal.matches == {
        "SYSLOG_IDENTIFIER": "splynx-stripe",
        "CUSTOMER": "17",
        "EVENT": "payment.booked",
    }
    assert shown.output == (
        "2026-11-24 12:00:00Z  info     payment.booked             amount='172.50 EUR' customer=17\n"
    )
    assert journal.begins == 0.0
    assert journal.is_closed


def test_since_begins_there_and_limit_keeps_the_newest(journal: Journal) -> None:
    journal.rows = [row("a.a"), row("b.b", 1), row("c.c", 2)]

    shown = typed("--since", "2026-11-24T10:00", "-n", "2")

    assert journal.begins == (NOON - timedelta(hours=2)).timestamp()
    assert [line.split()[3] for line in shown.output.splitlines()] == ["b.b", "c.c"]


def test_nothing_found_says_who_may_read_the_journal(journal: Journal) -> None:
    shown = typed("--payment", "pi_3none")

    assert shown.exit_code == 1
    assert "root, or the group systemd-journal" in shown.output
    assert journal.is_closed


def test_follow_shows_what_is_there_and_what_comes_until_it_is_interrupted(
    journal: Journal,
) -> None:
    journal.rows = [row("a.a")]
    journal.comes_later = [row("b.b", 1), row("c.c", 2)]

    shown = typed("--follow")

    assert shown.exit_code == 0
    assert [line.split()[3] for line in shown.output.splitlines()] == ["a.a", "b.b", "c.c"]
    assert journal.is_closed


def entries() -> Iterator[journal_reader.Entry]:
    reader = journal_reader.JournalReader({}, path="/a/folder")
    return reader.entries(None)


def test_a_journal_in_a_folder_can_be_read_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def in_folder(path: str) -> Journal:
        opened.append(path)
        return Journal(row("a.a"))

    monkeypatch.setattr(journal_reader, "Reader", in_folder)

    (entry,) = entries()

    assert opened == ["/a/folder"]
    assert (entry.at, entry.fields["EVENT"]) == (NOON, "a.a")
