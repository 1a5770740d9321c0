"""Locks by name."""

from __future__ import annotations

import asyncio

import pytest

from splynx_stripe.kit.keyed_lock import KeyedLock


async def test_one_at_a_time_holds_a_key_and_others_follow_in_order() -> None:
    locks = KeyedLock()
    seen: list[str] = []

    async def work(name: str) -> None:
        async with locks.hold("invoice"):
            seen.append(f"{name} in")
            await asyncio.sleep(0)
            seen.append(f"{name} out")

    await asyncio.gather(work("a"), work("b"), work("c"))

    assert seen == ["a in", "a out", "b in", "b out", "c in", "c out"]


async def test_different_keys_are_held_at_once() -> None:
    locks = KeyedLock()

    async with locks.hold("a"), locks.hold("b"):
        pass


async def test_nothing_is_left_behind_also_by_failures_and_by_those_who_stopped_waiting() -> None:
    locks = KeyedLock()

    async def fail_while_another_gives_up() -> None:
        async with locks.hold("a"):
            waiting = asyncio.ensure_future(locks.hold("a").__aenter__())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        await fail_while_another_gives_up()

    assert locks._locks == {}
