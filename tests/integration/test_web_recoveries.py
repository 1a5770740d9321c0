"""The office's page of failed payments: who sees what, and what its buttons do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from splynx_stripe.domain.recovery import Recovery, RecoveryReason, RecoveryState
from splynx_stripe.flows.recoveries import Recoveries
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.store import SqlStore, open_store
from splynx_stripe.store.unit import SqlUnit
from splynx_stripe.web.admin.guard import FORM_TOKEN
from tests.integration.store_builders import attempt, collection, payable
from tests.integration.test_store_failures import recovery
from tests.integration.web_stage import ANNA, OLGA, PAUL, Answer, Stage, check_page, open_stage

PATH = "/stripe/admin/recoveries"
S = RecoveryState


@dataclass
class Office:
    """The stage with recoveries that are kept in a real database."""

    stage: Stage
    store: SqlStore

    async def shows(self, query: str = "", session: str = OLGA) -> Answer:
        return await self.stage.page(f"{PATH}{query}", session=session)

    async def presses(self, button: str, recovery_id: str, session: str = OLGA) -> Answer:
        page = await self.shows(session=session)
        tokens = [each for each in page.document.all("input") if each.get("name") == FORM_TOKEN]
        token = tokens[0]["value"] if tokens else "none"
        return await self.sends(button, {"recovery": recovery_id, FORM_TOKEN: token}, session)

    async def sends(self, button: str, data: dict[str, str], session: str) -> Answer:
        headers = {"Cookie": f"PHPSESSID={session}"}
        async with self.stage.client.post(f"{PATH}/{button}", data=data, headers=headers) as answer:
            return Answer(answer.status, await answer.text(), dict(answer.headers))

    async def knows(self, recovery_id: str = "rcv_1") -> Recovery:
        found = await self.store.read(lambda unit: unit.recovery(recovery_id))
        assert found is not None
        return found


@pytest.fixture
async def office(sqlite_url: str) -> AsyncIterator[Office]:
    store = open_store(sqlite_url, clock=SystemClock(), ids=RandomIds())

    def seed(unit: SqlUnit) -> None:
        unit.add_collection(collection())
        unit.add_attempt(attempt())
        unit.add_recovery(recovery())
        ended = replace(
            recovery("rcv_2", of=payable("202611000043")),
            state=S.EXHAUSTED,
            reason=RecoveryReason.NEW_METHOD,
            next_at=None,
        )
        unit.add_recovery(ended)

    await store.run(seed)
    async with open_stage(
        lambda deps: replace(deps, recoveries=Recoveries(store, deps.clock))
    ) as stage:
        yield Office(stage, store)
    await store.close()


async def test_the_page_says_what_failed_why_and_when_it_is_tried_again(office: Office) -> None:
    text = check_page(await office.shows())

    for said in (
        "Invoice 202611000042",
        "€172.50",
        "There was not enough money on the account.",
        "Waits for the next try",
        "25 Nov 2026",
        "Given up",
        "The bank refuses this payment method for good.",
    ):
        assert said in text


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("?view=going_on", ["202611000042"]),
        ("?view=ended", ["202611000043"]),
        ("?view=recovered", []),
        ("?number=202611000043", ["202611000043"]),
        ("?customer=18", []),
        ("?view=nonsense&before=nonsense~x&customer=-1", ["202611000042", "202611000043"]),
    ],
)
async def test_filters_show_what_was_asked_for_and_nonsense_harms_nothing(
    office: Office, query: str, numbers: list[str]
) -> None:
    text = check_page(await office.shows(query))

    found = [number for number in ("202611000042", "202611000043") if f"Invoice {number}" in text]
    assert found == numbers
    assert ("No failed payment was found." in text) is (not numbers)


async def test_try_now_makes_it_due_at_once(office: Office) -> None:
    answer = await office.presses("try", "rcv_1")

    assert "in the next half minute" in check_page(answer)
    after = await office.knows()
    assert after.next_at == office.stage.clock.now()
    assert after.state is S.WAITING


async def test_what_was_given_up_can_be_tried_too(office: Office) -> None:
    await office.presses("try", "rcv_2")

    assert (await office.knows("rcv_2")).state is S.WAITING


async def test_stop_trying_stops_it_and_pressing_again_changes_nothing(office: Office) -> None:
    first = await office.presses("stop", "rcv_1")
    stopped = await office.knows()
    second = await office.presses("stop", "rcv_1")

    assert "not tried again" in check_page(first)
    assert (stopped.state, stopped.reason) == (S.CANCELED, RecoveryReason.BY_PERSON)
    assert "Nothing was changed" in check_page(second)
    assert await office.knows() == stopped


async def test_an_administrator_of_another_partner_sees_and_touches_nothing(
    office: Office,
) -> None:
    text = check_page(await office.shows(session=PAUL))
    before = await office.knows()
    await office.presses("stop", "rcv_1", session=PAUL)

    assert "202611000042" not in text
    assert await office.knows() == before


@pytest.mark.parametrize("button", ["try", "stop"])
async def test_a_form_that_is_not_of_our_page_does_nothing(office: Office, button: str) -> None:
    before = await office.knows()

    answer = await office.sends(button, {"recovery": "rcv_1", FORM_TOKEN: "forged"}, OLGA)

    assert answer.status == 403
    assert await office.knows() == before


async def test_customers_do_not_see_it(office: Office) -> None:
    answer = await office.stage.page(PATH, session=ANNA)

    assert "202611000042" not in answer.text


async def test_many_are_shown_page_by_page(office: Office) -> None:
    def seed(unit: SqlUnit) -> None:
        for number in range(60):
            one = recovery(f"rcv_many_{number}", of=payable(f"2026120001{number:02}"))
            unit.add_recovery(replace(one, changed_at=one.changed_at + timedelta(hours=number)))

    await office.store.run(seed)
    first = await office.shows()
    links = [each["href"] for each in first.document.all("a") if "before=" in each.get("href", "")]
    second = await office.stage.page(links[0], session=OLGA)

    assert "Invoice 202612000159" in check_page(first)
    assert "Invoice 202611000042" not in check_page(first)
    assert "Invoice 202611000042" in check_page(second)
