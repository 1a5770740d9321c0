"""The gateway's part for accounts against the sandbox: endpoints, permissions, OAuth, isolation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from splynx_stripe.domain.connection import platform_account
from splynx_stripe.domain.errors import (
    NotFoundError,
    NotPermittedError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
)
from splynx_stripe.domain.stripe import StripeAccount, StripeCustomerOrder
from splynx_stripe.gateways.stripe import (
    API_VERSION,
    HANDLED_EVENT_TYPES,
    StripeCredentials,
    StripeEndpoints,
    StripeSdkGateway,
)
from splynx_stripe.gateways.stripe.oauth import OAuthClient, StripeOAuth
from splynx_stripe.gateways.stripe.preflight import PERMISSIONS
from splynx_stripe.kit.secret import Secret
from splynx_stripe.sandbox.faults import FaultRule
from splynx_stripe.sandbox.stripe import StripeSandboxOptions
from splynx_stripe.sandbox.stripe.state import DEFAULT_KEYS, SandboxKey
from tests.contract.stripe_gateway_rig import HERE, PassingClock, rig
from tests.contract.stripe_sandbox_running import Running, running

URL = "https://isp.example.net/stripe/webhook/abc"
PLATFORM = platform_account(livemode=False)
PLATFORM_KEY = "sk_test_sandbox_platform"
CLIENT_ID = "ca_SandboxPlatform"
CONNECTED_ID = "acct_1SandboxSecond00"
CONNECTED = StripeAccount(f"2-{CONNECTED_ID}", livemode=False)
RESTRICTED = StripeAccount("3", livemode=False)


@dataclass
class Connect:
    """A gateway with a platform and an account that may be connected to it."""

    gateway: StripeSdkGateway
    oauth: StripeOAuth
    stripe: Running

    def code(self) -> str:
        sandbox = self.stripe.sandbox
        platform = next(key for key in sandbox.options.keys if key.client_id)
        return sandbox.connect.code_for(platform, CONNECTED_ID)


@asynccontextmanager
async def connect(*, permissions: frozenset[str] | None = None) -> AsyncIterator[Connect]:
    limited = SandboxKey(
        "rk_test_sandbox_limited",
        "pk_test_sandbox_limited",
        DEFAULT_KEYS[0].account_id,
        permissions=permissions or frozenset(),
    )
    options = StripeSandboxOptions(keys=(*DEFAULT_KEYS, limited))
    async with running(options=options) as stripe, aiohttp.ClientSession() as session:
        gateway = StripeSdkGateway(
            endpoints=StripeEndpoints(api_base=stripe.base, connect_base=stripe.base),
            credentials={
                PLATFORM: StripeCredentials(Secret(PLATFORM_KEY)),
                CONNECTED: StripeCredentials(Secret(PLATFORM_KEY), stripe_account=CONNECTED_ID),
                RESTRICTED: StripeCredentials(Secret("rk_test_sandbox_limited")),
            },
            session=session,
            clock=PassingClock(),
        )
        yield Connect(gateway, gateway.oauth({False: OAuthClient(CLIENT_ID)}), stripe)


async def test_an_endpoint_is_made_with_our_events_in_our_version_and_its_secret_told_once() -> (
    None
):
    async with rig() as here:
        made = await here.gateway.webhook_endpoints.add_endpoint(HERE, URL, connect=False)
        (listed,) = await here.gateway.webhook_endpoints.all_endpoints(HERE, connect=False)
        (endpoint,) = here.stripe.sandbox.state.book().webhook_endpoints.values()

    assert made.secret.startswith("whsec_")
    assert listed == replace(made, secret="")
    assert listed.is_enabled
    assert listed.is_of_version
    assert listed.has_all_events
    assert endpoint["api_version"] == API_VERSION
    assert set(endpoint["enabled_events"]) == set(HANDLED_EVENT_TYPES)


async def test_an_endpoint_that_was_switched_off_or_narrowed_is_mended() -> None:
    async with rig() as here:
        door = here.gateway.webhook_endpoints
        made = await door.add_endpoint(HERE, URL, connect=False)
        (endpoint,) = here.stripe.sandbox.state.book().webhook_endpoints.values()
        endpoint.update(status="disabled", enabled_events=["payment_intent.succeeded"])
        (before,) = await door.all_endpoints(HERE, connect=False)
        await door.mend_endpoint(HERE, made.id, connect=False)
        (after,) = await door.all_endpoints(HERE, connect=False)

    assert not before.is_enabled
    assert not before.has_all_events
    assert after.is_enabled
    assert after.has_all_events


async def test_removing_an_endpoint_twice_is_no_error() -> None:
    async with rig() as here:
        door = here.gateway.webhook_endpoints
        made = await door.add_endpoint(HERE, URL, connect=False)
        await door.remove_endpoint(HERE, made.id)
        await door.remove_endpoint(HERE, made.id)

        assert await door.all_endpoints(HERE, connect=False) == []


async def test_each_missing_permission_of_a_restricted_key_is_named_with_its_consequence() -> None:
    allowed = frozenset({"rak_payment_intent_write", "rak_customer_read", "rak_event_read"})
    async with connect(permissions=allowed) as here:
        missing = await here.gateway.missing_permissions(RESTRICTED)

    named = {line.split(". ")[0] for line in missing}
    assert named == {
        "Customers: Write",
        "SetupIntents: Write",
        "SetupIntents: Read",
        "PaymentMethods: Write",
        "PaymentMethods: Read",
        "Mandates: Read",
        "Disputes: Read",
        "Webhook Endpoints: Write",
        "Webhook Endpoints: Read",
    }
    assert all("Without it" in line for line in missing)


async def test_trying_the_permissions_changes_nothing_at_stripe() -> None:
    async with rig() as here:
        before = here.stripe.sandbox.control.totals()
        missing = await here.gateway.missing_permissions(HERE)
        after = here.stripe.sandbox.control.totals()

    assert missing == []
    assert {**before, "keys": 0} == {**after, "keys": 0}


async def test_a_revoked_key_is_not_reported_as_missing_permissions() -> None:
    async with rig(keys={HERE: "sk_test_gone"}) as here:
        with pytest.raises(NotPermittedError, match="wrong or revoked"):
            await here.gateway.missing_permissions(HERE)


async def test_every_permission_is_tried_with_an_object_that_cannot_exist_or_a_list_of_one() -> (
    None
):
    for permission in PERMISSIONS:
        harmless = "splynx_stripe_preflight" in permission.path or permission.method == "get"
        assert harmless, permission.name


async def test_the_consent_page_is_asked_for_read_and_write_with_our_state() -> None:
    async with connect() as here:
        address = here.oauth.authorize_url(
            livemode=False,
            state="st.1",
            redirect_uri="https://isp.example.net/stripe/oauth/callback",
        )

    query = parse_qs(urlsplit(address).query)
    assert urlsplit(address).path == "/oauth/authorize"
    assert query["client_id"] == [CLIENT_ID]
    assert query["scope"] == ["read_write"]
    assert query["response_type"] == ["code"]
    assert query["state"] == ["st.1"]


async def test_a_code_is_exchanged_once() -> None:
    async with connect() as here:
        code = here.code()
        grant = await here.oauth.exchange(code, livemode=False)
        with pytest.raises(RejectedError) as refused:
            await here.oauth.exchange(code, livemode=False)

    assert grant.stripe_account_id == CONNECTED_ID
    assert grant.publishable_key == "pk_test_sandbox_second"
    assert not grant.livemode
    assert refused.value.code == "invalid_grant"
    assert grant.access_token not in repr(grant)


@pytest.mark.parametrize("code", ["", "ac_unknown"])
async def test_a_foreign_code_is_refused(code: str) -> None:
    async with connect() as here:
        with pytest.raises(RejectedError) as refused:
            await here.oauth.exchange(code, livemode=False)

    assert refused.value.code == "invalid_grant"


async def test_a_lost_answer_of_the_exchange_is_unknown_and_not_refused() -> None:
    async with connect() as here:
        here.stripe.sandbox.faults.add(
            FaultRule(method="POST", path="/oauth/token", action="drop", when="after")
        )
        with pytest.raises((OutcomeUnknownError, RetryableError)):
            await here.oauth.exchange(here.code(), livemode=False)


async def test_without_a_platform_nothing_can_be_connected() -> None:
    async with connect() as here:
        oauth = here.gateway.oauth({})
        with pytest.raises(NotPermittedError, match="connect_client_id"):
            oauth.authorize_url(livemode=True, state="s", redirect_uri="https://isp.example.net/")


async def test_an_account_is_reached_only_while_it_is_connected() -> None:
    order = StripeCustomerOrder("Jana", "jana@example.net", "", {})
    async with connect() as here:
        with pytest.raises(NotPermittedError) as before:
            await here.gateway.account_status(CONNECTED)
        await here.oauth.exchange(here.code(), livemode=False)
        status = await here.gateway.account_status(CONNECTED)
        customer = await here.gateway.create_customer(CONNECTED, order, idempotency_key="k")
        await here.oauth.deauthorize(CONNECTED_ID, livemode=False)
        await here.oauth.deauthorize(CONNECTED_ID, livemode=False)
        with pytest.raises(NotPermittedError) as after:
            await here.gateway.account_status(CONNECTED)
        state = here.stripe.sandbox.state

    assert before.value.code == after.value.code == "account_invalid"
    assert status.id == CONNECTED_ID
    assert customer in state.book(CONNECTED_ID).customers
    assert customer not in state.book("acct_1SandboxPlatform").customers


async def test_what_belongs_to_a_connected_account_is_not_seen_with_another_ones_key() -> None:
    order = StripeCustomerOrder("Jana", "jana@example.net", "", {})
    async with connect() as here:
        await here.oauth.exchange(here.code(), livemode=False)
        await here.gateway.create_customer(CONNECTED, order, idempotency_key="k")
        with pytest.raises(NotFoundError):
            await here.gateway.retrieve_payment_intent(PLATFORM, "pi_of_nobody")

        assert here.stripe.sandbox.state.book("acct_1SandboxPlatform").customers == {}


async def test_stripes_limit_of_endpoints_is_a_refusal() -> None:
    async with rig() as here:
        door = here.gateway.webhook_endpoints
        for number in range(16):
            await door.add_endpoint(HERE, f"{URL}{number}", connect=False)

        with pytest.raises(RejectedError, match="maximum of 16"):
            await door.add_endpoint(HERE, URL, connect=False)
