"""The simulated scheduler and network keep what the histories rely on."""

from __future__ import annotations

import random
from datetime import timedelta

from tests.simulation.clockwork import START, Scheduler, SimClock, Stamp, turn, until
from tests.simulation.disk import Disk
from tests.simulation.network import LostError, Network, Rule, Spoil
from tests.simulation.stripe_side import StripeSide

_MOST_TURNS = 100


def _world() -> tuple[SimClock, Scheduler, Network]:
    rng, clock = random.Random(1), SimClock()  # noqa: S311 - a seed, not a secret
    scheduler = Scheduler(rng, clock, _MOST_TURNS)
    return clock, scheduler, Network(rng, clock, scheduler)


def test_a_stamp_ends_a_wait_before_its_moment_and_time_does_not_move_further() -> None:
    clock, scheduler, _ = _world()
    stamp = Stamp()
    woken_at_s: list[float] = []

    async def wait() -> None:
        await until(60.0, stamp)
        woken_at_s.append(clock.elapsed_s)

    async def ring() -> None:
        await until(5.0)
        stamp.set()

    scheduler.spawn("wait", wait())
    scheduler.spawn("ring", ring())

    assert scheduler.run(100.0)
    assert woken_at_s == [5.0]
    assert clock.elapsed_s == 5.0


def test_a_killed_process_gets_no_turn_by_stamp_alarm_or_readiness() -> None:
    _, scheduler, _ = _world()
    stamp = Stamp()
    lived: list[str] = []

    async def work(name: str) -> None:
        match name:
            case "stamp":
                await until(60.0, stamp)
            case "alarm":
                await until(2.0)
            case _:
                while not stamp.is_set:
                    await turn("ready")  # it would see the stamp if it had another turn
        lived.append(name)

    async def kill() -> None:
        await turn("before")
        scheduler.kill("a1")
        stamp.set()

    for name in ("stamp", "alarm", "ready"):
        scheduler.spawn(name, work(name), "a1")
    scheduler.spawn("kill", kill())

    assert scheduler.run(100.0)
    assert lived == []
    scheduler.close()


def test_a_request_takes_effect_though_its_sender_is_killed_on_the_way() -> None:
    _, scheduler, network = _world()
    done: list[str] = []

    def execute(_spoil: Spoil | None) -> str:
        done.append("posted")
        return "ok"

    async def send() -> None:
        await network.request("POST", execute, 30.0)
        done.append("answered")

    def crash(owner: str, label: str) -> None:
        if label == "wire POST" and owner == "a1":
            scheduler.kill("a1")

    scheduler.plots.append("a crash")
    scheduler.on_turn = crash
    scheduler.spawn("sender", send(), "a1")

    assert scheduler.run(100.0)
    assert done == ["posted"]
    scheduler.close()


def test_a_lost_answer_is_a_timeout_after_the_work_was_done() -> None:
    clock, scheduler, network = _world()
    network.rules.append(Rule(Spoil.LOST_ANSWER, "POST"))
    done: list[str] = []

    async def send() -> None:
        try:
            await network.request("POST", lambda _spoil: done.append("posted"), 30.0)
        except LostError:
            done.append(f"lost at {clock.elapsed_s:.0f}")

    scheduler.spawn("sender", send())

    assert scheduler.run(100.0)
    assert done == ["posted", "lost at 30"]
    assert network.rules[0].times == 0


def test_going_round_in_circles_is_noticed() -> None:
    _, scheduler, _ = _world()

    async def circle() -> None:
        while True:
            await turn("again")

    scheduler.spawn("circle", circle())

    assert not scheduler.run(100.0)
    scheduler.close()


def test_a_new_history_finds_nothing_of_the_one_before() -> None:
    disk, clock = Disk(), SimClock()
    disk.clear("ins_one", clock.now())
    disk.execute(lambda unit: unit.take_lease("n", "h", now=clock.now(), until=clock.now()))

    disk.clear("ins_two", clock.now())

    assert disk.look(lambda unit: unit.installation().id) == "ins_two"
    assert disk.look(lambda unit: unit.lease("n")) is None
    assert not disk.raw.in_transaction


def test_news_is_listed_until_a_poll_began_after_the_list_could_show_it() -> None:
    clock = SimClock()
    stripe = StripeSide(random.Random(1), clock)  # noqa: S311 - a seed, not a secret
    stripe.listed_after_s = 90
    clock.elapsed_s = 100.0

    stripe.foreign_payment("default")

    assert stripe.lists_news_since("default", 180.0)
    assert not stripe.lists_news_since("default", 200.0)
    assert not stripe.lists_news_since("2-acct_two", 0.0)


def test_a_clock_that_is_set_or_goes_on_shows_it_at_once() -> None:
    clock = SimClock()
    shown = [clock.now()]
    clock.skew = timedelta(hours=1)
    shown.append(clock.now())
    clock.elapsed_s = 60.0
    shown.append(clock.now())
    clock.skew = timedelta(0)
    shown.append(clock.now())

    assert [moment - START for moment in shown] == [
        timedelta(0),
        timedelta(hours=1),
        timedelta(hours=1, minutes=1),
        timedelta(minutes=1),
    ]
