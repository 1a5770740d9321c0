"""Who is looking: which cookies are tried, what is remembered, and what counts as ambiguous."""

from __future__ import annotations

import pytest

from splynx_stripe.domain.errors import NotPermittedError, OutcomeUnknownError, RetryableError
from splynx_stripe.domain.splynx import Viewer
from splynx_stripe.web.identity import (
    KNOWN_BEFORE_FOR_S,
    KNOWN_FOR_S,
    CannotIdentifyError,
    Identity,
)
from tests.integration.web_stage import ANNA, BEN, FakeClock, FakeViewers


class Scene:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.viewers = FakeViewers()
        self.identity = Identity(self.viewers, self.clock, "PHPSESSID")

    async def who(self, cookies: str) -> int | None:
        found = await self.identity.customer(cookies)
        return None if found is None else found.customer_id


async def test_the_named_cookie_comes_first_and_others_are_not_even_asked_about() -> None:
    scene = Scene()

    assert await scene.who(f"other={BEN}; PHPSESSID={ANNA}") == 17
    assert scene.viewers.asked == [ANNA]


async def test_another_cookie_that_looks_like_a_session_helps_where_the_named_one_is_refused() -> (
    None
):
    scene = Scene()

    assert await scene.who(f"PHPSESSID={'z' * 26}; splynx={BEN}") == 18


async def test_no_more_than_three_other_cookies_are_tried() -> None:
    scene = Scene()
    cookies = "; ".join(f"c{number}={str(number) * 30}" for number in range(9))

    assert await scene.who(cookies) is None
    assert len(scene.viewers.asked) == 3


@pytest.mark.parametrize("value", ["short", "x" * 65, "a" * 26 + "%0d", "", "../../etc/passwd" * 2])
async def test_a_cookie_that_does_not_look_like_a_session_is_never_sent_to_splynx(
    value: str,
) -> None:
    scene = Scene()

    assert await scene.who(f"PHPSESSID={value}") is None
    assert scene.viewers.asked == []


async def test_two_sessions_of_different_people_are_nobody() -> None:
    scene = Scene()

    assert await scene.who(f"PHPSESSID={ANNA}; PHPSESSID={BEN}") is None
    assert await scene.who(f"one={ANNA}; two={BEN}") is None


@pytest.mark.parametrize(
    "viewer", [Viewer(), Viewer(administrator_id=1), Viewer(customer_id=17, administrator_id=1)]
)
async def test_whoever_is_not_just_a_customer_is_not_logged_in(viewer: Viewer) -> None:
    scene = Scene()
    scene.viewers.sessions[ANNA] = viewer

    assert await scene.who(f"PHPSESSID={ANNA}") is None


async def test_an_answer_is_remembered_for_a_minute_and_a_refusal_for_five_seconds() -> None:
    scene = Scene()
    stranger = "s" * 26

    for cookies in (f"PHPSESSID={ANNA}", f"PHPSESSID={stranger}"):
        await scene.who(cookies)
        await scene.who(cookies)
    assert scene.viewers.asked == [ANNA, stranger]

    scene.clock.move(6)
    await scene.who(f"PHPSESSID={ANNA}")
    await scene.who(f"PHPSESSID={stranger}")
    assert scene.viewers.asked == [ANNA, stranger, stranger]

    scene.clock.move(55)
    await scene.who(f"PHPSESSID={ANNA}")
    assert scene.viewers.asked[-1] == ANNA


@pytest.mark.parametrize(
    "error", [RetryableError("down"), OutcomeUnknownError("timeout"), NotPermittedError("key")]
)
async def test_a_silent_splynx_is_not_a_logout(error: Exception) -> None:
    scene = Scene()
    scene.viewers.error = error

    with pytest.raises(CannotIdentifyError):
        await scene.who(f"PHPSESSID={ANNA}")

    scene.viewers.error = None
    assert await scene.who(f"PHPSESSID={ANNA}") == 17


async def test_a_session_that_was_accepted_is_known_again_without_being_believed() -> None:
    scene = Scene()
    cookies = f"PHPSESSID={ANNA}"

    assert scene.identity.session_known_before(cookies) == ""
    await scene.who(cookies)
    scene.clock.move(KNOWN_FOR_S + 1)

    known = scene.identity.session_known_before(f"other={'z' * 26}; {cookies}")
    assert known
    assert ANNA not in known
    del scene.viewers.sessions[ANNA]
    assert await scene.who(cookies) is None
    assert scene.identity.session_known_before(cookies) == ""


async def test_an_accepted_session_is_forgotten_after_half_a_day() -> None:
    scene = Scene()
    cookies = f"PHPSESSID={ANNA}"
    await scene.who(cookies)

    scene.clock.move(KNOWN_BEFORE_FOR_S)

    assert scene.identity.session_known_before(cookies) == ""


async def test_a_flood_of_sessions_does_not_grow_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("splynx_stripe.web.identity._REMEMBERED_AT_MOST", 10)
    scene = Scene()

    for number in range(50):
        await scene.who(f"PHPSESSID={number:026}")

    assert len(scene.identity._remembered) == 10


async def test_many_logged_in_customers_do_not_grow_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("splynx_stripe.web.identity._KNOWN_BEFORE_AT_MOST", 10)
    scene = Scene()
    for number in range(50):
        scene.viewers.sessions[f"{number:026}"] = Viewer(customer_id=number + 1)

    for number in range(50):
        await scene.who(f"PHPSESSID={number:026}")

    assert len(scene.identity._accepted_until) == 10
    assert scene.identity.session_known_before(f"PHPSESSID={49:026}")
