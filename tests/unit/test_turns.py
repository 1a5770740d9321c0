"""Turns: people who wait go before background work, and no place is lost."""

from __future__ import annotations

import asyncio

import pytest

from splynx_stripe.kit.rate_limit import Priority
from splynx_stripe.kit.turns import Turns

I, B = Priority.INTERACTIVE, Priority.BACKGROUND  # noqa: E741 - read beside each other, they are plain


class Crowd:
    """Things that want a turn, each kept until it is let go."""

    def __init__(self, limit: int) -> None:
        self.turns = Turns(limit)
        self.at_work: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, name: str, priority: Priority) -> None:
        self._ends[name] = asyncio.Event()
        self.tasks[name] = asyncio.get_running_loop().create_task(self._hold(name, priority))
        await settle()

    async def go(self, name: str) -> None:
        self._ends[name].set()
        await settle()

    async def _hold(self, name: str, priority: Priority) -> None:
        async with self.turns.take(priority):
            self.at_work.append(name)
            await self._ends[name].wait()
            self.at_work.remove(name)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_background_work_leaves_a_place_for_a_person() -> None:
    crowd = Crowd(3)
    for name in "abc":
        await crowd.come(name, B)

    await crowd.come("person", I)

    assert crowd.at_work == ["a", "b", "person"]


async def test_a_person_who_waits_is_next_and_background_work_keeps_its_order() -> None:
    crowd = Crowd(2)
    await crowd.come("a", B)
    await crowd.come("first", I)
    await crowd.come("b", B)
    await crowd.come("c", B)
    await crowd.come("second", I)

    await crowd.go("a")
    assert crowd.at_work == ["first", "second"]
    await crowd.go("first")
    await crowd.go("second")
    assert crowd.at_work == ["b"]
    await crowd.go("b")
    assert crowd.at_work == ["c"]


async def test_with_one_place_everybody_gets_it_in_turn() -> None:
    crowd = Crowd(1)
    await crowd.come("a", B)
    await crowd.come("b", B)

    await crowd.go("a")

    assert crowd.at_work == ["b"]


@pytest.mark.parametrize("when", ["waiting", "called"])
async def test_who_is_cancelled_takes_no_place(when: str) -> None:
    crowd = Crowd(2)
    await crowd.come("a", B)
    await crowd.come("gone", B)
    if when == "called":
        crowd._ends["a"].set()
        await asyncio.sleep(0)
    crowd.tasks["gone"].cancel()
    await settle()
    await crowd.go("a")

    for name in ("b", "person"):
        await crowd.come(name, B if name == "b" else I)
    assert crowd.at_work == ["b", "person"]


def test_no_place_at_all_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no place"):
        Turns(0)
