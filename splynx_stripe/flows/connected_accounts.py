"""Puts connected Stripe accounts and the secrets of our webhook endpoints into the settings in force.

Calls for a connected account are made with our platform's key and the header `Stripe-Account`, not
with the account's own token: Stripe advises so, a stolen database opens nothing, a key that is
replaced is replaced in one place, and a connection that was taken back is refused by name
(`account_invalid`), which a revoked token is not.

Whether keys or a connection are used, `authentication.py` says. A section whose connection has ended
has no account: nobody is charged with another one (I8).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from splynx_stripe.config.accounts import AccountKeys, SectionAccount
from splynx_stripe.config.problems import Problem
from splynx_stripe.config.settings import Settings
from splynx_stripe.domain.connection import (
    CURRENT_STATES,
    AccountProfile,
    Connection,
    OurEndpoint,
    endpoint_secret_place,
    platform_account,
)
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.flows.authentication import settle_authentication
from splynx_stripe.flows.connection_ports import ConnectionUnit
from splynx_stripe.kit.sealing import SealedValueError, Sealer, SealingKeyError
from splynx_stripe.kit.secret import Secret

FROM_OAUTH = "connected by OAuth"
"""Where the account of a section comes from that was connected with the button."""


def with_connections(unit: ConnectionUnit, settings: Settings, sealer: Sealer) -> Settings:
    """Gives the settings with what the database knows of Stripe accounts."""
    accounts = connected_accounts(unit.connections(), settings)
    secrets, problems = _endpoint_secrets(unit.our_endpoints(), sealer)
    platforms = {
        livemode: replace(
            platform, webhook_secrets=secrets.get(platform_account(livemode=livemode), ())
        )
        for livemode, platform in settings.platforms.items()
    }
    joined = replace(settle_authentication(settings, accounts), platforms=platforms)
    joined = joined.with_webhook_secrets(secrets).without_accounts(
        _changed_sections(unit.account_profiles(), joined)
    )
    return replace(joined, warnings=(*joined.warnings, *problems))


def connected_accounts(
    connections: Iterable[Connection], settings: Settings
) -> Mapping[str, SectionAccount | None]:
    """Gives the account of each section that has a connection; None for one that may not charge."""
    found: dict[str, SectionAccount | None] = {}
    for connection in connections:
        if connection.state in CURRENT_STATES:
            found[connection.section] = _section_account(connection, settings)
    return found


def _section_account(connection: Connection, settings: Settings) -> SectionAccount | None:
    platform = settings.platforms.get(connection.livemode)
    if platform is None or not connection.is_usable:
        return None
    keys = AccountKeys(
        secret_key=platform.secret_key,
        publishable_key=connection.publishable_key,
        webhook_secrets=(),
        stripe_account=connection.stripe_account_id,
    )
    return SectionAccount(connection.account, keys, origin=FROM_OAUTH)


def _endpoint_secrets(
    endpoints: Iterable[OurEndpoint], sealer: Sealer
) -> tuple[dict[StripeAccount, tuple[Secret, ...]], list[Problem]]:
    secrets: dict[StripeAccount, tuple[Secret, ...]] = {}
    problems = []
    for endpoint in endpoints:
        try:
            secret = Secret(sealer.open(endpoint.secret, endpoint_secret_place(endpoint.id)))
        except (SealedValueError, SealingKeyError) as error:
            key = f"webhook endpoint {endpoint.id}"
            problems.append(Problem("database", 0, key, str(error), "Payments are polled."))
        else:
            if not secret:
                continue  # one that the command line made: its secret is in a file
            secrets[endpoint.account] = (secret, *secrets.get(endpoint.account, ()))
    return secrets, problems


def _changed_sections(profiles: Iterable[AccountProfile], settings: Settings) -> set[str]:
    """Names sections whose keys have become those of another Stripe account."""
    changed = {profile.account for profile in profiles if profile.is_another}
    return {section for section, one in settings.section_accounts.items() if one.account in changed}
