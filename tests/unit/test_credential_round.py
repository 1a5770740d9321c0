"""The rounds of saved credentials: at once while there is more, woken by change, never stopped by trouble."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import pytest

from splynx_stripe.domain.errors import RetryableError
from splynx_stripe.schedule.credential_round import CredentialRound
from splynx_stripe.store.errors import StoreUnavailableError


class Work:
    """Rounds that find what the test says; the last answer is repeated."""

    def __init__(self, answers: Sequence[int | Exception]) -> None:
        self.answers = list(answers)
        self.rounds = 0
        self.idle = asyncio.Event()

    async def run_once(self) -> int:
        self.rounds += 1
        answer = self.answers.pop(0) if self.answers else 0
        if not self.answers:
            self.idle.set()
        await asyncio.sleep(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_while_there_is_more_the_next_round_follows_at_once() -> None:
    work = Work([20, 20, 3, 0])
    running = asyncio.create_task(CredentialRound(work).run())

    async with asyncio.timeout(2):
        await work.idle.wait()

    running.cancel()
    assert work.rounds == 4


async def test_a_change_wakes_it_before_its_time() -> None:
    work = Work([0])
    rounds = CredentialRound(work)
    running = asyncio.create_task(rounds.run())
    await work.idle.wait()
    work.idle.clear()

    rounds.wake()
    async with asyncio.timeout(2):
        await work.idle.wait()

    running.cancel()
    assert work.rounds == 2


@pytest.mark.parametrize("trouble", [RetryableError("no"), StoreUnavailableError("no")])
async def test_trouble_is_logged_and_the_next_round_comes(
    trouble: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    work = Work([trouble, 0])
    rounds = CredentialRound(work)
    with caplog.at_level(logging.WARNING):
        running = asyncio.create_task(rounds.run())
        while work.rounds < 1:  # noqa: ASYNC110 - one turn of the loop
            await asyncio.sleep(0)
        rounds.wake()
        async with asyncio.timeout(2):
            await work.idle.wait()

    running.cancel()
    assert "credentials.round_failed" in caplog.messages
