"""Before `setup` the daemon serves, refuses whatever could move money, and says what is missing."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from splynx_stripe.daemon.not_connected import NotConnected
from splynx_stripe.domain.errors import RetryableError
from tests.unit.config_folder import ConfigFolder

DEEDS = sorted(
    name
    for name, _ in inspect.getmembers(NotConnected, inspect.iscoroutinefunction)
    if not name.startswith("_")
)


def test_paying_looking_and_receiving_are_among_what_is_refused() -> None:
    assert {"start", "receive", "view_for_link", "viewer_of_session"} <= set(DEEDS)


@pytest.mark.parametrize("deed", DEEDS)
async def test_whatever_is_asked_nothing_happens_and_the_answer_is_what_is_missing(
    deed: str, tmp_path: Path
) -> None:
    settings = ConfigFolder(tmp_path).write("# nothing yet\n").load()
    method = getattr(NotConnected(settings), deed)
    wanted = inspect.signature(method).parameters.values()
    positional = [None for each in wanted if each.kind is not each.KEYWORD_ONLY]
    named = {each.name: None for each in wanted if each.kind is each.KEYWORD_ONLY}

    with pytest.raises(RetryableError) as caught:
        await method(*positional, **named)

    assert str(caught.value) == f"Not connected yet: {settings.missing[0]}"
