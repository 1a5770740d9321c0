"""Levels of what goes wrong: an error when only a person can mend it, else a warning."""

from __future__ import annotations

import logging

import pytest

from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    NotPermittedError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
)
from tests.unit.test_jobs import PollOfTest, jobs_with


@pytest.mark.parametrize(
    ("error", "level"),
    [
        (RetryableError("down"), logging.WARNING),
        (OutcomeUnknownError("no answer"), logging.WARNING),
        (NotPermittedError("the key is not accepted"), logging.ERROR),
        (RejectedError("no"), logging.ERROR),
        (BrokenInvariantError("another mode"), logging.ERROR),
    ],
)
async def test_a_list_of_stripe_that_stays_closed_needs_a_person_and_a_pause_does_not(
    caplog: pytest.LogCaptureFixture, error: Exception, level: int
) -> None:
    await jobs_with(PollOfTest(error)).poll_all()

    assert [row.levelno for row in caplog.records if row.msg == "poll.failed"] == [level]
