"""How each partner section's Stripe account stands: for the page, `doctor`, and the metrics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from splynx_stripe.config.accounts import SectionAccount
from splynx_stripe.config.document import DEFAULT_PARTNER
from splynx_stripe.domain.connection import (
    CURRENT_STATES,
    AccountProfile,
    Connection,
    Deliveries,
    EndpointState,
    OurEndpoint,
    platform_account,
)
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.flows.account_rooms import AccountRooms
from splynx_stripe.flows.authentication import contradiction
from splynx_stripe.flows.ports import Unit

T = TypeVar("T")

JUDGED_FOR = timedelta(hours=24)
GRACE = timedelta(minutes=10)
"""How much later than polling a webhook may be before its event counts as lost."""


@dataclass(frozen=True, slots=True)
class AccountView:
    """One partner section. `held` is None where it has no account of its own to charge with."""

    section: str
    held: SectionAccount | None
    connection: Connection | None
    profile: AccountProfile | None
    deliveries: Deliveries | None
    endpoints: Sequence[OurEndpoint]
    webhook_account: StripeAccount | None
    webhook_url: str
    has_webhook: bool
    is_unusable: bool
    authentication: str = ""
    """What is chosen for the section: `api`, `oauth`, or "" for whatever is there."""
    contradiction: str = ""
    """A sentence where that choice and what is there contradict each other."""

    @property
    def can_be_connected(self) -> bool:
        """Says whether a connection would be used: keys that are chosen win over it."""
        has_keys = self.held is not None and not self.is_connected
        if self.authentication == "oauth":
            return not self.is_connected
        return not self.is_connected and not (
            has_keys and (self.is_written or self.authentication == "api")
        )

    @property
    def account(self) -> StripeAccount | None:
        """Gives the account it charges with."""
        return self.held.account if self.held else None

    @property
    def is_written(self) -> bool:
        """Says whether its keys stand in config.yaml."""
        return self.held is not None and not self.held.origin

    @property
    def is_restricted(self) -> bool:
        """Says whether its key is a restricted one."""
        return self.held is not None and self.held.keys.secret_key.reveal().startswith("rk_")

    @property
    def is_connected(self) -> bool:
        """Says whether it charges with an account that was connected by OAuth."""
        return self.held is not None and bool(self.held.keys.stripe_account)

    @property
    def is_rotating(self) -> bool:
        """Says whether an old webhook stands beside a new one."""
        return any(it.state is EndpointState.RETIRING for it in self.endpoints)

    @property
    def lost(self) -> int:
        """Counts the events of the last day that should have come by webhook and did not."""
        return self.deliveries.lost if self.deliveries and self.has_webhook else 0


class AccountOverview:
    """Puts together what is known; nothing is asked of Stripe here."""

    def __init__(self, rooms: AccountRooms) -> None:
        self._rooms = rooms

    @property
    def modes(self) -> list[bool]:
        """Gives the modes in which accounts can be connected (True: live), live first."""
        return sorted(self._rooms.settings.platforms, reverse=True)

    async def views(self) -> Sequence[AccountView]:
        """Gives every section that has, or had, an account; the Default partner always."""
        now = self._rooms.clock.now()
        return await self._rooms.store.read(lambda unit: self._views(unit, now))

    async def view(self, section: str) -> AccountView:
        """Gives one section, also one that nothing is known of yet."""
        now = self._rooms.clock.now()
        return await self._rooms.store.read(lambda unit: self._view(unit, section, now))

    def _views(self, unit: Unit, now: datetime) -> list[AccountView]:
        settings = self._rooms.settings
        sections = {DEFAULT_PARTNER, *settings.section_accounts, *settings.unusable_accounts}
        sections |= {it.section for it in unit.connections() if it.state in CURRENT_STATES}
        in_order = sorted(sections, key=lambda it: (it != DEFAULT_PARTNER, int(_number(it))))
        return [self._view(unit, section, now) for section in in_order]

    def _view(self, unit: Unit, section: str, now: datetime) -> AccountView:
        held = self._rooms.settings.section_accounts.get(section)
        connection = _last(
            it for it in unit.connections() if it.section == section and it.state in CURRENT_STATES
        )
        account = held.account if held else None
        of_webhook = self._webhook_account(held)
        endpoints = [it for it in unit.our_endpoints() if it.account == of_webhook]
        began = [it.made_at for it in endpoints if it.state is EndpointState.ACTIVE]
        since = max([now - JUDGED_FOR, *began])
        return AccountView(
            section=section,
            held=held,
            connection=connection,
            profile=_last(it for it in unit.account_profiles() if it.account == account),
            deliveries=(
                unit.deliveries(account, since=since, until=now - GRACE) if account else None
            ),
            endpoints=endpoints,
            webhook_account=of_webhook,
            webhook_url=self._rooms.webhook_url(of_webhook) if of_webhook else "",
            has_webhook=self._has_webhook(held),
            is_unusable=section in self._rooms.settings.unusable_accounts,
            authentication=self._rooms.settings.authentication_of(section),
            contradiction=contradiction(self._rooms.settings, section),
        )

    def _webhook_account(self, held: SectionAccount | None) -> StripeAccount | None:
        """Gives whose endpoint brings the events: our platform's for connected accounts."""
        if held is None or not held.keys.stripe_account:
            return held.account if held else None
        return platform_account(livemode=held.account.livemode)

    def _has_webhook(self, held: SectionAccount | None) -> bool:
        if held is None:
            return False
        if held.keys.stripe_account:
            platform = self._rooms.settings.platforms.get(held.account.livemode)
            return bool(platform and platform.webhook_secrets)
        return bool(held.keys.webhook_secrets)


def _last(found: Iterable[T]) -> T | None:
    return next(iter(reversed(list(found))), None)


def _number(section: str) -> str:
    return section if section.isdecimal() else "0"
