"""The world of charges without the customer: waiting side by side, filters of lists, saved methods."""

from __future__ import annotations

import random

import pytest

from tests.simulation.clockwork import Scheduler, SimClock, turn, until
from tests.simulation.disk import Disk
from tests.simulation.faults import FAULTS
from tests.simulation.office_plan import CHARGE_FAULTS
from tests.simulation.plan import make_plan
from tests.simulation.run import simulate
from tests.simulation.side_by_side import _Semaphore, together
from tests.simulation.splynx_filters import filtered


def scheduler() -> Scheduler:
    return Scheduler(random.Random(1), SimClock(), 1000)  # noqa: S311 - a seed, not a secret


def test_works_go_on_side_by_side_and_a_semaphore_lets_only_so_many_in() -> None:
    world, inside, most = scheduler(), 0, []
    places = _Semaphore(2)

    async def work() -> None:
        nonlocal inside
        async with places:
            inside += 1
            most.append(inside)
            await until(world._clock.elapsed_s + 1)
            inside -= 1

    async def all_of_them() -> None:
        await together([work() for _ in range(5)])

    world.spawn("all", all_of_them())
    world.run(100)

    assert len(most) == 5
    assert max(most) == 2


def test_the_first_failure_ends_the_others_which_let_go_of_what_they_hold() -> None:
    world, released, seen = scheduler(), [], []

    async def waits() -> None:
        try:
            await until(1e9)
        finally:
            released.append(True)

    async def fails() -> None:
        await turn("a while")
        raise ValueError("no")

    async def both() -> None:
        try:
            await together([waits(), fails()])
        except ValueError as error:
            seen.append(error)

    world.spawn("both", both())
    world.run(100)

    assert released == [True]
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"main_attributes[id]": "2"}, [2]),
        ({"main_attributes[id][0]": ">", "main_attributes[id][1]": "1"}, [2, 3]),
        (
            {
                "main_attributes[id][0]": "IN",
                "main_attributes[id][1][0]": "1",
                "main_attributes[id][1][1]": "3",
            },
            [1, 3],
        ),
        (
            {
                "main_attributes[day][0]": "BETWEEN",
                "main_attributes[day][1]": "2026-11-02",
                "main_attributes[day][2]": "2026-11-03",
            },
            [2, 3],
        ),
        ({"limit": "1", "order[id]": "ASC"}, [1, 2, 3]),
    ],
)
def test_lists_are_filtered_as_splynx_does(query: dict[str, str], ids: list[int]) -> None:
    rows = [{"id": each, "day": f"2026-11-0{each}"} for each in (1, 2, 3)]

    assert [row["id"] for row in filtered(rows, query)] == ids


def test_many_things_happen_in_histories_with_an_office() -> None:
    disk, states, routes = Disk(), set(), set()
    for seed in range(40):
        simulate(make_plan(seed, (13,), sorted(FAULTS)), disk)
        read = disk.raw.execute
        states |= {f"run {each}" for (each,) in read("SELECT state FROM charge_runs")}
        states |= {f"recovery {each}" for (each,) in read("SELECT state FROM recoveries")}
        states |= {f"notice {each}" for (each,) in read("SELECT state FROM notices")}
        routes |= {f"{each}" for (each,) in read("SELECT route FROM collections")}

    assert {"charge_run", "auto_charge", "retry"} <= routes
    assert {"run done", "run canceled", "recovery recovered", "notice sent"} <= states
    assert set(FAULTS) >= CHARGE_FAULTS
