"""The office's pages: who may see them, and which forms are believed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from yarl import URL

from splynx_stripe.domain.errors import RetryableError
from splynx_stripe.web.admin.guard import FORM_TOKEN, require_form, require_office
from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.identity import Office
from tests.integration.web_stage import ANNA, OLGA, PAUL, Stage, open_stage


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with open_stage() as stage:
        yield stage


async def test_an_administrator_sees_the_start_page(stage: Stage) -> None:
    answer = await stage.page("/stripe/admin/", session=OLGA)

    assert answer.status == 200
    assert "Start" in answer.document.text
    assert len(answer.document.all("h1")) == 1


@pytest.mark.parametrize("session", ["", ANNA, "z" * 28])
async def test_who_is_no_administrator_is_led_to_sign_in_and_back(
    stage: Stage, session: str
) -> None:
    answer = await stage.page("/stripe/admin/?a=b", session=session)

    assert answer.status == 302
    address = URL(answer.headers["Location"])
    assert str(address.with_query(None)) == "https://isp.example.net/admin/login/"
    assert dict(address.query) == {"return": "/stripe/admin/?a=b"}


async def test_where_splynx_does_not_answer_nobody_is_sent_to_sign_in(stage: Stage) -> None:
    stage.viewers.error = RetryableError("Splynx is down.")

    answer = await stage.page("/stripe/admin/", session=OLGA)

    assert answer.status == 503
    assert "Location" not in answer.headers


async def test_an_address_that_asks_too_often_is_held_back(stage: Stage) -> None:
    statuses = [(await stage.page("/stripe/admin/", session="x" * 28)).status for _ in range(301)]

    assert statuses[0] == 302
    assert statuses[-1] == 429


def test_an_administrator_of_one_partner_may_not_see_others() -> None:
    assert Office(1, 0, "s").may_see(2)
    assert Office(1, 2, "s").may_see(2)
    assert not Office(1, 2, "s").may_see(1)


@pytest.mark.parametrize(
    ("session", "headers", "form", "status"),
    [
        (OLGA, {}, "token", 200),
        (OLGA, {"Origin": "https://isp.example.net"}, "token", 200),
        (OLGA, {"Origin": "https://evil.example"}, "token", 403),
        (OLGA, {"Sec-Fetch-Site": "cross-site"}, "token", 403),
        (OLGA, {}, "none", 403),
        (PAUL, {}, "token", 403),
    ],
)
async def test_only_a_form_of_ours_made_in_this_session_is_believed(
    session: str, headers: dict[str, str], form: str, status: int
) -> None:
    async def handler(request: web.Request) -> web.Response:
        fields = await require_form(request, await require_office(request))
        assert fields == {"colour": "blue"}
        return web.Response()

    async with open_stage() as stage:
        page = await stage.page("/stripe/admin/", session=OLGA)
        assert page.status == 200
        app = stage.client.app
        assert isinstance(app, web.Application)
        token = app[EDGE].tickets.form_token(OLGA)
        app.router._frozen = False
        app.router.add_post("/stripe/admin/try", handler)
        data = {"colour": "blue"} | ({FORM_TOKEN: token} if form == "token" else {})
        cookie = {"Cookie": f"PHPSESSID={session}"}
        async with stage.client.post(
            "/stripe/admin/try", data=data, headers=headers | cookie
        ) as answer:
            assert answer.status == status
