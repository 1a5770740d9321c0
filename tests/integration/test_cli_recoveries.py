"""The commands `recoveries …`: what they print, and with which code they exit."""

from __future__ import annotations

import asyncio

import pytest

from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.store import open_store
from splynx_stripe.store.unit import SqlUnit
from tests.integration.store_builders import attempt, collection
from tests.integration.test_cli_commands import Office, office
from tests.integration.test_store_failures import recovery

__all__ = ["office"]


@pytest.fixture
def failed(office: Office) -> Office:
    async def seed() -> None:
        url = f"sqlite:///{office.folder}/store.db"
        store = open_store(url, clock=SystemClock(), ids=RandomIds())

        def work(unit: SqlUnit) -> None:
            unit.add_collection(collection())
            unit.add_attempt(attempt())
            unit.add_recovery(recovery())

        await store.run(work)
        await store.close()

    asyncio.run(seed())
    return office


def test_failed_payments_are_listed_with_reason_and_next_try(failed: Office) -> None:
    listed = failed.run("recoveries", "list", "--customer", "17")

    assert listed.exit_code == 0, listed.stderr
    assert "rcv_1  waiting, next try 2026-11-25 13:00" in listed.stdout
    assert "Invoice 202611000042 of customer 17, 172.50 EUR: insufficient_funds" in listed.stdout


def test_an_empty_list_says_so(failed: Office) -> None:
    listed = failed.run("recoveries", "list", "--show", "recovered")

    assert (listed.stdout, listed.exit_code) == ("", 0)
    assert "no such failed payments" in listed.stderr


def test_a_retry_is_ordered_and_a_stop_ends_it_once(failed: Office) -> None:
    retry = failed.run("recoveries", "retry", "rcv_1")
    stop = failed.run("recoveries", "stop", "rcv_1")
    again = failed.run("recoveries", "stop", "rcv_1")
    unknown = failed.run("recoveries", "retry", "rcv_9")

    assert (retry.exit_code, stop.exit_code, again.exit_code, unknown.exit_code) == (0, 0, 1, 1)
    assert "Nothing was changed" in again.stderr
    assert "canceled (by_person)" in failed.run("recoveries", "list").stdout
