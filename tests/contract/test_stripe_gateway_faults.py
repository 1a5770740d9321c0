"""What the Stripe gateway makes of a Stripe that breaks, lies or is not there (faults.md, part C)."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from typing_extensions import override

from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    NotFoundError,
    OutcomeUnknownError,
    RetryableError,
)
from splynx_stripe.gateways.stripe import RateLimits, StripeSdkGateway
from splynx_stripe.kit.rate_limit import Priority
from splynx_stripe.sandbox.faults import FaultAction, FaultMoment, FaultRule
from splynx_stripe.sandbox.stripe import StripeSandboxOptions
from splynx_stripe.sandbox.stripe.errors import lock_timeout
from tests.contract.stripe_gateway_rig import (
    CREATE_PATH,
    HERE,
    ORDER,
    gateway_for,
    order_of,
    rig,
)
from tests.contract.stripe_sandbox_running import served

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
IN_USE = json.dumps(
    {"error": {"type": "idempotency_error", "code": "idempotency_key_in_use", "message": "Busy."}}
)
RATE_LIMITED = json.dumps(
    {"error": {"type": "invalid_request_error", "code": "rate_limit", "message": "Too many."}}
)


def creating(
    action: FaultAction,
    when: FaultMoment,
    *,
    status: int = 500,
    body: str = "",
    headers: Mapping[str, str] | None = None,
) -> FaultRule:
    return FaultRule(
        "POST", CREATE_PATH, action, when, status=status, body=body, headers=headers or {}
    )


def reading(action: FaultAction, *, times: int) -> FaultRule:
    return FaultRule("GET", f"{CREATE_PATH}.*", action, "after", times=times)


def files_below(folder: Path) -> list[Path]:
    return list(folder.rglob("*"))


@asynccontextmanager
async def answering(
    body: bytes, *, status: int = 200, content_type: str = "application/json"
) -> AsyncIterator[StripeSdkGateway]:
    """A gateway in front of somebody who gives the same answer to everything."""

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        headers = {"Content-Type": content_type, "Location": "/v1/elsewhere"}
        return web.Response(body=body, status=status, headers=headers)

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    async with served(app) as base, aiohttp.ClientSession() as session:
        yield gateway_for(base, session)


@pytest.mark.parametrize("action", ["status", "drop", "truncate"])
async def test_an_answer_lost_after_execution_is_unknown_and_the_key_finds_it(
    action: FaultAction,
) -> None:
    async with rig() as here:
        here.fault(creating(action, "after"))

        with pytest.raises(OutcomeUnknownError):
            await here.create()
        assert len(here.intents) == 1
        found = await here.create()

        assert here.intents == [found.intent.id]


async def test_a_500_that_stripe_keeps_under_the_key_stays_unknown_and_the_list_finds_it() -> None:
    async with rig(StripeSandboxOptions(cache_faulted_answers=True)) as here:
        here.fault(creating("status", "after"))

        for _ in range(2):
            with pytest.raises(OutcomeUnknownError):
                await here.create()
        (found,) = await here.gateway.find_payment_intents(
            HERE, customer="", created_from=here.clock.now(), created_to=here.clock.now()
        )

    assert found.intent.metadata == ORDER.metadata


@pytest.mark.parametrize("action", ["status", "drop"])
async def test_an_answer_lost_before_execution_is_unknown_too_and_repeating_creates_one(
    action: FaultAction,
) -> None:
    async with rig() as here:
        here.fault(creating(action, "before"))

        with pytest.raises(OutcomeUnknownError):
            await here.create()
        assert here.intents == []
        await here.create()

        assert len(here.intents) == 1


async def test_a_writing_request_is_sent_exactly_once() -> None:
    async with rig() as here:
        here.fault(creating("status", "before", headers={"Stripe-Should-Retry": "true"}))

        with pytest.raises(OutcomeUnknownError):
            await here.create()

        assert here.stripe.sandbox.faults.struck == 1
        assert here.stripe.checker.exchanges == 0


@pytest.mark.parametrize("action", ["status", "drop", "truncate"])
async def test_reading_survives_one_lost_answer_and_is_retryable_after_more(
    action: FaultAction,
) -> None:
    async with rig() as here:
        created = await here.create()
        here.fault(reading(action, times=1))

        seen = await here.gateway.retrieve_payment_intent(HERE, created.intent.id)
        here.fault(reading(action, times=-1))
        with pytest.raises(RetryableError):
            await here.gateway.retrieve_payment_intent(HERE, created.intent.id)

    assert seen.intent.id == created.intent.id


async def test_a_refused_connection_means_that_nothing_was_sent() -> None:
    async with served(web.Application()) as base:
        pass  # the port was free and is closed again
    async with aiohttp.ClientSession() as session:
        gateway = gateway_for(base, session)

        with pytest.raises(RetryableError, match="Nothing was sent"):
            await gateway.create_payment_intent(HERE, ORDER, idempotency_key="key-1")


async def test_a_name_that_does_not_resolve_means_that_nothing_was_sent() -> None:
    class NoNames(aiohttp.abc.AbstractResolver):
        @override
        async def resolve(
            self, host: str, port: int = 0, family: int = 0
        ) -> list[aiohttp.abc.ResolveResult]:
            raise OSError(-2, f"{host}:{port}/{family} is not known")

        @override
        async def close(self) -> None:
            """Nothing is open."""

    connector = aiohttp.TCPConnector(resolver=NoNames())
    async with aiohttp.ClientSession(connector=connector) as session:
        gateway = gateway_for("https://api.stripe.invalid", session)

        with pytest.raises(RetryableError, match="Nothing was sent"):
            await gateway.create_payment_intent(HERE, ORDER, idempotency_key="key-1")


async def test_someone_who_does_not_speak_tls_was_sent_nothing() -> None:
    async with rig() as here:
        gateway = gateway_for(here.stripe.base.replace("http:", "https:"), here.stripe.session)

        with pytest.raises(RetryableError, match="Nothing was sent"):
            await gateway.create_payment_intent(HERE, ORDER, idempotency_key="key-1")


async def test_silence_is_an_unknown_outcome() -> None:
    test_is_over = asyncio.Event()

    async def silent(request: web.Request) -> web.Response:
        await request.read()
        await test_is_over.wait()
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", silent)
    async with served(app) as base, aiohttp.ClientSession() as session:
        gateway = gateway_for(base, session, timeout_s=0.2)

        with pytest.raises(OutcomeUnknownError, match="TimeoutError"):
            await gateway.create_payment_intent(HERE, ORDER, idempotency_key="key-1")
        with pytest.raises(RetryableError):
            await gateway.retrieve_payment_intent(HERE, "pi_3Abc")
        test_is_over.set()


@pytest.mark.parametrize(
    ("body", "status", "content_type"),
    [
        (b"{", 200, "application/json"),
        (b"", 200, "application/json"),
        (b"null", 200, "application/json"),
        (b"[]", 200, "application/json"),
        (b'"pi_3Abc"', 200, "application/json"),
        (b'{"object": "list", "data": 7}', 200, "application/json"),
        (b'{"object": "payment_intent", "id": "pi_3Abc_secret_x"}', 200, "application/json"),
        (b'{"object": {"of": "art"}, "id": 7}', 200, "application/json"),
        (b"\xff\xfe", 200, "application/json"),
        (b"<html>Welcome to the hotel</html>", 200, "text/html"),
        (b"{}", 200, "text/plain"),
        (b"<html>Forbidden by a proxy</html>", 403, "text/html"),
        (b"<html>Not found by a proxy</html>", 404, "text/html"),
        (b"<html>Bad gateway</html>", 502, "text/html"),
        (b'{"error": null}', 400, "application/json"),
        (b'{"error": [1]}', 400, "application/json"),
        (b'{"error": "text"}', 400, "application/json"),
        (b'{"message": "another API"}', 401, "application/json"),
        (b"{}", 307, "application/json"),
        (b"[" * 100_000, 200, "application/json"),
    ],
)
async def test_an_answer_that_is_not_stripes_is_unknown_and_never_a_failure(
    body: bytes, status: int, content_type: str
) -> None:
    async with answering(body, status=status, content_type=content_type) as gateway:
        with pytest.raises(OutcomeUnknownError):
            await gateway.create_payment_intent(HERE, ORDER, idempotency_key="key-1")
        with pytest.raises((RetryableError, OutcomeUnknownError)):
            await gateway.retrieve_payment_intent(HERE, "pi_3Abc")


async def test_a_broken_answer_takes_no_client_secret_into_a_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    for body in (b'{"client_secret": "pi_3Abc_secret_x", ', b'{"client_secret": "pi_3_secret_x"}'):
        async with answering(body) as gateway:
            with pytest.raises(OutcomeUnknownError) as unknown:
                await gateway.create_payment_intent(HERE, ORDER, idempotency_key="key-1")

        assert "_secret_x" not in "".join(traceback.format_exception(unknown.value))
        assert unknown.value.__context__ is None or "_secret_x" not in repr(
            unknown.value.__context__
        )
    assert "_secret_x" not in caplog.text


def intent_json(**changed: object) -> dict[str, object]:
    return {
        "object": "payment_intent",
        "id": "pi_3Abc",
        "status": "succeeded",
        "amount": 17250,
        "amount_received": 17250,
        "currency": "eur",
        "created": 1_795_000_000,
        "livemode": False,
        "metadata": dict(ORDER.metadata),
        **changed,
    }


async def test_an_answer_of_the_other_mode_is_not_used_wherever_it_comes_from() -> None:
    async with answering(json.dumps(intent_json(livemode=True)).encode()) as gateway:
        with pytest.raises(BrokenInvariantError, match="other mode"):
            await gateway.create_payment_intent(HERE, ORDER, idempotency_key="key-1")
        with pytest.raises(BrokenInvariantError, match="other mode"):
            await gateway.retrieve_payment_intent(HERE, "pi_3Abc")
        with pytest.raises(BrokenInvariantError, match="other mode"):
            await gateway.cancel_payment_intent(HERE, "pi_3Abc")


async def test_an_event_of_the_other_mode_is_not_used() -> None:
    event = {
        "object": "event",
        "id": "evt_1",
        "type": "payment_intent.succeeded",
        "created": 1_795_000_000,
        "livemode": True,
        "data": {"object": intent_json(livemode=True)},
    }
    page = {"object": "list", "has_more": False, "data": [event]}
    async with answering(json.dumps(page).encode()) as gateway:
        with pytest.raises(BrokenInvariantError, match="other mode"):
            await anext(gateway.event_pages(HERE, created_from=NOW))


async def test_an_answer_about_another_payment_intent_is_not_used() -> None:
    async with answering(json.dumps(intent_json()).encode()) as gateway:
        with pytest.raises(BrokenInvariantError, match="pi_3Abc"):
            await gateway.retrieve_payment_intent(HERE, "pi_3Other")


async def test_a_payment_intent_that_another_customer_owns_is_not_listed() -> None:
    page = {"object": "list", "has_more": False, "data": [intent_json(customer="cus_Other")]}
    async with answering(json.dumps(page).encode()) as gateway:
        found = await gateway.find_payment_intents(
            HERE, customer="cus_Mine", created_from=NOW, created_to=NOW
        )

    assert found == []


async def test_canceling_what_does_not_exist_is_not_found() -> None:
    async with rig() as here:
        with pytest.raises(NotFoundError):
            await here.gateway.cancel_payment_intent(HERE, "pi_3Nowhere")


async def test_an_endless_answer_is_cut_off() -> None:
    async with answering(b" " * (17 * 1024 * 1024)) as gateway:
        with pytest.raises(OutcomeUnknownError):
            await gateway.create_payment_intent(HERE, ORDER, idempotency_key="key-1")


async def test_a_list_that_goes_round_in_circles_ends() -> None:
    endpoint = {
        "object": "webhook_endpoint",
        "id": "we_1",
        "url": "https://isp.example.net/other",
        "status": "enabled",
        "enabled_events": ["*"],
    }
    page = {"object": "list", "has_more": True, "data": [endpoint]}
    async with answering(json.dumps(page).encode()) as gateway:
        with pytest.raises(OutcomeUnknownError, match="repeats itself"):
            await gateway.webhook_endpoints.all_endpoints(HERE, connect=False)


async def test_a_key_in_use_is_waited_for() -> None:
    async with rig() as here:
        here.fault(creating("status", "before", status=409, body=IN_USE))

        with pytest.raises(RetryableError):
            await here.create()
        await here.create()

        assert len(here.intents) == 1


async def test_a_rate_limit_is_retryable_and_slows_down() -> None:
    async with rig(limits=RateLimits(per_endpoint_per_s=20, sandbox_total_per_s=1000)) as here:
        here.fault(
            creating(
                "status", "before", status=429, body=RATE_LIMITED, headers={"Retry-After": "3"}
            )
        )
        with pytest.raises(RetryableError) as refused:
            await here.create()
        begin = here.clock.monotonic()
        for number in range(20):
            await here.create(order_of(f"att_{number}"), key=f"key-{number}")

    assert refused.value.retry_after_s == 3
    assert here.clock.monotonic() - begin > 20 / 12


async def test_a_lock_timeout_is_retryable_and_no_reason_to_slow_down() -> None:
    async with rig() as here:
        here.fault(lock_timeout(CREATE_PATH))

        with pytest.raises(RetryableError):
            await here.create()
        begin = here.clock.monotonic()
        await here.create()

        assert here.clock.monotonic() == begin


@pytest.mark.parametrize(("priority", "least_s"), [("interactive", 4.5), ("background", 5.5)])
async def test_stripes_limit_of_25_per_second_is_used_and_never_hit(
    priority: str, least_s: float
) -> None:
    options = StripeSandboxOptions(global_rate_per_s=25, endpoint_rate_per_s=25)
    async with rig(options) as here:
        gateway = here.gateway.with_priority(Priority(priority))
        begin = here.clock.monotonic()

        for number in range(120):
            await gateway.create_payment_intent(
                HERE, order_of(f"att_{number}"), idempotency_key=f"key-{number}"
            )

    assert least_s <= here.clock.monotonic() - begin <= least_s + 0.5


async def test_the_sdk_tells_stripe_nothing_about_this_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    heard: list[Mapping[str, str]] = []

    async def listen(request: web.Request) -> web.Response:
        heard.append(dict(request.headers))
        return web.json_response({"object": "payment_intent"}, headers={"Request-Id": "req_1"})

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", listen)
    async with served(app) as base, aiohttp.ClientSession() as session:
        gateway = gateway_for(base, session)
        for _ in range(2):
            with pytest.raises(OutcomeUnknownError):
                await gateway.create_payment_intent(HERE, ORDER, idempotency_key="key-1")

    for headers in heard:
        assert headers["Stripe-Version"] == "2026-10-28.endive"
        assert headers["Idempotency-Key"] == "key-1"
        assert headers["User-Agent"].startswith("splynx-stripe ")
        assert not [name for name in headers if name.lower().startswith("x-stripe-client")]
    assert files_below(tmp_path) == []
