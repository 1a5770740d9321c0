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
from splynx_stripe.kit.sentence import sentence
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
            return [
                TrialLine(
                    False,
                    sentence("Splynx is not connected yet"),
                    sentence("Run `splynx-stripe setup`."),
                )
            ]
        await self._gateway.check()
        lines = [
            TrialLine(True, sentence("Splynx answers at %(address)s", address=settings.splynx.url))
        ]
        lines += [
            TrialLine(
                False,
                sentence("The API key may not use %(name)s", name=name),
                sentence("In Splynx: Administration → API keys → the key → permissions; allow it."),
            )
            for name in await self._gateway.probe_permissions()
        ]
        return lines + await _names(self._gateway, settings, section)

    async def _ask_stripe(self, settings: Settings, section: str) -> list[TrialLine]:
        name = settings.account_section(section)
        found = settings.section_accounts.get(name)
        if found is None:
            mend = sentence("Enter both keys, or connect the account with OAuth 2.0.")
            return [
                TrialLine(False, sentence("There is no Stripe account for this partner."), mend)
            ]
        async with client_session() as session:
            gateway = stripe_gateway(settings, session, self._clock)
            status = await gateway.account_status(found.account)
        works = (
            sentence("The secret key works: account %(account)s, live mode", account=status.id)
            if status.livemode
            else sentence("The secret key works: account %(account)s, test mode", account=status.id)
        )
        return [
            TrialLine(True, works),
            TrialLine(
                status.charges_enabled,
                sentence("The account takes payments")
                if status.charges_enabled
                else sentence("The account does not take payments yet"),
                sentence("Finish the activation of the account in the Stripe dashboard."),
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
            sentence("Payment account “%(name)s” exists in Splynx", name=name)
            if name in titles
            else sentence("Payment account “%(name)s” does not exist in Splynx", name=name),
            sentence(
                "Make it in Splynx under Config → Finance → Payment accounts; saved cards and bank"
                " accounts are shown there."
            ),
        )
        for name in wanted
    ]


async def _method_line(gateway: SplynxHttpGateway, name: str) -> TrialLine:
    try:
        await gateway.payment_method_id(name)
    except NotFoundError as error:
        absent = sentence("Payment method “%(name)s” does not exist in Splynx", name=name)
        return TrialLine(False, absent, str(error))
    return TrialLine(True, sentence("Payment method “%(name)s” exists in Splynx", name=name))


def _country_line(settings: Settings, section: str, country: str) -> TrialLine:
    written = str(settings.resolution(section).value("country"))
    return TrialLine(
        written in {"", country},
        sentence("Stripe says that the account is of %(country)s", country=country),
        sentence(
            "The setting says %(written)s; choose %(country)s there.",
            written=written,
            country=country,
        ),
    )


async def _patiently(
    whom: str, ask: Callable[[], Awaitable[Sequence[TrialLine]]]
) -> Sequence[TrialLine]:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await ask()
    except _REFUSALS as error:
        return [
            TrialLine(
                False, sentence("%(whom)s does not answer as it should", whom=whom), str(error)
            )
        ]
    except TimeoutError:
        late = sentence("%(whom)s did not answer in time", whom=whom)
        return [TrialLine(False, late, sentence("Please try again."))]
