"""Background tasks have a name, an end, and somebody who notices when they fail."""

from __future__ import annotations

import asyncio
import logging

import pytest

from splynx_stripe.kit.tasks import Supervisor


async def fail() -> None:
    raise ValueError("broken")


async def test_leaving_the_block_cancels_what_still_runs() -> None:
    ended: list[str] = []

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    async with Supervisor() as tasks:
        task = tasks.start("waiting", wait())
        await asyncio.sleep(0)

    assert task.cancelled()
    assert ended == ["cancelled"]


async def test_a_task_that_dies_is_logged_with_its_name_and_keeps_its_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with Supervisor() as tasks:
        task = tasks.start("booking", fail())
        with pytest.raises(ValueError, match="broken"):
            await task

    [record] = [each for each in caplog.records if each.getMessage() == "task.died"]
    assert (record.levelno, record.__dict__["task"]) == (logging.ERROR, "booking")


async def test_a_kept_loop_is_started_anew_after_a_failure_and_ends_when_it_returns(
    caplog: pytest.LogCaptureFixture,
) -> None:
    runs: list[int] = []
    done = asyncio.Event()

    async def loop() -> None:
        runs.append(len(runs))
        if len(runs) < 3:
            raise ValueError("broken")
        done.set()

    async with Supervisor() as tasks:
        tasks.keep("pump", loop, pause_s=0)
        await done.wait()

    assert runs == [0, 1, 2]
    assert [r.getMessage() for r in caplog.records] == ["task.restarts"] * 2


async def test_joining_lets_work_in_hand_finish_within_its_time() -> None:
    gate = asyncio.Event()
    tasks = Supervisor()
    quick = tasks.start("quick", gate.wait())
    endless = tasks.start("endless", asyncio.Event().wait())
    asyncio.get_running_loop().call_soon(gate.set)

    await tasks.join(timeout_s=0.05)

    assert quick.result() is True
    assert endless.cancelled()
