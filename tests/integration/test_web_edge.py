"""What holds for the whole edge: headers, caching, health, errors, and what logs must not say."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import unquote

import pytest

from splynx_stripe.web.app import WebDeps
from splynx_stripe.web.deps import Site, origin_of
from tests.integration.web_stage import ANNA, CLIENT_SECRET, Stage, open_stage, signature

DIRECT = "/stripe/direct-pay-invoice?item_id=202611000042"


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with open_stage() as stage:
        yield stage


def directives(policy: str) -> dict[str, str]:
    parts = [part.strip().partition(" ") for part in policy.split(";")]
    return {name: sources for name, _, sources in parts}


@pytest.mark.parametrize(
    "path", [DIRECT, "/stripe/", "/stripe/nothing-here", "/nothing", "/stripe"]
)
async def test_every_answer_is_protected(stage: Stage, path: str) -> None:
    answer = await stage.page(path)

    policy = directives(answer.headers["Content-Security-Policy"])
    assert policy["default-src"] == "'none'"
    assert policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == "'self' https://isp.example.net"
    assert policy["base-uri"] == "'none'"
    assert policy["form-action"] == "'self'"
    assert policy["connect-src"] == "'self' https://api.stripe.com"
    assert "https://js.stripe.com" in policy["script-src"].split()
    assert {"https://js.stripe.com", "https://hooks.stripe.com"} <= set(policy["frame-src"].split())
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert "http:" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Permissions-Policy"] == 'payment=(self "https://js.stripe.com")'
    assert answer.headers["Cache-Control"] == "no-store"
    assert "X-Frame-Options" not in answer.headers


async def test_no_two_pages_have_the_same_nonce(stage: Stage) -> None:
    policies = {(await stage.page(DIRECT)).headers["Content-Security-Policy"] for _ in range(3)}

    assert len(policies) == 3


async def test_static_files_are_kept_for_a_year_by_their_content(stage: Stage) -> None:
    page = await stage.page(DIRECT)
    urls = [link["href"] for link in page.document.all("link")]
    urls += [script["src"] for script in page.document.all("script")]
    names = ["card.svg", "colours.css", "pay.css", "stripe_form.js", "pay.js"]
    assert [url.rpartition("/")[2] for url in urls] == names

    for url in urls:
        answer = await stage.page(url)
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        kind = answer.headers["Content-Type"].partition(";")[0]
        assert kind in {"text/css", "text/javascript", "image/svg+xml"}

    old = await stage.page("/stripe/static/0123456789abcdef/pay.css")
    assert (old.status, old.headers["Cache-Control"]) == (200, "no-cache")
    for missing in ("/stripe/static/x/nothing.css", "/stripe/static/x/..%2fapp.py"):
        assert (await stage.page(missing)).status == 404


async def test_the_style_sheet_stays_small(stage: Stage) -> None:
    answer = await stage.page("/stripe/static/x/pay.css")

    assert len(answer.text.encode()) < 15_000
    assert "http" not in answer.text


async def test_health_answers_on_this_machine(stage: Stage) -> None:
    assert (await stage.page("/stripe/healthz")).text == "ok\n"
    assert (await stage.page("/stripe/readyz")).status == 200
    figures = await stage.page("/stripe/metrics")
    assert 'splynx_stripe_http_requests_total{route="healthz",status="200"} 1.0' in figures.text


async def test_not_ready_says_why(stage: Stage) -> None:
    stage.not_ready.append("Splynx refuses our API key.")

    answer = await stage.page("/stripe/readyz")

    assert answer.status == 503
    assert "Splynx refuses our API key." in answer.text


@pytest.mark.parametrize("path", ["healthz", "readyz", "metrics"])
@pytest.mark.parametrize("header", ["X_Forwarded_For", "Forwarded", "X_Real_IP"])
async def test_health_is_not_there_for_whom_a_proxy_speaks(
    stage: Stage, path: str, header: str
) -> None:
    stage.not_ready.append("a secret reason")

    answer = await stage.page(f"/stripe/{path}", **{header: "203.0.113.9"})

    assert answer.status == 404
    assert "a secret reason" not in answer.text


async def test_an_unknown_page_and_a_wrong_method_are_explained(stage: Stage) -> None:
    unknown = await stage.page("/stripe/nothing")
    async with stage.client.post("/stripe/pay-invoice") as response:
        wrong, text = response, await response.text()

    assert unknown.status == 404
    assert "There is no such page" in unknown.document.text
    assert wrong.status == 405
    assert "GET" in wrong.headers["Allow"]
    assert "No money was taken." in text


async def test_no_secret_gets_into_a_log(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """I12: tickets, sessions, client secrets and signatures stay out, at every level."""
    caplog.set_level(logging.DEBUG)
    ticket = await stage.pay_ticket(session=ANNA)
    url = await stage.result_url(session=ANNA)
    await stage.page(f"{url}&payment_intent_client_secret={CLIENT_SECRET}", session=ANNA)
    await stage.page(f"{url}&payment_intent_client_secret={CLIENT_SECRET}")
    await stage.start(ticket + "x", session=ANNA)
    header = signature(b"{}", stage.clock.now())
    hook = "/stripe/webhook/hook-of-default"
    async with stage.client.post(hook, data=b"{}", headers={"Stripe-Signature": header}):
        pass

    everything = " ".join(
        f"{record.getMessage()} {record.__dict__} {record.exc_text}" for record in caplog.records
    )
    assert "http.answered" in everything
    result_ticket = unquote(url.partition("ticket=")[2])
    for secret in (ticket, result_ticket, ANNA, CLIENT_SECRET, header[-64:], "hook-of-default"):
        assert secret not in everything


async def test_without_a_path_in_the_public_url_everything_is_at_the_root() -> None:
    def at_root(deps: WebDeps) -> WebDeps:
        site = Site("https://pay.isp.example", "https://isp.example.net/", language="de")
        return replace(deps, site=site)

    async with open_stage(at_root) as stage:
        assert (await stage.page("/direct-pay-invoice?item_id=202611000042")).status == 200
        assert (await stage.page("/", session=ANNA)).status == 200


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://ISP.example.net:443/stripe", "https://isp.example.net"),
        ("http://127.0.0.1:8085/stripe", "http://127.0.0.1:8085"),
        ("http://[::1]:80/", "http://[::1]"),
    ],
)
def test_an_origin_is_written_as_browsers_write_it(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    ("path", "way_on"),
    [
        ("/stripe/nothing-here", "https://isp.example.net/portal/finance/invoices"),
        ("/stripe/admin/nothing-here", "/stripe/admin/"),
    ],
)
async def test_a_page_that_is_none_leads_on(stage: Stage, path: str, way_on: str) -> None:
    answer = await stage.page(path)

    assert answer.status == 404
    assert [link["href"] for link in answer.document.all("a")] == [way_on]
