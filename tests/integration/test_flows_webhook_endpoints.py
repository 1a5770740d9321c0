"""Our webhook endpoints: made, adopted, rotated under load without losing an event, kept tidy."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry

from splynx_stripe.domain.connection import platform_account
from splynx_stripe.domain.inbox import InboxSource, NewInboxEvent
from splynx_stripe.domain.stripe import StripeAccount, StripeEvent
from splynx_stripe.flows.account_rooms import AccountRefusedError, Refusal
from splynx_stripe.flows.inbox import ReceiveEvent
from splynx_stripe.sandbox.stripe.call import Call
from splynx_stripe.sandbox.stripe.state import Book
from splynx_stripe.web.app import create_app
from splynx_stripe.web.deps import WebDeps
from tests.integration.accounts_stage import (
    DEFAULT_ID,
    SECOND_ID,
    AccountsStage,
    accounts_stage,
)
from tests.integration.web_stage import open_stage

DEFAULT = StripeAccount("default", livemode=False)
PLATFORM = platform_account(livemode=False)
SECOND = StripeAccount(f"2-{SECOND_ID}", livemode=False)


@pytest.fixture
async def stage(tmp_path: Path, store_url: str) -> AsyncIterator[AccountsStage]:
    async with accounts_stage(tmp_path, store_url) as stage:
        yield stage


def book(stage: AccountsStage, account_id: str = DEFAULT_ID) -> Book:
    return stage.stripe.state.book(account_id)


async def test_init_makes_one_endpoint_and_its_secret_is_believed(stage: AccountsStage) -> None:
    flow = stage.wing.desk.endpoints
    first = await flow.init(DEFAULT, actor="admin:1")
    await stage.take_up()
    again = await stage.wing.desk.endpoints.init(DEFAULT, actor="admin:1")

    assert first.made is not None
    assert again.made is None
    assert len(book(stage).webhook_endpoints) == 1
    (secret,) = stage.settings.accounts()[DEFAULT].webhook_secrets
    assert secret.reveal() == first.secret
    assert "webhook.made" in await stage.actions()


async def test_the_secret_of_an_endpoint_is_sealed_in_the_database(stage: AccountsStage) -> None:
    made = await stage.wing.desk.endpoints.init(DEFAULT, actor="admin:1")
    (endpoint,) = await stage.store.read(lambda unit: unit.our_endpoints())

    assert endpoint.secret.startswith("v1:k1:")
    assert made.secret not in endpoint.secret


async def test_an_endpoint_whose_secret_nobody_knows_is_replaced(stage: AccountsStage) -> None:
    await stage.wing.desk.endpoints.initiate(DEFAULT)

    done = await stage.wing.desk.endpoints.init(DEFAULT, actor="admin:1")
    await stage.take_up()

    assert done.made is not None
    assert len(book(stage).webhook_endpoints) == 2
    assert len(stage.settings.accounts()[DEFAULT].webhook_secrets) == 1


async def test_a_disabled_endpoint_is_mended_and_not_doubled(stage: AccountsStage) -> None:
    await stage.wing.desk.endpoints.init(DEFAULT, actor="admin:1")
    (endpoint,) = book(stage).webhook_endpoints.values()
    endpoint["status"] = "disabled"
    await stage.take_up()

    await stage.wing.desk.endpoints.init(DEFAULT, actor="admin:1")

    assert endpoint["status"] == "enabled"
    assert len(book(stage).webhook_endpoints) == 1


async def test_the_old_endpoint_goes_when_the_new_one_has_delivered(stage: AccountsStage) -> None:
    await stage.wing.desk.endpoints.init(DEFAULT, actor="admin:1")
    await stage.take_up()
    done = await stage.wing.desk.endpoints.rotate(DEFAULT, actor="admin:1")
    await stage.take_up()
    flow = stage.wing.desk.endpoints
    await flow.tend()
    before = len(book(stage).webhook_endpoints)
    both = len(stage.settings.accounts()[DEFAULT].webhook_secrets)
    await flow.delivered(DEFAULT, done.secret)
    await flow.tend()
    await stage.take_up()
    still = len(stage.settings.accounts()[DEFAULT].webhook_secrets)
    stage.clock.move(timedelta(hours=1))
    await flow.tend()
    await stage.take_up()

    assert (before, both) == (2, 2)
    assert len(book(stage).webhook_endpoints) == 1
    assert still == 2  # what the old one had sent may still be on its way
    (secret,) = stage.settings.accounts()[DEFAULT].webhook_secrets
    assert secret.reveal() == done.secret


async def test_the_old_endpoint_goes_after_a_day_at_the_latest(stage: AccountsStage) -> None:
    await stage.wing.desk.endpoints.init(DEFAULT, actor="admin:1")
    await stage.take_up()
    await stage.wing.desk.endpoints.rotate(DEFAULT, actor="admin:1")
    stage.clock.move(timedelta(hours=23))
    await stage.wing.desk.endpoints.tend()
    before = len(book(stage).webhook_endpoints)
    stage.clock.move(timedelta(hours=1))
    await stage.wing.desk.endpoints.tend()

    assert before == 2
    assert len(book(stage).webhook_endpoints) == 1


async def test_strays_of_ours_are_found_and_those_of_others_are_left_alone(
    stage: AccountsStage,
) -> None:
    door = stage.wing.desk.endpoints
    ours = await door.init(DEFAULT, actor="admin:1")
    gateway = stage.wing._rooms.endpoints
    site = stage.settings.public_url
    lost = await gateway.add_endpoint(DEFAULT, f"{site}/webhook/{'0' * 32}", connect=False)
    await gateway.add_endpoint(DEFAULT, "https://shop.example.net/webhook/1", connect=False)
    stale = await gateway.add_endpoint(DEFAULT, ours.url, connect=False)
    book(stage).webhook_endpoints[stale.id]["api_version"] = "2020-08-27"
    stage.stripe.observer = None

    survey = await door.survey(DEFAULT)
    removed = await door.remove_strays(DEFAULT, [lost.id, stale.id, "we_other"], actor="admin:1")

    assert {stray.id for stray in survey.strays} == {lost.id, stale.id}
    assert len(removed) == 2
    left = {it["url"] for it in book(stage).webhook_endpoints.values()}
    assert left == {ours.url, "https://shop.example.net/webhook/1"}


async def test_at_the_limit_nothing_is_made_and_near_it_is_said(stage: AccountsStage) -> None:
    gateway = stage.wing._rooms.endpoints
    for number in range(14):
        await gateway.add_endpoint(DEFAULT, f"https://shop.example.net/{number}", connect=False)
    near = await stage.wing.desk.endpoints.survey(DEFAULT)
    for number in (14, 15):
        await gateway.add_endpoint(DEFAULT, f"https://shop.example.net/{number}", connect=False)

    with pytest.raises(AccountRefusedError) as refused:
        await stage.wing.desk.endpoints.init(DEFAULT, actor="admin:1")

    assert near.is_near_limit
    assert (refused.value.reason, refused.value.detail) == (Refusal.TOO_MANY_ENDPOINTS, "16")


@dataclass
class Receiving:
    """The real HTTP edge on loopback, with an inbox that remembers."""

    stage: AccountsStage
    seen: list[tuple[StripeAccount, str]] = field(default_factory=list)

    async def receive(
        self, event: StripeEvent, account: StripeAccount, source: InboxSource
    ) -> bool:
        assert source is InboxSource.WEBHOOK
        self.seen.append((account, event.id))
        return True

    @property
    def events(self) -> set[str]:
        return {event_id for _, event_id in self.seen}


@asynccontextmanager
async def receiving(tmp_path: Path, url: str) -> AsyncIterator[Receiving]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    public_url = f"http://127.0.0.1:{port}/stripe"
    async with accounts_stage(tmp_path, url, public_url=public_url) as stage:
        here = Receiving(stage)
        kept: list[WebDeps] = []

        def ours(deps: WebDeps) -> WebDeps:
            kept.append(deps)
            return deps

        async with open_stage(ours):
            deps = replace(
                kept[0],
                clock=stage.clock,
                inbox=here,
                webhook_endpoint=lambda name: stage.wing.webhook_endpoints().get(name),
                registry=CollectorRegistry(),
            )
            async with TestServer(create_app(deps), host="127.0.0.1", port=port):
                yield here


def emit(stage: AccountsStage, account_id: str = DEFAULT_ID) -> str:
    """Lets something happen at Stripe; gives the id of its event."""
    call = Call(stage.stripe.state, book(stage, account_id))
    call.emit("payment_intent.created", {"id": "pi_1", "object": "payment_intent"})
    return list(book(stage, account_id).events)[-1]


async def until_all_are_tried(stage: AccountsStage, account_id: str = DEFAULT_ID) -> None:
    """Waits until the sandbox has tried each delivery."""
    events = book(stage, account_id).events.values()
    async with asyncio.timeout(20):
        for delivery in [it for event in events for it in event.deliveries.values()]:
            while not delivery.statuses:  # noqa: ASYNC110 - the sandbox tells nobody when it is done
                await asyncio.sleep(0.005)


async def test_rotating_under_load_loses_no_event(tmp_path: Path, sqlite_url: str) -> None:
    async with receiving(tmp_path, sqlite_url) as here:
        stage = here.stage
        await stage.wing.desk.endpoints.init(DEFAULT, actor="admin:1")
        await stage.take_up()
        happened = [emit(stage) for _ in range(40)]
        await stage.wing.desk.endpoints.rotate(DEFAULT, actor="admin:1")
        happened += [emit(stage) for _ in range(40)]  # the daemon does not know the new secret yet
        await until_all_are_tried(stage)
        await stage.take_up()
        happened += [emit(stage) for _ in range(40)]
        await until_all_are_tried(stage)
        await stage.wing.desk.endpoints.tend()
        left = len(book(stage).webhook_endpoints)
        happened += [emit(stage) for _ in range(40)]
        await until_all_are_tried(stage)

    assert here.events == set(happened)
    assert left == 1


async def test_events_of_connected_accounts_come_through_one_endpoint_and_are_told_apart(
    tmp_path: Path, sqlite_url: str
) -> None:
    async with receiving(tmp_path, sqlite_url) as here:
        stage = here.stage
        await stage.connect("2", SECOND_ID)
        await stage.wing.desk.endpoints.init(PLATFORM, actor="admin:1")
        await stage.take_up()
        of_second = emit(stage, SECOND_ID)
        emit(stage, "acct_1SandboxPlatform")  # the platform's own are not for this endpoint
        await until_all_are_tried(stage, SECOND_ID)

    assert here.seen == [(SECOND, of_second)]


async def test_an_account_that_is_not_ours_is_acknowledged_and_ignored(
    tmp_path: Path, sqlite_url: str
) -> None:
    async with receiving(tmp_path, sqlite_url) as here:
        stage = here.stage
        await stage.wing.desk.endpoints.init(PLATFORM, actor="admin:1")
        await stage.take_up()
        platform = next(key for key in stage.stripe.options.keys if key.client_id)
        stage.stripe.state.connected["acct_1SandboxPlatform", False] = {SECOND_ID}
        emit(stage, SECOND_ID)
        await until_all_are_tried(stage, SECOND_ID)
        (event,) = book(stage, SECOND_ID).events.values()

    assert platform.client_id
    assert here.seen == []
    assert [it.statuses for it in event.deliveries.values()] == [[200]]


async def test_only_events_that_no_webhook_brought_count_as_lost(stage: AccountsStage) -> None:
    await stage.wing.desk.endpoints.init(DEFAULT, actor="admin:1")
    await stage.take_up()
    for number in range(3):
        event = NewInboxEvent(
            account=DEFAULT,
            event_id=f"evt_{number}",
            type="payment_intent.created",
            created=stage.clock.now(),
            received_at=stage.clock.now(),
            source=InboxSource.POLL,
            body=b"{}",
        )
        await stage.store.run(ReceiveEvent(event))
    await stage.store.run(lambda unit: unit.delivered_by_webhook(DEFAULT, "evt_1"))
    soon = await stage.wing.desk.overview.view("default")
    stage.clock.move(timedelta(minutes=11))
    later = await stage.wing.desk.overview.view("default")

    assert soon.lost == 0  # a webhook may still be on its way
    assert later.lost == 2
    assert later.deliveries is not None
    assert later.deliveries.last_webhook_at is not None


async def test_the_figures_say_whether_an_account_is_usable_and_what_was_lost(
    stage: AccountsStage,
) -> None:
    await stage.wing.desk.watch.check_all()
    registry = CollectorRegistry()
    keeper = stage.wing.keeper(registry=registry, troubled=list, leads=lambda: True)
    await keeper.figures()

    of = {"account": DEFAULT.key}
    assert registry.get_sample_value("splynx_stripe_account_usable", of) == 1
    assert registry.get_sample_value("splynx_stripe_account_permissions_missing", of) == 0
    assert registry.get_sample_value("splynx_stripe_webhook_events_lost", of) == 0
