"""The whole house under chance: customers, office, faults, restarts and time, in any order.

After every step I1 is checked; at the end of each story everybody comes to rest and the books of
Stripe and Splynx have to agree or a case has to say why not (I2, I3, I6, I10).
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from typing_extensions import override

from splynx_stripe.domain.attempt import UNSURE_STATES
from splynx_stripe.domain.collection import LIVE_COLLECTION_STATES, Route
from splynx_stripe.domain.errors import OutcomeUnknownError, RejectedError, RetryableError
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.store.migrate import migrate
from tests.integration.flow_house import FlowHouse, open_house
from tests.integration.flow_town import (
    ANY_SPLYNX_PATH,
    CARD_WITH_3DS,
    CREATE,
    DECLINED_CARD,
    EUR_ACCOUNT,
    GOOD_CARD,
    HOUR,
    MINUTE,
    PAYMENTS,
    SECOND,
    Town,
    open_town,
)

T = TypeVar("T")

NUMBERS = {"202611000042": 1042, "202611000043": 1043}
STILL_PAYABLE = {"requires_payment_method", "requires_confirmation", "requires_action"}
TROUBLES = (RetryableError, OutcomeUnknownError, RejectedError)

numbers = st.sampled_from(sorted(NUMBERS))
faults = st.sampled_from(
    [
        ("stripe", CREATE, "POST"),
        ("stripe", f"{CREATE}/[^/]+", "GET"),
        ("stripe", f"{CREATE}/[^/]+/cancel", "POST"),
        ("stripe", "/v1/events", "GET"),
        ("splynx", PAYMENTS, "POST"),
        ("splynx", "/api/2.0/admin/finance/bank-statements.*", "POST"),
        ("splynx", "/api/2.0/admin/finance/invoices/.*", "*"),
        ("splynx", ANY_SPLYNX_PATH, "*"),
    ]
)


@dataclass
class Stage:
    """What a story plays on: a loop, a town, a database, and the present house."""

    runner: asyncio.Runner = field(default_factory=asyncio.Runner)
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="flow-machine-")))
    outside: AsyncExitStack = field(default_factory=AsyncExitStack)
    inside: AsyncExitStack = field(default_factory=AsyncExitStack)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    async def open_town(self) -> Town:
        migrate(f"sqlite:///{self.folder / 'store.db'}", clock=SystemClock())
        return await self.outside.enter_async_context(open_town())

    async def open_house(self, town: Town) -> FlowHouse:
        await self.inside.aclose()
        url = f"sqlite:///{self.folder / 'store.db'}"
        return await self.inside.enter_async_context(open_house(town, url))

    def close(self) -> None:
        self.do(self.inside.aclose())
        self.do(self.outside.aclose())
        self.runner.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class HouseUnderChance(RuleBasedStateMachine):
    """Each rule is something that somebody does, or that goes wrong."""

    @initialize()
    def open(self) -> None:
        self.stage = Stage()
        self.town = self.stage.do(self.stage.open_town())
        self.house = self.stage.do(self.stage.open_house(self.town))
        self.secrets: list[str] = []
        self.most_due = {
            number: self.town.splynx.state.invoices[row_id].due
            for number, row_id in NUMBERS.items()
        }

    @rule(number=numbers, route=st.sampled_from(list(Route)), times=st.integers(1, 3))
    def press_pay(self, number: str, route: Route, times: int) -> None:
        async def press() -> None:
            pressed = (self.house.press_pay(number, route=route) for _ in range(times))
            for start in await asyncio.gather(*pressed, return_exceptions=True):
                if isinstance(start, BaseException):
                    assert isinstance(start, TROUBLES), repr(start)
                elif start.client_secret:
                    self.secrets.append(start.client_secret)

        self.town.clock.advance(SECOND)
        self.stage.do(press())

    @precondition(lambda self: self.secrets)
    @rule(
        which=st.integers(0, 9),
        card=st.sampled_from([GOOD_CARD, GOOD_CARD, DECLINED_CARD, CARD_WITH_3DS]),
        outcome=st.sampled_from(["success", "fail", "never"]),
    )
    def enter_card(self, which: int, card: str, outcome: str) -> None:
        """In any tab that is still open, also one whose payment is over."""
        secret = self.secrets[-1 - which % len(self.secrets)]
        status = self.stage.do(self.town.enter_card(secret, card))
        if status == "requires_action" and outcome != "never":
            self.stage.do(self.town.answer_bank(secret, outcome))

    @rule(number=numbers)
    def look_at_result(self, number: str) -> None:
        async def look() -> None:
            with suppress(*TROUBLES):
                view = await self.house.view(number)
                if view.payable is not None:
                    await self.house.pay.outcome(view.payable, "customer:17")

        self.stage.do(look())

    @rule()
    def deliver_webhooks(self) -> None:
        self.stage.do(self.house.deliver_webhooks())

    @rule(times=st.integers(2, 5), backwards=st.booleans())
    def deliver_everything_again(self, times: int, *, backwards: bool) -> None:
        bodies = self.town.event_bodies()
        self.stage.do(self.house.receive(*(bodies[::-1] if backwards else bodies), times=times))

    @rule()
    def lose_webhooks(self) -> None:
        for body in self.town.event_bodies():
            self.town.delivered.add(self.house.rooms.stripe.parse_event(body).id)

    @rule()
    def poll(self) -> None:
        async def poll() -> None:
            with suppress(*TROUBLES):
                await self.house.poll.run(EUR_ACCOUNT)

        self.stage.do(poll())

    @rule(
        period=st.sampled_from([SECOND, 40 * SECOND, 6 * MINUTE, 65 * MINUTE, 24 * HOUR]),
    )
    def pass_time(self, period: timedelta) -> None:
        self.stage.do(self.house.pass_time(period))

    @rule()
    def release_idle_leases(self) -> None:
        self.stage.do(self.house.look_after.release_idle_leases())

    @rule()
    def restart(self) -> None:
        self.house = self.stage.do(self.stage.open_house(self.town))

    @rule()
    def restart_with_work_in_hand(self) -> None:
        """The old process had claimed what is due and died."""

        async def claim() -> None:
            await self.house.inbox.claim(4)
            await self.house.effects.claim(4)

        self.stage.do(claim())
        self.restart()

    @rule(
        fault=faults,
        action=st.sampled_from(["status", "drop", "truncate"]),
        when=st.sampled_from(["before", "after"]),
    )
    def break_something(self, fault: tuple[str, str, str], action: str, when: str) -> None:
        where, path, method = fault
        spoil = self.town.spoil_stripe if where == "stripe" else self.town.spoil_splynx
        spoil(path, method, action=action, when=when)  # type: ignore[arg-type]  # the strategy draws from the literals

    @rule(number=numbers)
    def pay_by_cash(self, number: str) -> None:
        self.town.pay_by_cash(NUMBERS[number])

    @rule(number=numbers, due=st.sampled_from(["20.00", "99.99", "250.00"]))
    def change_due(self, number: str, due: str) -> None:
        invoice = self.town.splynx.state.invoices[NUMBERS[number]]
        if invoice.status == "not_paid" and invoice.due == invoice.total:
            self.town.set_due(NUMBERS[number], due)
            self.most_due[number] = max(self.most_due[number], Decimal(due))

    @invariant()
    def at_most_one_payment_intent_can_take_money(self) -> None:
        """I1: per payable one at most, and no more is taken than was ever due."""
        for number, most in self.most_due.items():
            ours = [
                intent
                for intent in self.town.intents()
                if intent["metadata"]["splynx_document_number"] == number
            ]
            assert sum(intent["status"] in STILL_PAYABLE for intent in ours) <= 1
            taken = sum(i["amount"] for i in ours if i["status"] == "succeeded")
            assert Decimal(taken) / 100 <= most, f"{number}: {taken} taken, {most} due"

    @override
    def teardown(self) -> None:
        try:
            self.stage.do(self._come_to_rest())
            self.stage.do(self._books_agree())
        finally:
            self.stage.close()

    async def _come_to_rest(self) -> None:
        """All is mended, everything is delivered, and a day and an hour pass."""
        self.town.mend()
        for step in (MINUTE, 6 * MINUTE, 6 * MINUTE, 65 * MINUTE, 24 * HOUR, 6 * MINUTE, MINUTE):
            await self.house.poll.run(EUR_ACCOUNT)
            await self.house.look_after.release_idle_leases()
            await self.house.pass_time(step)

    async def _books_agree(self) -> None:
        cases = {case.collection_id for case in await self.house.cases()}
        booked = [payment.receipt_number for payment in self.town.bookings()]
        for intent in self.town.intents():
            assert intent["status"] in {"succeeded", "canceled"}, "I10: it is still open"
            times = booked.count(intent["id"])
            if intent["status"] == "succeeded":
                has_case = intent["metadata"]["splynx_stripe_collection"] in cases
                assert times == 1 or has_case, f"I2: {times} bookings"
            else:
                assert times == 0, "I3: booked without money"
        for number in NUMBERS:
            for attempt in await self.house.attempts(number):
                known = attempt.state not in UNSURE_STATES
                assert known or attempt.collection_id in cases, "I10: in doubt without a case"
            for collection in await self.house.collections(number):
                settled = collection.state not in LIVE_COLLECTION_STATES
                assert settled or collection.id in cases, "I10: a lease is held for ever"


TestHouseUnderChance = HouseUnderChance.TestCase
TestHouseUnderChance.settings = settings(
    max_examples=20,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
