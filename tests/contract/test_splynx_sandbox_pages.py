"""The portal and admin stand-ins log people in and embed the add-on as the real ones do."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from yarl import URL

from tests.contract.splynx_sandbox_run import RunningSplynx, running_splynx


@pytest.fixture
async def splynx() -> AsyncIterator[RunningSplynx]:
    async with running_splynx() as running:
        yield running


async def log_in(
    splynx: RunningSplynx, login: str = "customer17", *, path: str = "/portal/login"
) -> aiohttp.ClientResponse:
    url = splynx.url.join(URL(path))
    form = {"login": login, "password": "sandbox"}
    async with splynx.http.post(url, data=form, allow_redirects=False) as response:
        return response


async def page(splynx: RunningSplynx, path: str) -> str:
    async with splynx.http.get(splynx.url.join(URL(path))) as response:
        return await response.text()


async def test_a_browser_session_becomes_a_token_of_the_same_person(splynx: RunningSplynx) -> None:
    response = await log_in(splynx)

    token = await splynx.token(auth_type="session", session_id=response.cookies["PHPSESSID"].value)
    own = await splynx.call("GET", "admin/customers/customer", authorization=token)

    assert response.status == 302
    assert response.headers["Location"] == "/portal/"
    assert [row["name"] for row in own.body] == ["John Doe"]


async def test_an_administrators_session_becomes_a_token_too(splynx: RunningSplynx) -> None:
    response = await log_in(splynx, "admin", path="/admin/login")

    token = await splynx.token(auth_type="session", session_id=response.cookies["PHPSESSID"].value)
    path = "admin/administration/administrators"

    assert (await splynx.call("GET", path, authorization=token)).status == 200


async def test_a_session_ends_with_logging_out(splynx: RunningSplynx) -> None:
    response = await log_in(splynx)
    await page(splynx, "/portal/logout")

    login = {"auth_type": "session", "session_id": response.cookies["PHPSESSID"].value}
    answer = await splynx.call("POST", "admin/auth/tokens", body=login, authorization="")

    assert answer.internal_code == "INVALID_USER"


@pytest.mark.parametrize(
    ("wanted", "location"),
    [
        ("/stripe/pay-invoice?item_id=202611000042", "/stripe/pay-invoice?item_id=202611000042"),
        ("https://evil.example/", "/portal/"),
        ("//evil.example/", "/portal/"),
        ("/\\evil.example/", "/portal/"),
        ("/x\r\nSet-Cookie: a=b", "/portal/"),
    ],
)
async def test_return_leads_to_paths_of_this_server_only(
    splynx: RunningSplynx, wanted: str, location: str
) -> None:
    path = str(URL("/portal/login/").with_query({"return": wanted}))

    assert (await log_in(splynx, path=path)).headers["Location"] == location


async def test_who_is_not_logged_in_is_sent_to_log_in_and_back(splynx: RunningSplynx) -> None:
    url = splynx.url.with_path("/portal/finance/invoices")
    async with splynx.http.get(url, allow_redirects=False) as response:
        location = response.headers["Location"]

    assert location == "/portal/login?return=%2Fportal%2Ffinance%2Finvoices"


async def test_a_wrong_password_is_told_and_makes_no_session(splynx: RunningSplynx) -> None:
    url = splynx.url.with_path("/portal/login")
    async with splynx.http.post(url, data={"login": "customer17", "password": "x"}) as response:
        text = await response.text()

    assert "Login or password is wrong." in text
    assert splynx.sandbox.state.sessions == {}


async def test_each_unpaid_document_has_a_card_button_with_the_add_ons_address(
    splynx: RunningSplynx,
) -> None:
    await log_in(splynx)
    invoices = await page(splynx, "/portal/finance/invoices")
    requests = await page(splynx, "/portal/finance/requests")

    assert re.findall(r'data-src="([^"]+)"', invoices) == [
        "/stripe/pay-invoice?module=splynx_stripe_addon&amp;model=Invoices&amp;item_id=" + number
        for number in ("202611000043", "202611000042", "202609000039")
    ]
    assert re.findall(r'data-src="([^"]+)"', requests) == [
        "/stripe/pay-request?module=splynx_stripe_addon&amp;model=Requests&amp;item_id=202611000001"
    ]
    assert "202611000044" not in invoices


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/portal/", "Account balance"),
        ("/portal/finance/payments/list", "Cash at the counter"),
        ("/portal/add-on?module=splynx_stripe_addon&point=11", 'src="/stripe/"'),
        ("/portal/add-on?module=splynx_stripe_addon&point=13", 'src="/stripe/credentials"'),
        ("/portal/add-on?module=splynx_stripe_addon&point=14", 'src="/stripe/widget"'),
    ],
)
async def test_portal_pages_show(splynx: RunningSplynx, path: str, words: str) -> None:
    await log_in(splynx)

    assert words in await page(splynx, path)


async def test_yen_are_shown_without_decimals(splynx: RunningSplynx) -> None:
    await log_in(splynx, "customer21")

    assert "5800 JPY" in await page(splynx, "/portal/finance/requests")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/admin/", "John Doe"),
        ("/admin/invoices", "202611000042"),
        ("/admin/payments", "2026-01-01041"),
        ("/admin/statements", "Payment statements"),
        ("/admin/mail", "Mail outbox"),
        ("/admin/add-on", 'src="/stripe/admin/"'),
        ("/admin/add-on?point=15", 'src="/stripe/admin/logs"'),
        ("/admin/customers/view?id=17", "/admin/add-on?point=16&amp;id=17"),
        ("/admin/add-on?point=16&id=17", 'src="/stripe/admin/credentials?customer_id=17"'),
    ],
)
async def test_admin_pages_show(splynx: RunningSplynx, path: str, words: str) -> None:
    await log_in(splynx, "admin", path="/admin/login")

    assert words in await page(splynx, path)


async def test_a_portal_customer_does_not_see_the_administration(splynx: RunningSplynx) -> None:
    await log_in(splynx)

    assert "Administration" in await page(splynx, "/admin/invoices")


def echo_app() -> web.Application:
    """An add-on that tells what reached it."""

    async def echo(request: web.Request) -> web.Response:
        body: dict[str, Any] = {
            "method": request.method,
            "path": request.raw_path,
            "host": request.host,
            "for": request.headers.get("X-Forwarded-For"),
            "proto": request.headers.get("X-Forwarded-Proto"),
            "forwarded_host": request.headers.get("X-Forwarded-Host"),
            "cookie": request.cookies.get("PHPSESSID"),
            "body": (await request.read()).decode(),
        }
        answer = web.json_response(body, status=201)
        answer.set_cookie("first", "1")
        answer.set_cookie("second", "2")
        return answer

    async def away(_request: web.Request) -> web.Response:
        raise web.HTTPSeeOther("/portal/")

    app = web.Application()
    app.router.add_get("/stripe/away", away)
    app.router.add_route("*", "/stripe/{path:.*}", echo)
    return app


async def test_the_add_on_is_reached_through_splynx_as_through_its_nginx(
    splynx: RunningSplynx,
) -> None:
    await log_in(splynx)
    async with TestServer(echo_app()) as addon:
        splynx.sandbox.options.addon_url = str(addon.make_url("/"))
        url = splynx.url.join(URL("/stripe/a%2Fb?item_id=1%202", encoded=True))
        async with splynx.http.post(url, data=b"amount=50") as response:
            seen = await response.json()
        away = splynx.url.with_path("/stripe/away")
        async with splynx.http.get(away, allow_redirects=False) as redirect:
            assert (redirect.status, redirect.headers["Location"]) == (303, "/portal/")

    origin = f"{splynx.url.host}:{splynx.url.port}"
    assert response.status == 201
    assert (seen["method"], seen["path"]) == ("POST", "/stripe/a%2Fb?item_id=1%202")
    assert (seen["host"], seen["forwarded_host"]) == (origin, origin)
    assert (seen["for"], seen["proto"], seen["body"]) == ("127.0.0.1", "http", "amount=50")
    assert seen["cookie"] in splynx.sandbox.state.sessions
    assert len(response.headers.getall("Set-Cookie")) == 2


async def test_an_add_on_that_is_down_gives_a_502_page_in_words(splynx: RunningSplynx) -> None:
    splynx.sandbox.options.addon_url = f"http://127.0.0.1:{unused_port()}"

    async with splynx.http.get(splynx.url.with_path("/stripe/")) as response:
        text = await response.text()

    assert response.status == 502
    assert "No money was taken" in text


async def test_an_answer_of_the_add_on_that_breaks_off_breaks_off_for_the_browser_too(
    splynx: RunningSplynx,
) -> None:
    async def break_off(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": "100"})
        await answer.prepare(request)
        await answer.write(b"half")
        assert request.transport is not None
        request.transport.close()
        return answer

    addon_app = web.Application()
    addon_app.router.add_get("/stripe/", break_off)
    async with TestServer(addon_app) as addon:
        splynx.sandbox.options.addon_url = str(addon.make_url("/"))
        async with splynx.http.get(splynx.url.with_path("/stripe/")) as response:
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()
