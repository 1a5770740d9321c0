"""Our webhook endpoints at Stripe: made or adopted, rotated without losing an event, kept tidy.

Rotating makes a new endpoint at the same address beside the old one. Both deliver, both secrets
are believed, and what comes twice is recognised by its id. The old one is removed when the new one
has delivered, or after a day; its secret is believed an hour longer, for what is on its way.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.connection import (
    ENDPOINTS_TO_WARN_AT,
    MAX_ENDPOINTS,
    PLATFORM,
    EndpointAtStripe,
    EndpointState,
    OurEndpoint,
    endpoint_secret_place,
)
from splynx_stripe.domain.errors import OutcomeUnknownError, RejectedError, RetryableError
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.flows.account_rooms import AccountRefusedError, AccountRooms, Refusal
from splynx_stripe.flows.ports import Unit
from splynx_stripe.kit.sealing import SealedValueError, SealingKeyError

log = logging.getLogger(__name__)

OLD_STAYS_FOR = timedelta(hours=24)
OLD_SECRET_STAYS_FOR = timedelta(hours=1)
_FAMILIES = (RejectedError, RetryableError, OutcomeUnknownError)


@dataclass(frozen=True, slots=True)
class Survey:
    """What Stripe has for an account.

    `ours` stand at our address, the whole ones first. `strays` are endpoints of this site that
    nothing of ours listens to any more: another name, or a stale version of ours.
    """

    ours: Sequence[EndpointAtStripe]
    strays: Sequence[EndpointAtStripe]
    count: int

    @property
    def is_near_limit(self) -> bool:
        """Says whether Stripe's limit is near."""
        return self.count >= ENDPOINTS_TO_WARN_AT


@dataclass(frozen=True, slots=True)
class Initiated:
    """What "Init webhook" did. `secret` is there where a new endpoint was made, and only then."""

    url: str
    made: EndpointAtStripe | None
    survey: Survey

    @property
    def secret(self) -> str:
        """Gives the signing secret of a new endpoint, "" of one that was there."""
        return self.made.secret if self.made else ""


class WebhookEndpointsFlow:
    """Looks after the endpoints of one account at a time; `account` may be our platform."""

    def __init__(self, rooms: AccountRooms) -> None:
        self._rooms = rooms

    async def survey(self, account: StripeAccount) -> Survey:
        """Looks at what is there. Raises one of the four families."""
        url = self._rooms.webhook_url(account)
        found = await self._rooms.endpoints.all_endpoints(account, connect=_connect(account))
        here = [it for it in found if it.url == url]
        usable = [it for it in here if it.is_of_version]
        stale = [it for it in here if not it.is_of_version]
        site = f"{self._rooms.settings.public_url}/webhook/"
        names = {self._rooms.webhook_url(it) for it in self._known_accounts()}
        lost = [it for it in found if it.url.startswith(site) and it.url not in names]
        return Survey(sorted(usable, key=_needs_mending), [*lost, *stale], len(found))

    async def initiate(self, account: StripeAccount) -> Initiated:
        """Adopts the endpoint at our address, mending it, or makes one. Stores nothing.

        Raises:
            AccountRefusedError: Stripe's limit is reached.
        """
        survey = await self.survey(account)
        url = self._rooms.webhook_url(account)
        if not survey.ours:
            return Initiated(url, await self._add(account, url, survey), survey)
        first = survey.ours[0]
        if _needs_mending(first):
            await self._rooms.endpoints.mend_endpoint(account, first.id, connect=_connect(account))
        return Initiated(url, None, survey)

    async def init(self, account: StripeAccount, *, actor: str) -> Initiated:
        """Makes sure that there is an endpoint whose secret we know.

        Raises:
            AccountRefusedError: Stripe's limit is reached, or there is no encryption key.
        """
        async with self._rooms.locks.hold(f"webhook {account.key}"):
            self._check_key()
            known = await self._known_ids(account)
            has_secret = bool(known) or bool(self._written_secrets(account))
            done = await self.initiate(account)
            if done.made is None and not has_secret:
                # Stripe tells a secret once; whoever lost it needs another endpoint.
                return await self._rotate(account, done.survey, actor)
            if done.made is not None:
                await self._remember(account, done.url, done.made, actor, retiring=())
            return done

    async def rotate(self, account: StripeAccount, *, actor: str) -> Initiated:
        """Makes a new endpoint beside the old ones, which retire.

        Raises:
            AccountRefusedError: Stripe's limit is reached, or there is no encryption key.
        """
        async with self._rooms.locks.hold(f"webhook {account.key}"):
            self._check_key()
            return await self._rotate(account, await self.survey(account), actor)

    async def _rotate(self, account: StripeAccount, survey: Survey, actor: str) -> Initiated:
        url = self._rooms.webhook_url(account)
        made = await self._add(account, url, survey)
        old = [it.id for it in survey.ours]
        await self._remember(account, url, made, actor, retiring=old)
        return Initiated(url, made, survey)

    async def remove_strays(
        self, account: StripeAccount, ids: Sequence[str], *, actor: str
    ) -> Sequence[str]:
        """Deletes those of `ids` that are strays when we look again; gives their addresses."""
        survey = await self.survey(account)
        removed = []
        for stray in survey.strays:
            if stray.id in ids:
                await self._rooms.endpoints.remove_endpoint(account, stray.id)
                removed.append(stray.url)
        if removed:
            now = self._rooms.clock.now()
            facts = {"account": account.key, "count": str(len(removed))}
            entry = AuditEntry(now, "webhook.strays_removed", actor, facts=facts)
            await self._rooms.store.run(lambda unit: unit.record(entry))
        return removed

    async def delivered(self, account: StripeAccount, secret: str) -> None:
        """Notes that an event was signed with this secret; old endpoints may go then."""
        now = self._rooms.clock.now()
        for endpoint in await self._endpoints_of(account):
            if endpoint.delivered_at is None and self._opens(endpoint) == secret:
                await self._rooms.store.run(_delivered(endpoint.id, now))

    async def tend(self) -> None:
        """Removes old endpoints whose time has come; what fails is tried again the next time."""
        endpoints = await self._rooms.store.read(lambda unit: unit.our_endpoints())
        now = self._rooms.clock.now()
        for endpoint in endpoints:
            try:
                await self._tend(endpoint, endpoints, now)
            except _FAMILIES as error:
                extra = {"account": endpoint.account.key, "error": str(error)}
                log.warning("webhook.not_removed", extra=extra)

    async def _tend(
        self, endpoint: OurEndpoint, all_of_them: Sequence[OurEndpoint], now: datetime
    ) -> None:
        over = endpoint.until is not None and endpoint.until <= now
        if endpoint.state is EndpointState.REMOVED and over:
            await self._rooms.store.run(lambda unit: _forget(unit, endpoint.id))
            self._rooms.changed()
        if endpoint.state is not EndpointState.RETIRING:
            return
        relieved = any(
            it.account == endpoint.account
            and it.state is EndpointState.ACTIVE
            and it.delivered_at is not None
            for it in all_of_them
        )
        if relieved or over:
            await self._rooms.endpoints.remove_endpoint(endpoint.account, endpoint.id)
            gone = replace(endpoint, state=EndpointState.REMOVED, until=now + OLD_SECRET_STAYS_FOR)
            await self._rooms.store.run(lambda unit: unit.save_endpoint(gone))
            log.info("webhook.retired", extra={"account": endpoint.account.key})

    async def _add(self, account: StripeAccount, url: str, survey: Survey) -> EndpointAtStripe:
        if survey.count >= MAX_ENDPOINTS:
            raise AccountRefusedError(Refusal.TOO_MANY_ENDPOINTS, str(survey.count))
        return await self._rooms.endpoints.add_endpoint(account, url, connect=_connect(account))

    async def _remember(
        self,
        account: StripeAccount,
        url: str,
        made: EndpointAtStripe,
        actor: str,
        *,
        retiring: Sequence[str],
    ) -> None:
        now = self._rooms.clock.now()
        sealed = self._rooms.sealer.seal(made.secret, endpoint_secret_place(made.id))
        nothing = {it: self._rooms.sealer.seal("", endpoint_secret_place(it)) for it in retiring}
        new = OurEndpoint(
            id=made.id,
            account=account,
            url=url,
            secret=sealed,
            state=EndpointState.ACTIVE,
            made_at=now,
            made_by=actor,
        )

        def work(unit: Unit) -> None:
            known = {it.id: it for it in unit.our_endpoints()}
            for old in retiring:
                # One that the CLI made has its secret in a file; its own place stays there.
                before = known.get(old) or replace(new, id=old, secret=nothing[old])
                until = before.until or now + OLD_STAYS_FOR
                unit.save_endpoint(replace(before, state=EndpointState.RETIRING, until=until))
            unit.save_endpoint(new)
            facts = {"account": account.key, "endpoint": made.id, "replaces": str(len(retiring))}
            unit.record(AuditEntry(now, "webhook.made", actor, facts=facts))
            unit.raise_settings_version()

        await self._rooms.store.run(work)
        self._rooms.changed()

    async def _known_ids(self, account: StripeAccount) -> set[str]:
        return {
            it.id
            for it in await self._endpoints_of(account)
            if it.state is EndpointState.ACTIVE and self._opens(it)
        }

    async def _endpoints_of(self, account: StripeAccount) -> list[OurEndpoint]:
        found = await self._rooms.store.read(lambda unit: unit.our_endpoints())
        return [it for it in found if it.account == account]

    def _opens(self, endpoint: OurEndpoint) -> str:
        try:
            return self._rooms.sealer.open(endpoint.secret, endpoint_secret_place(endpoint.id))
        except (SealedValueError, SealingKeyError):
            return ""

    def _written_secrets(self, account: StripeAccount) -> bool:
        keys = self._rooms.settings.accounts().get(account)
        return bool(keys and keys.webhook_secrets)

    def _known_accounts(self) -> list[StripeAccount]:
        settings = self._rooms.settings
        platforms = [StripeAccount(PLATFORM, livemode) for livemode in settings.platforms]
        return [*settings.accounts(), *platforms]

    def _check_key(self) -> None:
        if not self._rooms.sealer.has_key:
            raise AccountRefusedError(Refusal.NO_ENCRYPTION_KEY)


def _delivered(endpoint_id: str, now: datetime) -> Callable[[Unit], bool]:
    return lambda unit: unit.endpoint_delivered(endpoint_id, now)


def _needs_mending(endpoint: EndpointAtStripe) -> bool:
    return not (endpoint.is_enabled and endpoint.has_all_events)


def _forget(unit: Unit, endpoint_id: str) -> None:
    unit.forget_endpoint(endpoint_id)
    unit.raise_settings_version()


def _connect(account: StripeAccount) -> bool:
    return account.name == PLATFORM
