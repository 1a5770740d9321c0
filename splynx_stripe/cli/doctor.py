"""The command `doctor`: finds what keeps payments from working, and says how to mend it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import aiohttp
import click

from splynx_stripe.cli.account_flows import of_ground
from splynx_stripe.cli.config_commands import settings_or_exit
from splynx_stripe.cli.doctor_accounts import account_lines
from splynx_stripe.cli.options import config_option
from splynx_stripe.cli.webhooks import webhook_url
from splynx_stripe.config import Settings
from splynx_stripe.daemon.accounts_wing import AccountsGround
from splynx_stripe.daemon.gateways import client_session, splynx_gateway, stripe_gateway
from splynx_stripe.daemon.settings_in_force import read_settings_in_force
from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
)
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.gateways.stripe.gateway import StripeSdkGateway
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.errors import NewerSchemaError, OlderSchemaError, StoreUnavailableError
from splynx_stripe.store.migrate import migrate
from splynx_stripe.store.store import SqlStore, open_store

_REFUSALS = (RejectedError, RetryableError, OutcomeUnknownError, BrokenInvariantError)
_MAX_SKEW_S = 30.0
_SILENCE = timedelta(hours=24)
_SET_UP = "Run `splynx-stripe setup`, which asks for all of it. What is missing:"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the diagnosis; the lines of `mend` say what to do when it is not well."""

    well: bool
    text: str
    mend: str = ""


@click.command()
@config_option
def doctor(config_path: Path) -> None:
    """Check everything that a payment needs; exit code 1 when something is wrong."""
    settings = settings_or_exit(config_path)
    findings = [Finding(False, str(warning)) for warning in settings.warnings]
    findings += asyncio.run(_examine(settings))
    for finding in findings:
        click.echo(f"{'ok  ' if finding.well else 'BAD '} {finding.text}")
        for line in () if finding.well else finding.mend.splitlines():
            click.echo(f"     → {line}")
    sys.exit(0 if all(finding.well for finding in findings) else 1)


async def _examine(settings: Settings) -> list[Finding]:
    clock = SystemClock()
    try:
        migrate(settings.database.url, clock=clock)
        store = open_store(settings.database.url, clock=clock, ids=RandomIds())
    except (NewerSchemaError, OlderSchemaError, StoreUnavailableError) as error:
        return [Finding(False, "the database cannot be used", str(error))]
    findings = [Finding(True, "the database opens and is up to date")]
    try:
        written = settings
        settings, _ = await read_settings_in_force(store, written)
        findings += _of_the_page(written, settings)
        async with client_session() as session:
            if settings.knows_splynx:
                findings += [item async for item in _splynx(settings, session, store)]
            gateway = stripe_gateway(settings, session, clock)
            for account, keys in settings.accounts().items():
                findings += [item async for item in _account(gateway, account)]
                if not keys.stripe_account:
                    findings += await _events(settings, store, account)
            ground = AccountsGround(
                settings=settings,
                store=store,
                installation=await store.read(lambda unit: unit.installation()),
                gateway=gateway,
                clock=clock,
                ids=RandomIds(),
                changed=lambda: None,
            )
            findings += [Finding(*line) for line in await account_lines(of_ground(ground))]
        findings += await _cases(store)
        findings += await _emergency_stop(store)
    finally:
        await store.close()
    return findings


def _of_the_page(written: Settings, settings: Settings) -> list[Finding]:
    """Tells what is missing, and what the settings page holds but cannot be."""
    findings: list[Finding] = []
    if settings.missing:
        missing = "\n".join((_SET_UP, *settings.missing))
        findings.append(Finding(False, "nothing is connected yet", missing))
    findings += [Finding(False, str(one)) for one in settings.warnings[len(written.warnings) :]]
    return [*findings, _encryption_key(settings)]


def _encryption_key(settings: Settings) -> Finding:
    sealer = settings.key_file.sealer()
    if sealer.has_key:
        return Finding(True, f"the encryption key {sealer.newest_key} is there")
    partners = [None, *map(int, _numbers(settings))]
    needed = any(
        business.authentication_type == "oauth" or set(business.payment_types) != {"card"}
        for business in map(settings.business, partners)
    )
    return Finding(
        not needed,
        "there is no encryption key; bank accounts and secrets cannot be stored in the database",
        "Run `splynx-stripe encryption init` as root.",
    )


async def _splynx(
    settings: Settings, session: aiohttp.ClientSession, store: SqlStore
) -> AsyncIterator[Finding]:
    gateway = splynx_gateway(settings, session, store, SystemClock())
    try:
        await gateway.check()
        missing = await gateway.probe_permissions()
    except _REFUSALS as error:
        yield Finding(
            False, f"Splynx at {settings.splynx.url} does not answer as it should", str(error)
        )
        return
    yield Finding(True, f"Splynx answers at {settings.splynx.url}")
    for name in missing:
        yield Finding(
            False,
            f"the API key may not use {name}",
            "In Splynx: Administration → API keys → the key → permissions; allow it.",
        )
    names = {settings.business(None).credit_card_payment_method}
    names |= {settings.business(int(s)).credit_card_payment_method for s in _numbers(settings)}
    for name in sorted(names):
        async with _refusals_as_findings() as refused:
            await gateway.payment_method_id(name)
        yield Finding(
            not refused,
            f"payment method {name!r} exists in Splynx",
            f"{' '.join(refused)} Make it under Config → Finance → Payment methods, or set"
            " credit_card_payment_method.",
        )


async def _account(gateway: StripeSdkGateway, account: StripeAccount) -> AsyncIterator[Finding]:
    try:
        status = await gateway.account_status(account)
    except _REFUSALS as error:
        yield Finding(False, f"Stripe account {account.key} cannot be used", str(error))
        return
    yield Finding(
        status.charges_enabled,
        f"Stripe account {account.key} ({status.id}, {status.country}) takes payments",
        "Finish the activation of the account in the Stripe dashboard.",
    )
    skew = status.clock_skew_s
    if skew is not None:
        yield Finding(
            abs(skew) <= _MAX_SKEW_S,
            f"our clock and Stripe's differ by {abs(skew):.0f} s",
            "Set this machine's clock (timedatectl set-ntp true); webhooks are refused otherwise.",
        )


async def _events(settings: Settings, store: SqlStore, account: StripeAccount) -> list[Finding]:
    keys = settings.accounts()[account]
    installation = await store.read(lambda unit: unit.installation())
    last = await store.read(lambda unit: unit.last_event_at(account, "webhook"))
    url = webhook_url(settings, installation, account)
    if not keys.webhook_secrets:
        return [
            Finding(
                False,
                f"{account.key} has no webhook; payments are seen by polling only,"
                f" every {settings.polling_interval.total_seconds():.0f} s",
                "Run `splynx-stripe webhooks init`.",
            )
        ]
    polled = await store.read(lambda unit: unit.last_event_at(account, "poll"))
    silent = polled is not None and (last is None or polled - last > _SILENCE)
    return [
        Finding(
            not silent,
            f"{account.key} has a webhook at {url}"
            + (f"; last event {last:%Y-%m-%d %H:%M}Z" if last else "; no event yet"),
            "Events were found by polling that never came by webhook: check in the Stripe dashboard"
            " that the endpoint is enabled and that its deliveries reach this address.",
        )
    ]


async def _cases(store: SqlStore) -> list[Finding]:
    found = await store.read(lambda unit: unit.cases(only_open=True, limit=1000))
    return [
        Finding(
            not found, f"{len(found)} open cases", "Run `splynx-stripe cases` and resolve them."
        )
    ]


async def _emergency_stop(store: SqlStore) -> list[Finding]:
    stop = await store.read(lambda unit: unit.charging_stop())
    if stop is None:
        return [Finding(True, "charge runs, auto charge and new tries may charge")]
    return [
        Finding(
            False,
            f"unattended charging is stopped since {stop.stopped_at:%Y-%m-%d %H:%M}Z by"
            f" {stop.stopped_by}: {stop.reason}",
            "`splynx-stripe resume-charging --note …` ends the stop.",
        )
    ]


def _numbers(settings: Settings) -> Sequence[str]:
    return [section for section in settings.partner_sections() if section.isdecimal()]


@asynccontextmanager
async def _refusals_as_findings() -> AsyncIterator[list[str]]:
    sentences: list[str] = []
    try:
        yield sentences
    except _REFUSALS as error:
        sentences.append(str(error))
