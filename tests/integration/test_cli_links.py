"""The commands `links` and `payments list`: what they print, and with which code they exit."""

from __future__ import annotations

import asyncio
import csv
import io
from pathlib import Path

import pytest

from splynx_stripe.domain.operation_table import COLUMNS
from tests.integration.test_cli_commands import (
    Office,
    OtherSide,
    _pay_an_invoice,
    connected,
    office,
    other_side,
)

__all__ = ["OtherSide", "connected", "office", "other_side"]


@pytest.fixture
def paid(office: Office) -> Office:
    asyncio.run(_pay_an_invoice(office.folder, splynx_refuses=False))
    return office


def test_a_link_is_made_listed_and_revoked(connected: Office) -> None:
    made = connected.run("links", "make", "--invoice", "202611000042", "--days", "7")
    assert made.exit_code == 0, made.stderr
    address = made.stdout.strip()
    link_id = made.stderr.split(",")[0]
    listed = connected.run("links", "list")
    revoked = connected.run("links", "revoke", link_id)
    again = connected.run("links", "revoke", link_id)

    assert address.startswith("http://127.0.0.1:9/stripe/pay/")
    assert len(address.rpartition("/")[2]) == 26
    assert link_id in listed.stdout
    assert "valid until" in listed.stdout
    assert "invoice 202611000042 of customer 17" in listed.stdout
    assert address.rpartition("/")[2] not in listed.stdout
    assert (revoked.exit_code, again.exit_code) == (0, 1)
    assert "revoked" in connected.run("links", "list", "--customer", "17").stdout


def test_a_link_that_saves_a_card_is_made_for_a_week(connected: Office) -> None:
    made = connected.run("links", "make", "--save-card", "17")
    listed = connected.run("links", "list")

    assert made.exit_code == 0, made.stderr
    assert "/stripe/pay/" in made.stdout
    assert "saving a payment method of customer 17" in listed.stdout


def test_all_links_of_a_customer_are_revoked(connected: Office) -> None:
    for _ in range(2):
        assert connected.run("links", "make", "--customer", "17").exit_code == 0

    assert "2 links" in connected.run("links", "revoke", "--customer", "17").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("make", "--invoice", "999"), 1, "Splynx has no such document"),
        (("make",), 2, "Name exactly one"),
        (("make", "--invoice", "1", "--customer", "2"), 2, "Name exactly one"),
        (("make", "--customer", "17", "--days", "0"), 2, "not in the range"),
        (("make", "--customer", "17", "--save-card", "17"), 2, "Name exactly one"),
        (("make", "--save-card", "999"), 1, "No link was made"),
        (("revoke",), 2, "Name a link"),
        (("revoke", "lnk_x"), 1, "Nothing was changed"),
        (("revoke-api-key", "lky_x"), 1, "Nothing was changed"),
    ],
)
def test_what_cannot_be_done_is_said(
    connected: Office,
    arguments: tuple[str, ...],
    code: int,
    sentence: str,
) -> None:
    result = connected.run("links", *arguments)

    assert result.exit_code == code
    assert sentence in result.stderr


def test_without_splynx_no_link_is_made(office: Office) -> None:
    result = office.run("links", "make", "--customer", "17")

    assert result.exit_code == 1
    assert "Splynx could not be asked" in result.stderr


def test_a_key_is_shown_once_and_can_be_revoked(office: Office) -> None:
    made = office.run("links", "api-key", "mailer", "--partner", "2")
    key = made.stdout.strip()
    key_id = made.stderr.split(",")[0]

    listed = office.run("links", "api-keys")

    assert key.startswith("lk_")
    assert key not in listed.stdout
    assert f"{key_id}  valid  mailer  partner 2  never used" in listed.stdout
    assert office.run("links", "revoke-api-key", key_id).exit_code == 0
    assert "revoked" in office.run("links", "api-keys").stdout


def test_the_log_is_listed_with_the_filters_of_the_page(paid: Office) -> None:
    everything = paid.run("payments", "list", "--all-time")
    done = paid.run("payments", "list", "--all-time", "--status", "done", "--search", "17")
    none = paid.run("payments", "list", "--all-time", "--type", "proforma")
    two = paid.run("payments", "list", "--all-time", "--limit", "2")

    assert "Somebody began to pay" in everything.stdout
    assert "Stripe took 172.50 EUR" in done.stdout
    assert "Somebody began to pay" not in done.stdout
    assert (none.exit_code, none.stdout) == (0, "")
    assert "Nothing was found" in none.stderr
    assert len(two.stdout.splitlines()) == 4
    assert "--limit shows more than 2" in two.stderr


def test_the_log_as_csv_is_that_of_the_page(paid: Office) -> None:
    result = paid.run("payments", "list", "--all-time", "--csv")

    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert list(rows[0]) == list(COLUMNS)
    assert {row["customer"] for row in rows} == {"17"}
    assert "payment.booked" in {row["event"] for row in rows}


@pytest.mark.parametrize(
    "arguments", [("--from", "yesterday"), ("--from", "2026-11-01", "--all-time"), ("--type", "x")]
)
def test_a_filter_that_is_not_understood_is_refused(
    office: Office,
    arguments: tuple[str, ...],
) -> None:
    assert office.run("payments", "list", *arguments).exit_code == 2


def test_the_help_names_no_path_of_a_machine(tmp_path: Path) -> None:
    help_text = Office(tmp_path).run("links", "make", "--help").stdout

    assert "--invoice NUMBER" in help_text
