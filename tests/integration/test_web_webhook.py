"""The webhook door: what is refused and how, and that acknowledged means stored."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from splynx_stripe.domain.errors import RetryableError
from tests.integration.web_stage import Stage, open_stage, signature

ADDRESS = "/stripe/webhook/hook-of-default"


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with open_stage() as stage:
        yield stage


def event_body(**changes: object) -> bytes:
    event: dict[str, object] = {
        "id": "evt_1",
        "object": "event",
        "type": "charge.updated",
        "created": 1795521600,
        "livemode": False,
        "api_version": "2026-10-28.endive",
        "data": {"object": {"id": "ch_1", "object": "charge"}},
    }
    return json.dumps(event | changes).encode()


async def send(
    stage: Stage,
    body: bytes,
    *,
    address: str = ADDRESS,
    header: str | None = None,
    encoding: str = "",
) -> tuple[int, dict[str, object]]:
    headers = {"Content-Type": "text/plain"}
    header = signature(body, stage.clock.now()) if header is None else header
    if header:
        headers["Stripe-Signature"] = header
    if encoding:
        headers["Content-Encoding"] = encoding
    async with stage.client.post(address, data=body, headers=headers) as response:
        return response.status, await response.json()


def refusals(caplog: pytest.LogCaptureFixture) -> list[str]:
    records = [record for record in caplog.records if record.getMessage() == "webhook.refused"]
    assert all(record.levelno == logging.WARNING for record in records)
    return [str(record.__dict__["reason"]) for record in records]


async def test_an_event_is_acknowledged_after_it_was_stored(stage: Stage) -> None:
    status, answer = await send(stage, event_body())

    assert (status, answer) == (200, {"received": True})
    assert list(stage.inbox.stored) == [("default:test", "evt_1")]


async def test_an_event_that_could_not_be_stored_is_not_acknowledged(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """I7: whatever the store's trouble is, Stripe is told to come again."""
    for error in (RetryableError("locked"), OSError("disk full")):
        stage.inbox.error = error
        status, _ = await send(stage, event_body())
        assert status == 503

    assert len([r for r in caplog.records if r.getMessage() == "request.failed"]) == 2
    stored = stage.registry.get_sample_value(
        "splynx_stripe_webhook_events_total", {"type": "charge.updated", "result": "not_stored"}
    )
    assert stored == 2


async def test_a_thousand_equal_events_at_once_are_one(stage: Stage) -> None:
    body = event_body()
    header = signature(body, stage.clock.now())
    gate = asyncio.Semaphore(50)

    async def one() -> int:
        async with gate:
            return (await send(stage, body, header=header))[0]

    statuses = await asyncio.gather(*(one() for _ in range(1000)))

    assert set(statuses) == {200}
    assert stage.inbox.calls == 1000
    assert len(stage.inbox.stored) == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"livemode": True}, "wrong_mode"),
        ({"account": "acct_other"}, "wrong_account"),
        ({"id": 5}, "not_understood"),
    ],
)
async def test_a_signed_event_that_is_not_for_us_is_refused_once_logged_once(
    stage: Stage, caplog: pytest.LogCaptureFixture, changes: dict[str, object], reason: str
) -> None:
    """I8: another mode or account never gets in."""
    status, _ = await send(stage, event_body(**changes))

    assert status == 400
    assert refusals(caplog) == [reason]
    assert stage.inbox.calls == 0


async def test_a_signed_body_that_is_no_json_is_refused(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await send(stage, b"<xml/>"))[0] == 400
    assert refusals(caplog) == ["not_understood"]


@pytest.mark.parametrize(
    ("moved_s", "reason"), [(-301, "too_old"), (301, "in_the_future"), (0, "no_match")]
)
async def test_a_wrong_signature_or_time_is_refused(
    stage: Stage, caplog: pytest.LogCaptureFixture, moved_s: int, reason: str
) -> None:
    body = event_body()
    secret = "whsec_test_1" if moved_s else "whsec_of_somebody_else"
    header = signature(body, stage.clock.now() + timedelta(seconds=moved_s), secret)

    assert (await send(stage, body, header=header))[0] == 400
    assert refusals(caplog) == [reason]
    assert stage.inbox.calls == 0


@pytest.mark.parametrize(
    ("header", "reason"), [("", "missing_header"), ("t=1,v1=ab,t=2", "malformed")]
)
async def test_a_missing_or_odd_signature_is_refused(
    stage: Stage, caplog: pytest.LogCaptureFixture, header: str, reason: str
) -> None:
    assert (await send(stage, event_body(), header=header))[0] == 400
    assert refusals(caplog) == [reason]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nobody-knows-this", "unknown_endpoint"),
        ("hook-without-secret", "no_secret"),
        ("hook-with-empty-secret", "no_secret"),
    ],
)
async def test_an_endpoint_that_does_not_exist_or_has_no_secret_is_not_there(
    stage: Stage, caplog: pytest.LogCaptureFixture, name: str, reason: str
) -> None:
    body = event_body()
    header = signature(body, stage.clock.now(), "")

    assert (await send(stage, body, address=f"/stripe/webhook/{name}", header=header))[0] == 404
    assert refusals(caplog) == [reason]
    assert name not in caplog.text
    assert stage.inbox.calls == 0


async def test_a_body_of_a_megabyte_is_refused(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await send(stage, b"x" * 1024 * 1024))[0] == 413
    assert refusals(caplog) == ["too_large"]


async def test_a_body_that_grows_too_large_without_announcing_it_is_refused(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(16):
            yield b"x" * 64 * 1024

    async with stage.client.post(ADDRESS, data=chunks()) as response:
        assert response.status == 413
    assert refusals(caplog) == ["too_large"]


async def test_a_packed_body_is_refused(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    assert (await send(stage, gzip.compress(event_body()), encoding="gzip"))[0] == 415
    assert refusals(caplog) == ["encoded_body"]


async def test_a_flood_of_refusals_is_one_line_and_then_a_count(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(20):
        await send(stage, event_body(), header="")
    assert refusals(caplog) == ["missing_header"]

    stage.clock.move(10)
    await send(stage, event_body(), header="")

    assert [r.__dict__["repeated"] for r in caplog.records if "refused" in r.msg] == [0, 19]
    counted = stage.registry.get_sample_value(
        "splynx_stripe_webhook_events_total", {"type": "unproven", "result": "missing_header"}
    )
    assert counted == 21


async def test_invented_endpoints_cannot_flood_the_log(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(20):
        await send(stage, event_body(), address=f"/stripe/webhook/{number}-x%0a-x")

    assert refusals(caplog) == ["unknown_endpoint"]
    assert "\n" not in str(next(r.__dict__["endpoint"] for r in caplog.records if "ref" in r.msg))
