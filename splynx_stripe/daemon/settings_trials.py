"""Tries settings out on Splynx and Stripe for the settings page; a refusal is a sentence too."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from splynx_stripe.config import Settings
from splynx_stripe.daemon.gateways import client_session, stripe_gateway
from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    NotFoundError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
)
from splynx_stripe.gateways.splynx.gateway import SplynxHttpGateway
from splynx_stripe.kit.clock import Clock
from splynx_stripe.web.settings_desk import TrialLine

_REFUSALS = (RejectedError, RetryableError, OutcomeUnknownError, BrokenInvariantError)
_PATIENCE_S = 25.0
"""Somebody waits at the page; an answer that takes longer is no answer."""

_BELIEVED_FOR_S = 60.0
"""The page is asked again and again while somebody fills it in; partners change once a year."""


class OutsideTrials:
    """Implements `web.settings_desk.SettingsTrials`.

    Splynx is asked through the gateway in force, for its address and key stand in files only;
    without one nothing is connected yet.
    """

    def __init__(self, splynx: SplynxHttpGateway | None, clock: Clock) -> None:
        self._gateway = splynx
        self._clock = clock
        self._partners: Mapping[int, str] | None = None
        self._partners_until = 0.0

    async def splynx(self, settings: Settings, section: str) -> Sequence[TrialLine]:
        """Asks Splynx: reach, permissions, and whether the named accounts and methods exist."""
        return await _patiently("Splynx", lambda: self._ask_splynx(settings, section))

    async def stripe(self, settings: Settings, section: str) -> Sequence[TrialLine]:
        """Asks Stripe: do the keys work, of which account and mode, can it take money."""
        return await _patiently("Stripe", lambda: self._ask_stripe(settings, section))

    async def partners(self) -> Mapping[int, str] | None:
        """Lists Splynx's partners by id; None when they cannot be had. Believed for a minute."""
        if self._gateway is None:
            return None
        if self._clock.monotonic() >= self._partners_until:
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    self._partners = await self._gateway.partners()
            except (*_REFUSALS, TimeoutError):
                return None
            self._partners_until = self._clock.monotonic() + _BELIEVED_FOR_S
        return self._partners

    async def _ask_splynx(self, settings: Settings, section: str) -> list[TrialLine]:
        if self._gateway is None:
            return [TrialLine(False, "Splynx is not connected yet", "Run `splynx-stripe setup`.")]
        await self._gateway.check()
        lines = [TrialLine(True, f"Splynx answers at {settings.splynx.url}")]
        lines += [
            TrialLine(
                False,
                f"The API key may not use {name}",
                "In Splynx: Administration → API keys → the key → permissions; allow it.",
            )
            for name in await self._gateway.probe_permissions()
        ]
        return lines + await _names(self._gateway, settings, section)

    async def _ask_stripe(self, settings: Settings, section: str) -> list[TrialLine]:
        name = settings.account_section(section)
        found = settings.section_accounts.get(name)
        if found is None:
            mend = "Enter both keys, or connect the account with OAuth 2.0."
            return [TrialLine(False, "There is no Stripe account for this partner.", mend)]
        async with client_session() as session:
            gateway = stripe_gateway(settings, session, self._clock)
            status = await gateway.account_status(found.account)
        mode = "live" if status.livemode else "test"
        return [
            TrialLine(True, f"The secret key works: account {status.id}, {mode} mode"),
            TrialLine(
                status.charges_enabled,
                "The account takes payments"
                if status.charges_enabled
                else "The account does not take payments yet",
                "Finish the activation of the account in the Stripe dashboard.",
            ),
            _country_line(settings, section, status.country),
        ]


async def _names(gateway: SplynxHttpGateway, settings: Settings, section: str) -> list[TrialLine]:
    business = settings.resolution(section).business()
    takes_banks = set(business.payment_types) - {"card"}
    lines = [await _method_line(gateway, business.credit_card_payment_method)]
    if takes_banks:
        lines.append(await _method_line(gateway, business.bank_account_payment_method))
    titles = {one.title for one in await gateway.payment_accounts.payment_accounts()}
    wanted = [business.payment_account, *([business.bank_payment_account] if takes_banks else [])]
    return lines + [
        TrialLine(
            name in titles,
            f"Payment account “{name}” {'exists' if name in titles else 'does not exist'} in Splynx",
            "Make it in Splynx under Config → Finance → Payment accounts; saved cards and bank"
            " accounts are shown there.",
        )
        for name in wanted
    ]


async def _method_line(gateway: SplynxHttpGateway, name: str) -> TrialLine:
    try:
        await gateway.payment_method_id(name)
    except NotFoundError as error:
        return TrialLine(False, f"Payment method “{name}” does not exist in Splynx", str(error))
    return TrialLine(True, f"Payment method “{name}” exists in Splynx")


def _country_line(settings: Settings, section: str, country: str) -> TrialLine:
    written = str(settings.resolution(section).value("country"))
    return TrialLine(
        written in {"", country},
        f"Stripe says that the account is of {country}",
        f"The setting says {written}; choose {country} there.",
    )


async def _patiently(
    whom: str, ask: Callable[[], Awaitable[Sequence[TrialLine]]]
) -> Sequence[TrialLine]:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await ask()
    except _REFUSALS as error:
        return [TrialLine(False, f"{whom} does not answer as it should", str(error))]
    except TimeoutError:
        return [TrialLine(False, f"{whom} did not answer in time", "Please try again.")]
