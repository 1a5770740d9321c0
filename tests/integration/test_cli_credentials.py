"""The command `credentials migrate`: shows first, does it with --apply, and counts at the end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from splynx_stripe.sandbox.faults import FaultRule
from splynx_stripe.sandbox.splynx.rows import PaymentAccountData
from splynx_stripe.sandbox.stripe import objects
from splynx_stripe.sandbox.stripe.call import Call
from splynx_stripe.sandbox.stripe.cards import CARDS_BY_NUMBER
from tests.integration.test_cli_commands import Office, OtherSide


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
    """An office whose Splynx holds what the closed add-on saved: one good card, one of nobody."""
    del sqlite_url  # it lays the database into the same folder
    book = side.stripe.state.book()
    call = Call(side.stripe.state, book)
    customer = objects.customer(call)
    book.customers[customer["id"]] = customer
    card = objects.card_details(call, CARDS_BY_NUMBER["4242424242424242"], 5, 2034)
    method = objects.payment_method(call, "card", card) | {"id": "card_1Old"}
    book.payment_methods["card_1Old"] = method | {"customer": customer["id"]}
    for customer_id, owner in ((17, customer["id"]), (18, "cus_unknown")):
        side.splynx.state.payment_account_data.add(
            PaymentAccountData(
                account_id=1, customer_id=str(customer_id), field_1=owner, field_2="card_1Old"
            )
        )
    made = Office(tmp_path, *side.urls)
    made.write()
    return made


def test_it_shows_first_and_does_it_when_told_to_once(office: Office) -> None:
    shown = office.run("credentials", "migrate")
    applied = office.run("credentials", "migrate", "--apply")
    again = office.run("credentials", "migrate", "--apply")

    assert [one.exit_code for one in (shown, applied, again)] == [0, 0, 0]
    assert "> customer 17" in shown.stdout
    assert "1 would be taken over (run again with --apply)" in shown.stdout
    assert "this Stripe account does not have that customer" in shown.stdout
    assert "+ customer 17" in applied.stdout
    assert "1 were taken over, 0 were saved here already." in applied.stdout
    assert "0 were taken over, 1 were saved here already." in again.stdout
    assert "sk_test" not in shown.stdout + applied.stdout


def test_where_stripe_does_not_answer_it_says_how_to_go_on(office: Office, side: OtherSide) -> None:
    side.stripe.faults.add(
        FaultRule("GET", "/v1/customers/.*", "status", "before", status=500, times=-1)
    )

    stopped = office.run("credentials", "migrate", "--apply")

    assert stopped.exit_code == 1
    assert "Run the command again; it goes on from there." in stopped.stderr
