"""The tools with which faults are injected into a history."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Protocol

from splynx_stripe.domain.metadata import INSTALLATION
from splynx_stripe.kit.secret import Secret
from tests.simulation.banks import Banks
from tests.simulation.clockwork import Scheduler, SimClock, until
from tests.simulation.crash import Crash
from tests.simulation.disk import Disk
from tests.simulation.network import Network, Rule, Spoil
from tests.simulation.office_people import Office
from tests.simulation.oracle import Oracle
from tests.simulation.people import People
from tests.simulation.plan import Plan
from tests.simulation.process import Process
from tests.simulation.splynx_side import SplynxSide
from tests.simulation.stripe_raw import Json
from tests.simulation.stripe_side import StripeSide

CREATE = "Stripe payment_intents.create"
POST_PAYMENT = "Splynx POST admin/finance/payments"
HOUR_S, DAY_S = 3600.0, 24 * 3600.0


class Stage(Protocol):
    """The history that a fault is injected into."""

    plan: Plan
    rng: random.Random
    clock: SimClock
    scheduler: Scheduler
    network: Network
    disk: Disk
    stripe: StripeSide
    splynx: SplynxSide
    people: People
    office: Office
    oracle: Oracle
    banks: Banks
    crashes: list[Crash]
    processes: dict[str, Process]
    secrets: list[Secret]
    signing_secret: str
    webhook_copies: int
    webhook_delay_s: int
    installing: int
    is_shared: bool
    poll_every_s: float
    story_ends_s: float

    def strike(self, fault: int) -> None:
        """Notes that a fault has really happened."""
        ...

    def start_process(self, name: str) -> None:
        """Starts a daemon."""
        ...

    def kill(self, name: str, down_s: float) -> None:
        """Kills one."""
        ...

    async def post_webhook(self, body: bytes, account: str, signature: str | None = None) -> bool:
        """Sends a webhook."""
        ...


Install = Callable[[Stage], None]


def crash(*matches: str, down_s: float = 5.0, skips: int = 2) -> Install:
    """Kill -9 at the first, second or third time that this happens."""

    def install(stage: Stage) -> None:
        match = stage.rng.choice(matches)
        stage.crashes.append(Crash(match, stage.rng.randrange(skips), down_s, stage.installing))

    return install


def rule(stage: Stage, spoil: Spoil, match: str, *, skip: int = 0, times: int = 1) -> None:
    stage.network.rules.append(Rule(spoil, match, skip, times, fault=stage.installing))


def spoil(match: str, *spoils: Spoil, times: int = 2, skips: int = 3) -> Install:
    """Spoils some of the requests of a kind."""

    def install(stage: Stage) -> None:
        for _ in range(stage.rng.randrange(1, times + 1)):
            rule(stage, stage.rng.choice(spoils), match, skip=stage.rng.randrange(skips))

    return install


def later(stage: Stage, name: str, act: Callable[[], bool | None], within_s: int = 600) -> None:
    """Does something at some moment; it counts as having struck unless it gives False."""
    number = stage.installing

    async def wait_and_act() -> None:
        await until(stage.clock.elapsed_s + stage.rng.randrange(within_s))
        if act() is not False:
            stage.strike(number)

    stage.scheduler.spawn(f"fault {name}", wait_and_act())


def for_a_while(
    name: str, switch: Callable[[Stage, bool], None], within_s: int = 300, longest_s: int = 1800
) -> Install:
    """Switches something on and, after a while, off."""

    def install(stage: Stage) -> None:
        number = stage.installing

        async def break_and_mend() -> None:
            await until(stage.clock.elapsed_s + stage.rng.randrange(within_s))
            switch(stage, True)
            stage.strike(number)
            end_s = stage.clock.elapsed_s + stage.rng.randrange(10, longest_s)
            stage.story_ends_s = max(stage.story_ends_s, end_s + 1)
            await until(end_s)
            switch(stage, False)

        stage.scheduler.spawn(f"fault {name}", break_and_mend())

    return install


def outage(matches: tuple[str, ...], *spoils: Spoil) -> Install:
    def install(stage: Stage) -> None:
        number = stage.installing

        async def break_down() -> None:
            await until(stage.clock.elapsed_s + stage.rng.randrange(300))
            longest_s = stage.rng.choice((1800, 1800, 7200))
            end_s = stage.clock.elapsed_s + stage.rng.randrange(60, longest_s)
            stage.story_ends_s = max(stage.story_ends_s, end_s + 1)
            spoil, match = stage.rng.choice(spoils), stage.rng.choice(matches)
            stage.network.rules.append(Rule(spoil, match, times=10**9, until_s=end_s, fault=number))

        stage.scheduler.spawn("fault outage", break_down())

    return install


def beside(stage: Stage, happen: Callable[[Json, str], bool]) -> None:
    """Lets something happen beside each of Stripe's events."""
    number, original = stage.installing, stage.stripe.on_event

    def on_event(event: Json, account: str) -> None:
        original(event, account)
        if event["data"]["object"]["metadata"].get(INSTALLATION) == "ins_sim" and happen(
            event, account
        ):
            stage.strike(number)

    stage.stripe.on_event = on_event
