"""The commands `sync …`: what they print, and with which code they exit."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.flows.ports import Unit
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.sandbox.faults import FaultRule
from splynx_stripe.sandbox.stripe import objects
from splynx_stripe.sandbox.stripe.call import Call
from splynx_stripe.store.store import open_store
from tests.integration.test_cli_commands import Office, OtherSide

ANNA = 17
ACCOUNT = StripeAccount("default", livemode=False)
T = TypeVar("T")


@pytest.fixture
def side() -> Iterator[OtherSide]:
    side = OtherSide()
    thread = threading.Thread(target=lambda: asyncio.run(side.serve()), name="other-side")
    thread.start()
    assert side.ready.wait(timeout=20)
    yield side
    assert side.loop is not None
    assert side.stop is not None
    side.loop.call_soon_threadsafe(side.stop.set)
    thread.join(timeout=20)


@pytest.fixture
def office(tmp_path: Path, sqlite_url: str, side: OtherSide) -> Office:
    del sqlite_url  # it lays the database into the same folder
    made = Office(tmp_path, *side.urls)
    made.write()
    return made


def in_store(office: Office, work: Callable[[Unit], T]) -> T:
    async def run() -> T:
        url = f"sqlite:///{office.folder}/store.db"
        store = open_store(url, clock=SystemClock(), ids=RandomIds())
        try:
            return await store.run(work)
        finally:
            await store.close()

    return asyncio.run(run())


def make_customer(office: Office, side: OtherSide, customer_id: int, *, is_mapped: bool) -> str:
    """Makes a customer in Stripe with the metadata of this installation."""
    book = side.stripe.state.book()
    made = objects.customer(Call(side.stripe.state, book))
    made["metadata"] = {
        "splynx_stripe_installation": in_store(office, lambda unit: unit.installation().id),
        "splynx_customer_id": str(customer_id),
    }
    book.customers[made["id"]] = made
    stripe_id = str(made["id"])
    if is_mapped:
        in_store(office, lambda unit: unit.save_stripe_customer(ACCOUNT, customer_id, stripe_id))
    return stripe_id


def test_sync_run_brings_stripe_up_to_date_and_says_what_it_did(
    office: Office, side: OtherSide
) -> None:
    stripe_id = make_customer(office, side, ANNA, is_mapped=True)

    before = office.run("sync", "status")
    first = office.run("sync", "run")
    second = office.run("sync", "run")
    after = office.run("sync", "status")

    assert [one.exit_code for one in (before, first, second, after)] == [0, 0, 0, 0]
    assert "All customers were never compared yet." in before.stdout
    assert "1  to be told; it happens by itself" in before.stdout
    assert "1 compared, 1 updated in Stripe" in first.stdout
    assert "1 compared, 0 updated in Stripe" in second.stdout
    assert "1  as Splynx has them" in after.stdout
    assert side.stripe.state.book().customers[stripe_id]["name"]


def test_sync_status_names_doubles_and_asks_for_a_person(office: Office, side: OtherSide) -> None:
    lost = make_customer(office, side, ANNA, is_mapped=False)
    used = make_customer(office, side, ANNA, is_mapped=True)

    ran = office.run("sync", "run")
    status = office.run("sync", "status")

    assert (ran.exit_code, status.exit_code) == (0, 1)
    assert f"TWICE    customer 17 in default:test: in use {used}, also {lost}" in status.stdout


def test_sync_status_says_what_stripe_refused(office: Office, side: OtherSide) -> None:
    stripe_id = make_customer(office, side, ANNA, is_mapped=True)
    said = '{"error": {"type": "invalid_request_error", "message": "The name is odd."}}'
    side.stripe.faults.add(
        FaultRule("POST", f"/v1/customers/{stripe_id}", "status", "before", status=400, body=said)
    )

    office.run("sync", "run")
    status = office.run("sync", "status")

    assert status.exit_code == 1
    assert f"REFUSED  customer 17, {stripe_id} in default:test:" in status.stdout
    assert "The name is odd." in status.stdout
    assert "sandbox-secret" not in status.output


def test_a_run_that_splynx_refuses_says_so_and_goes_on_from_there(
    office: Office, side: OtherSide
) -> None:
    make_customer(office, side, ANNA, is_mapped=True)
    rule = FaultRule("GET", "/api/2.0/admin/customers/.*", "status", "before", status=400)
    side.splynx.faults.add(rule)

    stopped = office.run("sync", "run")
    under_way = office.run("sync", "status")
    again = office.run("sync", "run")

    assert stopped.exit_code == 1
    assert "it goes on from there" in stopped.stderr
    assert "Under way since" in under_way.stdout
    assert again.exit_code == 0
    assert "1 compared, 1 updated in Stripe" in again.stdout


def test_without_splynx_there_is_nothing_to_compare(tmp_path: Path) -> None:
    office = Office(tmp_path)
    (tmp_path / "config.yaml").write_text(
        f'database: {{url: "sqlite:///{tmp_path}/store.db"}}\n', encoding="utf-8"
    )

    result = office.run("sync", "status")

    assert result.exit_code == 2
    assert "splynx-stripe setup" in result.output
