"""Asks Stripe how each account stands: on a schedule, on demand, and when a call was refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.case import Case, CaseKind
from splynx_stripe.domain.connection import AccountProfile, AccountStatus
from splynx_stripe.domain.errors import (
    NotPermittedError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
)
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.flows.account_rooms import AccountRooms
from splynx_stripe.flows.connections import Connections
from splynx_stripe.flows.ports import Unit

TAKEN_BACK = "account_invalid"
"""Stripe's code when our platform may not act for an account any more."""

_RESTRICTED = "rk_"
_SAME_ACCOUNT = (
    "This is the same Stripe account as that of {other}. Keep it in one place: what the Default"
    " partner has is shared by all partners without an account of their own."
)
_NOT_NOW = (RetryableError, OutcomeUnknownError)


class AccountWatch:
    """Keeps what we know of each account fresh."""

    def __init__(self, rooms: AccountRooms, connections: Connections) -> None:
        self._rooms = rooms
        self._connections = connections

    async def check_all(self) -> None:
        """Checks every account; one that fails does not stop the others."""
        for account in self._rooms.settings.accounts():
            await self.check(account)

    async def check(self, account: StripeAccount) -> AccountProfile:
        """Asks Stripe, writes down what it says, and does what follows from it.

        A connection that Stripe has ended is ended here too. Keys that have become those of
        another account are not used any more, and the office gets a case. That Stripe cannot be
        reached changes nothing but the sentence in `trouble`.
        """
        before = await self._rooms.store.read(lambda unit: _profile(unit, account))
        now = self._rooms.clock.now()
        try:
            status = await self._rooms.stripe.account_status(account)
            missing = await self._missing(account)
        except NotPermittedError as error:
            if error.code == TAKEN_BACK:
                await self._connections.ended(account, "Stripe says that access was revoked")
            known = replace(before or _unknown(account, now), charges_enabled=False)
            profile = replace(known, trouble=str(error), checked_at=now)
        except (*_NOT_NOW, RejectedError) as error:
            profile = replace(before or _unknown(account, now), trouble=str(error), checked_at=now)
        else:
            profile = _answered(account, status, missing, before, now)
            double = await self._double_of(profile)
            if double is not None:
                profile = replace(profile, trouble=_SAME_ACCOUNT.format(other=double.key))
        await self._rooms.store.run(lambda unit: self._remember(unit, profile, before))
        if profile.is_another and not (before and before.is_another):
            self._rooms.changed()
        return profile

    async def accept(self, account: StripeAccount, *, actor: str) -> bool:
        """Takes another account for the same keys. Says whether there was one to take."""

        def work(unit: Unit) -> bool:
            profile = _profile(unit, account)
            if profile is None or not profile.is_another:
                return False
            now = self._rooms.clock.now()
            unit.repin_account(account, profile.stripe_account_id)
            note = f"{actor} took {profile.stripe_account_id} for {profile.pinned_id}."
            unit.close_case(CaseKind.ACCOUNT_CHANGED, account.key, now=now, note=note)
            facts = {"account": account.key, "stripe_account": profile.stripe_account_id}
            unit.record(AuditEntry(now, "account.accepted", actor, facts=facts))
            unit.raise_settings_version()
            return True

        accepted = await self._rooms.store.run(work)
        if accepted:
            self._rooms.changed()
        return accepted

    async def _double_of(self, profile: AccountProfile) -> StripeAccount | None:
        """Finds another name of the same account: each payment would be looked after twice (I8)."""
        known = await self._rooms.store.read(lambda unit: unit.account_profiles())
        in_force = self._rooms.settings.accounts()
        for other in known:
            is_it = other.stripe_account_id == profile.stripe_account_id
            is_mode = other.account.livemode == profile.account.livemode
            if is_it and is_mode and other.account != profile.account and other.account in in_force:
                return other.account
        return None

    async def _missing(self, account: StripeAccount) -> Sequence[str]:
        """Only restricted keys can lack anything; asking costs eleven calls."""
        keys = self._rooms.settings.accounts().get(account)
        if keys is None or not keys.secret_key.reveal().startswith(_RESTRICTED):
            return ()
        return await self._rooms.stripe.missing_permissions(account)

    def _remember(self, unit: Unit, profile: AccountProfile, before: AccountProfile | None) -> None:
        unit.save_account_profile(profile)
        if not profile.is_another or (before is not None and before.is_another):
            return
        unit.open_case(
            Case(
                kind=CaseKind.ACCOUNT_CHANGED,
                subject=profile.account.key,
                opened_at=profile.checked_at,
                summary=f"The secret key of {profile.account.key} was that of the Stripe account"
                f" {profile.pinned_id} and is now that of {profile.stripe_account_id}. Nobody is"
                " charged with it, so that the two are not mixed. Put the old key back, or run"
                f" `splynx-stripe accounts accept {profile.account.name}` to take the new one.",
            )
        )
        unit.raise_settings_version()


def _profile(unit: Unit, account: StripeAccount) -> AccountProfile | None:
    return next((it for it in unit.account_profiles() if it.account == account), None)


def _unknown(account: StripeAccount, now: datetime) -> AccountProfile:
    return AccountProfile(account, "", "", "", "", "", False, (), "", now)


def _answered(
    account: StripeAccount,
    status: AccountStatus,
    missing: Sequence[str],
    before: AccountProfile | None,
    now: datetime,
) -> AccountProfile:
    trouble = ""
    if not status.charges_enabled:
        trouble = (
            "Stripe does not let this account take payments. Finish its activation in the Stripe"
            " dashboard."
        )
    return AccountProfile(
        account=account,
        pinned_id=(before.pinned_id if before else "") or status.id,
        stripe_account_id=status.id,
        name=status.name,
        country=status.country,
        currency=status.default_currency,
        charges_enabled=status.charges_enabled,
        missing=tuple(missing),
        trouble=trouble,
        checked_at=now,
    )
