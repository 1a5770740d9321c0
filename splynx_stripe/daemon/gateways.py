"""Makes the gateways from the settings; the daemon and `doctor` use the same."""

from __future__ import annotations

import aiohttp

from splynx_stripe.config import Settings
from splynx_stripe.domain.connection import platform_account
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.gateways.splynx.connection import SplynxConnection
from splynx_stripe.gateways.splynx.gateway import SplynxHttpGateway
from splynx_stripe.gateways.stripe.client import RateLimits, StripeCredentials, StripeEndpoints
from splynx_stripe.gateways.stripe.gateway import StripeSdkGateway
from splynx_stripe.gateways.stripe.oauth import OAuthClient
from splynx_stripe.kit.clock import Clock
from splynx_stripe.kit.secret import Secret
from splynx_stripe.store.store import SqlStore


def client_session() -> aiohttp.ClientSession:
    """Opens the connection pool that both gateways share; cookies are never kept."""
    connector = aiohttp.TCPConnector(limit=100, limit_per_host=50)
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())


def splynx_gateway(
    settings: Settings, session: aiohttp.ClientSession, store: SqlStore, clock: Clock
) -> SplynxHttpGateway:
    """Makes the door to Splynx; its nonces are reserved in the store, so they rise for ever."""
    splynx = settings.splynx

    async def reserve(floor: int, count: int) -> int:
        return await store.run(lambda unit: unit.reserve_nonces(splynx.api_key, floor, count))

    connection = SplynxConnection(
        url=splynx.url,
        api_key=splynx.api_key,
        api_secret=settings.splynx_api_secret or Secret(""),
        timezone=splynx.timezone,
        timeout_s=splynx.timeout_s,
        max_parallel=splynx.max_parallel,
        authentication=splynx.authentication,
    )
    return SplynxHttpGateway(connection=connection, session=session, clock=clock, nonces=reserve)


def _credentials(settings: Settings) -> dict[StripeAccount, StripeCredentials]:
    """Gives the keys of every account, and those of our Connect platform under its own name."""
    of_accounts = {
        account: StripeCredentials(keys.secret_key, keys.webhook_secrets, keys.stripe_account)
        for account, keys in settings.accounts().items()
    }
    of_platforms = {
        platform_account(livemode=livemode): StripeCredentials(platform.secret_key)
        for livemode, platform in settings.platforms.items()
    }
    return of_accounts | of_platforms


def oauth_clients(settings: Settings) -> dict[bool, OAuthClient]:
    """Gives our Connect platform of each mode."""
    return {
        livemode: OAuthClient(platform.client_id)
        for livemode, platform in settings.platforms.items()
    }


def stripe_gateway(
    settings: Settings, session: aiohttp.ClientSession, clock: Clock
) -> StripeSdkGateway:
    """Makes the door to Stripe, with the keys of every account."""
    rates = settings.stripe.requests_per_second
    return StripeSdkGateway(
        endpoints=StripeEndpoints(settings.stripe.api_base, settings.stripe.connect_base),
        credentials=_credentials(settings),
        session=session,
        clock=clock,
        limits=RateLimits(
            per_endpoint_per_s=rates.per_endpoint,
            total_per_s=rates.total,
            sandbox_total_per_s=rates.sandbox_total,
        ),
    )
