"""`logs`: which entries are shown, and how."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click
import pytest

from splynx_stripe.cli import logs
from splynx_stripe.kit.journal_reader import Entry
from tests.fake_clock import FakeClock

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def entry(**fields: str) -> Entry:
    return Entry(NOON, fields)


def test_a_line_has_time_level_event_and_fields() -> None:
    line = logs.line_of(
        entry(
            MESSAGE="payment.booked customer=17",
            EVENT="payment.booked",
            PRIORITY="6",
            LOGGER="x",
            CUSTOMER="17",
            AMOUNT="172.50 EUR",
        )
    )

    assert line == (
        "2026-11-24 12:00:00Z  info     payment.booked             amount='172.50 EUR' customer=17"
    )


def test_what_a_person_must_look_at_says_error() -> None:
    assert "  error    case.opened" in logs.line_of(entry(EVENT="case.opened", PRIORITY="3"))


def test_a_line_of_text_without_an_event_is_shown_as_it_is() -> None:
    assert logs.line_of(entry(MESSAGE="Started.")).endswith("info     Started.")


def test_only_the_newest_are_kept() -> None:
    entries = iter([entry(EVENT=str(number)) for number in range(10)])

    assert [each.fields["EVENT"] for each in logs._newest(entries, 3)] == ["7", "8", "9"]


@pytest.mark.parametrize(
    ("text", "before"),
    [("2h", timedelta(hours=2)), ("30m", timedelta(minutes=30)), ("3 d ago", timedelta(days=3))],
)
def test_since_may_be_a_length_of_time(text: str, before: timedelta) -> None:
    clock = FakeClock()

    assert logs._moment(text, clock) == clock.now() - before


def test_since_may_be_a_moment_in_utc() -> None:
    assert logs._moment("2026-11-24T12:00", FakeClock()) == NOON
    assert logs._moment("2026-11-24", FakeClock()) == NOON.replace(hour=0)
    assert logs._moment(None, FakeClock()) is None


def test_a_moment_that_is_none_is_refused_with_the_forms_that_are() -> None:
    with pytest.raises(click.BadParameter, match="2h, 30m"):
        logs._moment("yesterday", FakeClock())
